"""The process model over the years of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jobs.config.process_model import model_of
from jobs.config.schema import Config
from jobs.config.section import Period
from jobs.inputs.streams import select_years
from jobs.run.periods import pixel_periods

if TYPE_CHECKING:
    import xarray as xr


def calibration_model(
    config: Config, drivers: xr.Dataset, outputs: Sequence[str] | None = None
) -> Callable[[Any], xr.Dataset]:
    """Return the model of a pixel over the calibration years.

    It gives the streams of the run, or the ``outputs`` that are named.
    """
    periods = pixel_periods(config, drivers)
    needed = Period(first=periods.spinup.first, last=periods.calibration.last)
    return model_of(config).calibration_model(
        select_years(drivers, needed),
        tuple(config.streams if outputs is None else outputs),
        periods.calibration.years,
    )


def simulate(
    config: Config, drivers: xr.Dataset, parameters: Mapping[str, float]
) -> xr.Dataset:
    """Simulate all years of a pixel with given parameters, the rest default.

    Returns
    -------
    xarray.Dataset
        The outputs over (time,) that the model's adapter keeps.
    """
    model = model_of(config)
    simulated = model.simulate(drivers, dict(parameters))
    return simulated[[name for name in model.saved if name in simulated]]
