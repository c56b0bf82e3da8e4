"""Predictive intervals for years that were not seen: errors have a part in common.

Residuals of a calibrated model of one year resemble each other more than those of
different years. Taken for independent, many windows of few years make intervals that
are too narrow for the next year. Here the residuals of the calibration years are split
into a spread within years and one between them (one-way random effects by the method of
moments; Searle, Casella and McCulloch 1992, chapter 3), and an interval for a new year
has both, with Student's t for how few the years are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masm.errors import InputError
from masm.types import Array

_N_BINS = 4
_LEAST_FRACTION = 0.25  # of the overall spread, where residuals happen to be small
_LEAST_RESIDUALS = 8


@dataclass(frozen=True)
class YearEffects:
    """Spread of residuals of one stream, within years and between them.

    Attributes
    ----------
    within, between : float
        Standard deviations, as fractions of ``spread`` (1).
    n_years, n : int
        Years and residuals that they are from.
    level, spread : ndarray (bin,)
        Predicted value, and the root mean square residual there, in the stream's unit:
        errors are larger in summer than in winter.
    """

    within: float
    between: float
    n_years: int
    n: int
    level: Array
    spread: Array

    def spread_at(self, predicted: Array) -> Array:
        """Root mean square residual at predicted values."""
        return np.asarray(np.interp(predicted, self.level, self.spread))

    def interval(
        self, predicted: Array, sd: Array | float = 0.0, level: float = 0.9
    ) -> tuple[Array, Array]:
        """Return the ends of intervals for observations of a new year.

        Parameters
        ----------
        predicted : ndarray (n,)
            In the stream's unit.
        sd : ndarray (n,), optional
            Standard deviation of the prediction itself, from draws of a posterior.
        level : float
            Fraction of observations that intervals hold.
        """
        from scipy import stats

        of_years = self.between**2 * (1.0 + 1.0 / self.n_years)
        variance = self.within**2 + of_years
        loss = self.within**4 / max(1, self.n - self.n_years)
        loss += of_years**2 / max(1, self.n_years - 1)
        freedom = max(1.0, variance**2 / loss) if loss > 0.0 else 1e6
        half = stats.t.ppf(0.5 + level / 2.0, freedom) * np.sqrt(
            variance * self.spread_at(predicted) ** 2 + np.asarray(sd) ** 2
        )
        return predicted - half, predicted + half


def year_effects(
    residual: Array, predicted: Array, time: NDArray[np.datetime64]
) -> YearEffects:
    """Split residuals into a spread within years and one between them.

    Parameters
    ----------
    residual : ndarray (n,)
        Observed less predicted; NaN is left out.
    predicted : ndarray (n,)
        What residuals may grow with.
    time : ndarray (n,)
        First day of each window. A year is a calendar year.

    Raises
    ------
    InputError
        With fewer than eight residuals.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> time = np.arange("2001", "2009", 8, dtype="datetime64[D]")
    >>> year = time.astype("datetime64[Y]").astype(int)
    >>> of_year = rng.normal(0.0, 1.0, 60)[year]
    >>> residual = of_year + rng.normal(0.0, 1.0, time.size)
    >>> found = year_effects(residual, 0.0 * year, time)
    >>> found.n_years, bool(0.3 < found.between / found.within < 2.0)
    (8, True)
    """
    ok = np.isfinite(residual) & np.isfinite(predicted)
    residual, predicted, time = residual[ok], predicted[ok], time[ok]
    if residual.size < _LEAST_RESIDUALS:
        raise InputError(
            "residuals", found=str(residual.size), wanted=f"{_LEAST_RESIDUALS} or more"
        )
    level, spread = _spread_by_level(residual, predicted)
    scaled = residual / np.interp(predicted, level, spread)
    _, group = np.unique(time.astype("datetime64[Y]"), return_inverse=True)
    count = np.bincount(group)
    mean = np.bincount(group, scaled) / count
    n_years = count.size
    within = float(np.sum((scaled - mean[group]) ** 2) / max(1, scaled.size - n_years))
    # About zero and not about their mean: a bias of all years is an error too.
    of_means = float(np.mean(mean**2))
    between = max(0.0, of_means - within * float(np.mean(1.0 / count)))
    return YearEffects(
        float(np.sqrt(within)),
        float(np.sqrt(between)),
        n_years,
        int(scaled.size),
        level,
        spread,
    )


def _spread_by_level(residual: Array, predicted: Array) -> tuple[Array, Array]:
    overall = float(np.sqrt(np.mean(residual**2))) or 1.0
    edges = np.quantile(predicted, np.linspace(0.0, 1.0, _N_BINS + 1)[1:-1])
    bin_of = np.searchsorted(edges, predicted)
    level, spread = [], []
    for one in np.unique(bin_of):
        inside = bin_of == one
        level.append(float(predicted[inside].mean()))
        found = float(np.sqrt(np.mean(residual[inside] ** 2)))
        spread.append(max(found, _LEAST_FRACTION * overall))
    order = np.argsort(level)
    return np.asarray(level)[order], np.asarray(spread)[order]
