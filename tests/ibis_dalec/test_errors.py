"""A call that cannot be run is refused once, clearly, before anything runs."""

import numpy as np
import pytest
import xarray as xr

import ibis_dalec
from ibis_dalec import InputError
from ibis_dalec.physics import time_loop as kernel
from ibis_dalec.run.arguments import parameter_arrays
from ibis_dalec.run.outputs import state_names

from .reference import SITE_UNITS


@pytest.fixture(scope="module")
def forcing(site_a):
    return site_a.dataset().isel(time=slice(0, 40))


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch):
    """Every test here fails if the kernel is reached."""

    def never(*arguments):
        raise AssertionError("the model ran on bad input")

    monkeypatch.setattr(kernel, "run", never)


def refused(call, *arguments, **keywords):
    with pytest.raises(InputError) as caught:
        call(*arguments, **{"spinup_cycles": 0, **keywords})
    error = caught.value
    assert isinstance(error, ValueError)
    # First line: where; then what was found and what was wanted.
    first, *rest = str(error).splitlines()
    assert first == error.where
    assert rest[0].split()[0] == "found"
    return error


# --- parameters


@pytest.mark.parametrize(
    ("name", "meant"),
    [("vmaxx", "vmax"), ("alpha", "alpha3"), ("P5", "p5"), ("coefmb", "coefmub")],
)
def test_an_unknown_parameter_is_named_with_the_likely_one(forcing, name, meant):
    error = refused(ibis_dalec.simulate, forcing, {name: 1.0})
    assert name in error.where
    if meant in (error.hint or ""):
        assert "Did you mean" in error.hint
    else:
        assert meant in error.wanted


def test_a_name_like_no_other_gets_the_list(forcing):
    error = refused(ibis_dalec.simulate, forcing, {"quercus": 1.0})
    assert error.hint is None
    assert "vmax" in error.wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [("vmax", 30.0), ("vmax", -3e-5), ("theta3", 1.0), ("p5", 0.0), ("p20", 400.0),
     ("beta2", np.nan), ("p2", np.inf), ("p18", -np.inf)],
)  # fmt: skip
def test_a_parameter_out_of_its_bounds_is_named_with_them(forcing, name, value):
    error = refused(ibis_dalec.simulate, forcing, {name: value})
    row = ibis_dalec.parameter_table().loc[name]
    assert name in error.where
    assert f"{value:g}" in error.found
    assert f"{row['min']:g}" in error.wanted
    assert f"{row['max']:g}" in error.wanted
    assert row["unit"] in error.wanted


def test_the_first_bad_sample_of_a_batch_is_named(forcing):
    vmax = np.full(6, 3e-5)
    vmax[4] = np.nan
    error = refused(ibis_dalec.simulate_batch, forcing, {"vmax": vmax})
    assert "vmax" in error.where
    assert "sample 4" in error.where


def test_the_bounds_themselves_are_allowed():
    table = ibis_dalec.parameter_table()
    for column in ("min", "max", "default"):
        values = parameter_arrays({k: np.array([v]) for k, v in table[column].items()})
        assert values.shape == (1, 33)
        np.testing.assert_allclose(sorted(values[0]), sorted(table[column]))


def test_parameters_of_different_lengths(forcing):
    error = refused(
        ibis_dalec.simulate_batch, forcing, {"vmax": [3e-5] * 3, "p5": [0.05] * 4}
    )
    assert error.where == "parameters"
    assert "3" in error.found
    assert "4" in error.found


def test_no_samples_at_all(forcing):
    error = refused(ibis_dalec.simulate_batch, forcing, {"vmax": []})
    assert error.where == "parameters"


@pytest.mark.parametrize("value", ["fast", [3e-5, 4e-5], [[3e-5]]], ids=str)
def test_one_run_takes_one_number(forcing, value):
    error = refused(ibis_dalec.simulate, forcing, {"vmax": value})
    assert error.where == "parameters.vmax"


def test_as_many_parameters_as_pixels(forcing):
    pixels = xr.concat([forcing, forcing], "pixel", data_vars="all")
    error = refused(ibis_dalec.simulate_pixels, pixels, {"vmax": [3e-5] * 3})
    assert error.where == "parameters"


# --- forcing


def test_forcing_is_checked_before_a_run(forcing):
    bad = forcing.copy(deep=True)
    bad["prec"].values[3] = -1.0
    error = refused(ibis_dalec.simulate, bad)
    assert "2000-01-04" in error.where


def test_the_sick_pixel_is_named(forcing):
    pixels = xr.concat([forcing] * 3, "pixel", data_vars="all")
    pixels["tmin"][1, 7] = np.nan
    error = refused(ibis_dalec.simulate_pixels, pixels, {"vmax": [3e-5] * 3})
    assert "pixel 1" in error.where
    assert "tmin" in error.where
    assert "2000-01-08" in error.where


def test_pixels_need_their_dimension(forcing):
    error = refused(ibis_dalec.simulate_pixels, forcing, {})
    assert "pixel" in error.wanted
    assert "simulate" in error.hint


def test_a_site_without_its_soil(forcing):
    error = refused(ibis_dalec.simulate, forcing.drop_vars("sand"))
    assert "sand" in error.where
    assert SITE_UNITS["sand"] in error.wanted


@pytest.mark.parametrize("cycles", [1, 10])
def test_less_than_a_year_cannot_be_spun_up(forcing, cycles):
    error = refused(ibis_dalec.simulate, forcing, spinup_cycles=cycles)
    assert "40 days" in error.found
    assert "spinup_cycles=0" in error.hint


def test_spin_up_counts_up(forcing):
    assert refused(ibis_dalec.simulate, forcing, spinup_cycles=-1).found == "-1"


# --- choices


@pytest.mark.parametrize(
    ("option", "value"),
    [("soil_carbon", "century"), ("respiration", "IBIS"), ("turnover", "M3"),
     ("turnover", None)],
)  # fmt: skip
def test_a_choice_that_does_not_exist(forcing, option, value):
    error = refused(ibis_dalec.simulate, forcing, **{option: value})
    assert error.where == option
    assert repr(value) in error.found
    assert "'" in error.wanted


@pytest.mark.parametrize("outputs", [["gpp", "npp"], "leafarea", ["npp_ibis"]])
def test_an_output_that_does_not_exist(forcing, outputs):
    error = refused(ibis_dalec.simulate, forcing, outputs=outputs)
    assert error.where == "outputs"
    assert "lai, gpp" in error.wanted


def test_an_unknown_pool(forcing):
    error = refused(ibis_dalec.simulate, forcing, initial_pools={"cleaf": 3.0})
    assert "cleaf" in error.where
    assert "cf" in error.wanted


@pytest.mark.parametrize("value", [-1.0, np.nan])
def test_a_pool_that_cannot_be(forcing, value):
    error = refused(ibis_dalec.simulate, forcing, initial_pools={"cw": value})
    assert "cw" in error.where


def test_pools_and_a_state_at_once(forcing):
    error = refused(
        ibis_dalec.simulate, forcing, initial_state=a_state(),
        initial_pools={"cw": 900.0},
    )  # fmt: skip
    assert error.where == "initial_pools"
    assert "initial_state" in error.found


# --- state


def a_state():
    names = state_names()
    return xr.DataArray(np.zeros(len(names)), dims="state", coords={"state": names})


def test_a_result_without_its_state(forcing):
    error = refused(
        ibis_dalec.simulate, forcing, initial_state=xr.Dataset({"gpp": ("time", [1.0])})
    )
    assert error.where == "initial_state"
    assert "final_state" in error.hint


def test_a_state_of_other_entries(forcing):
    for bad in (
        a_state().isel(state=slice(0, 10)),
        a_state().isel(state=slice(None, None, -1)),
        a_state().rename(state="entry"),
    ):
        assert (
            "initial_state"
            in refused(ibis_dalec.simulate, forcing, initial_state=bad).where
        )


def test_states_for_other_samples(forcing):
    states = a_state().expand_dims(sample=3)
    error = refused(
        ibis_dalec.simulate_batch, forcing, {"vmax": [3e-5, 4e-5]},
        initial_state=states,
    )  # fmt: skip
    assert "one state, or 2" in error.wanted


# --- prescribed leaves and windows


@pytest.mark.parametrize(
    "lai",
    [np.ones(39), np.ones((40, 1)), np.full(40, -0.1), np.full(40, np.nan), 2.0],
    ids=["short", "two axes", "negative", "nan", "scalar"],
)
def test_leaf_area_that_cannot_be_prescribed(forcing, lai):
    error = refused(ibis_dalec.simulate, forcing, lai=lai)
    assert error.where == "lai"
    assert "40" in error.wanted


@pytest.mark.parametrize(
    "window",
    [np.arange(39), np.full(40, -2), np.zeros((40, 2), int), np.arange(40) / 8.0],
    ids=["short", "negative", "two axes", "not whole"],
)
def test_windows_that_cannot_be(forcing, window):
    error = refused(ibis_dalec.simulate_batch, forcing, {}, window=window)
    assert error.where == "window"
    assert "40" in error.wanted


def test_a_window_that_holds_no_day(forcing):
    error = refused(ibis_dalec.simulate_batch, forcing, {}, window=np.full(40, -1))
    assert error.where == "window"


def test_the_table_is_a_copy():
    table = ibis_dalec.parameter_table()
    table.loc["vmax", "max"] = 1.0
    assert ibis_dalec.parameter_table().loc["vmax", "max"] == 8e-5
