"""A result put together from what the blocks of a calibration gave."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from masm.likelihood.gaussian import GaussianLikelihood
from masm.problem.priors import Priors
from masm.problem.problem import Outcome, Problem, Runs
from masm.problem.samples import Samples
from masm.problem.seeds import Stream, seed_sequence
from masm.results.error_scale_posterior import scale_dataset, scale_draws
from masm.results.predictive import (
    constant_data,
    observed_data,
    posterior_groups,
    prior_predictive,
)
from masm.results.result import CONVERGENCE, Result
from masm.samplers.diagnostics import at_bound, convergence
from masm.types import Array

if TYPE_CHECKING:
    import xarray as xr


_N_PRIOR_DRAWS = 1000


def assemble(
    parts: Sequence[tuple[Problem, Outcome]],
    *,
    seed: Any,
    method: str,
    likelihood: GaussianLikelihood | None = None,
    predictive: Runs | None = None,
    fit: xr.Dataset | None = None,
    n_extra_runs: int = 0,
    n_extra_failed: int = 0,
    attrs: Mapping[str, Any] | None = None,
) -> Result:
    """Build a result from what the blocks of a calibration gave.

    Parameters
    ----------
    parts : sequence of (Problem, Outcome)
        The blocks in order. A parameter's posterior is that of the last block it
        is calibrated in.
    seed, method
        As they were asked for.
    likelihood : GaussianLikelihood, optional
        Of all streams; its observations go into ``observed_data`` and
        their error variances into ``constant_data``.
    predictive : Runs, optional
        Model runs at posterior draws, with the series of ``likelihood``.
    fit : xarray.Dataset, optional
        Scores over (stage, stream).
    n_extra_runs, n_extra_failed : int
        Model runs made outside the blocks.
    attrs : mapping, optional
        More to keep with the result.
    """
    priors = parts[0][0].priors
    groups = {
        "posterior": _posterior(parts),
        "prior": _prior(parts, seed),
        "sample_stats": _sample_stats(parts),
        "runs": _runs(parts),
    }
    if likelihood is not None:
        factors = scale_draws(parts, likelihood, predictive, seed)
        if factors:
            groups["error_scale"] = scale_dataset(likelihood, factors)
        groups["observed_data"] = observed_data(likelihood)
        groups["constant_data"] = constant_data(likelihood, factors)
        rng = np.random.default_rng(seed_sequence(seed, Stream.REPLICATED))
        runs = None if predictive is None else predictive.series
        if predictive is not None and runs is not None and predictive.ok.any():
            runs = runs[predictive.ok]
            emulated = parts[0][1].emulated if len(parts) == 1 else None
            groups |= posterior_groups(likelihood, runs, emulated, rng)
        first = _first_runs(parts)
        if first is not None:
            groups["prior_predictive"] = prior_predictive(likelihood, first)
    if fit is not None:
        groups["fit"] = fit
    outcomes = [outcome for _, outcome in parts]
    suspect = [outcome for outcome in outcomes if outcome.status != "done"]
    whole: dict[str, Any] = {
        "method": method,
        "seed": json.dumps(_jsonable(seed)),
        "status": "suspect" if suspect else "done",
        "reason": suspect[0].reason if suspect else "",
        "n_model_runs": sum(o.runs.n for o in outcomes) + n_extra_runs,
        "n_failed_runs": sum(o.runs.n_failed for o in outcomes) + n_extra_failed,
        "surrogate_rmse": float(np.max([o.surrogate_rmse for o in outcomes])),
        "constraints": "; ".join(rule.description for rule in priors.constraints),
    }
    if likelihood is not None:
        for series in likelihood.observed:
            whole[f"variance_{series.name}"] = series.variance_rule
            whole[f"errors_{series.name}"] = series.errors.name
    for i, (problem, outcome) in enumerate(parts):
        prefix = f"block{i + 1}_" if len(parts) > 1 else ""
        if prefix:
            whole[prefix + "parameters"] = " ".join(problem.active)
            whole[prefix + "status"] = outcome.status
            whole[prefix + "reason"] = outcome.reason
            whole[prefix + "surrogate_rmse"] = outcome.surrogate_rmse
        whole.update({prefix + key: value for key, value in outcome.attrs.items()})
    whole.update(attrs or {})
    return Result(groups, whole)


def _jsonable(seed: Any) -> Any:
    whole = isinstance(seed, int | np.integer)
    return int(seed) if whole else [int(part) for part in seed]


def _owners(parts: Sequence[tuple[Problem, Outcome]]) -> dict[str, int]:
    """Which block each calibrated parameter's posterior comes from."""
    last = {name: i for i, (p, _) in enumerate(parts) for name in p.active}
    return {name: last[name] for name in parts[0][0].priors.names if name in last}


def draws_of(parts: Sequence[tuple[Problem, Outcome]]) -> Array:
    """Posterior draws of all calibrated parameters, (chain, draw, parameter).

    In the unit cube, parameters in the priors' order. Blocks are independent of
    each other.
    """
    n_chains = min(outcome.u.shape[0] for _, outcome in parts)
    n_draws = min(outcome.u.shape[1] for _, outcome in parts)
    columns = [
        parts[i][1].u[:n_chains, -n_draws:, parts[i][0].active.index(name)]
        for name, i in _owners(parts).items()
    ]
    return np.stack(columns, axis=-1)


def _posterior(parts: Sequence[tuple[Problem, Outcome]]) -> xr.Dataset:
    import xarray as xr

    priors = parts[0][0].priors
    owners = _owners(parts)
    u = draws_of(parts)
    diagnosis = convergence(u)
    variables = {}
    for j, name in enumerate(owners):
        prior = priors[name]
        attrs = {
            "units": prior.units,
            "prior": type(prior).__name__,
            "prior_low": prior.low,
            "prior_high": prior.high,
            "default": prior.default_value,
            "at_bound": at_bound(u[..., j]),
            **{key: float(diagnosis[key][j]) for key in CONVERGENCE},
        }
        variables[name] = (("chain", "draw"), prior.quantile(u[..., j]), attrs)
    return xr.Dataset(variables, coords=_chain_draw(*u.shape[:2]))


def _chain_draw(n_chains: int, n_draws: int) -> dict[str, Any]:
    return {"chain": np.arange(n_chains), "draw": np.arange(n_draws)}


def _prior(parts: Sequence[tuple[Problem, Outcome]], seed: Any) -> xr.Dataset:
    rng = np.random.default_rng(seed_sequence(seed, Stream.SCORES_OF_ASSEMBLY))
    return prior_draws(parts[0][0].priors, list(_owners(parts)), rng)


def prior_draws(
    priors: Priors, names: Sequence[str], rng: np.random.Generator
) -> xr.Dataset:
    """Return draws of the prior as a result has them: one chain, in their own units.

    Parameters
    ----------
    priors : Priors
        Of all parameters.
    names : sequence of str
        The calibrated ones.
    rng : numpy.random.Generator

    Examples
    --------
    >>> from masm.problem.priors import as_priors
    >>> rng = np.random.default_rng(1)
    >>> dict(prior_draws(as_priors({"a": (0.0, 2.0)}), ["a"], rng).sizes)
    {'chain': 1, 'draw': 1000}
    """
    import xarray as xr

    whole = Problem(priors, tuple(names), _never_run)
    n_tries = _N_PRIOR_DRAWS * (100 if priors.constraints else 1)
    u = rng.random((n_tries, len(names)))
    u = u[whole.allowed(u)][:_N_PRIOR_DRAWS]
    theta = np.asarray(whole.theta(u))
    return xr.Dataset(
        {name: (("chain", "draw"), theta[None, :, j]) for j, name in enumerate(names)},
        coords=_chain_draw(1, len(theta)),
    )


def _never_run(theta: Samples) -> Array:
    raise RuntimeError("draws of the prior need no model")


def _sample_stats(parts: Sequence[tuple[Problem, Outcome]]) -> xr.Dataset:
    import xarray as xr

    n_chains, n_draws = draws_of(parts).shape[:2]
    variables = {}
    for i, (problem, outcome) in enumerate(parts):
        normaliser = (
            0.0 if problem.likelihood is None else problem.likelihood.normaliser
        )
        name = "lp" if len(parts) == 1 else f"lp_block{i + 1}"
        log_density = -0.5 * (outcome.cost[:n_chains, -n_draws:] + normaliser)
        variables[name] = (("chain", "draw"), log_density)
    return xr.Dataset(
        variables,
        coords=_chain_draw(n_chains, n_draws),
        attrs={"lp": "log likelihood at the draw, as the calibration saw it"},
    )


def _runs(parts: Sequence[tuple[Problem, Outcome]]) -> xr.Dataset:
    """Every model run of the blocks: parameters in their own units, cost, block."""
    import xarray as xr

    theta = [np.asarray(p.model_theta(o.runs.u)) for p, o in parts]
    names = parts[0][0].priors.names
    stacked = np.concatenate(theta)
    variables: dict[str, Any] = {
        name: (("run",), stacked[:, j]) for j, name in enumerate(names)
    }
    variables["cost"] = (("run",), np.concatenate([o.runs.cost for _, o in parts]))
    block = np.repeat(np.arange(1, len(parts) + 1), [o.runs.n for _, o in parts])
    variables["block"] = (("run",), block)
    for i, (_, outcome) in enumerate(parts):
        for name, values in outcome.history.items():
            prefix = f"block{i + 1}_" if len(parts) > 1 else ""
            dim = prefix + "batch"
            variables[f"history_{prefix}{name}"] = ((dim,), np.asarray(values))
    return xr.Dataset(variables)


def _first_runs(parts: Sequence[tuple[Problem, Outcome]]) -> Array | None:
    """Series of the runs made before anything was known, (run, n_obs).

    Their points are spread evenly over the prior. None where a calibration has blocks
    (no run of the first spans the prior of all parameters) or does not say.
    """
    _, outcome = parts[0]
    n = int(outcome.attrs.get("n_initial", 0))
    if len(parts) > 1 or n == 0 or outcome.runs.series is None:
        return None
    return np.asarray(outcome.runs.series[:n][outcome.runs.ok[:n]])
