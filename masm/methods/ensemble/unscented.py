"""Unscented Kalman inversion: a normal posterior by 2 p + 1 runs an iteration.

The mean and covariance of a normal distribution are moved to those of the posterior by
unscented Kalman updates, of the model's runs at points on both sides of the mean along
each direction. Observations and prior together are what is observed; before each update
the covariance is doubled, and so are the errors, so that the update comes to rest where
the covariance is the posterior's. For a linear model with normal errors that is the
exact posterior, without any noise of sampling. Draws of it are then run, and weighed by
the true posterior as a check.

References
----------
Huang, D. Z., Huang, J., Reich, S. and Stuart, A. M. (2022). Efficient derivative-free
Bayesian inference for large-scale inverse problems. Inverse Problems 38, 125006.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from masm.errors import CalibrationFailed
from masm.methods.budget import check_counts
from masm.methods.ensemble.update import MOST_MEMBERS, replace_failed
from masm.methods.method import Method
from masm.methods.normal_space import Residuals
from masm.methods.support import checked_outcome
from masm.problem.problem import Outcome, Problem
from masm.types import Array

_MOST_ITERATIONS, _FEWEST_DRAWS = 20, 40


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    n_iterations: int = 15,
    n_draws: int = 200,
) -> Outcome:
    """Draw from the normal posterior that unscented Kalman updates come to.

    Parameters
    ----------
    problem : Problem
        Whose model gives series.
    seed : numpy.random.SeedSequence
        Of the draws; the search is deterministic.
    n_iterations : int
        Updates, each of twice as many runs as parameters and one.
    n_draws : int
        Draws, which are run and weighed.

    Returns
    -------
    Outcome
        Suspect, ``not_converged``, where weights do not support the draws
        (`masm.methods.support`), or the last update still moved the mean by
        more than a tenth of a standard deviation. ``attrs["last_step"]`` says by how
        much.

    Raises
    ------
    CalibrationFailed
        If the model fails at all points about the mean, or at all draws.
    """
    check_counts(n_iterations=(n_iterations, 1), n_draws=(n_draws, _FEWEST_DRAWS))
    rng = np.random.default_rng(seed)
    d = problem.n_parameters
    runs = Residuals(problem, n_iterations * (2 * d + 1) + n_draws, "unscented")
    mean, covariance, step = np.zeros(d), np.eye(d), np.inf
    for _ in range(n_iterations):
        before = mean
        mean, covariance = _updated(mean, 2.0 * covariance, runs)
        spread = np.sqrt(np.diag(covariance))
        step = float(np.max(np.abs(mean - before) / spread))
    root = np.linalg.cholesky(covariance)
    z = mean + rng.standard_normal((n_draws, d)) @ root.T
    z, residual, n_failed = replace_failed(z, runs(z), rng)
    if n_failed >= n_draws - 2:
        raise CalibrationFailed(
            f"{n_failed} of {n_draws} draws failed", reason="model_nan"
        )
    outcome = checked_outcome(z, residual, runs.runs)
    attrs = {**outcome.attrs, "last_step": step}
    if step > _RESTING and outcome.status == "done":
        return replace(outcome, status="suspect", reason="not_converged", attrs=attrs)
    return replace(outcome, attrs=attrs)


_RESTING = 0.1
"""Standard deviations that the mean may still move in the last update."""


def _updated(mean: Array, covariance: Array, runs: Residuals) -> tuple[Array, Array]:
    """One update of a normal distribution by the runs at its sigma points."""
    d = len(mean)
    root = np.linalg.cholesky(covariance)
    off = np.sqrt(d) * root.T  # (direction, parameter)
    found = runs(np.vstack([mean, mean + off, mean - off]))
    ran = np.isfinite(found[1:]).all(axis=1)
    if not ran.any():
        raise CalibrationFailed(
            "the model failed at all points about the mean", reason="model_nan"
        )
    # Where the central run failed, the mean of the others is as good to first order.
    centre = found[0] if np.isfinite(found[0]).all() else found[1:][ran].mean(axis=0)
    up, down = found[1 : d + 1] - centre, found[d + 1 :] - centre
    # Where one side failed the other stands for it; without both nothing is known.
    up_ran = np.isfinite(up).all(axis=1)[:, None]
    down_ran = np.isfinite(down).all(axis=1)[:, None]
    up = np.where(up_ran, up, np.where(down_ran, -np.nan_to_num(down), 0.0))
    down = np.where(down_ran, down, -up)
    weight = np.sqrt(1.0 / (2.0 * d))
    x = weight * np.vstack([off, -off])
    # The prior is observed too: the point itself, to be zero with unit errors.
    y = np.hstack([weight * np.vstack([up, down]), x])
    inner = y @ y.T + 2.0 * np.eye(2 * d)
    innovation = np.concatenate([centre, mean])
    gain = np.linalg.solve(inner, np.column_stack([y @ innovation, y @ y.T @ x]))
    new = covariance - x.T @ gain[:, 1:]
    return mean - x.T @ gain[:, 0], 0.5 * (new + new.T)


def _expected_runs(n_parameters: int, options: Mapping[str, Any]) -> int:
    each = 2 * n_parameters + 1
    return int(options["n_iterations"]) * each + int(options["n_draws"])


def _with_budget(n_runs: int, n_parameters: int) -> dict[str, Any]:
    each = 2 * n_parameters + 1
    most = (n_runs - max(_FEWEST_DRAWS, n_runs // 3)) // each
    n_iterations = min(_MOST_ITERATIONS, most)
    n_draws = min(MOST_MEMBERS, n_runs - n_iterations * each)
    return {"n_iterations": n_iterations, "n_draws": n_draws}


METHOD = Method(
    name="unscented",
    summary="Unscented Kalman inversion: a normal posterior without noise of sampling, "
    "checked by weights; exact for linear models with normal errors.",
    sample=sample,
    gives="posterior",
    needs=frozenset({"series"}),
    predictive=False,
    expected_runs=_expected_runs,
    with_budget=_with_budget,
    source="Huang et al. (2022)",
)
