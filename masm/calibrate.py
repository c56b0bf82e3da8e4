"""Calibrate a model against observations: the one call most users need."""

from __future__ import annotations

import contextlib
import inspect
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from masm.errors import InputError
from masm.likelihood.correlation import correlation_of
from masm.likelihood.gaussian import GaussianLikelihood
from masm.methods.method import Method
from masm.methods.options import MethodOptions, merged, named_method
from masm.methods.registry import DEFAULT_METHOD, method_of
from masm.observations.dataset import as_streams
from masm.observations.doubts import doubts_against_model, say_doubts
from masm.observations.error_models import Errors
from masm.observations.stream import ObservedSeries, Stream
from masm.observations.treatments import TREATMENTS
from masm.problem import seeds
from masm.problem.blocks import Block, caveat, checked_blocks, joint_of
from masm.problem.priors import Priors, as_priors
from masm.problem.problem import Outcome, Problem
from masm.problem.seeds import Seed, seed_sequence
from masm.problem.start import Start
from masm.results.assemble import assemble, draws_of
from masm.results.checkpoint import Checkpoint, digest
from masm.results.result import Result
from masm.results.scores import scores
from masm.runners.executable import limited
from masm.runners.series_runner import Map, Model, ModelRunner

if TYPE_CHECKING:
    import xarray as xr

logger = logging.getLogger(__name__)

# Model runs of a joint calibration that score the fit: defaults, mean and best run.
N_SCORED = 3
# Half width of the differences for a discrepancy, in probability of the prior.
_SLOPE_STEP = 0.05
_RUNS_OF_A_SLOPE = 2


def calibrate(
    model: Model,
    observations: Any,
    priors: Any,
    *,
    seed: Seed,
    blocks: Sequence[Block] | None = None,
    proposals: str | None = None,
    method: str | Method | None = None,
    options: MethodOptions | Mapping[str, Any] | None = None,
    variance: Any = None,
    windows: Any = "auto",
    errors: Any = None,
    map: Map | None = None,
    samples_per_call: int | None = None,
    timeout: float | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    inputs: Mapping[str, str] | None = None,
    start: Start | None = None,
    n_predictive: int = 32,
    sweeps: int = 1,
    **keywords: Any,
) -> Result:
    """Find the posterior of a model's parameters given observations.

    Parameters
    ----------
    model : callable
        ``model(theta)`` with ``theta`` a `masm.Samples`, (sample, parameter): columns
        answer to names, ``dict(theta)`` maps names to them. It returns an xarray
        Dataset over (sample, time) with a variable for each stream, or a mapping of
        such arrays. A model that takes one parameter set and returns series over
        (time) will do as well. A run that raises or returns NaN is survived.
    observations : xarray.Dataset, pandas table, Stream, or mapping of name to Stream
        For a Dataset over ``time`` see
        `masm.observations.dataset.streams_from_dataset`.
    priors : mapping or Priors
        Name to ``(low, high)`` for a uniform prior, or to a prior such as
        `masm.TruncatedNormal`.
    seed : int or sequence of int
        The same seed gives the same answer on any worker, in any order.
    blocks : sequence of Block, optional
        Stepwise calibration: one block after the other, each with its own streams
        and parameters. What a block calibrated and a later one does not is fixed at
        its posterior mean there. Without blocks, all at once.
    proposals : str, optional
        With ``"blocks"`` the blocks are no steps but what the chains move at a time:
        one joint posterior of all their streams and parameters. Of the method
        ``"emulator"`` alone.
    method : str or Method
        A name of `masm.METHODS`, or a method of your own as a `masm.Method`; by
        default that of ``options``, else ``"emulator"``.
        ``"emulator"``: about a hundred runs, an emulator of the series and a verdict
        (`masm.methods.adaptive.loop`). ``"published"``: the loop of the source paper
        (`masm.methods.published.loop`). To compare with, on the model itself:
        ``"metropolis"``, ``"demc"``, ``"importance"``, ``"nelder_mead"``, ``"lbfgsb"``,
        ``"differential_evolution"`` and ``"history_matching"``, the last four of which
        give no posterior (`masm.methods`).
    options : MethodOptions or mapping, optional
        Of the method, such as ``masm.options.EmulatorOptions(max_runs=180)``. Editors
        and type checkers know their names and types. An option left at its default
        leaves what `masm.Method.with_options` has set.
    variance : rule, or mapping of stream to rule, optional
        The error variance: ``"series"`` (that of the observed aggregated series, the
        paper's), ``"given"`` (with the data), a number in units squared,
        `masm.RelativeVariance`, or one of these times an unknown factor
        (`masm.SampledVariance`; ``"sampled"`` for its defaults). By default given
        where the data have one, else series. The result names it.
    windows : str, None, or mapping of stream to either, optional
        Calendar windows in which observations and model are averaged before they
        are compared; ``"auto"`` follows what a value stands for: ``"8-day"`` for days
        and for composites of up to 8 days, ``"month"`` for monthly means. None
        compares values with the model on their own dates. Where it is not known how
        long a value stands for, and the model is finer, it has to be said.
    errors : Errors, or mapping of stream to Errors, optional
        ``masm.Errors(correlation=0.6, bias_sd=0.2)``: errors of neighbouring windows
        are correlated, or share a bias. Independent by default, as in the paper.
    map : callable, optional
        Like the built-in ``map``; that of a process pool runs the model in parallel.
        `masm.ProcessMap` does, and survives runs that hang or crash their process.
    samples_per_call : int, optional
        Parameter sets in one call of the model: all of a batch by default, one with
        ``map`` or ``timeout``.
    timeout : float, optional
        Seconds for a model run; one that takes longer is ended and counts as failed.
        What runs inside this process cannot be ended, so a `masm.Executable` is
        ended as a program, and any other model is called in one worker process,
        for which it must be picklable. For more workers ``map=masm.ProcessMap(4,
        timeout=...)``. Without a timeout a model that hangs, hangs the calibration.
    checkpoint : path-like, optional
        File in which finished model runs are kept after every batch. If it is
        there already, the calibration goes on from it, to the same answer. A file
        of another calibration is refused.
    inputs : mapping of str to str, optional
        Digests of what the model itself reads, by name, such as its forcing. They
        are kept in checkpoint and result, and a checkpoint made with others is refused.
    start : Start, optional
        What calibrations of problems much like this one found (`masm.Start.of`): half
        of the first runs are made where their posteriors are. Of the method
        ``"emulator"`` alone. The posterior that is sought stays the same.
    n_predictive : int
        Model runs at posterior draws for the posterior predictive, where the method
        has made none.
    sweeps : int
        Times that all blocks are gone through. In a second sweep each block is
        calibrated again, with its own prior, and the parameters of the others at the
        means that the first sweep found. Only with several blocks one after the other.
    **keywords
        Single options of the method instead, such as ``max_runs=180``.
        ``masm.method_of(method).options`` lists them.

    Returns
    -------
    Result

    Raises
    ------
    InputError
        Something given cannot be used; no model run has been made for most kinds,
        and at most the first batch for those seen only in the model's output.
    CalibrationFailed
        So many model runs failed that there is nothing to fit.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> import masm
    >>> days = pd.date_range("2004-01-01", periods=64)
    >>> season = np.sin(np.arange(64) / 10.0)
    >>> def model(theta):
    ...     gpp = theta["base"][:, None] + theta["swing"][:, None] * season
    ...     return xr.Dataset({"gpp": (("sample", "time"), gpp)}, {"time": days})
    >>> truth = model(masm.Samples([[3.0, 1.5]], ["base", "swing"])).isel(sample=0)
    >>> result = masm.calibrate(
    ...     model, truth, {"base": (0, 10), "swing": (0, 5)}, seed=7,
    ...     variance=0.04, method="importance",
    ... )
    >>> result.status, bool(abs(result.mean["base"] - 3.0) < 0.1)
    ('done', True)

    The same method with other options:

    >>> from masm.options import ImportanceOptions
    >>> result = masm.calibrate(
    ...     model, truth, {"base": (0, 10), "swing": (0, 5)}, seed=7, variance=0.04,
    ...     options=ImportanceOptions(max_runs=2000),
    ... )
    >>> result.attrs["method"]
    'importance'
    """
    priors = as_priors(priors)
    streams = as_streams(
        observations, variance=variance, windows=windows, errors=errors
    )
    doubts = say_doubts(streams)
    steps = checked_blocks(blocks, streams, priors)
    if proposals is not None:
        steps, groups = joint_of(steps, proposals, blocks, priors)
        keywords = {**keywords, "proposals": groups}
    chosen = method_of(named_method(options, method, DEFAULT_METHOD))
    options = {**dict(chosen.given), **merged(options, keywords)}
    chosen.check_options(options, inspect.signature(calibrate).parameters)
    _check_seed(seed)
    _check_sweeps(sweeps, steps)
    _check_start(start, chosen, priors, steps)
    if len(steps) == 1 and options.get("max_runs") is not None:
        # The budget is that of the call: the runs that score the fit count too.
        extra_runs = _runs_beside(chosen, 1, n_predictive)
        if any(stream.errors.discrepancy_sd for stream in streams.values()):
            extra_runs += _RUNS_OF_A_SLOPE * len(priors)
        options = {**options, "max_runs": _left(int(options["max_runs"]), extra_runs)}
    used = [name for name in streams if any(name in step.streams for step in steps)]
    likelihood = GaussianLikelihood(tuple(streams[name].aggregate() for name in used))
    for series in likelihood.observed:
        correlation_of(series)  # refuses a treatment that cannot be made
    record = None
    if checkpoint is not None:
        fingerprint = _fingerprint(
            priors, likelihood, list(steps) * sweeps, chosen.name, seed, options,
            n_predictive,
        )  # fmt: skip
        if start is not None:
            fingerprint["start"] = _digest_of_start(start)
        record = Checkpoint(checkpoint, fingerprint, inputs)
    with contextlib.ExitStack() as stack:
        if timeout is not None:
            model, map = stack.enter_context(limited(model, map, timeout))
        runs = _ModelRuns(
            model,
            streams,
            likelihood,
            map,
            samples_per_call,
            record,
            inputs or {},
            doubts,
            start,
        )
        runs = _with_slopes(runs, priors)
        return _run_steps(
            chosen, steps, priors, runs, seed=seed, options=options, n=n_predictive,
            sweeps=sweeps,
        )  # fmt: skip


def _runs_beside(method: Method, n_steps: int, n_predictive: int) -> int:
    """Runs that score the fit, and those of the posterior predictive if it has none."""
    joint = n_steps == 1
    predictive = 0 if joint and method.predictive else n_predictive
    return N_SCORED + (n_steps - 1) + predictive


def expected_runs(
    method: str | Method,
    n_parameters: Sequence[int],
    options: Mapping[str, Any] | None = None,
    n_predictive: int = 32,
    n_slopes: int = 0,
) -> int:
    """Model runs that a call of `calibrate` makes, those that score the fit included.

    The default method makes fewer where the posterior settles before its budget is
    spent, and up to ``more_runs`` more where its error is too large.

    Parameters
    ----------
    method : str or Method
    n_parameters : sequence of int
        Of each block; one number for a joint calibration.
    options : mapping, optional
        Of the method.
    n_predictive : int
        As for `calibrate`.
    n_slopes : int
        Parameters, of all blocks, where a stream has a discrepancy: two runs for each
        are made once, within ``max_runs`` of a joint calibration that is given it.

    Examples
    --------
    >>> expected_runs("emulator", [5])
    105
    >>> expected_runs("esmda", [3, 2], n_slopes=5) - expected_runs("esmda", [3, 2])
    10
    >>> expected_runs("emulator", [5], {"max_runs": 60})
    60
    """
    chosen = method_of(method)
    asked = {**dict(chosen.given), **(options or {})}
    beside = _runs_beside(chosen, len(n_parameters), n_predictive)
    beside += _RUNS_OF_A_SLOPE * n_slopes
    if len(n_parameters) == 1 and asked.get("max_runs") is not None:
        asked["max_runs"] = int(asked["max_runs"]) - beside
    every = {**chosen.options, **asked}
    return beside + sum(chosen.expected_runs(n, every) for n in n_parameters)


def least_runs(
    method: str | Method, n_parameters: int, n_predictive: int = 32, n_slopes: int = 0
) -> int:
    """Fewest ``max_runs`` of a joint call of `calibrate`, scoring runs included.

    Parameters
    ----------
    method : str or Method
    n_parameters : int
    n_predictive, n_slopes : int
        As for `expected_runs`.

    Examples
    --------
    >>> least_runs("emulator", 5)
    31
    """
    chosen = method_of(method)
    beside = _runs_beside(chosen, 1, n_predictive) + _RUNS_OF_A_SLOPE * n_slopes
    return beside + chosen.least_runs(n_parameters)


@dataclass(frozen=True)
class _ModelRuns:
    """How the model of a calibration is run, for any of its streams."""

    model: Model
    streams: Mapping[str, Stream]
    likelihood: GaussianLikelihood
    map: Map | None
    samples_per_call: int | None
    record: Checkpoint | None
    inputs: Mapping[str, str]
    doubts: Sequence[str]
    start: Start | None = None
    n_slopes: int = 0
    n_slopes_failed: int = 0

    def problem(
        self, priors: Priors, names: Sequence[str], active: Sequence[str], label: str
    ) -> Problem:
        """The problem of calibrating ``active`` parameters on some streams."""
        of_name = {series.name: series for series in self.likelihood.observed}
        observed = tuple(of_name[name] for name in names)
        return Problem(
            priors=priors,
            active=tuple(active),
            runner=ModelRunner(
                self.model,
                observed,
                map=self.map,
                samples_per_call=self.samples_per_call,
                observed_time={name: self.streams[name].time for name in names},
            ),
            likelihood=GaussianLikelihood(observed),
            record=None if self.record is None else self.record.block(label),
            start=self.start,
        )


def _with_slopes(runs: _ModelRuns, priors: Priors) -> _ModelRuns:
    """Make discrepancies orthogonal to the model's slopes at the priors' medians."""
    observed = runs.likelihood.observed
    if not any(series.errors.discrepancy_sd for series in observed):
        return runs
    names = [series.name for series in observed]
    problem = runs.problem(priors, names, priors.names, "slopes")
    n = len(priors)
    u = np.concatenate([0.5 + _SLOPE_STEP * np.eye(n), 0.5 - _SLOPE_STEP * np.eye(n)])
    made = problem.run(u)
    assert made.series is not None  # noqa: S101 - there is a likelihood
    series = runs.likelihood.treated(made.series)
    slopes = (series[:n] - series[n:]).T / (2.0 * _SLOPE_STEP)
    known = np.asarray(np.isfinite(slopes).all(axis=0))
    doubts = [
        f"the model failed next to the median of {name}: the discrepancy is not made "
        "orthogonal to it"
        for name, ran in zip(priors.names, known, strict=True)
        if not ran
    ]
    for doubt in doubts:
        logger.warning("%s", doubt)
    at = runs.likelihood.slices
    changed = tuple(replace(s, slopes=slopes[at[s.name]][:, known]) for s in observed)
    return replace(
        runs,
        likelihood=GaussianLikelihood(changed),
        doubts=[*runs.doubts, *doubts],
        n_slopes=made.n,
        n_slopes_failed=made.n_failed,
    )


def _check_sweeps(sweeps: Any, steps: Sequence[Block]) -> None:
    whole = isinstance(sweeps, int | np.integer) and not isinstance(sweeps, bool)
    if not whole or sweeps < 1:
        raise InputError("sweeps", found=repr(sweeps), wanted="a whole number >= 1")
    if sweeps > 1 and len(steps) < 2:
        raise InputError(
            "sweeps of one block",
            found=f"{sweeps} sweeps",
            wanted="several blocks one after the other, or sweeps=1",
        )


def _left(max_runs: int, extra_runs: int) -> int:
    """Runs of a budget that are left to the method."""
    if max_runs <= extra_runs:
        raise InputError(
            "option max_runs",
            found=max_runs,
            wanted=f"more than {extra_runs}, the runs that score and predict",
            hint="n_predictive=0 makes no runs to predict with.",
        )
    return max_runs - extra_runs


def _run_steps(
    method: Method,
    steps: Sequence[Block],
    priors: Priors,
    runs: _ModelRuns,
    *,
    seed: Seed,
    options: Mapping[str, Any],
    n: int,
    sweeps: int = 1,
) -> Result:
    """Calibrate step by step, then make the ``n`` runs that score the fit."""
    likelihood = runs.likelihood
    used = [series.name for series in likelihood.observed]
    current = priors
    parts: list[tuple[Problem, Outcome]] = []
    stages = {"default": current.defaults}
    earlier: list[Outcome] = []
    for i, step in enumerate(list(steps) * sweeps):
        sweep, k = divmod(i, len(steps))
        if k == 0:
            earlier += [outcome for _, outcome in parts]
            parts = []
        names = [name for name in used if name in step.streams]
        part = runs.problem(current, names, step.parameters, f"block{i + 1}")
        outcome = method.sample(part, seed_sequence(seed, i), **options)
        parts.append((part, outcome))
        means = part.theta(outcome.u.reshape(-1, part.n_parameters)).mean(axis=0)
        found = dict(zip(part.active, means.tolist(), strict=True))
        current = current.with_defaults(found)
        stages[_stage(sweep, k, len(steps), sweeps)] = current.defaults

    last, outcome = parts[-1]
    best = last.model_theta(outcome.runs.u[[np.nanargmin(outcome.runs.cost)]])[0]
    stages["best run"] = dict(zip(priors.names, best.tolist(), strict=True))
    doubts = list(runs.doubts)
    for part, outcome in parts:
        doubts += _against_model(part, outcome)
    whole = runs.problem(current, used, priors.names, "predictive")
    stage_theta = np.array([list(values.values()) for values in stages.values()])
    stage_runs = whole.run(whole.unit(stage_theta))
    extra = stage_runs
    predictive = parts[0][1].check if len(parts) == 1 else None
    if predictive is None and n > 0:
        rng = np.random.default_rng(seed_sequence(seed, seeds.Stream.PREDICTIVE))
        draws = draws_of(parts).reshape(-1, len(priors))
        predictive = whole.run(draws[rng.choice(len(draws), n)])
        extra = extra.append(predictive)
    return assemble(
        parts,
        seed=seed,
        method=method.name,
        likelihood=likelihood,
        predictive=predictive,
        fit=_fit(list(stages), stage_runs.series, likelihood),
        n_extra_runs=extra.n + runs.n_slopes + sum(o.runs.n for o in earlier),
        n_extra_failed=extra.n_failed
        + runs.n_slopes_failed
        + sum(o.runs.n_failed for o in earlier),
        attrs={
            "blocks": "; ".join(
                f"{' '.join(s.streams)}: {' '.join(s.parameters)}" for s in steps
            ),
            **({"sweeps": sweeps} if sweeps > 1 else {}),
            **_treatments(likelihood),
            "caution": caveat([s.parameters for s in steps]),
            "doubts": "; ".join(doubts),
            **{f"input_{name}": digest for name, digest in runs.inputs.items()},
        },
    )


def _stage(sweep: int, block: int, n_blocks: int, sweeps: int) -> str:
    """What the scores after a block are called."""
    if (sweep, block) == (sweeps - 1, n_blocks - 1):
        return "calibrated"
    label = f"after block {block + 1}"
    return label if sweeps == 1 else f"{label} of sweep {sweep + 1}"


def _treatments(likelihood: GaussianLikelihood) -> dict[str, str]:
    """What was done to each stream that is not compared as it is."""
    return {
        f"treatment_{series.name}": f"{series.errors.treatment}: "
        f"{TREATMENTS[series.errors.treatment]}"
        for series in likelihood.observed
        if series.errors.treatment != "none"
    }


def _against_model(part: Problem, outcome: Outcome) -> list[str]:
    """Log, and return, streams that go against every run of a stage."""
    every, likelihood = outcome.runs.series, part.likelihood
    if every is None or likelihood is None:
        return []
    found: list[str] = []
    for series in likelihood.observed:
        runs = every[:, likelihood.slices[series.name]]
        found += doubts_against_model(series.name, series.value, runs)
    for doubt in found:
        logger.warning("%s", doubt)
    return found


def _check_seed(seed: Any) -> None:
    parts = [seed] if not isinstance(seed, Sequence | np.ndarray) else list(seed)
    whole = [isinstance(p, int | np.integer) and not isinstance(p, bool) for p in parts]
    if not parts or not all(whole) or min(parts) < 0:
        raise InputError(
            "seed", found=repr(seed), wanted="a whole number >= 0, or several in a list"
        )


def _check_start(
    start: Start | None, method: Method, priors: Priors, steps: Sequence[Block]
) -> None:
    if start is None:
        return
    if method.name != DEFAULT_METHOD:
        raise InputError(
            "start",
            found=f"method {method.name!r}, which makes no use of it",
            wanted=f"method {DEFAULT_METHOD!r}",
        )
    active = [name for name in priors if any(name in s.parameters for s in steps)]
    lacking = [name for name in active if name not in start.draws]
    if lacking or len({len(start.draws[name]) for name in active}) != 1:
        raise InputError(
            "start.draws",
            found=f"none of {', '.join(lacking)}" if lacking else "unequal numbers",
            wanted="as many draws of each calibrated parameter",
        )
    for name in active:
        if not np.all(np.isfinite(start.draws[name])):
            raise InputError(f"start.draws[{name!r}]", found="NaN or infinity")


def _digest_of_start(start: Start) -> str:
    draws = {name: np.asarray(one, float) for name, one in start.draws.items()}
    names = sorted(draws)
    settled = [names, list(start.whole_units), dict(start.warp)]
    return digest(*(draws[name] for name in names), settled)


def _unsaid(errors: Errors) -> list[dict[str, Any]]:
    """The errors' numbers exactly, where their name, of six digits, rounds them."""
    values = asdict(errors)
    numbers = [v for v in values.values() if isinstance(v, float)]
    return [] if all(float(f"{v:g}") == v for v in numbers) else [values]


def _fingerprint(
    priors: Priors,
    likelihood: GaussianLikelihood,
    steps: Sequence[Block],
    method: str,
    seed: Seed,
    options: Mapping[str, Any],
    n_predictive: int,
) -> dict[str, str]:
    def of_series(series: ObservedSeries) -> str:
        return digest(
            series.name,
            series.units,
            series.time,
            series.value,
            series.variance,
            str(series.windows),
            series.errors.name,
            *([] if series.scale is None else [series.scale.low, series.scale.high]),
            *([] if series.bounds is None else [series.bounds]),
            *_unsaid(series.errors),
        )

    seeds = [seed] if isinstance(seed, int | np.integer) else list(seed)
    return {
        "priors": digest(
            {name: repr(prior) for name, prior in priors.items()},
            list(priors),
            [rule.description for rule in priors.constraints],
        ),
        "observations": digest([of_series(series) for series in likelihood.observed]),
        "blocks": digest([[step.streams, step.parameters] for step in steps]),
        "method": method,
        "seed": digest([int(part) for part in seeds]),
        "options": digest(dict(options), n_predictive),
    }


def _fit(
    stages: Sequence[str], series_rows: Any, likelihood: GaussianLikelihood
) -> xr.Dataset:
    import xarray as xr

    names = [series.name for series in likelihood.observed]
    columns: dict[str, list[list[float]]] = {}
    for row in series_rows:
        made: dict[str, list[float]] = {}
        for series in likelihood.observed:
            part = row[likelihood.slices[series.name]]
            entry = scores(part, series.value)
            entry["cost"] = GaussianLikelihood((series,)).cost(part[None])[0]
            for key, value in entry.items():
                made.setdefault(key, []).append(float(value))
        for key, values in made.items():
            columns.setdefault(key, []).append(values)
    return xr.Dataset(
        {key: (("stage", "stream"), np.array(v)) for key, v in columns.items()},
        coords={"stage": list(stages), "stream": names},
    )
