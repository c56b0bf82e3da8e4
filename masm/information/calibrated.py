"""What the observations of a calibration say, at one point of it.

The model is linearised once, observations and targets together; each stream is then
left out in turn, so that only the information changes. Derivatives are the model's
own, or finite differences of its runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from masm.errors import CalibrationFailed
from masm.information.content import InformationContent, information_content
from masm.likelihood.gaussian import GaussianLikelihood
from masm.methods.differentiable import DifferentiableProblem
from masm.methods.normal_space import to_normal
from masm.observations.dataset import as_streams
from masm.observations.stream import ObservedSeries
from masm.problem.priors import as_priors
from masm.problem.problem import Problem
from masm.problem.samples import Samples
from masm.runners.derivatives import is_differentiable
from masm.runners.series_runner import Map, Model, ModelRunner
from masm.types import Array

_DAYS_OF_A_YEAR = 365.25
_FREE = 1e30  # variance of what is no observation


@dataclass(frozen=True)
class Target:
    """A number that is wanted of the model, linear in one of its daily series.

    Attributes
    ----------
    name : str
    stream : str
        Output of the model.
    kind : {"annual", "final"}
        The mean annual sum of a daily flux, or the last value of a stock.
    units : str
        Of the target.
    sign : float
        -1.0 for the opposite of the series, such as NEP of NEE.

    Examples
    --------
    >>> import numpy as np, masm
    >>> target = masm.Target("NEP", "nee", "annual", "g m-2 yr-1", sign=-1.0)
    >>> float(target.of(np.array([-1.0, -3.0])))
    730.5
    """

    name: str
    stream: str
    kind: Literal["annual", "final"]
    units: str
    sign: float = 1.0

    def of(self, series: Array) -> Array:
        """Value of series (..., time), and also its derivative.

        Examples
        --------
        >>> target = Target("gpp", "gpp", "annual", "g m-2 yr-1")
        >>> float(target.of(np.array([1.0, 3.0])))
        730.5
        """
        if self.kind == "annual":
            return self.sign * _DAYS_OF_A_YEAR * np.mean(series, axis=-1)
        return np.asarray(self.sign * np.asarray(series)[..., -1])


@dataclass(frozen=True)
class CalibratedInformation:
    """Information content at a point of a calibration.

    Attributes
    ----------
    content : InformationContent
        Controls are the calibrated parameters, in prior standard deviations.
    parameters : dict
        Value of each calibrated parameter at the point.
    slopes : ndarray (parameter,)
        Physical value of a prior standard deviation there.
    target_values : ndarray (target,)
    exact : bool
        Whether derivatives are the model's own.
    collapsed : tuple of str
        What has died out at the point. Its information content means nothing.
    n_model_runs : int
    n_observations : dict
        By stream.

    Examples
    --------
    >>> import numpy as np, masm
    >>> def line(theta):
    ...     return {"gpp": theta["a"][:, None] * np.ones(3)}
    >>> seen = masm.Stream(
    ...     "gpp", np.arange(3), np.ones(3), variance=masm.GivenVariance(),
    ...     given=np.ones(3), windows=None,
    ... )
    >>> prior = masm.TruncatedNormal(-9.0, 9.0, mean=0.0, sd=1.0)
    >>> found = masm.calibrated_information(
    ...     line, {"gpp": seen}, {"a": prior}, {"a": 0.5}
    ... )
    >>> found.exact, found.n_observations
    (False, {'gpp': 3})
    """

    content: InformationContent
    parameters: dict[str, float]
    slopes: Array
    target_values: Array
    exact: bool
    collapsed: tuple[str, ...]
    n_model_runs: int
    n_observations: dict[str, int]


def calibrated_information(
    model: Model,
    observations: Any,
    priors: Any,
    parameters: Mapping[str, float],
    *,
    targets: Sequence[Target] = (),
    active: Sequence[str] | None = None,
    derivatives: str = "auto",
    map: Map | None = None,
    samples_per_call: int | None = None,
) -> CalibratedInformation:
    """Find what each stream says of parameters and targets at a point.

    Parameters
    ----------
    model : callable
        As of `masm.calibrate`; it returns the streams of the targets too.
    observations, priors
        As of `masm.calibrate`.
    parameters : mapping
        The point, usually the posterior mean; the rest has its default.
    targets : sequence of Target
    active : sequence of str, optional
        The calibrated parameters; all of ``priors`` by default.
    derivatives : {"auto", "exact", "differences"}
        The model's own, finite differences of its runs, or the first where there are
        any.
    map, samples_per_call
        As of `masm.calibrate`, for finite differences.

    Returns
    -------
    CalibratedInformation

    Raises
    ------
    InputError
        If something given cannot be used, or exact derivatives of a model that has
        none are asked for.
    CalibrationFailed
        If the model does not run at the point or next to it.

    Examples
    --------
    >>> def line(theta):
    ...     return {"gpp": theta["a"][:, None] * np.ones(3)}
    >>> from masm.problem.priors import TruncatedNormal
    >>> from masm.observations.stream import Stream
    >>> from masm.observations.error_models import GivenVariance
    >>> seen = Stream("gpp", np.arange(3), np.ones(3), variance=GivenVariance(),
    ...               given=np.ones(3), windows=None)
    >>> prior = TruncatedNormal(-9.0, 9.0, mean=0.0, sd=1.0)
    >>> found = calibrated_information(line, {"gpp": seen}, {"a": prior}, {"a": 0.5})
    >>> found.content.reduction["all"].round(3)
    array([0.5])
    """
    priors = as_priors(priors)
    streams = as_streams(observations, variance=None, windows="auto", errors=None)
    observed = tuple(stream.aggregate() for stream in streams.values())
    asked = _WithTargets(model, tuple(targets))
    pseudo = tuple(_as_series(target) for target in targets)
    priors = priors.with_defaults(parameters)
    names = tuple(active or priors.names)
    likelihood = GaussianLikelihood((*observed, *pseudo))
    runner = ModelRunner(
        asked.with_its_derivatives(),
        likelihood.observed,
        map=map,
        samples_per_call=samples_per_call,
        observed_time={name: one.time for name, one in streams.items()},
    )
    problem = Problem(priors, names, runner, likelihood)
    cost = DifferentiableProblem(problem, "information", derivatives=derivatives)
    point = np.array([[priors.defaults[name] for name in names]])
    z = to_normal(problem.unit(point))[0]
    series, rows = cost.jacobian(z, with_series=True)
    if not (np.isfinite(series).all() and np.isfinite(rows).all()):
        why = runner.failures[0] if runner.failures else "numbers that are not finite"
        raise CalibrationFailed(
            f"the model does not run at the point of linearisation, or next to it: "
            f"{why}",
            reason="model_nan",
        )
    n_obs = sum(one.n_obs for one in observed)
    seen = GaussianLikelihood(observed)
    content = information_content(
        seen.whiten_slopes(rows[:n_obs].T).T,
        np.ones(n_obs),
        [one.name for one in observed for _ in range(one.n_obs)],
        names=names,
        target_jacobian=rows[n_obs:],
        target_names=[target.name for target in targets],
    )
    return CalibratedInformation(
        content,
        dict(zip(names, cost.to_parameters(z).tolist(), strict=True)),
        cost.slopes(z),
        series[n_obs:],
        cost.exact,
        tuple(cost.collapsed(z)),
        cost.n_runs + (1 + cost.n_tangents if cost.exact else 0),
        {one.name: one.n_obs for one in observed},
    )


def _as_series(target: Target) -> ObservedSeries:
    """A target in the place of a stream with one value that nobody observed."""
    return ObservedSeries(
        _series_name(target), target.units, np.zeros(1), np.zeros(1),
        np.full(1, _FREE), "none",
    )  # fmt: skip


def _series_name(target: Target) -> str:
    return f"target {target.name}"


@dataclass(frozen=True)
class _WithTargets:
    """A model that gives targets beside its series."""

    model: Model
    targets: tuple[Target, ...]

    def __call__(self, theta: Samples) -> dict[str, Any]:
        return self._with(self.model(theta))

    def _with(self, output: Any) -> dict[str, Any]:
        found = {str(name): output[name] for name in output}
        for target in self.targets:
            series = output[target.stream]
            if hasattr(series, "dims"):
                series = series.transpose(..., "time")
            found[_series_name(target)] = target.of(np.asarray(series))[..., None]
        return found

    def vjp(self, theta: Samples) -> Any:
        """Series, targets, and the adjoint of both."""
        output, pull = self.model.vjp(theta)  # type: ignore[attr-defined]
        lengths = {t.stream: np.shape(output[t.stream])[-1] for t in self.targets}

        def pullback(weights: Mapping[str, Array]) -> Array:
            whole = {name: weights[name] for name in weights if name in output}
            for target in self.targets:
                weight = weights.get(_series_name(target))
                if weight is not None:
                    rows = np.eye(lengths[target.stream])
                    before = whole.get(target.stream, 0.0)
                    whole[target.stream] = before + weight[0] * target.of(rows)
            return np.asarray(pull(whole))

        return self._with(output), pullback

    def jacobian(self, theta: Samples, names: Sequence[str]) -> Any:
        """Series and slopes of streams and targets."""
        output, slopes = self.model.jacobian(theta, names)  # type: ignore[attr-defined]
        more = {
            _series_name(target): target.of(slopes[target.stream].T)[None]
            for target in self.targets
        }
        return self._with(output), {**slopes, **more}

    def collapsed(self, theta: Samples) -> list[str]:
        """What the model says has died out."""
        ask = getattr(self.model, "collapsed", None)
        return list(ask(theta)) if callable(ask) else []

    def with_its_derivatives(self) -> Model:
        """Return it, or a model without derivatives where the inner one has none."""
        return self if is_differentiable(self.model) else _ValuesOnly(self)


@dataclass(frozen=True)
class _ValuesOnly:
    """A model without derivatives."""

    inner: _WithTargets

    def __call__(self, theta: Samples) -> dict[str, Any]:
        return self.inner(theta)

    def collapsed(self, theta: Samples) -> list[str]:
        """What the model says has died out."""
        return self.inner.collapsed(theta)
