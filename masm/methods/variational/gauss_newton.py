"""Gauss-Newton minimisation of a cost whose Jacobian the model gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.minimisation.four_d_var import Minimum, StartReport
from masm.minimisation.objective import Objective, require, whiten

Array = NDArray[np.float64]

_SHORTEST_STEP = 2.0**-20


def gauss_newton(
    objective: Objective,
    start: ArrayLike,
    *,
    max_iterations: int = 50,
    cost_tolerance: float = 1e-10,
) -> Minimum:
    """Minimise an :class:`Objective` by Gauss-Newton steps with a line search.

    Each step solves ``(S'S + B^-1) d = -gradient``, with ``S = R^-1/2 M`` from the
    model's Jacobian, and is halved until the cost falls.

    Parameters
    ----------
    objective : Objective
        Its model has ``jacobian(x)`` (observation, n) beside ``observe`` and ``vjp``.
    start : array_like (n,)
    max_iterations : int
    cost_tolerance : float
        Relative fall of the cost at which the search ends.

    Returns
    -------
    Minimum
        With one start.

    Raises
    ------
    InputError
        Where the model has no Jacobian.

    Examples
    --------
    >>> class Line:
    ...     def observe(self, x): return 2.0 * x
    ...     def vjp(self, x, w): return 2.0 * w
    ...     def jacobian(self, x): return np.array([[2.0]])
    >>> cost = Objective(Line(), [2.0], [1.0], [0.0], [1.0])
    >>> gauss_newton(cost, [0.0]).x
    array([0.8])
    """
    require(objective.model, ("jacobian",), "Gauss-Newton")
    begin = x = np.atleast_1d(np.asarray(start, float))
    value, gradient = objective(x)
    first, n_evaluations, converged, message = value, 1, False, "iterations used up"
    failures: list[Array] = []
    iteration = 0
    for iteration in range(1, max_iterations + 1):  # noqa: B007 (reported)
        direction = -np.linalg.solve(_hessian(objective, x), gradient)
        step = 1.0
        while step >= _SHORTEST_STEP:
            trial, slope = objective(x + step * direction)
            n_evaluations += 1
            if not np.isfinite(trial):
                failures.append(x + step * direction)
            elif trial <= value + 1e-4 * step * float(gradient @ direction):
                break
            step *= 0.5
        else:
            converged, message = True, "no step lowers the cost"
            break
        fall = value - trial
        x, value, gradient = x + step * direction, trial, slope
        if fall <= cost_tolerance * max(abs(value), 1.0):
            converged, message = True, "the cost no longer falls"
            break
    report = StartReport(
        begin, x, first, value, float(np.max(np.abs(gradient), initial=0.0)),
        iteration, n_evaluations, converged, message, tuple(failures),
    )  # fmt: skip
    return Minimum(x, value, gradient, (report,))


def _hessian(objective: Objective, x: Array) -> Any:
    """``S'S + B^-1`` at ``x``."""
    s = whiten(objective.observation_factor, np.asarray(objective.model.jacobian(x)))
    inverse = whiten(objective.background_factor, np.eye(x.size))
    return s.T @ s + inverse.T @ inverse
