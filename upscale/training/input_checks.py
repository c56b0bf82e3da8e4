"""The tables of a training, compared with each other before any work."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from upscale.errors import InputError

logger = logging.getLogger(__name__)

LEAST_PIXELS = 30
"""Below so many a training is warned of."""


@dataclass(frozen=True, eq=False)
class TrainingTables:
    """Tables over the same pixels, float64.

    Attributes
    ----------
    parameters, covariates, coordinates : pandas.DataFrame
        Of the pixels that have all covariates.
    sd : pandas.DataFrame or None
        As ``parameters``.
    draws : numpy.ndarray (pixel, draw, parameter) or None
        Of posteriors, in the same order.
    n_left_out : int
        Pixels without all covariates.
    """

    parameters: pd.DataFrame
    covariates: pd.DataFrame
    coordinates: pd.DataFrame
    sd: pd.DataFrame | None
    draws: NDArray[np.float64] | None
    n_left_out: int


def check_training(
    parameters: pd.DataFrame,
    covariates: pd.DataFrame,
    bounds: Mapping[str, tuple[float, float]],
    sd: pd.DataFrame | None,
    draws: xr.DataArray | None,
    coordinates: pd.DataFrame | None,
    least_pixels: int = LEAST_PIXELS,
) -> TrainingTables:
    """Bring the tables to the same pixels; at least so many of them.

    Raises
    ------
    InputError
        At the first thing that does not fit.
    """
    if parameters.empty or parameters.index.has_duplicates:
        raise InputError(
            "training: parameters",
            f"{len(parameters)} rows, {parameters.index.nunique()} different pixels",
            "one row for each pixel",
        )
    covariates = _rows(covariates, parameters.index, "covariates")
    empty = covariates.columns[covariates.isna().all()]
    if len(empty):
        raise InputError(
            f"covariates: {empty[0]}",
            "no number at any training pixel",
            "numbers",
            "Leave the column out.",
        )
    places = covariates if coordinates is None else coordinates
    for name in ("latitude", "longitude"):
        if name not in places:
            raise InputError(
                f"training: {name}",
                f"columns {', '.join(map(str, places.columns))}",
                "degrees, in coordinates or among the covariates",
            )
    places = _rows(places[["latitude", "longitude"]], parameters.index, "coordinates")
    known = covariates.notna().all(axis=1) & places.notna().all(axis=1)
    if int(known.sum()) < least_pixels:
        raise InputError(
            "training pixels",
            f"{int(known.sum())} with all covariates, of {len(parameters)}",
            f"at least {least_pixels}",
            "Calibrate more pixels, loosen the rules of quality control, or lower "
            "least_pixels (10 or more): maps of few pixels are poorly known.",
        )
    if int(known.sum()) < LEAST_PIXELS:
        logger.warning(
            "trained on %d pixels: below %d, skill and intervals are poorly known",
            int(known.sum()),
            LEAST_PIXELS,
        )
    if not known.all():
        logger.warning("%d pixels without all covariates left out", (~known).sum())
    if sd is not None:
        sd = _rows(sd, parameters.index, "sd")
        _check_sd(parameters, sd)
        sd = sd[parameters.columns][known]
    _check_bounds(parameters, bounds, least_pixels)
    return TrainingTables(
        parameters=parameters[known].astype(np.float64),
        covariates=covariates[known].astype(np.float64),
        coordinates=places[known].astype(np.float64),
        sd=sd,
        draws=None if draws is None else _draws(draws, parameters[known], bounds),
        n_left_out=int((~known).sum()),
    )


def match_covariates(given: pd.DataFrame, wanted: tuple[str, ...]) -> pd.DataFrame:
    """Columns of a table in the order of the training, float64.

    Raises
    ------
    InputError
        If one is missing.
    """
    for name in wanted:
        if name not in given:
            near = get_close_matches(name, [str(one) for one in given.columns], n=1)
            raise InputError(
                f"covariates: {name}",
                f"columns {', '.join(map(str, given.columns))}",
                f"the {len(wanted)} covariates of the training",
                f'Did you mean "{near[0]}"?' if near else None,
            )
    if given.index.has_duplicates:
        raise InputError("covariates: index", "a pixel twice", "one row for each pixel")
    return given[list(wanted)].astype(np.float64)


def _rows(table: pd.DataFrame, pixels: pd.Index, what: str) -> pd.DataFrame:
    missing = pixels.difference(table.index)
    if len(missing) or table.index.has_duplicates:
        raise InputError(
            f"training: {what}",
            f"no row for pixel {missing[0]}" if len(missing) else "a pixel twice",
            "one row for each pixel of the parameters",
        )
    table = table.loc[pixels]
    if np.isinf(table.to_numpy(dtype=np.float64)).any():
        raise InputError(
            f"training: {what}", "an infinite number", "finite ones or NaN"
        )
    return table


def _check_sd(parameters: pd.DataFrame, sd: pd.DataFrame) -> None:
    for name in parameters.columns:
        if name not in sd:
            raise InputError(f"sd: {name}", "no such column", "one for each parameter")
        bad = parameters[name].notna() & ~(sd[name] >= 0.0)
        if bad.any():
            pixel = bad.index[int(np.argmax(bad))]
            raise InputError(
                f"sd: {name}, pixel {pixel}", str(sd.loc[pixel, name]), "0 or more"
            )


def _draws(
    draws: xr.DataArray,
    parameters: pd.DataFrame,
    bounds: Mapping[str, tuple[float, float]],
) -> NDArray[np.float64]:
    """Draws (pixel, draw, parameter) in the order of the parameters' table."""
    dims = ("pixel", "draw", "parameter")
    if set(draws.dims) != set(dims):
        found = ", ".join(map(str, draws.dims))
        raise InputError("draws: dimensions", found, ", ".join(dims))
    for dim, wanted in (("pixel", parameters.index), ("parameter", parameters.columns)):
        missing = wanted.difference(draws.indexes[dim])
        if len(missing):
            raise InputError(
                f"draws: {dim} {missing[0]}", "none", f"one for each {dim}"
            )
    chosen = draws.sel(pixel=parameters.index, parameter=parameters.columns)
    values = chosen.transpose(*dims).to_numpy().astype(np.float64)
    for column, name in enumerate(parameters.columns):
        low, high = bounds[name]
        slack = 1e-6 * (high - low)
        inside = (values[..., column] >= low - slack) & (
            values[..., column] <= high + slack
        )
        if not inside.all():
            pixel = parameters.index[int(np.argmin(inside.all(axis=1)))]
            raise InputError(
                f"draws: {name}, pixel {pixel}",
                "a draw that is not a number, or outside the bounds",
                f"{low:g} to {high:g}, the bounds of its prior",
            )
    return values


def _check_bounds(
    parameters: pd.DataFrame,
    bounds: Mapping[str, tuple[float, float]],
    least_pixels: int,
) -> None:
    for name in parameters.columns:
        if name not in bounds:
            raise InputError(
                f"bounds: {name}",
                f"bounds of {', '.join(bounds)}",
                "(low, high) of every parameter",
            )
        low, high = bounds[name]
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise InputError(f"bounds: {name}", f"({low}, {high})", "low below high")
        values = parameters[name]
        slack = 1e-6 * (high - low)
        outside = (values < low - slack) | (values > high + slack)
        if outside.any():
            pixel = outside.index[int(np.argmax(outside))]
            raise InputError(
                f"parameters: {name}, pixel {pixel}",
                f"{values[pixel]:g}",
                f"{low:g} to {high:g}, the bounds of its prior",
            )
        if int(values.notna().sum()) < least_pixels:
            raise InputError(
                f"parameters: {name}",
                f"{int(values.notna().sum())} pixels with a value",
                f"at least {least_pixels}",
            )
