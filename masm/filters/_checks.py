"""What every filter asks of its input, checked once and before any work starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError

Array = NDArray[np.float64]
Seed = int | Sequence[int] | np.random.SeedSequence

#: A covariance may have eigenvalues down to minus this fraction of its largest one.
ROUNDING = 1e-8
_LEAST_MEMBERS = 3


@dataclass(frozen=True)
class Observed:
    """The values that were observed, with what belongs to them.

    Attributes
    ----------
    operator : (n_obs, p)
    value : (n_obs,)
    covariance : (n_obs, n_obs) of the errors
    index : (n_obs,) places among the values that were given, NaN ones included
    """

    operator: Array
    value: Array
    covariance: Array
    index: NDArray[np.intp]

    @property
    def is_diagonal(self) -> bool:
        """Whether errors of different values are independent."""
        off = self.covariance - np.diag(np.diag(self.covariance))
        return not np.any(off)


def seeds(seed: Seed, *key: int) -> np.random.SeedSequence:
    """The random stream of one use, the same on any machine."""
    if isinstance(seed, np.random.SeedSequence):
        return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *key))
    try:
        return np.random.SeedSequence(seed, spawn_key=key)
    except (TypeError, ValueError) as exc:
        raise InputError(
            "seed",
            found=repr(seed),
            wanted="an int of 0 or more, a list of them, or a SeedSequence",
        ) from exc


def numbers(value: ArrayLike, what: str) -> Array:
    """An array of floats, or an error that names it."""
    try:
        return np.array(value, dtype=float)
    except (TypeError, ValueError) as exc:
        raise InputError(what, found=repr(value)[:80], wanted="numbers") from exc


def finite(value: Array, what: str) -> None:
    """Refuse NaN and infinity, and say where the first is."""
    bad = ~np.isfinite(value)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"{what} has {int(bad.sum())} value(s) that are not finite",
            found=f"{value[where]} at index {where if len(where) > 1 else where[0]}",
            wanted="finite numbers",
        )


def vector(value: ArrayLike, what: str) -> Array:
    """A finite vector; a number counts as a vector of one."""
    found = np.atleast_1d(numbers(value, what))
    if found.ndim != 1 or not found.size:
        raise InputError(what, found=f"shape {found.shape}", wanted="one dimension")
    finite(found, what)
    return found


def count(value: Any, what: str, least: int = 1) -> int:
    """A whole number of at least ``least``."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:
        raise InputError(what, found=repr(value), wanted=f"a whole number >= {least}")
    return int(value)


def number(
    value: Any,
    what: str,
    *,
    above: float = -np.inf,
    least: float = -np.inf,
    most: float = np.inf,
) -> float:
    """One finite number in a range."""
    found = numbers(value, what)
    if found.size == 1:
        x = float(found.reshape(()))
        if np.isfinite(x) and x > above and least <= x <= most:
            return x
    bounds = [f"above {above:g}"] if np.isfinite(above) else []
    bounds += [f"at least {least:g}"] if np.isfinite(least) else []
    bounds += [f"at most {most:g}"] if np.isfinite(most) else []
    raise InputError(
        what, found=repr(value)[:80], wanted=" ".join(["a finite number", *bounds])
    )


def choice(value: Any, what: str, names: Sequence[str]) -> str:
    """One of a list of names."""
    if not isinstance(value, str) or value not in names:
        raise InputError(what, found=repr(value), wanted=" or ".join(map(repr, names)))
    return value


def members_of(members: ArrayLike, least: int = _LEAST_MEMBERS) -> Array:
    """An ensemble, (n_members, p)."""
    found = numbers(members, "members")
    if found.ndim != 2 or not found.shape[1]:
        raise InputError(
            "members", found=f"shape {found.shape}", wanted="(n_members, n_states)"
        )
    if len(found) < least:
        raise InputError(
            "too few members",
            found=len(found),
            wanted=f"{least} or more",
            hint="Rows of `members` are members, columns are states.",
        )
    finite(found, "members")
    return found


def block_size(p: int, n_sites: Any) -> int:
    """States per site, q; the states are in order of sites."""
    n_sites = count(n_sites, "n_sites")
    if p % n_sites:
        raise InputError(
            "the number of states is no multiple of the number of sites",
            found=f"{p} states, {n_sites} sites",
            wanted="all states of the first site, then all of the second, ...",
        )
    return p // n_sites


def covariance_of(
    value: ArrayLike, size: int, what: str, *, definite: bool = False
) -> Array:
    """A symmetric covariance, positive semidefinite up to rounding, or definite."""
    found = _symmetric(value, size, what)
    _judge(np.asarray(np.linalg.eigvalsh(found)), what, definite)
    return found


def covariance_and_root(value: ArrayLike, size: int, what: str) -> tuple[Array, Array]:
    """A semidefinite covariance and a root of it, (size, rank), from eigenvalues.

    Eigenvalues are cut at zero: a tapered covariance of many sites is singular in
    double precision and is never inverted.
    """
    found = _symmetric(value, size, what)
    values, vectors = map(np.asarray, np.linalg.eigh(found))
    _judge(values, what, definite=False)
    kept = values > 1e-15 * max(float(values[-1]), 0.0)
    return found, vectors[:, kept] * np.sqrt(values[kept])


def _symmetric(value: ArrayLike, size: int, what: str) -> Array:
    found = numbers(value, what)
    if found.ndim < 2 and found.size == 1:
        found = found.reshape(1, 1)
    if found.shape != (size, size):
        raise InputError(what, found=f"shape {found.shape}", wanted=(size, size))
    finite(found, what)
    off = float(np.abs(found - found.T).max())
    if off > 1e-8 * float(np.abs(found).max()):
        raise InputError(
            f"{what} is not symmetric",
            found=f"a largest difference of {off:.3g} across the diagonal",
            wanted="a covariance matrix",
        )
    return 0.5 * (found + found.T)


def _judge(values: Array, what: str, definite: bool) -> None:
    least, most = float(values[0]), float(values[-1])
    floor = -ROUNDING * max(most, 0.0)
    if (definite and least <= 0.0) or least < floor:
        raise InputError(
            f"{what} is not positive {'definite' if definite else 'semidefinite'}",
            found=f"a smallest eigenvalue of {least:.3g}, a largest of {most:.3g}",
            wanted="a covariance matrix",
            hint="Was it tapered by a function that is not positive definite?",
        )


def observed_of(
    operator: ArrayLike, observations: ArrayLike, variance: ArrayLike, p: int
) -> Observed:
    """Check what was observed, and leave out values that are NaN.

    Parameters
    ----------
    operator : (n_obs, p)
    observations : (n_obs,)
        NaN means not observed.
    variance : number, (n_obs,) or (n_obs, n_obs)
        Error variances, or the whole covariance. They need not be given where
        nothing was observed.
    p : number of states
    """
    value = np.atleast_1d(numbers(observations, "observations"))
    if value.ndim != 1:
        raise InputError(
            "observations", found=f"shape {value.shape}", wanted="(n_obs,)"
        )
    if np.isinf(value).any():
        raise InputError(
            "observations are infinite",
            found=f"{value[np.isinf(value)][0]} at {int(np.argmax(np.isinf(value)))}",
            wanted="finite numbers, or NaN where nothing was observed",
        )
    n = value.size
    h = numbers(operator, "operator")
    if h.ndim < 2 and n * p == h.size:
        h = h.reshape(n, p)
    if h.shape != (n, p):
        raise InputError(
            "operator",
            found=f"shape {h.shape}",
            wanted=f"{(n, p)}: a row for each observation, a column for each state",
        )
    seen = np.isfinite(value)
    index = np.flatnonzero(seen)
    finite(h[seen], "operator")
    blind = index[~np.any(h[seen] != 0.0, axis=1)]
    if blind.size:
        raise InputError(
            f"observation {int(blind[0])} is of a state that no model gives",
            found=f"{blind.size} row(s) of the operator with zeros only",
            wanted="at least one state in each row",
            hint="Set the observation to NaN, or add the state to the filter.",
        )
    return Observed(h[seen], value[seen], _errors(variance, n, index), index)


def _errors(variance: ArrayLike, n: int, index: NDArray[np.intp]) -> Array:
    found = numbers(variance, "variance of the observations")
    if found.size == 1 and found.ndim < 2:
        found = np.full(n, float(found.reshape(())))
    if found.shape == (n,):
        found = np.diag(found)
    if found.shape != (n, n):
        raise InputError(
            "variance of the observations",
            found=f"shape {found.shape}",
            wanted=f"a number, ({n},) or ({n}, {n})",
        )
    found = found[np.ix_(index, index)]
    own = np.diag(found)
    bad = ~(np.isfinite(own) & (own > 0.0))
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"the error of observation {int(index[first])} is zero or missing",
            found=f"a variance of {own[first]}",
            wanted="a finite variance above zero for each observed value",
            hint="Set the observation to NaN if its error is not known.",
        )
    off = found - np.diag(own)
    if np.any(off):
        covariance_of(found, len(found), "variance of the observations", definite=True)
    return found


def lower_of(lower: ArrayLike | None, n: int, index: NDArray[np.intp]) -> Array:
    """The lower bound of each observed value; minus infinity where there is none."""
    if lower is None:
        return np.full(index.size, -np.inf)
    found = numbers(lower, "lower")
    if np.isnan(found).any() or np.any(found == np.inf):
        raise InputError("lower", found=found, wanted="numbers, -inf or None")
    if found.size == 1:
        return np.full(index.size, float(found.reshape(())))
    if found.shape != (n,):
        raise InputError("lower", found=f"shape {found.shape}", wanted=f"one or ({n},)")
    return found[index]
