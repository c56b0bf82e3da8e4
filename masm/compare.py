"""Compare calibration methods on one problem: same model, likelihood, priors, seeds.

Parameter estimation in land-surface models lacks such comparisons, because each method
lives in another code with other likelihoods, priors and budgets (Raoult et al. 2025).
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from masm.calibrate import N_SCORED, calibrate
from masm.errors import CalibrationFailed, InputError
from masm.likelihood.gaussian import GaussianLikelihood
from masm.methods.method import Method
from masm.methods.options import MethodOptions, merged, named_method
from masm.methods.registry import method_of
from masm.observations.dataset import as_streams
from masm.observations.stream import ObservedSeries, Stream
from masm.problem import seeds as random_streams
from masm.problem.priors import Priors, as_priors
from masm.problem.problem import Outcome, Problem
from masm.problem.seeds import Seed, seed_sequence
from masm.results.comparison import COLUMNS, Comparison
from masm.results.result import Result
from masm.runners.series_runner import Map, Model, ModelRunner
from masm.types import Array

if TYPE_CHECKING:
    import xarray as xr

logger = logging.getLogger(__name__)

_REFERENCE_METHOD = "demc"
_FEWEST_DRAWS = 100  # of a reference
_INTERVAL = (0.05, 0.95)
_TRIES = 50  # for a truth of a twin at which the model runs
_QUANTILES = (np.arange(2048) + 0.5) / 2048  # for a prior's standard deviation


def compare(
    model: Model,
    observations: Any,
    priors: Any,
    *,
    methods: Sequence[str | Method | MethodOptions]
    | Mapping[str, Mapping[str, Any] | MethodOptions],
    budgets: Sequence[int],
    seeds: int | Sequence[Seed] = 3,
    reference: int | Result | xr.Dataset | Mapping[str, Any] | None = None,
    n_twins: int = 0,
    variance: Any = None,
    windows: Any = "auto",
    errors: Any = None,
    map: Map | None = None,
    samples_per_call: int | None = None,
    on_row: Callable[[Mapping[str, Any]], None] | None = None,
) -> Comparison:
    """Calibrate with several methods, and say which one to use.

    Every method has the same model, observations, priors, budgets and seeds. One that
    refuses a budget, or fails, is a row with its reason.

    Parameters
    ----------
    model, observations, priors
        As in `masm.calibrate`.
    methods : sequence of str, Method or MethodOptions, or mapping of str to options
        Names of `masm.METHODS`, or options of a method other than the budget's, such
        as ``["emulator", masm.options.DemcOptions(n_chains=8)]``. A mapping gives the
        same by name: ``{"emulator": {}, "demc": {"n_chains": 8}}``.
    budgets : sequence of int
        Most model runs of a calibration, its three runs that score the fit included.
    seeds : int or sequence of seeds
        How many (1, 2, ...), or which.
    reference : int, Result, Dataset or mapping, optional
        What marginals are compared with. By default the longest trusted chain: of the
        results of Markov chains on the model itself that are done, the one of the most
        runs. A whole number makes a DE-MC(Z) chain of so many further runs. Or a
        `masm.Result` that is done, or draws by parameter: arrays or variables, (draw,)
        or (chain, draw), in the priors' units.
    n_twins : int
        Synthetic twins for the coverage of 90 % intervals: truth drawn from the prior,
        observations made with the model and errors of the likelihood. Each costs every
        method and budget one more calibration.
    variance, windows, errors, map, samples_per_call
        As in `masm.calibrate`.
    on_row : callable, optional
        Called with each row as it is made, without its distance.

    Returns
    -------
    Comparison
        ``table``, ``summary``, ``recommendation``, ``to_csv``.

    Raises
    ------
    InputError
        Something given cannot be used. Before any method starts the model is run once,
        at the middle of the priors, so that its output is checked too.

    References
    ----------
    Raoult, N. et al. (2025). Parameter estimation in land surface models: challenges
    and opportunities with data assimilation and machine learning. Journal of Advances
    in Modeling Earth Systems 17.

    Examples
    --------
    >>> import numpy as np, masm
    >>> day = np.arange(40.0)
    >>> def line(theta):
    ...     return {"gpp": theta["a"][:, None] + theta["b"][:, None] * day / 40.0}
    >>> truth = line(masm.Samples(np.array([[2.0, 1.0]]), ("a", "b")))["gpp"][0]
    >>> rule = masm.GivenVariance(0.04)
    >>> seen = masm.Stream("gpp", day, truth, variance=rule, windows=None)
    >>> found = masm.compare(
    ...     line, {"gpp": seen}, {"a": (0, 5), "b": (-3, 3)},
    ...     methods=["4dvar", "nelder_mead"], budgets=[120], seeds=1,
    ... )
    >>> found.table["verdict"].tolist()
    ['done', 'suspect']
    >>> found.recommendation.startswith("Use 4dvar with a budget of 120 runs")
    True
    """
    chosen = _checked_methods(methods)
    budgets, which = _checked_budgets(budgets), _checked_seeds(seeds)
    _require_count("n_twins", n_twins, 0)
    priors = as_priors(priors)
    streams = as_streams(
        observations, variance=variance, windows=windows, errors=errors
    )
    base = _Base(model, priors, streams, map, samples_per_call)
    known = _given_reference(reference, priors)
    base.problem().run(np.full((1, len(priors)), 0.5))  # refuses a wrong output
    if isinstance(reference, int | np.integer):
        known = _made_reference(base, int(reference), which[0])
    rows, chains = [], []
    for method, options in chosen:
        for budget in budgets:
            coverage = _coverage(base, method, options, budget, n_twins, which[0])
            for seed in which:
                row, result = _row(base, method, options, budget, seed)
                rows.append({**row, **coverage})
                chains.append(result)
                if on_row is not None:
                    on_row(rows[-1])
    if reference is None:
        known = _longest_chain(chosen, rows, chains)
    for row, result in zip(rows, chains, strict=True):
        row.update(_distances(result, row, known, priors))
    return _assembled(rows, known, priors)


def _assembled(
    rows: Sequence[Mapping[str, Any]], known: _Reference | None, priors: Priors
) -> Comparison:
    import pandas as pd

    floor = math.nan if known is None else known.floor(priors)
    table = pd.DataFrame([{**row, "floor": floor} for row in rows])
    return Comparison(table[list(COLUMNS)], "" if known is None else known.label, floor)


# -- one calibration -----------------------------------------------------------


@dataclass(frozen=True)
class _Base:
    """The problem that all methods share."""

    model: Model
    priors: Priors
    streams: Mapping[str, Stream]
    map: Map | None
    samples_per_call: int | None
    observed: tuple[ObservedSeries, ...] = field(init=False)

    def __post_init__(self) -> None:
        made = tuple(stream.aggregate() for stream in self.streams.values())
        object.__setattr__(self, "observed", made)

    def problem(self, value: Array | None = None) -> Problem:
        """The problem as methods see it, with other observed values (n_obs,).

        The runner has the values that were given: made-up ones, of any parameters of
        the prior, may be beyond what the quantity can have, and are judged by nobody.
        """
        observed = self.observed
        if value is not None:
            at = GaussianLikelihood(observed).slices
            observed = tuple(replace(s, value=value[at[s.name]]) for s in observed)
        return Problem(
            priors=self.priors,
            active=self.priors.names,
            runner=ModelRunner(
                self.model,
                self.observed,
                map=self.map,
                samples_per_call=self.samples_per_call,
                observed_time={n: s.time for n, s in self.streams.items()},
            ),
            likelihood=GaussianLikelihood(observed),
        )


class _Clock:
    """Seconds spent in the model, on the wall and of this process's CPU."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Count what is done within."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall += time.perf_counter() - wall
            self.cpu += time.process_time() - cpu

    def of_model(self, model: Model) -> Model:
        """Return the model, counted."""

        def counted(theta: Any) -> Any:
            with self.running():
                return model(theta)

        return counted

    def of_map(self, map: Map) -> Map:
        """Return a map whose results are waited for, counted."""

        def counted(function: Any, items: Any) -> list[Any]:
            with self.running():
                return list(map(function, items))

        return counted


def _options(
    method: Method, options: Mapping[str, Any], budget: int, n_parameters: int
) -> dict[str, Any]:
    """Options with which a method makes at most so many runs."""
    of_budget = method.with_budget(budget, n_parameters)
    # Beside a most number of runs others, such as that of chains, are free.
    fixed = {"max_runs"} & of_budget.keys() or of_budget.keys()
    for name in options:
        if name in fixed:
            raise InputError(
                f"option {name!r} of method {method.name!r} follows from the budget",
                found=f"{name}={options[name]!r}",
                wanted="budgets, and options of another kind",
            )
    return {**of_budget, **options}


def _row(
    base: _Base, method: Method, options: Mapping[str, Any], budget: int, seed: Seed
) -> tuple[dict[str, Any], Result | None]:
    """One calibration as a row, and its result, if there is one."""
    used = _options(method, options, budget - N_SCORED, len(base.priors))
    if "max_runs" in used:
        used["max_runs"] += N_SCORED  # masm.calibrate takes them off itself
    clock = _Clock()
    model, map = base.model, base.map
    if map is None:
        model = clock.of_model(model)
    else:
        map = clock.of_map(map)
    row: dict[str, Any] = {
        "method": method.name, "budget": budget, "seed": _label(seed),
        "gives": method.gives, "runs": math.nan, "failed_runs": math.nan,
        "best_cost": math.nan,
        "is_reference": False,
    }  # fmt: skip
    started, result = time.process_time(), None
    try:
        result = calibrate(
            model, base.streams, base.priors, seed=seed, method=method, map=map,
            samples_per_call=base.samples_per_call, n_predictive=0, **used,
        )  # fmt: skip
    except (MemoryError, OSError):
        raise  # the method is not to blame
    except Exception as exc:
        row["verdict"], row["reason"] = _blame(exc)
        if row["verdict"] == "refused":
            given = ", ".join(f"{name}={value}" for name, value in used.items())
            row["reason"] += (
                f" (the budget of {budget} gives {given}; a larger one may do)"
            )
        logger.info("%s, %d runs: %s", method.name, budget, row["reason"])
        if row["verdict"] == "failed" and not isinstance(exc, CalibrationFailed):
            logger.exception("%s failed", method.name)
    else:
        cost = result.groups["runs"]["cost"].to_numpy()
        row["verdict"], row["reason"] = result.status, result.reason
        row["runs"], row["failed_runs"] = result.n_model_runs, result.n_failed_runs
        row["best_cost"] = float(np.nanmin(cost))
    row["model_seconds"] = clock.wall
    row["own_seconds"] = max(0.0, time.process_time() - started - clock.cpu)
    return row, result


def _blame(exc: Exception) -> tuple[str, str]:
    """Verdict and reason of a calibration that gave no result, on one line."""
    text = " ".join(str(exc).split()) or type(exc).__name__
    if isinstance(exc, InputError):
        return "refused", text
    if isinstance(exc, CalibrationFailed):
        return "failed", f"{exc.reason}: {text}"
    return "failed", f"{type(exc).__name__}: {text}"


def _label(seed: Seed) -> int | str:
    if isinstance(seed, int | np.integer):
        return int(seed)
    return " ".join(str(part) for part in seed)


# -- the reference -------------------------------------------------------------


@dataclass(frozen=True)
class _Reference:
    """Draws that marginals are compared with.

    Attributes
    ----------
    label : str
    draws : mapping of str to ndarray, (chain, draw)
    result : Result or None
        Where they are from, if it is one of the compared.
    """

    label: str
    draws: Mapping[str, Array]
    result: Result | None = None

    def floor(self, priors: Priors) -> float:
        """Distance between its two halves: of the chains, or of a single one."""
        first, second = {}, {}
        for name, values in self.draws.items():
            rows = values if len(values) > 1 else values.reshape(-1)
            middle = len(rows) // 2
            first[name], second[name] = rows[:middle].ravel(), rows[middle:].ravel()
        return _distance(first, second, priors)["distance"]


def _distance(
    draws: Mapping[str, Array], others: Mapping[str, Array], priors: Priors
) -> dict[str, Any]:
    """Wasserstein-1 distance of marginals in prior sd: mean, largest, whose."""
    from scipy.stats import wasserstein_distance

    found = {
        name: wasserstein_distance(draws[name].ravel(), others[name].ravel())
        / float(np.std(prior.quantile(_QUANTILES)))
        for name, prior in priors.items()
    }
    worst = max(found, key=lambda name: found[name])
    return {
        "distance": float(np.mean(list(found.values()))),
        "worst_distance": float(found[worst]),
        "worst_parameter": worst,
    }


def _distances(
    result: Result | None,
    row: Mapping[str, Any],
    known: _Reference | None,
    priors: Priors,
) -> dict[str, Any]:
    none = {
        "distance": math.nan, "worst_distance": math.nan, "worst_parameter": "",
        "interval_mass": math.nan,
    }  # fmt: skip
    if result is None or known is None or row["gives"] != "posterior":
        return none
    if result is known.result:
        return {**none, "is_reference": True}  # it says nothing of itself
    draws = {name: result.posterior[name].to_numpy() for name in priors}
    mass = _interval_mass(draws, known.draws)
    return {**_distance(draws, known.draws, priors), "interval_mass": mass}


def _interval_mass(draws: Mapping[str, Array], others: Mapping[str, Array]) -> float:
    """Fraction of other draws in the 90 % intervals of these, mean of parameters."""
    inside = []
    for name, values in draws.items():
        low, high = np.quantile(values, _INTERVAL)
        inside.append(np.mean((others[name] >= low) & (others[name] <= high)))
    return float(np.mean(inside))


def _given_reference(reference: Any, priors: Priors) -> _Reference | None:
    """Check draws that the caller gave; None where there are none yet."""
    if reference is None:
        return None
    if isinstance(reference, int | np.integer):
        _require_count("reference", reference, 1)
        return None
    label = "the draws given"
    if isinstance(reference, Result):
        if reference.status != "done" or not reference.has_spread:
            raise InputError(
                "reference: a result that cannot be trusted",
                found=f"status {reference.status} {reference.reason}".rstrip(),
                wanted="a result that is done",
                hint="Give its .posterior if you trust it all the same.",
            )
        label, reference = (
            f"the result given ({reference.attrs['method']})",
            (reference.posterior),
        )
    if not isinstance(reference, Mapping) and not hasattr(reference, "data_vars"):
        raise InputError(
            "reference",
            found=type(reference).__name__,
            wanted="a number of runs, a masm.Result, or draws by parameter",
        )
    return _Reference(
        label, {name: _checked_draws(name, reference, priors) for name in priors}
    )


def _checked_draws(name: str, reference: Any, priors: Priors) -> Array:
    if name not in reference:
        raise InputError(
            f"reference: no draws of parameter {name!r}",
            found=", ".join(str(key) for key in reference) or "none",
            wanted=", ".join(priors),
        )
    draws = np.atleast_2d(np.asarray(reference[name], float))
    if draws.ndim != 2 or draws.size < _FEWEST_DRAWS or not np.isfinite(draws).all():
        raise InputError(
            f"reference: draws of {name!r} cannot be used",
            found=f"shape {draws.shape}, {int(np.sum(~np.isfinite(draws)))} not finite",
            wanted=f"at least {_FEWEST_DRAWS} finite numbers, (draw,) or (chain, draw)",
        )
    prior = priors[name]
    slack = 1e-6 * (prior.high - prior.low)
    if draws.min() < prior.low - slack or draws.max() > prior.high + slack:
        raise InputError(
            f"reference: draws of {name!r} lie outside the prior",
            found=f"{draws.min():g} to {draws.max():g}",
            wanted=f"{prior.low:g} to {prior.high:g}",
            hint="The draws must be in the prior's units.",
        )
    return draws


def _made_reference(base: _Base, n_runs: int, seed: Seed) -> _Reference | None:
    """Run the reference chain; None, and a warning, if it did not converge."""
    method = method_of(_REFERENCE_METHOD)
    problem = base.problem()
    options = method.with_budget(n_runs, problem.n_parameters)
    key = random_streams.Stream.COMPARISON_REFERENCE
    outcome = method.sample(problem, seed_sequence(seed, key), **options)
    if outcome.status != "done":
        logger.warning(
            "the reference chain of %d runs is %s (%s): there is no reference; give it "
            "more runs",
            n_runs,
            outcome.status,
            outcome.reason,
        )
        return None
    draws = _draws(problem, outcome)
    return _Reference(f"{method.name}, {outcome.runs.n} runs", draws)


def _draws(problem: Problem, outcome: Outcome) -> dict[str, Array]:
    """Draws of each parameter, (chain, draw)."""
    theta = problem.theta(outcome.u.reshape(-1, problem.n_parameters))
    values = np.asarray(theta)
    shape = outcome.u.shape[:2]
    return {n: values[:, j].reshape(shape) for j, n in enumerate(problem.active)}


def _longest_chain(
    chosen: Sequence[tuple[Method, Any]],
    rows: Sequence[Mapping[str, Any]],
    results: Sequence[Result | None],
) -> _Reference | None:
    """The longest of the chains on the model itself that are done."""
    chains = {method.name for method, _ in chosen if method.chains}
    best: tuple[int, Mapping[str, Any], Result] | None = None
    for row, result in zip(rows, results, strict=True):
        if result is None or row["method"] not in chains or row["verdict"] != "done":
            continue
        if best is None or row["runs"] > best[0]:
            best = row["runs"], row, result
    if best is None:
        return None
    n_runs, row, result = best
    label = f"{row['method']}, {n_runs} runs, seed {row['seed']}"
    draws = {str(n): v.to_numpy() for n, v in result.posterior.data_vars.items()}
    return _Reference(label, draws, result)


# -- twins ---------------------------------------------------------------------


def _coverage(
    base: _Base,
    method: Method,
    options: Mapping[str, Any],
    budget: int,
    n_twins: int,
    seed: Seed,
) -> dict[str, Any]:
    """Share of true parameters in 90 % intervals, and of how many twins."""
    held: list[Array] = []
    if method.gives == "posterior":
        used = _options(method, options, budget, len(base.priors))
        for twin in range(n_twins):
            key = random_streams.Stream.COMPARISON_TWIN
            sequence = seed_sequence(seed, key, twin)
            try:
                held.append(_twin(base, method, used, sequence))
            except (MemoryError, OSError):
                raise
            except Exception as exc:
                logger.info("twin %d of %s: %s", twin, method.name, _blame(exc)[1])
    fraction = float(np.mean(held)) if held else math.nan
    return {"coverage": fraction, "twins": len(held)}


def _twin(
    base: _Base,
    method: Method,
    options: Mapping[str, Any],
    sequence: np.random.SeedSequence,
) -> Array:
    """Which true parameters of a twin lie in their interval, (n_parameters,)."""
    # The same twin for every method: its truth and errors have a stream of their own.
    rng = np.random.default_rng(seed_sequence(sequence, 0))
    problem = base.problem()
    u, clean = _truth(problem, rng)
    assert problem.likelihood is not None  # noqa: S101 - a problem of series
    twin = base.problem(problem.likelihood.replicate(clean, rng))
    outcome = method.sample(twin, seed_sequence(sequence, 1), **options)
    low, high = np.quantile(outcome.u.reshape(-1, len(u)), _INTERVAL, axis=0)
    return np.asarray((u >= low) & (u <= high))


def _truth(problem: Problem, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw from the prior where the model runs: the point, and its series (n_obs,)."""
    for _ in range(_TRIES):
        u = rng.random((1, problem.n_parameters))
        if not problem.allowed(u)[0]:
            continue
        runs = problem.run(u)
        if runs.ok[0] and runs.series is not None:
            return u[0], runs.series[0]
    raise CalibrationFailed(
        f"no run for the truth of a twin among {_TRIES} draws of the prior",
        reason="model_nan",
    )


# -- what the caller gave ------------------------------------------------------


def _checked_methods(methods: Any) -> list[tuple[Method, Mapping[str, Any]]]:
    if isinstance(methods, str | Method | MethodOptions):
        methods = [methods]
    given = methods if isinstance(methods, Mapping) else dict.fromkeys(methods, None)
    if not given:
        raise InputError("methods: there are none", wanted="at least one method")
    chosen: list[tuple[Method, Mapping[str, Any]]] = []
    for name, options in given.items():
        if isinstance(name, MethodOptions):
            name, options = name.method, name
        method = method_of(named_method(options, name, name))
        every = {**dict(method.given), **merged(options, {})}
        method.check_options(every)
        _options(method, every, 1000, 2)  # refuses those of the budget
        chosen.append((method, every))
    return chosen


def _checked_budgets(budgets: Any) -> list[int]:
    given = [budgets] if isinstance(budgets, int | np.integer) else list(budgets)
    if not given:
        raise InputError("budgets: there are none", wanted="numbers of model runs")
    for budget in given:
        _require_count("budgets", budget, N_SCORED + 1)
    return list(dict.fromkeys(int(budget) for budget in given))


def _checked_seeds(seeds: Any) -> list[Seed]:
    if isinstance(seeds, int | np.integer):
        _require_count("seeds", seeds, 1)
        return list(range(1, int(seeds) + 1))
    given = list(seeds)
    if not given:
        raise InputError("seeds: there are none", wanted="how many, or a list")
    for seed in given:
        for part in [seed] if isinstance(seed, int | np.integer) else seed:
            _require_count("seeds", part, 0)
    return given


def _require_count(name: str, value: Any, least: int) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:
        raise InputError(name, found=repr(value), wanted=f"a whole number >= {least}")
