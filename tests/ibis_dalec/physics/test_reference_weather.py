"""Saturation functions and hourly weather meet the numbers of the Fortran."""

import math

import numpy as np
import pytest

from ibis_dalec.physics import hourly_weather as weather
from ibis_dalec.physics import saturation
from ibis_dalec.physics.workspace import new_workspace

from ..reference import ORIGINAL_PI, read

_TO_ORIGINAL = ORIGINAL_PI / math.pi


def test_saturation_functions_and_the_wet_bulb(numbers):
    table, _ = read(numbers, "saturation.csv")
    for row in table.itertuples():
        e = saturation.esat(row.t_k)
        q = saturation.qsat(e, row.p_pa)
        found = {
            "esat_pa": e,
            "desat_pa_k": saturation.desat(row.t_k),
            "qsat": q,
            "dqsat_k": saturation.dqsat(row.t_k, q, e),
            "hvapf_t_tminus3": saturation.latent_vaporisation(row.t_k, row.t_k - 3.0),
            "twet3_q06": saturation.wet_bulb(row.t_k, 0.6 * q, row.p_pa),
        }
        for name, value in found.items():
            assert value == pytest.approx(getattr(row, name), rel=1e-8), (name, row)


def hourly(table, stretch):
    """Weather of each row; ``stretch`` scales every angle made with pi."""
    w = new_workspace(1)
    record = w[0]
    hours = np.arange(24.0)
    turn = np.pi * stretch
    shape = (
        0.44
        - 0.46 * np.sin(turn / 12.0 * hours + 0.9)
        + 0.11 * np.sin(2.0 * turn / 12.0 * hours + 0.9)
    )
    if stretch == 1.0:
        np.testing.assert_array_equal(shape, weather.TEMPERATURE_SHAPE)
    cos_angle = np.cos(2.0 * turn * (hours - 12.0) / 24.0)
    found = {name: [] for name in _COLUMNS}
    for row in table.itertuples():
        record["sin_lat"][:] = np.sin(np.deg2rad(row.lat) * stretch)
        record["cos_lat"][:] = np.cos(np.deg2rad(row.lat) * stretch)
        record["tmin_k"][:] = row.tmin_c + 273.16
        record["tmax_k"][:] = row.tmax_c + 273.16
        record["q_day"][:] = row.q_day
        record["psurf"][:] = row.psurf
        record["cloud"][:] = row.cloud_frac
        record["prec_day"][:] = row.prec_mm
        weather.start_weather_day(record, 1)
        sun, sin_dec, cos_dec = weather.sun_of_day(row.doy * stretch)
        weather.weather_hour(
            record, row.hour, shape[row.hour], cos_angle[row.hour], sun, sin_dec,
            cos_dec, 1,
        )  # fmt: skip
        for name, value in _COLUMNS.items():
            found[name].append(value(record))
        assert record["storm_hours"][0] * 3600.0 == row.plen_s
        assert record["storm_start"][0] * 3600.0 == row.start_s
    return found


_COLUMNS = {
    "coszen": lambda w: w["coszen"][0],
    "sw_vis_dir": lambda w: w["sol_dir"][0, 0],
    "sw_vis_dif": lambda w: w["sol_dif"][0, 0],
    "sw_nir_dir": lambda w: w["sol_dir"][1, 0],
    "sw_nir_dif": lambda w: w["sol_dif"][1, 0],
    "ta_k": lambda w: w["ta"][0],
    "qa": lambda w: w["qa"][0],
    "rh_pct": lambda w: (
        100.0 * w["qa"][0] / saturation.qsat(saturation.esat(w["ta"][0]), w["psurf"][0])
    ),
    "ir_down": lambda w: w["fira"][0],
    "prec_mm_h": lambda w: (w["rain"][0] + w["snow"][0]) * 3600.0,
}


@pytest.mark.parametrize(
    ("stretch", "fraction"), [(_TO_ORIGINAL, 1e-8), (1.0, 1e-7)], ids=["its pi", "pi"]
)
def test_hourly_weather(numbers, stretch, fraction):
    table, _ = read(numbers, "diurnal.csv")
    found = hourly(table, stretch)
    for name, values in found.items():
        wanted = table[name].to_numpy()
        error = np.abs(np.array(values) - wanted).max()
        assert error <= fraction * np.ptp(wanted), name


@pytest.mark.parametrize(
    ("prec", "hours", "start"),
    [(0.0, 14, 5), (210.0, 14, 5), (211.0, 15, 4), (300.0, 20, 2), (1e4, 24, 0)],
)
def test_a_storm_lasts_longer_when_it_is_heavier(prec, hours, start):
    assert weather.storm(prec) == (hours, start)


def test_a_day_of_precipitation_falls_whole():
    w = new_workspace(1)
    record = w[0]
    for prec in (0.3, 25.0, 260.0, 700.0):
        for celsius in (-8.0, 2.0, 9.0):
            record["tmin_k"][:] = 273.16 + celsius - 3.0
            record["tmax_k"][:] = 273.16 + celsius + 3.0
            record["q_day"][:] = 0.002
            record["psurf"][:] = 9.5e4
            record["prec_day"][:] = prec
            weather.start_weather_day(record, 1)
            total = 0.0
            for hour in range(24):
                weather.weather_hour(
                    record, hour, weather.TEMPERATURE_SHAPE[hour], 0.0, 1370.0, 0.0,
                    1.0, 1,
                )  # fmt: skip
                rain, snow = record["rain"][0], record["snow"][0]
                assert rain == 0.0 or snow == 0.0
                assert snow == 0.0 or record["ta"][0] - 273.15 <= 2.5
                assert rain == 0.0 or record["ta"][0] - 273.15 > 2.5
                total += 3600.0 * (rain + snow)
            assert total == pytest.approx(prec, rel=1e-13)
