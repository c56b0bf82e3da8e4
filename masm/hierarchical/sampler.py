"""Gibbs sampling of site and group parameters together.

Every site is proposed for alone. Proposing one vector for all sites at once, as one
public code does, gives wrong means and false correlations between sites.

Many chains run in lockstep. A site's parameters move by Metropolis steps with a
proposal of their own, more of them in a sweep the more parameters there are, and,
unless asked otherwise, by elliptical slices (Murray, Adams and MacKay 2010), which
follow the group's distribution where the site says little. Site posteriors that are
only known by draws move by independent proposals from them (Lunn et al. 2013,
two-stage analysis).

References
----------
Dokoohaki et al. (2021), gmd-2021-236, section 2.3.
Murray, Adams and MacKay (2010), AISTATS 9, 541-548.
Lunn et al. (2013), Journal of the Royal Statistical Society C 62, 551-572.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

Array = NDArray[np.float64]
Seed = int | list[int] | np.random.SeedSequence
LogLikelihood = Callable[[Array], Array]

_WANTED_ACCEPTANCE = 0.3
_REFIT_EVERY = 25
_MOST_SHRINKS = 60
# Metropolis steps of a site in a sweep, for each parameter after the first: the steps
# from one independent draw to the next grow with the number of parameters.
_STEPS = 0.75
# A slice costs several evaluations, a Metropolis step one.
_SLICE_EVERY = 3
# Independent proposals from a site's own draws, a sweep.
_N_PICKS = 10
_LEAST_DRAWS = 100


@dataclass(frozen=True)
class SiteDraws:
    """A site of which draws of its own posterior are known.

    Attributes
    ----------
    draws : (n_draws, p)
        Of a calibration of this site alone, at least 100.
    mean, covariance : (p,), (p, p)
        The normal prior of that calibration, which is divided out.

    Examples
    --------
    >>> import numpy as np
    >>> from masm.hierarchical import SiteDraws
    >>> draws = np.random.default_rng(1).normal(size=(200, 1))
    >>> SiteDraws(draws, np.zeros(1), np.eye(1)).draws.shape
    (200, 1)
    """

    draws: Array
    mean: Array
    covariance: Array

    def __post_init__(self) -> None:
        draws = np.asarray(self.draws, float)
        if draws.ndim != 2 or len(draws) < _LEAST_DRAWS or not np.isfinite(draws).all():
            raise InputError(
                "draws of a site", found=f"shape {draws.shape}",
                wanted=f"(n_draws, p), {_LEAST_DRAWS} draws or more, finite",
            )  # fmt: skip
        mean = np.atleast_1d(np.asarray(self.mean, float))
        if mean.shape != (draws.shape[1],) or not np.isfinite(mean).all():
            raise InputError("prior mean of a site", found=mean.shape, wanted="(p,)")
        given = np.atleast_2d(np.asarray(self.covariance, float))
        object.__setattr__(self, "draws", draws)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(
            self, "covariance", definite(given, mean.size, "prior covariance of a site")
        )


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

    Returns
    -------
    HierarchicalDraws

    Raises
    ------
    InputError
        No site, draws of another number of parameters, or a log-likelihood that is
        not finite anywhere in the prior.

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
    walkers = [_walker(name, site, state) for name, site in sites.items()]
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

    def group(self, walkers: list[_Walker]) -> None:
        """Draw mu_g and Sigma_g; move mu_g with all sites once more."""
        theta = np.stack([walker.theta for walker in walkers], axis=1)
        if self.fixed_covariance is None:
            self.covariance = draw_covariance(self.prior, theta, self.mean, self.rng)
        if self.fixed_mean is None:
            self.mean = draw_mean(self.prior, theta, self.covariance, self.rng)
            self._shift(walkers)

    def _shift(self, walkers: list[_Walker]) -> None:
        """Move mu_g and all sites by one vector, which small Sigma_g asks for."""
        if not all(walker.can_shift for walker in walkers):
            return
        root = np.linalg.cholesky(np.asarray(self.prior.covariance))
        p = self.mean.shape[1]
        # Lengths from a twentieth of the prior's sd to all of it.
        scale = np.exp(self.rng.uniform(-3.0, 0.0, (len(self.mean), 1))) / np.sqrt(p)
        step = scale * (self.rng.standard_normal(self.mean.shape) @ root.T)
        before = self._log_prior(self.mean)
        moved = self._log_prior(self.mean + step)
        trials = [walker.try_shift(step) for walker in walkers]
        change = moved - before
        for trial, walker in zip(trials, walkers, strict=True):
            change = change + trial - walker.log_likelihood
        taken = np.log(self.rng.random(len(change))) < change
        self.mean = np.where(taken[:, None], self.mean + step, self.mean)
        for trial, walker in zip(trials, walkers, strict=True):
            walker.take(taken, walker.theta + step, trial)

    def _log_prior(self, mean: Array) -> Array:
        off = mean - np.asarray(self.prior.mean)
        solved = np.linalg.solve(np.asarray(self.prior.covariance), off.T).T
        return np.asarray(-0.5 * np.sum(off * solved, axis=1))


class _Walker:
    """One site in all chains. This one was not observed: it follows the group."""

    can_shift = True

    def __init__(self, state: _State) -> None:
        self.theta = state.draw_sites()
        self.log_likelihood = np.zeros(len(self.theta))
        self.n_tried, self.n_taken = 0, 0

    @property
    def acceptance(self) -> float:
        return self.n_taken / self.n_tried if self.n_tried else float("nan")

    def move(self, state: _State, *, learns: bool, slices: bool) -> None:
        self.theta = state.draw_sites()

    def try_shift(self, step: Array) -> Array:
        return np.zeros(len(step))

    def take(
        self, taken: NDArray[np.bool_], theta: Array, log_likelihood: Array
    ) -> None:
        self.theta = np.where(taken[:, None], theta, self.theta)
        self.log_likelihood = np.where(taken, log_likelihood, self.log_likelihood)


class _DrawsWalker(_Walker):
    """A site whose own posterior is known by draws, its prior divided out."""

    can_shift = False

    def __init__(self, site: SiteDraws, state: _State) -> None:
        super().__init__(state)
        self.draws = np.asarray(site.draws)
        off = self.draws - site.mean
        solved = np.linalg.solve(np.asarray(site.covariance), off.T).T
        self.log_prior = -0.5 * np.sum(off * solved, axis=1)
        self.place = state.rng.integers(0, len(self.draws), len(self.theta))
        self.theta = self.draws[self.place]

    def move(self, state: _State, *, learns: bool, slices: bool) -> None:
        for _ in range(_N_PICKS):
            place = state.rng.integers(0, len(self.draws), len(self.theta))
            change = state.log_density(self.draws[place]) - state.log_density(
                self.theta
            )
            change -= self.log_prior[place] - self.log_prior[self.place]
            taken = np.log(state.rng.random(len(change))) < change
            self.place = np.where(taken, place, self.place)
            self.theta = self.draws[self.place]
            if not learns:
                self.n_tried += len(taken)
                self.n_taken += int(taken.sum())


class _LikelihoodWalker(_Walker):
    """A site with a log-likelihood; it is proposed for alone."""

    def __init__(self, name: str, function: LogLikelihood, state: _State) -> None:
        super().__init__(state)
        self.name, self.function = name, function
        self._start(state)
        p = self.theta.shape[1]
        self.n_steps = max(1, round(_STEPS * (p - 1)))
        self.root: Array = np.asarray(
            np.linalg.cholesky(np.mean(state.covariance, axis=0))
        )
        self.log_scale = np.log(2.38 / np.sqrt(p))
        self.history: list[Array] = []

    def _start(self, state: _State) -> None:
        """Each chain starts at the best of a few draws of the group."""
        self.log_likelihood = np.full(len(self.theta), -np.inf)
        for _ in range(20):
            theta = state.draw_sites()
            value = self.value(theta)
            self.take(value > self.log_likelihood, theta, value)
        lost = ~np.isfinite(self.log_likelihood)
        if lost.all():
            raise InputError(
                f"site {self.name}: the log-likelihood is not finite anywhere",
                found=f"NaN or -inf at {20 * len(lost)} draws of the prior",
                wanted="a finite value over the prior",
            )
        best = int(np.argmax(self.log_likelihood))
        self.theta[lost] = self.theta[best]
        self.log_likelihood[lost] = self.log_likelihood[best]

    def value(self, theta: Array) -> Array:
        """Log-likelihood; what is not finite is never entered."""
        found = np.asarray(self.function(theta), float)
        if found.shape != (len(theta),):
            raise InputError(
                f"site {self.name}: log-likelihood",
                found=f"shape {found.shape}", wanted=f"({len(theta)},)",
            )  # fmt: skip
        return np.where(np.isfinite(found), found, -np.inf)

    def try_shift(self, step: Array) -> Array:
        return self.value(self.theta + step)

    def move(self, state: _State, *, learns: bool, slices: bool) -> None:
        for _ in range(self.n_steps):
            self._metropolis(state, learns)
        if slices:
            self._slice(state)
        if learns:
            self._learn()

    def _metropolis(self, state: _State, learns: bool) -> None:
        noise = state.rng.standard_normal(self.theta.shape)
        theta = self.theta + np.exp(self.log_scale) * (noise @ self.root.T)
        value = self.value(theta)
        change = value - self.log_likelihood
        change += state.log_density(theta) - state.log_density(self.theta)
        taken = np.log(state.rng.random(len(change))) < change
        self.take(taken, theta, value)
        if learns:
            n = len(self.history) + 1
            self.log_scale += (taken.mean() - _WANTED_ACCEPTANCE) / np.sqrt(n)
        else:
            self.n_tried += len(taken)
            self.n_taken += int(taken.sum())

    def _learn(self) -> None:
        self.history.append(self.theta)
        if len(self.history) % _REFIT_EVERY == 0:
            late = np.concatenate(self.history[len(self.history) // 2 :])
            spread = np.atleast_2d(np.cov(late, rowvar=False))
            floor = np.diag(np.maximum(np.diag(spread), 1e-12)) * 1e-3
            self.root = np.asarray(np.linalg.cholesky(spread + floor))

    def _slice(self, state: _State) -> None:
        """An elliptical slice of every chain about the group's mean."""
        rng, n = state.rng, len(self.theta)
        other = state.draw_sites() - state.mean
        own = self.theta - state.mean
        floor = self.log_likelihood + np.log(rng.random(n))
        angle = rng.uniform(0.0, 2.0 * np.pi, n)
        low, high = angle - 2.0 * np.pi, angle.copy()
        open_ = np.ones(n, bool)
        for _ in range(_MOST_SHRINKS):
            theta = state.mean + own * np.cos(angle)[:, None]
            theta = theta + other * np.sin(angle)[:, None]
            value = np.full(n, -np.inf)
            value[open_] = self.value(theta[open_])
            done = open_ & (value > floor)
            self.take(done, theta, value)
            open_ &= ~done
            if not open_.any():
                return
            low = np.where(open_ & (angle < 0.0), angle, low)
            high = np.where(open_ & (angle >= 0.0), angle, high)
            angle = np.where(open_, rng.uniform(low, high), angle)


def _walker(
    name: str, site: LogLikelihood | SiteDraws | None, state: _State
) -> _Walker:
    if site is None:
        return _Walker(state)
    if isinstance(site, SiteDraws):
        p = state.prior.n_parameters
        if np.shape(site.draws)[1] != p:
            raise InputError(
                f"site {name}: draws of {np.shape(site.draws)[1]} parameters",
                wanted=f"{p}, as the group has",
            )
        return _DrawsWalker(site, state)
    if not callable(site):
        raise InputError(
            f"site {name}", found=type(site).__name__,
            wanted="a log-likelihood, SiteDraws or None",
        )  # fmt: skip
    return _LikelihoodWalker(name, site, state)
