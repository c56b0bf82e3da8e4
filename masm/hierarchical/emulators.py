"""Emulators of one site: of its log-likelihood, or of the series that it predicts.

Both are a quadratic surface with a Gaussian process on what it leaves over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import linalg

from masm.errors import InputError

Array = NDArray[np.float64]

# Depth below the largest log-likelihood, for each parameter, from which on the
# emulator sees its logarithm.
_NEAR = 15.0
_RIDGE = 1e-6
# How far an emulated log-likelihood reaches beyond the runs, in their range.
_MARGIN = 0.1
_JITTER = 1e-8
# Fraction of the variance of the series that its components have to keep.
_KEPT = 0.9999
_MOST_COMPONENTS = 12
_LENGTHS = (np.log(0.05), np.log(50.0))


class SeriesLikelihood(Protocol):
    """Log-likelihood of predicted series, with an emulator's variance or without."""

    def __call__(
        self, predicted: Array, emulator_variance: Array | None = None
    ) -> Array:
        """Predictions, (n_samples, n_obs), to (n_samples,)."""


class _Surface:
    """Quadratic least squares with a ridge, and a Gaussian process on the rest."""

    def __init__(self, x: Array, y: Array, weight: Array | None = None) -> None:
        self.centre, self.scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-12)
        z = self._scaled(x)
        features = _features(z)
        w = np.ones(len(y)) if weight is None else weight
        few = features.shape[1] > len(y) // 2
        self.n_features = 1 + x.shape[1] if few else features.shape[1]
        f = features[:, : self.n_features] * w[:, None]
        ridge = _RIDGE * np.trace(f.T @ f) / self.n_features * np.eye(self.n_features)
        self.slopes = np.linalg.solve(f.T @ f + ridge, f.T @ (y * w))
        rest = y - features[:, : self.n_features] @ self.slopes
        self.size = float(np.sqrt(np.average(rest**2, weights=w**2)))
        self.process = None
        if self.size > 1e-9 * max(1.0, float(np.abs(y).max())):
            self.process = _Process(z, rest / self.size)

    def _scaled(self, x: Array) -> Array:
        return (x - self.centre) / self.scale

    def __call__(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance, (n_points,)."""
        z = self._scaled(x)
        mean = _features(z)[:, : self.n_features] @ self.slopes
        if self.process is None:
            return mean, np.zeros(len(x))
        extra, variance = self.process(z)
        return mean + self.size * extra, self.size**2 * variance


def _features(z: Array) -> Array:
    """One, linear and quadratic terms."""
    rows, columns = np.triu_indices(z.shape[1])
    return np.column_stack([np.ones(len(z)), z, z[:, rows] * z[:, columns]])


class _Process:
    """Gaussian process, squared exponential, with a length for each parameter."""

    def __init__(self, z: Array, y: Array) -> None:
        self.z, self.y = z, y
        p = z.shape[1]
        start = np.concatenate([np.full(p, np.log(2.0)), [0.0, np.log(1e-2)]])
        bounds = [_LENGTHS] * p + [(-4.0, 4.0), (np.log(1e-6), np.log(1.0))]
        found = scipy.optimize.minimize(
            self._cost, start, jac=True, bounds=bounds, method="L-BFGS-B",
            options={"maxiter": 60},
        )  # fmt: skip
        self.lengths, self.amplitude = np.exp(found.x[:p]), float(np.exp(found.x[p]))
        kernel = self._kernel(z, self.lengths, self.amplitude)
        noise = float(np.exp(found.x[p + 1])) + _JITTER
        root = linalg.cholesky(kernel + noise * np.eye(len(z)), lower=True)
        self.weights = linalg.cho_solve((root, True), y)
        # Points come a few at a time, often: a product is faster than a solution.
        self.inverse_root = linalg.solve_triangular(root, np.eye(len(z)), lower=True)

    def _kernel(self, other: Array, lengths: Array, amplitude: float) -> Array:
        a, b = other / lengths, self.z / lengths
        square = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2.0 * a @ b.T
        return np.asarray(amplitude * np.exp(-0.5 * np.maximum(square, 0.0)))

    def _cost(self, place: Array) -> tuple[float, Array]:
        """Minus the log marginal likelihood, and its gradient."""
        p, n = self.z.shape[1], len(self.z)
        lengths, amplitude = np.exp(place[:p]), float(np.exp(place[p]))
        noise = float(np.exp(place[p + 1]))
        kernel = self._kernel(self.z, lengths, amplitude)
        try:
            root = linalg.cholesky(kernel + (noise + _JITTER) * np.eye(n), lower=True)
        except linalg.LinAlgError:
            return 1e12, np.zeros_like(place)
        inverse = linalg.cho_solve((root, True), np.eye(n))
        weights = inverse @ self.y
        cost = 0.5 * self.y @ weights + np.log(np.diag(root)).sum()
        inner = inverse - np.outer(weights, weights)
        product = inner * kernel
        gradient = np.empty_like(place)
        for j in range(p):
            off = (self.z[:, j][:, None] - self.z[:, j][None, :]) / lengths[j]
            gradient[j] = 0.5 * np.sum(product * off**2)
        gradient[p] = 0.5 * product.sum()
        gradient[p + 1] = 0.5 * noise * np.trace(inner)
        return float(cost), gradient

    def __call__(self, z: Array) -> tuple[Array, Array]:
        cross = self._kernel(z, self.lengths, self.amplitude)
        white = cross @ self.inverse_root.T
        variance = np.maximum(self.amplitude - np.sum(white**2, axis=1), 0.0)
        return cross @ self.weights, variance


class LogLikelihoodEmulator:
    """Emulates the log-likelihood itself (the source's way).

    Parameters
    ----------
    theta : (n_runs, p)
    log_likelihood : (n_runs,)
        What is not finite is left out.

    Raises
    ------
    InputError
        Fewer than p + 2 runs that can be used.
    """

    def __init__(self, theta: Array, log_likelihood: Array) -> None:
        good = np.isfinite(log_likelihood)
        x, y = theta[good], log_likelihood[good]
        _refuse_few(len(y), theta.shape[1])
        # Depths below the top are drawn together, or the far ones would rule the fit.
        # The slope towards the top stays, which chains that start far away need.
        self.top, self.bend = float(y.max()), _NEAR * x.shape[1]
        depth = self.top - y
        weight = np.where(depth <= self.bend, 1.0, 0.1)
        margin = _MARGIN * np.ptp(x, axis=0)
        self.low, self.high = x.min(axis=0) - margin, x.max(axis=0) + margin
        drawn = self.bend * np.log1p(depth / self.bend)
        self._surface = _Surface(x, drawn, weight)

    def __call__(self, theta: Array) -> Array:
        """Emulated log-likelihood, (n_points,).

        Minus infinity outside the box of the runs: a surface that rises out there
        would draw the chains away.
        """
        inside = np.all((theta >= self.low) & (theta <= self.high), axis=1)
        depth = self.bend * np.expm1(self._surface(theta)[0] / self.bend)
        return np.where(inside, self.top - depth, -np.inf)


class SeriesEmulator:
    """Emulates the predicted series by principal components.

    Parameters
    ----------
    theta : (n_runs, p)
    series : (n_runs, n_obs)
        Rows with NaN are failed runs and left out.
    likelihood : callable
        Predictions and their variances to log-likelihoods; the variance of the
        emulator widens the errors.

    Raises
    ------
    InputError
        Fewer than p + 2 runs that can be used.
    """

    def __init__(
        self, theta: Array, series: Array, likelihood: SeriesLikelihood
    ) -> None:
        good = np.isfinite(series).all(axis=1)
        x, y = theta[good], series[good]
        _refuse_few(len(y), theta.shape[1])
        self.likelihood, self.mean = likelihood, y.mean(axis=0)
        u, s, vt = np.linalg.svd(y - self.mean, full_matrices=False)
        kept = np.cumsum(s**2) / max(float(np.sum(s**2)), 1e-300)
        n = min(int(np.searchsorted(kept, _KEPT)) + 1, _MOST_COMPONENTS, len(s))
        self.patterns = vt[:n]
        self.left_over = np.sum((u[:, n:] * s[n:] @ vt[n:]) ** 2, axis=0) / len(y)
        self.surfaces = [_Surface(x, u[:, k] * s[k]) for k in range(n)]

    def predict(self, theta: Array) -> tuple[Array, Array]:
        """Mean and variance of the series, (n_points, n_obs) each."""
        parts = [surface(theta) for surface in self.surfaces]
        scores = np.column_stack([part[0] for part in parts])
        variances = np.column_stack([part[1] for part in parts])
        mean = self.mean + scores @ self.patterns
        return mean, variances @ self.patterns**2 + self.left_over

    def __call__(self, theta: Array) -> Array:
        """Emulated log-likelihood, (n_points,)."""
        mean, variance = self.predict(theta)
        return self.likelihood(mean, variance)


def _refuse_few(n: int, p: int) -> None:
    if n < p + 2:
        raise InputError(
            "too few runs that can be used for an emulator",
            found=f"{n} runs of {p} parameters",
            wanted=f"{p + 2} or more",
        )


def emulator_of(
    mode: str, theta: Array, series: Array, likelihood: Callable[..., Any]
) -> Callable[[Array], Array]:
    """The emulator that a mode of `calibrate_sites` uses."""
    if mode == "faithful":
        return LogLikelihoodEmulator(theta, finite_likelihood(likelihood, series))
    return SeriesEmulator(theta, series, likelihood)


def finite_likelihood(likelihood: Callable[..., Any], series: Array) -> Array:
    """Log-likelihoods of runs; NaN for failed ones."""
    out = np.full(len(series), np.nan)
    good = np.isfinite(series).all(axis=1)
    if good.any():
        out[good] = likelihood(series[good])
    return out
