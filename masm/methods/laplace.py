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
    max_runs: int | None = None,
) -> Outcome:
    """Find the minimum, and draw from the normal posterior there as it is.

    Parameters
    ----------
    problem : Problem
        Whose model gives series.
    seed : numpy.random.SeedSequence
    n_starts : int
        Starts: the lowest point of a design of 40 runs that fills the prior, and good
        points far from it.
    n_iterations : int
        Most Gauss-Newton steps of a start. With exact derivatives the search follows
        gradients instead, and has the runs that so many steps would take.
    n_draws : int
        Draws that are run and weighted.
    derivatives : {"auto", "exact", "differences", "emulator"}
        As of the method ``4dvar``.
    max_runs : int, optional
        Most model runs: half for the search, whose later starts are left out where
        they are used up, and what is left for draws, whatever ``n_draws`` says.

    Returns
    -------
    Outcome
        The draws are not weighted: weights only show whether the normal form holds.
        Suspect, ``not_converged``, where draws are worth less than three tenths of
        their number by them, a marginal would be moved by them by more than three
        tenths of its standard deviation (``attrs["marginal_shift"]``), the next step
        of the search would be longer than that (``attrs["minimum_off"]``), their tail
        is heavy (Pareto k above 0.7; above 1 where half of the draws are effective),
        or another start ended in a minimum that counts too or another run of the
        search, images of the minimum with exchanged parameters among them, fits as
        well where no draws are; ``collapsed`` where something has died
        out.
    """
    return sample_normal_posterior(
        problem, seed, "laplace", n_starts, n_iterations, n_draws, derivatives,
        max_runs,
    )  # fmt: skip


METHOD = Method(
    name="laplace",
    summary="The normal posterior at the minimum of 4dvar, checked by weights.",
    sample=sample,
    gives="posterior",
    needs=frozenset({"series"}),
    predictive=False,
    expected_runs=expected_runs,
    source="Gelman et al. (2013)",
)
