"""Adapter of IBIS-DALEC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from jobs.process_models.base import Output, Parameter, Settings
from jobs.process_models.registry import refuse_options

if TYPE_CHECKING:
    import xarray as xr

_OUTPUTS = {
    "lai": Output("1", "leaf area index"),
    "gpp": Output("g m-2 d-1", "gross primary productivity, carbon"),
    "er": Output("g m-2 d-1", "ecosystem respiration, carbon"),
    "nee": Output("g m-2 d-1", "net ecosystem exchange, carbon"),
}


class IbisDalec:
    """IBIS coupled with DALEC; the contract is `jobs.process_models.base.ProcessModel`.

    Parameters
    ----------
    settings : Settings
        It has no options of its own.

    Attributes
    ----------
    plant_type : str
        The only one that the model stands for.
    exported : tuple of str
        Outputs that files of intercomparisons are made from.
    """

    name = "ibis_dalec"
    title = "IBIS-DALEC"
    outputs = _OUTPUTS
    saved = ("lai", "gpp", "ra", "rh", "er", "nee", "et")
    plant_type = "temperate deciduous broadleaf"
    exported = (
        *("lai", "gpp", "er", "nee", "sensible_heat", "transpiration"),
        *("surface_evaporation", "cf", "cw", "csom"),
    )

    def __init__(self, settings: Settings):
        refuse_options(self.name, settings, {})
        self.spinup_cycles = settings.spinup_cycles

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Every parameter of the model, in the table's order."""
        return _parameters()

    def drivers(self, weather: xr.Dataset, where: str) -> xr.Dataset:
        """Return the daily weather, checked."""
        from ibis_dalec import validate_forcing

        return validate_forcing(weather, where=where)

    def calibration_model(
        self, drivers: xr.Dataset, outputs: Sequence[str], years: slice
    ) -> CalibrationModel:
        """Return the model of a place, as ``masm.calibrate`` calls it."""
        return CalibrationModel(drivers, tuple(outputs), years, self.spinup_cycles)

    def simulate(
        self, drivers: xr.Dataset, parameters: Mapping[str, float]
    ) -> xr.Dataset:
        """Simulate one place with given parameters; the others have their default."""
        import ibis_dalec

        return ibis_dalec.simulate(
            drivers,
            dict(parameters),
            spinup_cycles=self.spinup_cycles,
            outputs=self.saved,
        )

    def simulate_pixels(
        self,
        weather: xr.Dataset,
        parameters: xr.Dataset,
        outputs: Sequence[str],
        chunk: int,
    ) -> Iterator[xr.Dataset]:
        """Simulate many places, ``chunk`` at a time."""
        from ibis_dalec import iterate_pixels

        yield from iterate_pixels(
            weather,
            parameters,
            chunk=chunk,
            spinup_cycles=self.spinup_cycles,
            outputs=list(outputs),
        )

    def warm_up(self) -> None:
        """Compile the model into its cache."""
        import ibis_dalec

        ibis_dalec.warm_up()


@dataclass(frozen=True)
class CalibrationModel:
    """The process model of one place, as ``masm.calibrate`` calls it.

    Attributes
    ----------
    drivers : xarray.Dataset
        Daily, from the spin-up year to the last calibration year.
    streams : tuple of str
        Outputs wanted.
    years : slice
        Of ``time``, the days wanted.
    spinup_cycles : int
        Repeats of the first year.
    """

    drivers: xr.Dataset
    streams: tuple[str, ...]
    years: slice
    spinup_cycles: int

    def __call__(self, theta: Any) -> xr.Dataset:
        """Simulate each parameter set; returns the streams over (sample, time)."""
        import ibis_dalec

        simulated = ibis_dalec.simulate_batch(
            self.drivers,
            dict(theta),
            spinup_cycles=self.spinup_cycles,
            outputs=self.streams,
        )
        return simulated.sel(time=self.years)


@cache
def _parameters() -> dict[str, Parameter]:
    from ibis_dalec import parameter_table

    return {
        str(name): Parameter(
            float(row["default"]),
            float(row["min"]),
            float(row["max"]),
            "1" if row["unit"] in ("", "-") else str(row["unit"]),
            str(row["description"]),
        )
        for name, row in parameter_table().iterrows()
    }
