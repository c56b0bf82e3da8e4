"""4DVar: the minimum of the cost, and draws about it, weighted by the posterior.

Draws of a distribution a little wider than the normal one at the minimum are run and
weighted by the true posterior: the result is the weighted sample, and it is suspect
where few draws carry the weight.

References
----------
Tarantola, A. (2005). Inverse Problem Theory. SIAM, section 3.2.
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
    """Find the minimum, and draw from its checked Laplace posterior.

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
        The model's own derivatives, finite differences of its runs, or the first
        where there are any. With ``"emulator"`` those of an emulator of all runs so
        far: fewer runs where there are many parameters.
    max_runs : int, optional
        Most model runs: half for the search, whose later starts are left out where
        they are used up, and what is left for draws, whatever ``n_draws`` says.

    Returns
    -------
    Outcome
        Suspect, ``not_converged``, where the weighted draws are worth less than 0.3
        of their number (0.82 to the power of the number of parameters, where that is
        less; half, where they are worth fewer than 100 independent ones), the tail of
        the weights is heavy (Pareto k above 0.7; above 1 where half of the draws are
        effective), or another start ended in a minimum that counts too or another run
        of the search, images of the minimum with exchanged parameters among them, fits
        as well where no draws are; ``collapsed`` where something
        has died out.
        ``attrs`` hold the convergence report, elements at a bound, and
        ``effective_fraction``.
    """
    return sample_normal_posterior(
        problem, seed, "4dvar", n_starts, n_iterations, n_draws, derivatives,
        max_runs,
    )  # fmt: skip


METHOD = Method(
    name="4dvar",
    summary="The minimum by exact gradients or Gauss-Newton steps with finite "
    "differences; Laplace draws, weighted by the true posterior.",
    sample=sample,
    gives="posterior",
    needs=frozenset({"series"}),
    predictive=False,
    expected_runs=expected_runs,
    source="Tarantola (2005)",
)
