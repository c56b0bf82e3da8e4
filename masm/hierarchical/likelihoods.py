"""Errors of half-hourly fluxes: Gaussian, Student-t and Laplace, and how many count.

Each gives the log-likelihood of series that a model or an emulator of it predicts.
Correlated residuals are worth fewer values: the log-likelihood is multiplied by
``n_eff / n``.

References
----------
Dokoohaki et al. (2021), gmd-2021-236, section 2.3. Hollinger and Richardson (2005),
Tree Physiology 25, 873-885 (Laplace errors that grow with the flux).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from masm.errors import InputError

Array = NDArray[np.float64]

#: The factor n_eff / n (default), and the source's wider scale.
CORRECTIONS = ("factor", "wider_scale")
RULES = ("residuals", "latent")

_LEAST_PAIRS = 3


def lag_one_correlation(series: ArrayLike) -> float:
    """Correlation of a series with itself one step later.

    Parameters
    ----------
    series : (n,)
        NaN where there is none; only pairs of neighbours that are both there count.

    Returns
    -------
    float
        NaN for fewer than three pairs or a series that never changes.

    Raises
    ------
    InputError
        Not one dimension, or infinite values.

    Examples
    --------
    >>> lag_one_correlation([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    -1.0
    """
    x = np.asarray(series, float)
    if x.ndim != 1 or np.isinf(x).any():
        raise InputError(
            "series", found=f"shape {x.shape}", wanted="(n,), not infinite"
        )
    if not np.isfinite(x).any():
        return float("nan")
    x = x - np.nanmean(x)
    both = np.isfinite(x[:-1]) & np.isfinite(x[1:])
    first, second = x[:-1][both], x[1:][both]
    scale = float(np.sqrt(np.sum(first**2) * np.sum(second**2)))
    if both.sum() < _LEAST_PAIRS or scale == 0.0:
        return float("nan")
    return float(np.sum(first * second)) / scale


def effective_size(
    observed: ArrayLike, fitted: ArrayLike, *, rule: str = "residuals"
) -> float:
    """How many independent values an observed series is worth.

    ``n (1 - rho) / (1 + rho)``, n the values that are not NaN. A negative rho counts
    as zero.

    Parameters
    ----------
    observed, fitted : (n,)
        Fitted by a good parameter vector; keep the result fixed while sampling.
    rule : {"residuals", "latent"}
        Of which series rho is: the residuals, or (the source) the fitted flux.

    Returns
    -------
    float

    Raises
    ------
    InputError
        Shapes that differ, or too few values for a correlation.

    Examples
    --------
    >>> effective_size([1.0, -1.0, 1.0, -1.0, 1.0], [0.0] * 5)
    5.0
    """
    y, x = np.asarray(observed, float), np.asarray(fitted, float)
    if y.shape != x.shape or y.ndim != 1:
        raise InputError("fitted", found=f"shape {x.shape}", wanted=y.shape)
    if rule not in RULES:
        raise InputError("rule", found=repr(rule), wanted=" or ".join(RULES))
    seen = np.isfinite(y) & np.isfinite(x)
    series = np.where(seen, y - x if rule == "residuals" else x, np.nan)
    rho = lag_one_correlation(series)
    if np.isnan(rho):
        raise InputError(
            "the correlation of the series is not known",
            found=f"{int(seen.sum())} value(s)",
            wanted="neighbouring values that differ, three pairs or more",
        )
    rho = min(max(rho, 0.0), 1.0)
    return float(seen.sum() * (1.0 - rho) / (1.0 + rho))


@dataclass(frozen=True)
class _Errors:
    """What all three have in common.

    Attributes
    ----------
    observed : (n_obs,)
        NaN where nothing was observed.
    n_effective : float, optional
        Effective number of values; all count if not given.
    """

    observed: Array
    n_effective: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        y = np.asarray(self.observed, float)
        if y.ndim != 1 or np.isinf(y).any() or not np.isfinite(y).any():
            raise InputError(
                "observed", found=f"shape {y.shape}",
                wanted="(n_obs,), at least one value that is not NaN",
            )  # fmt: skip
        object.__setattr__(self, "observed", y)
        n = self.n_effective
        if n is not None and not 0.0 < n <= self.n_obs * (1.0 + 1e-9):
            raise InputError(
                "n_effective", found=n, wanted=f"above 0 and at most {self.n_obs}"
            )

    @property
    def n_obs(self) -> int:
        """Values that are not NaN."""
        return int(np.isfinite(self.observed).sum())

    @property
    def fraction(self) -> float:
        """``n_eff / n``."""
        return 1.0 if self.n_effective is None else self.n_effective / self.n_obs

    def _shown(
        self, predicted: ArrayLike, variance: ArrayLike | None
    ) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
        """Predictions and emulator variances at observed times, and the values."""
        x = np.atleast_2d(np.asarray(predicted, float))
        if x.shape[1:] != self.observed.shape:
            raise InputError(
                "predicted", found=f"shape {x.shape}",
                wanted=f"(n_samples, {self.observed.size})",
            )  # fmt: skip
        v = np.zeros_like(x) if variance is None else np.asarray(variance, float)
        seen = np.isfinite(self.observed)
        v = np.broadcast_to(v, x.shape)[:, seen]
        if not np.all(v >= 0.0):
            raise InputError("emulator variance", wanted="zero or more, not NaN")
        return x[:, seen], v, self.observed[seen], seen


def _spread(value: ArrayLike, n: int, what: str) -> Array:
    found = np.asarray(value, float)
    if found.shape not in ((), (n,)):
        raise InputError(
            what, found=f"shape {found.shape}", wanted=f"a number or ({n},)"
        )
    return np.broadcast_to(found, (n,))


def _refuse_not_positive(value: Array, what: str) -> None:
    if not np.all(np.isfinite(value) & (value > 0.0)):
        raise InputError(
            f"{what} is zero or missing",
            found=value[~(np.isfinite(value) & (value > 0.0))][0],
            wanted="a finite number above zero for each observed value",
        )


@dataclass(frozen=True)
class GaussianErrors(_Errors):
    """Normal errors of known variance.

    Attributes
    ----------
    variance : number or (n_obs,)

    Examples
    --------
    >>> GaussianErrors([1.0], 1.0)([[1.0]]).round(4)
    array([-0.9189])
    """

    variance: ArrayLike = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        spread = _spread(self.variance, self.observed.size, "variance")
        _refuse_not_positive(spread[np.isfinite(self.observed)], "variance")
        object.__setattr__(self, "variance", spread)

    def __call__(
        self, predicted: ArrayLike, emulator_variance: ArrayLike | None = None
    ) -> Array:
        """Log-likelihood of predicted series, (n_samples,)."""
        x, v, y, seen = self._shown(predicted, emulator_variance)
        total = np.asarray(self.variance)[seen] + v
        terms = np.log(2.0 * np.pi * total) + (y - x) ** 2 / total
        return np.asarray(-0.5 * self.fraction * np.sum(terms, axis=1))


@dataclass(frozen=True)
class StudentErrors(_Errors):
    """Student-t errors: a few values far off do not rule the fit.

    Attributes
    ----------
    scale : number or (n_obs,)
    degrees : float, above 2

    Examples
    --------
    >>> from masm.hierarchical import StudentErrors
    >>> StudentErrors([0.0], 1.0, degrees=4.0)([[0.0], [5.0]]).round(2)
    array([-0.98, -5.93])
    """

    scale: ArrayLike = 1.0
    degrees: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        spread = _spread(self.scale, self.observed.size, "scale")
        _refuse_not_positive(spread[np.isfinite(self.observed)], "scale")
        object.__setattr__(self, "scale", spread)
        if not (np.isfinite(self.degrees) and self.degrees > 2.0):
            raise InputError("degrees", found=self.degrees, wanted="above 2")

    def __call__(
        self, predicted: ArrayLike, emulator_variance: ArrayLike | None = None
    ) -> Array:
        """Log-likelihood of predicted series, (n_samples,).

        The emulator's variance widens the scale to the sum of both variances, an
        approximation.
        """
        x, v, y, seen = self._shown(predicted, emulator_variance)
        nu = self.degrees
        scale2 = np.asarray(self.scale)[seen] ** 2 + v * (nu - 2.0) / nu
        constant = special.gammaln(0.5 * (nu + 1.0)) - special.gammaln(0.5 * nu)
        terms = constant - 0.5 * np.log(nu * np.pi * scale2)
        terms = terms - 0.5 * (nu + 1.0) * np.log1p((y - x) ** 2 / (nu * scale2))
        return np.asarray(self.fraction * np.sum(terms, axis=1))


@dataclass(frozen=True)
class LaplaceErrors(_Errors):
    """Laplace errors whose scale grows with the flux, differently by day and night.

    ``b = a0 + a1 x`` for a modelled flux ``x >= 0`` and ``a0 - a2 x`` below. NEE is
    positive at night, where errors grow faster: ``a1 > a2``.

    Attributes
    ----------
    a0, a1, a2 : float, above 0
        a0 in the units of the flux.
    correction : {"factor", "wider_scale"}
        What correlated residuals do. The source's family of codes widens b by
        ``sqrt(n / n_eff)``, which corrects half the way and biases the flux.

    Examples
    --------
    >>> from masm.hierarchical import LaplaceErrors
    >>> errors = LaplaceErrors([1.0], a0=1.0, a1=0.2, a2=0.1)
    >>> errors([[1.0]]).round(4)
    array([-0.8755])
    """

    a0: float = 1.0
    a1: float = 0.2
    a2: float = 0.1
    correction: str = "factor"

    def __post_init__(self) -> None:
        super().__post_init__()
        found = np.array([self.a0, self.a1, self.a2], float)
        if not np.all(np.isfinite(found) & (found > 0.0)) or not self.a1 > self.a2:
            raise InputError(
                "scale of the Laplace errors",
                found=f"a0 = {self.a0}, a1 = {self.a1}, a2 = {self.a2}",
                wanted="all above 0, and a1 above a2",
                hint="Positive fluxes of NEE are those of the night.",
            )
        if self.correction not in CORRECTIONS:
            raise InputError(
                "correction", found=repr(self.correction),
                wanted=" or ".join(CORRECTIONS),
            )  # fmt: skip

    def scale(self, predicted: ArrayLike) -> Array:
        """B of modelled fluxes."""
        x = np.asarray(predicted, float)
        return np.where(x >= 0.0, self.a0 + self.a1 * x, self.a0 - self.a2 * x)

    def __call__(
        self, predicted: ArrayLike, emulator_variance: ArrayLike | None = None
    ) -> Array:
        """Log-likelihood of predicted series, (n_samples,).

        The emulator's variance v widens b to ``sqrt(b^2 + v / 2)``, a Laplace
        distribution of the same variance: an approximation.
        """
        x, v, y, _ = self._shown(predicted, emulator_variance)
        scale = np.sqrt(self.scale(x) ** 2 + 0.5 * v)
        fraction = self.fraction
        if self.correction == "wider_scale":
            scale, fraction = scale / np.sqrt(fraction), 1.0
        terms = np.log(2.0 * scale) + np.abs(y - x) / scale
        return np.asarray(-fraction * np.sum(terms, axis=1))
