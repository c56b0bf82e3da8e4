"""Run the process model for a pixel: with given values, or as calibration's model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobs.config import Config
from jobs.config_section import Period
from jobs.files import replacing
from jobs.observed import select_years

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

SAVED = ("lai", "gpp", "ra", "rh", "er", "nee", "et")
"""Daily outputs kept in ``simulations/``."""


@dataclass(frozen=True)
class CalibrationModel:
    """The process model of one pixel, as ``masm.calibrate`` calls it.

    Attributes
    ----------
    forcing : xarray.Dataset
        Daily, from the spin-up year to the last calibration year.
    streams : tuple of str
        Outputs wanted.
    period : Period
        Years wanted.
    spinup_cycles : int
        Repeats of the first year.
    """

    forcing: xr.Dataset
    streams: tuple[str, ...]
    period: Period
    spinup_cycles: int

    def __call__(self, theta: Any) -> xr.Dataset:
        """Simulate each parameter set; returns the streams over (sample, time)."""
        import ibis_dalec

        simulated = ibis_dalec.simulate_batch(
            self.forcing,
            dict(theta),
            spinup_cycles=self.spinup_cycles,
            outputs=self.streams,
        )
        return select_years(simulated, self.period)


def compile_model() -> None:
    """Compile the process model into its cache, so that workers need not."""
    import ibis_dalec

    ibis_dalec.warm_up()


def calibration_model(config: Config, forcing: xr.Dataset) -> CalibrationModel:
    """Return the model of a pixel over the calibration years."""
    periods = config.periods
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


def save_simulation(
    simulated: xr.Dataset, path: Path, source: str, parameters: Mapping[str, float]
) -> None:
    """Write the daily outputs that are kept, and the parameters that are not default.

    Parameters
    ----------
    simulated : xarray.Dataset
        Daily.
    path : Path
        Where.
    source : str
        The title.
    parameters : mapping
        What it was simulated with; the rest is default.
    """
    kept = simulated[list(SAVED)]
    values = {name: float(value) for name, value in parameters.items()}
    kept.attrs = {
        "Conventions": "CF-1.11",
        "title": source,
        "parameters": json.dumps(values),
    }
    packing = {name: {"zlib": True, "complevel": 4} for name in kept.data_vars}
    with replacing(path) as aside:
        kept.to_netcdf(aside, engine="h5netcdf", encoding=packing)


def saved_parameters(path: Path) -> dict[str, float] | None:
    """Return what a saved simulation was made with; None if it does not say so."""
    import h5py

    try:
        with h5py.File(path, "r") as opened:
            return dict(json.loads(opened.attrs["parameters"]))
    except (OSError, KeyError, ValueError, TypeError):
        return None
