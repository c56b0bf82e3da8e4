"""Adapter of SIPNET, run in a day step and a night step for every date."""

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
    "nee": Output("g m-2 d-1", "net ecosystem exchange, carbon"),
    "gpp": Output("g m-2 d-1", "gross primary productivity, carbon"),
    "er": Output("g m-2 d-1", "ecosystem respiration, carbon"),
    "ra": Output("g m-2 d-1", "autotrophic respiration, carbon"),
    "rh": Output("g m-2 d-1", "heterotrophic respiration, carbon"),
    "et": Output("mm d-1", "evapotranspiration"),
    "lai": Output("1", "leaf area index at the end of the day"),
    "above_ground_wood": Output("g m-2", "above-ground wood, carbon"),
    "soil_carbon": Output("g m-2", "soil and litter, carbon"),
}
_MM_PER_CM = 10.0


class Sipnet:
    """The contract is `jobs.process_models.base.ProcessModel`.

    Parameters
    ----------
    settings : Settings
        Option ``options``: a named set of switches (``reanalysis`` by default).
    """

    name = "sipnet"
    title = "SIPNET"
    spinup_cycles = 0
    outputs = _OUTPUTS
    saved = ("lai", "gpp", "ra", "rh", "er", "nee", "et")

    def __init__(self, settings: Settings):
        known = {"options": "a named set of switches"}
        refuse_options(self.name, settings, known)
        self._options = str(settings.options.get("options", "reanalysis"))
        from landmodels.sipnet import OPTION_SETS

        if self._options not in OPTION_SETS:
            raise ConfigError(
                Problem(
                    "config.yaml",
                    "model.options.options",
                    found=f'"{self._options}"',
                    wanted=f"one of {', '.join(OPTION_SETS)}",
                )
            )

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Every parameter of the model, in the table's order."""
        return _parameters()

    def drivers(self, weather: xr.Dataset, where: str) -> xr.Dataset:
        """Make the day and night steps from daily weather."""
        import xarray as xr

        from landdata import shortwave_of, vapour_pressure_deficit_of
        from landmodels.sipnet import half_daily_drivers

        daily = xr.Dataset(
            {name: weather[name] for name in ("tmin", "tmax", "prec")},
            attrs=dict(weather.attrs),
        )
        light = shortwave_of(weather, where)
        deficit = vapour_pressure_deficit_of(weather, where) / 100.0
        daily["srad"] = ("time", light, {"units": "MJ m-2 d-1"})
        daily["vpd"] = ("time", deficit, {"units": "hPa"})
        return half_daily_drivers(daily, latitude=float(weather["lat"]))

    def calibration_model(
        self, drivers: xr.Dataset, outputs: Sequence[str], years: slice
    ) -> CalibrationModel:
        """Return the model of a place, as ``masm.calibrate`` calls it."""
        return CalibrationModel(drivers, tuple(outputs), years, self._options)

    def simulate(
        self, drivers: xr.Dataset, parameters: Mapping[str, float]
    ) -> xr.Dataset:
        """Simulate one place with given parameters; the others have their default."""
        one = {name: np.array([value]) for name, value in parameters.items()}
        found = _daily(drivers, one, self._options, "keep")
        found = found[list(self.saved)]
        return found.isel(sample=0, drop=True) if "sample" in found.dims else found

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
            rows = range(start, min(start + chunk, weather.sizes["pixel"]))
            found = []
            for row in rows:
                one = weather.isel(pixel=row)
                drivers = self.drivers(one, f"pixel {int(one['pixel'])}")
                values = parameters.isel(pixel=row)
                given = {str(n): np.array([float(v)]) for n, v in values.items()}
                run = _daily(drivers, given, self._options, "nan")
                found.append(run[list(outputs)].isel(sample=0, drop=True))
            yield xr.concat(found, weather["pixel"].isel(pixel=list(rows)))

    def warm_up(self) -> None:
        """Compile the model into its cache."""
        from landmodels import sipnet

        sipnet.warm_up()


@dataclass(frozen=True)
class CalibrationModel:
    """SIPNET at one place. A run whose plant dies counts as failed.

    Attributes
    ----------
    drivers : xarray.Dataset
        Steps, from the first year to the last calibration year.
    streams : tuple of str
        Outputs wanted.
    years : slice
        Of ``time``, the days wanted.
    options : str
        Named set of switches.
    """

    drivers: xr.Dataset
    streams: tuple[str, ...]
    years: slice
    options: str

    def __call__(self, theta: Any) -> xr.Dataset:
        """Simulate each parameter set; returns the streams over (sample, time)."""
        given = {name: np.atleast_1d(value) for name, value in dict(theta).items()}
        found = _daily(self.drivers, given, self.options, "nan")
        return found[list(self.streams)].sel(time=self.years)


def _daily(
    drivers: xr.Dataset, given: Mapping[str, Any], options: str, dead: str
) -> xr.Dataset:
    """Daily values in the units of ``_OUTPUTS``, over (sample, time)."""
    from landmodels import sipnet

    # Shares of allocation above one make no plant: such a run has failed.
    found = sipnet.simulate_batch(
        drivers, given, options=options, dead_runs=dead, inconsistent_parameters="nan"
    )
    found = sipnet.daily_values(found)
    found["er"] = found["ra"] + found["rh"]
    found["et"] = found["et"] * _MM_PER_CM
    for name, output in _OUTPUTS.items():
        found[name].attrs |= {"units": output.unit, "long_name": output.description}
    return found


@cache
def _parameters() -> dict[str, Parameter]:
    from landmodels.sipnet import parameter_table

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
