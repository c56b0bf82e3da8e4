"""Images of a point under exchanges of parameters that have the same prior.

Two pools with the same prior, or two layers, can often change places without a change
of what is observed: a posterior then has a mode for each order, and the image of a good
point, with the two values exchanged, is a good point too. A fraction that says how much
goes to the first pool then becomes one that says how much goes to the second, so that
images are also made with one other parameter reflected.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from masm.problem.priors import Prior
from masm.problem.problem import Problem
from masm.types import Array

_LEVELS = np.linspace(0.05, 0.95, 7)
# Priors are nearly the same where so much of either lies between the other's bounds.
_SHARED = 0.8
#: So many exchanges at a time, and so many images at most.
_MOST_EXCHANGES, _MOST_ASKED = 3, 400


def exchangeable_pairs(problem: Problem) -> list[tuple[int, int]]:
    """Columns of parameters whose priors are of the same kind and nearly the same."""
    priors = [problem.priors[name] for name in problem.active]
    columns = combinations(range(len(priors)), 2)
    return [(i, j) for i, j in columns if _alike(priors[i], priors[j])]


def _alike(one: Prior, other: Prior) -> bool:
    """Whether at least four fifths of either prior lie between the other's bounds."""
    if type(one) is not type(other):
        return False
    low, high = max(one.low, other.low), min(one.high, other.high)
    if not low < high:
        return False
    ends = np.array([low, high])
    return all(np.diff(prior.cdf(ends))[0] >= _SHARED for prior in (one, other))


def _same(one: Prior, other: Prior) -> bool:
    if (one.low, one.high) != (other.low, other.high):
        return False
    levels = one.quantile(_LEVELS), other.quantile(_LEVELS)
    return bool(np.allclose(*levels, rtol=1e-9, atol=0.0))


def exchanges(problem: Problem, point: Array) -> tuple[Array, int, NDArray[np.intp]]:
    """Points with exchanged parameters, how many are plain, and where values are from.

    No two are alike. The plain ones, in which nothing is reflected, are the first; the
    last part is the column of the point that each value was taken from.

    Pairs, plain and with one other parameter reflected; rings of three; and up to three
    pairs at once, with one other parameter reflected too. The values are exchanged, not
    the places in the priors: what falls outside the other's bounds is left out.

    Parameters
    ----------
    problem : its priors say which parameters can change places
    point : (n_parameters,) in the unit cube
    """
    pairs = exchangeable_pairs(problem)
    orders: list[list[tuple[int, int]]] = [[pair] for pair in pairs]
    orders += [[(i, j), (j, k)] for i, j, k in _rings(pairs)]
    for n in range(2, _MOST_EXCHANGES + 1):
        for several in combinations(pairs, n):
            if len({column for pair in several for column in pair}) == 2 * n:
                orders.append(list(several))
        if len(orders) > _MOST_ASKED:
            break
    d = len(point)
    found: list[tuple[Array, NDArray[np.intp]]] = []
    turned: list[tuple[Array, NDArray[np.intp]]] = []
    for order in orders[:_MOST_ASKED]:
        plain = _exchanged(problem, point, order)
        if plain is None:
            continue
        source: NDArray[np.intp] = np.arange(d)
        for i, j in order:
            source[[i, j]] = source[[j, i]]
        moved = {column for pair in order for column in pair}
        found.append((plain, source))
        turned += [(_reflected(plain, k), source) for k in range(d) if k not in moved]
    if not found:
        return np.empty((0, d)), 0, np.empty((0, d), np.intp)
    every = np.array([image for image, _ in found + turned])
    sources = np.array([source for _, source in found + turned])
    _, first = np.unique(np.round(every, 6), axis=0, return_index=True)
    first = np.sort(first)[:_MOST_ASKED]
    return every[first], int(np.sum(first < len(found))), sources[first]


def _rings(pairs: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Three columns that can all change places, in either direction of the ring."""
    known = set(pairs)
    columns = sorted({column for pair in pairs for column in pair})
    rings = []
    for i, j, k in combinations(columns, 3):
        if {(i, j), (j, k), (i, k)} <= known:
            rings += [(i, j, k), (k, j, i)]
    return rings


def _exchanged(
    problem: Problem, point: Array, order: list[tuple[int, int]]
) -> Array | None:
    """The point after exchanges, one after the other; None where it leaves a prior."""
    priors = [problem.priors[name] for name in problem.active]
    new = point.copy()
    for i, j in order:
        if _same(priors[i], priors[j]):
            new[[i, j]] = new[[j, i]]
            continue
        values = [priors[k].quantile(new[[k]])[0] for k in (i, j)]
        for k, value in zip((j, i), values, strict=True):
            if not priors[k].low <= value <= priors[k].high:
                return None
            new[k] = priors[k].cdf(np.array([value]))[0]
    return new


def _reflected(point: Array, column: int) -> Array:
    new = point.copy()
    new[column] = 1.0 - new[column]
    return new


def reflections(point: Array) -> Array:
    """The point with one parameter reflected, (n_parameters, n_parameters)."""
    return np.array([_reflected(point, k) for k in range(len(point))])
