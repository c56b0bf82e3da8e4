"""Derivatives of aggregated series, of a model that gives those of its own series.

A differentiable model is a model (`masm.runners.series_runner`) with two more methods.
Aggregation to windows is linear, so that its transpose carries weights back to days.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from masm.problem.samples import Samples
from masm.runners.series_runner import ModelRunner, read_series
from masm.types import Array

logger = logging.getLogger(__name__)

Pullback = Callable[[Array], Array]


@runtime_checkable
class DifferentiableModel(Protocol):
    """A model that gives exact derivatives of its series.

    ``theta`` holds one parameter set; gradients are in the order of its columns.

    Examples
    --------
    >>> import numpy as np, masm
    >>> class Line:
    ...     def __call__(self, theta):
    ...         return {"gpp": theta["a"][0] * np.arange(3.0)}
    ...     def vjp(self, theta):
    ...         slope = np.arange(3.0)
    ...         return self(theta), lambda weights: np.array([weights["gpp"] @ slope])
    ...     def jacobian(self, theta, names):
    ...         return self(theta), {"gpp": np.arange(3.0)[:, None]}
    >>> isinstance(Line(), masm.DifferentiableModel)
    True
    >>> series, pull = Line().vjp(masm.Samples([[2.0]], ["a"]))
    >>> pull({"gpp": np.ones(3)})
    array([3.])
    """

    def __call__(self, theta: Samples) -> Any:
        """Series, see `masm.calibrate`."""

    def vjp(self, theta: Samples) -> tuple[Any, Callable[[Mapping[str, Array]], Array]]:
        """Series as a call gives them, and the adjoint.

        The adjoint takes weights (time,) by stream, and returns the gradient
        (parameter,) of the weighted sum of all series.
        """

    def jacobian(
        self, theta: Samples, names: Sequence[str]
    ) -> tuple[Any, Mapping[str, Array]]:
        """Series, and their slopes (time, name) by stream in some parameters."""


def is_differentiable(model: Any) -> bool:
    """Return whether a model gives exact derivatives.

    Examples
    --------
    >>> is_differentiable(lambda theta: {"gpp": theta})
    False
    """
    return callable(getattr(model, "vjp", None)) and callable(
        getattr(model, "jacobian", None)
    )


def with_derivatives(
    called: Callable[..., Any], model: Any, count: Callable[[int], Any] | None = None
) -> Callable[..., Any]:
    """Give a function that stands for a model the model's derivatives.

    Parameters
    ----------
    called : callable
        What is called in place of the model.
    model : object
        Which may have derivatives; without them ``called`` is returned as it is.
    count : callable, optional
        Called for each run that is made for a derivative.

    Examples
    --------
    >>> import masm
    >>> def counted(theta):
    ...     return {"gpp": theta["a"]}
    >>> masm.with_derivatives(counted, model=abs) is counted
    True
    """
    if not is_differentiable(model):
        return called
    add = count or (lambda n: None)

    def vjp(theta: Samples) -> Any:
        found = model.vjp(theta)
        add(1)
        return found

    for name, value in (("vjp", vjp), ("jacobian", model.jacobian)):
        setattr(called, name, value)
    if callable(getattr(model, "collapsed", None)):
        setattr(called, "collapsed", model.collapsed)  # noqa: B010 (for the checker)
    return called


class SeriesDerivatives:
    """Aggregated series of a runner's model, with their derivatives.

    Derivatives are computed in this process, whatever map the runner has.

    Parameters
    ----------
    runner : ModelRunner
        Whose model is differentiable.
    """

    def __init__(self, runner: ModelRunner):
        self._runner = runner
        self._names = tuple(series.name for series in runner.observed)

    def vjp(self, theta: Samples) -> tuple[Array, Pullback | None]:
        """Series (n_obs,), and the adjoint from weights (n_obs,) to (parameter,).

        A run that fails gives NaN and no adjoint.
        """
        try:
            output, pull = self._runner.model.vjp(theta)  # type: ignore[attr-defined]
        except Exception as exc:  # a model may raise anything
            return self._failed(f"{type(exc).__name__}: {exc}"), None
        series, plans = self._aggregated(output)
        if not np.isfinite(series).all():
            return series, None

        def pullback(weights: Array) -> Array:
            spread, start = {}, 0
            for one in self._runner.observed:
                part = weights[start : start + one.n_obs]
                plan = plans[one.name]
                back = getattr(plan, "transposed", None)
                spread[one.name] = part if back is None else back(part)
                start += one.n_obs
            return np.asarray(pull(spread), float)

        return series, pullback

    def jacobian(self, theta: Samples, names: Sequence[str]) -> tuple[Array, Array]:
        """Series (n_obs,) and their slopes (n_obs, name); NaN where the run fails."""
        try:
            output, slopes = self._runner.model.jacobian(  # type: ignore[attr-defined]
                theta, names
            )
        except Exception as exc:  # a model may raise anything
            series = self._failed(f"{type(exc).__name__}: {exc}")
            return series, np.full((len(series), len(names)), np.nan)
        series, plans = self._aggregated(output)
        rows = [plans[one](np.asarray(slopes[one], float).T).T
                for one in self._names]  # fmt: skip
        return series, np.concatenate(rows)

    def _aggregated(self, output: Any) -> tuple[Array, dict[str, Any]]:
        raw = read_series(output, self._names, 1)
        plans = {
            series.name: self._runner.plan(
                series, raw.time[series.name], raw.values[series.name].shape[1]
            )
            for series in self._runner.observed
        }
        return self._runner.aggregate(raw)[0], plans

    def _failed(self, message: str) -> Array:
        self._runner.failures.append(message)
        n_obs = sum(series.n_obs for series in self._runner.observed)
        return np.full(n_obs, np.nan)
