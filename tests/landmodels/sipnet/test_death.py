"""Death of the plant is an outcome that is reported, and that a calibration can see."""

import numpy as np
import pytest

from landmodels import sipnet

KILLING = {"baseFineRootResp": 60.0, "baseCoarseRootResp": 60.0}


def test_the_step_of_death_is_reported(case):
    run = case("niwot_death").simulate()
    assert bool(run["died"])
    assert bool(run["dead"])
    assert str(run["death_time"].values)[:10] == "2000-07-14"
    step = int(np.argmin(run["alive"].values))
    assert run["time"][step] == run["death_time"]
    assert (run["gpp"][step + 1 :] == 0.0).all()
    assert (run["rh"][step + 1 :] > 0.0).all()


def test_the_carbon_of_a_dead_plant_is_in_the_soil(case):
    run = case("niwot_death").simulate()
    step = int(np.argmin(run["alive"].values))
    for name in ("wood", "unallocated", "leaf", "coarse_root", "fine_root", "mean_npp"):
        assert float(run[name][step]) == 0.0
    assert run["soil"][step] > run["soil"][step - 1] + 10000.0


def test_a_living_run_reports_life(niwot):
    run = sipnet.simulate(niwot)
    assert not run["died"]
    assert not run["dead"]
    assert np.isnat(run["death_time"].values)
    assert (run["alive"] == 1.0).all()


def test_dead_runs_can_be_made_no_numbers(niwot):
    values = {k: [0.1, v, 0.1] for k, v in KILLING.items()}
    kept = sipnet.simulate_batch(niwot, values)
    assert kept["died"].values.tolist() == [False, True, False]
    assert np.isfinite(kept["nee"]).all()
    run = sipnet.simulate_batch(niwot, values, dead_runs="nan")
    assert np.isnan(run["nee"][1]).all()
    assert np.isnan(run["gpp"][1]).all()
    assert np.array_equal(run["nee"][[0, 2]], kept["nee"][[0, 2]])
    assert np.isfinite(run["final_state"]).all()


def test_a_plant_that_never_lived_counts_as_dead(niwot):
    run = sipnet.simulate(niwot, {"plantWoodInit": 0.0, "laiInit": 0.0})
    assert not run["died"]
    assert run["dead"]
    nan = sipnet.simulate(
        niwot, {"plantWoodInit": 0.0, "laiInit": 0.0}, dead_runs="nan"
    )
    assert np.isnan(nan["gpp"]).all()


def test_a_living_plant_without_photosynthesis_for_a_year_is_unproductive(case):
    one = case("niwot_set2")
    dark = {"frozenSoilThreshold": 50.0, "frozenSoilEff": 0.0}
    run = sipnet.simulate(one.forcing, one.parameters | dark | {"baseVegResp": 0.0})
    assert run["unproductive"]
    assert not one.simulate()["unproductive"]


def test_planting_brings_life_back(niwot):
    events = [
        {"year": 1999, "day": 20, "kind": "harv", "a": 1.0, "b": 1.0, "c": 0, "d": 0},
        {"year": 1999, "day": 60, "kind": "plant", "a": 90, "b": 900, "c": 90, "d": 90},
    ]
    run = sipnet.simulate(niwot, events=events)
    assert bool(run["died"])
    assert not bool(run["dead"])
    days = niwot["day"].values
    assert (run["alive"].values[(days >= 20) & (days < 60)] == 0.0).all()
    assert (run["alive"].values[days >= 60] == 1.0).all()


@pytest.mark.parametrize("options", ["legacy", "legacy_reanalysis"])
def test_the_old_program_knows_no_death(options, niwot):
    """What kills the plant of the current model leaves it its wood here."""
    assert sipnet.simulate(niwot, KILLING)["died"]
    run = sipnet.simulate(niwot, KILLING, options=options)
    assert not run["died"]
    assert float(run["wood"][-1]) > 5000.0
