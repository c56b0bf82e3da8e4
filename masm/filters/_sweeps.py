"""Draws of Q, X, x_f and the censored values: chains, or quadrature over one Q.

Collapsed chains move Q by Metropolis steps on its log-Cholesky entries with X and x_f
integrated out; conjugate ones draw (X, x_f) together and then Q from its inverse
Wishart. Where Q is a number and no more than one value is censored, the posterior of
Q is known up to a constant and needs no chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from masm.filters._linear import Factor, LinearModel, truncated_draw, truncated_moments
from masm.filters._matrices import cholesky
from masm.filters._process import ProcessPrior, draw_inverse_wishart

Array = NDArray[np.float64]

_WANTED_ACCEPTANCE = {1: 0.44}
_USUAL_ACCEPTANCE = 0.30
# Floating-point work that conditional covariances may cost, all chains together.
_COVARIANCE_FLOPS = 3e10
_LEAST_COVARIANCES = 8
# Nodes of the quadrature, and how far below the peak (in logs) it ends.
_NODES = 481
_NODES_OF_MANY_STATES = 97
_MANY_STATES = 50
_LONGEST_STEP = 0.2
_MOST_NODES = 2001
# Under so many degrees of freedom the mean of Q needs a grid without end.
_LEAST_DEGREES = 2.1
_SCAN = 61
_N_SCANS = 5
_DEPTH = 40.0


@dataclass(frozen=True)
class Sampled:
    """Draws and moments of one analysis.

    Attributes
    ----------
    state, forecast : (chain, draw, p)
    process : (chain, draw, q, q)
    means, covariances : of X and of x_f, (p,) and (p, p)
    acceptance : of the Metropolis steps; NaN where there are none
    """

    state: Array
    forecast: Array
    process: Array
    means: tuple[Array, Array]
    covariances: tuple[Array, Array]
    acceptance: float


class Chain:
    """One chain; it holds Q of the seen states, its factor and latent values."""

    covariance_changes = True

    def __init__(
        self,
        model: LinearModel,
        prior: ProcessPrior,
        stream: np.random.SeedSequence,
        is_conjugate: bool,
    ) -> None:
        self.model, self.prior = model, prior
        self.rng = np.random.default_rng(stream)
        self.is_conjugate = is_conjugate or not prior.seen.size
        self.proposal: _Proposal | None = None
        self.probabilities: list[float] = []
        self.innovation = model.first_innovation()
        self.size = prior.seen.size
        self.entries = np.tril_indices(self.size)
        self.diagonal = self.entries[0] == self.entries[1]
        start = np.empty((0, 0))
        if self.size:
            start = draw_inverse_wishart(
                prior.seen_alpha + 3.0, prior.seen_beta, self.rng
            )
        self._set(start)

    def _set(self, block: Array) -> None:
        factor = self.model.factorise(self._embed(block))
        if factor is None:
            raise FloatingPointError("S has no Cholesky factor")
        self.block, self.factor = block, factor
        if self.size:
            root = cholesky(block)
            self.place = self._flat(root)
            self.log_density = self._density(root, factor)

    def _embed(self, block: Array) -> Array:
        full = np.zeros((self.prior.q, self.prior.q))
        full[np.ix_(self.prior.seen, self.prior.seen)] = block
        return full

    def _flat(self, root: Array) -> Array:
        place = root[self.entries].copy()
        place[self.diagonal] = np.log(place[self.diagonal])
        return place

    def _density(self, root: Array, factor: Factor) -> float:
        return self.prior.log_density(root) + self.model.log_likelihood(
            factor, self.innovation
        )

    def warm_up(self, n: int) -> None:
        """Conjugate sweeps find the bulk; Metropolis steps then learn their jumps."""
        if self.is_conjugate:
            for _ in range(n):
                self.conjugate()
            return
        places = []
        for _ in range(max(n // 4, 20)):
            self.conjugate()
            places.append(self.place)
        self.proposal = _Proposal(np.array(places))
        for _ in range(n - n // 4):
            probability = self.metropolis(self.proposal.step(self.rng))
            self.proposal.learn(self.place, probability)

    def advance(self) -> None:
        """One sweep, as it is kept."""
        if self.proposal is None:
            self.conjugate()
        else:
            self.probabilities.append(self.metropolis(self.proposal.step(self.rng)))

    def process(self) -> Array:
        """All of Q; its unseen part is drawn given the rest."""
        return self.prior.complete(self.block, self.rng)

    def conjugate(self) -> None:
        """Draw (X, x_f) given Q, then Q given them, then the censored values."""
        full = self.prior.complete(self.block, self.rng)
        state, forecast = self.model.draw(self.factor, full, self.innovation, self.rng)
        step = (state - forecast).reshape(self.model.n_sites, -1)[:, self.prior.seen]
        alpha = self.prior.seen_alpha + self.model.n_sites
        if self.size:
            scale = self.prior.seen_beta + step.T @ step
            self._set(draw_inverse_wishart(alpha, scale, self.rng))
        self._censored()

    def metropolis(self, jump: Array) -> float:
        """Try one step of Q, draw the censored values; return the acceptance rate."""
        place = self.place + jump
        root = np.zeros((self.size, self.size))
        shown = place.copy()
        with np.errstate(over="ignore"):
            shown[self.diagonal] = np.exp(shown[self.diagonal])
        root[self.entries] = shown
        probability = 0.0
        block = root @ root.T
        usable = np.all(np.isfinite(block)) and np.all(np.diag(root) > 0.0)
        factor = self.model.factorise(self._embed(block)) if usable else None
        if factor is not None:
            density = self._density(root, factor)
            probability = float(np.exp(min(0.0, density - self.log_density)))
            if self.rng.random() < probability:
                self.place, self.block, self.factor = place, block, factor
                self.log_density = density
        self._censored()
        return probability

    def _censored(self) -> None:
        if not self.model.n_censored:
            return
        self.innovation = self.model.draw_censored(
            self.factor, self.innovation, self.rng
        )
        if self.size:
            self.log_density = self._density(cholesky(self.block), self.factor)


class _Proposal:
    """Adaptive random walk: the covariance and the length of its steps."""

    def __init__(self, places: Array) -> None:
        self.size = places.shape[1]
        self.history = list(places)
        self.log_scale = np.log(2.38 / np.sqrt(self.size))
        self.wanted = _WANTED_ACCEPTANCE.get(self.size, _USUAL_ACCEPTANCE)
        self._refit()

    def _refit(self) -> None:
        late = np.array(self.history[len(self.history) // 2 :])
        spread = np.atleast_2d(np.cov(late, rowvar=False))
        floor = np.diag(np.maximum(np.diag(spread), 1e-6)) * 0.02
        self.root = cholesky(spread + floor)

    def step(self, rng: np.random.Generator) -> Array:
        normal = rng.standard_normal(self.size)
        return np.asarray(np.exp(self.log_scale) * (self.root @ normal))

    def learn(self, place: Array, probability: float) -> None:
        self.history.append(place)
        n = len(self.history)
        self.log_scale += (probability - self.wanted) / np.sqrt(n)
        if n % 50 == 0:
            self._refit()


class KnownProcess:
    """A chain for a Q that is known: only censored values move."""

    covariance_changes = False

    def __init__(
        self, model: LinearModel, process: Array, stream: np.random.SeedSequence
    ) -> None:
        factor = model.factorise(process)
        if factor is None:
            raise FloatingPointError("S has no Cholesky factor")
        self.model, self._process, self.factor = model, process, factor
        self.rng = np.random.default_rng(stream)
        self.innovation = model.first_innovation()
        self.probabilities: list[float] = []

    def warm_up(self, n: int) -> None:
        """Let the start be forgotten."""
        for _ in range(n):
            self.advance()

    def advance(self) -> None:
        """Draw the censored values anew."""
        self.innovation = self.model.draw_censored(
            self.factor, self.innovation, self.rng
        )

    def process(self) -> Array:
        """Q."""
        return self._process


def sample_chains(
    chains: Sequence[Chain | KnownProcess], *, n_draws: int, n_warm: int, thin: int
) -> Sampled:
    """Run chains one after the other; each keeps ``n_draws`` draws."""
    model, n_chains = chains[0].model, len(chains)
    n_kept = n_chains * n_draws
    state, forecast = np.empty((2, n_chains, n_draws, model.mean.size))
    process = np.empty((n_chains, n_draws, model.q, model.q))
    centres = np.empty((2, n_kept, model.mean.size))
    inner = [np.zeros((model.mean.size, model.mean.size)) for _ in range(2)]
    n_inner = 0
    varies = chains[0].covariance_changes
    stride = _covariance_stride(model, n_kept) if varies else n_kept
    for c, chain in enumerate(chains):
        chain.warm_up(n_warm)
        for i in range(n_draws):
            for _ in range(thin):
                chain.advance()
            full = process[c, i] = chain.process()
            state[c, i], forecast[c, i] = model.draw(
                chain.factor, full, chain.innovation, chain.rng
            )
            k = c * n_draws + i
            white, last = _whitened(chain)
            centres[:, k] = model.conditional_mean(chain.factor, full, white)
            if k % stride == 0:
                part = model.conditional_covariance(chain.factor, full, last)
                inner = [a + b for a, b in zip(inner, part, strict=True)]
                n_inner += 1
    covariances = [inner[j] / n_inner + _covariance(centres[j]) for j in (0, 1)]
    probabilities = [
        probability for chain in chains for probability in chain.probabilities
    ]
    return Sampled(
        state, forecast, process,
        (centres[0].mean(axis=0), centres[1].mean(axis=0)),
        (covariances[0], covariances[1]),
        float(np.mean(probabilities)) if probabilities else float("nan"),
    )  # fmt: skip


def _whitened(chain: Chain | KnownProcess) -> tuple[Array, float]:
    """Whitened innovations; one censored value alone is replaced by its mean."""
    model = chain.model
    if model.n_censored != 1:
        return chain.factor.whiten(chain.innovation), 0.0
    return _last_out(model, chain.factor, chain.innovation)


def _last_out(
    model: LinearModel, factor: Factor, innovation: Array
) -> tuple[Array, float]:
    white = factor.whiten(innovation)
    mean, variance = truncated_moments(_bound(model, factor, white))
    white[-1] = float(mean)
    return white, float(variance)


def _bound(model: LinearModel, factor: Factor, white: Array) -> Array:
    """The bound of the one censored value, in units of its conditional sd."""
    centre = factor.root[-1, :-1] @ white[:-1]
    bound = model.lower[-1] - model.value_offset[-1]
    return np.asarray((bound - centre) / factor.root[-1, -1])


def _covariance_stride(model: LinearModel, n_kept: int) -> int:
    p, n = model.mean.size, model.n_obs + 1
    flops = 4.0 * p * p * n + 2.0 * p * n * n
    n_wanted = int(np.clip(_COVARIANCE_FLOPS / flops, _LEAST_COVARIANCES, n_kept))
    return max(1, n_kept // n_wanted)


def _covariance(draws: Array) -> Array:
    centred = draws - draws.mean(axis=0)
    return np.asarray(centred.T @ centred / len(draws))


@dataclass(frozen=True)
class Nodes:
    """Posterior of a scalar Q on a grid of its logarithm.

    Attributes
    ----------
    log_q, weight : (node,)
    """

    log_q: Array
    weight: Array

    def mean(self, values: Array) -> Array:
        """Mean of a function of Q that was taken at the nodes, along its first axis."""
        return np.tensordot(self.weight, values, axes=1)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Independent draws of Q, by the inverse of its distribution."""
        density = self.weight / np.gradient(self.log_q)
        step = np.diff(self.log_q)
        inside = np.concatenate(
            [[0.0], np.cumsum(0.5 * step * (density[1:] + density[:-1]))]
        )
        return np.asarray(
            np.exp(np.interp(rng.random(n) * inside[-1], inside, self.log_q))
        )


def nodes_of(model: LinearModel, prior: ProcessPrior) -> Nodes:
    """Find where the posterior of a scalar Q is, and lay a grid there.

    The grid reaches to where density and, where Q has a mean, density times Q are
    ``e^-40`` of their largest values.
    """
    scale = float(prior.beta[0, 0]) / (prior.alpha + 1.0)
    if model.n_uncensored:
        scale = max(scale, float(np.mean(model.innovation[: model.n_uncensored] ** 2)))
    low, high = np.log(scale) - 60.0, np.log(scale) + 60.0
    few = model.mean.size < _MANY_STATES
    n_last = _NODES if few else _NODES_OF_MANY_STATES
    has_mean = prior.alpha + model.n_uncensored > _LEAST_DEGREES
    for scan in range(_N_SCANS + 1):
        n = _SCAN
        if scan == _N_SCANS:
            n = max(n_last, min(int((high - low) / _LONGEST_STEP), _MOST_NODES))
        log_q = np.linspace(low, high, n)
        density = np.array([_log_posterior(model, prior, x) for x in log_q])
        reach = density + log_q if has_mean else density
        kept = (density > density.max() - _DEPTH) | (reach > reach.max() - _DEPTH)
        first, last = np.flatnonzero(kept)[[0, -1]]
        step = log_q[1] - log_q[0]
        if scan == _N_SCANS:
            break
        # A grid that stops inside the posterior is widened, any other one narrowed.
        low = low - 200.0 if first == 0 else float(log_q[first]) - step
        high = high + 200.0 if last == n - 1 else float(log_q[last]) + step
    weight = np.exp(density - density.max())
    return Nodes(log_q, weight / weight.sum())


def _log_posterior(model: LinearModel, prior: ProcessPrior, log_q: float) -> float:
    process = np.array([[np.exp(log_q)]])
    factor = model.factorise(process)
    if factor is None:
        return -np.inf
    n = model.n_uncensored
    found = prior.log_density(np.sqrt(process))
    found += model.log_likelihood(factor, model.innovation[:n])
    if model.n_censored:
        white = factor.whiten(model.innovation)
        found += float(special.log_ndtr(_bound(model, factor, white)))
    return found


def integrate(
    model: LinearModel,
    prior: ProcessPrior,
    *,
    n_chains: int,
    n_draws: int,
    stream: np.random.SeedSequence,
) -> tuple[Sampled, Nodes]:
    """Moments by quadrature and independent draws, for a scalar Q."""
    nodes = nodes_of(model, prior)
    means, covariances = _integrated(model, nodes)
    rng = np.random.default_rng(stream)
    drawn = nodes.draw(n_chains * n_draws, rng)
    state, forecast = np.empty((2, drawn.size, model.mean.size))
    for i, value in enumerate(drawn):
        state[i], forecast[i] = _draw_at(model, value, rng)
    shape = (n_chains, n_draws, -1)
    sampled = Sampled(
        state.reshape(shape), forecast.reshape(shape),
        drawn.reshape(n_chains, n_draws, 1, 1),
        (means[0], means[1]), (covariances[0], covariances[1]), float("nan"),
    )  # fmt: skip
    return sampled, nodes


def _integrated(model: LinearModel, nodes: Nodes) -> tuple[list[Array], list[Array]]:
    """Means and covariances of X and x_f over the nodes."""
    shown = nodes.weight > 0.0
    values, weights = np.exp(nodes.log_q[shown]), nodes.weight[shown]
    p = model.mean.size
    centres = np.empty((2, values.size, p))
    inner = np.zeros((2, p, p))
    for i, value in enumerate(values):
        for j, (centre, spread) in enumerate(_moments_at(model, value)):
            centres[j, i] = centre
            inner[j] += weights[i] * spread
    means = [weights @ centres[j] for j in (0, 1)]
    for j in (0, 1):
        off = centres[j] - means[j]
        inner[j] += off.T @ (weights[:, None] * off)
    return means, [inner[0], inner[1]]


def _factor_at(model: LinearModel, value: float) -> tuple[Array, Factor]:
    process = np.array([[value]])
    factor = model.factorise(process)
    if factor is None:
        raise FloatingPointError("S has no Cholesky factor")
    return process, factor


def _moments_at(
    model: LinearModel, value: float
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    process, factor = _factor_at(model, value)
    last = 0.0
    white = factor.whiten(model.innovation)
    if model.n_censored:
        white, last = _last_out(model, factor, model.innovation)
    means = model.conditional_mean(factor, process, white)
    covariances = model.conditional_covariance(factor, process, last)
    return (means[0], covariances[0]), (means[1], covariances[1])


def _draw_at(
    model: LinearModel, value: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    process, factor = _factor_at(model, value)
    innovation = model.innovation
    if model.n_censored:
        white = factor.whiten(innovation)
        white[-1] = float(truncated_draw(_bound(model, factor, white), rng))
        innovation = np.tril(factor.root) @ white
    return model.draw(factor, process, innovation, rng)
