"""Posterior of unknown factors on the errors of streams, as a result keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from masm.likelihood.gaussian import GaussianLikelihood
from masm.problem.priors import LogUniform
from masm.problem.problem import Outcome, Problem, Runs
from masm.problem.seeds import Seed, Stream, seed_sequence
from masm.samplers.diagnostics import at_bound, convergence
from masm.types import Array

if TYPE_CHECKING:
    import xarray as xr


_N_DRAWS = 4000


def scale_draws(
    parts: Sequence[tuple[Problem, Outcome]],
    likelihood: GaussianLikelihood,
    predictive: Runs | None,
    seed: Seed,
) -> dict[str, Array]:
    """Draws of each unknown factor, (chain, draw).

    Those of the last block that knows the stream's series at each of its draws. A
    method that only knows costs gives none: then each of so many draws is made at
    one of the model runs of the posterior predictive, in one chain.
    """
    n_chains = min(outcome.u.shape[0] for _, outcome in parts)
    n_draws = min(outcome.u.shape[1] for _, outcome in parts)
    found = {}
    for j, (name, scale) in enumerate(likelihood.scales.items()):
        for _, outcome in parts:
            if name in outcome.error_scale:
                found[name] = outcome.error_scale[name][:n_chains, -n_draws:]
        if name in found or n_chains * n_draws == 1:
            continue
        if predictive is None or predictive.series is None or not predictive.ok.any():
            continue
        rng = np.random.default_rng(seed_sequence(seed, Stream.ERROR_SCALE, j))
        series = predictive.series[predictive.ok]
        squares = likelihood.squares(likelihood.whiten(series))[name]
        found[name] = scale.draw(rng.choice(squares, _N_DRAWS), rng)[None]
    return found


def scale_dataset(
    likelihood: GaussianLikelihood, draws: Mapping[str, Array]
) -> xr.Dataset:
    """Put draws of factors in a Dataset with their priors and diagnostics."""
    import xarray as xr

    variables = {}
    sizes = {}
    for name, factor in draws.items():
        scale = likelihood.scales[name]
        u = LogUniform(scale.low, scale.high).cdf(factor)
        diagnosis = convergence(u[..., None])
        attrs = {
            "units": "1",
            "long_name": f"factor on the error standard deviation of {name}",
            "prior": "LogUniform",
            "prior_low": scale.low,
            "prior_high": scale.high,
            "at_bound": at_bound(u),
            **{key: float(value[0]) for key, value in diagnosis.items()},
        }
        variables[name] = (("chain", "draw"), factor, attrs)
        sizes = {"chain": factor.shape[0], "draw": factor.shape[1]}
    return xr.Dataset(variables, {dim: np.arange(n) for dim, n in sizes.items()})
