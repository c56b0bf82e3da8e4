"""The fluxes of a run's own pixels, for the towers that are in them.

A region has all its pixels simulated in one store; a run of single sites or of a table
has a daily file for each pixel and parameter set.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.inputs.pixel_data import forcing_of, observations_of
from jobs.run.periods import pixel_periods
from jobs.run.pixel import Pixel
from jobs.run.run import Run
from jobs.stages.evaluate import read_simulation

if TYPE_CHECKING:
    import xarray as xr

logger = logging.getLogger(__name__)

MAX_KM = 5.0
"""From a pixel's place to a tower that is taken to be in it: a 0.05 degree cell."""
_KM_PER_DEGREE = 111.2


def pixel_at(run: Run, latitude: float, longitude: float) -> Pixel | None:
    """Return the pixel nearest to a place, None if it is further than ``MAX_KM``."""
    pixels = run.pixels
    north = np.array([pixel.latitude for pixel in pixels]) - latitude
    east = (np.array([pixel.longitude for pixel in pixels]) - longitude) * np.cos(
        np.deg2rad(latitude)
    )
    distance = _KM_PER_DEGREE * np.hypot(north, east)
    nearest = int(distance.argmin())
    return pixels[nearest] if distance[nearest] <= MAX_KM else None


def pixel_fluxes(
    run: Run, pixel: Pixel, sets: Sequence[str], windows: str, fluxes: Sequence[str]
) -> dict[str, xr.Dataset]:
    """Return means over windows of the fluxes of each parameter set.

    Parameters
    ----------
    run, pixel
        Which pixel of which run.
    sets : sequence of str
        ``default``, ``calibrated``.
    windows : {"8-day", "month"}
        As `masm.observations.windows` names them.
    fluxes : sequence of str
        Outputs of the model.

    Returns
    -------
    dict of xarray.Dataset (time)
        In g m-2 d-1 of carbon, time is the first day of each window; the calibration
        and validation years.
    """
    import xarray as xr

    years = pixel_periods(run.config, forcing_of(run, pixel)).observed.years
    found = {}
    for name in sets:
        daily = read_simulation(run, pixel, name).sel(time=years)
        columns = {flux: _means(daily[flux], windows) for flux in fluxes}
        time = next(iter(columns.values()))[1]
        found[name] = xr.Dataset(
            {flux: ("time", mean) for flux, (mean, _) in columns.items()},
            {"time": time},
        )
    return found


def product_gpp(run: Run, pixel: Pixel, time: NDArray) -> NDArray[np.float64] | None:
    """Return a product's 8-day GPP (time,), None where GPP is not of a product.

    Of a table of pixels the observations are a product's; of a site they are the
    tower's own, and of a twin the model's.
    """
    place = run.config.pixels
    if place.source != "table" or place.observations is None:
        return None
    if "gpp" not in run.config.streams:
        return None
    observed = observations_of(run, pixel, forcing_of(run, pixel))
    mean, starts = _means(observed["gpp"], "8-day")
    found = np.full(time.size, np.nan)
    _, at, of = np.intersect1d(time, starts.astype(time.dtype), return_indices=True)
    found[at] = mean[of]
    return found


def _means(
    series: xr.DataArray, windows: str
) -> tuple[NDArray[np.float64], NDArray[np.datetime64]]:
    from masm.observations.windows import window_means, window_starts

    mean, keys, _ = window_means(
        series.to_numpy(), series["time"].to_numpy(), windows, 0.5
    )
    return mean, window_starts(keys, windows).astype("datetime64[ns]")
