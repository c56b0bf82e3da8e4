"""The daily carbon step: switches in their order, closed forms, limits."""

import numpy as np
import pytest

from ibis_dalec.physics import dalec
from ibis_dalec.physics.constants import TMELT
from ibis_dalec.physics.workspace import new_workspace
from ibis_dalec.run import initialise as prepare

from ..driver import parameters_of

DEFAULTS = {"p12": 240.0, "p13": 9.0, "p17": 300.0, "p19": 100.0, "p20": 270.0}


def forest(**changed):
    """A workspace at the cold start with some fields changed."""
    w = new_workspace(1)
    parameters_of(w)
    prepare.cold_start(w, {})
    for name, value in changed.items():
        w[0][name][:] = value
    return w[0]


def day(x, doy, tmin=5.0, tmax=15.0, gpp=0.0):
    """One day; returns the pools' changes."""
    x["tmin_k"][:], x["tmax_k"][:], x["gpp"][:] = tmin + TMELT, tmax + TMELT, gpp
    before = {n: float(x[n][0]) for n in ("clab", "cf", "cr", "cw", "clit", "csom")}
    dalec.dalec_day(x, float(doy))
    return {name: float(x[name][0]) - value for name, value in before.items()}


def switch(doy, tavg=10.0, tmin=5.0, cf=100.0, gdd=500.0, maxfol=1.0):
    """Switches of a day; returns gdd, maxfol, leaf fall, leaf growth."""
    p = DEFAULTS
    return dalec.switches(
        float(doy), tavg, tmin, cf, gdd, maxfol, p["p12"], p["p13"], p["p17"],
        p["p19"], p["p20"],
    )  # fmt: skip


# --- the season that they count by


@pytest.mark.parametrize(
    ("date", "south", "wanted"),
    [
        (1, False, 1), (270, False, 270), (366, False, 366),
        (182, True, 1), (181, True, 365), (366, True, 185), (1, True, 185),
        (86, True, 270),  # leaves may fall from 27 March, as from 27 September
    ],
)  # fmt: skip
def test_the_year_of_leaves_begins_in_the_middle_of_winter(date, south, wanted):
    assert dalec.season_day(float(date), -0.6 if south else 0.6) == wanted
    assert dalec.season_day(float(date), 0.0) == date


def test_a_day_in_the_south_is_that_of_half_a_year_later_in_the_north():
    for date, later in ((300, 119), (86, 270), (20, 204)):
        south = forest(sin_lat=-0.6, cf=100.0, clab=50.0, gdd=500.0, maxfol=1.0)
        north = forest(sin_lat=0.6, cf=100.0, clab=50.0, gdd=500.0, maxfol=1.0)
        assert day(south, date, gpp=5.0) == day(north, later, gpp=5.0)


# --- switches, in their order


def test_the_count_of_warmth_restarts_until_p19_and_counts_that_day():
    assert switch(100, tavg=7.0)[:2] == (7.0, 1.0)
    assert switch(101, tavg=7.0)[0] == 507.0
    assert switch(101, tavg=-7.0)[0] == 493.0  # no base temperature
    assert switch(50, maxfol=0.0)[1] == 1.0


def test_below_p12_leaves_fall_and_do_not_grow():
    assert switch(120, gdd=100.0)[2:] == (1.0, 0.0)
    assert switch(120, gdd=230.0, tavg=9.999)[2:] == (1.0, 0.0)
    assert switch(120, gdd=230.0, tavg=10.0)[2:] == (0.0, 1.0)


def test_a_full_canopy_stops_growing_for_the_year():
    _, maxfol, fall, growth = switch(180, cf=300.0)
    assert (maxfol, fall, growth) == (0.0, 0.0, 0.0)
    # ... also when leaves are lost again, until the next year's reset.
    assert switch(181, cf=200.0, maxfol=maxfol)[3] == 0.0
    assert switch(90, cf=200.0, maxfol=maxfol)[1] == 1.0


def test_growth_ends_on_p20_and_fall_needs_a_cold_night():
    assert switch(269)[3] == 1.0
    assert switch(270, tmin=12.0)[1:] == (0.0, 0.0, 0.0)
    assert switch(270, tmin=8.9)[2] == 1.0
    # Not latched: a warm night pauses leaf fall.
    assert switch(280, tmin=9.0)[2] == 0.0
    assert switch(269, tmin=-5.0)[2] == 0.0


# --- fluxes


def test_rates_double_with_the_published_factor():
    assert dalec.temperature_rate(0.0, 0.073) == 0.5
    assert dalec.temperature_rate(10.0, 0.073) == pytest.approx(
        0.5 * np.exp(0.73), rel=1e-15
    )


def test_leaf_fall_is_split_between_litter_and_reserves():
    x = forest(gdd=0.0)
    change = day(x, 300, tmin=0.0, tmax=0.0)
    rate, p5, p14, p16 = 0.5, 0.06, 0.48, 0.15
    fall = p14 * p5 * 58.0
    back = (1.0 - p14) * p5 * 58.0 * rate
    assert change["cf"] == pytest.approx(-(fall + back), rel=1e-12)
    assert change["clab"] == pytest.approx((1.0 - p16) * back, rel=1e-12)
    assert x["litter_leaf"][0] == pytest.approx(fall, rel=1e-12)
    assert x["ra"][0] == pytest.approx(p16 * back, rel=1e-12)


def test_reserves_build_leaves_in_spring():
    x = forest(gdd=300.0, cf=0.0)
    change = day(x, 150, tmin=10.0, tmax=10.0, gpp=8.0)
    rate = 0.5 * np.exp(0.73)
    release = 0.09 * rate * 60.0
    growth = 0.4 * 0.55 * 8.0
    assert change["cf"] == pytest.approx(growth + 0.85 * release, rel=1e-12)
    assert change["clab"] == pytest.approx(-release, rel=1e-12)
    rest = 0.55 * 8.0 - growth
    root = 0.2 / 0.7
    assert change["cr"] == pytest.approx(root * rest - 102.0 / 365.25, rel=1e-12)
    assert change["cw"] == pytest.approx(
        (1.0 - root) * rest - 770.0 / (365.25 * 50.0), rel=1e-12
    )
    assert x["ra"][0] == pytest.approx(0.45 * 8.0 + 0.15 * release, rel=1e-12)


def test_growth_fills_the_canopy_exactly_and_no_more():
    x = forest(gdd=300.0, cf=299.5, clab=0.0)
    day(x, 150, gpp=20.0)
    assert x["cf"][0] == 300.0


def test_labile_release_never_passes_what_is_there():
    x = forest(gdd=300.0, cf=0.0, p15=0.2, p10=0.2)
    change = day(x, 150, tmin=30.0, tmax=30.0)  # p15 rate = 40 d-1
    assert x["clab"][0] == 0.0
    assert change["cf"] == pytest.approx(0.85 * 60.0, rel=1e-15)


def test_a_leaf_falls_only_once():
    """Losses beyond the pool are scaled together: nothing is left, nothing owed."""
    x = forest(gdd=0.0, p5=0.1, p10=0.2, p14=0.3)
    change = day(x, 300, tmin=8.0, tmax=40.0)
    rate = 0.5 * np.exp(0.2 * 24.0)
    fall, back = 0.3 * 0.1 * 58.0, 0.7 * 0.1 * 58.0 * rate
    assert fall + back > 58.0
    scale = 58.0 / (fall + back)
    assert x["cf"][0] == pytest.approx(0.0, abs=1e-13)
    assert x["litter_leaf"][0] == pytest.approx(fall * scale, rel=1e-12)
    assert change["clab"] == pytest.approx(0.85 * back * scale, rel=1e-12)


def test_when_all_leaves_fall_none_are_owed():
    """Rounding must not leave a negative pool: its ratio to no loss is not a number."""
    rng = np.random.default_rng(3)
    for cf in 10.0 ** rng.uniform(-40.0, 3.0, 200):
        x = forest(cf=cf, p5=1.0, p14=rng.uniform(0.1, 0.9), p10=0.127, p12=1e9)
        day(x, 300, tmin=26.0, tmax=37.0)
        assert x["cf"][0] >= 0.0
        day(x, 301, tmin=35.0, tmax=36.0)
        assert np.isfinite(x["clab"][0])


def test_litter_respires_at_most_itself():
    x = forest(gdd=0.0, p10=0.2, cf=0.0, cr=0.0)
    day(x, 200, tmin=35.0, tmax=35.0)  # p8 rate = 12 d-1
    assert x["clit"][0] == pytest.approx(0.0, abs=1e-13)
    p1, p8 = 4.41e-6, 2.28e-2
    rate = 0.5 * np.exp(7.0)
    soil = 2.65e-6 * rate * 9897.0
    assert x["rh"][0] == pytest.approx(40.0 * p8 / (p1 + p8) + soil, rel=1e-12)


# --- closed forms over many days


def test_roots_and_wood_decay_in_closed_form():
    x = forest(gdd=0.0)
    n = 400
    for _ in range(n):
        day(x, 150)
    p6, p7 = 1.0 / (365.25 * 50.0), 1.0 / 365.25
    assert x["cr"][0] == pytest.approx(102.0 * (1.0 - p7) ** n, rel=1e-12)
    assert x["cw"][0] == pytest.approx(770.0 * (1.0 - p6) ** n, rel=1e-12)


def test_constant_growth_fills_roots_towards_input_over_turnover():
    x = forest(gdd=300.0, maxfol=0.0)
    n, gpp = 900, 6.0
    for _ in range(n):
        day(x, 150, gpp=gpp)
    root = 0.2 / 0.7
    p7 = 1.0 / 365.25
    end = root * 0.55 * gpp / p7
    left = (1.0 - p7) ** n
    assert x["cr"][0] == pytest.approx(end * (1.0 - left) + 102.0 * left, rel=1e-10)


def test_the_slow_pools_alone_repeat_the_days_of_the_whole_step():
    """Spin-up replays growth, leaf litter and rate on the slow pools, bit for bit."""
    rng = np.random.default_rng(2)
    whole, slow = forest(), forest()
    for doy in range(1, 366):
        day(whole, doy, 5.0 * rng.random(), 5.0 + 20.0 * rng.random(), 9 * rng.random())
        for name in ("trate", "litter_leaf", "to_root", "to_wood"):
            slow[name][:] = whole[name]
        dalec.slow_pools_day(slow)
    for pool in ("cr", "cw", "clit", "csom"):
        assert slow[pool][0] == whole[pool][0]


def test_table_parameters_become_turnover_in_mapping_m1():
    w = new_workspace(1)
    parameters_of(w, {"tauroot": 0.5, "tauwood0": 25.0, "aleaf": 0.45, "aroot": 0.35})
    x = w[0]
    assert x["p4"][0] == pytest.approx(0.35 / 0.55)
    assert x["p7"][0] == pytest.approx(2.0 / 365.25)
    assert x["p6"][0] == pytest.approx(1.0 / (365.25 * 25.0))
    parameters_of(w, {"tauroot": 0.5}, mapping="M2")
    assert (x["p4"][0], x["p6"][0], x["p7"][0]) == (0.434, 2.06e-6, 2.48e-3)


def test_leaf_area_follows_foliage_and_is_capped_at_twelve_over_leaves():
    x = forest(cf=120.0, p18=60.0)
    dalec.leaf_area(x)
    dalec.canopy_area(x)
    assert x["lai_ground"][0] == 2.0
    assert x["lai"][0] == pytest.approx(2.0 / 0.975)
    x["cf"][:] = 2000.0
    dalec.leaf_area(x)
    dalec.canopy_area(x)
    assert x["lai_ground"][0] == pytest.approx(2000.0 / 60.0)
    assert x["lai"][0] == 12.0


def test_canopy_water_lost_with_leaves_is_booked():
    x = forest(wliqu=0.1, wsnou=0.05, lai_previous=4.0, lai_ground=3.0 * 0.975)
    dalec.canopy_area(x)
    assert x["canopy_adjust"][0] == pytest.approx(2.0 * 0.975 * 1.0 * 0.15)
    assert x["lai_previous"][0] == pytest.approx(3.0)
