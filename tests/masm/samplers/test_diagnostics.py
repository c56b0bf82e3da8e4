import math

import numpy as np
import pytest

from masm.samplers.diagnostics import at_bound, convergence, gelman_rubin, has_converged


def test_gelman_rubin_against_the_formula_by_hand():
    draws = np.array([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]])
    # W = 1, variance of the means = 1/2, B = 3/2, m = 2, n = 3
    assert gelman_rubin(draws) == pytest.approx(math.sqrt(2 / 3 + 3 / 6 * 1.5))


def test_independent_chains_converge_and_separated_ones_do_not():
    rng = np.random.default_rng(1)
    good = rng.normal(size=(4, 2000, 2))
    assert has_converged(convergence(good))
    apart = good.copy()
    apart[0, :, 1] += 3.0
    diagnosis = convergence(apart)
    assert not has_converged(diagnosis)
    assert diagnosis["r_hat"][0] < 1.01 < diagnosis["r_hat"][1]
    assert diagnosis["r_hat_gr"][1] > 1.2


def test_a_slow_drift_passes_the_papers_rule_but_not_ours():
    rng = np.random.default_rng(2)
    steps = 0.14 * rng.normal(size=(4, 4000, 1))
    walk = np.empty_like(steps)
    state = rng.normal(size=(4, 1))
    for t in range(4000):
        state = 0.99 * state + steps[:, t]
        walk[:, t] = state
    diagnosis = convergence(walk)
    assert diagnosis["r_hat_gr"][0] < 1.2
    assert not has_converged(diagnosis)


def test_chains_that_stand_still():
    assert gelman_rubin(np.ones((3, 10))) == 1.0
    assert gelman_rubin(np.repeat([[0.0], [1.0]], 10, axis=1)) == math.inf
    assert math.isnan(gelman_rubin(np.ones((1, 10))))


@pytest.mark.filterwarnings("error")
def test_chains_that_never_move_have_not_converged_and_raise_no_warning():
    diagnosis = convergence(np.ones((4, 50, 2)))
    assert np.isnan(diagnosis["r_hat"]).all()
    assert not has_converged(diagnosis)


def test_a_posterior_is_at_a_bound_when_it_crowds_there():
    rng = np.random.default_rng(3)
    crowd = 0.08 * np.abs(rng.normal(size=5000))
    assert at_bound(crowd) == "low"
    assert at_bound(1.0 - crowd) == "high"
    assert at_bound(rng.random(5000)) == ""  # not informed is not at a bound
    assert at_bound(0.5 + 0.1 * rng.normal(size=5000)) == ""


def test_examples_run():
    import doctest

    import masm.samplers.diagnostics as module

    assert doctest.testmod(module).failed == 0
