"""ES-MDA: ensemble smoother with multiple data assimilation.

The observations are used ``n_steps`` times with their error variance ``n_steps`` times
as large, so that the inverses add up to one; other factors may be given. For a linear
model with normal errors the members are draws of the posterior as their number grows;
else they are an approximation, and the result says so.

References
----------
Emerick, A. A. and Reynolds, A. C. (2013). Ensemble smoother with multiple data
assimilation. Computers & Geosciences 55, 3-15.
Huang, D. Z. et al. (2022). Efficient derivative-free Bayesian inference for large-scale
inverse problems. Inverse Problems 38, 125006 (the transform).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from masm.errors import InputError
from masm.methods.budget import check_counts
from masm.methods.ensemble.update import (
    INFLATION,
    budget_of,
    check_ensemble,
    check_update,
    inflated,
    kalman_update,
    not_a_posterior,
    run_members,
    transform_update,
)
from masm.methods.method import Method
from masm.methods.normal_space import Residuals
from masm.methods.support import checked_outcome
from masm.problem.problem import Outcome, Problem

_INVERSES = 1e-3  # as far as factors written with four digits may be off


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    n_members: int = 200,
    n_steps: int = 4,
    alphas: str | Sequence[float] = "",
    inflation: float = 1.0,
    localisation: str = "none",
    update: str = "perturbed",
) -> Outcome:
    """Draw an ensemble with ES-MDA.

    Parameters
    ----------
    problem : Problem
        Whose model gives series.
    seed : numpy.random.SeedSequence
    n_members : int
        Members; model runs are this times ``n_steps`` plus one.
    n_steps : int
        Times that the observations are used.
    alphas : str or sequence of float
        Factor on the error variance in each step, such as ``"9.333, 7, 4, 2"``, large
        ones first for a model that is far from linear. There are ``n_steps`` of them,
        and their inverses add up to one. Without them each is ``n_steps``.
    inflation : float
        Factor on the variance of the members before each update, 1 or above. With more
        than 1 they are no draws of the posterior, and the result is suspect,
        ``no_posterior``.
    localisation : {"none", "correlation"}
        Whether correlations of parameters and observations that may be noise of a small
        ensemble are damped. With many members it changes nothing.
    update : {"perturbed", "transform"}
        Each member by observations with noise of its own, or all together by the
        ensemble transform, which has no noise but that of the first members and no
        localisation.

    Returns
    -------
    Outcome
        Members in four groups. ``attrs["approximation"]`` says when they are exact.

    Raises
    ------
    InputError
        If an option is out of its range, the inverses of ``alphas`` do not add up to
        one, or the transform shall be localised.
    CalibrationFailed
        If all but two members failed, before an update or after the last one.
    """
    check_counts(n_members=(n_members, 8), n_steps=(n_steps, 1))
    check_ensemble(inflation, localisation)
    check_update(update, localisation)
    factors = factors_of(alphas, n_steps)
    rng = np.random.default_rng(seed)
    runs = Residuals(problem, n_members * (n_steps + 1), "esmda")
    z = rng.standard_normal((n_members, problem.n_parameters))
    for alpha in factors:
        z, residual = run_members(z, runs, rng)
        before, here = inflated(z, inflation), inflated(residual, inflation)
        if update == "transform":
            z = transform_update(before, here, alpha)
        else:
            noise = rng.standard_normal(here.shape)
            z = kalman_update(before, here, alpha, noise, localisation)
    z, residual = run_members(z, runs, rng)
    outcome = checked_outcome(z, residual, runs.runs)
    if inflation == 1.0:
        return outcome
    return not_a_posterior(outcome, f"inflation {inflation:g}")


def factors_of(alphas: str | Sequence[float], n_steps: int) -> list[float]:
    """Factors on the error variance, one for each step.

    Raises
    ------
    InputError
        If they are no numbers, not as many as steps, or their inverses do not add up
        to one.

    Examples
    --------
    >>> factors_of("", 4), factors_of("3 1.5", 2)
    ([4.0, 4.0, 4.0, 4.0], [3.0, 1.5])
    """
    given = alphas.replace(",", " ").split() if isinstance(alphas, str) else alphas
    if not len(given):
        return [float(n_steps)] * n_steps
    wanted = f"{n_steps} numbers above zero whose inverses add up to 1"
    try:
        found = [float(alpha) for alpha in given]
    except (TypeError, ValueError):
        raise InputError("option alphas", found=repr(alphas), wanted=wanted) from None
    good = len(found) == n_steps and all(0.0 < a < np.inf for a in found)
    total = sum(1.0 / a for a in found) if good else np.nan
    if not good or abs(total - 1.0) > _INVERSES:
        said = f"{alphas!r}" + (f", whose inverses add up to {total:.6g}" * good)
        raise InputError("option alphas", found=said, wanted=wanted)
    return found


_EXPECTED_RUNS, _WITH_BUDGET = budget_of("n_steps", 4)

METHOD = Method(
    name="esmda",
    summary="Ensemble smoother with multiple data assimilation; exact for linear "
    "models with normal errors.",
    sample=sample,
    gives="posterior",
    needs=frozenset({"series"}),
    predictive=False,
    expected_runs=_EXPECTED_RUNS,
    with_budget=_WITH_BUDGET,
    limits=(INFLATION,),
    source="Emerick and Reynolds (2013)",
)
