import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from masm import scores

OBSERVED = np.array([1.0, 2.0, 4.0, 7.0])
series = arrays(float, 12, elements=st.floats(-50.0, 50.0))


def test_a_perfect_simulation():
    got = scores(OBSERVED, OBSERVED)
    assert (got["r"], got["rmse"], got["ae"], got["r2"]) == pytest.approx((1, 0, 0, 1))
    assert got["diso"] == pytest.approx(0.0, abs=1e-12)


def test_a_constant_offset_moves_error_and_bias_but_not_correlation():
    got = scores(OBSERVED + 0.7, OBSERVED)
    assert got["r"] == pytest.approx(1.0)
    assert got["rmse"] == pytest.approx(0.7)
    assert got["ae"] == pytest.approx(0.7)
    assert got["diso"] == pytest.approx(math.sqrt(2.0) * 0.7 / 3.5)


def test_a_mirrored_simulation_has_correlation_minus_one():
    got = scores(-OBSERVED, OBSERVED)
    assert got["r"] == pytest.approx(-1.0)
    assert got["r2"] == pytest.approx(1.0)


@given(series, series, st.floats(0.1, 10.0))
def test_diso_has_no_unit(s, o, factor):
    one, other = scores(s, o)["diso"], scores(factor * s, factor * o)["diso"]
    assert math.isnan(one) == math.isnan(other) or abs(o.mean()) < 1e-6
    if not math.isnan(one) and abs(o.mean()) > 1e-6:
        assert other == pytest.approx(one, rel=1e-6, abs=1e-6)


@given(series, series)
def test_rmse_is_bias_and_scatter_and_never_below_bias(s, o):
    got = scores(s, o)
    spread = np.std(s - o)
    assert got["rmse"] ** 2 == pytest.approx(got["ae"] ** 2 + spread**2, abs=1e-6)
    assert got["rmse"] >= abs(got["ae"]) - 1e-9


def test_only_pairs_count_and_none_gives_nan():
    got = scores([1.0, np.nan, 3.0], [2.0, 5.0, np.nan])
    assert got["n"] == 1
    assert got["ae"] == -1.0
    assert math.isnan(got["r"])
    nothing = scores([np.nan], [1.0])
    assert nothing["n"] == 0
    assert math.isnan(nothing["rmse"])


def test_a_constant_simulation_has_no_correlation():
    assert math.isnan(scores(np.full(4, 0.1), OBSERVED)["r"])
    assert math.isnan(scores(OBSERVED - OBSERVED.mean(), OBSERVED * 0)["diso"])


def test_lengths_must_match():
    with pytest.raises(ValueError, match="3 simulated and 4 observed"):
        scores([1.0, 2.0, 3.0], OBSERVED)
