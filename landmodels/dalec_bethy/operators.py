"""Observation operators: what a satellite or a tower sees of a tile.

An operator is an equation over a maths namespace, like the model's, with parameters of
its own that join the control vector. Its derivative is taken by :mod:`.trace`. The
value for a footprint is the sum over cells and tiles of weight times fraction times
the operator's value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landmodels.dalec_bethy.control import Control
from landmodels.dalec_bethy.drivers import Drivers
from landmodels.dalec_bethy.equations.day import (
    DAILY_DRIVERS,
    DAILY_OUTPUTS,
    HOURLY_OUTPUTS,
    STATES,
)
from landmodels.dalec_bethy.equations.smooth import logistic
from landmodels.dalec_bethy.tile import Run
from landmodels.dalec_bethy.trace import Segment, adjoint, evaluate, record
from landmodels.errors import InputError

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Hour of an observation that is a mean over the day, or a daily state.
WHOLE_DAY = -1


@dataclass(frozen=True)
class Operator:
    """How a stream is seen in a tile.

    Attributes
    ----------
    stream : str
    needs : tuple of str
        Fields of the model: a daily output, an hourly output (at the hour of the
        overpass), ``NAME_end`` (a state at the end of the day) or a daily driver.
    equation : callable
        ``equation(m, values) -> value``, over the fields and the parameters.
    tile_controls : tuple of Control
        Parameters that each tile has of its own.
    shared_controls : tuple of Control
        Parameters that all tiles share.
    """

    stream: str
    needs: tuple[str, ...]
    equation: Callable[[Any, Mapping[str, Any]], Any]
    tile_controls: tuple[Control, ...] = ()
    shared_controls: tuple[Control, ...] = ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, those of the tile first."""
        return tuple(c.name for c in (*self.tile_controls, *self.shared_controls))

    def value(self, fields: Mapping[str, Array], parameters: Mapping[str, Any]) -> Any:
        """Value of the stream at each place where the fields were taken."""
        value = evaluate(_segments(self)[0], {**fields, **parameters}, np)["y"]
        return value + np.zeros(len(fields[self.needs[0]]))

    def partials(
        self, fields: Mapping[str, Array], parameters: Mapping[str, float]
    ) -> dict[str, Array]:
        """Derivative of each value in each field and parameter."""
        n = len(fields[self.needs[0]])
        values = {**fields, **parameters, "b_y": np.ones(n)}
        result = evaluate(_segments(self)[1], values, np)
        return {name[2:]: value + np.zeros(n) for name, value in result.items()}


@cache
def _segments(operator: Operator) -> tuple[Segment, Segment]:
    """Value and reverse sweep of an operator."""
    active = (*(n for n in operator.needs if n not in DAILY_DRIVERS),
              *operator.parameters)  # fmt: skip
    forward = record(
        lambda m, v: {"y": operator.equation(m, v)},
        (*operator.needs, *operator.parameters),
    )
    return forward, adjoint(forward, active)


def fluorescence() -> Operator:
    """Solar-induced fluorescence at 743 nm (mW m-2 sr-1 nm-1), with a free scale."""
    return Operator(
        "sif", ("sif",), lambda m, v: v["sif_scale"] * v["sif"],
        shared_controls=(Control("sif_scale", 1.0, 2.0, "log2"),),
    )  # fmt: skip


def fapar(*, white_sky: bool = False) -> Operator:
    """Absorbed fraction of the light (1), at the overpass or under a white sky."""
    name = "fapar_white" if white_sky else "fapar"
    return Operator("fapar", (name,), lambda m, v: v[name])


def surface_soil_moisture(
    stream: str = "ssm", *, residual: float = 0.05, saturated: float = 0.45
) -> Operator:
    """Volumetric soil moisture of the surface layer (m3 m-3)."""
    if not 0.0 <= residual < saturated <= 1.0:
        raise InputError(
            f"operator {stream}",
            found=f"residual {residual:g}, saturated {saturated:g} m3 m-3",
            wanted="0 <= residual < saturated <= 1",
        )
    return Operator(
        stream, ("fw_s",), lambda m, v: residual + (saturated - residual) * v["fw_s"]
    )


def l_band_optical_depth(*, frozen: float = 0.36) -> Operator:
    """Vegetation optical depth in L-band (1), of wood, leaves and their wetness (ours).

    ``frozen`` is the fraction that is left in frozen vegetation.
    """

    def equation(m, v):
        thaw = frozen + (1.0 - frozen) * logistic(m, v["tday"] / 2.0)
        mass = v["aw"] * v["cwoo_end"] + v["al"] * v["lai"]
        return mass * (v["v0"] + (1.0 - v["v0"]) * v["fw_r"]) * thaw

    return Operator(
        "lvod", ("cwoo_end", "lai", "fw_r", "tday"), equation,
        (Control("aw", 2e-4, 1e-4, "log"), Control("al", 0.05, 0.025, "log")),
        (Control("v0", 0.4, 0.1, "logit"),),
    )  # fmt: skip


def _output(name: str) -> Operator:
    return Operator(name, (name,), lambda m, v: v[name])


def default_operators() -> dict[str, Operator]:
    """Return the operator of every known stream, by name.

    Examples
    --------
    >>> sorted(default_operators())
    ['et', 'fapar', 'gpp', 'lai', 'lvod', 'nee', 'sif', 'ssm', 'swc']
    """
    evaporation = Operator(
        "et", ("trans", "ec", "es"), lambda m, v: v["trans"] + v["ec"] + v["es"]
    )
    found = (
        l_band_optical_depth(), surface_soil_moisture(), fapar(), _output("gpp"),
        _output("nee"), evaporation, _output("lai"), surface_soil_moisture("swc"),
        fluorescence(),
    )  # fmt: skip
    return {operator.stream: operator for operator in found}


def gather(run: Run, drivers: Drivers, name: str, day: Index, hour: Index) -> Array:
    """Take a field at days and hours; an hour of -1 is the mean of the day."""
    if name in DAILY_DRIVERS:
        return drivers.daily[day, DAILY_DRIVERS.index(name)]
    if name in DAILY_OUTPUTS:
        return run.daily[day, DAILY_OUTPUTS.index(name)]
    if name in HOURLY_OUTPUTS:
        at = HOURLY_OUTPUTS.index(name)
        values = run.hourly[day, at, np.maximum(hour, 0)]
        whole = hour == WHOLE_DAY
        values[whole] = run.hourly[day[whole], at].mean(axis=1)
        return values
    return run.states[day + 1, STATES.index(name.removesuffix("_end"))]


def scatter(cotangent: Run, name: str, day: Index, hour: Index, values: Array) -> None:
    """Add the cotangents of a field to those of the run; the transpose of gather."""
    if name in DAILY_DRIVERS:
        return
    if name in DAILY_OUTPUTS:
        np.add.at(cotangent.daily[:, DAILY_OUTPUTS.index(name)], day, values)
    elif name in HOURLY_OUTPUTS:
        at = HOURLY_OUTPUTS.index(name)
        whole = hour == WHOLE_DAY
        part = cotangent.hourly[:, at]
        np.add.at(part, (day[~whole], hour[~whole]), values[~whole])
        np.add.at(part, day[whole], values[whole, None] / 24.0)
    else:
        state = STATES.index(name.removesuffix("_end"))
        np.add.at(cotangent.states[:, state], day + 1, values)
