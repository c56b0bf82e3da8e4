"""A run that was cut goes on with the same bits, whatever it holds."""

import itertools

import numpy as np
import pytest
import xarray as xr

from landmodels import sipnet

from .cases import DATA, random_parameters

CUTS = (1, 7, 131, 400, 731)


def parts_of(events, forcing, first, last):
    """The events whose date begins within the steps from first to before last."""
    if events is None:
        return None
    days = forcing["year"].values * 1000 + forcing["day"].values
    step = [
        int(np.argmax(days == y * 1000 + d))
        for y, d in zip(events["year"], events["day"], strict=True)
    ]
    inside = [first <= s < last for s in step]
    return events[inside]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    "name",
    ["niwot_set2", "harvard_calendar", "legacy_niwot_set2", "russell_events",
     "russell_optional", "harvard_leafevents", "niwot_set3", "niwot_death"],
)  # fmt: skip
def test_cut_and_uncut_runs_are_the_same_bits(name, cut, case):
    one = case(name)
    n = one.forcing.sizes["time"]
    cut = min(cut if name != "niwot_death" else cut + 500, n - 1)
    whole = one.simulate()
    first = sipnet.simulate(
        one.forcing.isel(time=slice(0, cut)), one.parameters, options=one.options,
        events=parts_of(one.events, one.forcing, 0, cut),
    )  # fmt: skip
    second = sipnet.simulate(
        one.forcing.isel(time=slice(cut, n)), one.parameters, options=one.options,
        events=parts_of(one.events, one.forcing, cut, n), initial_state=first,
    )  # fmt: skip
    for variable in whole.data_vars:
        if "time" in whole[variable].dims:
            joined = np.concatenate([first[variable].values, second[variable].values])
            assert np.array_equal(joined, whole[variable].values), variable
    assert np.array_equal(second["final_state"], whole["final_state"])


def test_many_cuts_at_any_step_change_no_bit(niwot):
    rng = np.random.default_rng(3)
    values = random_parameters(rng, 4)
    options = {"litter_pool": True, "leaf_water": True}
    whole = sipnet.simulate_batch(niwot, values, options=options)
    edges = [0, *np.sort(rng.choice(np.arange(1, 366), 9, replace=False)), 366]
    state = None
    for a, b in itertools.pairwise(edges):
        part = niwot.isel(time=slice(a, b))
        run = sipnet.simulate_batch(part, values, options=options, initial_state=state)
        assert np.array_equal(run["nee"], whole["nee"].isel(time=slice(a, b)))
        state = run["final_state"]
    assert np.array_equal(state, whole["final_state"])


def test_the_state_survives_a_netcdf_file(niwot, tmp_path):
    first = sipnet.simulate(niwot.isel(time=slice(0, 100)))
    first.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    rest = niwot.isel(time=slice(100, 200))
    with xr.open_dataset(tmp_path / "run.nc", engine="h5netcdf") as read:
        again = sipnet.simulate(rest, initial_state=read)
    xr.testing.assert_identical(again, sipnet.simulate(rest, initial_state=first))


def test_pools_alone_are_not_the_state(case):
    """Without the window and the flags leaves come out a second time."""
    one = case("niwot_set2_restart")
    whole = one.simulate()
    forgotten = one.simulate(initial_state=None)
    assert whole["leaf_on"][0] == 1
    assert forgotten["leaf_on"][0] == 0
    assert not np.allclose(whole["nee"], forgotten["nee"])


def test_a_state_file_holds_the_numbers_of_its_text():
    state = sipnet.read_state(DATA / "niwot_set2_state_2000180.csv")["final_state"]
    assert float(state.sel(state="wood")) == 3828.3881553896858
    assert float(state.sel(state="queue_length")) == 10
    assert float(state.sel(state="queue_value_9")) == -4.152576165024656


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("leafon,1\n", "", "leafon"),
        ("leafon,1", "leafin,1", "leafon"),
        ("P,0", "P,wet", "P"),
        ("P,0", "P,-1", "snow"),
        ("queue_weight_0,0.62499999999999989", "queue_weight_0,0.5", "5 days"),
        ("queue_value_3,-4.1112865984817084\n", "", "queue_value_3"),
        ("till,0", "till,0\nmore,1", "more"),
        ("item,value", "name,value", "item"),
        ("S,13448.351616568496", "S,13448\nS,1", "twice"),
    ],
)
def test_a_damaged_state_file_is_refused(old, new, word, tmp_path):
    text = (DATA / "niwot_set2_state_2000180.csv").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "state.csv").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(sipnet.InputError, match=word):
        sipnet.read_state(tmp_path / "state.csv")


def test_states_that_do_not_fit_are_refused(niwot):
    run = sipnet.simulate(niwot, options={"litter_pool": True})
    with pytest.raises(sipnet.InputError, match="litter_pool off"):
        sipnet.simulate(niwot, initial_state=run)
    with pytest.raises(sipnet.InputError, match="legacy"):
        sipnet.simulate(niwot, options="legacy", initial_state=sipnet.simulate(niwot))
    with pytest.raises(sipnet.InputError, match="without final_state"):
        sipnet.simulate(niwot, initial_state=run[["nee"]])
    with pytest.raises(sipnet.InputError, match="lanes over sample"):
        sipnet.simulate(niwot, initial_state=run.expand_dims("sample"))
    broken = sipnet.simulate(niwot)
    broken["final_state"][0] = np.nan
    with pytest.raises(sipnet.InputError, match="NaN"):
        sipnet.simulate(niwot, initial_state=broken)


def test_a_state_of_a_later_year_is_refused(case):
    one = case("niwot_set2")
    later = one.simulate()
    with pytest.raises(sipnet.InputError, match="flag_year"):
        one.simulate(initial_state=later)
