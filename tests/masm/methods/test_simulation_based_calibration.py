"""Chains on the model itself are calibrated: truths are draws of their posteriors.

Truths are drawn from the prior, observed with noise, and calibrated; the rank of the
truth among independent draws is then uniform (Talts et al. 2018).
"""

import numpy as np
import pytest
from scipy import stats

import masm

N_TRUTHS, N_DRAWS, SD = 200, 19, 0.3
DESIGN = np.array([[1.0, 0.6], [0.3, -0.8], [0.5, 0.5]])
BOUNDS = {"a": (0.0, 1.0), "b": (0.0, 1.0)}


def ranks(method, stated_sd=SD):
    """Rank of each true parameter among thinned draws, (truth, parameter)."""
    found = []
    for k in range(N_TRUTHS):
        rng = np.random.default_rng([7, k])
        truth = rng.random(2)
        seen = DESIGN @ truth + SD * rng.standard_normal(3)
        result = masm.sample_cost(
            lambda theta, seen=seen: np.sum(
                ((theta @ DESIGN.T - seen) / stated_sd) ** 2, axis=1
            ),
            BOUNDS, seed=[8, k], method=method, max_runs=3_000,
        )  # fmt: skip
        draws = np.stack([result.posterior[n].to_numpy().ravel() for n in BOUNDS], 1)
        thinned = draws[np.linspace(0, len(draws) - 1, N_DRAWS).astype(int)]
        found.append(np.sum(thinned < truth, axis=0))
    return np.array(found)


def uniformity(found):
    """Chi-square p of ten bins of ranks, for each parameter."""
    counts = [np.bincount(r // 2, minlength=10) for r in found.T]
    return np.array([stats.chisquare(c).pvalue for c in counts])


@pytest.mark.parametrize("method", ["metropolis", "affine", "demc"])
def test_ranks_of_truths_among_draws_are_uniform(method):
    assert np.all(uniformity(ranks(method)) > 0.001)


def test_ranks_show_a_likelihood_that_is_too_sure():
    assert np.any(uniformity(ranks("affine", stated_sd=0.5 * SD)) < 0.001)
