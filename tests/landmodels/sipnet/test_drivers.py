"""Drivers: files, units, order, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landmodels import sipnet
from landmodels.sipnet.daily_drivers import daylight_fraction
from landmodels.sipnet.driver_records import driver_records

LINES = """\
1998 305 0 0.292 1.5314 0.8162 0 0 105.7962 70.1711 711.6313 0.92
1998 305 7 0.417 3.646 1.8311 5.6016 2.5 -0.5 23.5578 809.4069 1.127
1998 305 17 0.583 -1.2 1.7 -2e-15 -7e-15 99.1 31.2 700.2 0
"""


def write(tmp_path, text, name="site.clim"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_twelve_and_fourteen_columns_are_the_same(tmp_path):
    twelve = sipnet.read_clim(write(tmp_path, LINES))
    wide = "".join(f"0 {line} 0.7\n" for line in LINES.splitlines())
    fourteen = sipnet.read_clim(write(tmp_path, wide, "old.clim"))
    xr.testing.assert_identical(twelve, fourteen)


def test_units_of_the_model(tmp_path):
    d = driver_records([sipnet.read_clim(write(tmp_path, LINES))])[0]
    assert d["par"][1] == pytest.approx(5.6016 / 0.417)  # mol m-2 d-1
    assert d["precip"][1] == pytest.approx(0.25)  # cm in the step
    assert d["vpd"][0] == pytest.approx(0.1057962)  # kPa
    assert d["vpd"][1] == 1e-6
    assert d["vpdsoil"][1] == pytest.approx(0.0235578)
    assert d["vpress"][1] == pytest.approx(0.8094069)
    assert d["wspd"][2] == 1e-6
    assert d["degree_days"].tolist() == [1.5314 * 0.292, 3.646 * 0.417, 0.0]


def test_negative_lengths_are_seconds(tmp_path):
    text = LINES.replace("0.292", "-25200").replace("0.417", "-36000")
    lengths = sipnet.read_clim(write(tmp_path, text))["step_length"].values
    assert lengths[0] == 25200 / 86400
    assert lengths[1] == 36000 / 86400


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("".join(f"{line} 0.7\n" for line in LINES.splitlines()), "13 columns"),
        (LINES + "1998 306\n", "line 4"),
        (LINES.splitlines()[0] + "\n0 " + LINES.splitlines()[1] + " 1\n", "as on the"),
        ("year day time\n" + LINES, "columns"),
        (LINES.replace("3.646", "warm"), "line 2"),
        (LINES.replace("3.646", "nan"), "tair, step 1"),
        (LINES.replace("3.646", "-9999"), "missing-value code"),
        (LINES.replace("3.646", "276.8"), "kelvin"),
        (LINES.replace("1998 305 7", "1998 305 0"), "in order"),
        (LINES.replace("1998 305 7", "1998 305 9.5"), "gap of"),
        (LINES.replace("0.417", "0.6"), "overlap of"),
        (LINES.replace("1998 305 7", "1998 400 7"), "1 to 366"),
        (LINES.replace("1998 305 7", "1998 305.5 7"), "whole numbers"),
        (LINES.replace("0.292", "0"), "step_length"),
        (LINES.replace("5.6016", "1500"), "sum of the step"),
        ("1998 305 0 .3 5 5 0 0 .1 .07 .71 1", "kPa"),
        ("", "no record"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused(text, word, tmp_path):
    with pytest.raises(sipnet.InputError, match=word):
        sipnet.read_clim(write(tmp_path, text))


def test_a_missing_file_is_one_clear_error(tmp_path):
    for read in (sipnet.read_clim, sipnet.read_driver_table):
        with pytest.raises(sipnet.InputError, match=r"none\.clim"):
            read(tmp_path / "none.clim")


def test_columns_of_a_table(tmp_path):
    head = "year,day,time,length,tair,tsoil,par,precip,vpd,vpdsoil,vpress,wspd\n"
    body = LINES.replace(" ", ",")
    table = sipnet.read_driver_table(write(tmp_path, head + body, "a.csv"))
    xr.testing.assert_identical(table, sipnet.read_clim(write(tmp_path, LINES)))
    for wrong in (head.replace("vpress", "vp"), head.replace("wspd", "wspd,more")):
        with pytest.raises(sipnet.InputError, match="columns"):
            sipnet.read_driver_table(write(tmp_path, wrong + body, "b.csv"))


@pytest.mark.parametrize(
    ("name", "units", "word"),
    [
        ("vpd", "kPa", "multiply by 1000"),
        ("vpress", "hPa", "multiply by 100"),
        ("precip", "cm", "multiply by 10"),
        ("precip", "kg m-2 s-1", "86400"),
        ("par", "mol m-2 d-1", "step_length"),
        ("tair", "K", "273.15"),
        ("step_length", "s", "86400"),
        ("wspd", "m/s", "another spelling"),
        ("par", "furlong", "Convert to mol m-2"),
    ],
)
def test_a_wrong_unit_is_refused(name, units, word, niwot):
    forcing = niwot.copy()
    forcing[name] = forcing[name].assign_attrs(units=units)
    with pytest.raises(sipnet.InputError, match=word):
        sipnet.simulate(forcing)


def test_missing_units_are_named_in_a_warning(niwot, caplog):
    forcing = niwot.copy()
    forcing["vpd"] = forcing["vpd"].drop_attrs()
    sipnet.validate_forcing(forcing)
    assert "no units on vpd; taken as Pa" in caplog.text


def test_the_time_coordinate_alone_gives_the_calendar(niwot):
    dates = niwot.drop_vars(["year", "day", "hour"])
    xr.testing.assert_allclose(sipnet.validate_forcing(dates), niwot, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda f: f.drop_vars("tair"), "no variable tair"),
        (lambda f: f.drop_vars("hour"), "only year, day"),
        (lambda f: f.drop_vars(["year", "day", "hour", "time"]), "neither dates"),
        (lambda f: f.rename(time="step"), "no dimension time"),
        (lambda f: f.isel(time=slice(0, 0)), "no record"),
        (lambda f: f.assign(day=f["day"] + 1), "the same moment"),
        (lambda f: f.assign(tair=f["tair"].astype(str)), "of type"),
        (lambda f: f.isel(time=[0, 1, 2, 6, 7]), "gap of"),
        (lambda f: f.isel(time=[1, 0]), "in order"),
        (lambda f: f.expand_dims("site"), "simulate_batch"),
    ],
)
def test_forcing_that_cannot_be_used_is_refused(change, word, niwot):
    with pytest.raises(sipnet.InputError, match=word):
        sipnet.simulate(change(niwot))


def test_half_hours_fit_into_the_window_and_ten_minutes_do_not(niwot):
    def steps(minutes):
        n = 7 * 24 * 60 // minutes
        time = pd.date_range("2001-05-01", periods=n, freq=f"{minutes}min")
        names = ("tair", "tsoil", "par", "precip", "vpd", "vpdsoil", "vpress", "wspd")
        columns = {k: ("time", np.full(n, niwot[k].values[1])) for k in names}
        columns["par"] = ("time", np.full(n, 0.1))
        columns["step_length"] = ("time", np.full(n, minutes / 1440))
        return xr.Dataset(columns, {"time": time})

    run = sipnet.simulate(steps(30))
    assert run["final_state"].sel(state="queue_length") in (240, 241)
    with pytest.raises(sipnet.InputError, match="Average the drivers"):
        sipnet.simulate(steps(10))


def daily_table(**change):
    one = {"tmin": 9.0, "tmax": 21.0, "srad": 20.0, "vpd": 8.0, "prec": 3.0}
    values = {k: np.full(800, v) for k, v in (one | change).items()}
    time = pd.date_range("2003-01-01", periods=800)
    return xr.Dataset({k: ("time", v) for k, v in values.items()}, {"time": time})


def test_daily_tables_become_day_and_night():
    """Numbers by hand for 42.5 N on the first date (section 2.1)."""
    drivers = sipnet.half_daily_drivers(daily_table(), latitude=42.5)
    f = float(drivers["step_length"][0])
    declination = -0.4093 * np.cos(2 * np.pi * 11 / 365)
    assert f == pytest.approx(
        np.arccos(-np.tan(np.radians(42.5)) * np.tan(declination)) / np.pi
    )
    assert drivers["hour"].values[:2].tolist() == [12 - 12 * f, 12 + 12 * f]
    assert drivers["tair"].values[:2].tolist() == [18.0, 12.0]
    assert drivers["tsoil"].values[:2].tolist() == [15.0, 15.0]
    assert drivers["par"].values[:2] == pytest.approx([0.45 * 4.57 * 20.0, 0.0])
    assert drivers["precip"].values[:2] == pytest.approx([3.0 * f, 3.0 * (1 - f)])

    def es(t):
        return 611.0 * np.exp(17.27 * t / (t + 237.3))

    vapour = f * es(18.0) + (1 - f) * es(12.0) - 800.0
    assert drivers["vpd"].values[:2] == pytest.approx(
        [es(18.0) - vapour, es(12.0) - vapour]
    )
    assert drivers["vpress"].values[:2] == pytest.approx([vapour, vapour])
    assert drivers["vpdsoil"].values[0] == pytest.approx(es(15.0) - vapour)
    assert (drivers["wspd"] == 2.0).all()
    assert drivers.sizes["time"] == 1600


def test_soil_temperature_follows_the_air_with_fifteen_days():
    warmer = daily_table()
    warmer["tmin"][400:] += 10.0
    warmer["tmax"][400:] += 10.0
    soil = sipnet.half_daily_drivers(warmer, latitude=42.5)["tsoil"].values[::2]
    assert soil[399] == pytest.approx(15.0)
    assert soil[414] - 15.0 == pytest.approx(10.0 * (1.0 - np.exp(-1.0)))


def test_days_and_nights_at_the_poles_and_the_equator():
    doy = np.arange(1.0, 366.0)
    assert daylight_fraction(doy, 0.0) == pytest.approx(np.full(365, 0.5))
    fraction = daylight_fraction(doy, 80.0)
    assert fraction.max() == 0.95
    assert fraction.min() == 0.05
    mirror = daylight_fraction(doy, -80.0)
    assert mirror == pytest.approx(np.clip(1.0 - fraction, 0.05, 0.95))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d.assign(vpd=d["vpd"].assign_attrs(units="kPa")), "hPa"),
        (lambda d: d.assign(vpd=d["vpd"] * 100.0), "Is the unit hPa"),
        (lambda d: d.assign(tmin=d["tmax"] + 1.0), "at most tmax"),
        (lambda d: d.assign(prec=d["prec"] * np.nan), "every gap"),
        (lambda d: d.drop_vars("srad"), "no variable srad"),
        (lambda d: d.isel(time=[0, 2]), "every date"),
        (lambda d: d.drop_vars("time"), "no dates"),
    ],
)
def test_a_daily_table_that_cannot_be_used_is_refused(change, word):
    with pytest.raises(sipnet.InputError, match=word):
        sipnet.half_daily_drivers(change(daily_table()), latitude=42.5)


def test_latitude_comes_from_the_table_of_sites(tmp_path):
    body = "date,tmin,tmax,srad,vpd,prec,nee\n2001-07-01,9,21,20,8,0,-3\n"
    path = write(tmp_path, body, "XX-Abc_daily.csv")
    with pytest.raises(sipnet.InputError, match=r"sites\.csv"):
        sipnet.read_fluxnet_daily(path)
    write(tmp_path, "site,lat\nXX-Abc,51.5\nXX-Def,2\n", "sites.csv")
    daily = sipnet.read_fluxnet_daily(path)
    assert float(daily["lat"]) == 51.5
    assert daily["nee"].attrs["units"] == "g m-2 d-1"
    assert sipnet.half_daily_drivers(daily).sizes["time"] == 2
    with pytest.raises(sipnet.InputError, match="-90 to 90"):
        sipnet.half_daily_drivers(daily, latitude=512.0)


def year_of(niwot):
    """A year and more of the shipped drivers, as a table of the program's columns."""
    table = niwot.to_dataframe().reset_index(drop=True)
    names = {"hour": "time", "step_length": "length"}
    columns = ["year", "day", "time", "length", "tair", "tsoil", "par", "precip",
               "vpd", "vpdsoil", "vpress", "wspd"]  # fmt: skip
    return table.rename(columns=names)[columns]


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        ({"vpd": 1e-3, "vpdsoil": 1e-3}, "vpd"),
        ({"vpd": 1e-2, "vpdsoil": 1e-2, "vpress": 1e-2}, "vpd"),
        ({"vpd": 0.0}, "not measured"),
        ({"vpress": 1e-2}, "vpress"),
        ({"tsoil": lambda x: 32.0 + 1.8 * x}, "tsoil and vpdsoil"),
        ({"precip": 48.0}, "a year"),
    ],
)
def test_a_year_in_another_unit_is_refused(tmp_path, year_of_weather, spoil, word):
    table = year_of(year_of_weather)
    sipnet.read_driver_table(write(tmp_path, table.to_csv(index=False), "good.csv"))
    for name, change in spoil.items():
        table[name] = change(table[name]) if callable(change) else change * table[name]
    with pytest.raises(sipnet.InputError, match=word):
        sipnet.read_driver_table(write(tmp_path, table.to_csv(index=False), "b.csv"))


@pytest.mark.parametrize(
    ("name", "factor", "word"),
    [("precip", 0.1, "in cm"), ("par", 1 / 4.57, "MJ m-2"), ("wspd", 3.6, "km h-1"),
     ("precip", 24.0, "shorter step")],
)  # fmt: skip
def test_a_year_that_is_unlikely_is_said(
    tmp_path, year_of_weather, caplog, name, factor, word
):
    table = year_of(year_of_weather)
    sipnet.read_driver_table(write(tmp_path, table.to_csv(index=False), "good.csv"))
    assert not caplog.messages
    table[name] *= factor
    sipnet.read_driver_table(write(tmp_path, table.to_csv(index=False), "b.csv"))
    assert any(word in message for message in caplog.messages)


def daily_year(**change):
    day = np.arange(730)
    warm = 8.0 - 12.0 * np.cos(2.0 * np.pi * day / 365.0)
    full = 6.11 * np.exp(17.27 * warm / (warm + 237.3))
    bright = 16.0 - 12.0 * np.cos(2.0 * np.pi * (day + 10) / 365.0)
    table = {
        "tmin": warm - 5.0, "tmax": warm + 5.0, "srad": bright,
        "vpd": full * (0.3 + 0.2 * np.sin(day)), "prec": 2.0 + 2.0 * np.cos(day),
    }  # fmt: skip
    for name, factor in change.items():
        table[name] = factor * table[name]
    return xr.Dataset(
        {name: ("time", values) for name, values in table.items()},
        {"time": pd.date_range("2001-01-01", periods=730)},
    )


@pytest.mark.parametrize(
    ("change", "latitude", "word"),
    [
        ({"vpd": 0.1}, 51.0, "vpd"),
        ({"srad": 1 / 24}, 51.0, "srad"),
        ({"srad": 1 / 3.6}, 51.0, "kWh"),
        ({"prec": 48.0}, 51.0, "prec"),
        ({}, -51.0, "lat"),
    ],
)
def test_a_daily_year_of_another_unit_or_place_is_refused(change, latitude, word):
    sipnet.half_daily_drivers(daily_year(), latitude=51.0)
    with pytest.raises(sipnet.InputError, match=word):
        sipnet.half_daily_drivers(daily_year(**change), latitude=latitude)


def test_a_daily_table_with_rain_in_inches_is_said(tmp_path, caplog):
    for factor, said in ((1.0, False), (1 / 25.4, True)):
        table = daily_year(prec=factor).to_dataframe().reset_index()
        table = table.rename(columns={"time": "date"})
        text = table.to_csv(index=False)
        caplog.clear()
        sipnet.read_fluxnet_daily(write(tmp_path, text, "a_daily.csv"), latitude=51.0)
        assert any("inches" in message for message in caplog.messages) == said
