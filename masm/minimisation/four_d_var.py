"""Long-window variational assimilation (4DVar): minimise a cost by its gradient.

L-BFGS-B within bounds, from one or several starts, with a report of how each start
went. A cost that is not finite stops scipy's minimiser at once; here the search goes
on from half the step, and the point is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.minimisation.objective import ValueAndGradient

Array = NDArray[np.float64]

#: Nearer to a bound than this fraction of its width counts as at the bound.
_AT_BOUND = 1e-6
_MOST_RESTARTS = 20


@dataclass(frozen=True)
class StartReport:
    """How the search from one start went.

    Attributes
    ----------
    start, x : ndarray (n,)
        Where it began and ended.
    cost_at_start, cost : float
    gradient_norm : float
        Largest element of the gradient, of elements that are not held by a bound.
    n_iterations, n_evaluations : int
    converged : bool
    message : str
        What the minimiser says.
    not_finite : tuple of ndarray
        Points whose cost is not finite, from each of which half the step was taken.

    Examples
    --------
    >>> from masm.methods.variational import four_d_var
    >>> found = four_d_var(lambda x: (0.5 * float(x @ x), x), [1.0, -2.0])
    >>> found.starts[0].cost < 1e-12
    True
    """

    start: Array
    x: Array
    cost_at_start: float
    cost: float
    gradient_norm: float
    n_iterations: int
    n_evaluations: int
    converged: bool
    message: str
    not_finite: tuple[Array, ...] = ()


@dataclass(frozen=True)
class Minimum:
    """The best minimum that was found.

    Attributes
    ----------
    x : ndarray (n,)
    cost : float
    gradient : ndarray (n,)
    starts : tuple of StartReport
        In the order in which they were tried.
    at_bound : tuple of str
        Elements that ended at a bound.
    collapsed : tuple of str
        What the model reports as collapsed at the minimum.

    Examples
    --------
    >>> import masm
    >>> found = masm.four_d_var(lambda x: (0.5 * float(x @ x), x), [1.0, -2.0])
    >>> len(found.starts), found.at_bound
    (1, ())
    """

    x: Array
    cost: float
    gradient: Array
    starts: tuple[StartReport, ...]
    at_bound: tuple[str, ...] = ()
    collapsed: tuple[str, ...] = field(default=())

    @property
    def best(self) -> StartReport:
        """The start that gave the minimum."""
        return min(self.starts, key=lambda s: s.cost if np.isfinite(s.cost) else np.inf)

    @property
    def converged(self) -> bool:
        """Whether the search that gave the minimum converged."""
        return self.best.converged

    @property
    def n_evaluations(self) -> int:
        """Costs and gradients computed, over all starts."""
        return sum(s.n_evaluations for s in self.starts)

    @property
    def n_agreeing(self) -> int:
        """Starts whose cost is within 0.1 % (or 0.1) of the lowest."""
        margin = max(0.1, 1e-3 * abs(self.cost))
        return sum(s.cost <= self.cost + margin for s in self.starts)

    def summary(self) -> str:
        """Say in a few lines how the search went."""
        best = self.best
        lines = [
            f"cost {best.cost_at_start:.6g} -> {self.cost:.6g} after "
            f"{best.n_iterations} iterations, {self.n_evaluations} evaluations in all",
            f"{'converged' if self.converged else 'NOT converged'}: {best.message}; "
            f"largest gradient {best.gradient_norm:.2g}",
            f"{self.n_agreeing} of {len(self.starts)} starts reach this cost",
        ]
        if self.at_bound:
            lines.append(f"at a bound: {', '.join(self.at_bound)}")
        failures = sum(len(s.not_finite) for s in self.starts)
        if failures:
            lines.append(f"the cost was not finite at {failures} points")
        if self.collapsed:
            lines.append(f"collapsed: {'; '.join(self.collapsed)}")
        return "\n".join(lines)


class _NotFinite(Exception):
    """The cost at ``x`` is no finite number."""

    def __init__(self, x: Array) -> None:
        super().__init__("the cost is not finite")
        self.x = x


class _Counted:
    """A cost that counts its calls and remembers its best point."""

    def __init__(self, cost: ValueAndGradient) -> None:
        self._cost = cost
        self.n = 0
        self.best: tuple[float, Array, Array] | None = None

    def __call__(self, x: Array) -> tuple[float, Array]:
        self.n += 1
        value, gradient = self._cost(np.array(x))
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            raise _NotFinite(np.array(x))
        if self.best is None or value < self.best[0]:
            self.best = (float(value), np.array(x), np.array(gradient))
        return float(value), gradient


def four_d_var(
    cost: ValueAndGradient,
    start: ArrayLike,
    *,
    bounds: float | tuple[ArrayLike, ArrayLike] | None = 4.0,
    n_starts: int = 1,
    spread: float = 1.0,
    rng: np.random.Generator | None = None,
    others: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    collapsed: Callable[[Array], Sequence[str]] | None = None,
    memory: int = 20,
    max_evaluations: int = 1000,
    cost_tolerance: float = 1e-10,
    gradient_tolerance: float = 1e-4,
) -> Minimum:
    """Minimise a cost with L-BFGS-B (Byrd et al. 1995).

    Parameters
    ----------
    cost : callable
        ``cost(x) -> (J, gradient)``.
    start : array_like (n,)
        First start, usually the prior mean.
    bounds : float, (low, high) or None
        Of each element; a number means plus and minus that number.
    n_starts : int
        Starts in all; the others are drawn about the first.
    spread : float
        Standard deviation of the drawn starts.
    rng : numpy.random.Generator, optional
        Needed where starts are drawn.
    others : array_like (m, n), optional
        Further starts, in the place of as many drawn ones.
    names : sequence of str, optional
        Of the elements, for the report.
    collapsed : callable, optional
        ``collapsed(x)`` lists what has died out at ``x``, for the report.
    memory : int
        Gradients that the minimiser keeps.
    max_evaluations : int
        Of each start.
    cost_tolerance, gradient_tolerance : float
        Relative change of the cost, and largest gradient, at which a search ends.

    Returns
    -------
    Minimum

    Raises
    ------
    InputError
        If starts or bounds cannot be used, or the cost is not finite at any start.

    Examples
    --------
    >>> result = four_d_var(lambda x: (0.5 * float(x @ x), x), [1.0, -2.0])
    >>> bool(result.cost < 1e-12), result.converged
    (True, True)
    """
    first = np.atleast_1d(np.asarray(start, float))
    low, high = _bounds(bounds, first.size)
    if not np.isfinite(first).all() or (first < low).any() or (first > high).any():
        raise InputError("start", found=f"{first}", wanted="numbers within the bounds")
    starts = [first]
    if others is not None:
        given = np.asarray(others, float).reshape(-1, first.size)[: n_starts - 1]
        starts += [np.clip(one, low, high) for one in given]
    if len(starts) < n_starts and rng is None:
        raise InputError("rng", found=None, wanted="a generator for the other starts")
    for _ in range(n_starts - len(starts)):
        assert rng is not None  # noqa: S101 (checked above, for the type checker)
        drawn = first + spread * rng.standard_normal(first.size)
        starts.append(np.clip(drawn, low, high))
    options = {
        "maxcor": memory,
        "maxfun": max_evaluations,
        "maxiter": max_evaluations,
        "ftol": cost_tolerance,
        "gtol": gradient_tolerance,
    }
    found = [_search(cost, s, low, high, options) for s in starts]
    reports = tuple(report for report, _ in found)
    costs = [r.cost if np.isfinite(r.cost) else np.inf for r in reports]
    if not np.isfinite(min(costs)):
        raise InputError(
            "cost",
            found=f"not finite at {len(starts)} starts, as at {_named(first, names)}",
            wanted="a finite number at the start",
            hint="Start from the prior mean, or look at the model's run there.",
        )
    at = int(np.argmin(costs))
    x = reports[at].x
    width = np.where(np.isfinite(high - low), high - low, 1.0)
    near = (x - low <= _AT_BOUND * width) | (high - x <= _AT_BOUND * width)
    labels = list(names) if names is not None else [f"x{i}" for i in range(x.size)]
    return Minimum(
        x, reports[at].cost, found[at][1], reports,
        tuple(labels[i] for i in np.flatnonzero(near)),
        tuple(collapsed(x)) if collapsed is not None else (),
    )  # fmt: skip


def _named(x: Array, names: Sequence[str] | None) -> str:
    labels = names if names is not None else [f"x{i}" for i in range(x.size)]
    shown = [f"{n} {v:.4g}" for n, v in zip(labels, x, strict=True)]
    return ", ".join(shown[:8]) + (" ..." if len(shown) > 8 else "")


def _bounds(
    bounds: float | tuple[ArrayLike, ArrayLike] | None, n: int
) -> tuple[Array, Array]:
    if bounds is None:
        return np.full(n, -np.inf), np.full(n, np.inf)
    if isinstance(bounds, tuple):
        low = np.broadcast_to(np.asarray(bounds[0], float), n)
        high = np.broadcast_to(np.asarray(bounds[1], float), n)
    else:
        low, high = np.full(n, -float(bounds)), np.full(n, float(bounds))
    if not np.all(low < high):
        raise InputError(
            "bounds", found=f"{low} to {high}", wanted="each low below its high"
        )
    return low, high


def _why_it_ended(result: scipy.optimize.OptimizeResult) -> str:
    """Return in words why L-BFGS-B ended; its own words name variables of its code."""
    if result.status == 0:
        flat = "GRADIENT" in str(result.message).upper()
        return "the gradient is zero" if flat else "the cost no longer falls"
    if result.status == 1:
        return "the evaluations or iterations are used up"
    return "the line search finds no lower cost"


def _search(
    cost: ValueAndGradient, start: Array, low: Array, high: Array, options: dict
) -> tuple[StartReport, Array]:
    """Minimise from one start; go on from half the step where the cost fails."""
    counted = _Counted(cost)
    failures: list[Array] = []
    x, n_iterations, converged, message = start, 0, False, ""
    first: float | None = None
    while True:
        try:
            if first is None:
                first = counted(start)[0]
            result = scipy.optimize.minimize(
                counted, x, jac=True, method="L-BFGS-B",
                bounds=list(zip(low, high, strict=True)), options=options,
            )  # fmt: skip
            n_iterations += int(result.nit)
            converged, message = bool(result.success), _why_it_ended(result)
            break
        except _NotFinite as failure:
            failures.append(failure.x)
            if counted.best is None or len(failures) > _MOST_RESTARTS:
                message = "the cost is not finite"
                break
            x = 0.5 * (counted.best[1] + failure.x)
    if counted.best is None:
        nan = np.full(start.size, np.nan)
        report = StartReport(
            start, start, np.nan, np.nan, np.nan, 0, counted.n, False, message,
            tuple(failures),
        )  # fmt: skip
        return report, nan
    value, x, gradient = counted.best
    held = ((x <= low) & (gradient > 0.0)) | ((x >= high) & (gradient < 0.0))
    norm = float(np.max(np.abs(np.where(held, 0.0, gradient)), initial=0.0))
    assert first is not None  # noqa: S101 (a best point implies a first one)
    report = StartReport(
        start, x, first, value, norm, n_iterations, counted.n, converged, message,
        tuple(failures),
    )  # fmt: skip
    return report, gradient
