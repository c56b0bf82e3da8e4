"""Steady states of models with stocks, without thousands of years of stepping.

Two services. :func:`linear_equilibrium` and :func:`linear_after` treat pools that
follow ``c -> phi c + g`` over a forcing cycle. :func:`solve_cycle` finds the state
that a nonlinear model repeats after one pass through its forcing, where most of the
change is linear and slow: a Newton iteration on a mean year, chord steps with
Broyden updates on the whole cycle (Broyden 1965), and means over groups of passes
where the orbit does not repeat. It says which of these answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from landmodels.spinup_algebra import steps

#: A map of states, (state,) or (lane, state), over one year or one cycle.
Advance = Callable[[np.ndarray], np.ndarray]

#: Stocks that a year changes by less than this, relative, are stocks at rest.
_SINGULAR = 1e-10


def linear_equilibrium(phi: np.ndarray, g: np.ndarray) -> np.ndarray:
    """State that ``c -> phi c + g`` leaves as it is.

    Parameters
    ----------
    phi : ndarray (pool, pool)
        What a forcing cycle leaves of each pool, and where the rest goes.
    g : ndarray (pool,)
        What a cycle adds.

    Returns
    -------
    ndarray (pool,)

    Raises
    ------
    numpy.linalg.LinAlgError
        If a pool has no loss, so that no such state exists.

    Examples
    --------
    >>> linear_equilibrium(np.array([[0.5]]), np.array([2.0]))
    array([4.])
    """
    return np.linalg.solve(np.eye(len(g)) - phi, g)


def linear_after(
    phi: np.ndarray, g: np.ndarray, start: np.ndarray, cycles: int
) -> np.ndarray:
    """State of ``c -> phi c + g`` after some cycles, in closed form.

    Parameters
    ----------
    phi, g
        As for :func:`linear_equilibrium`.
    start : ndarray (pool,)
    cycles : int

    Examples
    --------
    >>> linear_after(np.array([[0.5]]), np.array([2.0]), np.array([0.0]), 2)
    array([3.])
    """
    fixed = linear_equilibrium(phi, g)
    return fixed + np.linalg.matrix_power(phi, cycles) @ (start - fixed)


@dataclass(frozen=True)
class Settings:
    """When the stages of :func:`solve_cycle` stop.

    Attributes
    ----------
    years_per_cycle : int
    newton_steps, newton_stop
        Most Newton steps, and the relative change at which they end.
    newton_reuse : int
        Most further steps with the same Jacobian, taken while each step is less than
        a third of the one before. They cost a year, a Jacobian as many as there are
        stocks.
    cycles, cycle_stop
        Most chord steps, and the relative change in a cycle at which the state
        counts as periodic.
    patience : int
        Chord steps in which the smallest change has to halve; an orbit that does not
        get there counts as one that does not repeat.
    group, groups, mean_stop
        Passes in a group, most pairs of groups, and the relative shift of the slow
        stocks at which a mean counts as found.
    longest_memory : float
        Years. Where the slow stocks remember longer, a mean over groups says nothing
        of where the orbit goes, and none is given.
    """

    years_per_cycle: int = 10
    newton_steps: int = 5
    newton_stop: float = 1e-5
    newton_reuse: int = 6
    cycles: int = 40
    cycle_stop: float = 1e-9
    patience: int = 10
    group: int = 6
    groups: int = 6
    mean_stop: float = 1e-3
    longest_memory: float = 1e4


@dataclass(frozen=True)
class Equilibrium:
    """A steady state and how it was found.

    Attributes
    ----------
    state : ndarray (state,)
        At the end of a cycle; NaN if ``kind`` is "none".
    kind : str
        "periodic": the state repeats after a cycle. "mean": the orbit does not
        repeat, its means do. "none": neither was found.
    change : float
        Largest relative change of a stock in the last cycle.
    site_years : int
        Model years that were stepped.
    """

    state: np.ndarray
    kind: str
    change: float
    site_years: int


class _Counter:
    """The two maps of the model, and the years they have run."""

    def __init__(self, year: Advance, cycle: Advance, years_per_cycle: int, spent: int):
        self._year, self._cycle, self._length = year, cycle, years_per_cycle
        self.years = spent

    def year(self, states: np.ndarray) -> np.ndarray:
        self.years += len(states)
        return np.ascontiguousarray(self._year(states), dtype=float)

    def cycle(self, state: np.ndarray) -> np.ndarray:
        self.years += self._length
        return np.ascontiguousarray(self._cycle(state[None])[0], dtype=float)


def solve_cycle(
    year: Advance,
    cycle: Advance,
    start: np.ndarray,
    unknowns: np.ndarray,
    slow: np.ndarray,
    floor: float = 1e-6,
    settings: Settings | None = None,
    spent: int = 0,
) -> Equilibrium:
    """Find the state that one pass through the forcing leaves as it is.

    Parameters
    ----------
    year : callable
        ``(lane, state) -> (lane, state)``: a year of the mean forcing. Its Jacobian
        is found from one call with as many lanes as there are unknowns.
    cycle : callable
        ``(1, state) -> (1, state)``: one pass through the whole forcing.
    start : ndarray (state,)
        Some years from a plausible start state are enough.
    unknowns : ndarray of int
        Entries of the state that are solved for: the stocks. The rest is taken
        along from pass to pass.
    slow : ndarray of int
        The slow stocks, whose shift says whether a mean was found.
    floor : float
        Stocks below this, in their own unit, do not count in a relative change.
    settings : Settings, optional
    spent : int
        Model years that ``start`` has cost, to be counted.

    Returns
    -------
    Equilibrium
    """
    chosen = settings or Settings()
    model = _Counter(year, cycle, chosen.years_per_cycle, spent)
    with np.errstate(all="ignore"):
        y, jacobian = _newton(model, start, unknowns, floor, chosen)
        if np.isfinite(jacobian).all():
            found = _chord(model, y, jacobian, unknowns, floor, chosen)
            if found.kind == "none" and np.isfinite(found.state).all():
                found = _means(
                    model, found.state, jacobian, unknowns, slow, floor, chosen
                )
            if found.kind != "none" and np.isfinite(found.state).all():
                return found
    return Equilibrium(np.full_like(start, np.nan), "none", np.nan, model.years)


def _scale(values: np.ndarray, floor: float) -> np.ndarray:
    return np.maximum(np.abs(values), floor)


def _jacobian(model, y, unknowns, floor):
    """Value of the mean year at ``y`` and its Jacobian in scaled stocks."""
    scale = _scale(y[unknowns], floor)
    rows = steps.perturbed(y, unknowns, scale)
    after = model.year(rows)
    return after[0].copy(), steps.differences(rows, after, unknowns, scale), scale


def _inverse(phi):
    """Inverse of ``I - phi``, zero for stocks that nothing moves."""
    n = len(phi)
    a = np.eye(n) - phi
    still = np.abs(a).max(axis=0) < _SINGULAR
    a[still, still] = 1.0
    try:
        inverse = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        inverse = np.linalg.pinv(np.eye(n) - phi, _SINGULAR)
    inverse[still] = 0.0
    return inverse


def _newton(model, start, unknowns, floor, settings):
    """Steady state of the mean year; the Jacobian comes with it, unscaled."""
    y = start.copy()
    n = len(unknowns)
    for _ in range(settings.newton_steps):
        after, phi, scale = _jacobian(model, y, unknowns, floor)
        if not np.isfinite(phi).all():
            return y, np.full((n, n), np.nan)
        inverse = _inverse(phi)
        y, change = steps.newton(y, after, inverse, scale, unknowns, floor)
        for _ in range(settings.newton_reuse):
            if change < settings.newton_stop:
                break
            after = model.year(y[None])[0]
            moved, next_change = steps.newton(y, after, inverse, scale, unknowns, floor)
            if not next_change < change / 3.0:
                break
            y, change = moved, next_change
        if change < settings.newton_stop:
            break
    return y, phi * scale[:, None] / scale


def _chord(model, y, jacobian, unknowns, floor, settings):
    """Chord steps on the cycle, the inverse corrected by Broyden's rank-one update."""
    # A stock that the mean year does not fill may be filled in one year of the cycle.
    start = y
    y = model.cycle(y)
    scale = np.maximum(_scale(y[unknowns], floor), _scale(start[unknowns], floor))
    power = np.linalg.matrix_power(jacobian, settings.years_per_cycle)
    inverse = _inverse(power * scale / scale[:, None])
    step, old = np.zeros(len(unknowns)), np.zeros(len(unknowns))
    change, best, since = np.nan, np.inf, 0
    for k in range(settings.cycles):
        after = model.cycle(y)
        change = steps.relative_change(y[unknowns], after[unknowns], floor)
        if change < settings.cycle_stop:
            return Equilibrium(after, "periodic", change, model.years)
        if change < 0.5 * best:
            best, since = change, 0
        elif (since := since + 1) > settings.patience:
            break
        if not np.isfinite(after).all():
            break
        y = steps.chord(y, after, inverse, scale, unknowns, step, old, k == 0)
    return Equilibrium(y, "none", change, model.years)


def _limited(before, wanted):
    """Keep a positive stock between half and twice its value before."""
    low, high = 0.5 * before, 2.0 * before
    return np.where(low > 0.0, np.clip(wanted, low, high), wanted)


def _group_mean(model, y, unknowns, passes):
    total = np.zeros(len(unknowns))
    before = y
    for _ in range(passes):
        before, y = y, model.cycle(y)
        total += y[unknowns]
    return y, total / passes, before


def _means(model, y, jacobian, unknowns, slow, floor, settings):
    """Shift the state until means over groups of passes stand still."""
    scale = _scale(y[unknowns], floor)
    years = settings.years_per_cycle * settings.group
    power = np.linalg.matrix_power(jacobian, years)
    inverse = _inverse(power * scale / scale[:, None])
    is_slow = np.isin(unknowns, slow)
    change = np.nan
    previous = None
    memory = np.abs(_inverse(jacobian * scale / scale[:, None])[is_slow]).sum(axis=1)
    if not memory.max() <= settings.longest_memory:
        return Equilibrium(y, "none", change, model.years)
    for _ in range(settings.groups):
        y, first, _before = _group_mean(model, y, unknowns, settings.group)
        y, second, before = _group_mean(model, y, unknowns, settings.group)
        change = steps.relative_change(before[unknowns], y[unknowns], floor)
        shift = first + (inverse @ ((second - first) / scale)) * scale - second
        if not np.isfinite(shift).all():
            break
        if previous is not None and shift[is_slow] @ previous[is_slow] < 0.0:
            # The means lie between the last two states.
            shift *= 0.5
        previous = shift
        moved = y[unknowns]
        y = y.copy()
        y[unknowns] = _limited(moved, moved + shift)
        size = np.abs(shift)[is_slow] / _scale(moved, floor)[is_slow]
        if size.max() < settings.mean_stop:
            return Equilibrium(y, "mean", change, model.years)
    return Equilibrium(y, "none", change, model.years)


def warm_up() -> None:
    """Compile the steps into their cache on disk, some seconds."""

    def halved(states: np.ndarray) -> np.ndarray:
        return 0.5 * states + 1.0

    solve_cycle(halved, halved, np.ones(1), np.arange(1), np.arange(1))
