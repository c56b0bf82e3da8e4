"""Adapter of DALEC-BETHY: one or more vegetation types at each place.

The model gives exact derivatives of its daily series, satellite streams included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.errors import ConfigError, Problem
from jobs.process_models.base import NormalPrior, Output, Parameter, Settings
from jobs.process_models.parameter_table import unit_of
from jobs.process_models.pixel_loop import run_places
from jobs.process_models.registry import refuse_options

if TYPE_CHECKING:
    import xarray as xr

    from landmodels.dalec_bethy import CellModel

_OUTPUTS = {
    "lai": Output("1", "leaf area index at the start of the day"),
    "gpp": Output("g m-2 d-1", "gross primary productivity, carbon"),
    "ra": Output("g m-2 d-1", "autotrophic respiration, carbon"),
    "rh": Output("g m-2 d-1", "heterotrophic respiration, carbon"),
    "er": Output("g m-2 d-1", "ecosystem respiration, carbon"),
    "nee": Output("g m-2 d-1", "net ecosystem exchange, carbon"),
    "et": Output("mm d-1", "evapotranspiration"),
    "sif": Output(
        "mW m-2 sr-1 nm-1", "solar-induced fluorescence at 743 nm, at its overpass"
    ),
    "fapar": Output("1", "absorbed fraction of the light, at its overpass"),
    "ssm": Output("m3 m-3", "soil moisture of the surface layer"),
    "lvod": Output("1", "vegetation optical depth in L-band"),
    "vegetation_carbon": Output("g m-2", "carbon of the vegetation"),
    "soil_carbon": Output("g m-2", "carbon of litter and soil"),
}
_SECONDS_OF_A_DAY = 86_400.0
_OPTIONS = {
    "vegetation_type": "a type",
    "vegetation": "types with their fractions",
    "elevation": "m above the sea",
    "overpass_hours": "local hours by stream",
}


class DalecBethy:
    """The contract is `jobs.process_models.base.ProcessModel`.

    Parameters
    ----------
    settings : Settings
        Options ``vegetation_type`` (see `landmodels.dalec_bethy.vegetation_types`),
        or ``vegetation`` with the fraction of each of several types; ``elevation`` (m);
        ``overpass_hours``, the local hour 0..23 of a satellite's stream, or -1 for
        the whole day.
    """

    name = "dalec_bethy"
    title = "DALEC-BETHY"
    spinup_cycles = 0
    outputs = _OUTPUTS
    saved = tuple(_OUTPUTS)

    def __init__(self, settings: Settings):
        refuse_options(self.name, settings, _OPTIONS)
        self._fractions = _fractions(settings.options)
        self._hours = _hours(settings.options.get("overpass_hours", {}))
        self._elevation = _elevation(settings.options.get("elevation", 0.0))

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Every parameter that can be calibrated, in the table's order."""
        return _parameters(tuple(self._fractions))

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
        return CalibrationModel(
            drivers, tuple(outputs), years, self._fractions, self._hours
        )

    def simulate(
        self, drivers: xr.Dataset, parameters: Mapping[str, float]
    ) -> xr.Dataset:
        """Simulate one place with given parameters; the others have their default."""
        model = self.calibration_model(drivers, self.saved, slice(None))
        return model(dict(parameters)).isel(sample=0, drop=True)

    def simulate_pixels(
        self,
        weather: xr.Dataset,
        parameters: xr.Dataset,
        outputs: Sequence[str],
        chunk: int,
    ) -> Iterator[xr.Dataset]:
        """Simulate many places, ``chunk`` at a time."""

        def one(place: xr.Dataset, where: str, given: dict[str, float]) -> xr.Dataset:
            drivers = self.drivers(place, where)
            model = self.calibration_model(drivers, outputs, slice(None))
            return model(given).isel(sample=0, drop=True)

        yield from run_places(weather, parameters, outputs, chunk, one)

    def warm_up(self) -> None:
        """Compile the model into its cache."""
        from landmodels import dalec_bethy

        dalec_bethy.warm_up()


@dataclass(frozen=True)
class CalibrationModel:
    """DALEC-BETHY at one place, as ``masm.calibrate`` calls it, with derivatives.

    It is a `masm.runners.derivatives.DifferentiableModel`.

    Attributes
    ----------
    drivers : xarray.Dataset
        Daily, from the first year to the last calibration year.
    streams : tuple of str
        Outputs wanted.
    years : slice
        Of ``time``, the days wanted.
    fractions : mapping
        Fraction of each vegetation type.
    hours : mapping
        Local hours of overpasses that differ from the model's own.
    """

    drivers: xr.Dataset
    streams: tuple[str, ...]
    years: slice
    fractions: Mapping[str, float]
    hours: Mapping[str, int] = field(default_factory=dict)

    def __call__(self, theta: Any) -> xr.Dataset:
        """Simulate each parameter set; returns the streams over (sample, time)."""
        given = {name: np.atleast_1d(value) for name, value in dict(theta).items()}
        n = max((value.size for value in given.values()), default=1)
        rows = [self._cell(_row(given, i)) for i in range(n)]
        stacked = {s: np.stack([row[s] for row in rows]) for s in self.streams}
        return self._dataset(stacked, ("sample", "time"))

    def vjp(self, theta: Any) -> tuple[xr.Dataset, Callable[[Mapping[str, Any]], Any]]:
        """Series of one parameter set, and the adjoint from days to parameters."""
        given = dict(theta)
        series, pull = self._cell.vjp(_row(given, 0))
        wanted = self._days

        def pullback(weights: Mapping[str, Any]) -> Any:
            whole = {s: np.zeros(wanted.size) for s in weights}
            for stream, values in weights.items():
                whole[stream][wanted] = values
            return _of_theta(pull(whole), self._cell.names, list(given))

        return self._dataset(series, ("time",)), pullback

    def jacobian(
        self, theta: Any, names: Sequence[str]
    ) -> tuple[xr.Dataset, dict[str, Any]]:
        """Series of one parameter set, and slopes (time, name) by stream."""
        series, slopes = self._cell.jacobian(_row(dict(theta), 0), names)
        rows = {stream: value[self._days] for stream, value in slopes.items()}
        return self._dataset(series, ("time",)), rows

    def collapsed(self, theta: Any) -> list[str]:
        """Return tiles and years in which the canopy has died out."""
        return list(self._cell.collapsed(_row(dict(theta), 0)))

    @cached_property
    def _cell(self) -> CellModel:
        from landmodels.dalec_bethy import CellModel, drivers_of

        return CellModel(
            drivers_of(self.drivers), self.fractions, self.streams, hours=self.hours
        )

    @cached_property
    def _days(self) -> Any:
        """Which days are wanted, a mask."""
        time = self.drivers["time"]
        return time.isin(time.sel(time=self.years)).to_numpy()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made anew in a process of its own."""
        kept = dict(self.__dict__)
        for name in ("_cell", "_days"):
            kept.pop(name, None)
        return kept

    def _dataset(self, values: Mapping[str, Any], dims: tuple[str, ...]) -> xr.Dataset:
        import xarray as xr

        made = {
            stream: (dims, array, {"units": _OUTPUTS[stream].unit})
            for stream, array in values.items()
        }
        whole = xr.Dataset(made, coords={"time": self.drivers["time"]})
        return whole.sel(time=self.years)


def _row(given: Mapping[str, Any], i: int) -> dict[str, float]:
    return {name: float(np.atleast_1d(value)[i]) for name, value in given.items()}


def _of_theta(gradient: Any, names: Sequence[str], wanted: Sequence[str]) -> Any:
    """Gradient in the order of the parameters given; 0 where there is no effect."""
    by_name = dict(zip(names, gradient, strict=True))
    return np.array([by_name.get(name, 0.0) for name in wanted])


def _fractions(options: Mapping[str, Any]) -> dict[str, float]:
    """Shares of the vegetation types of the options."""
    from landmodels.dalec_bethy import DEFAULT_TYPE, vegetation_types

    known, where = vegetation_types(), "model.options.vegetation"
    if "vegetation" not in options:
        kind = str(options.get("vegetation_type", DEFAULT_TYPE))
        if kind not in known:
            raise _wrong(f"{where}_type", f'"{kind}"', f"one of {', '.join(known)}")
        return {kind: 1.0}
    given = options["vegetation"]
    if "vegetation_type" in options:
        raise _wrong(where, "vegetation_type as well", "one of the two")
    if not isinstance(given, Mapping) or not given:
        raise _wrong(where, repr(given), "fractions such as {EvCn: 0.67, EShr: 0.33}")
    for kind, fraction in given.items():
        number = isinstance(fraction, int | float) and not isinstance(fraction, bool)
        if kind not in known:
            raise _wrong(where, f'"{kind}"', f"types among {', '.join(known)}")
        if not (number and 0.0 < fraction <= 1.0):
            raise _wrong(
                f"{where}.{kind}", repr(fraction), "a fraction above 0, at most 1"
            )
    total = sum(given.values())
    if abs(total - 1.0) > 1e-6:
        raise _wrong(where, f"fractions that sum to {total:g}", "a sum of 1")
    return {str(kind): float(fraction) for kind, fraction in given.items()}


def _hours(given: Any) -> dict[str, int]:
    """Overpass hours of the options."""
    from landmodels.dalec_bethy import OVERPASS_HOURS

    where = "model.options.overpass_hours"
    if not isinstance(given, Mapping):
        raise _wrong(where, repr(given), "hours by stream, such as {sif: 13}")
    for stream, hour in given.items():
        whole = isinstance(hour, int) and not isinstance(hour, bool)
        if stream not in OVERPASS_HOURS:
            raise _wrong(where, f'"{stream}"', f"one of {', '.join(OVERPASS_HOURS)}")
        if not (whole and -1 <= hour <= 23):
            raise _wrong(
                f"{where}.{stream}", repr(hour), "0 to 23, or -1 for the whole day"
            )
    return {str(stream): int(hour) for stream, hour in given.items()}


def _elevation(given: Any) -> float:
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not (number and -500.0 <= given <= 9000.0):
        raise _wrong("model.options.elevation", repr(given), "m, -500 to 9000")
    return float(given)


def _wrong(where: str, found: str, wanted: str) -> ConfigError:
    return ConfigError(Problem("config.yaml", where, found=found, wanted=wanted))


@cache
def _parameters(types: tuple[str, ...]) -> dict[str, Parameter]:
    from landmodels.dalec_bethy import cell_controls, control_range, parameter_table

    table = parameter_table(types[0])
    found = {}
    for name, control in cell_controls(types).items():
        stem, _, kind = name.partition(".")
        unit, text = _OPERATOR_ROWS.get(stem, ("", ""))
        if stem in table.index:
            row = table.loc[stem]
            unit, text = str(row["unit"]), str(row["description"])
        low, high = control_range(control)
        found[name] = Parameter(
            control.prior,
            low,
            high,
            unit_of(unit),
            f"{text}, {kind}" if kind else text,
            _prior(control.transform, control.prior, control.sd),
        )
    return found


_OPERATOR_ROWS = {
    "aw": ("m2 g-1", "L-band optical depth of wood carbon"),
    "al": ("1", "L-band optical depth of a unit of leaf area"),
    "v0": ("1", "fraction of the optical depth that dry roots leave"),
    "sif_scale": ("1", "scale of the fluorescence"),
}


def _prior(transform: str, mean: float, sd: float) -> NormalPrior:
    """Prior of a control: ``sd`` is in the parameter's unit, but for ``log2``."""
    if transform == "log":
        return NormalPrior("log", mean, sd / mean)
    if transform == "log2":
        return NormalPrior("log", mean, sd)
    if transform == "logit":
        return NormalPrior("logit", mean, sd / (mean * (1.0 - mean)))
    return NormalPrior("linear", mean, sd)
