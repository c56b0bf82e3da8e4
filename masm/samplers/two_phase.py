"""Metropolis sampling in two phases, as used to calibrate soil carbon models.

A test run with uniform steps finds the covariance of the parameters; formal chains
then propose from a Gaussian with that covariance (Xu et al. 2006; Hararuk et al. 2014;
Zhao et al. 2022). A chain whose acceptance rate leaves a window is rejected. The
method is plain on purpose: it is the yardstick for others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from masm.errors import InputError

#: Cost J of some parameter vectors, (n, parameter) -> (n,); the likelihood is exp(-J).
Cost = Callable[[np.ndarray], np.ndarray]

#: Tries to find a start of a formal chain at which the model runs.
_TRIES = 1000


@dataclass(frozen=True)
class TwoPhase:
    """Result of :func:`two_phase`.

    Attributes
    ----------
    samples : ndarray (chain, draw, parameter)
        Formal chains after burn-in. A rejected proposal repeats the last state.
    cost : ndarray (chain, draw)
        J of the samples.
    acceptance : ndarray (chain,)
        Fraction of all proposals of a formal chain that were accepted.
    kept : ndarray of bool (chain,)
        Whether the acceptance lies within the window.
    r_hat : ndarray (parameter,)
        Gelman and Rubin's (1992) statistic over the kept chains; NaN if fewer than
        two are kept.
    test_acceptance : float
        Acceptance of the test run.
    covariance : ndarray (parameter, parameter)
        Covariance of the second half of the test run.
    n_out_of_range : int
        Proposals outside the bounds, all phases; they count as rejections.
    n_model_runs : int
        Parameter vectors whose cost was computed.
    """

    samples: np.ndarray
    cost: np.ndarray
    acceptance: np.ndarray
    kept: np.ndarray
    r_hat: np.ndarray
    test_acceptance: float
    covariance: np.ndarray
    n_out_of_range: int
    n_model_runs: int

    @property
    def posterior(self) -> np.ndarray:
        """Samples of the kept chains, (sample, parameter)."""
        kept = self.samples[self.kept]
        return kept.reshape(-1, self.samples.shape[-1])


class _Counter:
    """The cost, with proposals outside the bounds refused unseen."""

    def __init__(self, cost: Cost, lower: np.ndarray, upper: np.ndarray):
        self._cost, self._lower, self._upper = cost, lower, upper
        self.outside = 0
        self.runs = 0

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        inside = ((theta >= self._lower) & (theta <= self._upper)).all(axis=1)
        values = np.full(len(theta), np.inf)
        self.outside += int((~inside).sum())
        if inside.any():
            self.runs += int(inside.sum())
            found = np.asarray(self._cost(theta[inside]), float)
            if found.shape != (int(inside.sum()),):
                raise InputError(
                    "cost",
                    found=f"shape {found.shape}",
                    wanted=f"a value for each of {inside.sum()} parameter vectors",
                )
            values[inside] = np.where(np.isnan(found), np.inf, found)
        return values


def two_phase(
    cost: Cost,
    lower: Any,
    upper: Any,
    rng: np.random.Generator,
    *,
    start: Any = None,
    starts: Any = None,
    test_runs: int = 20_000,
    formal_runs: int = 10_000,
    chains: int = 3,
    step_divisor: float = 5.0,
    scale: float | None = None,
    window: tuple[float, float] = (0.15, 0.5),
) -> TwoPhase:
    """Sample ``exp(-cost)`` within bounds by a test run and formal chains.

    Parameters
    ----------
    cost : callable
        ``(n, parameter) -> (n,)``: J, half the sum of squared misfits in units of
        their standard deviation. NaN or infinity is a parameter vector at which the
        model cannot run; it counts as a rejection.
    lower, upper : array (parameter,)
        Bounds of the uniform prior. A proposal outside counts as a rejection; it is
        never drawn again and never moved to the bound.
    rng : numpy.random.Generator
    start : array (parameter,), optional
        Start of the test run; the middle of the bounds by default.
    starts : array (chains, parameter), optional
        Starts of the formal chains, at which the model runs; draws from the prior by
        default.
    test_runs : int
        Proposals of the test run, each parameter moved by a uniform random number of
        at most half the range over ``step_divisor`` (eq. 6 of Zhao et al.).
    formal_runs : int
        Proposals of each formal chain; the first half is burn-in.
    chains : int
        Formal chains, from starts spread over the prior.
    step_divisor : float
    scale : float, optional
        Factor of the covariance in the formal proposal; 2.38^2 / parameters by
        default (Gelman et al. 1997). Zhao et al. print 1 (eq. 7), which few proposals
        of a problem with many parameters survive.
    window : (float, float)
        Acceptance rates within which a formal chain is kept.

    Returns
    -------
    TwoPhase

    Raises
    ------
    InputError
        If the bounds or numbers of runs cannot be used, or the model does not run at
        the start.

    References
    ----------
    Zhao et al. 2022, eqs. 3 to 7. The paper collects accepted values alone; here a
    rejected proposal repeats the last state, as the Metropolis rule demands.

    Examples
    --------
    >>> result = two_phase(
    ...     lambda theta: 0.5 * (theta**2).sum(axis=1) / 0.1**2, [-1, -1], [1, 1],
    ...     np.random.default_rng(1), test_runs=2000, formal_runs=2000)
    >>> bool(np.all(np.abs(result.posterior.mean(axis=0)) < 0.03))
    True
    """
    low, high = _bounds(lower, upper)
    _check_numbers(test_runs, formal_runs, chains, step_divisor, scale, window)
    counted = _Counter(cost, low, high)
    first = 0.5 * (low + high) if start is None else np.asarray(start, float)
    if first.shape != low.shape or not np.isfinite(counted(first[None])[0]):
        raise InputError(
            "start",
            found=first,
            wanted=f"{low.size} values within the bounds, at which the model runs",
        )

    def uniform_step(n: int) -> np.ndarray:
        return rng.uniform(-0.5, 0.5, (n, low.size)) * (high - low) / step_divisor

    test, _, accepted = _metropolis(counted, first[None], test_runs, uniform_step, rng)
    half = test[0, test_runs // 2 :]
    covariance = np.atleast_2d(np.cov(half, rowvar=False))
    factor = _square_root(covariance * (2.38**2 / low.size if scale is None else scale))

    def gaussian_step(n: int) -> np.ndarray:
        return rng.standard_normal((n, low.size)) @ factor.T

    if starts is None:
        begin = _dispersed_starts(counted, low, high, chains, rng)
    else:
        begin = _given_starts(starts, low, high, chains)
    samples, costs, rates = _metropolis(counted, begin, formal_runs, gaussian_step, rng)
    burn_in = formal_runs // 2
    samples, costs = samples[:, burn_in:], costs[:, burn_in:]
    kept = (rates >= window[0]) & (rates <= window[1])
    return TwoPhase(
        samples, costs, rates, kept, gelman_rubin(samples[kept]), float(accepted[0]),
        covariance, counted.outside, counted.runs,
    )  # fmt: skip


def _bounds(lower: Any, upper: Any) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.asarray(lower, float), np.asarray(upper, float)
    if low.ndim != 1 or low.shape != high.shape or not np.all(low < high):
        raise InputError(
            "bounds",
            found=f"{low} and {high}",
            wanted="lists of equal length, each lower bound below its upper one",
        )
    return low, high


def _check_numbers(test_runs, formal_runs, chains, divisor, scale, window) -> None:
    if min(test_runs, formal_runs) < 10 or chains < 1:
        raise InputError(
            "runs",
            found=f"{test_runs} test runs, {formal_runs} formal ones, {chains} chains",
            wanted="at least 10, 10 and 1",
        )
    if not divisor > 0.0 or (scale is not None and not scale > 0.0):
        raise InputError(
            "steps",
            found=f"step_divisor {divisor} and scale {scale}",
            wanted="above 0",
        )
    if not 0.0 <= window[0] < window[1] <= 1.0:
        raise InputError("window", found=window, wanted="two rates in order, 0 to 1")


def _metropolis(cost, starts, n, step, rng):
    """Chains side by side: states (chain, draw, parameter), costs, acceptance."""
    theta = starts.copy()
    current = cost(theta)
    states = np.empty((len(theta), n, theta.shape[1]))
    costs = np.empty((len(theta), n))
    accepted = np.zeros(len(theta))
    for k in range(n):
        proposal = theta + step(len(theta))
        proposed = cost(proposal)
        # log of a uniform number: the ratio itself would overflow.
        moves = np.log(rng.uniform(size=len(theta))) < current - proposed
        theta = np.where(moves[:, None], proposal, theta)
        current = np.where(moves, proposed, current)
        accepted += moves
        states[:, k], costs[:, k] = theta, current
    return states, costs, accepted / n


def _square_root(covariance: np.ndarray) -> np.ndarray:
    """Symmetric square root; a parameter that did not move gets no step."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))


def _given_starts(starts, low, high, chains) -> np.ndarray:
    begin = np.asarray(starts, float)
    shaped = begin.shape == (chains, low.size)
    if not shaped or not np.all((begin >= low) & (begin <= high)):
        raise InputError(
            "starts",
            found=f"an array of shape {begin.shape}",
            wanted=f"{chains} starts of {low.size} values within the bounds",
        )
    return begin


def _dispersed_starts(cost, low, high, chains, rng) -> np.ndarray:
    """Starts drawn from the prior, at which the model runs."""
    starts: list[np.ndarray] = []
    for _ in range(_TRIES):
        theta = rng.uniform(low, high)
        if np.isfinite(cost(theta[None])[0]):
            starts.append(theta)
        if len(starts) == chains:
            return np.array(starts)
    raise InputError(
        "cost",
        found=f"a number at {len(starts)} of {_TRIES} draws from the prior",
        wanted=f"{chains} starts at which the model runs",
    )


def gelman_rubin(samples: np.ndarray) -> np.ndarray:
    """Potential scale reduction of each parameter (Gelman and Rubin 1992).

    Parameters
    ----------
    samples : ndarray (chain, draw, parameter)

    Returns
    -------
    ndarray (parameter,)
        NaN if there are fewer than two chains.
    """
    chains, n, _ = samples.shape
    if chains < 2:
        return np.full(samples.shape[2], np.nan)
    within = samples.var(axis=1, ddof=1).mean(axis=0)
    between = samples.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt((n - 1) / n + between / within)
