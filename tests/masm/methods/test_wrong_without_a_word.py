"""A posterior beside the true one is suspect, and a normal one is not."""

import numpy as np
import pytest

import masm
from benchmarks.compare import problem
from benchmarks.targets import make
from masm.methods.registry import method_of
from masm.methods.support import heavy_tails, marginal_change, runs_beside

SEEDS = range(1, 7)


def verdicts(name, method, budget):
    """Verdict of each seed, and how far marginals are from the truth in its sd."""
    target = make(name)
    model, observations, _ = problem(target)
    options = method_of(method).with_budget(budget, len(target.priors))
    truth = target.truth()
    found = []
    for seed in SEEDS:
        result = masm.calibrate(
            model, observations, target.priors, seed=seed, method=method,
            n_predictive=0, **options,
        )  # fmt: skip
        draws = [result.posterior[n].to_numpy().ravel() for n in target.priors]
        off = [d.std() / t.std() for d, t in zip(draws, truth.T, strict=True)]
        found.append((result.status, float(np.max(np.abs(np.log(off))))))
    return found


@pytest.mark.parametrize("method", ["4dvar", "laplace"])
def test_a_normal_posterior_is_trusted(method):
    found = verdicts("gauss4", method, 300)
    assert sum(status == "done" for status, _ in found) >= len(found) - 1
    assert max(off for _, off in found) < 0.35


@pytest.mark.parametrize("method", ["4dvar", "laplace"])
def test_draws_about_the_minimum_of_a_bent_posterior_are_not(method):
    found = verdicts("banana_edge6", method, 300)
    assert {status for status, _ in found} == {"suspect"}


def test_weights_that_lean_to_one_side_move_a_marginal_and_random_ones_do_not():
    rng = np.random.default_rng(3)
    u = rng.random((500, 3))
    assert marginal_change(u, 0.8 * rng.standard_normal(500)) < 0.25
    assert marginal_change(u, 3.0 * u[:, 1]) > 0.5
    failed = np.where(u[:, 0] > 0.5, -np.inf, 0.0)
    assert marginal_change(u, failed) < 1e-12  # of those that ran
    assert marginal_change(u, np.full(500, -np.inf)) == np.inf
    assert heavy_tails(0.2, 0.9)
    assert not heavy_tails(0.9, 0.9)


def test_a_run_in_another_valley_lies_beside_the_draws():
    rng = np.random.default_rng(5)
    z = 0.2 * rng.standard_normal((800, 3)) - 1.0
    squares = np.sum(((z + 1.0) / 0.2) ** 2, axis=1) - np.sum(z**2, axis=1)
    inside, other = np.full(3, -0.9), np.full(3, 1.0)
    runs = np.stack([inside, other])
    low, high = np.full(2, -4.0), np.array([-4.0, 40.0])
    assert runs_beside(z, squares, runs, low) == 1
    assert runs_beside(z, squares, runs, high) == 0  # it does not fit


@pytest.mark.parametrize("method", ["4dvar", "laplace"])
@pytest.mark.parametrize(("high", "verdict"), [(1.0, "suspect"), (2.0, "done")])
def test_a_minimum_with_an_exchanged_twin_is_not_the_whole_posterior(
    method, high, verdict
):
    """One start finds one of two orders; with unlike priors there is only one."""

    def model(theta):
        a, b = (np.atleast_1d(theta[name]) for name in "ab")
        return {"y": np.stack([a * b, a + b], axis=1)}

    bounds = {"a": (0.0, 1.0), "b": (high - 1.0, high)}
    truth = model({"a": 0.25, "b": high - 0.25})["y"][0]
    stream = masm.Stream(
        "y", np.arange(2), truth, variance=masm.GivenVariance(1e-5), windows=None
    )
    result = masm.calibrate(
        model, {"y": stream}, bounds, seed=2, method=method, n_starts=1, n_predictive=0
    )
    assert result.status == verdict
    assert (result.attrs["n_images"] > 0) == (high == 1.0)
