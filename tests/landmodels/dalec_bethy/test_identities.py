"""Laws that a run obeys: water, carbon and energy close; limits are met."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import i0e

from landmodels.dalec_bethy.drivers import Drivers, canopy_angle, make_drivers
from landmodels.dalec_bethy.equations import canopy, day
from landmodels.dalec_bethy.equations.carbon import _DAYS, release
from landmodels.dalec_bethy.equations.day import DAILY_DRIVERS, DAILY_OUTPUTS, STATES
from landmodels.dalec_bethy.equations.smooth import smooth_minimum
from landmodels.dalec_bethy.simulate import output_series
from landmodels.dalec_bethy.tile import Tile

from .places import drivers_of_place, point, tile_of

SITES = [("boreal", "EvCn"), ("savanna", "C3Gr"), ("temperate", "TmSg")]


def column(run, name):
    return run.daily[:, DAILY_OUTPUTS.index(name)]


@pytest.mark.parametrize(("place", "kind"), SITES)
def test_carbon_and_water_close_every_day(place, kind):
    tile = tile_of(place, kind, 2)
    run = tile.run(*point(kind, 0.4))
    change = np.diff(run.states, axis=0)
    np.testing.assert_allclose(
        change[:, :6].sum(axis=1), -column(run, "nee"), atol=1e-9
    )
    rain, snow = (tile.drivers.daily[:, DAILY_DRIVERS.index(n)] for n in
                  ("rain", "snowf"))  # fmt: skip
    out = sum(column(run, n) for n in ("trans", "ec", "es", "runoff", "drain"))
    np.testing.assert_allclose(change[:, 6:].sum(axis=1) + out, rain + snow, atol=1e-9)


def test_energy_closes_every_hour():
    tile = tile_of("temperate", "TmSg")
    parameters, state = point("TmSg", 0.0)
    run = tile.run(parameters, state)
    for d in (10, 100, 200):
        v = dict(zip(day.PARAMETERS, parameters, strict=True))
        v |= dict(zip(day.FIXED, tile.fixed, strict=True))
        v |= dict(zip(STATES, run.states[d], strict=True))
        v |= dict(zip(DAILY_DRIVERS, tile.drivers.daily[d], strict=True))
        v |= day.slow(np, v) | {"be": 1e-3}
        v |= dict(zip(day.HOURLY_DRIVERS, tile.drivers.hourly[d], strict=True))
        balance = day.energy(np, v)
        latent = v["lam"] * balance["demand"]
        np.testing.assert_allclose(
            balance["net_canopy"], latent + balance["sensible"], atol=1e-9
        )


@pytest.mark.parametrize(("place", "kind"), SITES)
def test_stores_stay_above_zero_within_four_standard_deviations(place, kind):
    tile = tile_of(place, kind)
    rng = np.random.default_rng(11)
    for corner in range(40):
        x = rng.uniform(-4.0, 4.0, 23) if corner % 2 else rng.choice([-4.0, 4.0], 23)
        run = tile.run(*point(kind, x))
        assert np.isfinite(run.states).all()
        assert np.isfinite(run.daily).all()
        assert np.isfinite(run.hourly).all()
        assert run.states.min() >= 0.0


def test_a_dry_root_zone_does_not_transpire_for_ever():
    wet = drivers_of_place("savanna", 3, 1)
    daily = wet.daily.copy()
    daily[:, DAILY_DRIVERS.index("rain")] *= 0.1
    tile = Tile(Drivers(daily, wet.hourly), 1.9, 0.04947)
    run = tile.run(*point("C3Gr", 0.0))
    moist = Tile(wet, 1.9, 0.04947).run(*point("C3Gr", 0.0))
    assert run.states[:, STATES.index("wr")].min() >= 0.0
    late = slice(730, None)
    assert column(run, "gpp")[late].sum() < 0.5 * column(moist, "gpp")[late].sum()


def test_a_root_zone_that_starts_above_its_capacity_drains():
    tile = tile_of("temperate", "TmSg")
    parameters, state = point("TmSg", 0.0)
    parameters[day.PARAMETERS.index("fwmax")] = 0.4  # a capacity of 60 mm
    water = tile.run(parameters, state).states[:, STATES.index("wr")]
    assert water[0] == 100.0
    assert np.isfinite(water).all()
    assert water[60:].max() < 70.0


rates = st.just(0.0) | st.floats(1e-20, 1e-3)


@given(rates, rates)
def test_the_smooth_minimum_is_at_most_the_minimum(x, y):
    assert smooth_minimum(math, x, y) <= min(x, y) * (1.0 + 1e-12)


def light(lai, mu=0.6, fdir=0.5, albedo=0.1):
    return np.array(canopy.canopy_light(np, lai, mu, fdir, albedo))


def test_fapar_grows_with_leaf_area_up_to_one():
    lai = np.geomspace(1e-3, 30.0, 60)
    for mu in (0.02, 0.3, 0.9):
        for fdir in (0.0, 0.7):
            total = light(lai, canopy_angle(mu), fdir).sum(axis=0)
            assert np.all(np.diff(total) > 0.0)
            assert total.min() > 0.0
            assert total.max() <= 1.0


def test_a_canopy_of_any_density_has_a_finite_absorption():
    assert np.all(np.isfinite(light(np.array([1e-4, 50.0, 5e3]))))


def test_the_canopy_keeps_away_from_the_singular_sun_angle():
    mu = canopy_angle(np.linspace(0.0, 1.0, 200_001))
    assert np.min(np.abs(mu - 0.5 / math.sqrt(0.88))) >= 0.00199
    assert mu.min() == 0.02


def test_without_light_there_is_no_assimilation_and_no_fluorescence():
    tile = tile_of("temperate", "TmSg")
    hourly = tile.drivers.hourly.copy()
    hourly[:, day.HOURLY_DRIVERS.index("par")] = 0.0
    dark = Tile(Drivers(tile.drivers.daily, hourly), 2.0, 0.16681)
    run = dark.run(*point("TmSg", 0.0))
    assert np.all(column(run, "gpp") == 0.0)
    assert np.all(run.hourly[:, 0] == 0.0)


def test_more_carbon_dioxide_means_more_assimilation():
    tile = tile_of("temperate", "TmSg")
    daily = tile.drivers.daily.copy()
    daily[:, DAILY_DRIVERS.index("ca")] *= 1.5
    rich = Tile(Drivers(daily, tile.drivers.hourly), 2.0, 0.16681)
    usual, more = (t.run(*point("TmSg", 0.0)) for t in (tile, rich))
    assert column(more, "gpp").sum() > 1.05 * column(usual, "gpp").sum()


def test_doubling_leaf_mass_halves_leaf_area():
    tile = tile_of("temperate", "TmSg")
    parameters, state = point("TmSg", 0.0)
    thin = column(tile.run(parameters, state), "lai")[0] - 1e-4
    parameters[day.PARAMETERS.index("lma")] *= 2.0
    thick = column(tile.run(parameters, state), "lai")[0] - 1e-4
    assert thick == pytest.approx(thin / 2.0, rel=1e-12)


def test_water_supply_limits_conductance_as_the_roots_dry():
    arguments = (300.0, 100.0, 65.0, 2.45e6, 0.1, 5e-3, 1000.0)
    supplies = np.array([1e-4, 1e-5, 1e-6, 1e-9])
    stress = canopy.water_stress(np, *arguments, supplies)
    assert np.all(np.diff(stress) > 0.0)
    conductance = 5e-3 / (1.0 + stress * 1000.0)
    assert conductance[-1] < 0.01 * conductance[0]


def test_polar_night_is_finite_and_dark():
    n = 30
    weather = {
        "doy": np.arange(n) + 345.0, "tmin": np.full(n, -35.0),
        "tmax": np.full(n, -25.0), "srad": np.zeros(n), "vpd": np.full(n, 10.0),
        "prec": np.full(n, 1.0), "co2": 410e-6,
    }  # fmt: skip
    drivers = make_drivers(weather, latitude=80.0, elevation=0.0)
    assert np.isfinite(drivers.hourly).all()
    run = Tile(drivers, 1.79, 0.16681).run(*point("EvCn", 0.0))
    assert np.isfinite(run.daily).all()
    assert np.all(column(run, "gpp") == 0.0)
    assert np.all(np.diff(run.states[:, STATES.index("snow")]) > 0.9)


@pytest.mark.parametrize("period", [28.0, 55.0, 74.0])
@pytest.mark.parametrize("life", [0.01, 0.2, 0.5])
def test_what_is_released_in_a_year_has_a_closed_form(life, period):
    days = np.arange(1, 366) * 365.25 / 365.0  # one whole period of the bell
    total = release(np, days, life, 120.0, period).sum() * 365.25 / 365.0
    factor = (math.log(1.0 + life) - math.log(life)) / 2.0
    q = (_DAYS / (period * math.sqrt(2.0) / 2.0)) ** 2
    expected = 2.0 * factor * math.sqrt(math.pi * q) * i0e(q / 2.0)
    assert total == pytest.approx(expected, rel=1e-4)


def test_fluorescence_grows_with_assimilation():
    tile = tile_of("temperate", "TmSg")
    series = output_series(tile.run(*point("TmSg", 0.0)))
    assert np.corrcoef(series["sif"].mean(axis=1), series["gpp"])[0, 1] > 0.95
