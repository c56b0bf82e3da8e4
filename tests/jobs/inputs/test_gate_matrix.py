"""Twelve faults of files through five doors: refused, said, or right all the same.

A year-round truth is observed with noise. A fault is put into what a door reads. The
outcome counts as right where the observations that would be fitted are as far from the
truth, averaged as the model is, as without the fault. Silent wrong numbers: none.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jobs.cli.check import check
from jobs.config.process_model import units_of
from jobs.inputs.pixel_data import forcing_of, observations_of
from jobs.inputs.streams import make_streams, pair
from jobs.run.run import open_run
from landdata import generate_weather, harvard_normals
from landdata.meteorology.humidity import daily_saturation_vapour_pressure
from landdata.meteorology.radiation import extraterrestrial_radiation, transmissivity

LAT, LON = 42.525, -72.175
TIME = pd.date_range("2001-01-01", "2003-12-31")
CONFIG = """\
name: a matrix
seed: 7
pixels:
{place}
periods: {{spinup: 2001, calibration: 2002, validation: 2003}}
streams: {{gpp: {{variance: {variance}}}}}
calibration:
  blocks: [{{streams: [gpp], parameters: [vmax]}}]
"""
TABLE = """\
  source: table
  table: places.csv
  forcing: "{id}_forcing.nc"
  observations: "{id}_observed.nc"
"""
SITE = """\
  source: site
  name: a site
  latitude: {lat}
  longitude: {lon}
  elevation: 340
  sand: 66
  clay: 6
  tower: tower.csv
"""


@dataclass(frozen=True)
class World:
    """What was observed at a place, and what a fault does to it."""

    forcing: xr.Dataset
    truth: xr.DataArray
    time: pd.DatetimeIndex
    columns: dict[str, np.ndarray]
    attrs: dict[str, object] = field(default_factory=dict)
    lat: float = LAT
    lon: float = LON
    crossed: bool = False


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(4)
    forcing = generate_weather(harvard_normals(), (2001, 2003), rng)
    forcing = forcing.assign(lat=((), LAT, {"units": "degrees_north"}))
    day = TIME.day_of_year.to_numpy()
    season = np.exp(-0.5 * ((day - 200) / 45.0) ** 2)
    truth = xr.DataArray(
        10.0 * season, {"time": TIME}, ("time",), attrs={"units": "g m-2 d-1"}
    )
    columns = {
        "gpp": truth.to_numpy() + rng.normal(0.0, 0.5, TIME.size),
        "gpp_sd": np.full(TIME.size, 0.5),
        "nee": 2.0 - 6.0 * season + rng.normal(0.0, 0.5, TIME.size),
    }
    return World(forcing, truth, TIME, columns)


def of_gpp(world, values):
    return replace(world, columns={**world.columns, "gpp": np.asarray(values, float)})


def fill_codes(world):
    values = world.columns["gpp"].copy()
    values[500:530] = -9999.0
    return of_gpp(world, values)


def unit(world):
    return of_gpp(world, world.columns["gpp"] / 8.64e7)


def sign(world):
    return of_gpp(world, -world.columns["gpp"])


def shift_by_a_day(world):
    return replace(world, time=world.time + pd.Timedelta(days=1))


def latitude(world):
    return replace(world, lat=-world.lat)


def longitudes_to_360(world):
    return replace(world, lon=world.lon % 360.0)


def interval(world):
    monthly = {
        name: pd.Series(values, world.time).resample("MS").mean()
        for name, values in world.columns.items()
    }
    values = {name: series.to_numpy() for name, series in monthly.items()}
    return replace(world, time=monthly["gpp"].index, columns=values)


def sd(world):
    values = world.columns["gpp_sd"].copy()
    values[400:420] = -0.5
    return replace(world, columns={**world.columns, "gpp_sd": values})


def missing_half(world):
    gone = np.random.default_rng(2).random(world.time.size) < 0.5
    return of_gpp(world, np.where(gone, np.nan, world.columns["gpp"]))


def duplicated_day(world):
    rows = np.sort(np.append(np.arange(world.time.size), 500))
    columns = {name: values[rows] for name, values in world.columns.items()}
    return replace(world, time=world.time[rows], columns=columns)


def wrong_variable(world):
    return of_gpp(world, world.columns["nee"])


def swapped_min_max(world):
    attrs = {"valid_min": 50.0, "valid_max": -20.0}
    return replace(world, attrs=attrs, crossed=True)


FAULTS = [
    fill_codes, unit, sign, shift_by_a_day, latitude, longitudes_to_360, interval, sd,
    missing_half, duplicated_day, wrong_variable, swapped_min_max,
]  # fmt: skip


@dataclass
class Outcome:
    """What became of it: refused, or pairs to compare, and what was said."""

    refused: str = ""
    said: list[str] = field(default_factory=list)
    error: float = np.nan


def dataset(world):
    attrs = {"units": "g m-2 d-1"}
    data = {
        "gpp": ("time", world.columns["gpp"], {**attrs, **world.attrs}),
        "gpp_sd": ("time", world.columns["gpp_sd"], attrs),
    }
    where = {"lat": world.lat, "lon": world.lon}
    return xr.Dataset(data, {"time": world.time}, where)


def distance(stream, world):
    """RMS of what would be fitted from the truth averaged likewise."""
    _, observed, _, truth = pair(stream, world.truth)
    return float(np.sqrt(np.mean((observed - truth) ** 2)))


def calibrate_door(world, path, caplog):
    from masm.observations.dataset import as_streams
    from masm.observations.doubts import say_doubts

    streams = as_streams(dataset(world).sel(time="2002"))
    return Outcome(said=say_doubts(streams), error=distance(streams["gpp"], world))


def through_check(path, world):
    doubts = []
    run = open_run(path)
    lines = list(check(run, doubts))
    (pixel,) = run.pixels
    forcing = forcing_of(run, pixel)
    observed = observations_of(run, pixel, forcing)
    years = run.config.periods.calibration
    stream = make_streams(
        observed, run.config.streams, years, units=units_of(run.config)
    )["gpp"]
    said = doubts + [line for line in lines if "shorter" in line]
    return Outcome(said=said, error=distance(stream, world))


def table_door(world, path, caplog):
    text = CONFIG.format(place=TABLE, variance="given")
    (path / "config.yaml").write_text(text)
    header = "id,name,latitude,longitude,elevation,sand,clay\n"
    (path / "places.csv").write_text(f"{header}1,one,{LAT},{LON},340,66,6\n")
    forcing = world.forcing.assign(lat=((), world.lat, {"units": "degrees_north"}))
    if world.crossed:
        forcing = forcing.rename(tmin="tmax", tmax="tmin")
    forcing.assign_attrs(lon=world.lon).to_netcdf(
        path / "1_forcing.nc", engine="h5netcdf"
    )
    dataset(world).to_netcdf(path / "1_observed.nc", engine="h5netcdf")
    return through_check(path, world)


def tower_table(world):
    """A plain daily table: weather of every day, and the fluxes on their dates."""
    weather = world.forcing
    q, p = weather["specific_humidity"].to_numpy(), weather["pressure"].to_numpy()
    tmin, tmax = weather["tmin"].to_numpy(), weather["tmax"].to_numpy()
    e = q * p / (0.622 + 0.378 * q)
    above = extraterrestrial_radiation(TIME.to_numpy(), LAT)
    if world.crossed:
        tmin, tmax = tmax, tmin
    table = pd.DataFrame(
        {
            "tmin": tmin,
            "tmax": tmax,
            "prec": weather["prec"].to_numpy(),
            "srad": above * transmissivity(weather["cloud_cover"].to_numpy()),
            "vpd": (daily_saturation_vapour_pressure(tmin, tmax) - e) / 100.0,
            "pressure": p / 1000.0,
        },
        index=TIME,
    )
    return table


def site_door(world, path, caplog):
    place = SITE.format(lat=world.lat, lon=world.lon)
    (path / "config.yaml").write_text(CONFIG.format(place=place, variance="given"))
    table = tower_table(world)
    fluxes = pd.DataFrame(world.columns, index=world.time)
    if fluxes.index.has_duplicates:
        table = table.loc[fluxes.index]
        table = pd.concat([table, fluxes], axis=1)
    elif len(fluxes) == len(table) and not fluxes.index.equals(table.index):
        table = pd.concat([table.set_index(fluxes.index), fluxes], axis=1)
    else:
        table = table.join(fluxes)
    table.rename_axis("date").to_csv(path / "tower.csv", date_format="%Y-%m-%d")
    return through_check(path, world)


CATALOGUE = """\
products:
  mine:
    format: netcdf_observations
    files: "mine_{year}.nc"
    stream: gpp
    variable: GPP
    variance: {rule: given, standard_error: GPP_sd}
"""


def cube_door(world, path, caplog):
    from landdata import Grid, ProductSource, read_catalogue
    from landdata.cube.product_cache import read_observed

    (path / "catalogue.yaml").write_text(CATALOGUE)
    lat = world.lat + 0.05 * np.arange(-2, 3)
    lon = world.lon + 0.05 * np.arange(-2, 3)
    shape = (world.time.size, lat.size, lon.size)
    dims, attrs = ("time", "lat", "lon"), {"units": "g m-2 d-1"}
    data = {
        "GPP": (world.columns["gpp"], {**attrs, **world.attrs}),
        "GPP_sd": (world.columns["gpp_sd"], attrs),
    }
    product = xr.Dataset(
        {
            name: (dims, np.broadcast_to(v[:, None, None], shape), a)
            for name, (v, a) in data.items()
        },
        {
            "time": world.time,
            "lat": ("lat", lat, {"units": "degrees_north"}),
            "lon": ("lon", lon, {"units": "degrees_east"}),
        },
    )
    product.sel(time="2002").to_netcdf(path / "mine_2002.nc", engine="h5netcdf")
    grid = Grid.from_bounds(-72.2, 42.5, -72.15, 42.55)
    catalogue = read_catalogue(path / "catalogue.yaml")
    source = ProductSource(catalogue, grid, (2002, 2002))
    days, values, errors = read_observed(source, "mine", 2002, grid.cells)
    if not np.isfinite(values).any():
        return Outcome(said=["no value at all: the pixel is reported as such"])
    seen = xr.Dataset(
        {
            "gpp": ("time", values[0].astype(float), attrs),
            "gpp_variance": ("time", errors[0].astype(float) ** 2, attrs),
        },
        {"time": days.astype("datetime64[ns]")},
    )
    place = SITE.format(lat=LAT, lon=LON)
    (path / "config.yaml").write_text(CONFIG.format(place=place, variance="given"))
    config = open_run(path).config
    years = config.periods.calibration
    streams = make_streams(seen, config.streams, years, units=units_of(config))
    from jobs.inputs.judgement import judge_streams

    said = judge_streams(streams, world.forcing)
    return Outcome(said=said, error=distance(streams["gpp"], world))


def flux_site_door(world, path, caplog):
    from jobs.stages import flux_sites

    place = SITE.format(lat=LAT, lon=LON)
    (path / "config.yaml").write_text(CONFIG.format(place=place, variance="given"))
    run = open_run(path)
    (path / "sites.csv").write_text(
        f"site,latitude,longitude,file\nXX-One,{world.lat},{world.lon},one.csv\n"
    )
    weather = tower_table(world)[["tmin", "tmax", "prec"]]
    fluxes = pd.DataFrame(world.columns, index=world.time)
    near = weather.reindex(fluxes.index, method="nearest")
    table = pd.concat([near, fluxes], axis=1).rename_axis("date")
    table.to_csv(path / "one.csv", date_format="%Y-%m-%d")
    with caplog.at_level(logging.WARNING):
        (tower,) = flux_sites.read_sites(path)
        if flux_sites.pixel_at(run, tower.latitude, tower.longitude) is None:
            return Outcome(said=[f"left out{flux_sites._mirror(run, tower)}"])
        observed = flux_sites.through_gate(
            flux_sites.read_tower_file(tower.path), tower
        )
    monthly = flux_sites._is_monthly(observed)
    windows = "month" if monthly else "8-day"
    from masm.observations.windows import window_means, window_starts

    truth, keys, _ = window_means(world.truth.to_numpy(), TIME.to_numpy(), windows, 0.5)
    time = window_starts(keys, windows)
    found = flux_sites._onto(observed["gpp"], time, windows)
    assert np.isfinite(found).sum() > 0.5 * time.size
    error = float(np.sqrt(np.nanmean((found - truth) ** 2)))
    return Outcome(said=[record.getMessage() for record in caplog.records], error=error)


DOORS = [calibrate_door, table_door, site_door, cube_door, flux_site_door]


def pass_through(door, world, path, caplog):
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        try:
            outcome = door(world, path, caplog)
        except ValueError as exc:  # of every package: a refusal, reported in full
            return Outcome(refused=str(exc))
    outcome.said += [record.getMessage() for record in caplog.records]
    return outcome


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_good_observations_pass_every_door_without_a_word(
    door, world, tmp_path, caplog
):
    outcome = pass_through(door, world, tmp_path, caplog)
    assert outcome.refused == ""
    assert outcome.said == []
    assert outcome.error < 0.25  # noise of 0.5, averaged over eight days


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_a_fault_is_refused_or_said_or_does_no_harm(
    door, fault, world, tmp_path, caplog
):
    outcome = pass_through(door, fault(world), tmp_path, caplog)
    if outcome.refused:
        assert "\n  " in outcome.refused  # what was found, what is wanted
        return
    assert outcome.said or outcome.error < 0.35
