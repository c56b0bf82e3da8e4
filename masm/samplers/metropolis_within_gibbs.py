"""Chains that move one block of parameters at a time, on a joint density.

In each step of a chain every block has its turn: a move of its parameters alone, the
others held, accepted or not by the joint density (Metropolis within Gibbs). A move is
a random walk with the covariance of the block given the rest, or a difference of two
earlier states. What is kept after burn-in is a plain Markov chain of the joint
density; parameters of different blocks that are correlated only make it slow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.samplers.chains import Chains, LogDensity, checked_starts, clean
from masm.types import Array

# Fractions of random walks, and of differences at full length, among moves.
_WALK_FRACTION = 0.6
_JUMP_FRACTION = 0.1
_WANTED_ACCEPTANCE = 0.3
_N_ROUNDS = 4
_MOST_STATES = 4000


def block_chains(
    log_density: LogDensity,
    starts: ArrayLike,
    blocks: Sequence[Sequence[int]],
    *,
    rng: np.random.Generator,
    n_chains: int,
    n_steps: int,
    n_burn: int,
    thin: int = 1,
) -> Chains:
    """Sample a density on the unit cube, one block of its axes at a time.

    Parameters
    ----------
    log_density : callable
        (n_points, n_parameters) in the unit cube -> (n_points,); -inf or NaN is
        never entered. Called only inside the cube.
    starts : (n_starts, n_parameters), n_starts >= n_chains
        Draws that are roughly from the density: the first ``n_chains`` start chains,
        all together shape the first proposals.
    blocks : sequence of sequence of int
        Axes of each block. Blocks may overlap; every axis is in one.
    rng : the only source of random numbers
    n_chains, n_steps : chains and kept states of each, every ``thin``-th step
    n_burn : steps before those, in which the proposals adapt
    """
    known = checked_starts(starts)
    d = known.shape[1]
    columns = [np.array(sorted(set(block)), dtype=int) for block in blocks]
    if sorted({int(j) for block in columns for j in block}) != list(range(d)):
        raise InputError(
            "block chains: the blocks do not cover the parameters",
            found=[block.tolist() for block in columns],
            wanted=f"each of 0 to {d - 1} in at least one block",
        )
    walk = _Walk(log_density, known[:n_chains].copy(), columns, rng)
    walk.learn(known)
    states: list[Array] = []
    for t in range(n_burn):
        walk.step(adapt=True)
        states.append(walk.state.copy())
        if (t + 1) % max(1, n_burn // _N_ROUNDS) == 0:
            walk.learn(np.concatenate(states[len(states) // 2 :]))
    u = np.empty((n_chains, n_steps, d))
    values = np.empty((n_chains, n_steps))
    accepted = 0.0
    for t in range(n_steps * thin):
        accepted += walk.step(adapt=False)
        if (t + 1) % thin == 0:
            u[:, t // thin], values[:, t // thin] = walk.state, walk.value
    return Chains(u, values, accepted / max(n_steps * thin, 1))


@dataclass
class _Walk:
    """States of the chains, and how each block moves."""

    log_density: LogDensity
    state: Array
    columns: list[NDArray[np.intp]]
    rng: np.random.Generator

    def __post_init__(self) -> None:
        self.value = clean(self.log_density(self.state))
        self.archive = self.state
        self.factors: list[Array] = []
        self.sizes = np.ones(len(self.columns))

    def learn(self, states: Array) -> None:
        """Shape proposals by states: the covariance of each block given the rest."""
        self.archive = states[:: 1 + len(states) // _MOST_STATES]
        d = states.shape[1]
        covariance = np.atleast_2d(np.cov(states.T)) + 1e-10 * np.eye(d)
        precision = np.linalg.inv(covariance)
        self.factors = []
        for block in self.columns:
            given = np.linalg.inv(precision[np.ix_(block, block)])
            factor = np.linalg.cholesky(0.5 * (given + given.T))
            step = 2.38 / math.sqrt(len(block)) * factor
            self.factors.append(np.asarray(step, float))

    def step(self, *, adapt: bool) -> float:
        """Move every block once; returns the fraction of moves accepted."""
        fractions = [self._move(k) for k in range(len(self.columns))]
        if adapt:
            self.sizes *= np.exp(0.2 * (np.array(fractions) - _WANTED_ACCEPTANCE))
        return float(np.mean(fractions))

    def _move(self, k: int) -> float:
        block, rng = self.columns[k], self.rng
        n, size = len(self.state), len(block)
        step = rng.standard_normal((n, size)) @ self.factors[k].T
        step *= self.sizes[k]
        kind = rng.random(n)
        first, second = self.archive[rng.integers(0, len(self.archive), (2, n))]
        gamma = np.where(kind < _WALK_FRACTION + _JUMP_FRACTION, 1.0, self.sizes[k])
        gamma *= np.where(
            kind < _WALK_FRACTION + _JUMP_FRACTION, 1.0, 2.38 / math.sqrt(2.0 * size)
        )
        apart = gamma[:, None] * (first - second)[:, block] + 1e-3 * step
        new = self.state.copy()
        new[:, block] += np.where((kind < _WALK_FRACTION)[:, None], step, apart)
        inside = np.all((new >= 0.0) & (new <= 1.0), axis=1)
        value = np.full(n, -np.inf)
        if inside.any():
            value[inside] = clean(self.log_density(new[inside]))
        log_uniform = np.log1p(-rng.random(n))
        with np.errstate(invalid="ignore"):
            take = inside & (log_uniform < value - self.value)
        self.state[take], self.value[take] = new[take], value[take]
        return float(take.mean())
