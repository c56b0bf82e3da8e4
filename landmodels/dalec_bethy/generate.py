"""Writes the text of the compiled kernels from the equations.

``python -m landmodels.dalec_bethy.generate`` rewrites ``kernel/generated.py``. The
text depends on the equations alone; a test compares it with the file.

A day is five segments: ``slow``, ``noon``, ``before`` (what the hours share), ``hours``
and ``daily``. Each becomes a function of values, one with a direction, and one that
runs backwards; three drivers join them over the days.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from landmodels.dalec_bethy.equations import day
from landmodels.dalec_bethy.trace import (
    Segment,
    Variable,
    adjoint,
    record,
    split,
    statements,
    tangent,
)

PATH = Path(__file__).parent / "kernel" / "generated.py"

_HEAD = '''"""Kernels generated from the equations; do not edit.

Written by ``python -m landmodels.dalec_bethy.generate``.
"""
# ruff: noqa
# fmt: off
# mypy: ignore-errors

from math import cos, log, sin, sqrt

import numba

from landmodels.dalec_bethy.kernel.maths import exp

# Never nnan or ninf: a number that is not finite has to stay visible.
# Inlined: a process that compiles would else call another copy of a segment than one
# that reads the cache, and "reassoc" lets the two differ in the last digits.
_kernel = numba.njit(
    error_model="numpy", nogil=True, forceinline=True,
    fastmath={"contract", "arcp", "nsz", "reassoc"},
)
'''
#: Segments in the order in which a day is computed.
_ORDER = ("slow", "noon", "before", "hours", "daily")


@dataclass(frozen=True)
class Stage:
    """A segment of the day, and which inputs can vary with the controls."""

    name: str
    segment: Segment
    active: tuple[str, ...]

    @property
    def moving(self) -> tuple[str, ...]:
        """Outputs that depend on the active inputs."""
        found = self.segment.dependent(self.active)
        return tuple(
            name
            for name, v in self.segment.outputs.items()
            if isinstance(v, Variable) and v.index in found
        )


@dataclass(frozen=True)
class Written:
    """A function of the generated module.

    Attributes
    ----------
    lines : list of str
        Its text.
    call : str
        The expression that calls it with variables named as its arguments.
    results : tuple of str
        Names of what it returns, in order.
    """

    lines: list[str]
    call: str
    results: tuple[str, ...]


def stages() -> dict[str, Stage]:
    """Return the segments of a day by name, in order."""
    active = [*day.STATES, *day.PARAMETERS]
    held = (*day.STATES, *day.PARAMETERS, *day.FIXED, *day.DAILY_DRIVERS)
    result: dict[str, Stage] = {}

    def add(name: str, segment: Segment) -> None:
        used = _used(segment)
        stage = Stage(name, segment, tuple(n for n in used if n in active))
        result[name] = stage
        active.extend(stage.moving)

    def hour(m, v):
        values = day.hour(m, v)
        return {f"s_{n}" if n in day.SUMS else n: x for n, x in values.items()}

    slow = record(day.slow, held)
    add("slow", slow)
    shared = (*held, *slow.outputs)
    add("noon", record(day.noon, (*shared, *day.HOURLY_DRIVERS)))
    whole = record(hour, (*shared, "be", *day.HOURLY_DRIVERS))
    before, inside = split(whole, day.HOURLY_DRIVERS)
    add("before", before)
    add("hours", inside)
    sums = tuple(f"s_{name}" for name in day.SUMS)
    add("daily", record(day.daily, (*shared, *sums)))
    return result


def _used(segment: Segment) -> tuple[str, ...]:
    nodes = segment.trace.nodes
    names = {nodes[i][1] for i in segment.needed() if nodes[i][0] == "input"}
    return tuple(name for name in segment.inputs if name in names)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) + ("," if len(names) == 1 else "")


def _chosen(segment: Segment, outputs: Sequence[str]) -> Segment:
    values = {n: segment.outputs[n] for n in outputs}
    return Segment(segment.trace, segment.inputs, values)


def _plain(name: str, segment: Segment, outputs: Sequence[str]) -> Written:
    """Write a segment as a function of the inputs it uses."""
    part = _chosen(segment, outputs)
    head = f"{name}({', '.join(_used(part))})"
    body = statements(part, {n: f"o_{n}" for n in outputs})
    results = _listed([f"o_{n}" for n in outputs])
    lines = ["", "", "@_kernel", f"def {head}:", *_indent([*body, f"return {results}"])]
    return Written(lines, head, tuple(outputs))


def _loop(
    name: str,
    segment: Segment,
    sums: Sequence[str],
    stored: Sequence[str] = (),
    seeds: Mapping[str, str] | None = None,
) -> Written:
    """Write a segment as a loop over the hours, with sums and stored outputs."""
    part = _chosen(segment, (*sums, *stored))
    used = _used(part)
    reads = [
        f"{n} = hourly[d, {i}, t]"
        for i, n in enumerate(day.HOURLY_DRIVERS)
        if n in used
    ] + [f"{n} = {text}" for n, text in (seeds or {}).items() if n in used]
    local = {line.split(" = ")[0] for line in reads}
    arrays = ["d", "hourly"]
    arrays += ["out_hourly"] if stored else []
    arrays += ["c_hourly"] if seeds else []
    head = f"{name}({', '.join([*arrays, *(n for n in used if n not in local)])})"
    body = [
        *reads,
        *statements(part, {n: f"o_{n}" for n in (*sums, *stored)}),
        *(f"a_{n} += o_{n}" for n in sums),
        *(f"out_hourly[d, {i}, t] = o_{n}" for i, n in enumerate(stored)),
    ]
    lines = [
        *("", "", "@_kernel", f"def {head}:"),
        *_indent([f"a_{n} = 0.0" for n in sums]),
        "    for t in range(24):",
        *_indent(body, 2),
        f"    return {_listed([f'a_{n}' for n in sums])}",
    ]
    return Written(lines, head, tuple(sums))


def _values(stage: Stage) -> Written:
    outputs = list(stage.segment.outputs)
    if stage.name != "hours":
        return _plain(f"_{stage.name}", stage.segment, outputs)
    sums = [n for n in outputs if n not in day.HOURLY_OUTPUTS]
    return _loop("_hours", stage.segment, sums, day.HOURLY_OUTPUTS)


def _sums(stage: Stage) -> Written:
    """Write the hours again, without what the reverse sweep does not need."""
    return _loop("_sums", stage.segment, [f"s_{n}" for n in day.SUMS])


def _tangents(stage: Stage) -> Written:
    new = tangent(stage.segment, stage.active)
    outputs = list(stage.segment.outputs)
    slopes = [f"d_{n}" for n in stage.moving]
    if stage.name != "hours":
        return _plain(f"_{stage.name}_tangent", new, [*outputs, *slopes])
    stored = [f"d_{n}" for n in day.HOURLY_OUTPUTS]
    sums = [n for n in (*outputs, *slopes) if n.removeprefix("d_") not in
            day.HOURLY_OUTPUTS]  # fmt: skip
    return _loop("_hours_tangent", new, sums, stored)


def _adjoints(stage: Stage) -> Written:
    new = adjoint(stage.segment, stage.active, stage.moving)
    reached = [n for n, v in new.outputs.items() if isinstance(v, Variable)]
    if stage.name != "hours":
        return _plain(f"_{stage.name}_adjoint", new, reached)
    seeds = {f"b_{n}": f"c_hourly[d, {i}, t]" for i, n in enumerate(day.HOURLY_OUTPUTS)}
    return _loop("_hours_adjoint", new, reached, seeds=seeds)


def _indent(lines: Iterable[str], depth: int = 1) -> list[str]:
    return ["    " * depth + line for line in lines]


def _unpack(names: Sequence[str], array: str, prefix: str = "") -> list[str]:
    """Read the elements of an array, or of a row of one (``array`` ends in a comma)."""
    start = f"{array}[" if "[" not in array else array
    return [f"{prefix}{n} = {start}{i}]" for i, n in enumerate(names)]


def _day_loads() -> list[str]:
    return _unpack(day.DAILY_DRIVERS, "daily[d, ")


def _noon_loads(stage: Stage) -> list[str]:
    return [
        f"{n} = hourly[d, {i}, {day.NOON}]"
        for i, n in enumerate(day.HOURLY_DRIVERS)
        if n in _used(stage.segment)
    ]


def _assign(written: Written) -> str:
    return f"{_listed(written.results)} = {written.call}"


def _forward(parts: Mapping[str, Stage], functions: Mapping[str, Written]) -> list[str]:
    loop = [
        *_unpack(day.STATES, "states[d, "),
        *_day_loads(),
        *_noon_loads(parts["noon"]),
        *(_assign(functions[name]) for name in _ORDER),
        *(f"states[d + 1, {i}] = n_{n}" for i, n in enumerate(day.STATES)),
        *(f"out_daily[d, {i}] = {n}" for i, n in enumerate(day.DAILY_OUTPUTS)),
    ]
    return [
        *("", ""),
        "def forward(parameters, fixed, states, daily, hourly, out_daily, out_hourly):",
        '    """Run all days from ``states[0]``; fills states and outputs."""',
        *_indent(_unpack(day.PARAMETERS, "parameters")),
        *_indent(_unpack(day.FIXED, "fixed")),
        "    for d in range(daily.shape[0]):",
        *_indent(loop, 2),
    ]


def _tangent(parts: Mapping[str, Stage], functions: Mapping[str, Written]) -> list[str]:
    moving = {n for stage in parts.values() for n in stage.moving}
    loop = [
        *_unpack(day.STATES, "states[d, "),
        *_unpack(day.STATES, "d_states[d, ", "d_"),
        *_day_loads(),
        *_noon_loads(parts["noon"]),
        *(_assign(functions[name]) for name in _ORDER),
        *(f"states[d + 1, {i}] = n_{n}" for i, n in enumerate(day.STATES)),
        *(f"d_states[d + 1, {i}] = d_n_{n}" for i, n in enumerate(day.STATES)),
        *(
            f"d_daily[d, {i}] = d_{n}"
            for i, n in enumerate(day.DAILY_OUTPUTS)
            if n in moving
        ),
    ]
    return [
        *("", ""),
        "def tangent(",
        "    parameters, d_parameters, fixed, states, d_states, daily, hourly,",
        "    d_daily, out_hourly,",
        "):",
        '    """Derivatives along ``d_parameters`` and ``d_states[0]``."""',
        *_indent(_unpack(day.PARAMETERS, "parameters")),
        *_indent(_unpack(day.PARAMETERS, "d_parameters", "d_")),
        *_indent(_unpack(day.FIXED, "fixed")),
        "    for d in range(daily.shape[0]):",
        *_indent(loop, 2),
    ]


def _adjoint(
    parts: Mapping[str, Stage],
    values: Mapping[str, Written],
    functions: Mapping[str, Written],
) -> list[str]:
    """Driver of the reverse sweep: recompute a day, then run it backwards."""
    cotangents = {n for stage in parts.values() for n in (*stage.moving, *stage.active)}
    fresh = sorted(
        cotangents
        - set(day.PARAMETERS)
        - set(day.DAILY_OUTPUTS)
        - set(day.HOURLY_OUTPUTS)
        - {f"n_{n}" for n in day.STATES}
    )
    loop = [
        "d = daily.shape[0] - 1 - k",
        *_unpack(day.STATES, "states[d, "),
        *_day_loads(),
        *_noon_loads(parts["noon"]),
        *(_assign(values[name]) for name in ("slow", "noon", "before", "sums")),
        *(f"b_n_{n} = b_{n} + c_states[d + 1, {i}]" for i, n in enumerate(day.STATES)),
        *_unpack(day.DAILY_OUTPUTS, "c_daily[d, ", "b_"),
        *(f"b_{n} = 0.0" for n in fresh),
    ]
    for name in reversed(_ORDER):
        written = functions[name]
        targets = [f"g_{n[2:]}" for n in written.results]
        loop.append(f"{_listed(targets)} = {written.call}")
        loop += [f"{n} += g_{n[2:]}" for n in written.results]
    return [
        *("", ""),
        "def adjoint(",
        "    parameters, fixed, states, daily, hourly, c_states, c_daily, c_hourly,",
        "    b_parameters, b_state,",
        "):",
        '    """Cotangents of the parameters and of ``states[0]``."""',
        *_indent(_unpack(day.PARAMETERS, "parameters")),
        *_indent(_unpack(day.FIXED, "fixed")),
        *_indent(f"b_{n} = 0.0" for n in (*day.PARAMETERS, *day.STATES)),
        "    for k in range(daily.shape[0]):",
        *_indent(loop, 2),
        *_indent(f"b_parameters[{i}] = b_{n}" for i, n in enumerate(day.PARAMETERS)),
        *_indent(
            f"b_state[{i}] = b_{n} + c_states[0, {i}]" for i, n in enumerate(day.STATES)
        ),
    ]


def kernel_text() -> str:
    """Return the text of ``kernel/generated.py``."""
    parts = stages()
    values = {name: _values(parts[name]) for name in _ORDER}
    slopes = {name: _tangents(parts[name]) for name in _ORDER}
    again = {**values, "sums": _sums(parts["hours"])}
    backward = {name: _adjoints(parts[name]) for name in _ORDER}
    lines = [_HEAD.rstrip("\n")]
    for written in (*again.values(), *slopes.values(), *backward.values()):
        lines += written.lines
    lines += _forward(parts, values)
    lines += _tangent(parts, slopes)
    lines += _adjoint(parts, again, backward)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PATH.write_text(kernel_text(), encoding="utf-8")
