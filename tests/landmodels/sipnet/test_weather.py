"""What single steps of made-up weather must do (sections 4 and 5)."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landmodels import sipnet

#: A mild, humid summer step; each test changes what it is about.
MILD = {"tair": 15.0, "tsoil": 12.0, "par": 15.0, "precip": 0.0, "vpd": 600.0,
        "vpdsoil": 500.0, "vpress": 1000.0, "wspd": 2.0}  # fmt: skip


def weather(n=4, **change):
    """Steps of half a day, all alike unless a list says otherwise."""
    columns = {
        name: ("time", np.broadcast_to(np.asarray(value, float), (n,)).copy())
        for name, value in (MILD | change).items()
    }
    columns["step_length"] = ("time", np.full(n, 0.5))
    time = pd.date_range("2001-07-01", periods=n, freq="12h")
    return xr.Dataset(columns, {"time": time})


def test_soil_is_frozen_below_the_threshold_and_not_at_it():
    values = {
        "frozenSoilThreshold": 2.0,
        "frozenSoilEff": 0.0,
        "frozenSoilFolREff": 0.5,
    }
    at = sipnet.simulate(weather(tsoil=2.0), values)
    below = sipnet.simulate(weather(tsoil=1.999999), values)
    assert at["gpp"][0] > 0.1
    assert below["gpp"][0] == 0.0
    half = float(
        below["above_ground_respiration"][0] - at["above_ground_respiration"][0]
    )
    whole = sipnet.simulate(weather(tsoil=2.0), values | {"baseFolRespFrac": 0.0})
    leaf = float(
        at["above_ground_respiration"][0] - whole["above_ground_respiration"][0]
    )
    assert half == pytest.approx(-0.5 * leaf)


def test_dry_soil_slows_decomposition_only_from_zero_degrees():
    dry = {"soilWFracInit": 0.0, "frozenSoilThreshold": -5.0}
    assert sipnet.simulate(weather(tsoil=0.0), dry)["rh"][0] == 0.0
    assert sipnet.simulate(weather(tsoil=-1e-6), dry)["rh"][0] > 0.1


def test_no_exponent_leaves_decomposition_alone_even_in_a_dry_soil():
    values = {"soilWFracInit": 0.0, "soilRespMoistEffect": 0.0}
    run = sipnet.simulate(weather(), values)
    wet = sipnet.simulate(weather(), {"soilWFracInit": 1.0})
    assert run["rh"][0] == wet["rh"][0]


def test_precipitation_is_snow_up_to_zero_degrees():
    cold = sipnet.simulate(weather(tair=0.0, precip=8.0))
    warm = sipnet.simulate(weather(tair=1e-9, precip=8.0))
    assert float(cold["snowfall"][0]) == pytest.approx(0.8)
    assert float(cold["snow"][0]) == pytest.approx(0.8)
    assert cold["rain"][0] == 0.0
    assert float(warm["rain"][0]) == pytest.approx(0.8)
    assert float(warm["interception"][0]) == pytest.approx(0.08)


def test_snow_that_falls_now_does_not_melt_now():
    run = sipnet.simulate(weather(tair=[-1.0, 5.0, 5.0, 5.0], precip=[8.0, 0, 0, 0]))
    assert run["melt"][0] == 0.0
    assert float(run["melt"][1]) == pytest.approx(0.15 * 5.0 * 0.5, rel=1e-9)
    assert run["evaporation"][1] == 0.0  # the snow covers the soil


def test_a_trace_of_snow_is_dropped_and_booked():
    run = sipnet.simulate(weather(tair=-5.0, vpress=700.0), {"snowInit": 5e-7})
    assert run["snow"][0] == 0.0
    assert float(run["clamp_water"][0]) == pytest.approx(-5e-7)


def test_leaf_area_caps_interception_as_a_rate():
    values = {"immedEvapFrac": 0.2, "leafPoolDepth": 0.01, "laiInit": 2.0}
    capped = sipnet.simulate(weather(precip=40.0), values, options={"leaf_water": True})
    free = sipnet.simulate(weather(precip=40.0), values)
    assert float(capped["interception"][0]) == pytest.approx(2.0 * 0.01 * 0.5)
    assert float(free["interception"][0]) == pytest.approx(0.8)


def test_water_above_the_capacity_drains_at_once_or_slowly():
    values = {"soilWFracInit": 2.0, "waterDrainFrac": 0.1}
    night = weather(par=0.0, vpdsoil=0.0)
    fast = sipnet.simulate(night, values)
    slow = sipnet.simulate(night, values, options={"flooding": True})
    assert float(fast["drainage"][0]) == pytest.approx(12.0)
    assert float(slow["drainage"][0]) == pytest.approx(12.0 * 0.1 * 0.5)


def test_a_fraction_of_the_soil_water_is_what_plants_can_take():
    values = {"waterRemoveFrac": 0.001, "soilWFracInit": 3.0}
    run = sipnet.simulate(weather(), values)
    legacy = sipnet.simulate(
        weather(), values | {"soilWFracInit": 1.0}, options="legacy"
    )
    assert float(run["transpiration"][0]) == pytest.approx(12.0 * 0.001 * 0.5)
    assert float(legacy["transpiration"][0]) == pytest.approx(12.0 * 0.001 * 0.5)


def test_production_follows_transpiration():
    """Water use efficiency times transpiration, in g C m-2 (B-A13, A14)."""
    run = sipnet.simulate(weather())
    water = float(run["transpiration"][0])  # cm
    expected = water * 1e4 * (10.9 / 0.6) / 1000.0 * 12.0 / 44.0
    assert float(run["gpp"][0]) == pytest.approx(expected)


def test_growth_respiration_is_a_fraction_of_the_mean_production():
    on = sipnet.simulate(weather(12))
    off = sipnet.simulate(weather(12), options="default")
    npp = np.maximum(on["mean_npp"].values, 0.0)
    change = (
        on["above_ground_respiration"].values[1]
        - off["above_ground_respiration"].values[1]
    )
    assert npp[0] == 0.0
    assert change == pytest.approx(0.2 * npp[1] * 0.5, rel=1e-6)


def test_rates_do_not_depend_on_how_a_day_is_cut():
    """Decomposition over a day, in two steps or in eight, of a soil that keeps."""
    coarse = weather(2, par=0.0, vpdsoil=0.0)
    fine = weather(8, par=0.0, vpdsoil=0.0)
    fine["step_length"] = fine["step_length"] / 4.0
    fine["time"] = pd.date_range("2001-07-01", periods=8, freq="3h")
    first, second = sipnet.simulate(coarse), sipnet.simulate(fine)
    assert float(first["rh"].sum()) == pytest.approx(
        float(second["rh"].sum()), rel=1e-3
    )


@pytest.mark.parametrize(
    ("phenology", "values", "change"),
    [
        ("gdd", {"gddLeafOn": 22.5}, {}),
        ("soil_temperature", {"soilTempLeafOn": 12.5}, {"tsoil": [12, 12, 12.5, 12]}),
        ("calendar", {"leafOnDay": 183.0}, {}),
    ],
)
def test_leaves_come_in_the_step_that_reaches_the_threshold(phenology, values, change):
    values = values | {"leafGrowth": 50.0, "leafOffDay": 0.0}
    run = sipnet.simulate(weather(**change), values, options={"phenology": phenology})
    assert run["leaf_on"].values.tolist() == [0.0, 0.0, 1.0, 1.0]
    jump = np.diff(run["leaf"].values)
    assert jump[1] == pytest.approx(50.0, abs=1.0)
    assert abs(jump[2]) < 1.0


def test_leaf_off_drops_its_fraction_into_the_soil():
    values = {"leafOffDay": 183.0, "fracLeafFall": 0.5, "leafTurnoverRate": 0.0,
              "leafAllocation": 0.0}  # fmt: skip
    run = sipnet.simulate(weather(), values, options={"phenology": "calendar"})
    assert run["leaf_off"].values.tolist() == [0.0, 0.0, 1.0, 1.0]
    assert float(run["leaf"][2]) == pytest.approx(0.5 * float(run["leaf"][1]))
