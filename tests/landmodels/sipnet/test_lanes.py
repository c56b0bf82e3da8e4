"""Lanes over samples, members and sites never see each other."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landmodels import sipnet

from .cases import DATA, random_parameters


@pytest.fixture(scope="module")
def two_sites(niwot):
    """Niwot, and a warmer place on the same dates with other hours."""
    other = niwot.copy(deep=True)
    other["tair"] = other["tair"] + 6.0
    other["hour"] = other["hour"] + 0.25
    other = other.drop_vars("time")
    return sipnet.join_sites({"cold": niwot, "warm": other})


def test_a_batch_is_its_single_runs_bit_for_bit(niwot):
    values = random_parameters(np.random.default_rng(2), 5)
    batch = sipnet.simulate_batch(niwot, values)
    for i in range(5):
        one = sipnet.simulate(niwot, {k: v[i] for k, v in values.items()})
        xr.testing.assert_identical(batch.isel(sample=i), one)


def test_threads_change_no_bit(niwot):
    values = random_parameters(np.random.default_rng(4), 7)
    one = sipnet.simulate_batch(niwot, values)
    xr.testing.assert_identical(one, sipnet.simulate_batch(niwot, values, threads=3))


def test_sites_and_samples(two_sites, niwot):
    a_max = np.array([[5.0, 8.0, 12.0], [6.0, 9.0, 13.0]])
    run = sipnet.simulate_batch(two_sites, {"aMax": a_max, "soilWHC": 10.0})
    assert run["nee"].dims == ("site", "sample", "time")
    assert list(run["site"].values) == ["cold", "warm"]
    single = sipnet.simulate(niwot, {"aMax": 8.0, "soilWHC": 10.0})
    assert np.array_equal(run["nee"].sel(site="cold").isel(sample=1), single["nee"])
    warm = two_sites.sel(site="warm", drop=True).drop_vars("time")
    single = sipnet.simulate(warm, {"aMax": 13.0, "soilWHC": 10.0})
    assert np.array_equal(run["gpp"].sel(site="warm").isel(sample=2), single["gpp"])


def test_one_value_for_each_site(two_sites):
    run = sipnet.simulate_batch(two_sites, {"aMax": [5.0, 9.0]})
    assert run["nee"].dims == ("site", "time")


def test_members_with_their_own_states(two_sites):
    members = xr.DataArray(
        [4.0, 8.0, 11.0], dims="member", coords={"member": [1, 2, 5]}
    )
    first = two_sites.isel(time=slice(0, 100))
    then = two_sites.isel(time=slice(100, 200))
    whole = sipnet.simulate_batch(two_sites.isel(time=slice(0, 200)), {"aMax": members})
    state = sipnet.simulate_batch(first, {"aMax": members})["final_state"]
    assert state.dims == ("site", "member", "state")
    shuffled = state.transpose("state", "member", "site")
    rest = sipnet.simulate_batch(then, {"aMax": members}, initial_state=shuffled)
    assert np.array_equal(rest["nee"], whole["nee"].isel(time=slice(100, 200)))
    assert list(rest["member"].values) == [1, 2, 5]


def test_labels_must_be_the_same(two_sites):
    wrong = xr.DataArray([4.0, 8.0], dims="site", coords={"site": ["warm", "cold"]})
    with pytest.raises(sipnet.InputError, match="lanes"):
        sipnet.simulate_batch(two_sites, {"aMax": wrong})


def test_sites_with_different_numbers_of_steps_are_refused(niwot):
    short = niwot.isel(time=slice(0, 300))
    with pytest.raises(sipnet.InputError, match="300 steps, but 366"):
        sipnet.join_sites({"long": niwot, "short": short})
    joined = xr.concat(
        [niwot.drop_vars("time"), short.drop_vars("time").pad(time=(0, 66))], "site"
    )
    with pytest.raises(sipnet.InputError, match="same number of steps"):
        sipnet.simulate_batch(joined, {})


def test_sites_on_different_dates_are_refused(niwot):
    later = sipnet.read_driver_table(DATA / "drivers_niwot.csv.gz")
    later = later.isel(time=slice(2, 368))
    with pytest.raises(sipnet.InputError, match="same date at all sites"):
        sipnet.join_sites({"a": niwot, "b": later})


def test_events_of_one_site(two_sites):
    event = {"site": "warm", "year": 1999, "day": 20, "kind": "fert",
             "a": 0.0, "b": 100.0, "c": 0.0}  # fmt: skip
    run = sipnet.simulate_batch(two_sites, {}, events=[event])
    total = run["event_carbon_input"].sum("time")
    assert total.values.tolist() == [0.0, 100.0]
    with pytest.raises(sipnet.InputError, match=r"events\.site"):
        sipnet.simulate_batch(two_sites, {}, events=[event | {"site": "hot"}])


def test_a_batch_without_lanes_is_one_sample(niwot):
    assert sipnet.simulate_batch(niwot, {})["nee"].sizes["sample"] == 1


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"aMax": [1.0, 2.0], "soilWHC": [1.0, 2.0, 3.0]}, "along sample"),
        ({"aMax": []}, "at least one sample"),
        ({"aMax": [[1.0, 2.0]]}, "shape"),
        ({"aMax": ["many"]}, "a number"),
        ({"aMax": xr.DataArray([1.0], dims="time")}, "lanes such as sample"),
        ({"aMax": xr.DataArray([1.0], dims="x", attrs={"units": "mol"})}, "units"),
    ],
)
def test_parameters_that_are_no_lanes_are_refused(parameters, word, niwot):
    with pytest.raises(sipnet.InputError, match=word):
        sipnet.simulate_batch(niwot, parameters)


def test_parameters_may_be_a_table_or_a_dataset(niwot):
    values = {"aMax": [5.0, 9.0], "soilWHC": [8.0, 14.0]}
    plain = sipnet.simulate_batch(niwot, values)
    table = sipnet.simulate_batch(niwot, pd.DataFrame(values))
    labelled = sipnet.simulate_batch(
        niwot, xr.Dataset({k: ("sample", v) for k, v in values.items()})
    )
    assert np.array_equal(plain["nee"], table["nee"])
    assert np.array_equal(plain["nee"], labelled["nee"])
