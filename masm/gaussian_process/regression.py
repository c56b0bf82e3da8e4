"""Exact Gaussian-process regression in float64 for surrogates of slow models.

Matern-5/2 kernel with one length scale per parameter, fitted noise above a
floor, and a constant, linear or quadratic mean whose coefficients have broad
Gaussian priors and are integrated out. Hyper-parameters maximise the marginal
likelihood times weak priors (Rasmussen and Williams 2006, chapters 2 and 5).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy
from numpy.typing import ArrayLike
from scipy import linalg

from masm.errors import InputError, SurrogateNotFitted
from masm.gaussian_process.conditional import ConditionalGP, checked
from masm.gaussian_process.kernels import KERNELS, KernelName
from masm.gaussian_process.linear_algebra import cholesky
from masm.gaussian_process.marginal_likelihood import (
    Hyperparameters,
    Objective,
    bounds,
    starts,
)
from masm.gaussian_process.mean_function import MEAN_NAMES, MeanName, Trend
from masm.types import Array

__all__ = [
    "GaussianProcess",
    "Hyperparameters",
    "KernelName",
    "MeanName",
    "SurrogateNotFitted",
]


# A step that raises the log evidence by less than this fraction of it is the last.
# Optimising to full convergence overfits a dozen length scales to a hundred points:
# posteriors of the process model were farther from the truth (`benchmarks.ablation`).
TOLERANCE = 1e-5


class GaussianProcess(ConditionalGP):
    """Gaussian-process regression of a scalar output on points of the unit cube.

    Parameters
    ----------
    mean : "constant", "linear" or "quadratic"
        Trend under the process. Its coefficients are integrated out, so their
        uncertainty is part of the predicted variance.
    kernel : "matern52" or "gaussian"
        Matern-5/2, twice differentiable, or the squared exponential for outputs
        known to be very smooth.
    noise_floor : float
        Least noise variance, as a fraction of the variance of the output.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.random((30, 2))
    >>> gp = GaussianProcess(mean="linear").fit(x, np.sin(3 * x[:, 0]), rng=rng)
    >>> mean, variance = gp.predict([[0.5, 0.5]])
    >>> bool(abs(mean[0] - np.sin(1.5)) < 0.02)
    True

    References
    ----------
    Rasmussen, C. E. and Williams, C. K. I. (2006). Gaussian Processes for
    Machine Learning, sections 2.7 (mean functions), 4.2.1, 5.4.1 and 5.4.2.
    """

    tolerance = TOLERANCE

    # -- training -------------------------------------------------------------

    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        rng: np.random.Generator,
        extra_variance: ArrayLike | None = None,
        n_starts: int = 3,
        max_iterations: int = 200,
        tolerance: float = TOLERANCE,
    ) -> GaussianProcess:
        """Fit hyper-parameters from several starts, keeping the best.

        Parameters
        ----------
        x : (n_samples, n_parameters), in the unit cube
        y : (n_samples,)
        rng : draws the starts after the first
        extra_variance : (n_samples,), optional
            Known variance of each output beyond the fitted noise, in units of
            y squared.
        n_starts, max_iterations : of L-BFGS-B
        tolerance : relative gain of the log evidence below which a step is the last,
            here and in later refits
        """
        self.tolerance = tolerance
        self._set_data(x, y, extra_variance)
        d, curved = self.x.shape[1], self.trend.curved
        return self._optimise(starts(d, curved, n_starts, rng), max_iterations)

    def refit(
        self,
        *,
        x: ArrayLike | None = None,
        y: ArrayLike | None = None,
        extra_variance: ArrayLike | None = None,
        start: Array | None = None,
        max_iterations: int = 50,
    ) -> GaussianProcess:
        """Fit again from the present hyper-parameters, on new data if given.

        ``start`` holds other logarithms of hyper-parameters to begin from.
        """
        self._require_fitted()
        start = self._log_parameters if start is None else start
        if x is not None and y is not None:
            old_scale, d = self.y_scale, self.x.shape[1]
            self._set_data(x, y, extra_variance)
            ratio = 2.0 * np.log(old_scale / self.y_scale)
            start = start.copy()
            start[d : d + 2] += ratio
        else:
            self._set_data(self.x, self.y, self.extra_variance)
        return self._optimise([start], max_iterations)

    def set_data(
        self, x: ArrayLike, y: ArrayLike, *, extra_variance: ArrayLike | None = None
    ) -> GaussianProcess:
        """Condition on other data with the present hyper-parameters unchanged."""
        self._require_fitted()
        parameters, old_scale = self._log_parameters.copy(), self.y_scale
        self._set_data(x, y, extra_variance)
        d = self.x.shape[1]
        parameters[d : d + 2] += 2.0 * np.log(old_scale / self.y_scale)
        self._condition(parameters)
        return self

    def append(
        self, x: ArrayLike, y: ArrayLike, *, extra_variance: ArrayLike | None = None
    ) -> GaussianProcess:
        """Add k points with hyper-parameters held, in O(n^2 k).

        The Cholesky factor grows by k rows; mean, scale and hyper-parameters stay
        those of the last fit. Parameters are as in `fit`.
        """
        self._require_fitted()
        x_new, y_new, extra_new = checked(x, y, extra_variance)
        if x_new.shape[1] != self.x.shape[1]:
            raise InputError(
                f"Gaussian process: append has {x_new.shape[1]} parameters",
                wanted=f"{self.x.shape[1]}, as in the fit",
            )
        if len(x_new) == 0:
            return self
        cross = self._covariance(x_new, self.x)
        block = self._covariance(x_new, x_new)
        block[np.diag_indices_from(block)] += self._diagonal(extra_new) + self._jitter
        lower = linalg.solve_triangular(
            self._factor, cross.T, lower=True, check_finite=False
        ).T
        corner, _ = cholesky(block - lower @ lower.T)
        n, k = len(self.x), len(x_new)
        factor = np.zeros((n + k, n + k))
        factor[:n, :n] = self._factor
        factor[n:, :n] = lower
        factor[n:, n:] = corner
        self._factor = factor
        self.x = np.vstack([self.x, x_new])
        self.y = np.concatenate([self.y, y_new])
        self.extra_variance = np.concatenate([self.extra_variance, extra_new])
        self._solve()
        return self

    # -- hyper-parameters and storage ----------------------------------------

    def to_arrays(self) -> dict[str, Array]:
        """Everything needed to rebuild this surrogate, as plain arrays."""
        self._require_fitted()
        return {
            "x": self.x,
            "y": self.y,
            "extra_variance": self.extra_variance,
            "log_parameters": self._log_parameters,
            "scaling": np.array([self.y_mean, self.y_scale, self.noise_floor]),
            "center": self.trend.center,
            "spread": self.trend.spread,
            "mean": np.array(float(MEAN_NAMES.index(self.mean_name))),
            "kernel": np.array(float(list(KERNELS).index(self.kernel_name))),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, ArrayLike]) -> GaussianProcess:
        """Rebuild what `to_arrays` gave."""
        a = {name: np.asarray(value, dtype=float) for name, value in arrays.items()}
        kernels: tuple[KernelName, ...] = ("matern52", "gaussian")
        gp = cls(
            mean=MEAN_NAMES[int(a["mean"])],
            kernel=kernels[int(a["kernel"])],
            noise_floor=float(a["scaling"][2]),
        )
        gp._set_data(a["x"], a["y"], a["extra_variance"])
        gp.y_mean, gp.y_scale = float(a["scaling"][0]), float(a["scaling"][1])
        gp.trend = Trend(gp.mean_name, a["center"], a["spread"])
        gp._condition(a["log_parameters"])
        return gp

    @property
    def log_parameters(self) -> Array:
        """Logarithms of the hyper-parameters, as `objective` takes them."""
        self._require_fitted()
        return self._log_parameters

    def bounds(self) -> list[tuple[float, float]]:
        """Bounds of those logarithms."""
        return bounds(self.x.shape[1], self.trend.curved, self.noise_floor)

    def objective(self, x: Array | None = None) -> Objective:
        """Negative log posterior of the hyper-parameters for the present outputs.

        ``x`` (n_samples, n_parameters) puts the same outputs at other inputs.
        """
        return Objective(
            self.x if x is None else x,
            self._scaled_y(),
            self.extra_variance / self.y_scale**2,
            self.trend,
            self.kernel_name,
        )

    def _optimise(self, from_: list[Array], max_iterations: int) -> GaussianProcess:
        box = self.bounds()
        low, high = np.array(box).T
        best, best_value = None, np.inf
        for start in from_:
            found = scipy.optimize.minimize(
                self.objective(),
                np.clip(start, low, high),
                jac=True,
                method="L-BFGS-B",
                bounds=box,
                options={
                    "maxiter": max_iterations,
                    "ftol": self.tolerance,
                    "gtol": 1e-4,
                },
            )
            if np.isfinite(found.fun) and found.fun < best_value:
                best, best_value = found.x, float(found.fun)
        if best is None:
            raise SurrogateNotFitted(
                f"Gaussian process: no hyper-parameters fit {len(self.y)} outputs "
                f"between {self.y.min():g} and {self.y.max():g}"
            )
        self.log_posterior = -best_value
        self._condition(best)
        return self
