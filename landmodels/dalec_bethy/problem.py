"""The calibration problem of a cell or a region, with its derivatives.

A problem knows nothing of optimisers. It offers ``n``, ``names``, ``to_parameters``,
``observe``, ``cost`` (with its gradient), ``jvp``, ``vjp``, ``jacobian``, ``targets``
and ``target_jacobian`` over a control vector whose prior is standard normal
(specification, sections 9 and 12). A region maps control elements to slots of cells
and tiles; the gradient of an element is the sum over its slots.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from landmodels.dalec_bethy.control import Control, transform
from landmodels.dalec_bethy.drivers import Drivers
from landmodels.dalec_bethy.equations.day import DAILY_OUTPUTS, STATES
from landmodels.dalec_bethy.observations import Observations
from landmodels.dalec_bethy.operators import (
    Operator,
    default_operators,
    gather,
    scatter,
)
from landmodels.dalec_bethy.parameters import CALIBRATED, fixed_of, priors_of
from landmodels.dalec_bethy.simulate import COLLAPSED_LAI
from landmodels.dalec_bethy.tile import START_WATER, Run, Tile
from landmodels.errors import InputError

Array = NDArray[np.float64]
Index = NDArray[np.int64]

#: Days at the start of a run that count for no target (two years).
SPIN_UP_DAYS = 730
_N_PROCESS = 17
_TARGET_FLUXES = ("gpp", "nee", "et")
_ET = ("trans", "ec", "es")
_YEAR = 365.25


@dataclass(frozen=True)
class Type:
    """A vegetation type: the priors of its 23 parameters and its fixed numbers.

    Attributes
    ----------
    name : str
    controls : tuple of Control
        The 17 process parameters, then the 6 initial pools.
    electron_ratio, aerodynamic : float
        Jmax relative to Vmax (1) and aerodynamic conductance (m s-1).
    """

    name: str
    controls: tuple[Control, ...]
    electron_ratio: float
    aerodynamic: float

    @classmethod
    def of(cls, name: str) -> Type:
        """Return a type of the parameter table."""
        return cls(name, tuple(priors_of(name)), *fixed_of(name))


@dataclass(frozen=True)
class Cell:
    """A grid cell: its weather, and the fraction of each vegetation type in it.

    Examples
    --------
    >>> from landmodels.dalec_bethy import Cell, make_drivers
    >>> weather = {
    ...     "doy": [180, 181], "tmin": [10.0, 11.0], "tmax": [20.0, 22.0],
    ...     "srad": [250.0, 240.0], "vpd": [800.0, 900.0], "prec": [0.0, 4.0],
    ...     "co2": 410e-6,
    ... }
    >>> drivers = make_drivers(weather, latitude=51.0, elevation=430.0)
    >>> Cell(drivers, {"TmSg": 0.7, "EvCn": 0.3}).fractions["EvCn"]
    0.3
    """

    drivers: Drivers
    fractions: Mapping[str, float]

    def check(self, where: str = "cell") -> None:
        """Refuse fractions that are none or do not sum to 1."""
        values = np.array(list(self.fractions.values()), dtype=float)
        if not values.size or not np.all(np.isfinite(values) & (values > 0.0)):
            raise InputError(
                f"{where}  fractions", found=f"{dict(self.fractions)}", wanted="above 0"
            )
        if abs(values.sum() - 1.0) > 1e-6:
            raise InputError(
                f"{where}  fractions", found=f"a sum of {values.sum():g}", wanted="1"
            )


@dataclass(frozen=True)
class _Slot:
    """A tile of a cell, and which control element each of its parameters is."""

    cell: int
    fraction: float
    tile: Tile
    parameters: Index  # (23,)
    operators: Mapping[str, Index]  # parameters of each stream's operator


@dataclass(frozen=True)
class _Group:
    """Looks of one stream at one tile."""

    operator: Operator
    of: Index
    day: Index
    hour: Index
    weight: Array


@dataclass(frozen=True)
class _Seen:
    """What is kept of a tile's run: states, and the fields that are observed."""

    states: Array
    fields: list[dict[str, Array]]
    targets: Array
    largest_lai: Array


@dataclass(frozen=True)
class Linearisation:
    """A problem linearised about one point.

    Attributes
    ----------
    observed : ndarray (observation,)
    jacobian : ndarray (observation, control)
    targets : ndarray (target,)
    target_jacobian : ndarray (target, control)
    """

    observed: Array
    jacobian: Array
    targets: Array
    target_jacobian: Array


class Problem:
    """Observations of cells as a function of a control vector, with derivatives.

    Use :func:`cell_problem` or :func:`region_problem` to make one.

    Attributes
    ----------
    n : int
        Length of the control vector.
    names : tuple of str
    controls : tuple of Control
    observations : Observations
    target_names : tuple of str
        ``gpp``, ``nee`` (gC m-2 a-1) and ``et`` (mm a-1) after two years of spin-up
        (of all days where the run is no longer than that), and each pool (gC m-2) at
        the start and the end; means over all cells.

    Examples
    --------
    >>> import numpy as np
    >>> from landmodels.dalec_bethy import cell_observations, make_drivers
    >>> from landmodels.dalec_bethy import cell_problem
    >>> weather = {
    ...     "doy": [180, 181], "tmin": [10.0, 11.0], "tmax": [20.0, 22.0],
    ...     "srad": [250.0, 240.0], "vpd": [800.0, 900.0], "prec": [0.0, 4.0],
    ...     "co2": 410e-6,
    ... }
    >>> drivers = make_drivers(weather, latitude=51.0, elevation=430.0)
    >>> seen = cell_observations(["gpp"], [1], [-1], [8.0], [1.0])
    >>> problem = cell_problem(drivers, [("TmSg", 1.0)], seen)
    >>> problem.n, problem.names[0], problem.target_names[:3]
    (23, 'vm.0', ('gpp', 'nee', 'et'))
    """

    def __init__(
        self,
        slots: Sequence[_Slot],
        controls: Sequence[Control],
        observations: Observations,
        operators: Mapping[str, Operator],
        *,
        free: Sequence[str] | None = None,
        prior_correlation: Array | None = None,
        threads: int = 1,
    ) -> None:
        self._slots = tuple(slots)
        self._all = tuple(controls)
        for control in controls:
            control.check()
        self._free = self._indices(free)
        self.controls = tuple(self._all[i] for i in self._free)
        self.names = tuple(c.name for c in self.controls)
        self.n = len(self.names)
        self._factor = _factor(prior_correlation, self.n)
        self.observations = observations
        n_cells = 1 + max(s.cell for s in self._slots)
        lengths = {s.cell: s.tile.drivers.n_days for s in self._slots}
        for slot in self._slots:
            _check_drivers(slot.tile.drivers, slot.cell)
        observations.check([lengths[c] for c in range(n_cells)])
        self._n_cells = n_cells
        self._groups = [self._look(slot, operators) for slot in self._slots]
        self.target_names = (
            *_TARGET_FLUXES,
            *(f"{n}_initial" for n in STATES[:6]),
            *(f"{n}_final" for n in STATES[:6]),
        )
        self._threads = threads

    def _indices(self, free: Sequence[str] | None) -> Index:
        names = [c.name for c in self._all]
        if free is None:
            return np.arange(len(names))
        for name in free:
            if name not in names:
                raise InputError(
                    "free", found=repr(name), wanted=f"one of {', '.join(names)}"
                )
        return np.array([names.index(name) for name in free])

    def _look(self, slot: _Slot, operators: Mapping[str, Operator]) -> list[_Group]:
        o = self.observations
        groups = []
        for stream in o.streams:
            if stream not in operators:
                raise InputError(
                    f"stream {stream}",
                    found="no observation operator",
                    wanted=f"one of {', '.join(operators)}",
                )
            at = np.flatnonzero((o.stream[o.of] == stream) & (o.cell == slot.cell))
            if at.size:
                groups.append(
                    _Group(
                        operators[stream],
                        o.of[at],
                        o.day[at],
                        o.hour[at],
                        o.weight[at] * slot.fraction,
                    )
                )
        return groups

    # From controls to parameters

    def _physical(self, x: Array) -> tuple[Array, Array]:
        """All parameters, and the derivative of each in its own element."""
        x = np.asarray(x, float)
        if x.shape != (self.n,):
            raise InputError(
                "control vector", found=f"shape {x.shape}", wanted=f"({self.n},)"
            )
        elements = np.zeros(len(self._all))
        elements[self._free] = self._factor @ x
        return transform(self._all, elements)

    def to_parameters(self, x: Array) -> Array:
        """Physical values of the control elements (n,), in the order of ``names``."""
        return self._physical(x)[0][self._free]

    def _forward(self, dx: Array, slopes: Array) -> Array:
        """Carry a direction from the control vector to all parameters."""
        result = np.zeros(len(self._all))
        result[self._free] = self._factor @ np.asarray(dx, float)
        return result * slopes

    def _adjoint(self, gradient: Array, slopes: Array) -> Array:
        """Carry a gradient from all parameters to the control vector."""
        result: Array = self._factor.T @ (gradient * slopes)[self._free]
        return result

    # At physical parameters

    @property
    def parameter_controls(self) -> tuple[Control, ...]:
        """Every parameter, those that may not move included."""
        return self._all

    def simulated_with_pullback(
        self, parameters: Array
    ) -> tuple[Array, Callable[[Array], Array]]:
        """Simulated observations at physical parameters, and the adjoint there.

        Parameters
        ----------
        parameters : ndarray (parameter,)
            In the order and the units of ``parameter_controls``.

        Returns
        -------
        simulated : ndarray (observation,)
        pullback : callable
            ``pullback(w)`` is the gradient of ``w' simulated`` in the parameters.
        """
        p = self._checked_parameters(parameters)
        seen = self._run(p)
        return self._observed(seen, p), lambda w: self._pull(seen, p, np.asarray(w))

    def parameter_jacobian(
        self, parameters: Array, names: Sequence[str]
    ) -> tuple[Array, Array]:
        """Simulated observations, and their slope in some physical parameters.

        Returns
        -------
        simulated : ndarray (observation,)
        jacobian : ndarray (observation, name)
        """
        p = self._checked_parameters(parameters)
        seen = self._run(p)
        simulated = self._observed(seen, p)
        rows = np.zeros((simulated.size, len(names)))
        for column, j in enumerate(self._indices(names)):
            d_p = np.zeros(len(self._all))
            d_p[j] = 1.0
            for i, slot in enumerate(self._slots):
                moved = np.any(slot.parameters == j)
                run = self._tangent(slot, p, d_p) if moved else None
                self._push(i, seen[i], run, p, d_p, rows[:, column])
        return simulated, rows

    def collapsed_at(self, parameters: Array) -> list[str]:
        """As :meth:`collapsed`, at physical parameters."""
        return self._collapsed(self._run(self._checked_parameters(parameters)))

    def _checked_parameters(self, parameters: Array) -> Array:
        p = np.asarray(parameters, float)
        if p.shape != (len(self._all),):
            raise InputError(
                "parameters", found=f"shape {p.shape}", wanted=f"({len(self._all)},)"
            )
        return p

    # Values

    def _map(self, function: Callable[[int], object]) -> list:
        if self._threads > 1 and len(self._slots) > 1:
            with ThreadPoolExecutor(self._threads) as pool:
                return list(pool.map(function, range(len(self._slots))))
        return [function(i) for i in range(len(self._slots))]

    def _run(self, p: Array) -> list[_Seen]:
        def one(i: int) -> _Seen:
            slot = self._slots[i]
            run = slot.tile.run(*_tile_input(slot, p))
            return _Seen(
                run.states,
                [self._fields(slot, group, run) for group in self._groups[i]],
                _targets(run),
                _yearly_lai(run),
            )

        return self._map(one)

    @staticmethod
    def _fields(slot: _Slot, group: _Group, run: Run) -> dict[str, Array]:
        drivers = slot.tile.drivers
        return {
            name: gather(run, drivers, name, group.day, group.hour)
            for name in group.operator.needs
        }

    def _observed(self, seen: list[_Seen], p: Array) -> Array:
        result = np.zeros(self.observations.n)
        for slot, groups, kept in zip(self._slots, self._groups, seen, strict=True):
            for group, fields in zip(groups, kept.fields, strict=True):
                value = group.operator.value(fields, _own(slot, group.operator, p))
                np.add.at(result, group.of, group.weight * value)
        return result

    def observe(self, x: Array) -> Array:
        """Simulated observations (observation,)."""
        p, _ = self._physical(x)
        return self._observed(self._run(p), p)

    def stream_misfit(self, x: Array) -> dict[str, float]:
        """Mean squared misfit of each stream, in units of its error variance.

        About 1 where a stream is met within its errors. To see what a fit does to a
        stream that it was not given, ask a problem that holds this stream too.
        """
        o = self.observations
        squared = (self.observe(x) - o.value) ** 2 / o.variance
        return {s: float(squared[o.stream == s].mean()) for s in o.streams}

    def targets(self, x: Array) -> Array:
        """Values of ``target_names``."""
        return self._mean_targets([s.targets for s in self._run(self._physical(x)[0])])

    def collapsed(self, x: Array) -> list[str]:
        """Tiles whose largest leaf area of a year stays below 0.1, with the year.

        Such a canopy has died out; information content about it means nothing.
        """
        return self._collapsed(self._run(self._physical(x)[0]))

    def _collapsed(self, runs: Sequence[_Seen]) -> list[str]:
        found = []
        for slot, seen in zip(self._slots, runs, strict=True):
            name = self._all[slot.parameters[0]].name
            years = np.flatnonzero(~(seen.largest_lai >= COLLAPSED_LAI))
            found += [f"cell {slot.cell}, tile of {name}, year {y}" for y in years]
        return found

    def _mean_targets(self, values: Sequence[Array]) -> Array:
        total = np.zeros(len(self.target_names))
        for slot, value in zip(self._slots, values, strict=True):
            total += slot.fraction * value
        return total / self._n_cells

    # Derivatives

    def cost(self, x: Array) -> tuple[float, Array]:
        """Half the squared misfit plus half the squared distance from the prior.

        ``J(x) = 1/2 sum ((H(x) - y)^2 / variance) + 1/2 x'x``, and its gradient. A
        run that fails gives a cost that is not finite.
        """
        x = np.asarray(x, float)
        with np.errstate(all="ignore"):
            p, slopes = self._physical(x)
            seen = self._run(p)
            residual = self._observed(seen, p) - self.observations.value
            weighted = residual / self.observations.variance
            value = 0.5 * float(residual @ weighted) + 0.5 * float(x @ x)
            if not np.isfinite(value):
                return value, np.full(self.n, np.nan)
            return value, x + self._adjoint(self._pull(seen, p, weighted), slopes)

    def vjp(self, x: Array, w: Array) -> Array:
        """Gradient of ``w' H(x)``: the adjoint applied to ``w`` (observation,)."""
        p, slopes = self._physical(x)
        return self._adjoint(self._pull(self._run(p), p, np.asarray(w)), slopes)

    def _pull(self, seen: list[_Seen], p: Array, w: Array) -> Array:
        """Gradient of ``w' H`` in all parameters."""

        def one(i: int) -> Array:
            slot, result = self._slots[i], np.zeros(len(self._all))
            cotangent = Run.zeros(slot.tile.drivers.n_days)
            for group, fields in zip(self._groups[i], seen[i].fields, strict=True):
                own = _own(slot, group.operator, p)
                partials = group.operator.partials(fields, own)
                bar = w[group.of] * group.weight
                for name in group.operator.needs:
                    if name in partials:
                        scatter(
                            cotangent, name, group.day, group.hour, bar * partials[name]
                        )
                for j, name in zip(
                    slot.operators[group.operator.stream], own, strict=True
                ):
                    result[j] += bar @ partials[name]
            parameters, _ = _tile_input(slot, p)
            b_process, b_state = slot.tile.adjoint(
                parameters, seen[i].states, cotangent
            )
            np.add.at(result, slot.parameters, np.concatenate([b_process, b_state[:6]]))
            return result

        return np.sum(self._map(one), axis=0)

    def jvp(self, x: Array, v: Array) -> Array:
        """Derivative of the simulated observations along ``v`` (n,)."""
        p, slopes = self._physical(x)
        d_p = self._forward(v, slopes)
        seen = self._run(p)
        result = np.zeros(self.observations.n)
        for i, slot in enumerate(self._slots):
            moved = slot.parameters[d_p[slot.parameters] != 0.0]
            run = self._tangent(slot, p, d_p) if moved.size else None
            self._push(i, seen[i], run, p, d_p, result)
        return result

    @staticmethod
    def _tangent(slot: _Slot, p: Array, d_p: Array) -> Run:
        d_process, d_state = _tile_input(slot, d_p)
        d_state[6:] = 0.0
        return slot.tile.tangent(*_tile_input(slot, p), d_process, d_state)

    def _push(
        self, i: int, seen: _Seen, run: Run | None, p: Array, d_p: Array, out: Array
    ) -> None:
        """Add one tile's part of a directional derivative to ``out``."""
        slot = self._slots[i]
        for group, fields in zip(self._groups[i], seen.fields, strict=True):
            own = _own(slot, group.operator, p)
            partials = group.operator.partials(fields, own)
            slope = np.zeros(group.of.size)
            if run is not None:
                for name, d_field in self._fields(slot, group, run).items():
                    if name in partials:
                        slope += partials[name] * d_field
            for j, name in zip(slot.operators[group.operator.stream], own, strict=True):
                slope += partials[name] * d_p[j]
            np.add.at(out, group.of, group.weight * slope)

    def linearise(self, x: Array) -> Linearisation:
        """Observations, targets and the derivatives of both, by tangents."""
        p, slopes = self._physical(x)
        seen = self._run(p)
        observed = self._observed(seen, p)
        rows = np.zeros((observed.size, len(self._all)))
        targets = np.zeros((len(self.target_names), len(self._all)))
        for j in self._free:
            d_p = np.zeros(len(self._all))
            d_p[j] = slopes[j]
            for i, slot in enumerate(self._slots):
                run = None
                moved = np.any(slot.parameters == j)
                if not (moved or any(j in o for o in slot.operators.values())):
                    continue
                if moved:
                    run = self._tangent(slot, p, d_p)
                    fraction = slot.fraction / self._n_cells
                    targets[:, j] += fraction * _targets(run)
                self._push(i, seen[i], run, p, d_p, rows[:, j])
        return Linearisation(
            observed,
            rows[:, self._free] @ self._factor,
            self._mean_targets([s.targets for s in seen]),
            targets[:, self._free] @ self._factor,
        )

    def jacobian(self, x: Array) -> Array:
        """Derivative of the simulated observations (observation, n), by tangents."""
        return self.linearise(x).jacobian

    def target_jacobian(self, x: Array) -> Array:
        """Derivative of the targets (target, n), by tangents."""
        return self.linearise(x).target_jacobian


def _check_drivers(drivers: Drivers, cell: int) -> None:
    """Refuse drivers that hold what is no number."""
    days = np.isfinite(drivers.daily).all(axis=1)
    days &= np.isfinite(drivers.hourly).all(axis=(1, 2))
    if not days.all():
        raise InputError(
            f"cell {cell}  drivers on day {int(np.argmin(days))}",
            found=f"a number that is not finite ({int(np.sum(~days))} days in all)",
            wanted="weather without gaps",
            hint="Check the weather with validate_forcing first.",
        )


def _tile_input(slot: _Slot, p: Array) -> tuple[Array, Array]:
    """Process parameters of a tile, and its state at the start."""
    own = p[slot.parameters]
    return own[:_N_PROCESS], np.concatenate([own[_N_PROCESS:], START_WATER])


def _own(slot: _Slot, operator: Operator, p: Array) -> dict[str, float]:
    """Values of an operator's parameters for a tile."""
    indices = slot.operators[operator.stream]
    return {n: p[j] for n, j in zip(operator.parameters, indices, strict=True)}


def _targets(run: Run) -> Array:
    """Targets of one tile; linear in the run, so also their derivative."""
    start = SPIN_UP_DAYS if run.daily.shape[0] > SPIN_UP_DAYS else 0
    means = dict(zip(DAILY_OUTPUTS, run.daily[start:].mean(axis=0), strict=True))
    fluxes = [means["gpp"], means["nee"], sum(means[n] for n in _ET)]
    return np.concatenate(
        [_YEAR * np.array(fluxes), run.states[0, :6], run.states[-1, :6]]
    )


def _yearly_lai(run: Run) -> Array:
    """Largest leaf area of each full year of the run."""
    lai = run.daily[:, DAILY_OUTPUTS.index("lai")]
    years = max(lai.size // 365, 1)
    return np.array([part.max() for part in np.array_split(lai, years)])


def _factor(correlation: Array | None, n: int) -> Array:
    """Factor ``L`` of the prior correlation ``L L'`` of the control elements."""
    if correlation is None:
        return np.eye(n)
    matrix = np.asarray(correlation, float)
    where = "prior_correlation"
    if matrix.shape != (n, n) or not np.allclose(matrix, matrix.T):
        raise InputError(
            where, found=f"shape {matrix.shape}", wanted=f"a symmetric ({n}, {n}) array"
        )
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError as exc:
        lowest = float(np.linalg.eigvalsh(matrix)[0])
        raise InputError(
            where,
            found=f"a smallest eigenvalue of {lowest:g}",
            wanted="a positive definite matrix",
        ) from exc


def _operators(
    operators: Mapping[str, Operator] | None, observations: Observations
) -> dict[str, Operator]:
    """Operators of the observed streams, in the order of the known ones."""
    known = {**default_operators(), **dict(operators or {})}
    for stream in observations.streams:
        if stream not in known:
            raise InputError(
                f"stream {stream}",
                found="no observation operator",
                wanted=f"one of {', '.join(known)}",
            )
    if operators is not None:
        return dict(operators)
    return {s: o for s, o in known.items() if s in observations.streams}


def cell_problem(
    drivers: Drivers,
    types: Sequence[tuple[str | Type, float]],
    observations: Observations,
    *,
    operators: Mapping[str, Operator] | None = None,
    free: Sequence[str] | None = None,
    prior_correlation: Array | None = None,
) -> Problem:
    """Make the problem of one cell with one or more vegetation types.

    Parameters
    ----------
    drivers : Drivers
        Weather of the cell, see :func:`make_drivers` and :func:`drivers_of`.
    types : sequence of (type, fraction)
        Names of the parameter table, or :class:`Type` objects; fractions sum to 1.
    observations : Observations
    operators : mapping, optional
        Observation operators by stream; by default those of the observed streams.
    free : sequence of str, optional
        Control elements that may move; the others stay at their prior mean.
    prior_correlation : ndarray (n, n), optional
        Correlation of the control elements in the prior; none by default.

    Returns
    -------
    Problem
        The control vector holds 17 + 6 elements of each tile (``vm.0``), then the
        operators' own of each tile (``aw.0``), then those they share (``v0``).

    Raises
    ------
    InputError
        If fractions, observations or priors cannot be used; nothing has run.

    Examples
    --------
    >>> import numpy as np
    >>> from landmodels.dalec_bethy import cell_observations, make_drivers
    >>> weather = {
    ...     "doy": [180, 181], "tmin": [10.0, 11.0], "tmax": [20.0, 22.0],
    ...     "srad": [250.0, 240.0], "vpd": [800.0, 900.0], "prec": [0.0, 4.0],
    ...     "co2": 410e-6,
    ... }
    >>> drivers = make_drivers(weather, latitude=51.0, elevation=430.0)
    >>> seen = cell_observations(["gpp"], [1], [-1], [8.0], [1.0])
    >>> problem = cell_problem(drivers, [("TmSg", 0.6), ("EvCn", 0.4)], seen)
    >>> problem.n, bool(problem.observe(np.zeros(problem.n))[0] > 0.0)
    (46, True)
    """
    chosen = _operators(operators, observations)
    kinds = [(Type.of(t) if isinstance(t, str) else t, float(f)) for t, f in types]
    Cell(drivers, {f"{i}": f for i, (_, f) in enumerate(kinds)}).check()
    controls: list[Control] = []
    places = []
    for i, (kind, _) in enumerate(kinds):
        places.append(np.arange(len(CALIBRATED)) + len(controls))
        # The pools of the control vector bear the tile's number, as the others.
        controls += [replace(c, name=f"{_stem(c.name)}.{i}") for c in kind.controls]
    own: list[dict[str, list[int]]] = [{s: [] for s in chosen} for _ in kinds]
    for i in range(len(kinds)):
        for stream, operator in chosen.items():
            for control in operator.tile_controls:
                own[i][stream].append(len(controls))
                controls.append(replace(control, name=f"{control.name}.{i}"))
    for stream, operator in chosen.items():
        for control in operator.shared_controls:
            for places_of in own:
                places_of[stream].append(len(controls))
            controls.append(control)
    slots = [
        _Slot(
            0,
            fraction,
            Tile(drivers, kind.electron_ratio, kind.aerodynamic),
            places[i],
            {s: np.array(o, dtype=np.int64) for s, o in own[i].items()},
        )
        for i, (kind, fraction) in enumerate(kinds)
    ]
    return Problem(
        slots, controls, observations, chosen, free=free,
        prior_correlation=prior_correlation,
    )  # fmt: skip


def _stem(name: str) -> str:
    """Name of a parameter, without the 0 of an initial pool."""
    return name.removesuffix("0") if name.endswith("0") else name


def region_problem(
    cells: Sequence[Cell],
    observations: Observations,
    *,
    operators: Mapping[str, Operator] | None = None,
    types: Mapping[str, Type] | None = None,
    free: Sequence[str] | None = None,
    threads: int = 1,
) -> Problem:
    """Make the problem of many cells: types share parameters, cells have own pools.

    Parameters
    ----------
    cells : sequence of Cell
    observations : Observations
        See :func:`region_observations`.
    operators, free
        As for :func:`cell_problem`.
    types : mapping, optional
        Priors of a type by its name, instead of the parameter table's.
    threads : int
        Cells run at once; the answer does not depend on it.

    Returns
    -------
    Problem
        The control vector holds the 17 process parameters of each type
        (``vm.EvCn``), the 6 pools of each tile of each cell (``clab.EvCn.0``), the
        operators' own of each type (``aw.EvCn``), then those they share.

    Raises
    ------
    InputError
        If fractions, observations or priors cannot be used; nothing has run.

    Examples
    --------
    >>> from landmodels.dalec_bethy import cell_observations, make_drivers
    >>> weather = {
    ...     "doy": [180, 181], "tmin": [10.0, 11.0], "tmax": [20.0, 22.0],
    ...     "srad": [250.0, 240.0], "vpd": [800.0, 900.0], "prec": [0.0, 4.0],
    ...     "co2": 410e-6,
    ... }
    >>> drivers = make_drivers(weather, latitude=51.0, elevation=430.0)
    >>> cells = [Cell(drivers, {"TmSg": 1.0}), Cell(drivers, {"EvCn": 1.0})]
    >>> seen = cell_observations(["gpp"], [1], [-1], [8.0], [1.0])
    >>> problem = region_problem(cells, seen)
    >>> problem.names[0], problem.names[17]
    ('vm.TmSg', 'vm.EvCn')
    """
    chosen = _operators(operators, observations)
    for k, cell in enumerate(cells):
        cell.check(f"cell {k}")
    names = list(dict.fromkeys(n for cell in cells for n in cell.fractions))
    kinds = {n: (types or {}).get(n) or Type.of(n) for n in names}
    controls: list[Control] = []

    def add(items: Sequence[Control], suffix: str) -> list[int]:
        start = len(controls)
        controls.extend(replace(c, name=f"{_stem(c.name)}{suffix}") for c in items)
        return list(range(start, len(controls)))

    process = {n: add(k.controls[:_N_PROCESS], f".{n}") for n, k in kinds.items()}
    pools = {
        (k, n): add(kinds[n].controls[_N_PROCESS:], f".{n}.{k}")
        for k, cell in enumerate(cells)
        for n in cell.fractions
    }
    own = {
        (n, s): add(o.tile_controls, f".{n}") for n in names for s, o in chosen.items()
    }
    shared: dict[str, list[int]] = {}
    for stream, operator in chosen.items():
        start = len(controls)
        controls.extend(operator.shared_controls)
        shared[stream] = list(range(start, len(controls)))
    slots = [
        _Slot(
            k,
            float(fraction),
            Tile(cell.drivers, kinds[n].electron_ratio, kinds[n].aerodynamic),
            np.array(process[n] + pools[k, n]),
            {s: np.array(own[n, s] + shared[s], dtype=np.int64) for s in chosen},
        )
        for k, cell in enumerate(cells)
        for n, fraction in cell.fractions.items()
    ]
    return Problem(slots, controls, observations, chosen, free=free, threads=threads)
