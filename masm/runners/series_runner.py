"""Run any callable as a model: in batches or one at a time, surviving failures.

A model takes `Samples` and returns series over time. It may take many parameter
sets at once and return (sample, time), or know only one set and return (time);
which one is found out by trying, once. A run that raises, or returns NaN, infinity
or absurd values where there are observations, or whose process was ended
(`masm.runners.process_map`), is a failed run: NaN for that sample, counted in
`ModelRunner.failures`, and the rest go on. Where a call of several sets failed as a
whole they are run again one by one, so that it costs only those that fail.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masm.errors import InputError
from masm.observations.plan import plan_stream
from masm.observations.stream import ObservedSeries
from masm.observations.units import require_same_units
from masm.problem.samples import Samples
from masm.runners.process_map import RunLost
from masm.types import Array

Model = Callable[[Samples], Any]
Map = Callable[..., Iterable[Any]]

logger = logging.getLogger(__name__)

# A run this many times larger than the largest observation has blown up.
ABSURD = 1e6


@dataclass(frozen=True)
class _Raw:
    """Model output of some samples: streams (sample, time), their time and units."""

    values: dict[str, Array]
    time: dict[str, NDArray[Any] | None]
    units: dict[str, str]


@dataclass(frozen=True)
class _Call:
    """Call a model on a few samples. Picklable when the model is.

    ``form`` is how the model likes its parameters, once that is known: "batch"
    (sample, parameter), "rows" (1, parameter) or "row" (parameter,).
    """

    model: Model
    streams: tuple[str, ...]
    form: str | None

    def __call__(self, theta: Samples) -> _Answer:
        n = len(theta)
        if n > 1 and self.form in (None, "batch"):
            try:
                whole = read_series(self.model(theta), self.streams, n)
                return _Answer([(whole, "")], "batch")
            except InputError:
                raise
            except Exception as exc:  # a model may raise anything
                logger.debug("a batch of %d runs failed: %r", n, exc)
        forms = {None: ("rows", "row"), "batch": ("rows",)}.get(
            self.form, (str(self.form),)
        )
        parts: list[tuple[_Raw | None, str]] = []
        found = set()
        for i in range(n):
            raw, error, form = self._one(theta, i, forms)
            parts.append((raw, error))
            found.add(form)
        # One bad set can spoil a batch: only a model whose every set runs alone,
        # and all in the same form, is taken to know single sets only.
        alike = found.pop() if len(found) == 1 else None
        learned = alike if n > 1 or alike == "row" else None
        return _Answer(parts, self.form or learned)

    def _one(
        self, theta: Samples, i: int, forms: Sequence[str]
    ) -> tuple[_Raw | None, str, str | None]:
        error = ""
        for form in forms:
            one = theta[i] if form == "row" else theta[i : i + 1]
            try:
                return read_series(self.model(one), self.streams, 1), "", form
            except InputError:
                raise
            except Exception as exc:
                error = error or f"{type(exc).__name__}: {exc}"
        return None, error, None


@dataclass(frozen=True)
class _Answer:
    """Output, or None and the reason, for the parts of a call; and its form."""

    parts: list[tuple[_Raw | None, str]]
    form: str | None
    lost: bool = False


def _found(answer: _Answer | RunLost) -> _Answer:
    if isinstance(answer, RunLost):
        return _Answer([(None, answer.reason)], None, lost=True)
    return answer


class _NotABatchError(Exception):
    """Output that has no row for each sample."""


def read_series(output: Any, streams: Sequence[str], n: int) -> _Raw:
    """Pick the streams out of whatever a model returned for ``n`` samples."""
    if not isinstance(output, Mapping) and not hasattr(output, "data_vars"):
        raise InputError(
            "the model's output is of a kind that is not known",
            found=type(output).__name__,
            wanted="an xarray Dataset over (sample, time), or a mapping of arrays",
        )
    values, time, units = {}, {}, {}
    for name in streams:
        if name not in output:
            known = getattr(output, "data_vars", output)
            raise InputError(
                f"unknown stream {name!r}: the model does not return it",
                found=f"output {', '.join(map(str, known))}",
                wanted=name,
                hint="Rename the observation or the model output.",
            )
        entry = output[name]
        axis = None
        if hasattr(entry, "dims"):
            units[name] = str(entry.attrs.get("units", ""))
            if "time" in entry.coords:
                axis = entry["time"].to_numpy()
            if "sample" in entry.dims:
                entry = entry.transpose("sample", ...)
            elif n > 1:
                raise _NotABatchError(f"{name} has no sample dimension")
            entry = entry.to_numpy()
        array = np.asarray(entry, float)
        if array.ndim == 1 and n == 1:
            array = array[None, :]
        if array.ndim != 2 or array.shape[0] != n:
            raise _NotABatchError(f"{name} has shape {array.shape} for {n} samples")
        values[name], time[name] = array, axis
    return _Raw(values, time, units)


@dataclass
class ModelRunner:
    """Run a model on parameter sets and aggregate it to the observed windows.

    Attributes
    ----------
    model : callable
        ``model(theta)``, see the module's text.
    observed : tuple of ObservedSeries
        What its output is compared with.
    map : callable, optional
        Like the built-in ``map``: ``map(function, items)`` gives results in order.
        ``executor.map`` of a process pool makes model runs parallel (the model must
        then be picklable). None calls the model in this process.
    samples_per_call : int, optional
        Parameter sets in one call of the model. By default all of a batch without
        ``map``, and one with it.
    observed_time : mapping of str to ndarray, optional
        Time axis to assume for output that states none, for each stream.

    Notes
    -----
    ``failures`` holds the first message of each failed run, in order.
    """

    model: Model
    observed: tuple[ObservedSeries, ...]
    map: Map | None = None
    samples_per_call: int | None = None
    observed_time: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    _plans: dict[tuple[str, int], Any] = field(default_factory=dict, repr=False)
    _form: str | None = field(default=None, repr=False)

    def __call__(self, theta: Samples) -> Array:
        """Aggregated series, (sample, n_obs); NaN rows for failed runs."""
        size = self.samples_per_call or (1 if self.map is not None else len(theta))
        chunks = [theta[i : i + size] for i in range(0, len(theta), size)]
        names = tuple(series.name for series in self.observed)
        call = _Call(self.model, names, self._form)
        answers = self._answers(call, chunks)
        forms = {answer.form for answer in answers if answer.form or not answer.lost}
        if len(forms) == 1:
            self._form = forms.pop()
        parts = [part for answer in answers for part in answer.parts]
        rows: list[Array] = []
        n_obs = sum(series.n_obs for series in self.observed)
        for raw, error in parts:
            if raw is None:
                rows.append(np.full((1, n_obs), np.nan))
                self.failures.append(error)
            else:
                rows.append(self.aggregate(raw))
        return np.concatenate(rows)

    def _answers(self, call: _Call, chunks: list[Samples]) -> list[_Answer]:
        """Answers of all calls; sets of a call that was lost are called one by one."""
        if self.map is None:
            return [call(chunk) for chunk in chunks]
        whole = list(self.map(call, chunks))
        again = [
            chunk[i : i + 1]
            for chunk, answer in zip(chunks, whole, strict=True)
            if isinstance(answer, RunLost) and len(chunk) > 1
            for i in range(len(chunk))
        ]
        single = iter(list(self.map(call, again)) if again else [])
        answers: list[_Answer] = []
        for chunk, answer in zip(chunks, whole, strict=True):
            if isinstance(answer, RunLost) and len(chunk) > 1:
                answers.extend(_found(next(single)) for _ in range(len(chunk)))
            else:
                answers.append(_found(answer))
        return answers

    def aggregate(self, raw: _Raw) -> Array:
        """Aggregated series of one answer of the model, (sample, n_obs)."""
        columns = []
        for series in self.observed:
            values = raw.values[series.name]
            require_same_units(series, raw.units.get(series.name, ""))
            plan = self.plan(series, raw.time[series.name], values.shape[1])
            part = plan(values)
            columns.append(part)
        result = np.concatenate(columns, axis=1)
        scale = np.concatenate(
            [
                np.full(s.n_obs, np.abs(s.value).max() + np.sqrt(s.variance.max()))
                for s in self.observed
            ]
        )
        with np.errstate(invalid="ignore"):
            bad = ~np.all(np.abs(result) <= ABSURD * scale, axis=1)
        if bad.any():
            message = "NaN, infinite or absurdly large output"
            self.failures.extend([message] * int(bad.sum()))
            result[bad] = np.nan
        return result

    def plan(
        self, series: ObservedSeries, time: NDArray[Any] | None, n_time: int
    ) -> Any:
        """Return how a stream's series of so many times is aggregated."""
        key = (series.name, n_time)
        if key not in self._plans:
            self._plans[key] = plan_stream(
                series, time, n_time, self.observed_time.get(series.name)
            )
        return self._plans[key]
