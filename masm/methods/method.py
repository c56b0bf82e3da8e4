"""A calibration method as a value: what it is, takes, needs, gives and costs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from masm.methods.limits import Limit, check_limits
from masm.methods.options import MethodOptions, check_names, merged, named_method
from masm.problem.problem import Outcome

Gives = Literal["posterior", "point", "region"]
Need = Literal["series", "state", "gradient"]

# Options that have an argument of their own, or are for studies in Python.
_ELSEWHERE = ("proposals", "settings")


def max_runs_of(n_parameters: int, options: Mapping[str, Any]) -> int:
    """Return the option ``max_runs``: the cost of a method that uses all of it."""
    return int(options["max_runs"])


def one_run(n_parameters: int) -> int:
    """Return 1: the fewest runs of a method that states no number."""
    return 1


def max_runs_for(n_runs: int, n_parameters: int) -> dict[str, Any]:
    """Return a budget as the option ``max_runs``."""
    return {"max_runs": n_runs}


def max_runs_with(
    option: str, default: int, runs_each: int
) -> Callable[[int, int], dict[str, Any]]:
    """Return a ``with_budget`` that takes fewer chains, or the like, for few runs.

    Parameters
    ----------
    option : str
        Which holds their number.
    default : int
        Their number where there are runs enough.
    runs_each : int
        Model runs that each needs at least.
    """

    def with_budget(n_runs: int, n_parameters: int) -> dict[str, Any]:
        return {"max_runs": n_runs, option: min(default, n_runs // runs_each)}

    return with_budget


@dataclass(frozen=True)
class Method:
    """One calibration method.

    Attributes
    ----------
    name : str
        As in ``masm.calibrate(method=...)`` and ``calibration.method`` of a run.
    summary : str
        One sentence for tables.
    sample : callable
        ``sample(problem, seed, **options) -> Outcome``.
    gives : {"posterior", "point", "region"}
        Posterior draws, one best point, or the region that is not ruled out.
    needs : frozenset of {"series", "state", "gradient"}
        What the model must offer beyond its cost.
    predictive : bool
        Whether its runs give the posterior predictive. Without it, `masm.calibrate`
        makes runs of its own for that.
    takes_proposals : bool
        Whether chains can move the parameters of one block at a time.
    expected_runs : callable
        ``expected_runs(n_parameters, options)``: model runs, all options given.
    least_runs : callable
        ``least_runs(n_parameters)``: model runs on series below which ``sample``
        refuses to begin; 1 if no number is stated.
    with_budget : callable
        ``with_budget(n_runs, n_parameters) -> options``: the options with which the
        method makes at most so many model runs. Where there are too few for it, the
        options are such that ``sample`` refuses them.
    chains : bool
        Whether it runs Markov chains on the model itself and tests their convergence:
        what is done may serve as a reference for other methods.
    limits : tuple of Limit
        Numbers that options may be; others are refused before any run.
    source : str
        Where the method is from.
    given : tuple of (str, value)
        Options set by `with_options`.

    Examples
    --------
    >>> import masm
    >>> short = masm.method_of("emulator").with_options(max_runs=180)
    >>> short.options["max_runs"]
    180

    ``masm.calibrate(model, observations, priors, method=short, seed=1)`` takes it.
    """

    name: str
    summary: str
    sample: Callable[..., Outcome]
    gives: Gives
    needs: frozenset[Need] = frozenset()
    predictive: bool = True
    takes_proposals: bool = False
    expected_runs: Callable[[int, Mapping[str, Any]], int] = max_runs_of
    least_runs: Callable[[int], int] = one_run
    with_budget: Callable[[int, int], dict[str, Any]] = max_runs_for
    chains: bool = False
    limits: tuple[Limit, ...] = ()
    source: str = ""
    given: tuple[tuple[str, Any], ...] = ()

    @property
    def options(self) -> dict[str, Any]:
        """Each option with its value: what was given, else its default."""
        parameters = list(inspect.signature(self.sample).parameters.values())[2:]
        defaults = {p.name: p.default for p in parameters if p.name not in _ELSEWHERE}
        return {**defaults, **dict(self.given)}

    def with_options(
        self, options: MethodOptions | Mapping[str, Any] | None = None, **keywords: Any
    ) -> Method:
        """Return the method with options set, to be passed as ``method=``.

        Parameters
        ----------
        options : MethodOptions or mapping, optional
            Such as ``masm.options.EmulatorOptions(max_runs=180)``.
        **keywords
            Single options instead.

        Raises
        ------
        InputError
            Naming the first option that the method does not have, or whose value is
            beyond its limits.
        """
        named_method(options, self, self)
        given = merged(options, keywords)
        self.check_options(given)
        return replace(self, given=tuple({**dict(self.given), **given}.items()))

    def check_options(
        self, options: Mapping[str, Any], arguments: Mapping[str, Any] | None = None
    ) -> None:
        """Refuse an option that the method does not have, or a value beyond its limits.

        Parameters
        ----------
        options : mapping
            By name.
        arguments : mapping, optional
            Whose keys may have been meant: the arguments of the function called.

        Raises
        ------
        InputError
            Naming the first of them, and the nearest name or the limits.
        """
        known = dict(list(inspect.signature(self.sample).parameters.items())[2:])
        check_names(options, known, self.name, arguments)
        check_limits(self.limits, options)
