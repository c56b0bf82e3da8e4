"""Patterns in the residuals of a calibrated model: season, weather, drift, timing.

Everything is computed on window means and knows no model. Residuals are simulated less
observed, as the average error of `scores`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from masm.results.scores import scores
from masm.types import Array

Dates = NDArray[np.datetime64]

GROWING_NORTH = (5, 6, 7, 8, 9)
GROWING_SOUTH = (11, 12, 1, 2, 3)
_HARMONICS = 3
_LEAST = 12  # values below which nothing is said


def months_of(time: Dates) -> NDArray[np.int64]:
    """Return 1 to 12 of each date."""
    return np.asarray(time.astype("datetime64[M]").astype(np.int64) % 12 + 1)


def in_growing_season(time: Dates, latitude: float) -> NDArray[np.bool_]:
    """May to September, or November to March south of the equator."""
    growing = GROWING_NORTH if latitude >= 0.0 else GROWING_SOUTH
    return np.isin(months_of(time), growing)


def season_table(
    time: Dates, observed: Array, simulated: Mapping[str, Array], latitude: float
) -> pd.DataFrame:
    """Score parameter sets in and outside of the growing season.

    Parameters
    ----------
    time : ndarray (n,)
        First day of each window.
    observed : ndarray (n,)
        In the stream's unit.
    simulated : mapping of str to ndarray (n,)
        By parameter set.
    latitude : float
        degrees north; south of the equator the growing season is November to March.

    Returns
    -------
    pandas.DataFrame
        A row for each season and parameter set: ``rmse``, ``ae`` (simulated less
        observed), ``n``.
    """
    growing = in_growing_season(time, latitude)
    rows = []
    for season, inside in (("growing", growing), ("non-growing", ~growing)):
        for name, values in simulated.items():
            got = scores(values[inside], observed[inside])
            row = {"season": season, "parameters": name}
            rows.append(row | {key: got[key] for key in ("rmse", "ae", "n")})
    return pd.DataFrame(rows)


def without_season(time: Dates, values: Array) -> Array:
    """Take the mean course of the year (three harmonics) out of values, (n,).

    NaN stays NaN; with too few values everything is NaN.
    """
    ok = np.isfinite(values)
    if ok.sum() < 2 * _LEAST:
        return np.full(values.shape, np.nan)
    days = time.astype("datetime64[D]")
    angle = 2.0 * np.pi * (days - days.astype("datetime64[Y]")).astype(float) / 365.25
    waves = [np.ones(angle.size)]
    for k in range(1, _HARMONICS + 1):
        waves += [np.cos(k * angle), np.sin(k * angle)]
    x = np.column_stack(waves)
    fitted = x @ np.linalg.lstsq(x[ok], values[ok], rcond=None)[0]
    return np.asarray(values - fitted)


def independent_values(values: Array) -> float:
    """Number of independent values in a series with the lag-one correlation of this."""
    x = values[np.isfinite(values)]
    if x.size < _LEAST or np.ptp(x) == 0.0:
        return float(x.size)
    r = max(0.0, float(np.corrcoef(x[1:], x[:-1])[0, 1]))
    return float(x.size * (1.0 - r) / (1.0 + r))


def weather_relations(
    time: Dates, residual: Array, weather: Mapping[str, Array]
) -> pd.DataFrame:
    """Correlate residuals with weather, both without their mean course of the year.

    Parameters
    ----------
    time : ndarray (n,)
    residual : ndarray (n,)
        Simulated less observed.
    weather : mapping of str to ndarray (n,)

    Returns
    -------
    pandas.DataFrame
        ``weather``, ``r``, ``p`` (two-sided, for as many independent values as the
        residuals have) and ``n``, the strongest first.
    """
    left = without_season(time, residual)
    rows = []
    for name, values in weather.items():
        x = without_season(time, values)
        both = np.isfinite(x) & np.isfinite(left)
        if both.sum() < _LEAST or np.ptp(x[both]) == 0.0 or np.ptp(left[both]) == 0.0:
            continue
        r = float(np.corrcoef(x[both], left[both])[0, 1])
        freedom = max(1.0, independent_values(left[both]) - 2.0)
        t = abs(r) * np.sqrt(freedom / max(1e-12, 1.0 - r**2))
        p = float(2.0 * scipy.stats.t.sf(t, freedom))
        rows.append({"weather": name, "r": r, "p": p, "n": int(both.sum())})
    found = pd.DataFrame(rows, columns=["weather", "r", "p", "n"])
    order = found["r"].abs().sort_values(ascending=False, kind="stable").index
    return found.loc[order].reset_index(drop=True)


def drift(time: Dates, residual: Array) -> dict[str, float]:
    """Trend of the yearly mean residuals.

    Returns
    -------
    dict
        ``per_year`` (unit of the stream per year), ``p`` (two-sided), ``n_years`` and
        ``between_sd``, the spread of the yearly means. NaN with fewer than four years.
    """
    year = time.astype("datetime64[Y]").astype(np.int64)
    ok = np.isfinite(residual)
    years = np.unique(year[ok])
    means = np.array([residual[ok & (year == one)].mean() for one in years])
    nothing = {"per_year": np.nan, "p": np.nan, "n_years": float(years.size)}
    if years.size < 4:
        spread = float(means.std(ddof=1)) if years.size > 1 else np.nan
        return nothing | {"between_sd": spread}
    line = scipy.stats.linregress(years.astype(float), means)
    return {
        "per_year": float(line.slope),
        "p": float(line.pvalue),
        "n_years": float(years.size),
        "between_sd": float(means.std(ddof=1)),
    }


def timing(
    time: Dates, observed: Array, simulated: Array, latitude: float
) -> dict[str, float]:
    """Days by which the simulated season begins and ends later than the observed.

    By when the mean course of the year passes half its amplitude, up and down.

    Returns
    -------
    dict
        ``spring`` and ``autumn``, days, positive where the model is late; NaN where a
        course has no clear season.
    """
    both = np.isfinite(observed) & np.isfinite(simulated)
    if both.sum() < 2 * _LEAST:
        return {"spring": np.nan, "autumn": np.nan}
    date = time.astype("datetime64[D]")
    day = (date - date.astype("datetime64[Y]")).astype(float)
    if latitude < 0.0:
        day = (day + 183.0) % 365.0
    seen, modelled = (
        _half_dates(day[both], values[both]) for values in (observed, simulated)
    )
    return {
        "spring": modelled[0] - seen[0],
        "autumn": modelled[1] - seen[1],
    }


def _half_dates(day: Array, values: Array) -> tuple[float, float]:
    bins = np.arange(0, 366, 8)
    middle = bins[:-1] + 4.0
    which = np.clip(np.digitize(day, bins) - 1, 0, middle.size - 1)
    count = np.bincount(which, minlength=middle.size)
    mean = np.bincount(which, values, minlength=middle.size) / np.maximum(count, 1)
    mean = np.interp(np.arange(366.0), middle[count > 0], mean[count > 0])
    low, high = np.quantile(mean, [0.05, 0.95])
    half, peak = 0.5 * (low + high), int(np.argmax(mean))
    above = mean >= half
    if high - low <= 0.0 or not 30 < peak < 335:
        return np.nan, np.nan
    before, after = np.flatnonzero(~above[:peak]), np.flatnonzero(~above[peak:])
    if not before.size or not after.size:
        return np.nan, np.nan
    return float(before[-1] + 1), float(peak + after[0])


def swing(
    time: Dates, observed: Array, simulated: Array, rain: Array, latitude: float
) -> dict[str, float]:
    """How much more than observed the model swings with rain in the growing season.

    Returns
    -------
    dict
        ``ratio`` of the standard deviations of simulated and observed departures from
        the mean course of the year; their correlations with rain, ``r_simulated`` and
        ``r_observed``; and ``bias_dry``, ``bias_wet``, mean residuals in the driest and
        the wettest third.
    """
    growing = in_growing_season(time, latitude)
    inside = growing & np.isfinite(observed) & np.isfinite(simulated)
    inside &= np.isfinite(rain)
    names = ("ratio", "r_simulated", "r_observed", "bias_dry", "bias_wet")
    if inside.sum() < 2 * _LEAST:
        return dict.fromkeys(names, np.nan)
    mine, theirs, wet = (
        without_season(time[inside], x[inside]) for x in (simulated, observed, rain)
    )
    low, high = np.quantile(wet, [1 / 3, 2 / 3])
    residual = (simulated - observed)[inside]
    spread = float(np.std(theirs))
    if spread == 0.0 or np.ptp(mine) == 0.0 or np.ptp(wet) == 0.0:
        return dict.fromkeys(names, np.nan)
    return {
        "ratio": float(np.std(mine)) / spread,
        "r_simulated": float(np.corrcoef(mine, wet)[0, 1]),
        "r_observed": float(np.corrcoef(theirs, wet)[0, 1]),
        "bias_dry": float(residual[wet <= low].mean()),
        "bias_wet": float(residual[wet >= high].mean()),
    }
