"""A call that cannot be run is refused once, clearly, before anything runs."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landmodels import century
from landmodels.century.physics import kernel

from .cases import alpine


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch):
    """Every test here fails if the kernel is reached."""

    def never(*arguments):
        raise AssertionError("the model ran on bad input")

    monkeypatch.setattr(kernel, "run_lanes", never)


@pytest.fixture(scope="module")
def forcing():
    return alpine(years=12)


def refused(call, *arguments, **keywords):
    with pytest.raises(century.InputError) as caught:
        call(*arguments, **keywords)
    assert caught.value.found
    assert caught.value.wanted
    return str(caught.value)


def test_maximum_temperature_at_or_below_the_optimum(forcing):
    for value in (24.0, 25.0):
        text = refused(century.simulate, forcing, {"ppdf_1": 25.0, "ppdf_2": value}
                       if value == 25.0 else {"ppdf_1": [20.0, 25.0],
                                              "ppdf_2": [30.0, 25.0]})  # fmt: skip
        assert "PPDF(2) above PPDF(1)" in text
    assert "sample 1" in text or "sample 0" in text


def test_a_moisture_line_without_a_slope(forcing):
    text = refused(century.simulate, forcing, {"pprpts_1": 0.75})
    assert "water-capacity term" in text


def test_texture_that_does_not_sum(forcing):
    text = refused(century.simulate, forcing.assign(sand=0.9))
    assert "sum to 1" in text


def test_texture_in_percent(forcing):
    assert "divide by 100" in refused(century.simulate, forcing.assign(sand=45.0))


def test_negative_precipitation(forcing):
    prec = forcing["prec"].copy()
    prec[17] = -3.0
    text = refused(century.simulate, forcing.assign(prec=prec))
    assert "1962-06" in text
    assert "cannot be negative" in text


def test_precipitation_without_a_unit(forcing):
    bare = forcing.assign(prec=("time", forcing["prec"].values))
    assert "ten times" in refused(century.simulate, bare)


def test_missing_months(forcing):
    gap = forcing.isel(time=[t for t in range(144) if t not in (30, 31)])
    assert "2 missing month(s) after 1963-06" in refused(century.simulate, gap)


def test_years_that_are_not_whole(forcing):
    assert "whole calendar years" in refused(
        century.simulate, forcing.isel(time=slice(3, None))
    )


def test_a_missing_value_and_its_codes(forcing):
    for value, words in ((np.nan, "missing month"), (-9999.0, "missing-value code"),
                         (281.0, "subtract 273.15")):  # fmt: skip
        tmin = forcing["tmin"].copy()
        tmin[40] = value
        text = refused(century.simulate, forcing.assign(tmin=tmin))
        assert words in text
        assert "1964-05" in text


def test_minimum_above_maximum(forcing):
    crossed = forcing.assign(tmin=forcing["tmax"] + 1.0)
    assert "tmin at most tmax" in refused(century.simulate, crossed)


def test_the_cell_is_named():
    cells = alpine(years=12, cells=3)
    cells["ph"][2] = 19.0
    assert "ph, cell 2" in refused(century.simulate, cells)
    cells = alpine(years=12, cells=3)
    cells["prec"][1, 5] = -1.0
    assert "cell 1" in refused(century.simulate, cells)


def test_a_class_that_no_cell_has():
    cells = alpine(years=12, cells=2)
    cells["ecosystem"] = ("cell", ["meadow", "meadow"])
    text = refused(
        century.parameters_by_class, cells["ecosystem"], {"steppe": {"rdr": 0.2}}
    )
    assert "no cell of this class" in text
    cells["ecosystem"] = ("cell", ["meadow", "forest"])
    assert "cell 1" in refused(century.simulate, cells)


def test_a_class_that_contradicts_the_cells(forcing):
    cells = forcing.assign(ecosystem="meadow")
    text = refused(century.simulate, cells, ecosystem="steppe")
    assert "the cells are meadow" in text


def test_a_soil_that_holds_no_water(forcing):
    bare = forcing.assign(sand=1.0, silt=0.0, clay=0.0, bulk_density=2.2)
    assert "no available water" in refused(century.simulate, bare)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"PRDX(1)": 0.5}, "prdx_1"),
        ({"prdx1": 0.5}, "Did you mean"),
        ({"prdx_1": 5.0}, "0.3 to 1"),
        ({"prdx_1": np.nan}, "0.3 to 1"),
        ({"prdx_1": "much"}, "a number"),
        ({"frst": 4.5}, "whole number"),
        ({"nlaypg": 5}, "nlaypg at most nlayer"),
        ({"prdx_1": [0.4, 0.5], "rdr": [0.2, 0.2, 0.2]}, "as many values"),
        ({"aneref_1": 3.0}, "ANEREF(2) above ANEREF(1)"),
    ],
)
def test_parameters_that_cannot_be(forcing, parameters, words):
    assert words in refused(century.simulate_batch, forcing, parameters)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"variant": 47}, "46"),
        ({"spinup": "matrix"}, "equilibrium"),
        ({"spinup_cycles": 0}, "1 or more"),
        ({"outputs": ["gpp"]}, "npp"),
        ({"depth_factor": 0.0}, "0.1 to 10"),
        ({"co2_effect": True}, "co2"),
        ({"ecosystem": "forest"}, "steppe"),
        ({"window": np.zeros(3, int)}, "144 whole numbers"),
        ({"initial_state": xr.Dataset()}, "final_state"),
    ],
)
def test_options_that_cannot_be(forcing, options, words):
    assert words in refused(century.simulate, forcing, **options)


def test_too_few_years_for_the_spin_up(forcing):
    text = refused(century.simulate, forcing.isel(time=slice(0, 60)))
    assert "at least 10 years" in text


def test_spin_up_weather_with_a_state(forcing):
    state = xr.DataArray(np.zeros(3), dims="state")
    assert "one of them" in refused(
        century.simulate, forcing, initial_state=state, spinup_forcing=forcing
    )


def table(**columns):
    base = {
        "year": np.repeat([2001, 2002], 12), "month": np.tile(np.arange(1, 13), 2),
        "tmin_c": -5.0, "tmax_c": 6.0, "prec_mm": 20.0,
    }  # fmt: skip
    return pd.DataFrame(base | columns)


SITE = {"lat": 35.0, "sand": 0.4, "silt": 0.4, "clay": 0.2, "bulk_density": 1.1,
        "ph": 7.0}  # fmt: skip


def test_a_table_is_read_with_its_units(tmp_path):
    path = tmp_path / "weather.csv"
    table().to_csv(path, index=False)
    read = century.read_weather(path, site=SITE)
    assert float(read["prec"][0]) == 2.0
    assert read["prec"].attrs["units"] == "cm month-1"
    assert str(read["time"].values[-1])[:7] == "2002-12"


def test_a_netcdf_file_is_read(tmp_path, forcing):
    path = tmp_path / "weather.nc"
    forcing.to_netcdf(path, engine="h5netcdf")
    read = century.read_weather(path)
    np.testing.assert_allclose(read["prec"], forcing["prec"] / 10.0, rtol=1e-15)


def test_files_that_cannot_be_used(tmp_path):
    assert "no such file" in refused(century.read_weather, tmp_path / "no.csv")
    for name, words in (("weather.nc", "netCDF"), ("bytes.csv", "CSV table")):
        (tmp_path / name).write_bytes(b"\xff\xfe\x00 no weather \x80")
        assert words in refused(century.read_weather, tmp_path / name)
    (tmp_path / "empty.csv").write_text("")
    assert "CSV table" in refused(century.read_weather, tmp_path / "empty.csv")
    path = tmp_path / "weather.csv"
    table().drop(index=[5, 6]).to_csv(path, index=False)
    assert "2 missing month(s)" in refused(century.read_weather, path, site=SITE)
    table(prec=1.0).drop(columns="prec_mm").to_csv(path, index=False)
    assert "no unit" in refused(century.read_weather, path, site=SITE)
    table(month=13).to_csv(path, index=False)
    assert "1-12" in refused(century.read_weather, path, site=SITE)
    table().to_csv(path, index=False)
    assert "lat" in refused(century.read_weather, path)
    assert "unknown name" in refused(century.read_weather, path, site={"bd": 1.0})
    table(period="a").to_csv(path, index=False)
    assert "one of a" in refused(century.read_weather, path, site=SITE, period="b")


def test_a_year_that_no_place_has_is_refused(forcing):
    two = xr.concat([forcing, forcing], "cell", data_vars=["tmin", "tmax", "prec"])
    lat = float(forcing["lat"])
    months = forcing["prec"].groupby("time.year")
    cases = (
        (forcing.assign(lat=-lat), "sign of the latitude"),
        (two.assign(lat=("cell", [lat, -lat])), "cell 1"),
        (two.assign(lat=("cell", [10.0, -lat])), "cell 1"),
        (forcing.assign(prec=1000 * forcing["prec"]), "prec"),
        (forcing.assign(prec=months.cumsum()), "sums of the year so far"),
    )
    for spoilt, words in cases:
        spoilt["prec"].attrs = forcing["prec"].attrs
        assert words in refused(century.validate_forcing, spoilt)
    tropical = forcing.assign(lat=-10.0)
    assert float(century.validate_forcing(tropical)["lat"]) == -10.0


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("prec", lambda v: v / 30.0, "a rate of the day"),
        ("prec", lambda v: 15.0 * v, "called cm"),
        ("tmin", lambda v: np.where(np.arange(v.size) % 40 < 12, -30.0, v), "missing"),
        ("both", None, "the mean in both columns"),
    ],
)
def test_monthly_weather_that_is_unlikely_is_said(
    tmp_path, forcing, caplog, name, change, words
):
    forcing.to_netcdf(tmp_path / "good.nc", engine="h5netcdf")
    century.read_weather(tmp_path / "good.nc")
    assert not caplog.messages
    if name == "both":
        mean = 0.5 * (forcing["tmin"] + forcing["tmax"])
        spoilt = forcing.assign(tmin=mean, tmax=mean)
    else:
        values = forcing[name]
        changed = values.copy(data=change(values.values))
        spoilt = forcing.assign({name: changed})
    spoilt.to_netcdf(tmp_path / "spoilt.nc", engine="h5netcdf")
    century.read_weather(tmp_path / "spoilt.nc")
    assert any(words in message for message in caplog.messages)
