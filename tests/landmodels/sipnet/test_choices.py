"""Options, parameters, events and outputs: what is offered, and what is refused."""

import importlib

import numpy as np
import pandas as pd
import pytest

from landmodels import sipnet
from landmodels.sipnet.run.outputs import OUTPUTS


def test_the_reanalysis_set_is_the_default(niwot):
    assert sipnet.OPTION_SETS["reanalysis"] == sipnet.Options(
        growth_respiration=True, litter_pool=False, leaf_water=False,
        water_respiration=True, phenology="gdd", flooding=False, anaerobic=False,
        carbon_saturation=False, legacy=False,
    )  # fmt: skip
    run = sipnet.simulate(niwot)
    assert "growth_respiration=true" in run.attrs["sipnet_options"]
    named = sipnet.simulate(niwot, options="reanalysis")
    assert np.array_equal(run["nee"], named["nee"])


SWITCHES = {
    "growth_respiration": False,
    "litter_pool": True,
    "leaf_water": True,
    "water_respiration": False,
    "phenology": "calendar",
    "flooding": True,
    "anaerobic": True,
    "legacy": True,
}


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_changes_the_run(name, niwot):
    values = {"leafGrowth": 100.0, "leafOnDay": 30.0, "soilWFracInit": 1.5,
              "leafPoolDepth": 0.001}  # fmt: skip
    plain = sipnet.simulate(niwot, values)
    changed = sipnet.simulate(niwot, values, options={name: SWITCHES[name]})
    assert not np.array_equal(plain["soil"], changed["soil"]) or not np.array_equal(
        plain["soil_water"], changed["soil_water"]
    )


def test_carbon_saturation_leaves_inputs_in_the_litter(niwot):
    values = {"soilCSaturation": 17000.0}
    litter = {"litter_pool": True}
    plain = sipnet.simulate(niwot, values, options=litter)
    full = sipnet.simulate(niwot, values, options=litter | {"carbon_saturation": True})
    assert full["litter"][-1] > plain["litter"][-1]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ("reanalisis", "Did you mean 'reanalysis'"),
        ({"leafwater": True}, "Did you mean 'leaf_water'"),
        ({"leaf_water": "yes"}, "true or false"),
        ({"phenology": "gd"}, "Did you mean 'gdd'"),
        ({"phenology": True}, "phenology"),
        ({"anaerobic": True, "water_respiration": False}, "anaerobic"),
        ({"carbon_saturation": True}, "litter_pool off"),
        ({"legacy": True, "litter_pool": True}, "legacy on"),
        (3, "name of a set"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options, word, niwot):
    with pytest.raises(sipnet.InputError, match=word):
        sipnet.simulate(niwot, options=options)


def test_the_table_holds_every_parameter_with_ranges_in_order():
    table = sipnet.parameter_table()
    assert len(table) == 67
    assert (table["lowest"] <= table["min"]).all()
    assert (table["min"] < table["max"]).all()
    assert (table["max"] <= table["highest"]).all()
    assert table["default"].between(table["min"], table["max"]).all()
    for name in ("description", "unit", "module", "needed_for"):
        assert (table[name] != "").all()
    for name in ("niwot", "harvard", "russell", "pecan_template"):
        known = table[table[name].notna()]
        assert known[name].between(known["lowest"], known["highest"]).all()
    table.loc["aMax", "default"] = 1.0  # a copy
    assert sipnet.parameter_table().loc["aMax", "default"] == 8.3


def test_blank_cells_of_a_set_come_from_the_template_then_from_niwot():
    harvard = sipnet.parameter_set("harvard")
    assert harvard["aMax"] == 112.0
    assert harvard["fineRootQ10"] == 2.6
    assert harvard["leafOnReallocFrac"] == 0.2
    assert harvard["fineRootExudation"] == 0.01
    with pytest.raises(sipnet.InputError, match="any of niwot"):
        sipnet.parameter_set("hyytiala")


@pytest.mark.parametrize("name", ["harvard", "russell", "pecan_template", "niwot"])
def test_every_bundled_set_runs(name, niwot):
    run = sipnet.simulate(niwot, sipnet.parameter_set(name))
    assert np.isfinite(run["nee"]).all()


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({"amax": 10.0}, "Did you mean 'aMax'"),
        ({"aMax": -1.0}, "0 to 1000"),
        ({"aMax": np.nan}, "aMax"),
        ({"cFracLeaf": 45.0}, "cFracLeaf"),
        ({"leafAllocation": 1.5}, "sum of at most 1"),
        ({"leafAllocation": 0.5, "woodAllocation": 0.4}, "0.5.*0.4.*0.4"),
        ({"psnTMin": 25.0}, "psnTMin below psnTOpt"),
        ({"fineRootFrac": 0.6, "coarseRootFrac": 0.4}, "the rest is wood"),
        ({"aMax": [1.0, 2.0]}, "simulate_batch"),
        ({"aMax": "much"}, "a number"),
    ],
)
def test_parameters_that_cannot_be_used_are_refused(parameters, word, niwot):
    with pytest.raises(sipnet.InputError, match=word):
        sipnet.simulate(niwot, parameters)


def test_every_parameter_outside_its_range_is_refused(niwot):
    for name, row in sipnet.parameter_table().iterrows():
        for value in (row["lowest"] - 0.01, row["highest"] * 1.01 + 0.01):
            with pytest.raises(sipnet.InputError, match=f"parameters.*{name}"):
                sipnet.simulate(niwot, {name: value})


def test_contradicting_lanes_can_be_left_out(niwot):
    values = {"leafAllocation": [0.2, 0.7, 0.3]}
    with pytest.raises(sipnet.InputError, match="lane 1"):
        sipnet.simulate_batch(niwot, values)
    run = sipnet.simulate_batch(niwot, values, inconsistent_parameters="nan")
    assert np.isnan(run["nee"][1]).all()
    assert np.isnan(run["final_state"][1]).all()
    single = sipnet.simulate(niwot, {"leafAllocation": 0.3})
    assert np.array_equal(run["nee"][2], single["nee"])


@pytest.mark.parametrize(
    ("event", "word"),
    [
        ({"day": 500}, "without a driver record"),
        ({"year": 2031}, "without a driver record"),
        ({"kind": "irrigate"}, "Did you mean 'irrig'"),
        ({"b": 2.0}, "on the canopy"),
        ({"a": -1.0}, "0 to"),
        ({"a": np.nan}, "2 numbers"),
        ({"c": 1.0}, "2 numbers"),
        ({"a": "wet"}, "numbers"),
        ({"kind": "harv", "a": 0.7, "b": 0.1, "c": 0.6, "d": 0.0}, "at most 1"),
        ({"kind": "harv", "a": 1.7, "b": 0.1, "c": 0.0, "d": 0.0}, "0 to 1"),
        ({"kind": "leafon", "a": np.nan, "b": np.nan}, "phenology 'calendar'"),
        ({"depth": 3.0}, "the numbers a to d"),
    ],
)
def test_events_that_cannot_be_used_are_refused(event, word, niwot):
    row = {"year": 1999, "day": 30, "kind": "irrig", "a": 1.0, "b": 1.0} | event
    with pytest.raises(sipnet.InputError, match=word):
        sipnet.simulate(niwot, events=[row])


def test_leaf_events_do_not_go_with_days_of_leaf_on(niwot):
    event = [{"year": 1999, "day": 30, "kind": "leafoff"}]
    with pytest.raises(sipnet.InputError, match="leafOnDay"):
        sipnet.simulate(niwot, options={"phenology": "calendar"}, events=event)


def test_events_must_be_in_order(niwot):
    row = {"year": 1999, "kind": "till", "a": 0.1}
    with pytest.raises(sipnet.InputError, match="order of time"):
        sipnet.simulate(niwot, events=[row | {"day": 9}, row | {"day": 3}])


def test_no_event_changes_nothing(niwot):
    plain = sipnet.simulate(niwot)
    for none in ([], pd.DataFrame({"year": [], "day": [], "kind": []})):
        run = sipnet.simulate(niwot, events=none)
        assert np.array_equal(run["nee"], plain["nee"])


def test_outputs_can_be_chosen(niwot):
    run = sipnet.simulate(niwot, outputs=["lai", "nee"])
    assert {"lai", "nee", "died"} <= set(run.data_vars)
    assert "gpp" not in run
    assert "final_state" not in run
    whole = sipnet.simulate(niwot)
    assert np.array_equal(run["lai"], whole["lai"])
    assert set(OUTPUTS) <= set(whole.data_vars)
    assert all("units" in whole[name].attrs for name in OUTPUTS)
    assert "final_state" in sipnet.simulate(niwot, outputs=["final_state"])


@pytest.mark.parametrize(
    ("keywords", "word"),
    [
        ({"outputs": ["gppp"]}, "Did you mean 'gpp'"),
        ({"outputs": "gpp"}, "a list of names"),
        ({"dead_runs": "drop"}, "'keep' or 'nan'"),
    ],
)
def test_other_words_that_are_unknown_are_refused(keywords, word, niwot):
    with pytest.raises(sipnet.InputError, match=word):
        sipnet.simulate(niwot, **keywords)
    with pytest.raises(sipnet.InputError, match="threads"):
        sipnet.simulate_batch(niwot, {}, threads=0)


def test_definitions_of_the_outputs(niwot):
    run = sipnet.simulate(niwot, options={"litter_pool": True})
    np.testing.assert_allclose(
        run["nee"], run["ra"] + run["rh"] - run["gpp"], atol=1e-12
    )
    np.testing.assert_allclose(run["er"], run["ra"] + run["rh"])
    np.testing.assert_allclose(run["lai"], run["leaf"] / 270.0)
    above = run["wood"] + run["unallocated"] + run["leaf"]
    np.testing.assert_allclose(run["above_ground_biomass"], above)
    np.testing.assert_allclose(run["soil_carbon"], run["soil"] + run["litter"])
    respired = run["above_ground_respiration"] + run["soil_respiration"]
    np.testing.assert_allclose(respired, run["er"])
    before = run["soil_water"].shift(time=1).fillna(6.0)
    np.testing.assert_allclose(run["soil_wetness"], (before + run["soil_water"]) / 24.0)


def test_daily_values_add_up_to_the_steps(niwot):
    run = sipnet.simulate(niwot)
    daily = sipnet.daily_values(run)
    assert daily.sizes["time"] == 183
    assert daily["nee"].attrs["units"] == "g m-2 d-1"
    assert float(daily["nee"].sum()) == pytest.approx(float(run["nee"].sum()))
    assert daily["soil"].values[-1] == run["soil"].values[-1]
    assert float(daily["nee"][3]) == pytest.approx(float(run["nee"][6:8].sum()))


@pytest.mark.parametrize(
    "options", ["reanalysis", "legacy", {"litter_pool": True}, {"anaerobic": True}]
)
def test_what_is_zero_by_the_options_is_zero_in_the_kernel_too(
    options, niwot, monkeypatch
):
    plain = sipnet.simulate(niwot, options=options)
    module = importlib.import_module("landmodels.sipnet.run.simulate")
    monkeypatch.setattr(module, "idle_outputs", lambda *_, **__: set())
    run = sipnet.simulate(niwot, options=options)
    for name in OUTPUTS:
        assert np.array_equal(plain[name], run[name]), name


def test_an_earlier_tillage_is_reported_without_events(niwot):
    event = [{"year": 1999, "day": 40, "kind": "till", "a": 0.9}]
    first = sipnet.simulate(niwot.isel(time=slice(0, 90)), events=event)
    rest = sipnet.simulate(niwot.isel(time=slice(90, 100)), initial_state=first)
    assert (rest["tillage"] > 0.5).all()
