"""What an analysis means for the model's own pools, and that its carbon is booked."""

import numpy as np
import pytest
import xarray as xr

from landmodels import sipnet

from .cases import DATA


@pytest.fixture(scope="module")
def run(niwot):
    return sipnet.simulate_batch(
        niwot, {"aMax": [6.0, 8.0, 12.0]}, options={"litter_pool": True}
    )


def entry(state, name):
    return state["final_state"].sel(state=name, drop=True).values


def test_leaf_area_becomes_leaf_carbon(run):
    new = sipnet.update_state(run, {"lai": [2.0, 3.0, np.nan]})
    assert entry(new, "leaf")[:2].tolist() == [540.0, 810.0]
    assert entry(new, "leaf")[2] == entry(run, "leaf")[2]


def test_wood_keeps_its_unallocated_carbon(run):
    new = sipnet.update_state(run, {"above_ground_wood": 4000.0})
    assert np.array_equal(entry(new, "unallocated"), entry(run, "unallocated"))
    total = entry(new, "wood") + entry(new, "unallocated")
    assert total == pytest.approx([4000.0] * 3)


def test_wood_below_the_unallocated_carbon_is_all_allocated(run):
    state = run["final_state"].copy()
    state.loc[{"state": "unallocated"}] = 50.0
    new = sipnet.update_state(state, {"above_ground_wood": 20.0})
    assert entry(new, "wood").tolist() == [20.0] * 3
    assert entry(new, "unallocated").tolist() == [0.0] * 3


def test_biomass_is_wood_and_leaves(run):
    new = sipnet.update_state(run, {"above_ground_biomass": 5000.0, "lai": 2.0})
    total = sum(entry(new, name) for name in ("wood", "unallocated", "leaf"))
    assert total == pytest.approx([5000.0] * 3)


def test_roots_can_follow_the_wood(run):
    old = entry(run, "wood") + entry(run, "unallocated")
    new = sipnet.update_state(run, {"above_ground_wood": 2.0 * old}, roots="scale")
    for name in ("coarse_root", "fine_root"):
        assert entry(new, name) == pytest.approx(2.0 * entry(run, name))
    kept = sipnet.update_state(run, {"above_ground_wood": 2.0 * old})
    assert np.array_equal(entry(kept, "fine_root"), entry(run, "fine_root"))


def test_soil_carbon_is_soil_and_litter(run):
    new = sipnet.update_state(run, {"soil_carbon": 9000.0})
    assert entry(new, "soil") + entry(new, "litter") == pytest.approx([9000.0] * 3)
    ratio = entry(run, "litter") / entry(run, "soil")
    assert entry(new, "litter") / entry(new, "soil") == pytest.approx(ratio)


def test_water_stays_within_what_the_soil_holds(run):
    new = sipnet.update_state(run, {"soil_water": [3.0, 12.0, 40.0], "snow": 0.0})
    assert entry(new, "water").tolist() == [3.0, 12.0, 12.0]


def test_what_was_added_is_booked(run):
    new = sipnet.update_state(
        run,
        {"lai": 3.0, "above_ground_wood": 100.0, "soil_carbon": 1.0, "snow": 4.0},
        roots="scale",
    )
    pools = list(new["pool"].values)
    for pool in pools:
        booked = new["carbon_added"].sel(pool=pool).values
        assert booked == pytest.approx(entry(new, pool) - entry(run, pool))
    water = sum(entry(new, n) - entry(run, n) for n in ("water", "snow"))
    assert new["water_added"].values == pytest.approx(water)


def test_the_memory_of_the_model_is_kept(run):
    new = sipnet.update_state(run, {"lai": 3.0, "soil_carbon": 5.0})
    changed = (new["final_state"] != run["final_state"]).any("sample")
    changed = set(run["state"].values[changed.values])
    assert changed == {"leaf", "soil", "litter"}


def test_nothing_analysed_changes_no_bit_and_the_run_goes_on(run, case, niwot):
    rest = case("niwot_set2").forcing.isel(time=slice(366, 400))
    values, options = {"aMax": [6.0, 8.0, 12.0]}, {"litter_pool": True}
    new = sipnet.update_state(run, {"lai": np.nan})
    assert np.array_equal(new["final_state"], run["final_state"])
    plain, after = (
        sipnet.simulate_batch(rest, values, options=options, initial_state=state)
        for state in (run, new)
    )
    assert np.array_equal(plain["nee"], after["nee"])
    greener = sipnet.update_state(run, {"lai": 6.0})
    after = sipnet.simulate_batch(rest, values, options=options, initial_state=greener)
    assert (after["gpp"].sum("time") > plain["gpp"].sum("time")).all()


@pytest.mark.parametrize(
    ("analysed", "word"),
    [
        ({"LAI": 3.0}, "any of lai"),
        ({"lai": -0.1}, "0 to 30"),
        ({"lai": np.inf}, "0 to 30"),
        ({"lai": [1.0, 2.0]}, "shape"),
        ({"lai": "dense"}, "numbers"),
        ({"soil_carbon": xr.DataArray(1.0, attrs={"units": "kg m-2"})}, "units"),
        ({"lai": xr.DataArray([1.0, 2.0], dims="pixel")}, "dimensions"),
        ({"above_ground_wood": 1.0, "above_ground_biomass": 1.0}, "one of them"),
    ],
)
def test_an_analysis_that_cannot_be_used_is_refused(analysed, word, run):
    with pytest.raises(sipnet.InputError, match=word):
        sipnet.update_state(run, analysed)


def test_other_arguments_that_cannot_be_used_are_refused(run):
    with pytest.raises(sipnet.InputError, match="'keep' or 'scale'"):
        sipnet.update_state(run, {}, roots="grow")
    with pytest.raises(sipnet.InputError, match="final_state"):
        sipnet.update_state(run[["nee"]], {})
    file = sipnet.read_state(DATA / "niwot_set2_state_2000180.csv")
    with pytest.raises(sipnet.InputError, match="read from a file"):
        sipnet.update_state(file, {"lai": 2.0})
