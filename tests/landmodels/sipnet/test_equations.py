"""Equations by themselves, against closed forms and laws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landmodels import sipnet
from landmodels.sipnet.options import Options
from landmodels.sipnet.physics import growth, photosynthesis, respiration, window
from landmodels.sipnet.physics.constants import (
    EVAPORATION_FACTOR,
    LN2,
    SUBLIMATION_FACTOR,
)
from landmodels.sipnet.physics.records import STATE_RECORD


def test_derived_constants_are_those_of_the_specification():
    assert pytest.approx(68.385737, abs=5e-7) == EVAPORATION_FACTOR
    assert pytest.approx(60.329004, abs=5e-7) == SUBLIMATION_FACTOR


@settings(deadline=None)
@given(st.floats(0.1, 200.0), st.floats(0.01, 8.0), st.floats(0.1, 1.0))
def test_light_factor_is_the_canopy_mean_of_the_light_response(par, lai, k):
    half = 17.0
    found = photosynthesis.light_factor(par, lai, k, -LN2 / half)
    depth = np.linspace(0.0, 1.0, 7)
    light = par * np.exp(-k * lai * depth)
    weights = np.array([1, 4, 2, 4, 2, 4, 1]) / 18.0
    assert found == pytest.approx(
        float(weights @ (1 - 2 ** (-light / half))), rel=1e-12
    )


def test_light_factor_of_a_thin_canopy_is_the_response_of_a_leaf():
    found = photosynthesis.light_factor(17.0, 1e-12, 0.5, -LN2 / 17.0)
    assert found == pytest.approx(0.5, abs=1e-12)
    assert photosynthesis.light_factor(17.0, 0.0, 0.5, -LN2 / 17.0) == 0.0
    assert photosynthesis.light_factor(-2e-15, 3.0, 0.5, -LN2 / 17.0) == 0.0


def test_temperature_factor_is_one_at_the_optimum_and_zero_outside():
    low, high = 2.0, 46.0
    scale = (2.0 / (high - low)) ** 2
    factor = photosynthesis.temperature_factor
    assert factor(24.0, low, high, scale) == pytest.approx(1.0)
    assert factor(low, low, high, scale) == 0.0
    assert factor(60.0, low, high, scale) == 0.0


def test_humidity_factor_never_is_negative():
    factor = photosynthesis.humidity_factor
    assert factor(math.log(2.0), 0.05, 2.0) == pytest.approx(0.8)
    assert factor(math.log(20.0), 0.05, 2.0) == 0.0


def test_without_oxygen_only_above_the_threshold():
    assert respiration.anoxia(0.6, 0.6) == 0.0
    assert respiration.anoxia(0.8, 0.6) == pytest.approx(0.5)
    assert respiration.anoxia(1.7, 0.6) == 1.0


def test_the_window_is_the_mean_of_the_last_five_days():
    """Against the time-weighted mean of a step function, for irregular steps."""
    rng = np.random.default_rng(1)
    s = np.zeros(1, dtype=STATE_RECORD)[0:1]
    window.reset(s[0], 0.0, 0.0)
    lengths = rng.choice([0.02, 0.125, 0.4, 0.6, 1.0, 4.9], 200)
    values = rng.normal(size=200)
    ends = np.cumsum(lengths)
    for i in range(200):
        window.add(s[0], values[i], 2.0 * values[i], lengths[i])
        begins = np.concatenate([[0.0], ends[: i + 1]])
        weight = np.clip(begins[1:] - np.maximum(begins[:-1], ends[i] - 5.0), 0.0, None)
        mean = float(weight @ values[: i + 1]) / 5.0
        assert s["queue_sum"][0] / 5.0 == pytest.approx(mean, abs=1e-12)
        assert s["gpp_queue_sum"][0] / 5.0 == pytest.approx(2.0 * mean, abs=1e-12)
        assert s["queue_weight"][0].sum() >= 5.0 - 1e-9


def test_a_step_of_five_days_or_more_is_the_whole_window():
    s = np.zeros(1, dtype=STATE_RECORD)
    window.reset(s[0], 9.0, 9.0)
    window.add(s[0], 2.0, 3.0, 30.0)
    assert s["queue_sum"][0] == 10.0
    assert s["queue_length"][0] == 1.0
    assert s["queue_weight"][0, 0] == 5.0


def test_leaf_on_is_limited_by_wood_and_coarse_roots(niwot):
    """Leaf-on by events moves at most the fraction that the parameter names."""
    calendar = {"phenology": "calendar"}
    values = {"leafOnDay": 0.0, "leafOffDay": 0.0, "leafGrowth": 5000.0,
              "leafOnReallocFrac": 0.1}  # fmt: skip
    event = [{"year": 1999, "day": 30, "kind": "leafon"}]
    without = sipnet.simulate(niwot, values, options=calendar)
    run = sipnet.simulate(niwot, values, options=calendar, events=event)
    step = int(np.argmax(niwot["day"].values == 30))
    before = float(without["wood"][step - 1] + without["coarse_root"][step - 1])
    gain = float(run["leaf"][step] - without["leaf"][step])
    assert gain == pytest.approx(0.1 * before, rel=1e-9)
    assert (run["leaf_on"] == 0).all()


def test_no_flux_sees_a_pool_of_the_same_step(niwot):
    """Two runs whose pools differ only by an event have the same first fluxes."""
    event = [{"year": 1999, "day": 1, "kind": "fert", "a": 0, "b": 500.0, "c": 0}]
    run = sipnet.simulate(niwot, events=event)
    without = sipnet.simulate(niwot)
    assert run["rh"][0] == without["rh"][0]
    assert run["rh"][1] > without["rh"][1]
    assert float(run["soil"][0] - without["soil"][0]) == pytest.approx(500.0)


def test_tillage_speeds_decomposition_at_once_and_fades(niwot):
    event = [{"year": 1999, "day": 20, "kind": "till", "a": 0.5}]
    run, without = sipnet.simulate(niwot, events=event), sipnet.simulate(niwot)
    step = int(np.argmax(niwot["day"].values == 20))
    assert float(run["rh"][step] / without["rh"][step]) == pytest.approx(1.5)
    days = float(niwot["step_length"][step : step + 20].sum())
    expected = 0.5 * math.exp(-days / 30.0)
    assert float(run["tillage"][step + 19]) == pytest.approx(expected, rel=1e-12)
    assert float(run["tillage"][-1]) == 0.0


def test_the_old_program_corrects_fractions_above_one(niwot):
    fractions = {
        "leafAllocation": 0.5,
        "woodAllocation": 0.4,
        "fineRootAllocation": 0.4,
    }
    legacy = sipnet.simulate(niwot, fractions, options="legacy")
    repaired = sipnet.simulate(
        niwot, fractions | {"woodAllocation": 0.0}, options="legacy"
    )
    assert np.array_equal(legacy["nee"], repaired["nee"])


def test_wood_fraction_of_an_empty_plant_is_zero():
    s = np.zeros(1, dtype=STATE_RECORD)
    assert growth.wood_fraction(s[0], Options().record()[0]) == 0.0
