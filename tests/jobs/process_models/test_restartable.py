"""Models that restart: a run in two parts is the whole run, and carbon is booked."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import landdata
from jobs.errors import ConfigError
from jobs.process_models.base import Restartable, Settings
from jobs.process_models.registry import MODELS, open_model

POOLS = {
    "sipnet": ["wood", "unallocated", "leaf", "coarse_root", "fine_root", "soil",
               "litter"],
    "ibis_dalec": ["clab", "cf", "cr", "cw", "clit", "csom"],
}  # fmt: skip
PARAMETERS = {
    "sipnet": {"aMax": np.array([15.0, 18.0, 21.0])},
    "ibis_dalec": {"p18": np.array([50.0, 60.0, 90.0])},
}


@pytest.fixture(scope="module")
def weather():
    normals = landdata.harvard_normals()
    return landdata.generate_weather(normals, (2001, 2001), np.random.default_rng(1))


@pytest.fixture(params=sorted(POOLS))
def case(request, weather):
    model = open_model(request.param, Settings())
    drivers = model.drivers(weather, "generated")
    pools = dict(
        zip(model.analysed, np.array([[7e3] * 3, [2.0] * 3, [9e3] * 3]), strict=True)
    )
    return model, drivers, PARAMETERS[request.param], pools


def part(drivers, first, last):
    return drivers.sel(time=slice(first, last))


def test_the_models_that_restart_are_those():
    found = [
        name
        for name in MODELS
        if name != "executable"
        and isinstance(open_model(name, Settings()), Restartable)
    ]
    assert found == ["ibis_dalec", "sipnet"]


def test_two_parts_are_the_whole_to_the_last_bit(case):
    model, drivers, parameters, pools = case
    one, two = (
        part(drivers, "2001-01-01", "2001-05-31"),
        part(drivers, "2001-06-01", "2001-08-31"),
    )
    both = part(drivers, "2001-01-01", "2001-08-31")
    first = model.run_members([one] * 3, parameters, ["nee"], pools=pools)
    second = model.run_members([two] * 3, parameters, ["nee"], state=first.state)
    whole = model.run_members([both] * 3, parameters, ["nee"], pools=pools)
    assert np.array_equal(second.state, whole.state)
    late = whole.daily["nee"].sel(time=slice("2001-06-01", None))
    assert np.array_equal(second.daily["nee"], late)
    apart = [two.copy() for _ in range(3)]
    alone = model.run_members(apart, parameters, ["nee"], state=first.state)
    assert np.array_equal(alone.state, second.state)


def test_what_is_set_is_found_again_and_its_carbon_is_booked(case):
    model, drivers, parameters, pools = case
    days = part(drivers, "2001-01-01", "2001-07-15")
    state = model.run_members([days] * 3, parameters, ["nee"], pools=pools).state
    before = model.analysed_of(state, parameters)
    wanted = before * np.array([0.9, 1.2, 1.1])
    wanted[1, 2] = np.nan  # a member left as it is
    values = dict(zip(model.analysed, wanted.T, strict=True))
    after = model.update_state(state, values, parameters)
    expected = np.where(np.isfinite(wanted), wanted, before)
    np.testing.assert_allclose(
        model.analysed_of(after.state, parameters), expected, rtol=1e-12
    )
    columns = [model.state_entries.index(name) for name in POOLS[model.name]]
    change = (after.state - state)[:, columns].sum(axis=1)
    np.testing.assert_allclose(after.carbon_added, change, atol=1e-9)
    assert np.abs(after.carbon_added).min() > 1.0
    other = np.delete(after.state - state, columns, axis=1)
    assert not np.any(other)
    # The model takes what it is given back.
    later = part(drivers, "2001-07-16", "2001-07-31")
    ran = model.run_members([later] * 3, parameters, ["nee"], state=after.state)
    assert np.isfinite(ran.state).all()


def test_pools_at_the_start_are_those_that_were_given(case):
    model, drivers, parameters, pools = case
    day = part(drivers, "2001-01-01", "2001-01-01")
    state = model.run_members([day] * 3, parameters, ["nee"], pools=pools).state
    found = model.analysed_of(state, parameters)
    wanted = np.array([[7e3, 2.0, 9e3]] * 3)
    # One day of turnover: leaves in winter lose up to 6 % of it.
    assert np.all(np.abs(found / wanted - 1.0) < np.array([0.01, 0.06, 0.01]))


def test_parameters_that_cannot_be_run_are_refused_by_member(case):
    model, *_ = case
    name = next(iter(PARAMETERS[model.name]))
    with pytest.raises(ValueError, match=name):
        model.check_members({name: np.array([60.0, -5.0, 60.0])}, "site x")
    if model.name == "sipnet":
        fractions = {"leafAllocation": np.array([0.1, 0.9]), "woodAllocation": 0.3}
        with pytest.raises(ConfigError, match="lane 1"):
            model.check_members(
                {k: np.broadcast_to(v, (2,)) for k, v in fractions.items()}, "site x"
            )


def test_daily_outputs_have_the_units_of_the_table(case):
    model, drivers, parameters, pools = case
    days = part(drivers, "2001-01-01", "2001-01-10")
    ran = model.run_members([days] * 3, parameters, ["er", "lai"], pools=pools)
    assert isinstance(ran.daily, xr.Dataset)
    for name in ("er", "lai"):
        assert ran.daily[name].attrs["units"] == model.outputs[name].unit
        assert ran.daily[name].dims == ("member", "time")
