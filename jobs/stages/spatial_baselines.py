"""Predictions without a process model, which a calibrated one has to beat.

A site's own climatology; a regression on weather that was trained at other sites; and
the same regression of what a model left unexplained at other sites.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jobs.stages.site_runs import ObservedStream

Array = NDArray[np.float64]

_WINDOW = 8  # days
_SPANS = (8, 24, 64)  # days up to the end of a window
_DAYS = 366
_TREES = {"n_trees": 120, "max_depth": 3, "min_child_weight": 5.0}


def climatology(stream: ObservedStream) -> Array:
    """Mean of the calibration years at the same time of the year, (n_obs,).

    Gaps between dates are interpolated around the year. NaN where the calibration
    years have no value.
    """
    date = day_of_year(stream.time)
    known = ~stream.held_out & np.isfinite(stream.value)
    if not known.any():
        return np.full(stream.value.shape, np.nan)
    dates, which = np.unique(date[known], return_inverse=True)
    mean = np.bincount(which, stream.value[known]) / np.bincount(which)
    return np.asarray(np.interp(date, dates, mean, period=_DAYS))


def day_of_year(time: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Return 1 to 366."""
    days = time.astype("datetime64[D]")
    first = days.astype("datetime64[Y]").astype("datetime64[D]")
    return (days - first).astype(np.int64) + 1


def weather_features(
    weather: xr.Dataset, time: NDArray[np.datetime64], latitude: float
) -> Array:
    """Describe the weather up to each window (n_obs, feature).

    Means over 8, 24 and 64 days that end with the window, of every daily variable, and
    the declination of the sun as seen from the hemisphere.
    """
    days = weather["time"].to_numpy().astype("datetime64[D]")
    end = np.searchsorted(days, time.astype("datetime64[D]")) + _WINDOW
    columns = []
    for name in feature_names(weather):
        values = weather[name].to_numpy().astype(float)
        known = np.isfinite(values)
        total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
        count = np.concatenate([[0], np.cumsum(known)])
        for span in _SPANS:
            last = np.minimum(end, days.size)
            first = np.maximum(last - span, 0)
            n = count[last] - count[first]
            with np.errstate(invalid="ignore", divide="ignore"):
                columns.append(
                    np.where(n > 0, (total[last] - total[first]) / n, np.nan)
                )
    angle = 2.0 * np.pi * (day_of_year(time) + 10) / 365.25
    columns += [-np.cos(angle) * np.sign(latitude or 1.0), np.sin(angle)]
    return np.column_stack(columns)


def feature_names(weather: xr.Dataset) -> list[str]:
    """Return the daily variables of a weather, in order."""
    return sorted(
        str(name)
        for name, values in weather.data_vars.items()
        if values.dims == ("time",) and values.dtype.kind == "f" and name != "co2"
    )


def regress(
    features: Sequence[Array], targets: Sequence[Array], at: Array, seed: int
) -> Array:
    """Train boosted trees at some sites, and predict at another, (n_obs,).

    Features that say at which site, and not when, are left out: trees would learn the
    sites by heart.

    Parameters
    ----------
    features : sequence of ndarray (n_obs, feature)
        Of each site to train at.
    targets : sequence of ndarray (n_obs,)
        NaN is left out. Every site counts the same.
    at : ndarray (n_obs, feature)
        Where to predict.
    seed : int
        Of the rows and columns that each tree sees.
    """
    from upscale.training import trees

    kept = [np.isfinite(one) for one in targets]
    used = [f[k] for f, k in zip(features, kept, strict=True)]
    columns = _tell_time(used)
    x = np.concatenate(used)[:, columns]
    y = np.concatenate([t[k] for t, k in zip(targets, kept, strict=True)])
    weight = np.concatenate(
        [np.full(int(k.sum()), 1.0 / max(1, k.sum())) for k in kept]
    )
    if y.size < 2 * _TREES["min_child_weight"]:
        return np.full(len(at), np.nan)
    settings = trees.TreeSettings(**_TREES)  # type: ignore[arg-type]
    booster = trees.fit(x, y, weight / weight.mean(), settings, seed)
    return trees.predict(booster, at[:, columns])


def _tell_time(sites: Sequence[Array]) -> NDArray[np.bool_]:
    """Which features vary at a site at least as much as between sites, (feature,).

    Air pressure does not: it is the height of the site.
    """
    sites = [one for one in sites if len(one)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a feature without any value
        means = np.stack([np.nanmean(one, axis=0) for one in sites])
        within = np.nanmean([np.nanvar(one, axis=0) for one in sites], axis=0)
        return np.asarray(np.nanvar(means, axis=0) <= within)
