"""Finite differences: the chosen step is near the best one there is."""

import numpy as np
import pytest

import masm
from masm.minimisation.finite_differences import noise_of

PHASE = np.linspace(0.1, 3.0, 40)
STEPS = 10.0 ** np.arange(-11.5, 0.0, 0.25)


def waves(points):
    """Many outputs, so that no rounding error is small by luck."""
    x = np.atleast_2d(points)
    return 3.0 + np.sin(PHASE * (1.0 + x[:, :1])) * np.exp(0.3 * PHASE * x[:, 1:])


def slopes(x):
    angle = PHASE * (1.0 + x[0])
    grown = np.exp(0.3 * PHASE * x[1])
    return np.stack(
        [PHASE * np.cos(angle) * grown, 0.3 * PHASE * np.sin(angle) * grown], axis=1
    )


def few_digits(points):
    return np.round(waves(points), 6)


@pytest.mark.parametrize("function", [waves, few_digits])
@pytest.mark.parametrize("scheme", ["forward", "central"])
def test_the_chosen_step_is_near_the_best_one(function, scheme):
    x = np.array([0.4, -0.2])

    def error(steps):
        found = masm.finite_differences(function, x, scheme=scheme, steps=steps)
        return np.sqrt(np.mean((found - slopes(x)) ** 2, axis=0))

    errors = np.array([error(np.full(2, step)) for step in STEPS])
    best = np.argmin(errors, axis=0)
    assert np.all((best > 0) & (best < len(STEPS) - 1))  # there is a minimum
    chosen = masm.steps_by_curvature(function, x, scheme=scheme)
    assert np.all(error(chosen) < 10.0 * errors.min(axis=0))
    # What is chosen is what is used.
    found = masm.finite_differences(function, x, scheme=scheme)
    np.testing.assert_array_equal(
        found, masm.finite_differences(function, x, scheme=scheme, steps=chosen)
    )


def test_the_noise_of_rounded_values_is_that_of_rounding():
    along = np.array([1.0, 0.0])
    assert noise_of(waves, [0.4, -0.2], along) < 1e-14
    rounded = noise_of(few_digits, [0.4, -0.2], along)
    assert 0.3 * 1e-6 / np.sqrt(12.0) < rounded < 3e-6 / np.sqrt(12.0)
    assert np.isnan(noise_of(lambda p: np.full((len(p), 1), np.nan), [0.0], along[:1]))


def test_a_step_that_is_none_and_a_function_that_fails_are_refused():
    with pytest.raises(masm.InputError, match="steps"):
        masm.finite_differences(waves, [0.0, 0.0], steps=[0.1, 0.0])
    with pytest.raises(masm.InputError, match="scheme"):
        masm.finite_differences(waves, [0.0, 0.0], scheme="both", steps=0.1)
    with pytest.raises(masm.InputError, match="not finite"):
        masm.steps_by_curvature(lambda p: np.full((len(p), 2), np.nan), [0.0])
