"""One site in all chains: how its parameters move, given the group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from masm.errors import InputError
from masm.hierarchical.group import GroupPrior
from masm.hierarchical.sites import Guide, SiteDraws
from masm.samplers.gaussian_mixture import Mixture

Array = NDArray[np.float64]
LogLikelihood = Callable[[Array], Array]

_WANTED_ACCEPTANCE = 0.3
_REFIT_EVERY = 25
_MOST_SHRINKS = 60
# Metropolis steps of a site in a sweep, for each parameter after the first: the steps
# from one independent draw to the next grow with the number of parameters.
_STEPS = 0.75
# Proposals from the mixture of a site's points, a sweep, and parts of it.
_N_JUMPS = 1
_N_PARTS = 6
# Independent proposals from a site's own draws, a sweep.
_N_PICKS = 10
# Parameters for one more path along a gradient, a sweep, and steps of a path.
_FOR_A_GLIDE = 4
_LEAST_STRIDES, _MOST_STRIDES = 3, 7
_WANTED_OF_GLIDES = 0.7
# Momentum at which a path is given up; a usual one is of length one in each direction.
_RUNAWAY = 100.0


class Group(Protocol):
    """The group of every chain, as a site sees it."""

    prior: GroupPrior
    rng: np.random.Generator
    mean: Array
    covariance: Array

    def draw_sites(self) -> Array:
        """Parameters of a site from the group, (n_chains, p)."""
        ...

    def log_density(self, theta: Array) -> Array:
        """Log density of site parameters under the group, (n_chains,)."""
        ...


class Walker:
    """One site in all chains. This one was not observed: it follows the group."""

    can_shift = True

    def __init__(self, state: Group) -> None:
        self.theta = state.draw_sites()
        self.log_likelihood = np.zeros(len(self.theta))
        self.n_tried, self.n_taken = 0, 0

    @property
    def acceptance(self) -> float:
        """Fraction of proposals taken after the warm-up; NaN where there were none."""
        return self.n_taken / self.n_tried if self.n_tried else float("nan")

    def move(self, state: Group, *, learns: bool, slices: bool) -> None:
        """Move all chains, given the group.

        ``learns`` in the warm-up, when proposals are still tuned; ``slices`` in a sweep
        with an elliptical slice.
        """
        self.theta = state.draw_sites()

    def value(self, theta: Array) -> Array:
        """Log-likelihood, (n_chains,)."""
        return np.zeros(len(theta))

    def take(
        self, taken: NDArray[np.bool_], theta: Array, log_likelihood: Array
    ) -> None:
        """Move the chains that are marked."""
        self.theta = np.where(taken[:, None], theta, self.theta)
        self.log_likelihood = np.where(taken, log_likelihood, self.log_likelihood)

    def _count(self, taken: NDArray[np.bool_], learns: bool) -> None:
        if not learns:
            self.n_tried += len(taken)
            self.n_taken += int(taken.sum())


class DrawsWalker(Walker):
    """A site whose own posterior is known by draws, its prior divided out."""

    can_shift = False

    def __init__(self, site: SiteDraws, state: Group) -> None:
        super().__init__(state)
        self.draws = np.asarray(site.draws)
        off = self.draws - site.mean
        solved = np.linalg.solve(np.asarray(site.covariance), off.T).T
        self.log_prior = -0.5 * np.sum(off * solved, axis=1)
        self.place = state.rng.integers(0, len(self.draws), len(self.theta))
        self.theta = self.draws[self.place]

    def move(self, state: Group, *, learns: bool, slices: bool) -> None:
        """Propose from the site's own draws."""
        for _ in range(_N_PICKS):
            place = state.rng.integers(0, len(self.draws), len(self.theta))
            change = state.log_density(self.draws[place]) - state.log_density(
                self.theta
            )
            change -= self.log_prior[place] - self.log_prior[self.place]
            taken = np.log(state.rng.random(len(change))) < change
            self.place = np.where(taken, place, self.place)
            self.theta = self.draws[self.place]
            self._count(taken, learns)


class LikelihoodWalker(Walker):
    """A site with a log-likelihood; it is proposed for alone."""

    def __init__(
        self,
        name: str,
        function: LogLikelihood,
        state: Group,
        guide: Guide | None,
    ) -> None:
        super().__init__(state)
        self.name, self.function = name, function
        p = self.theta.shape[1]
        self.n_steps = max(1, round(_STEPS * (p - 1)))
        self.mixture: Mixture | None = None
        self.root: Array
        self.gradient = None if guide is None else guide.gradient
        self.log_size = np.log(0.5)
        if guide is None:
            self._start(state)
            self.root = np.asarray(
                np.linalg.cholesky(np.mean(state.covariance, axis=0))
            )
        else:
            self._start_at(guide.checked_points(name, p), state)
        self.log_scale = np.log(2.38 / np.sqrt(p))
        self.history: list[Array] = []

    def _start(self, state: Group) -> None:
        """Each chain starts at the best of a few draws of the group."""
        self.log_likelihood = np.full(len(self.theta), -np.inf)
        for _ in range(20):
            theta = state.draw_sites()
            value = self.value(theta)
            self.take(value > self.log_likelihood, theta, value)
        self._replace_lost(f"{20 * len(self.theta)} draws of the prior")

    def _start_at(self, points: Array, state: Group) -> None:
        """Each chain starts at one of the points, and proposes from all of them."""
        n = len(self.theta)
        pick = state.rng.choice(len(points), n, replace=len(points) < n)
        self.theta = points[pick]
        self.log_likelihood = self.value(self.theta)
        self._replace_lost(f"{n} of its points")
        self.mixture = Mixture(points, state.rng, _N_PARTS)
        self._follow(points)

    def _replace_lost(self, where: str) -> None:
        """Put chains without a finite likelihood at the best of the others."""
        lost = ~np.isfinite(self.log_likelihood)
        if lost.all():
            raise InputError(
                f"site {self.name}: the log-likelihood is not finite anywhere",
                found=f"NaN or -inf at {where}",
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

    def move(self, state: Group, *, learns: bool, slices: bool) -> None:
        """Steps, paths along the gradient, jumps and a slice, one after the other."""
        if self.gradient is None:
            for _ in range(self.n_steps):
                self._metropolis(state, learns)
        else:
            self._metropolis(state, learns)
            for _ in range(-(-self.theta.shape[1] // _FOR_A_GLIDE)):
                self._glide(self.gradient, state, learns)
        if self.mixture is not None:
            for _ in range(_N_JUMPS):
                self._jump(self.mixture, state, learns)
        if slices:
            self._slice(state)
        if learns:
            self._learn(state.rng)

    def _metropolis(self, state: Group, learns: bool) -> None:
        noise = state.rng.standard_normal(self.theta.shape)
        theta = self.theta + np.exp(self.log_scale) * (noise @ self.root.T)
        taken = self._propose(theta, state, learns)
        if learns:
            n = len(self.history) + 1
            self.log_scale += (taken.mean() - _WANTED_ACCEPTANCE) / np.sqrt(n)

    def _jump(self, mixture: Mixture, state: Group, learns: bool) -> None:
        """Propose from the mixture, wherever the chain is."""
        theta = mixture.draw(len(self.theta), state.rng)
        back = mixture.log_density(self.theta) - mixture.log_density(theta)
        self._propose(theta, state, learns, back)

    def _propose(
        self, theta: Array, state: Group, learns: bool, extra: Array | float = 0.0
    ) -> NDArray[np.bool_]:
        """Move the chains that the posterior accepts; returns which.

        ``extra`` is the log ratio of the proposal itself; -inf refuses.
        """
        value = self.value(theta)
        change = value - self.log_likelihood
        change += state.log_density(theta) - state.log_density(self.theta)
        change += extra
        taken = np.asarray(np.log(state.rng.random(len(change))) < change)
        self.take(taken, theta, value)
        self._count(taken, learns)
        return taken

    def _glide(
        self, gradient: Callable[[Array], Array], state: Group, learns: bool
    ) -> None:
        """Follow the gradient for some steps (Hamiltonian), and accept by the whole.

        Momenta are standard normal in the coordinates of ``root``. The gradient may be
        approximate: leapfrog steps retrace themselves whatever the force is.
        """
        rng, precision = state.rng, np.linalg.inv(state.covariance)

        def force(theta: Array) -> Array:
            off = np.einsum("cij,cj->ci", precision, theta - state.mean)
            return np.asarray((gradient(theta) - off) @ self.root)

        push = rng.standard_normal(self.theta.shape)
        size = np.exp(self.log_size) * rng.uniform(0.7, 1.3)
        n = int(rng.integers(_LEAST_STRIDES, _MOST_STRIDES + 1))
        energy = 0.5 * np.sum(push**2, axis=1)
        theta, pull = self.theta, force(self.theta)
        lost = np.zeros(len(theta), bool)
        for i in range(n):
            push = push + (0.5 if i == 0 else 1.0) * size * pull
            # The way back has the same pushes: it would be given up too.
            lost |= ~(np.abs(push).max(axis=1) < _RUNAWAY)
            push[lost] = 0.0
            theta = theta + size * push @ self.root.T
            pull = force(theta)
        push = push + 0.5 * size * pull
        extra = np.where(lost, -np.inf, energy - 0.5 * np.sum(push**2, axis=1))
        taken = self._propose(theta, state, learns, extra)
        if learns:
            off = (taken.mean() - _WANTED_OF_GLIDES) / np.sqrt(len(self.history) + 1)
            self.log_size = float(np.clip(self.log_size + off, -4.0, 0.5))

    def _learn(self, rng: np.random.Generator) -> None:
        self.history.append(self.theta)
        if len(self.history) % _REFIT_EVERY == 0:
            late = np.concatenate(self.history[len(self.history) // 2 :])
            self._follow(late)
            if self.mixture is not None:
                self.mixture = Mixture(late, rng, _N_PARTS)

    def _follow(self, theta: Array) -> None:
        """Propose steps with the covariance of these."""
        spread = np.atleast_2d(np.cov(theta, rowvar=False))
        floor = np.diag(np.maximum(np.diag(spread), 1e-12)) * 1e-3
        self.root = np.asarray(np.linalg.cholesky(spread + floor))

    def _slice(self, state: Group) -> None:
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


def walker_of(
    name: str,
    site: LogLikelihood | SiteDraws | None,
    state: Group,
    guide: Guide | None,
) -> Walker:
    """Return the walker of a site, by what is known of it."""
    if site is None:
        return Walker(state)
    if isinstance(site, SiteDraws):
        p = state.prior.n_parameters
        if np.shape(site.draws)[1] != p:
            raise InputError(
                f"site {name}: draws of {np.shape(site.draws)[1]} parameters",
                wanted=f"{p}, as the group has",
            )
        return DrawsWalker(site, state)
    if not callable(site):
        raise InputError(
            f"site {name}", found=type(site).__name__,
            wanted="a log-likelihood, SiteDraws or None",
        )  # fmt: skip
    return LikelihoodWalker(name, site, state, guide)
