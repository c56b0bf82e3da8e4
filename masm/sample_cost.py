"""Posterior of a scalar objective: for models that return only -2 log L."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from masm.errors import InputError
from masm.methods.method import Method
from masm.methods.options import MethodOptions, merged, named_method
from masm.methods.registry import DEFAULT_METHOD, method_of
from masm.problem.priors import as_priors
from masm.problem.problem import Problem
from masm.problem.seeds import Seed, seed_sequence
from masm.results.assemble import assemble
from masm.results.result import Result
from masm.runners.cost_runner import CostRunner
from masm.runners.executable import limited
from masm.runners.series_runner import Map


def sample_cost(
    cost: Callable[[Any], Any],
    priors: Any,
    *,
    seed: Seed,
    max_runs: int | None = None,
    batch_size: int | None = None,
    method: str | Method | None = None,
    options: MethodOptions | Mapping[str, Any] | None = None,
    map: Map | None = None,
    timeout: float | None = None,
    **keywords: Any,
) -> Result:
    """Find the posterior of parameters whose -2 log likelihood can be computed.

    Where the model gives its series, prefer `masm.calibrate`: a cost that spans
    decades says far less in a run than the series behind it.

    Parameters
    ----------
    cost : callable
        ``cost(theta)`` with ``theta`` (n_samples, n_parameters) in the priors' order
        and units; returns -2 log likelihood up to a constant, (n_samples,). NaN,
        infinity or a number beyond 1e15, in which a difference of one is lost, is a
        failed run; a call that raises is repeated one row at a time.
    priors : mapping or Priors
        Name to ``(low, high)`` for a uniform prior, or to a prior object.
    seed : int or sequence of int
    max_runs : int, optional
        Most evaluations; by default 15 for each parameter and 27, or what another
        method takes by default. More than ten parameters take more (524 for fifteen),
        and for more than fifteen the number has to be given.
    batch_size : int, optional
        Rows in each call after the first, whose rows are 4 for each parameter (at
        least 32, at most half of all).
    method, options : optional
        As in `masm.calibrate`, for comparison; the default is the method to use.
    map, timeout : optional
        As in `masm.calibrate`; calls are then of one row each.
    **keywords
        Single options of the method instead, such as ``n_chains=8``.

    Returns
    -------
    Result

    Examples
    --------
    >>> import masm
    >>> result = masm.sample_cost(
    ...     lambda theta: ((theta - 3.0) ** 2 / 0.25).sum(axis=1),
    ...     {"a": (0.0, 10.0), "b": (0.0, 10.0)},
    ...     seed=1,
    ... )
    >>> result.status
    'done'
    >>> bool(abs(result.mean["a"] - 3.0) < 0.1 and abs(result.sd["b"] - 0.5) < 0.1)
    True
    """
    if not callable(cost):
        raise InputError(
            "cost is not callable",
            found=type(cost).__name__,
            wanted="a function of an array (n_samples, n_parameters)",
        )
    prior = as_priors(priors)
    for name, value in (("max_runs", max_runs), ("batch_size", batch_size)):
        if value is not None:
            keywords[name] = value
    chosen = method_of(named_method(options, method, DEFAULT_METHOD))
    options = {**dict(chosen.given), **merged(options, keywords)}
    chosen.check_options(options, inspect.signature(sample_cost).parameters)
    with contextlib.ExitStack() as stack:
        if timeout is not None:
            cost, map = stack.enter_context(limited(cost, map, timeout))
        runner = CostRunner(cost, map)
        problem = Problem(priors=prior, active=prior.names, runner=runner)
        outcome = chosen.sample(problem, seed_sequence(seed), **options)
    name = "cost" if chosen.name == DEFAULT_METHOD else chosen.name
    return assemble([(problem, outcome)], seed=seed, method=name)
