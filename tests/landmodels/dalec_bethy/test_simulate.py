"""The public run of the model: forcing, parameters, states, and what is refused."""

import doctest
import importlib

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from benchmarks.dalec_bethy_weather import CLIMATES, weather
from landmodels.dalec_bethy import (
    InputError,
    drivers_of,
    parameter_table,
    simulate,
    simulate_batch,
    validate_forcing,
    vegetation_types,
)

UNITS = {"tmin": "degC", "tmax": "degC", "srad": "W m-2", "vpd": "Pa", "prec": "mm d-1"}


@pytest.fixture(scope="module")
def forcing():
    values = weather("temperate", 1, 1)
    climate = CLIMATES["temperate"]
    time = pd.date_range("2001-01-01", periods=365)
    data = {n: ("time", values[n], {"units": u}) for n, u in UNITS.items()}
    return xr.Dataset(data, coords={"time": time}).assign(
        co2=((), 410.0, {"units": "ppm"}),
        lat=((), climate.latitude, {"units": "degrees_north"}),
        elevation=((), climate.elevation, {"units": "m"}),
    )


def test_a_run_reports_labelled_series(forcing):
    result = simulate(forcing)
    assert result["gpp"].dims == ("time",)
    assert result["gpp"].attrs["units"] == "g m-2 d-1"
    assert result["sif"].dims == ("time", "hour")
    assert 500.0 < float(result["gpp"].sum()) < 3000.0
    np.testing.assert_allclose(result["nee"], result["er"] - result["gpp"], atol=1e-12)
    assert not bool(result["collapsed"])


def test_a_batch_holds_each_single_run(forcing):
    table = parameter_table("TmSg")
    vm = table.loc["vm", "default"] * np.array([0.8, 1.0, 1.3])
    batch = simulate_batch(forcing, {"vm": vm}, outputs=["gpp", "lai"])
    assert set(batch.data_vars) == {"gpp", "lai", "collapsed"}
    for i in range(3):
        one = simulate(forcing, {"vm": vm[i]})
        np.testing.assert_array_equal(batch["gpp"][i], one["gpp"])


@pytest.mark.parametrize("split", [1, 200])
def test_a_run_stopped_midway_continues_to_the_same_numbers(forcing, split):
    whole = simulate(forcing)
    # The soil temperature is spun up on the first year, which a short part lacks.
    first = simulate(forcing)
    start = xr.DataArray(
        [*(float(first[n][split - 1]) for n in
           ("clab", "cfol", "croo", "cwoo", "clit", "csom", "wc", "ws", "wr", "snow")),
         drivers_of(validate_forcing(forcing)).daily[split - 1, 3]],
        dims="state",
    )  # fmt: skip
    rest = simulate(forcing.isel(time=slice(split, None)), initial_state=start)
    for name in ("gpp", "nee", "trans", "wr"):
        np.testing.assert_array_equal(rest[name], whole[name][split:])
    np.testing.assert_array_equal(rest["final_state"], whole["final_state"])


def test_a_final_state_is_what_the_next_run_starts_from(forcing):
    first = simulate(forcing)
    later = forcing.assign_coords(time=pd.date_range("2002-01-01", periods=365))
    second = simulate(later, initial_state=first)
    assert float(second["cwoo"][0]) == pytest.approx(float(first["cwoo"][-1]), rel=1e-3)
    assert float(second["lai"][0]) != float(first["lai"][0])


def test_measured_hours_may_stand_for_derived_ones(forcing):
    derived = drivers_of(validate_forcing(forcing))
    same = forcing.assign(
        ta_hourly=(("time", "hour"), derived.hourly[:, 4], {"units": "degC"}),
        srad_hourly=(("time", "hour"), derived.hourly[:, 3], {"units": "W m-2"}),
    )
    np.testing.assert_allclose(simulate(same)["gpp"], simulate(forcing)["gpp"])
    dull = same.assign(
        srad_hourly=0.3 * same["srad_hourly"].assign_attrs(units="W m-2")
    )
    dull["srad_hourly"].attrs["units"] = "W m-2"
    assert float(simulate(dull)["gpp"].sum()) < 0.8 * float(simulate(same)["gpp"].sum())


def test_carbon_dioxide_may_change_from_day_to_day(forcing):
    rising = forcing.assign(
        co2=("time", np.linspace(300.0, 600.0, 365), {"units": "ppm"})
    )
    constant = forcing.assign(co2=("time", np.full(365, 410.0), {"units": "ppm"}))
    np.testing.assert_array_equal(simulate(constant)["gpp"], simulate(forcing)["gpp"])
    assert float(simulate(rising)["gpp"].sum()) != float(simulate(forcing)["gpp"].sum())


def test_the_parameter_table_bounds_each_parameter():
    for kind in vegetation_types():
        table = parameter_table(kind)
        assert len(table) == 25
        free = table[table["kind"] != "fixed"]
        assert np.all(free["min"] < free["default"])
        assert np.all(free["default"] < free["max"])


def _without(forcing, name):
    return forcing.drop_vars(name)


def _with(forcing, name, value, units=None):
    data = forcing[name].copy(data=np.array(forcing[name].values, copy=True))
    if value is not None:
        data[3] = value
    if units is not None:
        data.attrs["units"] = units
    return forcing.assign({name: data})


def _scaled(forcing, name, factor):
    with xr.set_options(keep_attrs=True):
        return forcing.assign({name: forcing[name] * factor})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: _without(f, "vpd"), "vpd"),
        (lambda f: _without(f, "lat"), "lat"),
        (lambda f: _with(f, "prec", -9999.0), "missing-value code"),
        (lambda f: _with(f, "srad", np.nan), "2001-01-04"),
        (lambda f: _with(f, "tmax", 290.0), "subtract 273.15"),
        (lambda f: _with(f, "tmax", -50.0), "tmin at most tmax"),
        (lambda f: _with(f, "vpd", None, "kPa"), "multiply by 1000"),
        (lambda f: _with(f, "tmin", None, "K"), "subtract 273.15"),
        (lambda f: _with(f, "tmin", None, "celsius"), "another spelling"),
        (lambda f: f.isel(time=[0, 2, 3]), "every day once"),
        (lambda f: f.isel(time=slice(0, 0)), "no days"),
        (lambda f: f.assign(lat=((), 95.0, {"units": "degrees_north"})), "lat"),
        (lambda f: f.assign(co2=((), 4.1e-4, {"units": "ppm"})), "co2"),
        (lambda f: f.assign(ta_hourly=(("time", "h"), np.zeros((365, 3)))), "24 hours"),
        (lambda f: "a file", "xarray.Dataset"),
        (lambda f: _scaled(f, "srad", 0.0864), "MJ m-2 d-1"),
        (lambda f: _with(f, "srad", 300.0), "top of the atmosphere"),
        (lambda f: _scaled(f, "lat", -1.0), "right sign"),
        (lambda f: _scaled(f, "vpd", 0.01), "hPa"),
        (lambda f: _scaled(f, "vpd", 1e-3), "kPa"),
        (lambda f: _scaled(f, "vpd", 5.0), "saturation"),
        (lambda f: _scaled(f, "vpd", 0.0), "not measured"),
        (lambda f: _scaled(f, "prec", 48.0), "a year"),
        (lambda f: _scaled(_scaled(f, "lat", -1.0), "srad", 0.3), "sign of the"),
        (lambda f: _scaled(f, "prec", 1 / 86400), "kg m-2 s-1"),
        (lambda f: _with(f, "co2", None, "mol mol-1"), "multiply by 1e6"),
    ],
)
def test_forcing_that_cannot_be_used_is_refused(forcing, change, message):
    with pytest.raises(InputError) as caught:
        simulate(change(forcing))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"parameters": {"vmax": 1.0}}, "no such parameter"),
        ({"parameters": {"vm": -1.0}}, "mol m-2 s-1"),
        ({"parameters": {"vm": 41.0}}, "Is it in mol m-2 s-1?"),
        ({"parameters": {"clab0": -1.0}}, "0 to"),
        ({"parameters": {"bday": 9000.0}}, "bday"),
        ({"parameters": {"p_fol": 1.5}}, "p_fol"),
        ({"parameters": {"lma": np.nan}}, "nan"),
        ({"parameters": {"lma": "much"}}, "numbers over sample"),
        ({"vegetation_type": "Oak"}, "vegetation_type"),
        ({"outputs": ["gpp", "npp"]}, "npp"),
        ({"initial_state": xr.DataArray(np.zeros(3), dims="state")}, "initial_state"),
        ({"initial_state": xr.DataArray(-np.ones(11), dims="state")}, "stocks"),
        ({"initial_state": xr.Dataset()}, "final_state"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(forcing, keywords, message):
    with pytest.raises(InputError) as caught:
        simulate(forcing, **keywords)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["forcing", "footprint", "operators", "parameters"])
def test_examples_in_the_documentation_run(name):
    module = importlib.import_module(f"landmodels.dalec_bethy.{name}")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
