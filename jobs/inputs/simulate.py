"""The process model over the years of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jobs.config.schema import Config
from jobs.config.section import Period
from jobs.inputs.periods import pixel_periods
from jobs.inputs.streams import select_years

if TYPE_CHECKING:
    import xarray as xr
from jobs.process_models.ibis_dalec import CalibrationModel
from jobs.run.simulation_files import SAVED


def calibration_model(config: Config, forcing: xr.Dataset) -> CalibrationModel:
    """Return the model of a pixel over the calibration years."""
    periods = pixel_periods(config, forcing)
    needed = Period(first=periods.spinup.first, last=periods.calibration.last)
    return CalibrationModel(
        select_years(forcing, needed),
        tuple(config.streams),
        periods.calibration,
        config.model.spinup_cycles,
    )


def simulate(
    config: Config, forcing: xr.Dataset, parameters: Mapping[str, float]
) -> xr.Dataset:
    """Simulate all years of a pixel with given parameters, the rest default."""
    import ibis_dalec

    return ibis_dalec.simulate(
        forcing,
        dict(parameters),
        spinup_cycles=config.model.spinup_cycles,
        outputs=SAVED,
    )
