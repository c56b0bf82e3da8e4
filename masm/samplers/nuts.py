"""The No-U-Turn sampler, for a density whose gradient is known.

Paths of leapfrog steps double until they turn back; a state is drawn from the path by
its weight (Hoffman and Gelman 2014; weights of Betancourt 2017). The step size adapts
to the wanted acceptance during warm-up.

References
----------
Hoffman, M. D. and Gelman, A. (2014). The No-U-Turn Sampler. Journal of Machine
Learning Research 15, 1593-1623.
Betancourt, M. (2017). A Conceptual Introduction to Hamiltonian Monte Carlo.
arXiv:1701.02434.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from masm.types import Array

#: Log density and its gradient; -inf where the density is zero or not known.
LogDensityGradient = Callable[[Array], tuple[float, Array]]

_DEEPEST = 8  # doublings of a path
_DIVERGED = 1000.0  # error of the energy beyond which a path is given up


class NoMoreRuns(Exception):
    """The density may not be asked any more: a chain ends with what it has."""


@dataclass(frozen=True)
class NutsChain:
    """One chain.

    Attributes
    ----------
    x : ndarray (draw, n)
    log_density : ndarray (draw,)
    acceptance : float
        Mean acceptance of the leapfrog steps after warm-up.
    step : float
        Step size that the warm-up found.
    n_divergent : int
        Paths after warm-up whose energy went astray.
    """

    x: Array
    log_density: Array
    acceptance: float
    step: float
    n_divergent: int


@dataclass(frozen=True)
class _State:
    x: Array
    momentum: Array
    value: float
    gradient: Array

    @property
    def energy(self) -> float:
        return self.value - 0.5 * float(self.momentum @ self.momentum)


@dataclass
class _Path:
    """A path of leapfrog steps: its ends, a draw from it, and its weight."""

    first: _State
    last: _State
    draw: _State
    log_weight: float
    acceptance: float
    n_steps: int
    goes_on: bool
    diverged: bool


def nuts_chain(
    log_density: LogDensityGradient,
    start: Array,
    *,
    rng: np.random.Generator,
    n_warmup: int,
    n_draws: int,
    wanted_acceptance: float = 0.8,
    step: float | None = None,
) -> NutsChain:
    """Draw a chain. The density should be near a standard normal in scale.

    Parameters
    ----------
    log_density : callable
        ``log_density(x) -> (value, gradient)``. It may raise `NoMoreRuns`, which
        ends the chain early.
    start : ndarray (n,)
    rng : numpy.random.Generator
    n_warmup, n_draws : int
    wanted_acceptance : float
    step : float, optional
        First step size: that which a chain's warm-up found, to go on with it.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> chain = nuts_chain(lambda x: (-0.5 * float(x @ x), -x), np.zeros(2), rng=rng,
    ...                    n_warmup=100, n_draws=400)
    >>> bool(abs(chain.x.std() - 1.0) < 0.15)
    True
    """
    value, gradient = log_density(np.asarray(start, float))
    state = _State(np.asarray(start, float), np.zeros(len(start)), value, gradient)
    step = average = start_step = step or 0.5 * len(start) ** -0.25
    log_average, error = 0.0, 0.0
    kept, values, accepted, divergent = [], [], [], 0
    for t in range(1, n_warmup + n_draws + 1):
        try:
            state, acceptance, diverged = _transition(log_density, state, step, rng)
        except NoMoreRuns:
            break
        if t <= n_warmup:
            # Dual averaging, with the constants of the article.
            weight = 1.0 / (t + 10.0)
            error = (1.0 - weight) * error + weight * (wanted_acceptance - acceptance)
            log_step = np.log(10.0 * start_step) - np.sqrt(t) / 0.05 * error
            eta = t**-0.75
            log_average = eta * log_step + (1.0 - eta) * log_average
            step, average = float(np.exp(log_step)), float(np.exp(log_average))
            if t == n_warmup:
                step = average
            continue
        kept.append(state.x)
        values.append(state.value)
        accepted.append(acceptance)
        divergent += diverged
    return NutsChain(
        np.array(kept).reshape(-1, len(start)),
        np.array(values),
        float(np.mean(accepted)) if accepted else np.nan,
        step,
        divergent,
    )


def _transition(
    log_density: LogDensityGradient,
    state: _State,
    step: float,
    rng: np.random.Generator,
) -> tuple[_State, float, bool]:
    """Draw the next state: the state, mean acceptance, and whether it diverged."""
    begin = _State(
        state.x, rng.standard_normal(len(state.x)), state.value, state.gradient
    )
    path = _Path(begin, begin, begin, 0.0, 0.0, 0, True, False)
    for depth in range(_DEEPEST):
        forward = bool(rng.random() < 0.5)
        end = path.last if forward else path.first
        sign = 1.0 if forward else -1.0
        more = _build(log_density, end, sign * step, depth, begin.energy, rng)
        path.acceptance += more.acceptance
        path.n_steps += more.n_steps
        path.diverged |= more.diverged
        if not more.goes_on:
            break
        if np.log(rng.random()) < more.log_weight - path.log_weight:
            path.draw = more.draw
        path.log_weight = float(np.logaddexp(path.log_weight, more.log_weight))
        if forward:
            path.last = more.last
        else:
            path.first = more.last
        if _turns(path.first, path.last):
            break
    return path.draw, path.acceptance / max(path.n_steps, 1), path.diverged


def _build(
    log_density: LogDensityGradient,
    end: _State,
    step: float,
    depth: int,
    energy: float,
    rng: np.random.Generator,
) -> _Path:
    """A path of ``2**depth`` steps onwards; ``first`` is next to ``end``."""
    if depth == 0:
        half = end.momentum + 0.5 * step * end.gradient
        x = end.x + step * half
        value, gradient = log_density(x)
        good = np.isfinite(value) and np.isfinite(gradient).all()
        if not good:
            return _Path(end, end, end, -np.inf, 0.0, 1, False, True)
        state = _State(x, half + 0.5 * step * gradient, value, gradient)
        gain = state.energy - energy
        diverged = not gain > -_DIVERGED
        acceptance = float(min(1.0, np.exp(min(gain, 0.0))))
        return _Path(state, state, state, gain, acceptance, 1, not diverged, diverged)
    near = _build(log_density, end, step, depth - 1, energy, rng)
    if not near.goes_on:
        return near
    far = _build(log_density, near.last, step, depth - 1, energy, rng)
    near.acceptance += far.acceptance
    near.n_steps += far.n_steps
    near.diverged |= far.diverged
    if not far.goes_on:
        near.goes_on = False
        return near
    total = float(np.logaddexp(near.log_weight, far.log_weight))
    if np.log(rng.random()) < far.log_weight - total:
        near.draw = far.draw
    near.log_weight, near.last = total, far.last
    ends = (near.first, near.last) if step > 0.0 else (near.last, near.first)
    near.goes_on = not _turns(*ends)
    return near


def _turns(first: _State, last: _State) -> bool:
    """Whether two ends move towards each other; ``first`` is the earlier in time."""
    span = last.x - first.x
    return bool(span @ first.momentum < 0.0 or span @ last.momentum < 0.0)
