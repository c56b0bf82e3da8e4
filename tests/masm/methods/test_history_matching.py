"""What history matching rules out, and what it says of nothing and everything."""

import numpy as np
import pytest

import masm
from masm.errors import InputError
from masm.methods.history_matching import Rule

DAY = np.arange(10.0)
PRIORS = {"a": (0.0, 4.0), "b": (-2.0, 2.0)}


def line(theta):
    given = dict(theta)
    a, b = (np.atleast_1d(given[name])[:, None] for name in ("a", "b"))
    return {"gpp": a + b * DAY / 10.0}


def matched(value, sd=0.3, **options):
    rule = masm.GivenVariance(sd**2)
    seen = masm.Stream("gpp", DAY, value, variance=rule, windows=None)
    return masm.calibrate(
        line, {"gpp": seen}, PRIORS, seed=1, method="history_matching",
        max_runs=19, n_waves=1, n_predictive=0, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("n_outputs", "order", "most"), [(1, 1, 3), (10, 1, 3), (10, 2, 2)]
)
def test_the_truth_is_seldom_ruled_out(n_outputs, order, most):
    rng = np.random.default_rng(11)
    emulator_variance = rng.uniform(0.0, 2.0, (n_outputs, 200))
    structural = 0.7
    sd = np.sqrt(1.0 + structural**2 + emulator_variance)
    distance = sd * rng.standard_normal((n_outputs, 200))
    rule = Rule(order=order, discrepancy=structural)
    ruled_out = rule.implausibility(distance, emulator_variance) > 1.0
    assert ruled_out.sum() <= most


def test_the_cut_of_the_largest_follows_the_number_of_outputs():
    assert Rule().cut(1) == 3.0
    assert Rule().cut(10) == pytest.approx(3.64, abs=0.01)
    assert Rule(order=2).cut(10) == 3.0


def test_one_bad_output_decides_by_the_largest_and_not_by_the_second():
    distance = np.array([[9.0], [0.5], [0.2]])
    assert Rule().implausibility(distance, np.zeros((3, 1)))[0] > 1.0
    assert Rule(order=2).implausibility(distance, np.zeros((3, 1)))[0] < 1.0


def test_the_structural_error_widens_what_is_left():
    value = line({"a": 2.0, "b": 0.5})["gpp"][0]
    fractions = [
        matched(value, discrepancy=size).attrs["share_left"] for size in (0.0, 2.0)
    ]
    assert fractions[1] > 2.0 * fractions[0]


def test_it_says_when_everything_or_nothing_is_ruled_out():
    far = line({"a": 30.0, "b": 0.0})["gpp"][0]
    assert "too small" in matched(far).attrs["message"]
    near = line({"a": 2.0, "b": 0.0})["gpp"][0]
    assert "so large" in matched(near, sd=300.0).attrs["message"]
    assert "message" not in matched(near).attrs


def test_options_out_of_range_are_refused():
    for options in ({"order": 4}, {"order": 0}, {"discrepancy": -1.0}):
        with pytest.raises(InputError, match=next(iter(options))):
            matched(np.ones(10), **options)
