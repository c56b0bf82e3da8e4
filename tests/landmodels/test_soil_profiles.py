"""Splines of soil profiles and carbon density against closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landmodels.errors import InputError
from landmodels.soil_profiles import (
    carbon_density,
    equal_area_spline,
    profile_carbon_density,
)

TOP, BOTTOM = [0, 10, 25, 60], [10, 20, 50, 100]
VALUE = [30.0, 22.0, 9.0, 4.0]


@given(st.lists(st.floats(0.1, 80.0), min_size=4, max_size=4))
def test_a_stiff_criterion_keeps_the_mean_of_each_horizon(values):
    f = equal_area_spline(TOP, BOTTOM, values, smoothing=1e-9)
    means = [f.mean(a, b) for a, b in zip(TOP, BOTTOM, strict=True)]
    np.testing.assert_allclose(means, values, atol=1e-5)


def test_much_smoothing_gives_a_constant():
    f = equal_area_spline(TOP, BOTTOM, VALUE, smoothing=1e9)
    np.testing.assert_allclose(f([0, 30, 99]), np.mean(VALUE), atol=1e-4)


def test_the_function_and_its_slope_are_continuous():
    f = equal_area_spline(TOP, BOTTOM, VALUE)
    h = 1e-6
    for edge in f.edges[1:-1]:
        left, right = f([edge - h, edge + h])
        assert left == pytest.approx(right, abs=1e-4)
        slopes = (f(edge) - f(edge - h)) / h, (f(edge + h) - f(edge)) / h
        assert slopes[0] == pytest.approx(slopes[1], abs=1e-3)


def test_no_other_function_is_better():
    """Small changes of the function make the criterion larger (a variational law)."""
    f = equal_area_spline(TOP, BOTTOM, VALUE, smoothing=0.1)
    x = np.linspace(0.0, 100.0, 20_001)
    y = f(x)

    def criterion(values):
        misfit = [
            np.mean(values[(x >= a) & (x <= b)]) - v
            for a, b, v in zip(TOP, BOTTOM, VALUE, strict=True)
        ]
        slope = np.gradient(values, x)
        return np.mean(np.square(misfit)) + 0.1 * np.trapezoid(slope**2, x)

    best = criterion(y)
    for k in range(6):
        for sign in (-1.0, 1.0):
            assert criterion(y + sign * 0.05 * np.cos(k * np.pi * x / 100.0)) > best


def test_means_of_parts_add_up():
    f = equal_area_spline(TOP, BOTTOM, VALUE)
    parts = 12.0 * f.mean(0, 12) + 18.0 * f.mean(12, 30)
    assert 30.0 * f.mean(0, 30) == pytest.approx(parts, rel=1e-13)


def test_outside_the_profile_there_is_no_number():
    f = equal_area_spline([0, 10], [10, 25], [30, 20])
    assert np.isnan(f(26.0))
    with pytest.raises(InputError, match="0 to 25 cm"):
        f.mean(0, 30)


def test_density_with_the_misprint_put_right():
    # 20 g kg-1 in 1.2 g cm-3 over 30 cm, a quarter of the volume rock.
    assert carbon_density(20.0, 1.2, 30.0, 25.0) == pytest.approx(5.4)
    assert carbon_density(20.0, 1.2, 30.0, 100.0) == 0.0
    printed = 20.0 * 1.2 * 30.0 * (1 - 25.0) / 100
    assert printed < 0.0


def test_a_uniform_profile_has_the_density_of_its_horizons():
    profile = {"top": [0, 20], "bottom": [20, 60], "carbon": [15, 15],
               "bulk_density": [1.3, 1.3], "rock_fragments": [10, 10]}  # fmt: skip
    expected = carbon_density(15.0, 1.3, 30.0, 10.0)
    assert profile_carbon_density(profile) == pytest.approx(expected, rel=1e-9)


GOOD = {"top": [0, 20], "bottom": [20, 60], "carbon": [15, 10],
        "bulk_density": [1.2, 1.3], "rock_fragments": [10, 10]}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rock_fragments": [10, 120]}, "rock_fragments, sample 1"),
        ({"bottom": [20, np.nan]}, "horizon 1, bottom"),
        ({"bottom": [20, 25]}, "0 to 25 cm"),
        ({"top": [0, 15]}, "without overlap"),
        ({"top": [0, 20], "bottom": [0, 60]}, "horizon 0"),
        ({"carbon": [15, np.nan]}, "carbon"),
        ({"carbon": [15]}, "horizon"),
        ({"bulk_density": [1200, 1300]}, "g cm-3"),
    ],
)
def test_profiles_that_cannot_be_used(change, words):
    with pytest.raises(InputError, match=words):
        profile_carbon_density(GOOD | change)


@pytest.mark.parametrize("thickness", [None, np.nan, 0.0, -30.0])
def test_a_stock_without_a_depth(thickness):
    with pytest.raises(InputError, match="without a depth"):
        carbon_density(20.0, 1.2, thickness, 0.0)


def test_a_missing_column():
    with pytest.raises(InputError, match=r"profile\.bulk_density"):
        profile_carbon_density({"top": [0], "bottom": [30], "carbon": [1]})
