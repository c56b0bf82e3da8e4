"""Limits and directions that must hold whatever the numbers: leaf, light, leaves,
storms, snow and soil (specification, section 17)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ibis_dalec
from ibis_dalec.parameters import parameter_table
from ibis_dalec.physics import dalec
from ibis_dalec.physics import hourly_weather as weather
from ibis_dalec.physics import time_loop as kernel
from ibis_dalec.physics.constants import DT, TMELT
from ibis_dalec.physics.leaf import canopy_physiology, moisture_stress
from ibis_dalec.physics.snow import snow_and_ground
from ibis_dalec.physics.soil_column import soil_column
from ibis_dalec.physics.soil_layers import start_soil
from ibis_dalec.physics.workspace import new_workspace
from ibis_dalec.run import initialise as prepare

from .. import harsh
from ..driver import Lane, Leaves, parameters_of
from ..spec_physics import RHO_SNOW, ice_heat

EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True)
TABLE = parameter_table()


def within(name):
    return st.floats(TABLE["min"][name], TABLE["max"][name])


#: A leaf: what it is, and what it meets.
leaves = st.fixed_dictionaries(
    {
        **{
            name: within(name)
            for name in ("alpha3", "theta3", "beta3", "gammaub", "vmax", "tempvm",
                         "coefmub", "coefbub")
        },
        "toppar": st.floats(0.0, 400.0),
        "tu": st.floats(258.0, 318.0),
        "ci": st.floats(60e-6, 1900e-6),
        "stress": st.floats(0.0, 1.0),
        "q12": st.floats(0.001, 0.03),
        "su": st.floats(0.005, 0.3),
    }
)  # fmt: skip
_PARAMETERS = set(TABLE.index)


def leaf_of(case, **changed):
    """One leaf that has not been called yet."""
    case = {**case, **changed}
    return Leaves(
        1,
        {k: v for k, v in case.items() if k in _PARAMETERS},
        **{k: v for k, v in case.items() if k not in _PARAMETERS},
    )


def gross(case, **changed):
    return float(leaf_of(case, **changed).call()[0][0])


def limits(case):
    """Light, Rubisco and sucrose rates, and respiration (section 6)."""
    rw = 3.47e-3 - 1.0 / case["tu"]
    compensation = 0.209 / (2.0 * 4500.0 * np.exp(-4500.0 * rw))
    michaelis = (
        1.5e-4 * np.exp(6000.0 * rw) * (1.0 + 0.209 / 0.25 / np.exp(1500.0 * rw))
    )
    celsius = case["tu"] - 273.16
    factor = np.exp(case["tempvm"] * rw) / (
        (1.0 + np.exp(0.40 * (5.0 - celsius))) * (1.0 + np.exp(0.40 * (celsius - 50.0)))
    )
    vm = case["vmax"] * factor * case["stress"]
    ci = np.clip(case["ci"], 1.05 * compensation, 2000e-6)
    light = (
        4.59e-6 * case["toppar"] * case["alpha3"]
        * (ci - compensation) / (ci + 2.0 * compensation)
    )  # fmt: skip
    rubisco = vm * (ci - compensation) / (ci + michaelis)
    return light, rubisco, vm / 2.2, case["gammaub"] * case["vmax"] * factor


# --- leaf


@EXAMPLES
@given(leaves)
def test_no_light_no_assimilation_and_respiration_stays(case):
    ag, an = leaf_of(case, toppar=0.0).call()
    assert ag == 0.0
    assert an[0] == pytest.approx(-limits(case)[3], rel=1e-12)


@EXAMPLES
@given(leaves)
def test_without_soil_water_leaves_close_and_still_respire(case):
    leaf = leaf_of(case, stress=0.0)
    ag, an = leaf.call()
    assert ag == 0.0
    assert an < 0.0
    leaf.call(20)
    assert leaf["gs"][0] == 1e-5


@EXAMPLES
@given(leaves)
def test_assimilation_is_below_each_of_its_limits(case):
    light, rubisco, sucrose, respiration = limits(case)
    ag, an = leaf_of(case).call()
    lowest = min(light, rubisco, sucrose)
    # Below the smallest normal number there is no relative precision.
    assert 0.0 <= ag[0] <= lowest * (1.0 + 1e-12) + np.finfo(float).tiny
    assert ag[0] - an[0] == pytest.approx(respiration, rel=1e-9)
    # ... and not far below: a smoothed minimum of two loses at most half.
    assert ag[0] >= 0.25 * lowest * (1.0 - 1e-6) - 1e-14


@EXAMPLES
@given(leaves)
def test_assimilation_tends_to_the_smallest_limit(case):
    lowest = min(limits(case)[:3])
    sharp = 1.0 - 1e-10
    leaf = leaf_of(case)
    parameters_of(leaf.workspace, {
        **{k: v for k, v in case.items() if k in _PARAMETERS},
        "theta3": sharp, "beta3": sharp,
    })  # fmt: skip
    leaf["lai"], leaf["sai"] = 1.0, 0.0
    ag, _ = leaf.call()
    assert ag[0] == pytest.approx(lowest, rel=1e-4, abs=3e-15)


@pytest.mark.parametrize("name", ["toppar", "ci", "vmax", "alpha3", "theta3", "beta3"])
@settings(EXAMPLES, max_examples=30)
@given(case=leaves, other=st.floats(0.0, 1.0))
def test_assimilation_rises_with(name, case, other):
    bounds = {"toppar": (0.0, 400.0), "ci": (60e-6, 1900e-6)}
    low, high = bounds.get(name) or (TABLE["min"][name], TABLE["max"][name])
    value = low + other * (high - low)
    small, large = sorted((case[name], value))
    slack = 1e-12 * gross(case, **{name: large}) + 2e-15
    assert gross(case, **{name: small}) <= gross(case, **{name: large}) + slack


@EXAMPLES
@given(leaves, st.floats(0.0, 1.0))
def test_dry_air_below_30_percent_has_no_further_effect(case, fraction):
    """Stomata feel relative humidity, but nothing below 0.30."""
    saturated = 0.0144  # well below saturation at 293.16 K and 98000 Pa
    q = 0.29 * saturated
    dry, drier = leaf_of(case, q12=q), leaf_of(case, q12=fraction * q)
    dry.call(3), drier.call(3)
    for name in ("gs", "cs", "ci", "agc", "totcond"):
        assert dry[name] == drier[name]
    # Where the leaf gains carbon, moister air opens the stomata.
    humid = leaf_of(case, q12=0.013)
    _, an = humid.call()
    dry = leaf_of(case, q12=q)
    dry.call()
    assert an <= 0.0 or humid["gs"] >= dry["gs"]


@EXAMPLES
@given(leaves)
def test_no_leaves_no_canopy_assimilation(case):
    leaf = leaf_of(case)
    leaf["lai"] = 0.0
    leaf["sai"] = 1.0
    before = leaf["scale_a"].copy()
    canopy_physiology(leaf.workspace[0])
    assert leaf["agc"] == leaf["anc"] == 0.0
    assert leaf["totcond"] > 0.0
    assert leaf["scale_a"] == before


# --- a day without leaves, without light


def test_without_leaf_area_there_is_no_gpp_and_no_transpiration(site_a):
    run = ibis_dalec.simulate(
        site_a.dataset(), spinup_cycles=0, lai=np.zeros(site_a.days)
    )
    for name in ("gpp", "net_assimilation", "transpiration"):
        assert (run[name] == 0.0).all()
    assert (run["et"].sum() > 50.0).all()


def test_leaf_area_above_twelve_adds_nothing(site_b):
    one, two = (
        ibis_dalec.simulate(
            site_b.dataset(), spinup_cycles=0, lai=np.full(site_b.days, x)
        )
        for x in (12.0, 40.0)
    )
    np.testing.assert_array_equal(one["gpp"], two["gpp"])


def test_polar_night():
    forcing = harsh.forcing(2, lat=85.0, mean=-20.0, start="2001-12-05")
    run = ibis_dalec.simulate(forcing, spinup_cycles=0)
    for name in ("sw_in", "sw_net", "gpp"):
        assert (run[name] == 0.0).all()
    assert (run["lw_in"] > 50.0).all()


def test_clouds_cut_light_to_a_quarter_of_the_top_of_the_air():
    w = new_workspace(1)
    x = w[0]
    for cloud, wanted in ((1.0, 0.251), (0.0, 0.76), (0.5, 0.5055)):
        x["cloud"][:] = cloud
        weather.start_weather_day(x, 1)
        assert x["transmissivity"][0] == pytest.approx(wanted, rel=1e-14)
    # A clear sky is above the limit of the diffuse polynomial.
    x["cloud"][:] = 0.0
    weather.start_weather_day(x, 1)
    assert x["diffuse"][0] == 0.166


def test_light_arrives_in_the_fractions_of_its_bands_and_halves(site_a):
    hours = Lane(site_a).trace([150])["weather"]
    direct, diffuse = hours.sol_dir, hours.sol_dif
    total = (direct + diffuse).sum(-1)
    day = total > 0.0
    assert 12 <= day.sum() <= 15
    np.testing.assert_allclose(
        (direct + diffuse)[day][:, 0] / total[day], 0.46, rtol=1e-12
    )
    assert hours.coszen.max() <= 1.0
    assert (hours.coszen >= 0.0).all()


# --- leaves and their carbon


def dalec_years(weather_days, given, pools, doys):
    """DALEC alone: a year of constant weather on a workspace with these values."""
    w = new_workspace(1)
    parameters_of(w)
    prepare.cold_start(w, pools)
    x = w[0]
    for name, value in given.items():
        x[name][:] = value
    cf = []
    for doy in doys:
        tmin, tmax, gpp = weather_days(doy)
        x["tmin_k"][:] = tmin + TMELT
        x["tmax_k"][:] = tmax + TMELT
        x["gpp"][:] = gpp
        dalec.dalec_day(x, float(doy))
        cf.append(float(x["cf"][0]))
    return np.array(cf), x


def temperate(doy):
    warmth = 10.0 - 15.0 * np.cos(2.0 * np.pi * (doy - 20) / 365.0)
    return warmth - 5.0, warmth + 5.0, max(0.0, warmth - 5.0)


def test_leaves_that_never_turn_over_are_never_lost():
    cf, _ = dalec_years(temperate, {"p5": 0.0}, {}, range(1, 366))
    assert (np.diff(cf) >= 0.0).all()
    assert cf[-1] > 58.0


def test_without_growth_and_without_reserves_there_are_no_leaves():
    cf, x = dalec_years(temperate, {"p3": 0.0}, {"cf": 0.0, "clab": 0.0}, range(1, 366))
    assert (cf == 0.0).all()
    assert x["clab"][0] == 0.0
    dalec.leaf_area(x)
    assert x["lai_ground"][0] == 0.0


def test_a_forest_without_carbon_for_leaves_has_no_gpp(three_years):
    lane = Lane(three_years)
    lane["p3"] = 0.0
    lane["cf"] = lane["clab"] = 0.0
    found = lane.run(200, ["gpp", "lai_ground"])
    assert (found["gpp"] == 0.0).all()
    assert (found["lai_ground"] == 0.0).all()


@EXAMPLES
@given(st.floats(0.0, 500.0), within("p18"))
def test_leaves_twice_as_heavy_cover_half_the_ground(cf, p18):
    w = new_workspace(1)
    x = w[0]
    x["cf"][:] = cf
    areas = []
    for mass in (p18, 2.0 * p18):
        x["p18"][:] = mass
        dalec.leaf_area(x)
        areas.append(x["lai_ground"][0])
    assert areas[1] == 0.5 * areas[0]


def test_foliage_never_passes_its_maximum_by_more_than_a_day_of_reserves(site_a):
    rng = np.random.default_rng(8)
    samples = {
        name: rng.uniform(row["min"], row["max"], 16) for name, row in TABLE.iterrows()
    }
    samples["p17"] = rng.uniform(100.0, 130.0, 16)  # reached by many
    forcing = site_a.dataset()
    run = ibis_dalec.simulate_batch(forcing, samples, spinup_cycles=0, lanes=16)
    cf, clab = run["cf"].values, run["clab"].values
    mean = 0.5 * (forcing["tmin"] + forcing["tmax"]).values
    rate = 0.5 * np.exp(samples["p10"][:, None] * mean)
    released = np.minimum(1.0, samples["p15"][:, None] * rate) * np.concatenate(
        [np.full((16, 1), 60.0), clab[:, :-1]], axis=1
    )
    bound = samples["p17"][:, None] + (1.0 - samples["p16"][:, None]) * released
    yesterday = np.concatenate([np.full((16, 1), 58.0), cf[:, :-1]], axis=1)
    assert (cf <= np.maximum(bound, yesterday) * (1.0 + 1e-12)).all()
    assert (cf.max(1) >= samples["p17"] - 1e-9).sum() >= 3


# --- snow


snow_hours = st.fixed_dictionaries(
    {
        "fi": st.one_of(st.just(0.0), st.just(1.0), st.floats(0.001, 1.0)),
        "depth": st.floats(0.0, 3.0),
        "tsno": st.tuples(*[st.floats(230.0, 273.16)] * 3),
        "heati": st.floats(-300.0, 900.0),
        "fvapi": st.floats(-2e-5, 3e-5),
        "rain": st.one_of(st.just(0.0), st.floats(1e-6, 3e-3)),
        "snow": st.one_of(st.just(0.0), st.floats(1e-6, 3e-3)),
    }
)


def snowy(case):
    w = new_workspace(1)
    x = w[0]
    fi = case["fi"]
    # Depth where there is snow: cover below 1 has the depth of the cover rule.
    depth = 0.20 + case["depth"] if fi == 1.0 else 0.15 + 0.05 * fi
    x["fi"][:] = fi
    if fi > 0.0:
        x["hsno"][:] = [[0.05], [0.5 * (depth - 0.05)], [0.5 * (depth - 0.05)]]
    x["tsno"][:, 0] = case["tsno"]
    x["tsoi"][:] = 272.0
    x["consoi"][:] = 1.0
    x["heati"][:] = case["heati"]
    x["fvapi"][:] = case["fvapi"]
    x["raing"][:], x["traing"][:] = case["rain"], 275.0
    x["snowg"][:], x["tsnowg"][:] = case["snow"], 268.0
    return x


@settings(EXAMPLES, max_examples=150)
@given(snow_hours)
def test_snow_keeps_its_mass_and_heat_through_melt_and_new_layers(case):
    x = snowy(case)
    fi = float(x["fi"][0])
    h, t = x["hsno"][:, 0].copy(), x["tsno"][:, 0].copy()
    mass = fi * RHO_SNOW * h.sum()
    heat = fi * RHO_SNOW * (h * ice_heat(t)).sum()
    snow_and_ground(x)
    new_mass = x["fi"][0] * RHO_SNOW * x["hsno"][:, 0].sum()
    came = DT * (case["rain"] + case["snow"] - fi * case["fvapi"])
    left = DT * x["raing"][0] + x["mix_loss"][0]
    assert new_mass + left == pytest.approx(mass + came, rel=1e-12, abs=1e-11)
    new_heat = x["fi"][0] * RHO_SNOW * (x["hsno"] * ice_heat(x["tsno"]))[:, 0].sum()
    brought = DT * (
        fi * case["heati"]
        + fi * case["rain"] * 4218.0 * (275.0 - TMELT)
        + case["snow"] * ice_heat(268.0)
        - fi * case["fvapi"] * ice_heat(t[0])
    )
    assert new_heat + DT * x["heatg"][0] == pytest.approx(
        heat + brought, rel=1e-11, abs=1e-3
    )
    assert 0.0 <= x["fi"][0] <= 1.0
    assert (x["hsno"] >= 0.0).all()


# --- soil


def column(**changed):
    w = new_workspace(1)
    parameters_of(w)
    prepare.cold_start(w, {})
    prepare.set_site(w, slice(None), 45.0, 42.0, 18.0)
    x = w[0]
    x["ta"][:] = x["tu"][:] = x["traing"][:] = 278.0
    x["stress_layer"][:] = x["root2"]
    for name, value in changed.items():
        x[name][...] = value
    return x


def an_hour(x):
    start_soil(x)
    soil_column(x)
    return x


def test_no_drainage_from_a_dry_lowest_layer():
    dry = np.array([0.6, 0.6, 0.6, 0.6, 0.6, 0.0])[:, None]
    assert an_hour(column(wsoi=dry))["drainage_hour"][0] == 0.0
    assert an_hour(column())["drainage_hour"][0] > 0.0


def test_no_drainage_through_ice():
    ice = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0])[:, None]
    x = an_hour(column(wisoi=ice, wsoi=np.where(ice, 0.0, 0.6), tsoi=272.0))
    assert x["drainage_hour"][0] == 0.0


def test_rain_on_frozen_full_soil_stays_in_the_puddle_or_runs_off():
    x = column(
        wisoi=np.ones((6, 1)), wsoi=np.zeros((6, 1)), tsoi=265.0, raing=2e-3,
        traing=TMELT,
    )  # fmt: skip
    ran_off = 0.0
    for _ in range(5):
        ran_off += float(an_hour(x)["runoff_hour"][0])
    stayed = x["wpud"][0] + x["wipud"][0]
    assert stayed > 0.0
    assert stayed + ran_off == pytest.approx(5 * DT * 2e-3, rel=1e-12)
    assert (x["wisoi"] == 1.0).all()


@EXAMPLES
@given(st.floats(0.05, 1.0), st.floats(-15.0, 30.0))
def test_layers_of_one_temperature_and_no_flux_keep_it(wet, celsius):
    """Conduction alone makes no gradients, whatever the wetness."""
    t = TMELT + celsius
    frozen = celsius < 0.0
    wsoi = np.full((6, 1), 0.0 if frozen else wet)
    wisoi = np.full((6, 1), wet if frozen else 0.0)
    x = an_hour(column(wsoi=wsoi, wisoi=wisoi, tsoi=t, tu=t))
    np.testing.assert_allclose(x["tsoi"], t, rtol=0, atol=2e-11)


def test_freezing_waits_at_the_melting_point_until_all_water_is_ice():
    x = column(tsoi=TMELT + 0.2, heatg=-150.0)
    seen = []
    for _ in range(120):
        an_hour(x)
        seen.append((float(x["tsoi"][0, 0]), float(x["wisoi"][0, 0])))
    temperature, ice = np.array(seen).T
    waiting = (ice > 0.02) & (ice < 0.3)
    assert waiting.sum() > 5
    np.testing.assert_allclose(temperature[waiting], TMELT, atol=1e-9)
    assert (np.diff(ice) >= -1e-12).all()
    assert temperature[-1] < TMELT - 1.0


def test_wetter_soil_stresses_less():
    """Stress is 1 from field capacity on, 0 below the wilting point."""
    w = new_workspace(40)
    parameters_of(w)
    prepare.set_site(w, slice(None), 45.0, 42.0, 18.0)
    x = w[0]
    x["wsoi"][:] = np.linspace(0.0, 1.0, 40)
    moisture_stress(x)
    stress = x["stress"]
    assert (np.diff(stress) >= 0.0).all()
    assert (stress[x["wsoi"][0] <= x["wilt"]] == 0.0).all()
    np.testing.assert_allclose(
        stress[x["wsoi"][0] >= x["field_capacity"]], 1.0, rtol=1e-12
    )
    some = stress > 0.0
    np.testing.assert_allclose(x["stress_layer"][:, some].sum(0), 1.0, rtol=1e-12)
    np.testing.assert_allclose(x["root2"].sum(0), 1.0, rtol=1e-12)


def test_flags_are_where_the_kernel_reads_them():
    flags = (kernel.SOIL_CARBON, kernel.IBIS_RESPIRATION, kernel.FREE_LAI,
             kernel.FIXED_BIOMASS)  # fmt: skip
    assert sorted(flags) == list(range(kernel.N_FLAGS))
