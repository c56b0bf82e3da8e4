"""Laplace: the normal posterior at the minimum of the cost, checked by weights.

References
----------
Gelman, A. et al. (2013). Bayesian Data Analysis. CRC Press, chapter 4.
"""

from __future__ import annotations

import numpy as np

from masm.methods.method import Method
from masm.methods.normal_posterior import (
    expected_runs,
    sample_normal_posterior,
    with_budget,
)
from masm.problem.problem import Outcome, Problem


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    n_starts: int = 4,
    n_iterations: int = 15,
    n_draws: int = 400,
    derivatives: str = "auto",
) -> Outcome:
    """Find the minimum, and draw from the normal posterior there as it is.

    Parameters
    ----------
    problem : Problem
        Whose model gives series.
    seed : numpy.random.SeedSequence
    n_starts : int
        Starts: the prior's centre and random ones.
    n_iterations : int
        Most Gauss-Newton steps of a start. With exact derivatives the search follows
        gradients instead, and has the runs that so many steps would take.
    n_draws : int
        Draws that are run and weighted.
    derivatives : {"auto", "exact", "differences"}
        As of the method ``4dvar``.

    Returns
    -------
    Outcome
        The draws are not weighted: weights only tell whether the normal form holds.
        Suspect, ``not_converged``, where they say that it does not, and
        ``collapsed`` where something has died out.
    """
    return sample_normal_posterior(
        problem, seed, "laplace", n_starts, n_iterations, n_draws, derivatives
    )


METHOD = Method(
    name="laplace",
    summary="The normal posterior at the minimum of 4dvar, checked by weights.",
    sample=sample,
    gives="posterior",
    needs=frozenset({"series"}),
    predictive=False,
    expected_runs=expected_runs,
    with_budget=with_budget,
    source="Gelman et al. (2013)",
)
