"""Ensemble Kalman filter for parameters: an update for each window of time.

The parameters are the state, and they do not change in time. After each window the
model is run again from its start with the updated parameters, so that later windows
see what the new parameters would have done. For a linear model with normal errors the
members are draws of the posterior as their number grows; else they are an
approximation, and the result says so. A model whose own state is filtered too is for
`masm.filters.filter_states_and_parameters`.

References
----------
Evensen, G. (2009). The ensemble Kalman filter for combined state and parameter
estimation. IEEE Control Systems Magazine 29, 83-104.
Anderson, J. L. and Anderson, S. L. (1999). A Monte Carlo implementation of the
nonlinear filtering problem. Monthly Weather Review 127, 2741-2758 (inflation).
Moradkhani, H. et al. (2005). Dual state-parameter estimation of hydrological models
using ensemble Kalman filter. Advances in Water Resources 28, 135-147.
"""

from __future__ import annotations

import numpy as np

from masm.methods.budget import check_counts
from masm.methods.ensemble.update import (
    INFLATION,
    budget_of,
    check_ensemble,
    inflated,
    kalman_update,
    not_a_posterior,
    run_members,
)
from masm.methods.limits import Limit, check_limits
from masm.methods.method import Method
from masm.methods.normal_space import Residuals
from masm.methods.support import checked_outcome
from masm.methods.time_windows import windows_of
from masm.problem.problem import Outcome, Problem

_WINDOWS = 4


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    n_members: int = 200,
    n_windows: int = _WINDOWS,
    inflation: float = 1.0,
    damping: float = 1.0,
) -> Outcome:
    """Draw an ensemble with the stochastic ensemble Kalman filter.

    Parameters
    ----------
    problem : Problem
        Whose model gives series.
    seed : numpy.random.SeedSequence
    n_members : int
        Members; model runs are this times ``n_windows`` plus one.
    n_windows : int
        Updates: the observations in the order of time, about as many in each; no more
        than there are observations.
    inflation : float
        Factor on the variance of the parameters before each update, 1 or above. With
        more than 1 old windows count less than new ones.
    damping : float
        Fraction of each update of the parameters that is made, over 0 up to 1.

    Returns
    -------
    Outcome
        Members in four groups. ``attrs["approximation"]`` says when they are exact.
        With inflation or damping they are not draws of the posterior, and the result
        is suspect, ``no_posterior``.

    Raises
    ------
    InputError
        If an option is out of its range.
    CalibrationFailed
        If all but two members failed, before an update or after the last one.
    """
    check_counts(n_members=(n_members, 8), n_windows=(n_windows, 1))
    check_ensemble(inflation, "none")
    check_limits(_LIMITS, {"damping": damping})
    rng = np.random.default_rng(seed)
    runs = Residuals(problem, n_members * (n_windows + 1), "enkf")
    windows = windows_of(runs.likelihood, n_windows)
    z = rng.standard_normal((n_members, problem.n_parameters))
    for window in windows:
        z, residual = run_members(z, runs, rng)
        here = inflated(residual[:, window], inflation)
        before = inflated(z, inflation)
        noise = rng.standard_normal(here.shape)
        z = before + damping * (kalman_update(before, here, 1.0, noise) - before)
    z, residual = run_members(z, runs, rng)
    outcome = checked_outcome(z, residual, runs.runs)
    if inflation == 1.0 and damping == 1.0:
        return outcome
    said = f"inflation {inflation:g} with damping {damping:g}"
    return not_a_posterior(outcome, said)


_EXPECTED_RUNS, _WITH_BUDGET = budget_of("n_windows", _WINDOWS)
_LIMITS = (INFLATION, Limit("damping", 0.0, 1.0, above=True))

METHOD = Method(
    name="enkf",
    summary="Ensemble Kalman filter for parameters, window by window in time; exact "
    "for linear models with normal errors.",
    sample=sample,
    gives="posterior",
    needs=frozenset({"series"}),
    predictive=False,
    expected_runs=_EXPECTED_RUNS,
    with_budget=_WITH_BUDGET,
    limits=_LIMITS,
    source="Evensen (2009)",
)
