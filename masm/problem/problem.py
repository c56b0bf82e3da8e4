"""The calibration problem: what every calibration method is given, and gives back.

A method is a function ``sample(problem, seed, **options) -> Outcome``, with ``seed``
a `numpy.random.SeedSequence` (derive parts of it with `seed_sequence`). It sees
points ``u`` of the unit cube, in which the prior is flat, and asks for model runs
with ``problem.run(u)``. It never sees a unit, a date or a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.likelihood.gaussian import GaussianLikelihood
from masm.problem.priors import Priors
from masm.problem.samples import Samples
from masm.problem.start import Start
from masm.types import Array


@dataclass(frozen=True)
class Runs:
    """Model runs: where, what came out, and which failed.

    Attributes
    ----------
    u : ndarray, (sample, parameter)
        Points in the unit cube.
    cost : ndarray, (sample,)
        -2 log likelihood up to a constant; NaN where the run failed.
    series : ndarray, (sample, n_obs), or None
        Aggregated output at the observed windows, streams end to end as in
        `GaussianLikelihood`; NaN where the run failed. None when the model only
        returns a cost.

    Examples
    --------
    >>> import numpy as np, masm
    >>> runs = masm.Runs(u=np.array([[0.2], [0.4]]), cost=np.array([3.0, np.nan]))
    >>> int(np.isnan(runs.cost).sum())
    1
    """

    u: Array
    cost: Array
    series: Array | None = None

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which runs have a finite cost, (sample,)."""
        return np.isfinite(self.cost)

    @property
    def n(self) -> int:
        """Number of runs, failed ones included."""
        return len(self.cost)

    @property
    def n_failed(self) -> int:
        """Number of failed runs."""
        return int(np.count_nonzero(~self.ok))

    def latest(self, n: int) -> Runs:
        """The last n of them."""
        series = None if self.series is None else self.series[-n:]
        return Runs(self.u[-n:], self.cost[-n:], series)

    def append(self, other: Runs) -> Runs:
        """These runs followed by others of the same problem."""
        series = None
        if self.series is not None and other.series is not None:
            series = np.concatenate([self.series, other.series])
        return Runs(
            np.concatenate([self.u, other.u]),
            np.concatenate([self.cost, other.cost]),
            series,
        )


class RunRecord(Protocol):
    """Remembers finished runs so that a stopped calibration can go on."""

    def run(self, u: Array, run: Callable[[Array], Runs]) -> Runs:
        """Give the recorded runs at ``u``, or run them and record them."""
        ...


@dataclass(frozen=True)
class Problem:
    """Calibrate some parameters of a model against observations.

    Attributes
    ----------
    priors : Priors
        Of all parameters the model takes, in the model's order.
    active : tuple of str
        The parameters being calibrated: the columns of ``u``, in this order. The
        others stay at ``priors.defaults``.
    runner : callable
        ``runner(theta: Samples)`` runs the model; it returns the aggregated series
        (sample, n_obs) or, without a likelihood, the cost (sample,). NaN marks a failed
        run; it does not raise for one. `masm.runners.series_runner` makes runners.
    likelihood : GaussianLikelihood or None
        None when the runner returns the cost itself.
    record : RunRecord or None
        Where finished runs are kept (a checkpoint).
    start : Start or None
        What is known from problems much like this one.

    Examples
    --------
    >>> import numpy as np, masm
    >>> priors = masm.Priors({"a": (0.0, 1.0), "b": (0.0, 1.0)})
    >>> problem = masm.Problem(priors, ("a",), lambda theta: (theta["a"] - 0.3) ** 2)
    >>> problem.run(np.array([[0.5]])).cost
    array([0.04])
    """

    priors: Priors
    active: tuple[str, ...]
    runner: Callable[[Samples], Array]
    likelihood: GaussianLikelihood | None = None
    record: RunRecord | None = None
    start: Start | None = None

    @property
    def n_parameters(self) -> int:
        """Number of calibrated parameters, the width of ``u``."""
        return len(self.active)

    @property
    def n_obs(self) -> int:
        """Number of observations; 0 when the model only returns a cost."""
        return 0 if self.likelihood is None else self.likelihood.n_obs

    @cached_property
    def _columns(self) -> list[int]:
        return [self.priors.names.index(name) for name in self.active]

    @cached_property
    def _active_priors(self) -> Priors:
        return self.priors.subset(self.active)

    @cached_property
    def _defaults(self) -> Array:
        return np.array(list(self.priors.defaults.values()))

    def theta(self, u: ArrayLike) -> Samples:
        """Calibrated parameters at points of the cube, (sample, n_parameters)."""
        return self._active_priors.from_unit(u)

    def unit(self, theta: ArrayLike) -> Array:
        """Points of the cube of calibrated parameters, the inverse of `theta`."""
        return self._active_priors.to_unit(theta)

    def model_theta(self, u: ArrayLike) -> Samples:
        """All parameters of the model at points of the cube, fixed ones filled in."""
        values = self.theta(u)
        full = np.tile(self._defaults, (len(values), 1))
        full[:, self._columns] = values
        return Samples(full, self.priors.names)

    def allowed(self, u: ArrayLike) -> NDArray[np.bool_]:
        """Which points lie in the cube and keep the constraints, (sample,)."""
        u = np.atleast_2d(np.asarray(u, float))
        inside = np.all((u >= 0.0) & (u <= 1.0), axis=1)
        if self.priors.constraints and inside.any():
            inside[inside] = self.priors.allowed(self.model_theta(u[inside]))
        return inside

    def cost(self, series: Array) -> Array:
        """-2 log likelihood of aggregated series, (sample, n_obs) -> (sample,)."""
        if self.likelihood is None:
            raise TypeError("this problem has no likelihood: its model gives the cost")
        return self.likelihood.cost(series)

    def run(self, u: ArrayLike) -> Runs:
        """Run the model at points of the cube; failed runs come back as NaN.

        Parameters
        ----------
        u : array_like, (sample, n_parameters)

        Returns
        -------
        Runs
            In the order of ``u``.
        """
        u = np.array(np.atleast_2d(u), dtype=float)
        if self.record is None:
            return self._run(u)
        return self.record.run(u, self._run)

    def _run(self, u: Array) -> Runs:
        output = np.asarray(self.runner(self.model_theta(u)), float)
        if self.likelihood is None:
            return Runs(u, np.where(np.isfinite(output), output, np.nan))
        return Runs(u, self.likelihood.cost(output), output)


@dataclass(frozen=True)
class Outcome:
    """What a calibration method gives back.

    Attributes
    ----------
    u : ndarray, (chain, draw, parameter)
        Posterior draws in the unit cube.
    cost : ndarray, (chain, draw)
        The surrogate's (or model's) -2 log likelihood at the draws.
    runs : Runs
        Every model run made, in order.
    surrogate_rmse : float
        Eq. 8 of the source paper, cost units: surrogate against model.
    status : str
        ``"done"`` or ``"suspect"``.
    reason : str
        Why it is suspect, one of the closed list; empty when done.
    check : Runs or None
        Model runs at posterior draws (part of ``runs``), the posterior predictive.
    history : mapping of str to ndarray
        What was seen after each batch, (batch,) each.
    attrs : mapping
        Numbers and short texts worth keeping with the result.
    error_scale : mapping of str to ndarray
        Draws of each unknown factor on a stream's errors, (chain, draw), beside ``u``.
    emulated : ndarray or None, (draw, n_obs)
        Series that the surrogate gives at some posterior draws, spread evenly over
        ``u``; more than ``check`` can afford.

    Examples
    --------
    >>> import numpy as np, masm
    >>> runs = masm.Runs(u=np.array([[0.2], [0.4]]), cost=np.array([3.0, 1.0]))
    >>> draws = np.full((2, 5, 1), 0.4)
    >>> outcome = masm.Outcome(draws, np.ones((2, 5)), runs, 0.1, "done")
    >>> outcome.status, outcome.u.shape
    ('done', (2, 5, 1))
    """

    u: Array
    cost: Array
    runs: Runs
    surrogate_rmse: float
    status: str
    reason: str = ""
    check: Runs | None = None
    history: Mapping[str, Array] = field(default_factory=dict)
    attrs: Mapping[str, Any] = field(default_factory=dict)
    error_scale: Mapping[str, Array] = field(default_factory=dict)
    emulated: Array | None = None
