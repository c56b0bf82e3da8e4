"""Adaptive multiple importance sampling on the model itself.

Batches are drawn from a mixture of Student t fitted to all runs so far, the first from
the prior; every run is weighted by the posterior over the mixture of all proposals
ever drawn from (Cornuet et al. 2012). While few runs carry the weight, the proposal is
fitted to a flattened posterior. A tenth of each batch is drawn from the prior, so that
no weight is without bound (Owen and Zhou 2000). Weights are Pareto smoothed, and the
shape of their tail, with their effective sample size, says whether to trust them
(Vehtari et al. 2024).

References
----------
Cornuet, J.-M., Marin, J.-M., Mira, A. and Robert, C. P. (2012). Adaptive multiple
importance sampling. Scandinavian Journal of Statistics 39, 798-812.
Owen, A. and Zhou, Y. (2000). Safe and effective importance sampling. Journal of the
American Statistical Association 95, 135-143.
Vehtari, A., Simpson, D., Gelman, A., Yao, Y. and Gabry, J. (2024). Pareto smoothed
importance sampling. Journal of Machine Learning Research 25(72), 1-58.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import special

from masm.methods.budget import Evaluations, check_counts, cost_only
from masm.methods.method import Method
from masm.methods.support import PARETO_LIMIT
from masm.problem.problem import Outcome, Problem
from masm.samplers.diagnostics import ESS_LIMIT, smoothed_weights
from masm.samplers.latin_hypercube import latin_hypercube
from masm.types import Array

_PRIOR_FRACTION = 0.1
_MOST_PARTS = 8
# The posterior is flattened so that so many runs for each parameter stay effective.
_EFFECTIVE = 10
_N_CHAINS = 4
_LEAST_DRAWS = 40
_DEGREES = 10.0


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 5000,
    batch_size: int = 250,
) -> Outcome:
    """Draw from the posterior by importance sampling.

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    max_runs : int
        Most model runs.
    batch_size : int
        Proposals of each batch; those outside the bounds need no run.

    Returns
    -------
    Outcome
        As many draws as the weights are worth (their effective sample size, which
        ``attrs`` gives as ``ess_weights`` beside ``pareto_k``). Suspect,
        ``not_converged``, where ``pareto_k`` is above 0.7 or they are worth fewer
        than 400.
    """
    d = problem.n_parameters
    check_counts(
        batch_size=(batch_size, 10 * d), max_runs=(max_runs, 2 * int(batch_size))
    )
    rng = np.random.default_rng(seed)
    evaluations = Evaluations(cost_only(problem), max_runs)
    mixtures: list[_Mixture] = []
    u, value = _run(evaluations, latin_hypercube(batch_size, d, rng))
    evaluations.require_some()
    history: dict[str, list[float]] = {"n_runs": [], "ess": [], "tempering": []}
    while evaluations.left >= batch_size:
        log_weight = value - _log_proposal(u, mixtures)
        tempered = _tempering(log_weight, min(_EFFECTIVE * d, len(u) / 4))
        weight = _normalised(tempered * log_weight)
        mixtures.append(_Mixture.fitted(u, weight, rng))
        new, new_value = _run(evaluations, _proposals(mixtures[-1], batch_size, rng))
        u, value = np.vstack([u, new]), np.concatenate([value, new_value])
        history["n_runs"].append(evaluations.n_runs)
        history["ess"].append(_effective(_normalised(log_weight)))
        history["tempering"].append(tempered)
    smoothed, pareto_k = smoothed_weights(value - _log_proposal(u, mixtures))
    weight = _normalised(smoothed)
    effective = _effective(weight)
    worth = max(int(effective), _LEAST_DRAWS)
    draws = _systematic(weight, worth - worth % _N_CHAINS, rng)
    draws = rng.permutation(draws).reshape(_N_CHAINS, -1)
    trusted = bool(pareto_k <= PARETO_LIMIT and effective >= ESS_LIMIT)
    return Outcome(
        u=u[draws],
        cost=-2.0 * value[draws],
        runs=evaluations.runs,
        surrogate_rmse=math.nan,
        status="done" if trusted else "suspect",
        reason="" if trusted else "not_converged",
        history={name: np.array(values) for name, values in history.items()},
        attrs={"pareto_k": float(pareto_k), "ess_weights": effective},
    )


def _run(evaluations: Evaluations, u: Array) -> tuple[Array, Array]:
    """Points that run, and their log likelihood; the others have no weight."""
    value = evaluations.log_likelihood(u)
    ok = np.isfinite(value)
    return u[ok], value[ok]


class _Mixture:
    """Mixture of Student t distributions, with the prior as one of its parts."""

    def __init__(self, fractions: Array, means: Array, shapes: Array):
        self.fractions = fractions
        self.parts = [
            scipy.stats.multivariate_t(mean, shape, df=_DEGREES)
            for mean, shape in zip(means, shapes, strict=True)
        ]

    @classmethod
    def fitted(cls, u: Array, weight: Array, rng: np.random.Generator) -> _Mixture:
        """Fit to weighted points by expectation maximisation."""
        d = u.shape[1]
        mean = weight @ u
        whole = _covariance(u - mean, weight) + 1e-8 * np.eye(d)
        n_parts = int(np.clip(_effective(weight) // (5 * d), 1, _MOST_PARTS))
        means = u[rng.choice(len(u), n_parts, p=weight)]
        shapes = np.tile(whole / n_parts ** (2.0 / d), (n_parts, 1, 1))
        fractions = np.full(n_parts, 1.0 / n_parts)
        for _ in range(15 if n_parts > 1 else 1):
            log_parts = _log_normals(u, fractions, means, shapes)
            belongs = weight[:, None] * np.exp(
                log_parts - special.logsumexp(log_parts, axis=1, keepdims=True)
            )
            size = belongs.sum(axis=0) + 1e-12
            fractions = size / size.sum()
            means = (belongs.T @ u) / size[:, None]
            for k in range(n_parts):
                own = _covariance(u - means[k], belongs[:, k])
                # A fraction of the whole keeps small parts from collapsing.
                shapes[k] = (own + 0.02 * whole) / (size[k] + 0.02)
        return cls(fractions, means, shapes)

    def draw(self, n: int, rng: np.random.Generator) -> Array:
        """Draw n points, (n, n_parameters), not all of them inside the cube."""
        counts = rng.multinomial(n, self.fractions)
        return np.concatenate(
            [
                part.rvs(size=int(count), random_state=rng).reshape(int(count), -1)
                for part, count in zip(self.parts, counts, strict=True)
                if count
            ]
        )

    def log_density(self, u: Array) -> Array:
        """Log density, (n_points,)."""
        parts = [
            np.log(fraction) + np.atleast_1d(part.logpdf(u))
            for fraction, part in zip(self.fractions, self.parts, strict=True)
        ]
        return np.asarray(special.logsumexp(parts, axis=0))


def _covariance(centered: Array, weight: Array) -> Array:
    return np.asarray((centered * weight[:, None]).T @ centered)


def _log_normals(u: Array, fractions: Array, means: Array, shapes: Array) -> Array:
    columns = []
    for fraction, mean, shape in zip(fractions, means, shapes, strict=True):
        factor = np.linalg.cholesky(shape)
        z = np.linalg.solve(factor, (u - mean).T)
        columns.append(
            np.log(fraction)
            - np.log(np.diag(factor)).sum()
            - 0.5 * np.sum(z**2, axis=0)
        )
    return np.stack(columns, axis=1)


def _proposals(mixture: _Mixture, n: int, rng: np.random.Generator) -> Array:
    n_prior = round(_PRIOR_FRACTION * n)
    prior = rng.random((n_prior, mixture.parts[0].dim))
    return rng.permutation(np.vstack([prior, mixture.draw(n - n_prior, rng)]))


def _log_proposal(u: Array, mixtures: list[_Mixture]) -> Array:
    """Log density of the mixture of all proposals so far, each a batch of equal size.

    The first batch is from the prior alone, whose density in the cube is one.
    """
    total = np.full(len(u), 1.0 + _PRIOR_FRACTION * len(mixtures))
    for mixture in mixtures:
        total += (1.0 - _PRIOR_FRACTION) * np.exp(mixture.log_density(u))
    return np.asarray(np.log(total / (1 + len(mixtures))))


def _normalised(log_weight: Array) -> Array:
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight / weight.sum())


def _effective(weight: Array) -> float:
    """Effective sample size of weights that sum to one."""
    return float(1.0 / np.sum(weight**2))


def _tempering(log_weight: Array, wanted: float) -> float:
    """Largest exponent up to one at which so many runs stay effective."""
    if _effective(_normalised(log_weight)) >= wanted:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        enough = _effective(_normalised(middle * log_weight)) >= wanted
        low, high = (middle, high) if enough else (low, middle)
    return low


def _systematic(weight: Array, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    edges = np.cumsum(weight)
    edges[-1] = 1.0
    return np.searchsorted(edges, (rng.random() + np.arange(n)) / n)


def _with_budget(n_runs: int, n_parameters: int) -> dict[str, Any]:
    least = 10 * n_parameters
    batch_size = min(max(250, least), max(n_runs // 4, least))
    return {"max_runs": n_runs, "batch_size": batch_size}


METHOD = Method(
    name="importance",
    summary="Adaptive multiple importance sampling on the model itself.",
    sample=sample,
    gives="posterior",
    predictive=False,
    with_budget=_with_budget,
    source="Cornuet et al. (2012)",
)
