"""What users' files and habits do to a run: each met in the field, played small."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jobs.config.schema import Periods
from jobs.run.periods import whole_years, within
from jobs.run.run import open_run
from jobs.stages.flux_sites import GROWING, GROWING_SOUTH, _onto, _subsets
from landdata import generate_weather, harvard_normals
from landdata.meteorology.humidity import daily_saturation_vapour_pressure
from landdata.meteorology.radiation import extraterrestrial_radiation, transmissivity

pytestmark = pytest.mark.usefixtures("small_process_model")

TIME = pd.date_range("2001-01-01", "2003-12-31")
LAT, LON = 42.5378, -72.1715
TABLE = """\
name: field
seed: 3
pixels:
  source: table
  table: places.csv
  forcing: "{id}_forcing.nc"
  observations: "{id}_obs.nc"
periods: {spinup: 2001, calibration: 2002, validation: 2003}
streams: {gpp: {variance: {fraction: 0.2, floor: 0.5}}}
calibration:
  method: published
  options: {n_iterations: 4, n_draws: 4000, n_steps: 1000, n_initial_per_parameter: 15}
  blocks: [{streams: [gpp], parameters: [vmax]}]
"""
SITE = TABLE.replace(
    """  source: table
  table: places.csv
  forcing: "{id}_forcing.nc"
  observations: "{id}_obs.nc"
""",
    f"""  source: site
  name: a site
  latitude: {LAT}
  longitude: {LON}
  elevation: 340
  sand: 66
  clay: 6
  tower: tower.csv
""",
)
HEADER = "id,name,latitude,longitude,elevation,sand,clay\n"


@pytest.fixture(scope="module")
def weather():
    rng = np.random.default_rng(5)
    made = generate_weather(harvard_normals(), (2001, 2003), rng)
    return made.assign(lat=((), LAT, {"units": "degrees_north"}))


@pytest.fixture(scope="module")
def gpp(weather):
    warm = np.clip(weather["tmax"].to_numpy() / 25.0, 0.0, None)
    noise = np.random.default_rng(1).normal(0.0, 0.3, warm.size)
    return pd.Series(10.0 * warm + noise, TIME)


@pytest.fixture
def table(tmp_path, weather, gpp):
    """Make a run of one pixel; what is given takes the place of what is in order."""

    def make(observed=None, forcing=None, ids=("1",), config=TABLE, **attrs):
        path = tmp_path / "run"
        path.mkdir()
        (path / "config.yaml").write_text(config)
        rows = [f"{one},place {one},{LAT},{LON},340,66,6\n" for one in ids]
        (path / "places.csv").write_text(HEADER + "".join(rows))
        values = gpp if observed is None else observed
        units = {"units": "g m-2 d-1", **attrs}
        if isinstance(values, pd.Series):
            values = xr.Dataset(
                {"gpp": ("time", values.to_numpy(), units)},
                {"time": values.index.to_numpy()},
            )
        for one in ids:
            of = forcing if isinstance(forcing, dict) else {one: forcing}
            chosen = of.get(one)
            chosen = weather if chosen is None else chosen
            chosen.to_netcdf(path / f"{one}_forcing.nc", engine="h5netcdf")
            values.to_netcdf(path / f"{one}_obs.nc", engine="h5netcdf")
        return path

    return make


@pytest.fixture
def tower(weather, gpp):
    q, p = weather["specific_humidity"].to_numpy(), weather["pressure"].to_numpy()
    tmin, tmax = weather["tmin"].to_numpy(), weather["tmax"].to_numpy()
    e = q * p / (0.622 + 0.378 * q)
    above = extraterrestrial_radiation(TIME.to_numpy(), LAT)
    return pd.DataFrame(
        {
            "tmin": tmin,
            "tmax": tmax,
            "prec": weather["prec"].to_numpy(),
            "srad": above * transmissivity(weather["cloud_cover"].to_numpy()),
            "vpd": (daily_saturation_vapour_pressure(tmin, tmax) - e) / 100.0,
            "pressure": p / 1000.0,
            "gpp": gpp.to_numpy(),
        },
        index=TIME.rename("date"),
    )


@pytest.fixture
def site(tmp_path):
    def make(tower, lai=None, config=SITE):
        path = tmp_path / "run"
        path.mkdir()
        if lai is not None:
            config = config.replace("tower.csv\n", "tower.csv\n  modis_lai: lai.csv\n")
            config = config.replace("{gpp:", "{lai:").replace("[gpp]", "[lai]")
            config = config.replace("[vmax]", "[p18]")
            (path / "lai.csv").write_text("date,lai\n" + lai)
        (path / "config.yaml").write_text(config)
        tower.to_csv(path / "tower.csv", date_format="%Y-%m-%d")
        return path

    return make


def monthly(daily, stamp):
    means = daily.resample("MS").mean()
    if stamp == "last":
        means.index = means.index + pd.offsets.MonthEnd(0)
    return means


def test_check_says_what_it_looked_at_where_it_found_nothing(table, masm_command):
    reported = masm_command("check", table())
    assert reported.exit_code == 0, reported.output
    assert "nothing wrong was found; checked: units, fill codes" in reported.output


@pytest.mark.parametrize("stamp", ["first", "last"])
def test_a_monthly_product_is_laid_on_whole_months(table, gpp, masm_command, stamp):
    path = table(monthly(gpp, stamp))
    reported = masm_command("check", path)
    assert "gpp has 12 of 12 monthly means" in reported.output
    if stamp == "last":
        return  # the same numbers
    done = masm_command("run", path)
    assert done.exit_code == 0, done.output
    (summary,) = path.glob("pixels/*/*/summary.json")
    found = json.loads(summary.read_text())["parameters"]["vmax"]
    assert found["mean"] == pytest.approx(5e-5, rel=0.05)  # 2e5 vmax = 10
    scores = pd.read_csv(path / "evaluation" / "scores_00001.csv")
    assert set(scores["n"]) == {12}


def test_weekly_values_are_refused_with_the_key_that_settles_it(
    table, gpp, masm_command
):
    path = table(gpp.iloc[4::7])
    reported = masm_command("check", path)
    assert reported.exit_code == 2
    assert (
        "1_obs.nc  gpp: it is not known how long a value stands for" in reported.stderr
    )
    assert "streams.gpp.interval" in reported.stderr
    text = (path / "config.yaml").read_text()
    text = text.replace("floor: 0.5}", "floor: 0.5}, interval: point")
    (path / "config.yaml").write_text(text)
    assert masm_command("check", path).exit_code == 0


def refused(table, masm_command, *words, **options):
    path = table(**options)
    reported = masm_command("check", path)
    assert reported.exit_code == 2, reported.output
    for word in words:
        assert word in reported.stderr
    done = masm_command("calibrate", path)
    assert done.exit_code in (2, 3, 4)
    assert not list(path.glob("pixels/*/*/posterior.nc"))
    failure = json.loads(next(path.glob("pixels/*/*/failure.json")).read_text())
    assert failure["reason"] in ("observations_refused", "no_forcing")
    assert words[0] in failure["message"]


def test_fill_codes_are_refused_by_file_and_date(table, gpp, masm_command):
    values = gpp.copy()
    values.iloc[500:560] = -9999.0
    refused(table, masm_command, "1_obs.nc", "2002-05-16", "-9999", observed=values)


def test_codes_of_modis_are_refused_by_value_and_date(table, gpp, masm_command):
    values = gpp.resample("8D").mean() / 3.0
    values.index = [
        pd.Timestamp(year, 1, 1) + pd.Timedelta(days=8 * k)
        for year in (2001, 2002, 2003)
        for k in range(46)
    ][: values.size]
    values.iloc[60] = 25.4
    lai = xr.Dataset(
        {"lai": ("time", values.to_numpy(), {"units": "1"})}, {"time": values.index}
    )
    config = TABLE.replace("gpp", "lai").replace("vmax", "p18")
    refused(
        table, masm_command, "25.4", "2002-04-23", "MODIS", observed=lai, config=config
    )


def test_no_units_is_said_and_another_unit_is_refused(table, gpp, masm_command):
    reported = masm_command("check", table(observed=gpp, units=""))
    assert reported.exit_code == 0
    assert "gpp: no units in the file; taken as g m-2 d-1" in reported.output


@pytest.mark.parametrize(
    ("factor", "units", "word"),
    [
        (1.0 / 8.64e7, "", "kg m-2 s-1"),
        (1.0 / 8.64e7, "g m-2 d-1", "far too small"),
        (8.0, "g m-2 8d-1", "0.125"),
        (1.0 / 1.0377504, "umol m-2 s-1", "1.03775"),
    ],
)
def test_units_are_compared_by_check_as_by_calibrate(
    table, gpp, masm_command, factor, units, word
):
    refused(table, masm_command, word, observed=factor * gpp, units=units)


def test_a_latitude_whose_sign_was_lost_is_reported_with_both(
    table, weather, masm_command
):
    south = weather.assign(lat=((), -LAT, {"units": "degrees_north"}))
    refused(table, masm_command, f"{-LAT:g}", f"{LAT:g}", "sign", forcing=south)


def test_a_cell_somewhat_off_is_said_and_runs(table, weather, masm_command):
    cell = weather.assign(lat=((), 42.75, {"units": "degrees_north"}))
    reported = masm_command("check", table(forcing=cell))
    assert reported.exit_code == 5
    assert "latitude 42.75 in the file, 42.5378 in the table" in reported.output


def test_longitudes_of_0_to_360_are_the_same_place(table, weather, masm_command):
    path = table(forcing=weather.assign_attrs(lon=LON + 360.0))
    assert masm_command("check", path).exit_code == 0


def test_a_longitude_of_0_to_360_in_the_table_is_reported_as_it_is_to_be_written(
    table, masm_command
):
    path = table()
    places = (path / "places.csv").read_text().replace("-72.1715", "287.8285")
    (path / "places.csv").write_text(places)
    reported = masm_command("check", path)
    assert reported.exit_code == 2
    assert "Write -72.1715." in reported.stderr


def test_names_in_capitals_are_asked_after(table, gpp, masm_command):
    named = xr.Dataset({"GPP": ("time", gpp.to_numpy())}, {"time": TIME})
    reported = masm_command("check", table(named))
    assert reported.exit_code == 2
    for word in ("1_obs.nc  gpp", "there are GPP", 'Is it "GPP"?'):
        assert word in reported.stderr


def test_a_wrong_sign_is_suspicious_and_said(table, gpp, masm_command):
    path = table(-gpp)
    reported = masm_command("check", path)
    assert reported.exit_code == 5
    assert "is negative" in reported.output
    assert masm_command("calibrate", path).exit_code == 0
    logs = "".join(one.read_text() for one in path.glob("logs/*.log"))
    assert "suspicious" in logs
    assert "is negative" in logs


def test_few_windows_are_suspicious(table, gpp, masm_command):
    reported = masm_command("check", table(gpp.where(gpp.index.month == 7)))
    assert reported.exit_code == 5
    assert "of 46 windows have a value" in reported.output


def test_a_deficit_in_kilopascal_is_refused(site, tower, masm_command):
    reported = masm_command("check", site(tower.assign(vpd=tower["vpd"] / 10.0)))
    assert reported.exit_code == 2
    assert "Is the vapour pressure deficit in hPa?" in reported.stderr


@pytest.mark.parametrize("factor", [1.0 / 0.0864, 1.0 / 3.6])
def test_radiation_in_another_unit_is_refused(site, tower, masm_command, factor):
    reported = masm_command("check", site(tower.assign(srad=factor * tower["srad"])))
    assert reported.exit_code == 2
    assert "shortwave" in reported.stderr or "srad" in reported.stderr


def test_pressure_of_another_height_is_suspicious(site, tower, masm_command):
    high = SITE.replace("elevation: 340", "elevation: 1340")
    reported = masm_command("check", site(tower, config=high))
    assert reported.exit_code == 5
    assert "standard atmosphere at 1340 m" in reported.output


def test_a_site_on_the_wrong_side_of_the_equator_is_refused(site, tower, masm_command):
    south = SITE.replace(f"latitude: {LAT}", f"latitude: {-LAT}")
    reported = masm_command("check", site(tower, config=south))
    assert reported.exit_code == 2
    assert "June to August" in reported.stderr


def test_one_value_of_a_composite_counts(site, tower, masm_command):
    reported = masm_command("check", site(tower, lai="2002-07-04,5.1\n"))
    assert "lai has 1 of 46 8-day means" in reported.output
    assert "validation 2003: lai has no value: not scored there" in reported.output


def test_one_value_on_another_day_is_refused_in_the_words_of_the_config(
    site, tower, masm_command
):
    reported = masm_command("check", site(tower, lai="2002-07-03,5.1\n"))
    assert reported.exit_code == 2
    assert "streams.lai.interval" in reported.stderr


def test_a_shorter_record_is_calibrated_in_the_years_it_has(
    table, weather, masm_command
):
    short = {"b": weather.sel(time=slice("2002", "2003"))}
    config = TABLE.replace("calibration: 2002,", "calibration: 2002-2003,").replace(
        "validation: 2003", "validation: 2004"
    )
    config = config.replace("spinup: 2001", "spinup: 2001")
    path = table(forcing={"a": weather, **short}, ids=("a", "b"), config=config)
    reported = masm_command("check", path)
    assert "spin-up 2002, calibration 2003, validation none" in reported.output
    done = masm_command("run", path)
    assert done.exit_code == 0, done.output
    assert len(list(path.glob("pixels/*/*/posterior.nc"))) == 2


def test_ids_may_be_words(table, masm_command):
    path = table(ids=("US-Ha1", "DE-Hai"))
    assert masm_command("calibrate", path, "--pixel", "DE-Hai").exit_code == 0
    run = open_run(path)
    assert [(one.id, one.key) for one in run.pixels] == [(1, "US-Ha1"), (2, "DE-Hai")]
    assert [p.parent.name for p in path.glob("pixels/*/*/posterior.nc")] == ["00002"]
    written = pd.read_csv(path / "pixels.csv")
    assert written["key"].tolist() == ["US-Ha1", "DE-Hai"]
    assert masm_command("calibrate", path, "--pixel", "US-Xx").exit_code == 2


@pytest.mark.parametrize(
    ("first", "last", "wanted"),
    [
        (2000, 2010, "spin-up 2001, calibration 2002-2004, validation 2005-2006"),
        (2001, 2005, "spin-up 2001, calibration 2002-2004, validation 2005"),
        (2003, 2006, "spin-up 2003, calibration 2004, validation 2005-2006"),
        (2004, 2006, "None"),
        (2006, 2006, "None"),
    ],
)
def test_periods_are_cut_to_a_record(first, last, wanted):
    run = Periods(spinup="2001", calibration="2002-2004", validation="2005-2006")
    assert str(within(run, first, last)) == wanted


def test_a_record_that_ends_within_a_year_was_cut_short():
    assert whole_years(TIME.to_numpy()) == (2001, 2003)
    assert whole_years(TIME.to_numpy()[:-1]) is None


def test_the_growing_season_of_a_tower_follows_its_hemisphere():
    time = pd.date_range("2001-01-01", periods=36, freq="MS").to_numpy()

    def months(latitude):
        seasons = {
            label["season"]: inside
            for label, inside in _subsets(time, latitude)
            if label["year"] == "all"
        }
        inside = pd.DatetimeIndex(time[seasons["growing"]]).month
        assert not (seasons["growing"] & seasons["non-growing"]).any()
        return set(inside)

    assert months(42.5) == set(GROWING)
    assert months(-42.5) == set(GROWING_SOUTH) == {11, 12, 1, 2, 3}


@pytest.mark.parametrize("stamp", ["first", "last"])
def test_monthly_towers_are_scored_wherever_they_are_stamped(gpp, stamp):
    values = monthly(gpp, stamp)
    series = xr.DataArray(values.to_numpy(), {"time": values.index}, ("time",))
    starts = pd.date_range("2001-01-01", "2003-12-01", freq="MS").to_numpy()
    found = _onto(series, starts, "month")
    assert found == pytest.approx(gpp.resample("MS").mean().to_numpy())


def as_cell(data, n=1, order=("time", "lat", "lon"), **axes):
    """Lay series out as services cut a place out of a grid, n x n cells."""
    at = {"lat": LAT + 0.5 * np.arange(n), "lon": LON + 0.5 * np.arange(n), **axes}
    series = data[[name for name in data.data_vars if data[name].dims == ("time",)]]
    return series.expand_dims({"lat": at["lat"], "lon": at["lon"]}).transpose(*order)


@pytest.mark.parametrize("order", [("time", "lat", "lon"), ("lat", "lon", "time")])
def test_a_grid_of_one_cell_is_a_pixel(table, weather, gpp, masm_command, order):
    observed = xr.Dataset(
        {"gpp": ("time", gpp.to_numpy(), {"units": "g m-2 d-1"})}, {"time": TIME}
    )
    path = table(observed, weather)
    run = open_run(path)
    (pixel,) = run.pixels
    years = run.config.periods.whole
    plain = run.source.weather(pixel, years).load()
    seen = run.source.observations(pixel, years, run.config.streams).load()
    for name, data in (("forcing", weather), ("obs", observed)):
        cell = as_cell(data, order=order)
        cell.to_netcdf(path / f"1_{name}.nc", engine="h5netcdf")
    of_cell = run.source.weather(pixel, years)
    for name in plain.data_vars:
        np.testing.assert_array_equal(of_cell[name], plain[name])
        assert of_cell[name].dims == plain[name].dims
    again = run.source.observations(pixel, years, run.config.streams)
    np.testing.assert_array_equal(again["gpp"], seen["gpp"])
    assert masm_command("check", path).exit_code == 0


def test_a_cell_of_another_place_or_many_cells_are_refused(
    table, weather, masm_command
):
    path = table()
    as_cell(weather, lat=[-LAT], lon=[LON + 360.0]).to_netcdf(
        path / "1_forcing.nc", engine="h5netcdf"
    )
    refused = masm_command("check", path)
    assert refused.exit_code == 2
    assert "Is the sign lost" in refused.output
    assert "longitude" not in refused.output
    as_cell(weather, 2).to_netcdf(path / "1_forcing.nc", engine="h5netcdf")
    refused = masm_command("check", path)
    assert refused.exit_code == 2
    assert "found   a grid of lat 2 x lon 2" in refused.output
