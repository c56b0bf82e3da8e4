"""GLUE: keep the runs that behave, and weight them by an informal likelihood.

Generalised likelihood uncertainty estimation runs the model at points of the prior,
keeps the best part of them as behavioural and weights each by the inverse of its error
variance to a power. The weights are no probability of the data, and the spread of the
draws depends on the power and on the part that is kept. So the draws are labelled
informal and the result claims no posterior.

References
----------
Beven, K. and Binley, A. (1992). The future of distributed models: model calibration and
uncertainty prediction. Hydrological Processes 6, 279-298.
"""

from __future__ import annotations

import math

import numpy as np

from masm.methods.budget import (
    Evaluations,
    check_counts,
    series_likelihood,
    spread_starts,
)
from masm.methods.limits import Limit, check_limits
from masm.methods.method import Method
from masm.methods.outcomes import NO_POSTERIOR
from masm.problem.problem import Outcome, Problem

_N_CHAINS = 4
_LEAST_BEHAVIOURAL = 8


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 2000,
    behavioural: float = 0.1,
    power: float = 1.0,
    n_draws: int = 1000,
) -> Outcome:
    """Draw from behavioural runs by an informal likelihood.

    Parameters
    ----------
    problem : Problem
        Whose model gives series.
    seed : numpy.random.SeedSequence
    max_runs : int
        Model runs, spread over the prior.
    behavioural : float
        Part of the runs that is kept: those with the least error.
    power : float
        Of the inverse error variance in the weights; a larger one trusts the best
        runs more.
    n_draws : int
        Draws with replacement from the weighted runs.

    Returns
    -------
    Outcome
        Always suspect, ``no_posterior``. ``attrs`` has ``n_behavioural`` and
        ``ess_weights``, the number of runs that the weights are worth.

    Raises
    ------
    InputError
        If the model gives only its cost, or an option is out of its range.
    """
    likelihood = series_likelihood(problem, "glue")
    check_counts(max_runs=(max_runs, 20), n_draws=(n_draws, 40))
    check_limits(_LIMITS, {"behavioural": behavioural, "power": power})
    rng = np.random.default_rng(seed)
    evaluations = Evaluations(problem, max_runs)
    evaluations.cost(spread_starts(problem, max_runs, rng))
    evaluations.require_some()
    runs = evaluations.runs
    assert runs.series is not None  # noqa: S101 - of a problem with a likelihood
    error = np.where(
        runs.ok, np.mean(likelihood.whiten(runs.series) ** 2, axis=-1), np.inf
    )
    n_ok = int(np.isfinite(error).sum())
    n_kept = min(n_ok, max(_LEAST_BEHAVIOURAL, math.ceil(behavioural * n_ok)))
    kept = np.argsort(error, kind="stable")[:n_kept]
    log_weight = -float(power) * np.log(np.maximum(error[kept], 1e-300))
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    at = kept[rng.choice(n_kept, n_draws - n_draws % _N_CHAINS, p=weight)]
    return Outcome(
        u=runs.u[at].reshape(_N_CHAINS, -1, problem.n_parameters),
        cost=runs.cost[at].reshape(_N_CHAINS, -1),
        runs=runs,
        surrogate_rmse=math.nan,
        status="suspect",
        reason=NO_POSTERIOR,
        attrs={
            "draws": "behavioural runs, weighted by an informal likelihood",
            "n_behavioural": n_kept,
            "ess_weights": float(1.0 / np.sum(weight**2)),
        },
    )


_LIMITS = (Limit("behavioural", 0.0, 1.0, above=True), Limit("power", 0.0, above=True))

METHOD = Method(
    name="glue",
    summary="GLUE: behavioural runs of the prior with informal weights. No posterior.",
    sample=sample,
    gives="region",
    needs=frozenset({"series"}),
    predictive=False,
    source="Beven and Binley (1992)",
    limits=_LIMITS,
)
