"""A cell as a function from physical parameters to daily series, with derivatives.

A calibration that has priors and observations of its own needs no control vector: it
asks for series over all days, and for what a change of the series says of the
parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from landmodels.dalec_bethy.control import Control, transform
from landmodels.dalec_bethy.drivers import Drivers
from landmodels.dalec_bethy.observations import cell_observations
from landmodels.dalec_bethy.operators import WHOLE_DAY, Operator, default_operators
from landmodels.dalec_bethy.parameters import BOUND, POOLS, plausible_range
from landmodels.dalec_bethy.problem import Problem, Type, cell_problem
from landmodels.errors import InputError

Array = NDArray[np.float64]
Pullback = Callable[[Mapping[str, Array]], Array]

#: Local hour at which a satellite's stream is seen; the others are of the whole day.
OVERPASS_HOURS = {"sif": 13, "fapar": 10, "ssm": 6, "lvod": 6}


def _sum(stream: str, needs: tuple[str, ...]) -> Operator:
    return Operator(stream, needs, lambda m, v: sum(v[name] for name in needs))


@cache
def series_operators() -> dict[str, Operator]:
    """Return how each daily series is taken from a tile, by name.

    Beside the observed streams these are respiration (gC m-2 d-1) and the carbon of
    vegetation and of litter and soil at the end of the day (gC m-2).

    Examples
    --------
    >>> "vegetation_carbon" in series_operators()
    True
    """
    vegetation = ("clab_end", "cfol_end", "croo_end", "cwoo_end")
    more = (
        _sum("ra", ("ra",)),
        _sum("rh", ("rh",)),
        _sum("er", ("ra", "rh")),
        _sum("vegetation_carbon", vegetation),
        _sum("soil_carbon", ("clit_end", "csom_end")),
    )
    return {**default_operators(), **{operator.stream: operator for operator in more}}


def operator_controls() -> dict[str, tuple[Control, bool]]:
    """Return the operators' own parameters, and whether each type has its own."""
    found: dict[str, tuple[Control, bool]] = {}
    for operator in series_operators().values():
        found |= {c.name: (c, True) for c in operator.tile_controls}
        found |= {c.name: (c, False) for c in operator.shared_controls}
    return found


def cell_controls(types: Sequence[str]) -> dict[str, Control]:
    """Return every parameter of a cell by its name, with its prior.

    Parameters
    ----------
    types : sequence of str
        Vegetation types. With more than one, what each type has of its own bears its
        name, such as ``vm.EvCn``.

    Examples
    --------
    >>> names = list(cell_controls(["EvCn", "EShr"]))
    >>> names[0], names[-1], len(names)
    ('vm.EvCn', 'sif_scale', 52)
    """
    own = [(_labelled(c.name, t, types), c) for t in types for c in Type.of(t).controls]
    operators = operator_controls()
    own += [
        (_labelled(name, t, types), control)
        for t in types
        for name, (control, of_type) in operators.items()
        if of_type
    ]
    own += [(name, c) for name, (c, of_type) in operators.items() if not of_type]
    return dict(own)


def _labelled(name: str, kind: str, types: Sequence[str]) -> str:
    return name if len(types) == 1 else f"{name}.{kind}"


def control_range(control: Control) -> tuple[float, float]:
    """Return the values 4 standard deviations below and above a prior's mean.

    Examples
    --------
    >>> from landmodels.dalec_bethy import cell_controls, control_range
    >>> low, high = control_range(cell_controls(["EvCn"])["vm"])
    >>> low < high
    True
    """
    ends = [float(transform([control], np.array([x]))[0][0]) for x in (-BOUND, BOUND)]
    return ends[0], ends[1]


class CellModel:
    """Daily series of a cell as a function of physical parameters.

    Parameters
    ----------
    drivers : Drivers
    fractions : mapping
        Fraction of each vegetation type; they sum to 1.
    streams : sequence of str
        Names of :func:`series_operators`.
    hours : mapping, optional
        Local hour of a stream's overpass, or -1 for the whole day; by default
        ``OVERPASS_HOURS``.

    Attributes
    ----------
    names : tuple of str
        Parameters, in the order of every vector of them.
    defaults : ndarray (parameter,)

    Raises
    ------
    InputError
        If fractions, streams or hours cannot be used.

    Examples
    --------
    >>> from landmodels.dalec_bethy import CellModel, make_drivers
    >>> weather = {
    ...     "doy": [180, 181], "tmin": [10.0, 11.0], "tmax": [20.0, 22.0],
    ...     "srad": [250.0, 240.0], "vpd": [800.0, 900.0], "prec": [0.0, 4.0],
    ...     "co2": 410e-6,
    ... }
    >>> drivers = make_drivers(weather, latitude=51.0, elevation=430.0)
    >>> model = CellModel(drivers, {"TmSg": 1.0}, ["gpp", "lai"])
    >>> model.names[:3], model.defaults.size == len(model.names)
    (('vm', 'fwmax', 'p_l2s'), True)
    """

    def __init__(
        self,
        drivers: Drivers,
        fractions: Mapping[str, float],
        streams: Sequence[str],
        *,
        hours: Mapping[str, int] | None = None,
    ) -> None:
        known = series_operators()
        self.streams = tuple(streams)
        for stream in self.streams:
            if stream not in known:
                raise InputError(
                    "streams",
                    found=repr(stream),
                    wanted=f"names among {', '.join(known)}",
                )
        at = {**OVERPASS_HOURS, **dict(hours or {})}
        n, k = drivers.n_days, len(self.streams)
        looks = cell_observations(
            [s for s in self.streams for _ in range(n)],
            np.tile(np.arange(n), k),
            np.repeat([at.get(s, WHOLE_DAY) for s in self.streams], n),
            np.zeros(n * k),
            np.ones(n * k),
        )
        self._problem: Problem = cell_problem(
            drivers,
            list(fractions.items()),
            looks,
            operators={s: known[s] for s in self.streams},
        )
        self.n_days = n
        types = list(fractions)
        self._of_problem = [c.name for c in self._problem.parameter_controls]
        self.names = tuple(_own_name(name, types) for name in self._of_problem)
        self.defaults = np.array([c.prior for c in self._problem.parameter_controls])
        self._ranges = np.array([_possible(name) for name in self.names])

    def _filled(self, parameters: Mapping[str, float]) -> Array:
        """Parameters in order, defaults filled in; refused where they cannot be."""
        values = self.defaults.copy()
        for name, value in parameters.items():
            if name in self.names:
                values[self.names.index(name)] = float(value)
        low, high = self._ranges.T
        bad = ~((values >= low) & (values <= high))
        if bad.any():
            j = int(np.argmax(bad))
            raise InputError(
                f"parameters  {self.names[j]}",
                found=f"{values[j]:g}",
                wanted=f"{low[j]:g} to {high[j]:g}",
            )
        return values

    def _as_streams(self, values: Array) -> dict[str, Array]:
        shape = (len(self.streams), self.n_days, *values.shape[1:])
        return dict(zip(self.streams, values.reshape(shape), strict=True))

    def __call__(self, parameters: Mapping[str, float]) -> dict[str, Array]:
        """Daily series (day,) of each stream; NaN where the run is not finite.

        Parameters that are not given have their default. One that no stream depends
        on, such as the scale of a stream that is not asked for, does nothing.
        """
        values, _ = self._problem.simulated_with_pullback(self._filled(parameters))
        if not np.isfinite(values).all():
            values = np.full(values.shape, np.nan)
        return self._as_streams(values)

    def vjp(self, parameters: Mapping[str, float]) -> tuple[dict[str, Array], Pullback]:
        """Daily series, and the adjoint there.

        Returns
        -------
        series : dict
            As a call gives them.
        pullback : callable
            ``pullback(weights)``, with weights (day,) by stream, is the gradient of
            the weighted sum of the series in ``names``.
        """
        values, pull = self._problem.simulated_with_pullback(self._filled(parameters))

        def pullback(weights: Mapping[str, Array]) -> Array:
            none = np.zeros(self.n_days)
            return pull(np.concatenate([weights.get(s, none) for s in self.streams]))

        return self._as_streams(values), pullback

    def jacobian(
        self, parameters: Mapping[str, float], names: Sequence[str]
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Daily series, and their slopes (day, name) in some parameters by tangents."""
        inner = [
            self._of_problem[self.names.index(n)] for n in names if n in self.names
        ]
        values, rows = self._problem.parameter_jacobian(self._filled(parameters), inner)
        whole = np.zeros((len(rows), len(names)))
        whole[:, [i for i, n in enumerate(names) if n in self.names]] = rows
        return self._as_streams(values), self._as_streams(whole)

    def collapsed(self, parameters: Mapping[str, float]) -> list[str]:
        """Return tiles whose leaf area stays below 0.1 through a year."""
        return self._problem.collapsed_at(self._filled(parameters))


def _own_name(name: str, types: Sequence[str]) -> str:
    """Name of a parameter here: ``clab.0`` of the problem is ``clab0``."""
    stem, dot, number = name.partition(".")
    if not dot:
        return name
    stem = f"{stem}0" if f"{stem}0" in POOLS else stem
    return _labelled(stem, types[int(number)], types)


def _possible(name: str) -> tuple[float, float]:
    """Range that no value can leave; an operator's is that of its transform."""
    stem = name.partition(".")[0]
    operators = operator_controls()
    if stem in operators:
        return (0.0, 1.0 if operators[stem][0].transform == "logit" else np.inf)
    return plausible_range(stem)
