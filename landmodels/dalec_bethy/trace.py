"""A record of arithmetic, from which values, tangents and adjoints are generated.

A :class:`Trace` hands out variables. Whatever an equation computes from them is
recorded in single-assignment form: equal operations are merged, constants folded,
and the neutral elements of sums and products removed. A :class:`Segment` is a piece
of such a record with named inputs and outputs; :func:`tangent` and :func:`adjoint`
make new segments by differentiating it operation by operation (Griewank and Walther
2008, chapters 3 and 6), and :func:`statements` writes one as Python text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Operations of one argument and what they do to a number.
_UNARY: dict[str, Callable[[float], float]] = {
    "neg": lambda x: -x,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "sin": math.sin,
    "cos": math.cos,
}
_BINARY: dict[str, Callable[[float, float], float]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
}
_SIGN = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


class Variable:
    """A number that is not known yet: the place ``index`` of a trace."""

    __slots__ = ("index", "trace")

    def __init__(self, trace: Trace, index: int) -> None:
        self.trace = trace
        self.index = index

    def __add__(self, other: Any) -> Any:
        return self.trace.binary("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self.trace.binary("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self.trace.binary("sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.trace.binary("sub", other, self)

    def __mul__(self, other: Any) -> Any:
        return self.trace.binary("mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.trace.binary("mul", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.trace.binary("div", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.trace.binary("div", other, self)

    def __neg__(self) -> Any:
        return self.trace.unary("neg", self)


class Trace:
    """The operations so far, and the maths namespace that records more of them."""

    def __init__(self) -> None:
        #: Each node: (operation, first argument, second argument).
        self.nodes: list[tuple[Any, ...]] = []
        self._known: dict[tuple[Any, ...], int] = {}

    def input(self, name: str) -> Variable:
        """Return the variable that stands for an input."""
        return self._node(("input", name))

    def exp(self, x: Any) -> Any:
        """Record an exponential."""
        return self.unary("exp", x)

    def log(self, x: Any) -> Any:
        """Record a natural logarithm."""
        return self.unary("log", x)

    def sqrt(self, x: Any) -> Any:
        """Record a square root."""
        return self.unary("sqrt", x)

    def sin(self, x: Any) -> Any:
        """Record a sine."""
        return self.unary("sin", x)

    def cos(self, x: Any) -> Any:
        """Record a cosine."""
        return self.unary("cos", x)

    def unary(self, operation: str, x: Any) -> Any:
        """Record an operation of one argument, or do it where that is a number."""
        if not isinstance(x, Variable):
            return _UNARY[operation](x)
        if operation == "neg" and self.nodes[x.index][0] == "neg":
            return Variable(self, self.nodes[x.index][1])
        return self._node((operation, x.index))

    def binary(self, operation: str, x: Any, y: Any) -> Any:
        """Record an operation of two arguments, or simplify it."""
        if not isinstance(x, Variable) and not isinstance(y, Variable):
            return _BINARY[operation](x, y)
        if not isinstance(y, Variable):
            if (operation in ("add", "sub") and y == 0.0) or (
                operation in ("mul", "div") and y == 1.0
            ):
                return x
            if operation == "mul" and y == 0.0:
                return 0.0
            if operation == "mul" and y == -1.0:
                return self.unary("neg", x)
        if not isinstance(x, Variable):
            if (operation == "add" and x == 0.0) or (operation == "mul" and x == 1.0):
                return y
            if operation in ("mul", "div") and x == 0.0:
                return 0.0
            if (operation == "sub" and x == 0.0) or (operation == "mul" and x == -1.0):
                return self.unary("neg", y)
        a, b = self._place(x), self._place(y)
        if operation in ("add", "mul") and b < a:
            a, b = b, a
        return self._node((operation, a, b))

    def constant(self, value: float) -> Variable:
        """Return a variable that holds a number."""
        return self._node(("constant", float(value)))

    def _place(self, x: Any) -> int:
        return x.index if isinstance(x, Variable) else self.constant(x).index

    def _node(self, key: tuple[Any, ...]) -> Variable:
        if key not in self._known:
            self._known[key] = len(self.nodes)
            self.nodes.append(key)
        return Variable(self, self._known[key])


@dataclass(frozen=True)
class Segment:
    """Outputs as a function of inputs.

    Attributes
    ----------
    trace : Trace
        The record that holds the operations.
    inputs : tuple of str
        Names of the inputs, in the order in which they are given.
    outputs : dict
        Each output's name and its variable (or number).
    """

    trace: Trace
    inputs: tuple[str, ...]
    outputs: dict[str, Any]

    def arguments(self, index: int) -> tuple[int, ...]:
        """Places that the operation at ``index`` reads."""
        node = self.trace.nodes[index]
        return () if node[0] in ("input", "constant") else node[1:]

    def needed(self) -> list[int]:
        """Places on which some output depends, in the order of computation."""
        wanted: set[int] = set()
        stack = [v.index for v in self.outputs.values() if isinstance(v, Variable)]
        while stack:
            index = stack.pop()
            if index not in wanted:
                wanted.add(index)
                stack.extend(self.arguments(index))
        return sorted(wanted)

    def dependent(self, names: Iterable[str]) -> set[int]:
        """Needed places whose value depends on one of the inputs ``names``."""
        chosen = set(names)
        found: set[int] = set()
        for index in self.needed():
            node = self.trace.nodes[index]
            if node[0] == "input":
                if node[1] in chosen:
                    found.add(index)
            elif any(a in found for a in self.arguments(index)):
                found.add(index)
        return found


def record(
    function: Callable[..., Mapping[str, Any]], inputs: Sequence[str]
) -> Segment:
    """Record ``function(m, values)``, which returns named outputs.

    ``values`` maps each name of ``inputs`` to its variable.
    """
    trace = Trace()
    values = {name: trace.input(name) for name in inputs}
    return Segment(trace, tuple(inputs), dict(function(trace, values)))


def split(segment: Segment, varying: Sequence[str]) -> tuple[Segment, Segment]:
    """Part what is the same in every round of a loop from what varies.

    Parameters
    ----------
    segment : Segment
    varying : sequence of str
        Inputs that change from round to round.

    Returns
    -------
    before, inside : Segment
        ``before`` has the other inputs, and computes as outputs ``c0, c1, ...`` what
        the loop body ``inside`` needs; ``inside`` has those and ``varying`` as inputs.
    """
    moving = segment.dependent(varying)
    nodes = segment.trace.nodes
    crossing = sorted(
        {
            a
            for index in moving
            for a in segment.arguments(index)
            if a not in moving and nodes[a][0] not in ("constant", "input")
        }
    )
    names = {index: f"c{i}" for i, index in enumerate(crossing)}
    fixed = tuple(name for name in segment.inputs if name not in varying)
    before = Segment(
        segment.trace,
        fixed,
        {names[i]: Variable(segment.trace, i) for i in crossing},
    )
    # The body is recorded anew, with the crossing places as inputs.
    trace = Trace()
    place: dict[int, Any] = {i: trace.input(n) for i, n in names.items()}
    for index in segment.needed():
        node = nodes[index]
        if index in place or (
            index not in moving and node[0] not in ("constant", "input")
        ):
            continue
        place[index] = _repeat(trace, node, place)
    outputs = {
        name: place[v.index] if isinstance(v, Variable) else v
        for name, v in segment.outputs.items()
    }
    body = Segment(trace, (*names.values(), *segment.inputs), outputs)
    used = {trace.nodes[i][1] for i in body.needed() if trace.nodes[i][0] == "input"}
    inputs = tuple(name for name in body.inputs if name in used)
    return before, Segment(trace, inputs, outputs)


def _repeat(trace: Trace, node: tuple[Any, ...], place: Mapping[int, Any]) -> Any:
    """Record one operation of another trace in this one."""
    if node[0] == "input":
        return trace.input(node[1])
    if node[0] == "constant":
        return node[1]
    arguments = [place[a] for a in node[1:]]
    if len(arguments) == 1:
        return trace.unary(node[0], arguments[0])
    return trace.binary(node[0], *arguments)


def _partials(trace: Trace, index: int) -> list[tuple[int, Callable[[Any], Any]]]:
    """Arguments of an operation, each with what its derivative multiplies."""
    node = trace.nodes[index]
    z = Variable(trace, index)
    operation = node[0]
    x = Variable(trace, node[1]) if len(node) > 1 else None
    y = Variable(trace, node[2]) if len(node) > 2 else None
    if operation == "add":
        return [(node[1], lambda d: d), (node[2], lambda d: d)]
    if operation == "sub":
        return [(node[1], lambda d: d), (node[2], lambda d: -d)]
    if operation == "mul":
        return [(node[1], lambda d: d * _value(y)), (node[2], lambda d: d * _value(x))]
    if operation == "div":
        return [
            (node[1], lambda d: d / _value(y)),
            (node[2], lambda d: -(d / _value(y)) * z),
        ]
    if operation == "neg":
        return [(node[1], lambda d: -d)]
    if operation == "exp":
        return [(node[1], lambda d: d * z)]
    if operation == "log":
        return [(node[1], lambda d: d / x)]
    if operation == "sqrt":
        return [(node[1], lambda d: 0.5 * d / z)]
    if operation == "sin":
        return [(node[1], lambda d: d * trace.cos(x))]
    raise ValueError(f"no derivative of {operation}")


def _value(v: Any) -> Any:
    """The number of a constant place, so that it can be folded."""
    node = v.trace.nodes[v.index]
    return node[1] if node[0] == "constant" else v


def tangent(segment: Segment, active: Sequence[str]) -> Segment:
    """Values and derivatives along a direction of the inputs ``active``.

    The new segment has the inputs ``d_NAME`` beside the old ones, and the outputs
    ``d_NAME`` beside the old ones.
    """
    trace = segment.trace
    order = segment.needed()
    moving = segment.dependent(active)
    slope: dict[int, Any] = {}
    for index in order:
        if index not in moving:
            continue
        node = trace.nodes[index]
        if node[0] == "input":
            slope[index] = trace.input(f"d_{node[1]}")
            continue
        total: Any = 0.0
        for argument, times in _partials(trace, index):
            if argument in slope:
                total = total + times(slope[argument])
        slope[index] = total
    outputs = dict(segment.outputs)
    for name, v in segment.outputs.items():
        outputs[f"d_{name}"] = (
            slope.get(v.index, 0.0) if isinstance(v, Variable) else 0.0
        )
    inputs = (*segment.inputs, *(f"d_{name}" for name in active))
    return Segment(trace, inputs, outputs)


def adjoint(
    segment: Segment, active: Sequence[str], seeds: Sequence[str] | None = None
) -> Segment:
    """Cotangents of the inputs ``active`` from those of the outputs ``seeds``.

    The new segment has the inputs ``b_NAME`` (one for each seed) beside the old ones
    and gives ``b_NAME`` of each active input, and no values.
    """
    trace = segment.trace
    chosen = list(segment.outputs) if seeds is None else list(seeds)
    reached = Segment(trace, segment.inputs, {n: segment.outputs[n] for n in chosen})
    moving = reached.dependent(active)
    bars: dict[int, Any] = {}
    for name in chosen:
        v = segment.outputs[name]
        if isinstance(v, Variable) and v.index in moving:
            bars[v.index] = bars.get(v.index, 0.0) + trace.input(f"b_{name}")
    for index in sorted(moving, reverse=True):
        if trace.nodes[index][0] == "input" or index not in bars:
            continue
        for argument, times in _partials(trace, index):
            if argument in moving:
                bars[argument] = bars.get(argument, 0.0) + times(bars[index])
    places = {trace.nodes[i][1]: i for i in moving if trace.nodes[i][0] == "input"}
    outputs = {
        f"b_{name}": bars.get(places[name], 0.0) if name in places else 0.0
        for name in active
    }
    inputs = (*segment.inputs, *(f"b_{name}" for name in chosen))
    return Segment(trace, inputs, outputs)


def evaluate(segment: Segment, values: Mapping[str, Any], m: Any) -> dict[str, Any]:
    """Compute the outputs with a maths namespace; for tests and complex steps."""
    place: dict[int, Any] = {}
    for index in segment.needed():
        node = segment.trace.nodes[index]
        if node[0] == "input":
            place[index] = values[node[1]]
        elif node[0] == "constant":
            place[index] = node[1]
        elif node[0] in _BINARY:
            place[index] = _BINARY[node[0]](place[node[1]], place[node[2]])
        elif node[0] == "neg":
            place[index] = -place[node[1]]
        else:
            place[index] = getattr(m, node[0])(place[node[1]])
    return {
        name: place[v.index] if isinstance(v, Variable) else v
        for name, v in segment.outputs.items()
    }


def statements(
    segment: Segment, results: Mapping[str, str], prefix: str = "v"
) -> list[str]:
    """Write a segment as Python statements.

    Parameters
    ----------
    segment : Segment
    results : mapping
        The variable that each output is assigned to.
    prefix : str
        Of the names of intermediate results.

    Returns
    -------
    list of str
        One assignment each. What is used once is written where it is used.
    """
    nodes = segment.trace.nodes
    order = segment.needed()
    uses: dict[int, int] = dict.fromkeys(order, 0)
    for index in order:
        for a in segment.arguments(index):
            uses[a] += 1
    for v in segment.outputs.values():
        if isinstance(v, Variable):
            uses[v.index] += 1
    text: dict[int, str] = {}
    lines: list[str] = []
    for index in order:
        node = nodes[index]
        if node[0] == "input":
            text[index] = node[1]
            continue
        if node[0] == "constant":
            text[index] = repr(node[1]) if node[1] >= 0.0 else f"({node[1]!r})"
            continue
        if node[0] == "neg":
            written = f"(-{text[node[1]]})"
        elif node[0] in _SIGN:
            written = f"({text[node[1]]} {_SIGN[node[0]]} {text[node[2]]})"
        else:
            written = f"{node[0]}({text[node[1]]})"
        if uses[index] > 1 or len(written) > 200:
            bare = written[1:-1] if written.startswith("(") else written
            lines.append(f"{prefix}{index} = {bare}")
            text[index] = f"{prefix}{index}"
        else:
            text[index] = written
    for name, target in results.items():
        v = segment.outputs[name]
        lines.append(
            f"{target} = {text[v.index] if isinstance(v, Variable) else repr(float(v))}"
        )
    return lines
