"""Chains on an emulator that has a gradient: many in lockstep, exact at the bounds.

A carbon model's posterior is a long curved ridge, along which random-walk and
differential-evolution chains hardly move. Two kinds of proposal take turns here:

* a path of leapfrog steps along the gradient of an approximate density (Neal 2011);
* a draw from a mixture fitted to earlier states, which passes between modes.

Either is accepted or not by the approximate density first, and only what survives
is shown to the exact one, which stays invariant (delayed acceptance, Christen and
Fox 2005).

The chains live in the probit of the unit cube, ``x = Phi^-1(u)``, where a flat prior
is standard normal and nothing lies outside.

References
----------
Neal, R. M. (2011). MCMC using Hamiltonian dynamics. Handbook of Markov Chain Monte
Carlo, chapter 5.
Christen, J. A. and Fox, C. (2005). Markov chain Monte Carlo using an approximation.
Journal of Computational and Graphical Statistics 14, 795-810.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from masm.samplers.chains import Chains, LogDensity, clean
from masm.samplers.gaussian_mixture import Mixture
from masm.samplers.marginal_transforms import Marginals
from masm.types import Array


class ApproximateDensity(Protocol):
    """A cheap approximation of a log density, with a gradient."""

    def value(self, u: Array) -> Array:
        """Approximate log density at points of the cube, (n_points,)."""

    def value_and_gradient(self, u: Array) -> tuple[Array, Array]:
        """It, (n_points,), and its gradient, (n_points, n_parameters)."""


# Leapfrog steps of a path are drawn up to this.
_LONGEST = 24
_WANTED_ACCEPTANCE = 0.85
_MIXTURE_FRACTION = 0.3
# Mixtures are fitted again so often during burn-in, to so many states at most.
_N_FITS = 4
_N_FITTED = 3000
# Draws at the bound itself have no probit.
_EDGE = 1e-9
_LOG_ROOT_2PI = 0.5 * np.log(2.0 * np.pi)


def hamiltonian_chains(
    log_density: LogDensity,
    approximation: ApproximateDensity,
    starts: ArrayLike,
    *,
    rng: np.random.Generator,
    n_chains: int,
    n_steps: int,
    n_burn: int,
    normal_margins: bool = True,
) -> Chains:
    """Sample a density on the unit cube, with an approximation of it.

    Parameters
    ----------
    log_density : callable
        (n_points, n_parameters) in the unit cube -> (n_points,); -inf or NaN is
        never entered.
    approximation : ApproximateDensity
        Shown every proposal first, and followed by its gradient.
    starts : (n_starts, n_parameters), n_starts >= n_chains
        Draws that are roughly from the density: the first ``n_chains`` start chains,
        all together shape the first proposals.
    rng : the only source of random numbers
    n_chains, n_steps : chains and kept states of each
    n_burn : steps before those, in which step size and proposals adapt
    normal_margins : whether each margin is made nearly normal first
    """
    x = _probit(np.asarray(starts, float))

    def space_of(x: Array) -> _Space:
        return _Space(log_density, approximation, x, normal_margins)

    space = space_of(x)
    z = space.forward(x)
    mixture = Mixture(z, rng)
    walk = _Walk(space, z[:n_chains])
    u = np.empty((n_chains, n_steps, z.shape[1]))
    kept = np.empty((n_chains, n_steps))
    archive: list[Array] = []
    step = 0.5 * z.shape[1] ** -0.25
    refits = {-n_burn + (i + 1) * n_burn // _N_FITS for i in range(_N_FITS)}
    accepted = 0.0
    for t in range(-n_burn, n_steps):
        if t in refits and archive:
            late = np.concatenate(archive[len(archive) // 2 :])
            late = late[:: 1 + len(late) // _N_FITTED]
            x = space.inverse(walk.z)
            space = space_of(late)
            mixture = Mixture(space.forward(late), rng)
            walk = _Walk(space, space.forward(x))
        if rng.random() < _MIXTURE_FRACTION:
            accepted_now = walk.jump(mixture, rng)
        else:
            accepted_now, even = walk.follow(step, rng)
            if t < 0:
                step *= np.exp(0.2 * (even - _WANTED_ACCEPTANCE))
        if t < 0:
            archive.append(space.inverse(walk.z))
        else:
            accepted += accepted_now
            u[:, t], kept[:, t] = space.cube(walk.z), walk.log_likelihood
    return Chains(u, kept, accepted / max(n_steps, 1))


@dataclass
class _Walk:
    """States of the chains, and the two kinds of step."""

    space: _Space
    z: Array

    def __post_init__(self) -> None:
        self.z = self.z.copy()
        self.prior, self.log_likelihood = self.space.value(self.z)
        self.approximate, self.gradient = self.space.approximate_gradient(self.z)
        self.has_gradient = np.ones(len(self.z), bool)

    def follow(self, step: float, rng: np.random.Generator) -> tuple[float, float]:
        """Path along the approximate gradient.

        Returns the fraction accepted, and what it would be if the approximation were
        exact: that is for the step size to decide, the rest is not.
        """
        push = rng.standard_normal(self.z.shape)
        # A step that is right for most is long for a chain in a narrow place.
        size = step * rng.uniform(0.4, 1.2, (len(self.z), 1))
        n = 1 + int(rng.integers(_LONGEST))
        unknown = ~self.has_gradient
        if unknown.any():
            self.gradient[unknown] = self.space.approximate_gradient(self.z[unknown])[1]
            self.has_gradient[:] = True
        new, pushed, value, gradient = _leapfrog(
            self.space, self.z, self.gradient, push, size, n
        )
        gain = 0.5 * np.sum(push**2 - pushed**2, axis=1) + value - self.approximate
        even = float(np.mean(np.exp(np.minimum(clean(gain), 0.0))))
        taken = self._second(new, value, gain, rng)
        self.gradient[taken] = gradient[taken]
        return len(taken) / len(new), even

    def jump(self, mixture: Mixture, rng: np.random.Generator) -> float:
        """Draw from the mixture, in two stages; returns the fraction accepted."""
        new = mixture.draw(len(self.z), rng)
        value = self.space.approximate(new)
        gain = value - self.approximate
        gain += mixture.log_density(self.z) - mixture.log_density(new)
        taken = self._second(new, value, gain, rng)
        self.has_gradient[taken] = False
        return len(taken) / len(new)

    def _second(
        self, new: Array, value: Array, gain: Array, rng: np.random.Generator
    ) -> NDArray[np.intp]:
        """Show to the exact density what the approximate one lets pass.

        Returns which chains moved.
        """
        first = np.flatnonzero(_accept(gain, rng))
        if not len(first):
            return first
        prior, log_likelihood = self.space.value(new[first])
        with np.errstate(invalid="ignore"):
            gain = prior - self.prior[first]
            gain += log_likelihood - self.log_likelihood[first]
        # -inf - -inf, from one forbidden place to another, is no move.
        passed = _accept(gain - (value - self.approximate)[first], rng)
        take = first[passed]
        self.z[take] = new[take]
        self.approximate[take] = value[take]
        self.prior[take] = prior[passed]
        self.log_likelihood[take] = log_likelihood[passed]
        return take


def _accept(log_probability: Array, rng: np.random.Generator) -> NDArray[np.bool_]:
    return np.asarray(
        np.log1p(-rng.random(len(log_probability))) < clean(log_probability)
    )


def _leapfrog(
    space: _Space, z: Array, gradient: Array, push: Array, size: Array, n: int
) -> tuple[Array, Array, Array, Array]:
    """Follow the approximate density; with its push reversed a path retraces.

    Returns where it ends, the push there, and the density and its gradient there.
    """
    z = z.copy()
    push = push + 0.5 * size * gradient
    for i in range(n):
        z += size * push
        value, gradient = space.approximate_gradient(z)
        push = push + (1.0 if i < n - 1 else 0.5) * size * gradient
    return z, push, value, gradient


class _Space:
    """Coordinates in which draws are nearly a standard normal.

    Probits with their margins made normal, then standardised by their covariance.
    """

    def __init__(
        self,
        log_density: LogDensity,
        approximation: ApproximateDensity,
        x: Array,
        normal_margins: bool,
    ):
        self._log_density, self._approximation = log_density, approximation
        d = x.shape[1]
        self._marginals = Marginals.of(x) if normal_margins else Marginals.identity(d)
        y = self._marginals.forward(x)
        self._middle = y.mean(axis=0)
        covariance = np.atleast_2d(np.cov(y.T)) + 1e-10 * np.eye(d)
        self._factor = np.linalg.cholesky(covariance)

    def forward(self, x: Array) -> Array:
        """From probits to these coordinates, (n_points, n_parameters)."""
        centred = self._marginals.forward(x) - self._middle
        return np.asarray(np.linalg.solve(self._factor, centred.T).T)

    def _inverse(self, z: Array) -> tuple[Array, Array]:
        y = self._middle + z @ self._factor.T
        return y, self._marginals.inverse(y)

    def inverse(self, z: Array) -> Array:
        """To probits, (n_points, n_parameters)."""
        return self._inverse(z)[1]

    def cube(self, z: Array) -> Array:
        """Points of the unit cube."""
        return np.asarray(special.ndtr(self.inverse(z)))

    def value(self, z: Array) -> tuple[Array, Array]:
        """Logs of the flat prior in these coordinates and of the density, (n,)."""
        y, x = self._inverse(z)
        return self._prior(y, x), clean(self._log_density(special.ndtr(x)))

    def approximate(self, z: Array) -> Array:
        """Approximate log density in these coordinates, (n_points,)."""
        y, x = self._inverse(z)
        return self._approximation.value(special.ndtr(x)) + self._prior(y, x)

    def approximate_gradient(self, z: Array) -> tuple[Array, Array]:
        """`approximate`, (n_points,), and its gradient, (n_points, n_parameters)."""
        y, x = self._inverse(z)
        density = np.exp(-0.5 * x**2 - _LOG_ROOT_2PI)
        first, second = self._marginals.derivatives(y)
        value, gradient = self._approximation.value_and_gradient(special.ndtr(x))
        gradient = (gradient * density - x) * first + second
        return value + self._prior(y, x), np.asarray(gradient @ self._factor)

    def _prior(self, y: Array, x: Array) -> Array:
        log_jacobian = self._marginals.log_jacobian(y)
        return np.asarray(-0.5 * np.sum(x**2, axis=1) + log_jacobian)


def _probit(u: Array) -> Array:
    return np.asarray(special.ndtri(np.clip(u, _EDGE, 1.0 - _EDGE)))
