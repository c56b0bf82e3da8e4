"""Adapter of IBIS-DALEC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from jobs.process_models.operators import Operator, chosen_operators
from jobs.process_models.parameter_table import rows_of
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
PARAMETER_SETS: dict[str, dict[str, float]] = {
    "deciduous": {},
    # Needles stay for years, and no day begins their fall. At four evergreen towers
    # these two lower the RMSE of GPP from 2.27 to 1.65 g m-2 d-1, nothing calibrated.
    "evergreen": {"p5": 0.002, "p20": 360.0},
}
"""Defaults that differ from the parameter table, by the name of the starting point."""
_OPTIONS = {
    "operators": "observations made of outputs, such as [fapar]",
    "settled": "a fraction below 1",
    "parameter_set": f"one of {', '.join(PARAMETER_SETS)}",
}
_LEAF_MASS = "p18"  # leaf carbon per leaf area


class IbisDalec:
    """IBIS coupled with DALEC; the contract is `jobs.process_models.base.ProcessModel`.

    Parameters
    ----------
    settings : Settings
        Options: ``operators``, observations to make of the outputs;
        ``parameter_set``, which defaults to start from; ``settled``: the physics of a
        spin-up ends once a cycle changes the leaves by at most this fraction
        (`ibis_dalec.simulate`), 0, never, by default.

    Attributes
    ----------
    plant_type : str
        The only one that the model stands for.
    exported : tuple of str
        Outputs that files of intercomparisons are made from.
    """

    name = "ibis_dalec"
    title = "IBIS-DALEC"
    analysed = _ANALYSED
    perturbed = ("temperature", "precipitation")
    plant_type = "temperate deciduous broadleaf"
    exported = (
        *("lai", "gpp", "er", "nee", "ra", "rh", "et", "transpiration"),
        *("surface_evaporation", "runoff", "drainage", "soil_water", "soil_water_top"),
        *("snow_water", "sensible_heat", "latent_heat", "ground_heat"),
        *("skin_temperature", "clab", "cf", "cr", "cw", "clit", "csom"),
    )

    def __init__(self, settings: Settings):
        refuse_options(self.name, settings, _OPTIONS)
        self.spinup_cycles = settings.spinup_cycles
        self.settled = _fraction(settings.options.get("settled", 0.0))
        self.operators = chosen_operators(settings.options.get("operators", ()))
        self._start = _parameter_set(settings.options.get("parameter_set", "deciduous"))
        made = {name: one.output for name, one in self.operators.items()}
        self.outputs = {**_OUTPUTS, **made}
        self.saved = ("lai", "gpp", "ra", "rh", "er", "nee", "et", *made)

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Every parameter of the model and its operators, in the table's order."""
        rows = dict(_parameters())
        for name, value in self._start.items():
            rows[name] = replace(rows[name], default=value)
        for operator in self.operators.values():
            rows.update(operator.parameters)
        return rows

    def drivers(self, weather: xr.Dataset, where: str) -> xr.Dataset:
        """Return the daily weather as the model takes it, checked.

        Humidity, pressure and cloud cover are made of what was measured; see
        `landdata.with_drivers`.
        """
        from ibis_dalec import validate_forcing
        from landdata import with_drivers

        return validate_forcing(with_drivers(weather, where), where=where)

    def calibration_model(
        self, drivers: xr.Dataset, outputs: Sequence[str], years: slice
    ) -> CalibrationModel:
        """Return the model of a place, as ``masm.calibrate`` calls it."""
        return CalibrationModel(
            drivers,
            tuple(outputs),
            years,
            self.spinup_cycles,
            self.settled,
            self._start,
            tuple(self.operators),
        )

    def simulate(
        self, drivers: xr.Dataset, parameters: Mapping[str, float]
    ) -> xr.Dataset:
        """Simulate one place with given parameters; the others have their default."""
        import ibis_dalec

        needed, physics, theirs = _split(
            self.operators, self.saved, {**self._start, **parameters}
        )
        found = ibis_dalec.simulate(
            drivers,
            physics,
            spinup_cycles=self.spinup_cycles,
            **_ending(self.settled),
            outputs=needed,
        )
        return _observed(self.operators, found, self.saved, theirs)

    def simulate_pixels(
        self,
        weather: xr.Dataset,
        parameters: xr.Dataset,
        outputs: Sequence[str],
        chunk: int,
    ) -> Iterator[xr.Dataset]:
        """Simulate many places, ``chunk`` at a time."""
        from ibis_dalec import iterate_pixels
        from landdata import with_drivers

        given = parameters.assign(
            {n: ("pixel", np.full(parameters.sizes["pixel"], v))
             for n, v in self._start.items() if n not in parameters}
        )  # fmt: skip
        columns = {str(name): given[name] for name in given.data_vars}
        needed, physics, theirs = _split(self.operators, outputs, columns)
        for part in iterate_pixels(
            with_drivers(weather, "the region"),
            given[list(physics)],
            chunk=chunk,
            spinup_cycles=self.spinup_cycles,
            **_ending(self.settled),
            outputs=list(needed),
        ):
            mine = {
                name: values.sel(pixel=part["pixel"]) if "pixel" in part.coords
                else values
                for name, values in theirs.items()
            }  # fmt: skip
            yield _observed(self.operators, part, outputs, mine)

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
        if self.operators:
            needed, given, theirs = _split(self.operators, outputs, given)
            if theirs or set(needed) != set(outputs):
                raise ValueError("members observe outputs of the model alone")
        given = {
            **{n: np.full(len(lanes), v) for n, v in self._start.items()},
            **given,
        }
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
            fraction = np.divide(
                new[:, place["clit"]], total, out=np.zeros_like(total), where=total > 0
            )
            put("clit", np.asarray(values["soil_carbon"]) * fraction)
            put("csom", np.asarray(values["soil_carbon"]) * (1.0 - fraction))
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
    settled : float
        Change of a cycle below which its physics has settled; 0 for never.
    start : mapping
        Parameters that are not the table's default where they are not given.
    operators : tuple of str
        Names of what is computed from outputs.
    """

    drivers: xr.Dataset
    streams: tuple[str, ...]
    years: slice
    spinup_cycles: int
    settled: float = 0.0
    start: Mapping[str, float] = field(default_factory=dict)
    operators: tuple[str, ...] = ()

    def __call__(self, theta: Any) -> xr.Dataset:
        """Simulate each parameter set; returns the streams over (sample, time).

        Without any parameter, the defaults: one sample.
        """
        import ibis_dalec

        operators = chosen_operators(self.operators)
        n = np.size(next(iter(dict(theta).values()), 0.0))  # none: the defaults, once
        fixed = {k: np.full(n, v) for k, v in self.start.items() if k not in theta}
        needed, physics, theirs = _split(
            operators, self.streams, {**fixed, **dict(theta)}
        )
        if not physics:  # lanes need a parameter over them
            physics = {_LEAF_MASS: _leaf_mass({}, n)}
        simulated = ibis_dalec.simulate_batch(
            self.drivers,
            physics,
            spinup_cycles=self.spinup_cycles,
            **_ending(self.settled),
            outputs=needed,
        )
        kept = simulated.sel(time=self.years)
        return _observed(operators, kept, self.streams, theirs)


def _parameter_set(name: object) -> dict[str, float]:
    if name not in PARAMETER_SETS:
        from jobs.errors import ConfigError, Problem

        raise ConfigError(
            Problem(
                "config.yaml",
                "model.options.parameter_set",
                found=repr(name),
                wanted=" or ".join(PARAMETER_SETS),
            )
        )
    return PARAMETER_SETS[str(name)]


def _split(
    operators: Mapping[str, Operator], outputs: Sequence[str], given: Mapping[str, Any]
) -> tuple[tuple[str, ...], dict[str, Any], dict[str, Any]]:
    """Outputs that the model itself has to give, its parameters, the operators'."""
    theirs = {name for one in operators.values() for name in one.parameters}
    needed: dict[str, None] = {}
    for name in outputs:
        inputs = operators[name].inputs if name in operators else (name,)
        needed.update(dict.fromkeys(inputs))
    return (
        tuple(needed),
        {name: value for name, value in given.items() if name not in theirs},
        {name: value for name, value in given.items() if name in theirs},
    )


def _observed(
    operators: Mapping[str, Operator],
    found: xr.Dataset,
    outputs: Sequence[str],
    given: Mapping[str, Any],
) -> xr.Dataset:
    """Add what operators make; given parameters are numbers or over the samples."""
    import xarray as xr

    for name in outputs:
        if name not in operators:
            continue
        operator = operators[name]
        inputs = {one: _uppermost(found[one]) for one in operator.inputs}
        first = inputs[operator.inputs[0]]
        lead = [dim for dim in first.dims if dim != "time"]
        values = {}
        for parameter, row in operator.parameters.items():
            value = np.asarray(given.get(parameter, row.default), float)
            values[parameter] = (
                xr.DataArray(value, dims=lead[:1]) if value.ndim else float(value)
            )
        made = operator.apply(inputs, values).transpose(*first.dims)
        attrs = {
            "units": operator.output.unit,
            "long_name": operator.output.description,
        }
        found = found.assign({name: made.assign_attrs(attrs)})
    return found[list(outputs)]


def _uppermost(output: xr.DataArray) -> xr.DataArray:
    """The output, of the uppermost soil layer where it has layers."""
    return output.isel(layer=0, drop=True) if "layer" in output.dims else output


def _ending(settled: float) -> dict[str, Any]:
    """When the physics of a spin-up ends early; nothing for a whole spin-up."""
    return {"settled": settled} if settled else {}


def _fraction(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0.0 <= value < 1.0:
        from jobs.errors import ConfigError, Problem

        raise ConfigError(
            Problem(
                "config.yaml",
                "model.options.settled",
                found=repr(value),
                wanted="a fraction from 0 (never) to below 1, such as 0.01",
            )
        )
    return float(value)


@cache
def _parameters() -> dict[str, Parameter]:
    from ibis_dalec import parameter_table

    return dict(rows_of(parameter_table()))
