"""Adapter of monthly CENTURY.

Daily weather is averaged (temperature) or summed (precipitation) to months. Monthly
sums of the model come back as a constant rate on each day of their month, and stocks
as a constant on each day, so that means over any window of whole months are the
model's own. Observations are best given as monthly means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.errors import ConfigError, Problem
from jobs.process_models.base import Output, Parameter, Settings
from jobs.process_models.parameter_table import rows_of
from jobs.process_models.pixel_loop import run_places
from jobs.process_models.registry import refuse_options

if TYPE_CHECKING:
    import xarray as xr

_OUTPUTS = {
    "nee": Output("g m-2 d-1", "net ecosystem exchange, carbon, constant in a month"),
    "npp": Output("g m-2 d-1", "net primary productivity, carbon"),
    "rh": Output("g m-2 d-1", "heterotrophic respiration, carbon"),
    "et": Output("mm d-1", "evapotranspiration"),
    "soil_carbon": Output("g m-2", "soil organic carbon, 0 to 20 cm"),
}
_OPTIONS = {
    "ecosystem": "meadow or steppe",
    "bulk_density": "dry bulk density (g cm-3)",
    "ph": "soil pH in water",
    "depth_factor": "what soil carbon is multiplied with, for another depth",
}
_FIRST_DAY, _MM_PER_CM = "MS", 10.0


class Century:
    """The contract is `jobs.process_models.base.ProcessModel`.

    Parameters
    ----------
    settings : Settings
        Options ``ecosystem`` (meadow by default), ``bulk_density`` and ``ph`` (1.1
        g cm-3 and 7.0 are assumed), ``depth_factor``. The spin-up is the steady state
        of the years of the run.
    """

    name = "century"
    title = "CENTURY"
    spinup_cycles = 0
    outputs = _OUTPUTS
    saved = tuple(_OUTPUTS)

    def __init__(self, settings: Settings):
        refuse_options(self.name, settings, _OPTIONS)
        given = settings.options
        ecosystem = str(given.get("ecosystem", "meadow"))
        if ecosystem not in ("meadow", "steppe"):
            raise ConfigError(
                Problem(
                    "config.yaml",
                    "model.options.ecosystem",
                    found=f'"{ecosystem}"',
                    wanted=_OPTIONS["ecosystem"],
                )
            )
        self._ecosystem = ecosystem
        self._soil = {
            "bulk_density": float(given.get("bulk_density", 1.1)),
            "ph": float(given.get("ph", 7.0)),
        }
        self._depth_factor = float(given.get("depth_factor", 1.0))

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Parameters that have a range, in the table's order."""
        return _parameters(self._ecosystem)

    def drivers(self, weather: xr.Dataset, where: str) -> xr.Dataset:
        """Make monthly drivers of daily weather."""
        import xarray as xr

        from landmodels.century import validate_forcing

        means = weather[["tmin", "tmax"]].resample(time=_FIRST_DAY).mean()
        rain = weather["prec"].resample(time=_FIRST_DAY).sum()
        monthly = xr.Dataset(
            {
                "tmin": ("time", means["tmin"].to_numpy(), {"units": "degC"}),
                "tmax": ("time", means["tmax"].to_numpy(), {"units": "degC"}),
                "prec": ("time", rain.to_numpy(), {"units": "mm month-1"}),
            },
            coords={"time": means["time"].to_numpy()},
            attrs=dict(weather.attrs),
        )
        sand, clay = float(weather["sand"]) / 100.0, float(weather["clay"]) / 100.0
        site = {"sand": sand, "clay": clay, "silt": 1.0 - sand - clay, **self._soil}
        for name, value in site.items():
            unit = "g cm-3" if name == "bulk_density" else "1"
            monthly[name] = ((), value, {"units": unit})
        monthly["lat"] = ((), float(weather["lat"]), {"units": "degrees_north"})
        return validate_forcing(monthly, where=where)

    def calibration_model(
        self, drivers: xr.Dataset, outputs: Sequence[str], years: slice
    ) -> CalibrationModel:
        """Return the model of a place, as ``masm.calibrate`` calls it."""
        return CalibrationModel(
            drivers, tuple(outputs), years, self._ecosystem, self._depth_factor
        )

    def simulate(
        self, drivers: xr.Dataset, parameters: Mapping[str, float]
    ) -> xr.Dataset:
        """Simulate one place with given parameters; the others have their default."""
        one = {name: np.array([value]) for name, value in parameters.items()}
        every = slice(None, None)
        found = self.calibration_model(drivers, self.saved, every).run(one)
        return found.isel(sample=0, drop=True) if "sample" in found.dims else found

    def simulate_pixels(
        self,
        weather: xr.Dataset,
        parameters: xr.Dataset,
        outputs: Sequence[str],
        chunk: int,
    ) -> Iterator[xr.Dataset]:
        """Simulate many places; outputs that the model does not have are NaN."""

        def one(place: xr.Dataset, where: str, given: dict[str, float]) -> xr.Dataset:
            return self.simulate(self.drivers(place, where), given)

        yield from run_places(weather, parameters, outputs, chunk, one)

    def warm_up(self) -> None:
        """Compile the model into its cache."""
        from landmodels import century

        century.warm_up()


@dataclass(frozen=True)
class CalibrationModel:
    """CENTURY at one place. A parameter set without a steady state has failed.

    Attributes
    ----------
    drivers : xarray.Dataset
        Monthly.
    streams : tuple of str
        Outputs wanted.
    years : slice
        Of ``time``, the days wanted.
    ecosystem : str
        Class of the parameter defaults.
    depth_factor : float
        What soil carbon is multiplied with.
    """

    drivers: xr.Dataset
    streams: tuple[str, ...]
    years: slice
    ecosystem: str
    depth_factor: float

    def __call__(self, theta: Any) -> xr.Dataset:
        """Simulate each parameter set; returns the streams over (sample, time)."""
        given = {name: np.atleast_1d(value) for name, value in dict(theta).items()}
        return self.run(given)[list(self.streams)].sel(time=self.years)

    def run(self, given: Mapping[str, Any]) -> xr.Dataset:
        """Every output on each day, over (sample, time)."""
        import xarray as xr

        from landmodels.errors import InputError

        try:
            return self._daily(self._monthly(given))
        except InputError:
            n = max((len(values) for values in given.values()), default=1)
            if n == 1:
                raise
        # One parameter set of many contradicts itself: it alone has failed.
        parts: list[xr.Dataset | None] = []
        for k in range(n):
            one = {name: values[k : k + 1] for name, values in given.items()}
            try:
                parts.append(self._daily(self._monthly(one)))
            except InputError:
                parts.append(None)
        good = next((part for part in parts if part is not None), None)
        if good is None:
            raise ValueError("no parameter set is consistent")
        return xr.concat(
            [xr.full_like(good, np.nan) if p is None else p for p in parts], "sample"
        )

    def _monthly(self, given: Mapping[str, Any]) -> xr.Dataset:
        from landmodels import century

        return century.simulate_batch(
            self.drivers,
            dict(given),
            ecosystem=self.ecosystem,
            spinup_forcing=self.drivers,
            depth_factor=self.depth_factor,
            outputs=["nep", "npp", "rh", "et", "soc"],
        )

    def _daily(self, found: xr.Dataset) -> xr.Dataset:
        import pandas as pd
        import xarray as xr

        months = pd.DatetimeIndex(found["time"].to_numpy())
        lengths = months.days_in_month.to_numpy()
        days = pd.date_range(months[0], months[-1] + pd.offsets.MonthEnd(1), freq="D")
        at = np.repeat(np.arange(months.size), lengths)
        rate = xr.DataArray(1.0 / lengths, dims="time", coords={"time": months})
        made = {
            "nee": -found["nep"] * rate,
            "npp": found["npp"] * rate,
            "rh": found["rh"] * rate,
            "et": found["et"] * rate * _MM_PER_CM,
            "soil_carbon": found["soc"],
        }
        data = xr.Dataset(made).isel(time=at).assign_coords(time=days)
        for name, output in _OUTPUTS.items():
            data[name].attrs = {"units": output.unit, "long_name": output.description}
        return data


@cache
def _parameters(ecosystem: str) -> dict[str, Parameter]:
    from landmodels.century import parameter_table

    column = "default" if ecosystem == "meadow" else "default_steppe"
    return {
        name: row
        for name, row in rows_of(parameter_table(), column)
        if row.low < row.high and row.low <= row.default <= row.high
    }
