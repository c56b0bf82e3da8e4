"""Gibbs sampling of site and group parameters together.

Every site is proposed for alone. Proposing one vector for all sites at once, as one
public code does, gives wrong means and false correlations between sites.

Many chains run in lockstep. A site's parameters move by Metropolis steps with a
proposal of their own, more of them in a sweep the more parameters there are, and,
unless asked otherwise, by elliptical slices (Murray, Adams and MacKay 2010), which
follow the group's distribution where the site says little. Where points of high
likelihood are known (`Guide`), chains begin there, and a mixture of normals fitted to
them proposes too; where a gradient is known, chains follow it in Hamiltonian paths.
Site posteriors that are only known by draws move by independent proposals from them
(Lunn et al. 2013, two-stage analysis). Group and sites also move together
(`masm.hierarchical.joint_moves`).

References
----------
Dokoohaki et al. (2021), gmd-2021-236, section 2.3.
Murray, Adams and MacKay (2010), AISTATS 9, 541-548.
Lunn et al. (2013), Journal of the Royal Statistical Society C 62, 551-572.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Required, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.hierarchical.group import (
    GroupPrior,
    definite,
    draw_covariance,
    draw_inverse_wishart,
    draw_mean,
)
from masm.hierarchical.joint_moves import (
    log_prior_of_mean,
    log_ratio_of_stretch,
    narrow_step,
    stretch_factors,
    wide_step,
)
from masm.hierarchical.sites import Guide, SiteDraws
from masm.hierarchical.walkers import (
    LikelihoodWalker,
    LogLikelihood,
    Walker,
    walker_of,
)

Array = NDArray[np.float64]
Seed = int | list[int] | np.random.SeedSequence

# A slice costs several evaluations, a Metropolis step one.
_SLICE_EVERY = 3
# Narrow shifts and stretches of the group with all sites, a sweep.
_N_TOGETHER = 2


@dataclass(frozen=True)
class HierarchicalDraws:
    """Draws of the joint posterior.

    Attributes
    ----------
    sites : tuple of str, (n_sites,)
    theta : (chain, draw, n_sites, p)
    mean : (chain, draw, p)
        mu_g.
    covariance : (chain, draw, p, p)
        Sigma_g.
    from_group : (n_sites,) of bool
        True for a site without observations: predicted from the group.
    acceptance : (n_sites,)
        Fraction of proposals taken; NaN where there were none.

    Examples
    --------
    >>> from masm.hierarchical import GroupPrior, sample_hierarchy
    >>> prior = GroupPrior([0.0], [[1.0]], 5.0, [[0.5]])
    >>> draws = sample_hierarchy({"a": None}, prior, seed=1, n_draws=5, n_warm=0)
    >>> draws.sites, draws.from_group
    (('a',), array([ True]))
    """

    sites: tuple[str, ...]
    theta: Array
    mean: Array
    covariance: Array
    from_group: NDArray[np.bool_]
    acceptance: Array


class ChainOptions(TypedDict, total=False):
    """Options of `sample_hierarchy` that samplers built on it hand on."""

    seed: Required[Seed]
    n_chains: int
    n_draws: int
    n_warm: int
    thin: int
    slices: bool


def sample_hierarchy(
    sites: Mapping[str, LogLikelihood | SiteDraws | None],
    prior: GroupPrior,
    *,
    seed: Seed,
    n_chains: int = 8,
    n_draws: int = 1000,
    n_warm: int = 500,
    thin: int = 2,
    slices: bool = True,
    mean: ArrayLike | None = None,
    covariance: ArrayLike | None = None,
    guides: Mapping[str, Guide] | None = None,
) -> HierarchicalDraws:
    """Sample site parameters, the group's mean and its covariance.

    Parameters
    ----------
    sites : mapping of name to site
        A site is its log-likelihood, (n_points, p) to (n_points,); or draws of its
        own posterior; or None where nothing was observed.
    prior : GroupPrior
    seed : int, list of int or SeedSequence
    n_chains, n_draws, n_warm, thin : int
        Chains, draws kept of each, sweeps before the first, sweeps from draw to draw.
    slices : bool
        Whether sites also move by elliptical slices.
    mean, covariance : (p,), (p, p), optional
        mu_g or Sigma_g, where it is held fixed.
    guides : mapping of name to Guide, optional
        Where the log-likelihood of a site is high, and its gradient.

    Returns
    -------
    HierarchicalDraws

    Raises
    ------
    InputError
        No site, draws or points of another number of parameters, or a log-likelihood
        that is not finite anywhere in the prior.

    Examples
    --------
    >>> sites = {"seen": lambda t: -0.5 * (t[:, 0] - 1.0) ** 2 / 0.1, "unseen": None}
    >>> prior = GroupPrior([0.0], [[1.0]], 5.0, [[0.5]])
    >>> found = sample_hierarchy(sites, prior, seed=1, n_draws=50, n_warm=50)
    >>> found.from_group
    array([False,  True])
    """
    if not sites:
        raise InputError("sites", found="none", wanted="one or more")
    for value, what, least in (
        (n_chains, "n_chains", 1), (n_draws, "n_draws", 1),
        (n_warm, "n_warm", 0), (thin, "thin", 1),
    ):  # fmt: skip
        if not isinstance(value, int | np.integer) or value < least:
            raise InputError(what, found=value, wanted=f"a whole number >= {least}")
    p = prior.n_parameters
    fixed_mean = None if mean is None else np.atleast_1d(np.asarray(mean, float))
    if fixed_mean is not None and fixed_mean.shape != (p,):
        raise InputError("mean", found=f"shape {fixed_mean.shape}", wanted=f"({p},)")
    fixed = None
    if covariance is not None:
        given = np.atleast_2d(np.asarray(covariance, float))
        fixed = definite(given, p, "covariance")
    rng = np.random.default_rng(seed)
    state = _State(prior, n_chains, fixed_mean, fixed, rng)
    known = dict(guides or {})
    for name in known:
        if not callable(sites.get(name)):
            raise InputError(
                "guides", found=f"one of {name}",
                wanted="names of sites with a log-likelihood",
            )  # fmt: skip
    walkers = [
        walker_of(name, site, state, known.get(name)) for name, site in sites.items()
    ]
    if known:
        state.group(walkers)
    theta = np.empty((n_chains, n_draws, len(walkers), p))
    means = np.empty((n_chains, n_draws, p))
    covariances = np.empty((n_chains, n_draws, p, p))
    for sweep in range(-n_warm, n_draws * thin):
        for walker in walkers:
            walker.move(
                state, learns=sweep < 0, slices=slices and sweep % _SLICE_EVERY == 0
            )
        state.group(walkers)
        if sweep >= 0 and sweep % thin == thin - 1:
            i = sweep // thin
            theta[:, i] = np.stack([walker.theta for walker in walkers], axis=1)
            means[:, i], covariances[:, i] = state.mean, state.covariance
    return HierarchicalDraws(
        tuple(sites), theta, means, covariances,
        np.array([site is None for site in sites.values()]),
        np.array([walker.acceptance for walker in walkers]),
    )  # fmt: skip


class _State:
    """mu_g and Sigma_g of every chain."""

    def __init__(
        self,
        prior: GroupPrior,
        n_chains: int,
        mean: Array | None,
        covariance: Array | None,
        rng: np.random.Generator,
    ) -> None:
        self.prior, self.rng = prior, rng
        self.fixed_mean, self.fixed_covariance = mean, covariance
        p = prior.n_parameters
        if covariance is None:
            scatter = np.linalg.inv(np.asarray(prior.scale))
            self.covariance = draw_inverse_wishart(
                prior.degrees + 2.0, np.tile(scatter, (n_chains, 1, 1)), rng
            )
        else:
            self.covariance = np.tile(covariance, (n_chains, 1, 1))
        if mean is None:
            root = np.linalg.cholesky(np.asarray(prior.covariance))
            self.mean = prior.mean + rng.standard_normal((n_chains, p)) @ root.T
        else:
            self.mean = np.tile(mean, (n_chains, 1))

    def draw_sites(self) -> Array:
        """Parameters of a site from the group, (n_chains, p)."""
        root = np.linalg.cholesky(self.covariance)
        noise = self.rng.standard_normal(self.mean.shape)
        return np.asarray(self.mean + np.einsum("cij,cj->ci", root, noise))

    def log_density(self, theta: Array) -> Array:
        """Log density of site parameters under the group, (n_chains,)."""
        off = theta - self.mean
        solved = np.linalg.solve(self.covariance, off[..., None])[..., 0]
        return np.asarray(-0.5 * np.sum(off * solved, axis=1))

    def group(self, walkers: list[Walker]) -> None:
        """Draw mu_g and Sigma_g; move mu_g with all sites once more."""
        theta = np.stack([walker.theta for walker in walkers], axis=1)
        if self.fixed_covariance is None:
            self.covariance = draw_covariance(self.prior, theta, self.mean, self.rng)
        if self.fixed_mean is None:
            self.mean = draw_mean(self.prior, theta, self.covariance, self.rng)
            self._move_together(walkers)

    def _move_together(self, walkers: list[Walker]) -> None:
        """Move the group with all sites, which narrow groups ask for."""
        if not all(one.can_shift for one in walkers):
            return
        n = len(self.mean)
        roots = [one.root for one in walkers if isinstance(one, LikelihoodWalker)]
        self._shift(walkers, wide_step(self.prior, n, self.rng))
        for _ in range(_N_TOGETHER):
            self._shift(walkers, narrow_step(self.prior, roots, n, self.rng))
            if self.fixed_covariance is None:
                self._stretch(walkers)

    def _shift(self, walkers: list[Walker], step: Array) -> None:
        """Move mu_g and all sites by one vector."""
        change = log_prior_of_mean(self.prior, self.mean + step)
        change -= log_prior_of_mean(self.prior, self.mean)
        moved = [walker.theta + step for walker in walkers]
        taken = self._take(walkers, moved, change)
        self.mean = np.where(taken[:, None], self.mean + step, self.mean)

    def _stretch(self, walkers: list[Walker]) -> None:
        """Move one parameter of all sites from mu_g or to it, and Sigma_g with it."""
        n, p = self.mean.shape
        factors = stretch_factors(p, n, self.rng)
        wider = self.covariance * factors[:, :, None] * factors[:, None, :]
        change = log_ratio_of_stretch(self.prior, self.covariance, wider, factors)
        moved = [self.mean + factors * (one.theta - self.mean) for one in walkers]
        taken = self._take(walkers, moved, change)
        self.covariance = np.where(taken[:, None, None], wider, self.covariance)

    def _take(
        self, walkers: list[Walker], moved: list[Array], change: Array
    ) -> NDArray[np.bool_]:
        """Move all sites at once, where likelihoods and the rest allow it."""
        trials = [one.value(theta) for one, theta in zip(walkers, moved, strict=True)]
        for trial, walker in zip(trials, walkers, strict=True):
            change = change + trial - walker.log_likelihood
        taken = np.log(self.rng.random(len(change))) < change
        for trial, theta, walker in zip(trials, moved, walkers, strict=True):
            walker.take(taken, theta, trial)
        return np.asarray(taken)
