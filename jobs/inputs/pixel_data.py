"""Drivers and observations of a pixel, wherever they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.config.process_model import model_of
from jobs.disk_errors import system_fault
from jobs.inputs.streams import select_years
from jobs.inputs.twin import observe, truth_of
from jobs.run.periods import OWN_PERIODS, pixel_periods
from jobs.run.pixel import Pixel
from jobs.run.run import Run
from jobs.run.seeds import PixelStream, pixel_generator

if TYPE_CHECKING:
    import xarray as xr


def weather_of(run: Run, pixel: Pixel) -> xr.Dataset:
    """Return the daily weather of a pixel, spin-up year to last validation year."""
    return run.source.weather(pixel, run.config.periods.whole)


def drivers_of(run: Run, pixel: Pixel, weather: xr.Dataset) -> xr.Dataset:
    """Return the checked drivers that the run's model makes of a pixel's weather."""
    drivers = model_of(run.config).drivers(weather, run.source.where(pixel))
    if OWN_PERIODS in weather.attrs:  # whatever the model keeps
        drivers = drivers.assign_attrs({OWN_PERIODS: weather.attrs[OWN_PERIODS]})
    return drivers


def forcing_of(run: Run, pixel: Pixel) -> xr.Dataset:
    """Return the model's drivers of a pixel, spin-up year to last validation year."""
    return drivers_of(run, pixel, weather_of(run, pixel))


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
    if config.twin is not None:
        from jobs.inputs.simulate import simulate

        truth = simulate(config, forcing, truth_of(config, pixel))
        rng = pixel_generator(config.seed, pixel.id, PixelStream.TWIN_NOISE)
        return select_years(observe(truth, config.twin, rng), observed)
    found = run.source.observations(pixel, observed, config.streams)
    if found is None:
        raise AssertionError("jobs.config.checks lets no run pass without observations")
    return found


def known_truth(run: Run, pixel: Pixel) -> dict[str, float]:
    """Return the true parameters where observations are synthetic; else nothing."""
    if run.config.twin is not None:
        return truth_of(run.config, pixel)
    return run.source.truth(pixel)


def unreadable_source(run: Run) -> str:
    """Return why a region's cube cannot be read, with the way out; else nothing.

    A finished run outlives its cube: results can be shown where the cube has another
    format by now, is damaged, or is on another machine.
    """
    if not run.source.is_region:
        return ""
    try:
        run.source.synthetic()
    except (ValueError, LookupError) as exc:
        if fault := system_fault(exc):
            raise fault from exc
        return str(exc)
    return ""


def synthetic_parts(run: Run) -> str:
    """Say what of a run is synthetic, as the end of a label; nothing if all is real."""
    return run.source.synthetic() or (
        "" if run.config.twin is None else "synthetic observations"
    )
