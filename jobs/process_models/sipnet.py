"""Adapter of SIPNET, run in a day step and a night step for every date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.errors import ConfigError, Problem
from jobs.process_models.base import (
    AnalysedState,
    Array,
    MemberRun,
    Output,
    Parameter,
    Settings,
    UpdatedState,
)
from jobs.process_models.parameter_table import rows_of
from jobs.process_models.pixel_loop import run_places
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
_ANALYSED = {
    "above_ground_wood": AnalysedState("g m-2", "above-ground wood, carbon", 1e6),
    "lai": AnalysedState("1", "leaf area index", 30.0),
    "soil_carbon": AnalysedState("g m-2", "soil and litter, carbon", 1e6),
}


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
    analysed = _ANALYSED
    perturbed = ("temperature", "precipitation", "shortwave", "vpd")

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

        def one(place: xr.Dataset, where: str, given: dict[str, float]) -> xr.Dataset:
            lanes = {name: np.array([value]) for name, value in given.items()}
            run = _daily(self.drivers(place, where), lanes, self._options, "nan")
            return run.isel(sample=0, drop=True)

        yield from run_places(weather, parameters, outputs, chunk, one)

    def warm_up(self) -> None:
        """Compile the model into its cache."""
        from landmodels import sipnet

        sipnet.warm_up()

    @property
    def state_entries(self) -> tuple[str, ...]:
        """Names of the entries of a whole state."""
        from landmodels.sipnet import state_names

        return tuple(state_names())

    def check_members(self, parameters: Mapping[str, Array], where: str) -> None:
        """Refuse values out of range, and allocation fractions above one."""
        from landmodels.sipnet import InputError, check_parameters

        try:
            check_parameters(parameters, self._options)
        except InputError as exc:
            # A lane is a member.
            raise ConfigError(Problem(where, str(exc))) from exc

    def run_members(
        self,
        drivers: Sequence[xr.Dataset],
        parameters: Mapping[str, Array],
        outputs: Sequence[str],
        *,
        state: Array | None = None,
        pools: Mapping[str, Array] | None = None,
    ) -> MemberRun:
        """Run the members of one place; wood is the above-ground part of the start."""
        from landmodels import sipnet

        n = len(drivers)
        given = {name: np.asarray(value, float) for name, value in parameters.items()}
        if state is None and pools:
            given |= _initial(pools, given)
        shared = all(one is drivers[0] for one in drivers)
        lane = "sample" if shared else "site"
        names = [f"{k:04d}" for k in range(n)]
        forcing = (
            drivers[0]
            if shared
            else sipnet.join_sites(dict(zip(names, drivers, strict=True)))
        )
        if shared and not given:  # lanes need a parameter over them
            given = {"aMax": np.full(n, _parameters()["aMax"].default)}
        wanted = [_NATIVE.get(name, (name,)) for name in outputs]
        found = sipnet.simulate_batch(
            forcing,
            given,
            options=self._options,
            initial_state=None if state is None else self._labelled(state, lane),
            outputs=[*dict.fromkeys(sum(wanted, ())), "final_state"],
        )
        daily = sipnet.daily_values(found)
        final = found["final_state"].transpose(lane, "state").to_numpy()
        return MemberRun(_members_of(daily, lane, outputs), final)

    def analysed_of(self, state: Array, parameters: Mapping[str, Array]) -> Array:
        """Return wood, leaf area and soil carbon of whole states, (member, 3)."""
        one = dict(zip(self.state_entries, np.asarray(state).T, strict=True))
        return np.stack(
            [
                one["wood"] + one["unallocated"],
                one["leaf"] / one["leaf_carbon_per_area"],
                one["soil"] + one["litter"],
            ],
            axis=-1,
        )

    def update_state(
        self,
        state: Array,
        values: Mapping[str, Array],
        parameters: Mapping[str, Array],
    ) -> UpdatedState:
        """Set what was analysed; leaves by leaf carbon per area, see the model."""
        from landmodels import sipnet

        after = sipnet.update_state(self._labelled(state, "sample"), dict(values))
        return UpdatedState(
            after["final_state"].transpose("sample", "state").to_numpy(),
            after["carbon_added"].sum("pool").to_numpy(),
        )

    def _labelled(self, state: Array, lane: str) -> xr.DataArray:
        import xarray as xr

        coords: dict[str, Any] = {"state": list(self.state_entries)}
        if lane == "site":
            coords["site"] = [f"{k:04d}" for k in range(len(state))]
        return xr.DataArray(np.asarray(state), dims=(lane, "state"), coords=coords)


_NATIVE = {"er": ("ra", "rh")}
"""Outputs that are made of others."""


def _initial(pools: Mapping[str, Array], given: Mapping[str, Array]) -> dict[str, Any]:
    """Initial parameters from pools; roots come on top of the above-ground wood."""
    table = _parameters()

    def value(name: str) -> Any:
        return given.get(name, table[name].default)

    found: dict[str, Any] = {}
    if "lai" in pools:
        found["laiInit"] = np.asarray(pools["lai"])
    if "above_ground_wood" in pools:
        fraction = 1.0 - value("coarseRootFrac") - value("fineRootFrac")
        found["plantWoodInit"] = np.asarray(pools["above_ground_wood"]) / fraction
    if "soil_carbon" in pools:
        litter = value("litterInit") if "litterInit" in given else 0.0
        found["soilInit"] = np.asarray(pools["soil_carbon"]) - litter
        if np.any(found["soilInit"] < 0.0):
            raise ConfigError(
                Problem("", "soil_carbon at the start", found="less than litterInit")
            )
    return found


def _members_of(daily: xr.Dataset, lane: str, outputs: Sequence[str]) -> xr.Dataset:
    """Outputs over (member, time), in the units of the table."""
    if "er" in outputs:
        daily = daily.assign(er=daily["ra"] + daily["rh"])
    if "et" in outputs:
        daily = daily.assign(et=daily["et"] * _MM_PER_CM)
    found = daily[list(outputs)].rename({lane: "member"})
    for name in outputs:
        found[name].attrs = {
            "units": _OUTPUTS[name].unit,
            "long_name": _OUTPUTS[name].description,
        }
    return found.transpose("member", "time").drop_vars("member", errors="ignore")


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

    # Fractions of allocation above one make no plant: such a run has failed.
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

    return dict(rows_of(parameter_table()))
