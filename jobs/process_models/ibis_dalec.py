"""Adapter of IBIS-DALEC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.process_models.base import (
    AnalysedState,
    Array,
    MemberRun,
    Output,
    Parameter,
    Settings,
    UpdatedState,
)
from jobs.process_models.registry import refuse_options

if TYPE_CHECKING:
    import xarray as xr

_OUTPUTS = {
    "lai": Output("1", "leaf area index"),
    "gpp": Output("g m-2 d-1", "gross primary productivity, carbon"),
    "er": Output("g m-2 d-1", "ecosystem respiration, carbon"),
    "nee": Output("g m-2 d-1", "net ecosystem exchange, carbon"),
}

_ANALYSED = {
    "wood": AnalysedState("g m-2", "wood with coarse roots, carbon", 1e6),
    "lai": AnalysedState("1", "leaf area index", 12.0),
    "soil_carbon": AnalysedState("g m-2", "soil and litter, carbon", 1e6),
}
_LEAF_MASS = "p18"  # leaf carbon per leaf area


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
    analysed = _ANALYSED
    perturbed = ("temperature", "precipitation")
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

    @property
    def state_entries(self) -> tuple[str, ...]:
        """Names of the entries of a whole state."""
        from ibis_dalec import state_names

        return tuple(state_names())

    def check_members(self, parameters: Mapping[str, Array], where: str) -> None:
        """Refuse values out of the table's range; the run itself would be too late."""
        from jobs.errors import ConfigError, Problem

        for name, values in parameters.items():
            row = _parameters()[name]
            bad = ~((values >= row.low) & (values <= row.high))
            if bad.any():
                member = int(np.argmax(bad))
                raise ConfigError(
                    Problem(
                        where,
                        f"parameter {name} of member {member}",
                        found=f"{values[member]:g}",
                        wanted=f"{row.low:g} to {row.high:g} {row.unit}",
                    )
                )

    def run_members(
        self,
        drivers: Sequence[xr.Dataset],
        parameters: Mapping[str, Array],
        outputs: Sequence[str],
        *,
        state: Array | None = None,
        pools: Mapping[str, Array] | None = None,
    ) -> MemberRun:
        """Run the members of one place; without a state from the cold start.

        The spin-up is not run: its year would be that of no analysis.
        """
        import xarray as xr

        n = len(drivers)
        parts: list[Any] = [None] * n
        final = np.empty((n, len(self.state_entries)))
        for lanes in _lanes(drivers, apart=state is None and bool(pools)):
            given = {name: np.asarray(v)[lanes] for name, v in parameters.items()}
            found = self._run_lanes(drivers[lanes[0]], given, outputs, lanes,
                                    state, pools)  # fmt: skip
            final[lanes] = found["final_state"].transpose("sample", "state")
            for k, lane in enumerate(lanes):
                parts[lane] = found[list(outputs)].isel(sample=k, drop=True)
        daily = xr.concat(parts, "member", coords="minimal", compat="override")
        return MemberRun(daily.transpose("member", "time"), final)

    def _run_lanes(
        self,
        drivers: xr.Dataset,
        given: dict[str, Array],
        outputs: Sequence[str],
        lanes: list[int],
        state: Array | None,
        pools: Mapping[str, Array] | None,
    ) -> xr.Dataset:
        import ibis_dalec

        start: dict[str, Any] = {}
        if state is not None:
            start["initial_state"] = _labelled(state[lanes], self.state_entries)
        elif pools:
            one = {name: float(values[lanes[0]]) for name, values in pools.items()}
            names = {"wood": "cw", "soil_carbon": "csom"}
            start["initial_pools"] = {names[k]: v for k, v in one.items() if k in names}
            if "soil_carbon" in one:
                start["initial_pools"]["clit"] = 0.0
            if "lai" in one:
                leaf = float(_leaf_mass(given, 1)[0])
                start["initial_pools"]["cf"] = one["lai"] * leaf
        if not given:  # lanes need a parameter over them
            given = {_LEAF_MASS: _leaf_mass(given, len(lanes))}
        return ibis_dalec.simulate_batch(
            drivers, given, spinup_cycles=0, outputs=[*outputs, "final_state"], **start
        )

    def analysed_of(self, state: Array, parameters: Mapping[str, Array]) -> Array:
        """Return wood, leaf area and soil carbon of whole states, (member, 3)."""
        one = dict(zip(self.state_entries, np.asarray(state).T, strict=True))
        leaf = _leaf_mass(parameters, len(state))
        return np.stack(
            [one["cw"], one["cf"] / leaf, one["csom"] + one["clit"]], axis=-1
        )

    def update_state(
        self,
        state: Array,
        values: Mapping[str, Array],
        parameters: Mapping[str, Array],
    ) -> UpdatedState:
        """Set leaves by leaf carbon per area; soil and litter keep their proportion."""
        entries = list(self.state_entries)
        new = np.array(state, float)
        place = {name: entries.index(name) for name in ("cw", "cf", "csom", "clit")}

        def put(name: str, value: Array) -> None:
            column = new[:, place[name]]
            new[:, place[name]] = np.where(np.isfinite(value), value, column)

        if "wood" in values:
            put("cw", np.asarray(values["wood"], float))
        if "lai" in values:
            put("cf", np.asarray(values["lai"]) * _leaf_mass(parameters, len(new)))
        if "soil_carbon" in values:
            total = new[:, place["csom"]] + new[:, place["clit"]]
            share = np.divide(
                new[:, place["clit"]], total, out=np.zeros_like(total), where=total > 0
            )
            put("clit", np.asarray(values["soil_carbon"]) * share)
            put("csom", np.asarray(values["soil_carbon"]) * (1.0 - share))
        columns = list(place.values())
        added = (new - np.asarray(state, float))[:, columns].sum(axis=1)
        return UpdatedState(new, added)


def _lanes(drivers: Sequence[xr.Dataset], *, apart: bool) -> Iterator[list[int]]:
    """Members that run together: those that share their drivers, or each alone."""
    groups: dict[int, list[int]] = {}
    for k, one in enumerate(drivers):
        groups.setdefault(k if apart else id(one), []).append(k)
    yield from groups.values()


def _leaf_mass(parameters: Mapping[str, Array], n: int) -> Array:
    default = _parameters()[_LEAF_MASS].default
    return np.broadcast_to(np.asarray(parameters.get(_LEAF_MASS, default), float), (n,))


def _labelled(state: Array, entries: Sequence[str]) -> xr.DataArray:
    import xarray as xr

    coords = {"state": list(entries)}
    return xr.DataArray(np.asarray(state), dims=("sample", "state"), coords=coords)


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
