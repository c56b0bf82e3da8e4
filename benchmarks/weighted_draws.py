"""Reference posteriors of models with series: importance sampling on the model itself.

Proposals come from a calibration with many runs, its posterior flattened (its log
density times 0.7) so that they cover the true one; each is run through the model and
weighted. Runs are kept in the user's cache, so that a call goes on from the last.
`benchmarks.reference` makes the runs.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from benchmarks.target import Array, Target, as_dataset, cache_folder

START_RUNS = 360
# The exponent of the proposals.
FLATTER = 0.7
PIECE = 2000
# Less than this makes no reference.
LEAST_ESS = 1500.0
# A model that takes no time is run so often by whoever asks for its reference.
QUICK_RUNS = 40_000
_SEED = 20223
# Of proposals about a point: degrees of freedom; the fraction that is of the prior; the
# effective size for each parameter at which draws are followed, and that which is
# enough; the kernels, the short rounds, and the kernels' covariance as a fraction of
# the draws' in the long ones.
_DF, _OF_PRIOR, _FOLLOWED, _ENOUGH = 8, 0.1, 20, 5000.0
_N_CENTRES, _ROUNDS, _WIDTHS = 400, 8, (0.6, 0.35, 0.2, 0.12)


class NoReference(SystemExit):
    """Importance sampling did not find the posterior of a target."""


def reference_draws(target: Target) -> Array:
    """Draws by the weights of all runs, (100_000, n_parameters), in their units."""
    if not target.slow:
        while not _path(target, QUICK_RUNS // PIECE - 1).exists():
            extend(target)
    u, log_weight = weighted_runs(target)
    if not len(u) or effective(log_weight) < LEAST_ESS:
        name, variant = target.name.rsplit("-", 1)
        raise NoReference(
            f"{target.name} has no reference posterior yet: run python -m "
            f"benchmarks.reference --target {name} --variant {variant}"
        )
    weight = np.exp(log_weight - log_weight.max())
    rng = np.random.default_rng(_SEED)
    return target.physical(u[rng.choice(len(u), 100_000, p=weight / weight.sum())])


def importance_draws(target: Target, n_runs: int = 10_000) -> Array:
    """Draws by adaptive importance sampling on the model itself, kept in the cache.

    (100_000, n_parameters), in their units. For a model of few parameters that takes
    milliseconds.
    """
    import masm

    path = cache_folder() / f"{target.name}-importance-{n_runs}.npy"
    if path.exists():
        return np.asarray(np.load(path))
    found = masm.sample_cost(
        target.cost, target.priors, seed=_SEED, method="importance", max_runs=n_runs
    )
    size, k = found.attrs["ess_weights"], found.attrs["pareto_k"]
    if found.status != "done" or size < LEAST_ESS:
        raise SystemExit(
            f"{target.name}: {n_runs} runs make no reference: {found.reason}, "
            f"effective size {size:.0f}, Pareto k {k:.2f}"
        )
    print(f"{target.name}: reference of effective size {size:.0f}, Pareto k {k:.2f}")
    every = np.stack([found.posterior[n].to_numpy().ravel() for n in target.priors], 1)
    draws = every[np.random.default_rng(_SEED).choice(len(every), 100_000)]
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}.npy")
    np.save(aside, draws)
    os.replace(aside, path)
    return draws


def draws_about(target: Target, centre: Array, n_runs: int = 40_000) -> Array:
    """Draws by importance sampling that begins at a point of the cube, such as a truth.

    (100_000, n_parameters), in their units, kept in the cache. Proposals are a mixture
    of Student t about draws of the round before (population Monte Carlo), and one in
    ten is of the prior. For a model that takes less than a millisecond.
    """
    path = cache_folder() / f"{target.name}-about-{n_runs}.npy"
    if path.exists():
        return np.asarray(np.load(path))
    u, log_weight = _followed(target, centre, n_runs, np.random.default_rng(_SEED))
    size, k = effective(log_weight), pareto_k(log_weight)
    if size < LEAST_ESS or k > 0.7:
        raise NoReference(
            f"{target.name}: {n_runs} runs make no reference: effective size "
            f"{size:.0f}, Pareto k {k:.2f}"
        )
    print(f"{target.name}: reference of effective size {size:.0f}, Pareto k {k:.2f}")
    weight = np.exp(log_weight - log_weight.max())
    rng = np.random.default_rng(_SEED)
    rows = rng.choice(len(u), 100_000, p=weight / weight.sum())
    draws = target.physical(u[rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}.npy")
    np.save(aside, draws)
    os.replace(aside, path)
    return draws


def _followed(
    target: Target, centre: Array, n_runs: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Draws of the best of the long rounds, and their log weights.

    A long round is the last where its weights are worth enough.
    """
    d = target.n_parameters
    centres, covariance = np.asarray(centre, float)[None], 0.1**2 * np.eye(d)
    rounds = [(n_runs // 20, _WIDTHS[0])] * _ROUNDS + [(n_runs // 4, _WIDTHS[0])]
    best: tuple[Array, Array] = (np.empty((0, d)), np.empty(0))
    best_size = 0.0
    for n, width in rounds + [(n_runs, width) for width in _WIDTHS]:
        u, log_density = _mixture(n, centres, width * covariance, rng)
        cost = target.cost(target.physical(u))
        log_weight = -0.5 * cost - log_density
        if n == n_runs and (size := effective(log_weight)) > best_size:
            best, best_size = (u, log_weight), size
            if size > _ENOUGH:
                break
        # Flattened until there are enough draws to follow.
        temperature = 1.0
        while effective(log_weight) < _FOLLOWED * d:
            temperature *= 1.5
            log_weight = -0.5 * cost / temperature - log_density
        weight = np.exp(log_weight - log_weight.max())
        weight /= weight.sum()
        centres = u[rng.choice(len(u), _N_CENTRES, p=weight)]
        covariance = np.cov(u.T, aweights=weight) + 1e-10 * np.eye(d)
    return best


def _mixture(
    n: int, centres: Array, covariance: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Proposals inside the cube, of ``n``, and their log density."""
    from scipy.special import logsumexp
    from scipy.stats import multivariate_t

    d = len(covariance)
    root = np.linalg.cholesky(covariance)
    kernel = multivariate_t(np.zeros(d), np.eye(d), df=_DF)
    u = centres[rng.choice(len(centres), n)] + kernel.rvs(n, random_state=rng) @ root.T
    wide = rng.random(n) < _OF_PRIOR
    u[wide] = rng.random((int(wide.sum()), d))
    u = u[np.all((u >= 0.0) & (u <= 1.0), axis=1)]
    inverse = np.linalg.inv(root).T
    at, around = u @ inverse, centres @ inverse
    log_density = np.empty(len(u))
    # In pieces: large arrays cost more than the arithmetic.
    for first in range(0, len(u), 1000):
        piece = at[first : first + 1000]
        squares = (piece**2).sum(1)[:, None] + (around**2).sum(1) - 2 * piece @ around.T
        shape = -0.5 * (_DF + d) * np.log1p(np.maximum(squares, 0.0) / _DF)
        log_density[first : first + 1000] = logsumexp(shape, axis=1)
    log_density -= np.log(len(centres))
    log_density += kernel.logpdf(np.zeros(d)) - np.log(np.diag(root)).sum()
    log_density += np.log1p(-_OF_PRIOR)
    return u, np.logaddexp(np.log(_OF_PRIOR), log_density)


def effective(log_weight: Array) -> float:
    """Effective sample size of importance weights."""
    weight = np.exp(log_weight - log_weight.max())
    return float(weight.sum() ** 2 / np.sum(weight**2))


def pareto_k(log_weight: Array) -> float:
    """Shape of the weights' tail."""
    import arviz

    _, k = arviz.psislw(log_weight)
    return float(k)


def proposals(target: Target) -> tuple[Array, Array]:
    """Proposals in the cube, and their log density up to a constant; kept."""
    path = cache_folder() / f"{target.name}-proposals.npz"
    if path.exists():
        with np.load(path) as found:
            return found["u"], found["log_density"]
    u, log_density = _propose(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(aside, u=u, log_density=log_density)
    os.replace(aside, path)
    return u, log_density


def _propose(target: Target) -> tuple[Array, Array]:
    """Sample the flattened posterior of an emulator that has seen many runs."""
    from masm.samplers.hamiltonian import hamiltonian_chains
    from masm.samplers.tempering import tempered_population

    rng = np.random.default_rng(_SEED)
    emulator, runs = _emulator(target)
    emulator.refit(runs, rng)

    def density(u: Array) -> Array:
        return FLATTER * emulator.log_density(u)

    starts = tempered_population(density, emulator.d, rng=rng, n_particles=1000)
    emulator.simplify(starts)
    approximation = emulator.approximate(starts)
    assert approximation is not None

    class Flat:
        def value(self, u: Array) -> Array:
            return FLATTER * approximation.value(u)

        def value_and_gradient(self, u: Array) -> tuple[Array, Array]:
            value, gradient = approximation.value_and_gradient(u)
            return FLATTER * value, FLATTER * gradient

    chains = hamiltonian_chains(
        density, Flat(), starts, rng=rng, n_chains=100, n_steps=400, n_burn=200
    )
    mixed = rng.permutation(len(chains.pooled))
    return chains.pooled[mixed], chains.log_density.ravel()[mixed]


def _emulator(target: Target):  # type: ignore[no-untyped-def]
    """Emulator and runs of a long calibration, its last batch included."""
    from masm.likelihood.gaussian import GaussianLikelihood
    from masm.methods.adaptive.loop import sample
    from masm.observations.dataset import as_streams
    from masm.problem.priors import as_priors
    from masm.problem.problem import Problem
    from masm.problem.seeds import seed_sequence
    from masm.runners.series_runner import ModelRunner
    from masm.surrogates.series import SeriesEmulator

    streams = as_streams(target.observations())
    observed = tuple(stream.aggregate() for stream in streams.values())
    priors = as_priors(target.priors)
    model = target.model
    assert model is not None
    problem = Problem(
        priors,
        priors.names,
        ModelRunner(lambda theta: as_dataset(model(theta)), observed),
        GaussianLikelihood(observed),
    )
    outcome = sample(
        problem,
        seed_sequence(_SEED),
        max_runs=START_RUNS,
        batch_size=40,
        n_draws=50,
    )
    assert problem.likelihood is not None
    emulator = SeriesEmulator(problem.likelihood, problem.n_parameters)
    return emulator, outcome.runs


def _path(target: Target, piece: int) -> Path:
    return cache_folder() / f"{target.name}-costs-{piece:02d}.npy"


def weighted_runs(target: Target) -> tuple[Array, Array]:
    """Proposals that have been run, and their log weights."""
    costs = []
    while (path := _path(target, len(costs))).exists():
        costs.append(np.load(path))
    if not costs:
        return np.empty((0, target.n_parameters)), np.empty(0)
    cost = np.concatenate(costs)
    u, log_density = proposals(target)
    log_weight = -0.5 * cost - log_density[: len(cost)]
    good = np.isfinite(log_weight)
    return u[: len(cost)][good], log_weight[good]


def extend(target: Target) -> None:
    """Run the model at the next piece of the proposals."""
    u, _ = proposals(target)
    piece = 0
    while _path(target, piece).exists():
        piece += 1
    at = slice(piece * PIECE, (piece + 1) * PIECE)
    cost = target.cost(target.physical(u[at]))
    path = _path(target, piece)
    aside = path.with_suffix(f".{os.getpid()}.npy")
    np.save(aside, cost)
    os.replace(aside, path)
