"""Members are shifted and rescaled to the moments of an analysis, not drawn anew.

A member keeps its parameters and drivers over all times, so it has to stay itself
(Anderson 2001; Dokoohaki et al. 2021, section 2.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.filters import _checks
from masm.filters.analysis import sample_moments
from masm.filters.between_states import checked_factor, taper_states

Array = NDArray[np.float64]

FORMS = ("symmetric", "eigenvector")
SCOPES = ("auto", "site", "global")

# Directions with a smaller fraction of the largest variance have no spread to rescale.
_NULL = 1e-8


@dataclass(frozen=True)
class Adjusted:
    """Result of `adjust`.

    Attributes
    ----------
    members : (n_members, p)
        For the model: none below ``lower``.
    latent : (n_members, p)
        Before that; their mean is the target's.
    n_clipped : (p,)
        Members that were set to ``lower`` in each state.
    n_null : int
        Directions without spread, which stay without (inflation can open them).
    scope : str
        ``"global"`` or ``"site"``.

    Examples
    --------
    >>> from masm.filters import adjust
    >>> found = adjust([[-1.0], [0.0], [1.0]], [5.0], [[4.0]])
    >>> found.members.ravel(), found.n_clipped
    (array([3., 5., 7.]), array([0]))
    """

    members: Array
    latent: Array
    n_clipped: NDArray[np.intp]
    n_null: int
    scope: str


def adjust(
    members: ArrayLike,
    mean: ArrayLike,
    covariance: ArrayLike,
    *,
    n_sites: int = 1,
    lower: ArrayLike | None = None,
    form: str = "symmetric",
    scope: str = "auto",
    state_taper: ArrayLike | None = None,
) -> Adjusted:
    """Give members a mean and a covariance, and move them as little as possible.

    Parameters
    ----------
    members : (n_members, p)
        Latent forecast members; all q states of a site are side by side.
    mean, covariance : (p,), (p, p)
        Of the analysis.
    n_sites : int
    lower : number, (p,) or None
        Results below are set to it for the model.
    form : {"symmetric", "eigenvector"}
        ``z_a = mu_a + T (z - mu_f)`` with ``T = S^-1/2 (S^1/2 P_a S^1/2)^1/2
        S^-1/2``, S the members' own covariance; or the source's form with
        eigenvectors, their signs aligned, which moves and swaps members even so.
    scope : {"auto", "site", "global"}
        One map for each site or one for all states. By default one for all where
        there are more members than states, else site by site: one map can only
        reach the n - 1 directions that the members span.
    state_taper : (q, q), optional
        Factors of the covariances between states that the analysis was made with. The
        map is then that from S with these factors to ``covariance``, and members are
        scaled to its variances: a tapered correlation is neither used
        nor taken from the members. With factors of one nothing changes.

    Returns
    -------
    Adjusted

    Raises
    ------
    InputError
        Fewer than three members, shapes that do not fit, a covariance that is not
        positive semidefinite.

    References
    ----------
    Anderson (2001), Monthly Weather Review 129, 2884-2903; Dokoohaki et al. (2021).

    Examples
    --------
    >>> adjust([[-1.0], [0.0], [1.0]], [5.0], [[4.0]]).members.ravel()
    array([3., 5., 7.])
    """
    found = _checks.members_of(members)
    n, p = found.shape
    q = _checks.block_size(p, n_sites)
    target = _checks.vector(mean, "mean")
    if target.shape != (p,):
        raise InputError("mean", found=f"shape {target.shape}", wanted=f"({p},)")
    _checks.choice(form, "form", FORMS)
    _checks.choice(scope, "scope", SCOPES)
    bound = _bound(lower, p)
    together = scope == "global" or (scope == "auto" and n - 1 >= p)
    width = p if together else q
    wanted = _blocks(covariance, p, width)
    factor = None if state_taper is None else checked_factor(state_taper)
    if factor is not None and len(factor) != q:
        raise InputError("state_taper", found=f"{len(factor)} states", wanted=q)
    if factor is not None and factor.min() == 1.0:
        factor = None
    latent, n_null = np.empty_like(found), 0
    change = _symmetric if form == "symmetric" else _eigenvector
    for block, j in zip(wanted, range(0, p, width), strict=True):
        own, spread = sample_moments(found[:, j : j + width])
        believed = spread if factor is None else taper_states(spread, factor)
        matrix, n_lost = change(believed, block)
        n_null += n_lost
        moved = (found[:, j : j + width] - own) @ matrix.T
        if factor is not None:
            moved = _scaled_to(moved, np.diag(block))
        latent[:, j : j + width] = target[j : j + width] + moved - moved.mean(axis=0)
    low = latent < bound
    return Adjusted(
        np.where(low, bound, latent), latent, low.sum(axis=0), n_null,
        "global" if together else "site",
    )  # fmt: skip


def _scaled_to(moved: Array, variance: Array) -> Array:
    """Give every state a variance; one without spread stays without."""
    spread = moved.var(axis=0, ddof=1)
    has = spread > _NULL * variance
    return np.asarray(moved * np.sqrt(np.where(has, variance, 1.0)
                                      / np.where(has, spread, 1.0)))  # fmt: skip


def _bound(lower: ArrayLike | None, p: int) -> Array:
    bound = _checks.numbers(-np.inf if lower is None else lower, "lower")
    if bound.size == 1:
        bound = np.full(p, float(bound.reshape(())))
    if bound.shape != (p,) or np.isnan(bound).any() or np.any(bound == np.inf):
        raise InputError("lower", found=bound, wanted=f"one number or {p}, not NaN")
    return bound


def _blocks(covariance: ArrayLike, p: int, width: int) -> list[Array]:
    """The diagonal blocks of the target, each checked to be a covariance."""
    whole = _checks.numbers(covariance, "covariance")
    if whole.ndim < 2 and whole.size == 1:
        whole = whole.reshape(1, 1)
    if whole.shape != (p, p):
        raise InputError("covariance", found=f"shape {whole.shape}", wanted=(p, p))
    return [
        _checks.covariance_of(whole[j : j + width, j : j + width], width, "covariance")
        for j in range(0, p, width)
    ]


def _kept(spread: Array) -> tuple[Array, Array, int]:
    """Eigenvalues and vectors of the directions with spread, and how many have none."""
    values, vectors = np.linalg.eigh(spread)
    kept = values > _NULL * max(float(values[-1]), 0.0)
    return values[kept], vectors[:, kept], int((~kept).sum())


def _symmetric(spread: Array, target: Array) -> tuple[Array, int]:
    values, vectors, n_null = _kept(spread)
    root = np.sqrt(values)
    inner = root[:, None] * (vectors.T @ target @ vectors) * root[None, :]
    inner_values, inner_vectors = np.linalg.eigh(0.5 * (inner + inner.T))
    half = inner_vectors * np.sqrt(np.maximum(inner_values, 0.0)) @ inner_vectors.T
    inside = half / np.outer(root, root)
    return vectors @ inside @ vectors.T, n_null


def _eigenvector(spread: Array, target: Array) -> tuple[Array, int]:
    values, vectors, n_null = _kept(spread)
    new_values, new_vectors = np.linalg.eigh(target)
    new_values, new_vectors = new_values[-values.size :], new_vectors[:, -values.size :]
    sign = np.sign(np.sum(new_vectors * vectors, axis=0))
    new_vectors = new_vectors * np.where(sign == 0.0, 1.0, sign)
    scale = np.sqrt(np.maximum(new_values, 0.0) / values)
    return new_vectors * scale @ vectors.T, n_null
