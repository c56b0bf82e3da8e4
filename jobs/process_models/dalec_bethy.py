"""Adapter of DALEC-BETHY: one vegetation type at each place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.errors import ConfigError, Problem
from jobs.process_models.base import Output, Parameter, Settings
from jobs.process_models.registry import refuse_options

if TYPE_CHECKING:
    import xarray as xr

_OUTPUTS = {
    "lai": Output("1", "leaf area index at the start of the day"),
    "gpp": Output("g m-2 d-1", "gross primary productivity, carbon"),
    "ra": Output("g m-2 d-1", "autotrophic respiration, carbon"),
    "rh": Output("g m-2 d-1", "heterotrophic respiration, carbon"),
    "er": Output("g m-2 d-1", "ecosystem respiration, carbon"),
    "nee": Output("g m-2 d-1", "net ecosystem exchange, carbon"),
    "et": Output("mm d-1", "evapotranspiration"),
}
_SECONDS_OF_A_DAY = 86_400.0


class DalecBethy:
    """The contract is `jobs.process_models.base.ProcessModel`.

    Parameters
    ----------
    settings : Settings
        Options ``vegetation_type`` (see `landmodels.dalec_bethy.vegetation_types`)
        and ``elevation`` (m).
    """

    name = "dalec_bethy"
    title = "DALEC-BETHY"
    spinup_cycles = 0
    outputs = _OUTPUTS
    saved = ("lai", "gpp", "ra", "rh", "er", "nee", "et")

    def __init__(self, settings: Settings):
        from landmodels.dalec_bethy import vegetation_types

        known = {"vegetation_type": "a type", "elevation": "m above the sea"}
        refuse_options(self.name, settings, known)
        self._type = str(settings.options.get("vegetation_type", "TmSg"))
        if self._type not in vegetation_types():
            raise ConfigError(
                Problem(
                    "config.yaml",
                    "model.options.vegetation_type",
                    found=f'"{self._type}"',
                    wanted=f"one of {', '.join(vegetation_types())}",
                )
            )
        self._elevation = float(settings.options.get("elevation", 0.0))

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Every parameter that can be calibrated, in the table's order."""
        return _parameters(self._type)

    def drivers(self, weather: xr.Dataset, where: str) -> xr.Dataset:
        """Make the model's daily forcing."""
        import xarray as xr

        from landdata import shortwave_of, vapour_pressure_deficit_of
        from landmodels.dalec_bethy import validate_forcing

        names = ("tmin", "tmax", "prec", "co2")
        light = shortwave_of(weather, where) * 1e6 / _SECONDS_OF_A_DAY
        deficit = vapour_pressure_deficit_of(weather, where)
        daily = xr.Dataset({n: weather[n] for n in names}, attrs=dict(weather.attrs))
        daily = daily.assign(
            srad=("time", light, {"units": "W m-2"}),
            vpd=("time", deficit, {"units": "Pa"}),
            lat=((), float(weather["lat"]), {"units": "degrees_north"}),
            elevation=((), self._elevation, {"units": "m"}),
        )
        return validate_forcing(daily, where=where)

    def calibration_model(
        self, drivers: xr.Dataset, outputs: Sequence[str], years: slice
    ) -> CalibrationModel:
        """Return the model of a place, as ``masm.calibrate`` calls it."""
        return CalibrationModel(drivers, tuple(outputs), years, self._type)

    def simulate(
        self, drivers: xr.Dataset, parameters: Mapping[str, float]
    ) -> xr.Dataset:
        """Simulate one place with given parameters; the others have their default."""
        from landmodels import dalec_bethy

        return dalec_bethy.simulate(
            drivers, dict(parameters), vegetation_type=self._type, outputs=self.saved
        )

    def simulate_pixels(
        self,
        weather: xr.Dataset,
        parameters: xr.Dataset,
        outputs: Sequence[str],
        chunk: int,
    ) -> Iterator[xr.Dataset]:
        """Simulate many places, ``chunk`` at a time."""
        import xarray as xr

        for start in range(0, weather.sizes["pixel"], chunk):
            rows = list(range(start, min(start + chunk, weather.sizes["pixel"])))
            found = []
            for row in rows:
                one = weather.isel(pixel=row)
                drivers = self.drivers(one, f"pixel {int(one['pixel'])}")
                values = parameters.isel(pixel=row)
                given = {str(n): float(v) for n, v in values.items()}
                found.append(self.simulate(drivers, given)[list(outputs)])
            yield xr.concat(found, weather["pixel"].isel(pixel=rows))

    def warm_up(self) -> None:
        """Compile the model into its cache."""
        from landmodels import dalec_bethy

        dalec_bethy.warm_up()


@dataclass(frozen=True)
class CalibrationModel:
    """DALEC-BETHY at one place, as ``masm.calibrate`` calls it.

    Attributes
    ----------
    drivers : xarray.Dataset
        Daily, from the first year to the last calibration year.
    streams : tuple of str
        Outputs wanted.
    years : slice
        Of ``time``, the days wanted.
    vegetation_type : str
        Type that the defaults belong to.
    """

    drivers: xr.Dataset
    streams: tuple[str, ...]
    years: slice
    vegetation_type: str

    def __call__(self, theta: Any) -> xr.Dataset:
        """Simulate each parameter set; returns the streams over (sample, time)."""
        from landmodels import dalec_bethy

        given = {name: np.atleast_1d(value) for name, value in dict(theta).items()}
        found = dalec_bethy.simulate_batch(
            self.drivers,
            given,
            vegetation_type=self.vegetation_type,
            outputs=self.streams,
        )
        return found.sel(time=self.years)


@cache
def _parameters(vegetation_type: str) -> dict[str, Parameter]:
    from landmodels.dalec_bethy import parameter_table

    table = parameter_table(vegetation_type)
    return {
        str(name): Parameter(
            float(row["default"]),
            float(row["min"]),
            float(row["max"]),
            "1" if row["unit"] in ("", "-") else str(row["unit"]),
            str(row["description"]),
        )
        for name, row in table.iterrows()
        if row["min"] < row["max"]
    }
