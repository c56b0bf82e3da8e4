"""A learned residual finds what drivers tell, and nothing in noise."""

import numpy as np
import pytest

import masm

RNG = np.random.default_rng(4)
YEAR = np.repeat(np.arange(2001, 2007), 40)
DRY, WARM, NOISE = RNG.random(240), RNG.random(240), RNG.standard_normal(240)
DRIVERS = {"warm": WARM, "dry": DRY}


def test_what_drivers_explain_is_structural_error_and_names_its_driver():
    lacked = 3.0 * np.clip(DRY - 0.6, 0.0, None)
    found = masm.learn_residual(DRIVERS, lacked + 0.2 * NOISE, YEAR)
    assert found.structural_sd == pytest.approx(np.sqrt(np.mean(lacked**2)), rel=0.1)
    assert found.rmse_left < 0.27
    assert next(iter(found.drivers)) == "dry"
    assert sum(found.drivers.values()) == pytest.approx(1.0)


def test_noise_is_not_explained_in_years_held_out():
    found = masm.learn_residual(DRIVERS, NOISE, YEAR)
    assert found.skill < 0.05
    assert found.rmse == pytest.approx(np.sqrt(np.mean(NOISE**2)))


def test_a_constant_error_is_all_structural_and_missing_values_are_left_out():
    residual = np.full(240, 1.5)
    residual[::7] = np.nan
    found = masm.learn_residual(DRIVERS, residual, YEAR)
    assert found.skill == pytest.approx(1.0)
    assert np.array_equal(np.isnan(found.predicted), np.isnan(residual))


def test_too_few_years_give_no_number_and_odd_lengths_an_error():
    short = masm.learn_residual(DRIVERS, NOISE, np.where(YEAR < 2003, 1, 2))
    assert np.isnan([short.skill, short.structural_sd]).all()
    assert short.drivers == {}
    with pytest.raises(masm.InputError, match="dry"):
        masm.learn_residual({"dry": DRY[:9]}, NOISE, YEAR)
    with pytest.raises(masm.InputError, match="drivers"):
        masm.learn_residual({}, NOISE, YEAR)
