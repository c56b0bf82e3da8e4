"""Moments of a forecast ensemble whose members cannot fall below a bound.

Member i of state j is ``max(z_ij, lower_j)`` of a latent normal ``z``. A member at
the bound only says that its ``z`` is at or below it. Taking it at its word would move
the mean up and shrink the spread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.filters import _checks
from masm.filters._linear import truncated_draw
from masm.filters._matrices import cholesky, inverse
from masm.filters._process import draw_inverse_wishart
from masm.filters.analysis import sample_moments

Array = NDArray[np.float64]

SCOPES = ("auto", "all", "site")

# States are fitted together if there are so many members for each of them.
_MEMBERS_PER_STATE = 3
# The prior of a latent mean is so many sd wide, where members are above the bound.
_WIDE = 10.0
# A standard normal above its mean has this sd.
_HALF_NORMAL_SD = 0.6
# Scale, relative to its size, of a state in which no member differs.
_NO_SPREAD = 1e-6


@dataclass(frozen=True)
class LatentForecast:
    """Result of `latent_forecast`.

    Attributes
    ----------
    mean, covariance : (p,), (p, p)
        mu_f and P_f: sample moments of the latent members, divisor n - 1, averaged
        over the imputations. They are exact where no member is censored.
    members : (n_members, p)
        The last imputation: members above the bound as they were, others below it.
    n_censored : (p,)
        Members at or below the bound in each state.
    from_prior : (p,) of bool
        True where all members are: mean and spread come from the prior, that is from
        ``lower`` and ``minimum_sd``.
    scope : str
        ``"none"`` (nothing censored), ``"all"`` or ``"site"``.

    Examples
    --------
    >>> from masm.filters import latent_forecast
    >>> found = latent_forecast([[1.0], [2.0], [3.0]], 0.0, seed=1)
    >>> found.mean, found.n_censored, found.scope
    (array([2.]), array([0]), 'none')
    """

    mean: Array
    covariance: Array
    members: Array
    n_censored: NDArray[np.intp]
    from_prior: NDArray[np.bool_]
    scope: str


def latent_forecast(
    members: ArrayLike,
    lower: ArrayLike | None,
    *,
    n_sites: int = 1,
    seed: _checks.Seed,
    minimum_sd: ArrayLike | None = None,
    n_imputations: int = 100,
    n_warm: int = 100,
    thin: int = 2,
    scope: str = "auto",
) -> LatentForecast:
    """Latent mean and covariance of an ensemble, censored from below.

    Parameters
    ----------
    members : (n_members, p)
        All q states of a site are side by side.
    lower : number, (p,) or None
        Members at or below it are latent; None or minus infinity for no bound.
    n_sites : int
    seed : int, sequence of int or SeedSequence
    minimum_sd : number or (p,), optional
        Least scale of the prior of a state, in its units. Needed where all members
        are at the bound.
    n_imputations, n_warm, thin : int
        Gibbs sweeps: imputations that are averaged, sweeps before the first, sweeps
        from one to the next.
    scope : {"auto", "all", "site"}
        Whether the latent normal is fitted to all states together or site by site.
        By default together with three members or more for each state. Covariances
        between sites come from the imputed members in either case.

    Returns
    -------
    LatentForecast

    Raises
    ------
    InputError
        Fewer than three members, shapes that do not fit, or a state with all members
        at the bound without a ``minimum_sd``.

    Notes
    -----
    Gibbs sampling of censored members, mean (normal prior, ten sd wide) and
    covariance (inverse-Wishart prior with q + 2 degrees of freedom), as the source
    does with weak priors.

    References
    ----------
    Dokoohaki et al. (2021), section 2.5; Raiho et al. (2020); Tobin (1958),
    Econometrica 26, 24-36.

    Examples
    --------
    >>> latent_forecast([[1.0], [2.0], [3.0]], 0.0, seed=1).covariance
    array([[1.]])
    """
    found = _checks.members_of(members)
    n, p = found.shape
    q = _checks.block_size(p, n_sites)
    for value, what in ((n_imputations, "n_imputations"), (thin, "thin")):
        _checks.count(value, what)
    _checks.count(n_warm, "n_warm", 0)
    _checks.choice(scope, "scope", SCOPES)
    bound = _bounds(lower, p)
    floor = _floors(minimum_sd, p)
    censored = found <= bound
    n_censored = censored.sum(axis=0)
    if not censored.any():
        return LatentForecast(
            *sample_moments(found), found, n_censored, n_censored == n, "none"
        )
    _refuse_unknown_spread(n_censored == n, floor, q)
    together = scope == "all" or (scope == "auto" and n >= _MEMBERS_PER_STATE * p)
    width = p if together else q
    rng = np.random.default_rng(_checks.seeds(seed))
    blocks = [
        _Block(found[:, j : j + width], bound[j : j + width], floor[j : j + width], rng)
        for j in range(0, p, width)
        if censored[:, j : j + width].any()
    ]
    places = [j for j in range(0, p, width) if censored[:, j : j + width].any()]
    latent = found.copy()
    mean, covariance = np.zeros(p), np.zeros((p, p))
    for sweep in range(n_warm + n_imputations * thin):
        for block in blocks:
            block.sweep()
        if sweep >= n_warm and (sweep - n_warm) % thin == thin - 1:
            for j, block in zip(places, blocks, strict=True):
                latent[:, j : j + width] = block.latent
            part = sample_moments(latent)
            mean += part[0] / n_imputations
            covariance += part[1] / n_imputations
    return LatentForecast(
        mean, covariance, latent, n_censored, n_censored == n,
        "all" if together else "site",
    )  # fmt: skip


def _bounds(lower: ArrayLike | None, p: int) -> Array:
    bound = _checks.numbers(-np.inf if lower is None else lower, "lower")
    if bound.size == 1:
        bound = np.full(p, float(bound.reshape(())))
    if bound.shape != (p,) or np.isnan(bound).any() or np.any(bound == np.inf):
        raise InputError(
            "lower", found=f"shape {bound.shape}", wanted=f"one number or {p}, not NaN"
        )
    return bound


def _floors(minimum_sd: ArrayLike | None, p: int) -> Array:
    floor = _checks.vector(0.0 if minimum_sd is None else minimum_sd, "minimum_sd")
    if floor.size == 1:
        floor = np.full(p, floor[0])
    if floor.shape != (p,) or np.any(floor < 0.0):
        raise InputError(
            "minimum_sd", found=floor, wanted=f"one number or {p}, zero or more"
        )
    return floor


def _refuse_unknown_spread(nothing: NDArray[np.bool_], floor: Array, q: int) -> None:
    bad = np.flatnonzero(nothing & (floor == 0.0))
    if bad.size:
        site, state = divmod(int(bad[0]), q)
        raise InputError(
            f"all members are at the lower bound in state {state} of site {site}",
            found=f"{bad.size} such state(s) and no least sd",
            wanted="minimum_sd: the scale of the prior, in the units of the state",
        )


class _Block:
    """States that are fitted together."""

    def __init__(
        self, members: Array, bound: Array, floor: Array, rng: np.random.Generator
    ) -> None:
        self.rng, self.bound = rng, bound
        self.censored = members <= bound
        self.columns = np.flatnonzero(self.censored.any(axis=0))
        self.centre, self.scale, self.width = _prior(
            members, self.censored, bound, floor
        )
        self.latent = np.where(self.censored, bound - 0.5 * self.scale, members)
        self.mean = self.latent.mean(axis=0)
        self.covariance = np.diag(self.scale**2)

    def sweep(self) -> None:
        """Draw covariance, mean and latent members, each given the rest."""
        n, d = self.latent.shape
        centred = self.latent - self.mean
        scale = np.diag(self.scale**2) + centred.T @ centred
        self.covariance = draw_inverse_wishart(d + 2.0 + n, scale, self.rng)
        precision = inverse(self.covariance)
        total = n * precision + np.diag(self.width**-2.0)
        pull = n * precision @ self.latent.mean(axis=0) + self.centre * self.width**-2.0
        root = cholesky(total)
        noise = np.linalg.solve(root.T, self.rng.standard_normal(d))
        self.mean = np.linalg.solve(total, pull) + noise
        for j in self.columns:
            self._impute(int(j), precision)

    def _impute(self, j: int, precision: Array) -> None:
        rows = self.censored[:, j]
        off = self.latent[rows] - self.mean
        off[:, j] = 0.0
        sd = precision[j, j] ** -0.5
        mean = self.mean[j] - off @ precision[:, j] * sd**2
        drawn = truncated_draw((self.bound[j] - mean) / sd, self.rng)
        self.latent[rows, j] = np.minimum(mean + sd * drawn, self.bound[j])


def _prior(
    members: Array, censored: NDArray[np.bool_], bound: Array, floor: Array
) -> tuple[Array, Array, Array]:
    """Centre, scale of the members and width of the mean's prior, of every state."""
    d = bound.size
    centre, scale, width = np.empty(d), np.empty(d), np.empty(d)
    for j in range(d):
        free = members[~censored[:, j], j]
        if not free.size:
            centre[j] = bound[j]
            scale[j] = width[j] = floor[j]
            continue
        centre[j] = free.mean()
        sizes = [np.sqrt(np.mean((free - bound[j]) ** 2))]
        if free.size > 2:
            sizes.append(float(free.std(ddof=1)) / _HALF_NORMAL_SD)
        if not np.isfinite(bound[j]):
            sizes = sizes[1:]
        sizes = [size for size in sizes if size > 0.0] or [
            _NO_SPREAD * (1.0 + abs(centre[j]))
        ]
        scale[j] = max(min(sizes), floor[j])
        width[j] = _WIDE * max(scale[j], abs(centre[j] - bound[j])
                               if np.isfinite(bound[j]) else 0.0)  # fmt: skip
    return centre, scale, width
