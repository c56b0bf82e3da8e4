"""A Gaussian process conditioned on data, at hyper-parameters that are known.

Everything here follows from the Cholesky factor of the covariance of the data: means,
variances, functions drawn, and each datum predicted from the others (Rasmussen and
Williams 2006, chapter 2). `masm.gaussian_process.regression` finds the
hyper-parameters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from masm.errors import InputError, SurrogateNotFitted
from masm.gaussian_process.kernels import KERNELS, KernelName, squared_distance
from masm.gaussian_process.linear_algebra import cholesky, inverse
from masm.gaussian_process.marginal_likelihood import LARGEST_NOISE, Hyperparameters
from masm.gaussian_process.mean_function import MEAN_NAMES, MeanName, Trend
from masm.types import Array

LARGEST_OUTPUT = 1e100  # squares and their sums are taken


class ConditionalGP:
    """The use of a Gaussian process.

    Parameters are those of `masm.gaussian_process.regression.GaussianProcess`.
    """

    def __init__(
        self,
        *,
        mean: MeanName = "linear",
        kernel: KernelName = "matern52",
        noise_floor: float = 1e-7,
    ):
        if mean not in MEAN_NAMES:
            raise InputError(
                f"Gaussian process: unknown mean {mean!r}",
                wanted=f"one of {', '.join(MEAN_NAMES)}",
            )
        if kernel not in KERNELS:
            raise InputError(
                f"Gaussian process: unknown kernel {kernel!r}",
                wanted=f"one of {', '.join(KERNELS)}",
            )
        if not 0.0 < noise_floor < LARGEST_NOISE:
            raise InputError(
                f"Gaussian process: noise_floor is {noise_floor!r}",
                wanted="a fraction of the output's variance between 0 and 1",
            )
        self.mean_name = mean
        self.kernel_name = kernel
        self.noise_floor = noise_floor
        self.x: Array = np.empty((0, 0))
        self.y: Array = np.empty(0)
        self.extra_variance: Array = np.empty(0)
        self._factor: Array = np.empty((0, 0))
        self._jitter = 0.0

    # -- use ------------------------------------------------------------------

    def predict(self, x: ArrayLike) -> tuple[Array, Array]:
        """Mean and variance of the noise-free output.

        Parameters
        ----------
        x : (n_points, n_parameters)

        Returns
        -------
        mean, variance : (n_points,), in units of y and y squared
        """
        self._require_fitted()
        points = np.atleast_2d(np.asarray(x, dtype=float))
        cross = self._covariance(points, self.x)
        basis = self.trend.basis(points)
        mean = cross @ self.alpha
        half = linalg.solve_triangular(
            self._factor, cross.T, lower=True, check_finite=False
        )
        prior = self.hyper.signal_variance + (basis**2) @ self._coefficient_variance
        variance = prior - np.einsum("ij,ij->j", half, half)
        # Rounding may leave a point of the training set slightly below zero.
        variance = np.maximum(variance, 1e-14 * prior)
        return self.y_mean + self.y_scale * mean, self.y_scale**2 * variance

    def predict_mean(self, x: ArrayLike) -> Array:
        """Mean alone, O(n) for each point: what a chain needs."""
        self._require_fitted()
        points = np.atleast_2d(np.asarray(x, dtype=float))
        mean = self._signal(points, self.x) @ self.alpha
        mean += self.trend.basis(points) @ self.coefficients
        return self.y_mean + self.y_scale * mean

    def predict_covariance(self, x: ArrayLike) -> tuple[Array, Array]:
        """Mean (n_points,) and joint covariance (n_points, n_points)."""
        self._require_fitted()
        points = np.atleast_2d(np.asarray(x, dtype=float))
        cross = self._covariance(points, self.x)
        half = linalg.solve_triangular(
            self._factor, cross.T, lower=True, check_finite=False
        )
        covariance = self._covariance(points, points) - half.T @ half
        mean = self.y_mean + self.y_scale * (cross @ self.alpha)
        return mean, self.y_scale**2 * covariance

    def sample(self, x: ArrayLike, n_draws: int, rng: np.random.Generator) -> Array:
        """Functions drawn from the posterior process at x, (n_draws, n_points)."""
        mean, covariance = self.predict_covariance(x)
        size = float(np.mean(np.diag(covariance)))
        # Close points make it singular to rounding; eigenvalues do not mind.
        value, vector = linalg.eigh(
            covariance + 1e-12 * size * np.eye(len(mean)), check_finite=False
        )
        root = vector * np.sqrt(np.maximum(value, 0.0))
        return mean + rng.standard_normal((n_draws, len(mean))) @ root.T

    def leave_one_out(self) -> tuple[Array, Array]:
        """Mean and variance of each training output predicted from the others.

        Closed form with hyper-parameters held (Rasmussen and Williams 2006,
        eqs. 5.10-5.12). The variance includes the noise of the left-out output.
        """
        self._require_fitted()
        diagonal = np.diag(inverse(self._factor))
        mean = self._scaled_y() - self.alpha / diagonal
        return self.y_mean + self.y_scale * mean, self.y_scale**2 / diagonal

    @property
    def length_scales(self) -> Array:
        """Length scale of each parameter, (n_parameters,)."""
        self._require_fitted()
        return self.hyper.length_scales

    @property
    def noise_sd(self) -> float:
        """Standard deviation of the fitted noise, in units of y."""
        self._require_fitted()
        return float(self.y_scale * np.sqrt(self.hyper.noise_variance))

    # -- inside ---------------------------------------------------------------

    def _require_fitted(self) -> None:
        if not hasattr(self, "alpha"):
            raise SurrogateNotFitted("Gaussian process: not fitted yet; call fit first")

    def _set_data(
        self, x: ArrayLike, y: ArrayLike, extra_variance: ArrayLike | None
    ) -> None:
        self.x, self.y, self.extra_variance = checked(x, y, extra_variance)
        n, d = self.x.shape
        if n < 2:
            raise InputError(
                f"Gaussian process: {n} points",
                wanted=f"at least 2 (better 5 x {d})",
            )
        # Points with a large variance of their own must not set the scale.
        weight = 1.0 / (self.extra_variance + np.var(self.y) + 1e-300)
        weight /= weight.sum()
        self.y_mean = float(weight @ self.y)
        spread = float(np.sqrt(weight @ (self.y - self.y_mean) ** 2))
        # A constant output (a parameter that does nothing) keeps a unit scale.
        self.y_scale = spread if spread > 1e-12 * (1.0 + abs(self.y_mean)) else 1.0
        self.trend = Trend.of(self.mean_name, self.x)

    def _condition(self, log_parameters: Array) -> None:
        """Factor the covariance at these hyper-parameters and solve."""
        self._log_parameters = np.asarray(log_parameters, dtype=float)
        self.hyper = Hyperparameters.from_logs(
            self._log_parameters, self.x.shape[1], self.trend.curved
        )
        self._coefficient_variance = self.trend.prior_variance(
            self.hyper.curvature_variance
        )
        covariance = self._covariance(self.x, self.x)
        covariance[np.diag_indices_from(covariance)] += self._diagonal(
            self.extra_variance
        )
        self._factor, self._jitter = cholesky(covariance)
        self._solve()

    def _solve(self) -> None:
        self.alpha: Array = linalg.cho_solve(
            (self._factor, True), self._scaled_y(), check_finite=False
        )
        self.coefficients: Array = self._coefficient_variance * (
            self.trend.basis(self.x).T @ self.alpha
        )

    def _scaled_y(self) -> Array:
        return (self.y - self.y_mean) / self.y_scale

    def _diagonal(self, extra_variance: Array) -> Array:
        return self.hyper.noise_variance + extra_variance / self.y_scale**2

    def _signal(self, a: Array, b: Array) -> Array:
        squared = squared_distance(a, b, self.hyper.length_scales)
        value = KERNELS[self.kernel_name](squared)
        value *= self.hyper.signal_variance
        return value

    def _covariance(self, a: Array, b: Array) -> Array:
        basis_a = self.trend.basis(a)
        basis_b = basis_a if a is b else self.trend.basis(b)
        trend = (basis_a * self._coefficient_variance) @ basis_b.T
        return self._signal(a, b) + trend


def checked(
    x: ArrayLike, y: ArrayLike, extra_variance: ArrayLike | None
) -> tuple[Array, Array, Array]:
    """Points (n, d), outputs (n,) and their own variances (n,), all finite."""
    x_array = np.array(x, dtype=float, ndmin=2)
    y_array = np.array(y, dtype=float).ravel()
    if x_array.ndim != 2 or len(x_array) != len(y_array):
        raise InputError(
            f"Gaussian process: x has shape {x_array.shape}, y {y_array.shape}",
            wanted="x (n_samples, n_parameters) and y (n_samples,)",
        )
    extra = np.zeros(len(y_array))
    if extra_variance is not None:
        extra = np.broadcast_to(
            np.asarray(extra_variance, dtype=float), y_array.shape
        ).copy()
    bad = ~(np.isfinite(x_array).all(axis=1) & (np.abs(y_array) < LARGEST_OUTPUT))
    bad |= ~(np.isfinite(extra) & (extra >= 0.0))
    if bad.any():
        raise InputError(
            f"Gaussian process: {bad.sum()} of {len(bad)} samples are not finite, "
            f"or too large to square, first at row {int(np.argmax(bad))}",
            wanted="finite x and y, and extra variance of 0 or more",
            hint="leave failed runs out before fitting",
        )
    return x_array, y_array, extra
