"""Weather and observations of a pixel, from wherever the configuration says."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.config.pixels import GeneratedPixel, PixelTable, RegionPixels, SitePixel
from jobs.errors import ConfigError, Problem
from jobs.inputs.periods import pixel_periods, whole_years, within
from jobs.inputs.places import require_same_place
from jobs.inputs.region import region_forcing, region_observations, region_truth
from jobs.inputs.streams import select_years
from jobs.inputs.twin import observe, truth_of
from jobs.run.pixel import Pixel
from jobs.run.region_sample import open_region
from jobs.run.run import Run

if TYPE_CHECKING:
    import xarray as xr

logger = logging.getLogger(__name__)

_NOISE, _WEATHER = 1, 2
"""Which stream of a pixel's chance makes a twin's noise, and which its weather."""


def forcing_of(run: Run, pixel: Pixel) -> xr.Dataset:
    """Return the daily forcing of a pixel, spin-up year to last validation year."""
    place = run.config.pixels
    if isinstance(place, SitePixel):
        return _site_forcing(run, place, pixel)
    if isinstance(place, PixelTable):
        return _file_forcing(run, place, pixel)
    if isinstance(place, RegionPixels):
        return region_forcing(run.cube, pixel, run.config.periods.whole)
    return _generated_forcing(run, place, pixel)


def observations_of(run: Run, pixel: Pixel, forcing: xr.Dataset) -> xr.Dataset:
    """Return what was observed at a pixel, calibration and validation years.

    Parameters
    ----------
    run, pixel
        Which pixel of which run.
    forcing : xarray.Dataset
        As ``forcing_of`` returns it; a twin's observations are made with it.
    """
    config, observed = run.config, pixel_periods(run.config, forcing).observed
    place = config.pixels
    if isinstance(place, SitePixel):
        from landdata import site_observations

        return site_observations(
            run.inputs["pixels.tower"],
            modis_csv=run.inputs.get("pixels.modis_lai"),
            years=(observed.first, observed.last),
            streams=list(config.streams),
            screen_summer_lai=place.screen_summer_lai,
            lat=pixel.latitude,
        ).assign_attrs(file=str(run.inputs["pixels.tower"]))
    if config.twin is not None:
        from jobs.inputs.simulate import simulate

        truth = simulate(config, forcing, truth_of(config, pixel))
        rng = np.random.default_rng([config.seed, pixel.id, _NOISE])
        return select_years(observe(truth, config.twin, rng), observed)
    if isinstance(place, PixelTable) and place.observations is not None:
        path = run.pixel_file(place.observations, pixel)
        found = _open(path)
        require_same_place(found, pixel, str(path))
        return select_years(found, observed).assign_attrs(file=str(path))
    if isinstance(place, RegionPixels):
        return region_observations(run.cube, pixel, observed)
    raise AssertionError("config_checks lets no run pass without observations")


def known_truth(run: Run, pixel: Pixel) -> dict[str, float]:
    """Return the true parameters where observations are synthetic; else nothing."""
    if run.config.twin is not None:
        return truth_of(run.config, pixel)
    if isinstance(run.config.pixels, RegionPixels):
        return region_truth(run.cube, pixel)
    return {}


def synthetic_parts(run: Run) -> str:
    """Say what of a run is synthetic, as the end of a label; nothing if all is real."""
    place = run.config.pixels
    if isinstance(place, RegionPixels) and open_region(run.cube).synthetic:
        return "synthetic region"
    if isinstance(place, GeneratedPixel):
        return "synthetic weather and observations"
    return "" if run.config.twin is None else "synthetic observations"


def _site_forcing(run: Run, place: SitePixel, pixel: Pixel) -> xr.Dataset:
    from landdata import read_site

    years = run.config.periods.whole
    forcing = read_site(
        run.inputs["pixels.tower"],
        station_csv=run.inputs.get("pixels.station"),
        lat=pixel.latitude,
        elevation=pixel.elevation,
        sand=pixel.sand,
        clay=pixel.clay,
        years=(years.first, years.last),
        co2=place.co2,
        wind=place.wind,
        climatology=place.climatology,
    )
    return forcing.assign_attrs(file=str(run.inputs["pixels.tower"]))


def _generated_forcing(run: Run, place: GeneratedPixel, pixel: Pixel) -> xr.Dataset:
    from landdata import generate_weather, harvard_normals

    normals = replace(
        harvard_normals(), lat=pixel.latitude, sand=pixel.sand, clay=pixel.clay
    )
    rng = np.random.default_rng([run.config.seed, pixel.id, _WEATHER])
    years = (place.years.first, place.years.last)
    forcing = generate_weather(normals, years, rng)
    return select_years(forcing, run.config.periods.whole)


def _file_forcing(run: Run, place: PixelTable, pixel: Pixel) -> xr.Dataset:
    from ibis_dalec import validate_forcing

    path = run.pixel_file(place.forcing, pixel)
    given = _open(path)
    doubt = require_same_place(given, pixel, str(path))
    forcing = given.assign_attrs(file=str(path), place_doubt=doubt).assign(
        lat=((), pixel.latitude, {"units": "degrees_north"}),
        sand=((), pixel.sand, {"units": "%"}),
        clay=((), pixel.clay, {"units": "%"}),
    )
    years = run.config.periods.whole
    time = forcing["time"].to_numpy()
    first, last = str(time[0])[:10], str(time[-1])[:10]
    covers = first <= years.years.start and last >= years.years.stop
    record = whole_years(time)
    own = None if record is None else within(run.config.periods, *record)
    if not covers and own is not None:
        years = own.whole
        logger.info("%s: its record is %s to %s: %s", path, first, last, own)
    elif not covers:
        raise ConfigError(
            Problem(
                str(path),
                "time",
                found=f"{first} to {last}",
                wanted=f"the years {years} in full (periods), or whole years that hold "
                "a spin-up year and one of calibration after it",
            )
        )
    return validate_forcing(select_years(forcing, years), where=str(path))


def _open(path: Path) -> xr.Dataset:
    """Read a pixel's own file, refusing what is no netCDF or has no order in time."""
    import xarray as xr

    try:
        with xr.open_dataset(path, engine="h5netcdf") as opened:
            data = opened.load()
    except MemoryError:
        raise
    except Exception as exc:  # a damaged file fails in ways of its own
        found = f"{type(exc).__name__}: {exc}"
        raise ConfigError(
            Problem(str(path), "cannot be opened", found, "a netCDF-4 file")
        ) from exc
    time = data.coords.get("time")
    if time is None or time.dims != ("time",) or time.dtype.kind != "M":
        raise ConfigError(
            Problem(
                str(path),
                "time",
                found="no such coordinate" if time is None else f"{time.dtype} values",
                wanted="a coordinate time of dates in the real calendar",
            )
        )
    steps = np.diff(time.to_numpy())
    wrong = np.flatnonzero(~(steps > np.timedelta64(0)))
    if wrong.size or not time.size:
        first = time.to_numpy()[wrong[0] : wrong[0] + 2] if wrong.size else []
        raise ConfigError(
            Problem(
                str(path),
                "time",
                found=" then ".join(str(day)[:10] for day in first) or "no dates",
                wanted="dates in order, each once",
            )
        )
    return data
