"""Energy closes hour by hour in the weather of ``benchmarks.physics_stress`` too."""

import numpy as np
import pytest

from benchmarks import energy_stress
from tests.ibis_dalec.driver import Hours


@pytest.fixture(scope="module")
def trace():
    return energy_stress.trace_blocks([1, 276])


@pytest.fixture(scope="module")
def openings(trace):
    return {law: (over, reported) for law, over, reported in energy_stress.judge(trace)}


def test_the_days_are_hostile(trace):
    after = trace.soil
    assert after.ta.min() < 233.0
    assert after.ta.max() > 315.0
    assert (trace.light.rain + trace.light.snow).max() * 3600.0 > 1.5
    assert (after.fi > 0.0).any()


@pytest.mark.parametrize("law", list(energy_stress.LAWS))
def test_no_hour_is_open(openings, law):
    over, reported = openings[law]
    assert reported == ""
    assert over.size > 1000
    assert over.max() <= 1.0


def test_a_law_that_is_broken_is_seen(trace):
    stages = {k: Hours(hours.records.copy()) for k, hours in vars(trace).items()}
    stages["soil"].records["tsoi"] += 1e-3
    stages["light"].records["fira"] += 1e-3
    broken = energy_stress.laws.Trace(**stages)
    over = {law: over.max() for law, over, _ in energy_stress.judge(broken)}
    assert over["heat of soil"] > 1.0
    assert over["infrared"] > 1.0
    assert over["heat of snow"] <= 1.0
    assert np.isfinite(list(over.values())).all()
