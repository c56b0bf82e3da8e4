"""Weather and observations of a pixel, from wherever the configuration says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from jobs.observed import select_years
from jobs.pixels import Pixel
from jobs.run import Run

if TYPE_CHECKING:
    import xarray as xr

_NOISE = 1  # which stream of chance of a pixel makes a twin's noise
_WEATHER = 2


def forcing_of(run: Run, pixel: Pixel) -> xr.Dataset:
    """Return the daily forcing of a pixel, spin-up year to last validation year."""
    place, periods = run.config.pixels, run.config.periods
    if place.source == "site":
        from ibis_dalec.inputs import read_site

        return read_site(
            run.inputs["pixels.tower"],
            station_csv=run.inputs.get("pixels.station"),
            lat=pixel.latitude,
            elevation=pixel.elevation,
            sand=pixel.sand,
            clay=pixel.clay,
            years=(periods.whole.first, periods.whole.last),
            co2=place.co2,
            wind=place.wind,
            climatology=place.climatology,
        )
    from ibis_dalec.inputs import generate_weather, harvard_normals

    normals = replace(
        harvard_normals(), lat=pixel.latitude, sand=pixel.sand, clay=pixel.clay
    )
    rng = np.random.default_rng([run.config.seed, pixel.id, _WEATHER])
    return generate_weather(normals, (place.years.first, place.years.last), rng).sel(
        time=periods.whole.years
    )


def observations_of(run: Run, pixel: Pixel, forcing: xr.Dataset) -> xr.Dataset:
    """Return what was observed at a pixel, calibration and validation years.

    Parameters
    ----------
    run, pixel
        Which pixel of which run.
    forcing : xarray.Dataset
        As ``forcing_of`` returns it; a twin's observations are made with it.
    """
    config, periods = run.config, run.config.periods
    place = config.pixels
    if place.source == "site":
        from ibis_dalec.inputs import site_observations

        return site_observations(
            run.inputs["pixels.tower"],
            modis_csv=run.inputs.get("pixels.modis_lai"),
            years=(periods.observed.first, periods.observed.last),
            streams=list(config.streams),
            screen_summer_lai=place.screen_summer_lai,
        )
    from jobs.simulation import simulate
    from jobs.twin import observe

    if config.twin is None:
        raise AssertionError("config_checks lets no generated pixel pass without one")
    truth = simulate(config, forcing, config.twin.truth)
    rng = np.random.default_rng([config.seed, pixel.id, _NOISE])
    return select_years(observe(truth, config.twin, rng), periods.observed)
