"""A calibration problem as a differentiable function of a standard-normal vector.

One object for all methods that follow gradients: ``J(z) = 1/2 |g(z)|^2 + 1/2 z'z``,
with ``g`` the residuals in units of their errors and ``z`` the coordinates of
`masm.methods.normal_space`. Derivatives are the model's own where it has them, and
finite differences of its series otherwise, one batch of runs for each point.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from masm.errors import InputError
from masm.methods.budget import BudgetSpent, known_errors
from masm.methods.normal_space import to_cube
from masm.minimisation.finite_differences import (
    finite_differences,
    steps_by_curvature,
)
from masm.problem.problem import Problem, Runs
from masm.problem.samples import Samples
from masm.runners.derivatives import Pullback, SeriesDerivatives, is_differentiable
from masm.types import Array

#: What may be asked for as the option ``derivatives``.
DERIVATIVES = ("auto", "exact", "differences", "emulator")
_STEP = 1e-4  # of a prior standard deviation, until steps are chosen by curvature
_EMULATED_STEP = 1e-3  # of a smooth emulator, by central differences
_EMULATOR = 26  # its own random stream: fits begin alike on any worker
_SHORTEST = 1e-7  # step: nothing that a model resolves is finer
_ROOT_2PI = np.sqrt(2.0 * np.pi)


class DifferentiableProblem:
    """A problem's cost with its gradient, and derivatives of its series.

    Parameters
    ----------
    problem : Problem
        Whose model gives series.
    method : str
        For errors.
    derivatives : {"auto", "exact", "differences", "emulator"}
        ``"auto"``: exact where the model has derivatives, else differences. With
        ``"emulator"`` they are those of an emulator of all runs so far, at no run.
    max_runs : int
        Most model runs; `BudgetSpent` is raised beyond.

    Attributes
    ----------
    n, n_obs : int
    names : tuple of str
    exact, emulated : bool
    steps : ndarray (n,)
        Of finite differences, in prior standard deviations.
    n_gradients, n_tangents : int
        Adjoint runs, and tangent runs, so far. They are not among the model runs.

    Raises
    ------
    InputError
        A model that gives only its cost, unknown error sizes, or exact derivatives of
        a model that has none.
    """

    def __init__(
        self,
        problem: Problem,
        method: str,
        *,
        derivatives: str = "auto",
        max_runs: int | None = None,
    ):
        self._likelihood = known_errors(problem, method)
        self.exact = wants_exact(problem, derivatives)
        if not self._likelihood.is_linear and derivatives == "auto":
            self.exact = False  # of treated values or errors that are not normal
        self.emulated = derivatives == "emulator"
        if self.emulated and not self._likelihood.is_linear:
            raise InputError(
                "option derivatives: emulator",
                found="treated values, or errors that are not normal",
                wanted="derivatives: differences with those",
            )
        self._emulator: Any = None
        self._emulated_runs = 0
        self._problem = problem
        self._series: SeriesDerivatives | None = None
        if self.exact:
            self._series = SeriesDerivatives(problem.runner)  # type: ignore[arg-type]
        self.max_runs = max_runs
        self.n, self.names = problem.n_parameters, problem.active
        self.n_obs = self._likelihood.n_obs
        self.n_gradients = self.n_tangents = self.n_runs = 0
        self.steps = np.full(self.n, _STEP)
        self._made: list[Runs] = []

    @property
    def runs(self) -> Runs:
        """All model runs so far, in order."""
        if not self._made:
            return Runs(np.empty((0, self.n)), np.empty(0), np.empty((0, self.n_obs)))
        series = [one.series for one in self._made if one.series is not None]
        return Runs(
            np.concatenate([one.u for one in self._made]),
            np.concatenate([one.cost for one in self._made]),
            np.concatenate(series),
        )

    def spread(self, n: int, rng: np.random.Generator) -> Array:
        """Points that fill the prior and keep its constraints, (n, parameter)."""
        from masm.design.space_filling import spread_points

        return spread_points(self._problem, n, rng)

    def to_parameters(self, z: Array) -> Array:
        """Physical values (n,), in the order of ``names``."""
        return np.asarray(self._problem.theta(to_cube(z)[None]))[0]

    def parameters(self, z: Array) -> dict[str, float]:
        """Every parameter of the model by name, those that are fixed included."""
        theta = self._problem.model_theta(to_cube(z)[None])
        return {name: float(theta[name][0]) for name in theta.names}

    def slopes(self, z: Array) -> Array:
        """Derivative of each physical value in its own coordinate (n,)."""
        values = self.to_parameters(z)
        priors = self._problem.priors
        density = [
            float(priors[name].density(value))
            for name, value in zip(self.names, values, strict=True)
        ]
        normal = np.exp(-0.5 * np.asarray(z, float) ** 2) / _ROOT_2PI
        return normal / np.array(density)

    def observe(self, z: Array) -> Array:
        """Simulated observations (n_obs,); NaN where the run fails."""
        return self._run(np.asarray(z, float)[None])[0]

    def cost(self, z: Array) -> tuple[float, Array]:
        """``J`` and its gradient; neither is finite where the run fails."""
        z = np.asarray(z, float)
        nowhere = (np.inf, np.full(self.n, np.nan))
        if not self._problem.allowed(to_cube(z)[None])[0]:
            return nowhere
        if self.emulated:
            residual = self._likelihood.whiten(self._run(z[None]))[0]
            gradient = self._emulated_slopes(z).T @ residual
        elif not self.exact:
            residual, rows = self._whitened_differences(z)
            gradient = rows.T @ residual
        else:
            series, pull = self._forward(z)
            if pull is None:
                return nowhere
            residual = self._likelihood.whiten(series)
            gradient = self._pulled(z, pull, self._likelihood.whiten_back(residual))
        value = 0.5 * float(residual @ residual) + 0.5 * float(z @ z)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            return nowhere
        return value, gradient + z

    def residuals(self, z: Array) -> Array:
        """Residuals in units of their errors at many points (sample, n_obs).

        NaN where a run fails; what the constraints do not allow is not run.
        """
        z = np.atleast_2d(np.asarray(z, float))
        found = np.full((len(z), self.n_obs), np.nan)
        allowed = self._problem.allowed(to_cube(z))
        if allowed.any():
            found[allowed] = self._likelihood.whiten(self._run(z[allowed]))
        return found

    def vjp(self, z: Array, weights: Array) -> Array:
        """Gradient (n,) of weights (n_obs,) times the simulated observations."""
        if not self.exact:
            return np.asarray(self.jacobian(z).T @ weights)
        _, pull = self._forward(z)
        if pull is None:
            return np.full(self.n, np.nan)
        return self._pulled(z, pull, np.asarray(weights, float))

    def jvp(self, z: Array, direction: Array) -> Array:
        """Derivative (n_obs,) of the simulated observations along a direction (n,)."""
        return np.asarray(self.jacobian(z) @ direction)

    def jacobian(self, z: Array, *, with_series: bool = False) -> Any:
        """Derivative of the simulated observations (n_obs, n); with them if asked."""
        z = np.asarray(z, float)
        if self._series is None:
            series, rows = self._differences(z)
        else:
            theta = self._theta(z)
            series, rows = self._series.jacobian(theta, self.names)
            rows = rows * self.slopes(z)
            self.n_tangents += self.n
        return (series, rows) if with_series else rows

    def whitened_jacobian(self, z: Array) -> Array:
        """Jacobian with rows in units of their errors (n_obs, n).

        By differences it is that of the whitened residuals themselves, so that errors
        that are not normal and treatments that are not linear have theirs.
        """
        if self.emulated:
            return self._emulated_slopes(np.asarray(z, float))
        if not self.exact:
            return self._whitened_differences(np.asarray(z, float))[1]
        return self._likelihood.whiten_slopes(self.jacobian(z).T).T

    def covariance(self, z: Array) -> Array:
        """Posterior covariance of the Gauss-Newton Hessian at a point (n, n).

        Raises
        ------
        InputError
            If a run for it fails.
        """
        return self.linear_posterior(z)[1]

    def linear_posterior(self, z: Array) -> tuple[Array, Array]:
        """Mean and covariance of the posterior of the model made linear at a point.

        The mean less the point is the next Gauss-Newton step.

        Raises
        ------
        InputError
            If a run for it fails.
        """
        z = np.asarray(z, float)
        residual, s = self._linearised(z)
        if not (np.isfinite(s).all() and np.isfinite(residual).all()):
            raise InputError(
                "derivatives at the minimum",
                found="numbers that are not finite",
                wanted="a model that runs there",
            )
        inner = np.linalg.inv(s.T @ s + np.eye(self.n))
        inner = 0.5 * (inner + inner.T)
        return np.asarray(z - inner @ (s.T @ residual + z)), np.asarray(inner)

    def _linearised(self, z: Array) -> tuple[Array, Array]:
        """Whitened residuals (n_obs,) and their Jacobian, by one set of runs."""
        if self.emulated:
            rows = self._emulated_slopes(z)  # the emulator of all runs so far
            series = np.asarray(self._emulator.emulated(to_cube(z)[None]))
            return self._likelihood.whiten(series)[0], rows
        if not self.exact:
            return self._whitened_differences(z)
        series, rows = self.jacobian(z, with_series=True)
        rows = self._likelihood.whiten_slopes(rows.T).T
        return self._likelihood.whiten(np.asarray(series)), rows

    def choose_steps(self, z: Array) -> None:
        """Choose the steps of finite differences by noise and curvature at a point.

        They stay as they are with exact derivatives, and where a run for it fails.
        """
        if self.exact or self.emulated:
            return
        try:
            found = steps_by_curvature(self.residuals, z)
        except InputError:
            return
        self.steps = np.maximum(found, _SHORTEST)

    def collapsed(self, z: Array) -> list[str]:
        """What the model says has died out at a point; nothing if it does not say."""
        model = getattr(self._problem.runner, "model", None)
        ask = getattr(model, "collapsed", None)
        return list(ask(self._theta(np.asarray(z, float)))) if callable(ask) else []

    # How it is run

    def _theta(self, z: Array) -> Samples:
        return self._problem.model_theta(to_cube(z)[None])

    def _spend(self, n: int) -> None:
        if self.max_runs is not None and self.n_runs + n > self.max_runs:
            raise BudgetSpent
        self.n_runs += n

    def _run(self, z: Array) -> Array:
        self._spend(len(z))
        made = self._problem.run(to_cube(z))
        self._made.append(made)
        assert made.series is not None  # noqa: S101 (there is a likelihood)
        return made.series

    def _forward(self, z: Array) -> tuple[Array, Pullback | None]:
        """Series and adjoint; the run is recorded as any other."""
        assert self._series is not None  # noqa: S101 (exact)
        self._spend(1)
        derivatives, theta, u = self._series, self._theta(z), to_cube(z)[None]
        found: list[tuple[Array, Pullback | None]] = []

        def run(u: Array) -> Runs:
            found.append(derivatives.vjp(theta))
            series = found[0][0][None]
            return Runs(u, self._likelihood.cost(series), series)

        record = self._problem.record
        made = run(u) if record is None else record.run(u, run)
        self._made.append(made)
        self.n_gradients += 1
        return found[0] if found else derivatives.vjp(theta)

    def _pulled(self, z: Array, pull: Pullback, weights: Array) -> Array:
        columns = [self._problem.priors.names.index(name) for name in self.names]
        return np.asarray(pull(weights)[columns] * self.slopes(z))

    def _emulated_slopes(self, z: Array) -> Array:
        """Jacobian of the whitened residuals of an emulator of all runs (n_obs, n)."""
        from masm.surrogates.series import SeriesEmulator

        made = self.runs
        rng = np.random.default_rng(_EMULATOR)
        if self._emulator is None:
            self._emulator = SeriesEmulator(self._likelihood, self.n)
            self._emulator.refit(made, rng)
        elif made.n > self._emulated_runs:
            self._emulator.update(made, rng)
        self._emulated_runs = made.n

        def white(points: Array) -> Array:
            series = self._emulator.emulated(to_cube(points))
            return np.asarray(self._likelihood.whiten(series))

        steps = np.full(self.n, _EMULATED_STEP)
        return finite_differences(white, z, scheme="central", steps=steps)

    def _differences(self, z: Array) -> tuple[Array, Array]:
        """Series, and one-sided differences of it."""
        series, step = self._neighbours(z)
        return series[0], np.asarray(((series[1:] - series[0]) / step[:, None]).T)

    def _whitened_differences(self, z: Array) -> tuple[Array, Array]:
        """Whitened residuals, and one-sided differences of them."""
        series, step = self._neighbours(z)
        white = self._likelihood.whiten(series)
        return white[0], np.asarray(((white[1:] - white[0]) / step[:, None]).T)

    def _neighbours(self, z: Array) -> tuple[Array, Array]:
        """Series at a point and a step from it along each axis, and the steps.

        Steps go away from the nearer bound.
        """
        step = np.where(z > 0.0, -self.steps, self.steps)
        return self._run(np.vstack([z, z + np.diag(step)])), step


def wants_exact(problem: Problem, derivatives: str) -> bool:
    """Return whether derivatives are the model's own.

    Raises
    ------
    InputError
        If exact ones are asked for and the model has none, or the word is unknown.
    """
    if derivatives not in DERIVATIVES:
        raise InputError(
            "option derivatives",
            found=repr(derivatives),
            wanted=f"one of {', '.join(DERIVATIVES)}",
        )
    model = getattr(problem.runner, "model", None)
    able = is_differentiable(model)
    if derivatives == "exact" and not able:
        raise InputError(
            "option derivatives: the model has no exact derivatives",
            found=f"{type(model).__name__} without vjp and jacobian",
            wanted="a differentiable model, such as dalec_bethy",
            hint="derivatives: differences takes finite differences of model runs.",
        )
    return able and derivatives in ("auto", "exact")
