"""A process model with scaling factors: one multiplier for a group of parameters.

The parameters of a group keep their ratios. Each factor is a row of the parameter table
like any other, with the default 1, so that it can be calibrated, screened and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.errors import ConfigError, Problem, did_you_mean
from jobs.process_models.base import Output, Parameter, ProcessModel

if TYPE_CHECKING:
    import xarray as xr


_WIDEST = (0.5, 2.0)


@dataclass(frozen=True)
class Group:
    """Parameters that share a multiplier.

    Attributes
    ----------
    parameters : tuple of str
        Ids of the model's table.
    low, high : float, optional
        Bounds of the multiplier, 1. By themselves they are as wide as the ranges of
        the parameters allow, at most 0.5 to 2.
    """

    parameters: tuple[str, ...]
    low: float | None = None
    high: float | None = None

    def bounds(self, table: Mapping[str, Parameter]) -> tuple[float, float]:
        """Bounds of the multiplier, where some are not given those of the ranges."""
        low, high = _WIDEST
        for name in self.parameters:
            row = table[name]
            if row.default:
                ends = sorted((row.low / row.default, row.high / row.default))
                low, high = max(low, ends[0]), min(high, ends[1])
        return (
            low if self.low is None else self.low,
            high if self.high is None else self.high,
        )


class ScaledModel:
    """A process model and its scaling factors, as a process model.

    Parameters
    ----------
    model : ProcessModel
        The model itself.
    groups : mapping of str to Group
        By the name of the factor.

    Raises
    ------
    ConfigError
        See `check_groups`.
    """

    def __init__(self, model: ProcessModel, groups: Mapping[str, Group]):
        check_groups(model.parameters, groups)
        self.model, self.groups = model, dict(groups)
        self.name, self.title = model.name, model.title
        self.spinup_cycles = model.spinup_cycles
        # What files of intercomparisons need, where the model names it.
        self.plant_type = getattr(model, "plant_type", "")
        self.exported = tuple(getattr(model, "exported", ()))

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """The model's table, and a row for each factor."""
        rows = {
            name: Parameter(
                1.0,
                *group.bounds(self.model.parameters),
                "1",
                f"scaling factor of {', '.join(group.parameters)}",
            )
            for name, group in self.groups.items()
        }
        return {**self.model.parameters, **rows}

    @property
    def outputs(self) -> Mapping[str, Output]:
        """As of the model itself."""
        return self.model.outputs

    @property
    def saved(self) -> tuple[str, ...]:
        """As of the model itself."""
        return self.model.saved

    def drivers(self, weather: xr.Dataset, where: str) -> xr.Dataset:
        """As of the model itself."""
        return self.model.drivers(weather, where)

    def calibration_model(
        self, drivers: xr.Dataset, outputs: Sequence[str], years: slice
    ) -> Callable[[Any], xr.Dataset]:
        """Return the model of a place, which takes factors too.

        It has no exact derivatives: methods that use them take differences.
        """
        inner = self.model.calibration_model(drivers, outputs, years)
        return ScaledCalibrationModel(inner, self._defaults, dict(self.groups))

    def simulate(
        self, drivers: xr.Dataset, parameters: Mapping[str, float]
    ) -> xr.Dataset:
        """Simulate one place."""
        made = expanded(parameters, self._defaults, self.groups)
        return self.model.simulate(drivers, {n: float(v) for n, v in made.items()})

    def simulate_pixels(
        self,
        weather: xr.Dataset,
        parameters: xr.Dataset,
        outputs: Sequence[str],
        chunk: int,
    ) -> Iterator[xr.Dataset]:
        """Simulate many places."""
        given = {str(name): parameters[name] for name in parameters.data_vars}
        made = expanded(given, self._defaults, self.groups)
        whole = parameters.drop_vars([n for n in self.groups if n in parameters])
        yield from self.model.simulate_pixels(
            weather, whole.assign(made), outputs, chunk
        )

    def warm_up(self) -> None:
        """Compile the model itself."""
        self.model.warm_up()

    @cached_property
    def _defaults(self) -> dict[str, float]:
        return {name: row.default for name, row in self.model.parameters.items()}


@dataclass(frozen=True)
class ScaledCalibrationModel:
    """The model of a place as ``masm.calibrate`` calls it, with factors."""

    model: Callable[[Any], Any]
    defaults: Mapping[str, float]
    groups: Mapping[str, Group]

    def __call__(self, theta: Any) -> Any:
        """Run parameter sets (sample, parameter) whose columns may be factors."""
        from masm import Samples

        made = expanded(dict(theta), self.defaults, self.groups)
        if not made:
            return self.model({})  # the defaults, once
        columns = np.broadcast_arrays(*made.values())
        return self.model(Samples(np.stack(columns, axis=-1), tuple(made)))


def expanded(
    given: Mapping[str, Any], defaults: Mapping[str, float], groups: Mapping[str, Group]
) -> dict[str, Any]:
    """Return parameters with each factor applied to the defaults of its group."""
    made = {name: value for name, value in given.items() if name not in groups}
    for name, group in groups.items():
        if name not in given:
            continue
        for parameter in group.parameters:
            made[parameter] = defaults[parameter] * given[name]
    return made


def check_groups(table: Mapping[str, Parameter], groups: Mapping[str, Group]) -> None:
    """Refuse factors that cannot be used.

    Raises
    ------
    ConfigError
        A factor has the name of a parameter; a group holds an unknown parameter, one
        of another group, or one that the factor takes out of its range.
    """
    seen: dict[str, str] = {}
    for name, group in groups.items():
        where = f"model.scaling.{name}"
        if name in table:
            raise ConfigError(
                Problem(
                    "config.yaml", where, found="the name of a parameter",
                    wanted="a name of its own",
                )
            )  # fmt: skip
        for parameter in group.parameters:
            if parameter not in table:
                raise ConfigError(
                    Problem(
                        "config.yaml", where,
                        found=f'an unknown parameter "{parameter}"',
                        wanted="an id of the parameter table",
                        hint=did_you_mean(parameter, table),
                    )
                )  # fmt: skip
            if parameter in seen:
                raise ConfigError(
                    Problem(
                        "config.yaml", where,
                        found=f"{parameter}, which {seen[parameter]} scales already",
                        wanted="each parameter in one group",
                    )
                )  # fmt: skip
            seen[parameter] = name
        bounds = group.bounds(table)
        if not 0.0 < bounds[0] < 1.0 < bounds[1]:
            raise ConfigError(
                Problem(
                    "config.yaml", where, found=f"{bounds[0]:g} to {bounds[1]:g}",
                    wanted="0 < low < 1 < high: a factor of 1 changes nothing",
                )
            )  # fmt: skip
        for parameter in group.parameters:
            _check_range(table[parameter], parameter, bounds, where)


def _check_range(
    row: Parameter, name: str, bounds: tuple[float, float], where: str
) -> None:
    if row.default == 0.0:
        raise ConfigError(
            Problem(
                "config.yaml",
                where,
                found=f"{name}, whose default is 0",
                wanted="parameters that a factor changes",
            )
        )
    slack = 1e-9 * (row.high - row.low)
    low, high = sorted(row.default * bound for bound in bounds)
    if low < row.low - slack or high > row.high + slack:
        raise ConfigError(
            Problem(
                "config.yaml",
                where,
                found=f"{name} from {low:g} to {high:g} {row.unit}",
                wanted=f"within its range, {row.low:g} to {row.high:g}",
                hint="Narrow the factor, or leave the parameter out of the group.",
            )
        )
