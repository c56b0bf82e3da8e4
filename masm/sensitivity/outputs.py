"""Model runs of a sensitivity analysis, reduced at once to a few numbers each.

A run becomes, for each stream, its mean over all years, over each season, and its
misfit to observations where there are some. Only these are kept, so that hundreds
of runs over decades need little memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from masm.errors import InputError
from masm.likelihood.gaussian import GaussianLikelihood
from masm.observations.dataset import ErrorOptions, as_streams
from masm.observations.stream import ObservedSeries
from masm.observations.windows import is_calendar
from masm.problem.priors import Priors
from masm.problem.samples import Samples
from masm.runners.series_runner import Model, ModelRunner
from masm.runners.series_runner import _Call as Call
from masm.types import Array

if TYPE_CHECKING:
    import xarray as xr

SEASONS = ("DJF", "MAM", "JJA", "SON")
"""December to February, and so on: three months each, all years together."""

STATISTICS = ("annual", *SEASONS, "cost")
"""Numbers that a run is reduced to, for each stream; ``cost`` is -2 log likelihood."""


@dataclass
class Reducer:
    """Run a model on parameter sets and reduce each run to its statistics.

    Attributes
    ----------
    model : callable
        As for `masm.calibrate`.
    streams : tuple of str
        Outputs of the model.
    observed : mapping of str to ObservedSeries
        Streams with observations; the others have no cost.
    samples_per_call : int
        Parameter sets in one call of the model.
    failures : list of str
        The first message of each failed run.
    units : dict of str to str
        Of each stream, as the model gives them.
    """

    model: Model
    streams: tuple[str, ...]
    observed: dict[str, ObservedSeries]
    samples_per_call: int = 256
    failures: list[str] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)
    _form: str | None = field(default=None, repr=False)
    _runners: dict[str, ModelRunner] = field(default_factory=dict, repr=False)

    @property
    def statistics(self) -> tuple[str, ...]:
        """The statistics, ``cost`` only where something is observed."""
        return STATISTICS if self.observed else STATISTICS[:-1]

    def __call__(self, theta: Samples) -> Array:
        """Run and reduce, (sample, stream, statistic); NaN rows for failed runs."""
        size = self.samples_per_call
        parts = [
            self._some(theta[first : first + size])
            for first in range(0, len(theta), size)
        ]
        return np.concatenate(parts)

    def _some(self, theta: Samples) -> Array:
        answer = Call(self.model, self.streams, self._form)(theta)
        self._form = answer.form
        rows = []
        for raw, error in answer.parts:
            if raw is None:
                shape = (1, len(self.streams), len(self.statistics))
                rows.append(np.full(shape, np.nan))
                self.failures.append(error)
            else:
                rows.append(self._reduce(raw))
        return np.concatenate(rows)

    def _reduce(self, raw: Any) -> Array:
        columns = []
        for name in self.streams:
            values, time = raw.values[name], raw.time[name]
            self.units.setdefault(name, raw.units.get(name, "") or "1")
            with np.errstate(invalid="ignore"):
                means = values @ season_weights(time, values.shape[1])
            if self.observed:
                means = np.column_stack([means, self._cost(name, raw, len(values))])
            columns.append(means)
        reduced = np.stack(columns, axis=1)
        # A failed run is failed as a whole; an unobserved stream's cost is no failure.
        lost = ~np.isfinite(reduced[:, :, 0]).all(axis=1)
        reduced[lost] = np.nan
        self.failures.extend(["NaN or infinite output"] * int(lost.sum()))
        return reduced

    def _cost(self, name: str, raw: Any, n: int) -> Array:
        if name not in self.observed:
            return np.full(n, np.nan)
        if name not in self._runners:
            self._runners[name] = ModelRunner(self.model, (self.observed[name],))
        runner = self._runners[name]
        return GaussianLikelihood(runner.observed).cost(runner.aggregate(raw))


def season_weights(time: NDArray[Any] | None, n_time: int) -> Array:
    """Weights that turn a series into its means, (time, statistic).

    Columns are the mean over everything and over each season; a season without a
    day, and every season of a time axis without dates, is NaN.
    """
    weights = np.full((n_time, 1 + len(SEASONS)), np.nan)
    weights[:, 0] = 1.0 / n_time
    if time is None or not is_calendar(time):
        return weights
    month = np.asarray(time).astype("datetime64[M]").astype(int) % 12
    season = (month + 1) % 12 // 3
    for index in range(len(SEASONS)):
        inside = season == index
        if inside.any():
            weights[:, 1 + index] = inside / inside.sum()
    return weights


def make_reducer(
    model: Model,
    streams: Sequence[str] | None,
    observations: Any,
    samples_per_call: int,
    **options: Unpack[ErrorOptions],
) -> Reducer:
    """Check what was asked for and return the reducer.

    Parameters
    ----------
    model, streams, observations, samples_per_call
        As for `masm.screen`.
    **options
        ``variance``, ``windows`` and ``errors`` of `masm.calibrate`.

    Raises
    ------
    InputError
        If there is no stream, or an option is unknown.
    """
    for name in options:
        if name not in ErrorOptions.__annotations__:
            raise InputError(
                "an unknown argument of the sensitivity analysis",
                found=name,
                wanted=f"one of {', '.join(ErrorOptions.__annotations__)}",
            )
    observed = {}
    if observations is not None:
        observed = {
            name: stream.aggregate()
            for name, stream in as_streams(observations, **options).items()
        }
    wanted = tuple(observed) if streams is None else tuple(streams)
    if not wanted:
        raise InputError(
            "no stream to look at",
            wanted='streams=("lai", "gpp"), or observations',
        )
    observed = {name: series for name, series in observed.items() if name in wanted}
    return Reducer(model, wanted, observed, samples_per_call)


def independent(priors: Priors, what: str) -> None:
    """Refuse constrained priors: a split of variance needs independent parameters.

    Raises
    ------
    InputError
        Naming the constraints.
    """
    if priors.constraints:
        raise InputError(
            f"{what} of constrained parameters",
            found="; ".join(rule.description for rule in priors.constraints),
            wanted="priors without constraints",
        )


def run_design(
    reducer: Reducer,
    priors: Priors,
    u: Array,
    samples_per_call: int,
    on_runs: Callable[[int], None] | None,
) -> Array:
    """Run the points of a design, (sample, stream, statistic), telling how far it is.

    Parameters
    ----------
    reducer : Reducer
    priors : Priors
    u : (sample, parameter)
        Points of the unit cube.
    samples_per_call : int
    on_runs : callable, optional
    """
    parts = []
    for first in range(0, len(u), samples_per_call):
        theta = priors.from_unit(u[first : first + samples_per_call])
        parts.append(reducer(theta))
        if on_runs is not None:
            on_runs(len(theta))
    return np.concatenate(parts)


def dataset_of(
    found: Mapping[str, Array],
    labels: Mapping[str, str],
    names: Sequence[str],
    reducer: Reducer,
    *,
    method: str,
    title: str,
    effect: str,
    n_used: int,
    n_dropped: int,
    interval: str | None = None,
) -> xr.Dataset:
    """Return indices over (stream, statistic, parameter) as a Dataset.

    ``effect``, ``effect_conf``, ``n_used``, ``n_dropped``, ``n_failed_runs`` and the
    coordinate ``units`` are what every method of screening gives by the same names.

    Parameters
    ----------
    found, labels : mapping
        Arrays, and what they are.
    names : sequence of str
        Parameters.
    reducer : Reducer
    method, title : str
        As in ``screening.method``, and in words.
    effect : str
        Which of the arrays is the parameter's fraction of the variance.
    n_used, n_dropped : int
        Parts of the design that ran through, and that lost a run.
    interval : str, optional
        Which of the arrays is the half width of the effect's interval.
    """
    import xarray as xr

    dims = ("stream", "statistic", "parameter")
    data: dict[str, Any] = {
        name: (dims, found[name], {"units": "1", "long_name": label})
        for name, label in labels.items()
    }
    data["effect"] = data[effect]
    if interval is None:
        none = np.full_like(found[effect], np.nan)
        data["effect_conf"] = (dims, none, {"long_name": "no interval is estimated"})
    else:
        data["effect_conf"] = data[interval]
    data["n_used"] = ((), n_used, {"long_name": "parts of the design used"})
    data["n_failed_runs"] = ((), len(reducer.failures), {"long_name": "failed runs"})
    data["n_dropped"] = ((), n_dropped, {"long_name": "parts of the design dropped"})
    coords = {
        "stream": list(reducer.streams),
        "statistic": list(reducer.statistics),
        "parameter": list(names),
        "units": ("stream", [reducer.units.get(name, "1") for name in reducer.streams]),
    }
    return xr.Dataset(data, coords, {"method": method, "title": title})
