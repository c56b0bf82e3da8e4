"""What a posterior leaves open, where it is known."""

import numpy as np
import pytest

import masm
from masm.results.equifinality import equifinality

DAY = np.arange(30.0)


def product(theta):
    """Only the sum of a and b is seen; c is seen by itself, and d not at all."""
    both = theta["a"] + theta["b"]
    return {"y": both[:, None] + theta["c"][:, None] * DAY / 30.0}


@pytest.fixture(scope="module")
def found():
    priors = {n: masm.TruncatedNormal(-9.0, 9.0, mean=0.0, sd=1.0) for n in "abcd"}
    seen = masm.Stream(
        "y", DAY, np.zeros(30), windows=None, variance=masm.GivenVariance(0.01)
    )
    return masm.calibrate(
        product, {"y": seen}, priors, seed=1, method="esmda", n_members=600,
        n_predictive=0,
    )  # fmt: skip


def test_parameters_that_make_up_for_each_other_are_an_open_direction(found):
    report = found.equifinality()
    assert report.correlation.loc["a", "b"] < -0.9
    assert report.effective_dimension == pytest.approx(2.0, abs=0.25)
    assert len(report.open_directions) == 2  # a - b, and d
    assert abs(report.open_directions["c"]).max() < 0.2
    assert report.variance_left["a"] == pytest.approx(0.5, abs=0.1)
    assert report.variance_left["d"] == pytest.approx(1.0, abs=0.15)
    assert "2 more than half" in repr(report)


def test_a_point_has_no_report(found):
    with pytest.raises(masm.InputError, match="too few draws"):
        equifinality(found.posterior.isel(draw=slice(0, 1)), found.groups["prior"])
