"""Run the process model for a pixel: with given values, or as calibration's model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobs.config.section import Period
from jobs.inputs.streams import select_years

if TYPE_CHECKING:
    import xarray as xr

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
