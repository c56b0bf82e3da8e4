"""Small files as services deliver them, with values that were read independently.

Skipped where ``../shared`` is not beside the repository; small made files of each
kind are in ``tests/landdata/products/test_delivered_forms.py``.
"""

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr

from landdata import read_fluxnet
from landdata.errors import InputError
from landdata.files.modis_quality import modis_good
from landdata.grid.grid import Cells, Grid, cell_at
from landdata.products.appeears import read_appeears
from landdata.products.class_maps import class_fraction, read_classes
from landdata.products.daymet import read_daymet_grid
from landdata.products.elevation import read_elevation
from landdata.products.gridmet import read_gridmet
from landdata.products.nlcd import read_nlcd_fraction
from landdata.products.user_netcdf import read_user_grid
from landdata.sites.modis_point import read_modis_point

COWEETA = Grid.from_bounds(-83.50, 35.00, -83.40, 35.10)


@pytest.fixture(scope="module")
def files(real_data):
    return real_data / "provider_files"


def pixel(path, name, lat, lon):
    """A value of a file's own pixel, through the decoding that the readers use."""
    with xr.open_dataset(path, engine=None) as content:
        near = content[name].sel(lat=lat, lon=lon, method="nearest").load()
    assert abs(float(near["lat"]) - lat) < 0.001
    assert abs(float(near["lon"]) - lon) < 0.001
    return near.to_numpy().ravel()


@pytest.mark.parametrize(
    ("lat", "lon", "tmax", "prec"),
    [
        (42.5250, -72.1833, 298.8, 0.0),
        (44.0667, -71.2667, 297.5, 0.0),
        (40.6500, -77.9333, 294.9, 24.0),
    ],
)
def test_gridmet_of_the_subset_service(files, lat, lon, tmax, prec):
    paths = sorted(files.glob("gridmet_*_2010-05-22_northeast.nc"))
    assert len(paths) == 2
    cells = Cells([cell_at(lat, lon)])
    read = read_gridmet(paths, cells)
    assert str(read["time"].to_numpy()[0])[:10] == "2010-05-22"
    # The pixel itself, and the reader's bilinear value at a cell's middle near it.
    warm, wet = paths
    assert pixel(warm, "daily_maximum_temperature", lat, lon) == pytest.approx(tmax)
    assert pixel(wet, "precipitation_amount", lat, lon) == pytest.approx(prec)
    assert float(read["tmax"][0, 0]) == pytest.approx(tmax - 273.15, abs=0.6)
    assert float(read["prec"][0, 0]) == pytest.approx(prec, abs=5.0)


def bilinear(path, name, lat, lon):
    """The same interpolation by xarray, as a check of the reader's."""
    with xr.open_dataset(path) as content:
        return content[name].interp(lat=lat, lon=lon).load().to_numpy()


def test_gridmet_of_cape_cod(files):
    path = files / "gridmet_cape_cod_tmax_1979.nc"
    values = pixel(path, "daily_maximum_temperature", 41.9000, -70.6000)
    expected = [284.1, 284.5, 282.9, 271.0, 270.8, 276.2, 279.4]
    np.testing.assert_allclose(values, expected, atol=1e-4)
    cell = Cells([cell_at(41.9, -70.62)])
    read = read_gridmet(path, cell)
    there = bilinear(
        path, "daily_maximum_temperature", float(cell.lat[0]), float(cell.lon[0])
    )
    np.testing.assert_allclose(read["tmax"][:, 0], there - 273.15, atol=1e-3)
    assert str(read["time"].to_numpy()[0])[:10] == "1979-01-01"
    with xr.open_dataset(path) as content:
        first = content["daily_maximum_temperature"][0]
        assert int(first.isnull().sum()) == 49


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("gridmet_header_only.nc", read_gridmet),
        ("daymet_v3_header_only.nc", read_daymet_grid),
    ],
)
def test_a_header_without_data_is_refused(files, grid, name, read):
    with pytest.raises(InputError) as caught:
        read(files / name, grid)
    assert name in str(caught.value)


LAI_FILE = "appeears_MCD15A3H.061_coweeta_C.nc"


def test_appeears_lai_of_every_quality(files):
    cell = Cells([cell_at(35.025, -83.425)])
    read = read_appeears(
        files / LAI_FILE, cell, stream="lai", screened=False, least_cover=0.0
    )
    days = read["time"].to_numpy().astype("datetime64[D]")
    with xr.open_dataset(files / LAI_FILE) as content:
        given = [str(content["time"].values[i])[:10] for i in (0, -1)]
    assert given == ["2010-08-01", "2011-08-01"]  # days of the real calendar
    assert days.size == 93
    expected = [3.312, 3.017, 3.321, 3.212, 2.094, 4.256]
    np.testing.assert_allclose(read["lai"][:6, 0], expected, atol=6e-4)


def test_appeears_lai_of_good_quality(files):
    cell = Cells([cell_at(35.025, -83.425)])
    read = read_appeears(files / LAI_FILE, cell, stream="lai", least_cover=0.0)
    expected = [1.810, 2.356, 3.431, 3.946, 6.133, 4.402]
    np.testing.assert_allclose(read["lai"][:6, 0], expected, atol=6e-4)
    strict = read_appeears(files / LAI_FILE, cell, stream="lai")
    assert np.isnan(strict["lai"][4, 0])  # 9 of 144 pixels


def test_appeears_flags_and_codes(files):
    read = read_appeears(
        files / LAI_FILE,
        Grid.from_bounds(-83.50, 35.00, -83.40, 35.10),
        stream="lai",
        least_cover=0.0,
    )
    # The window that the region needs is the whole of the file.
    assert read.attrs["good_share"] == pytest.approx(0.702, abs=5e-4)
    with xr.open_dataset(files / LAI_FILE, decode_times=False) as content:
        lai = content["Lai_500m"].where(content["Lai_500m"] <= 10.05)
        assert float(lai[0, 0, 0]) == pytest.approx(4.6)
        assert float(lai.mean()) == pytest.approx(2.4697, abs=5e-5)
    assert np.datetime64("2011-02-14") in read["time"].to_numpy()
    with xr.open_dataset(files / LAI_FILE, decode_times=False) as content:
        at = list(read["time"].to_numpy()).index(np.datetime64("2011-02-14"))
        assert float(content["Lai_500m"][at, 7, 8]) == pytest.approx(1.2)


def test_appeears_good_pixels_by_season_and_in_a_cell(files):
    with xr.open_dataset(files / LAI_FILE, decode_times=False) as content:
        lai = content["Lai_500m"].load()
        flags = content["FparLai_QC"].fillna(255).astype(int).load()
    time = read_appeears(files / LAI_FILE, COWEETA, stream="lai", least_cover=0.0)
    month = time["time"].dt.month.to_numpy()
    good = modis_good(flags.to_numpy()) & (lai.to_numpy() <= 10.05)
    assert good.mean() == pytest.approx(0.702, abs=5e-4)
    in_summer = (month >= 6) & (month <= 8)
    assert good[in_summer].mean() == pytest.approx(0.392, abs=5e-4)
    rows = (lai["lat"] > 35.00) & (lai["lat"] < 35.05)
    columns = (lai["lon"] > -83.45) & (lai["lon"] < -83.40)
    assert (int(rows.sum()), int(columns.sum())) == (9, 11)
    here = good[:6][:, rows.to_numpy()][:, :, columns.to_numpy()]
    assert here.sum(axis=(1, 2)).tolist() == [31, 66, 29, 13, 9, 50]


@pytest.mark.parametrize(
    ("name", "variable", "counts"),
    [
        (
            "earthdata_opendap_MCD12Q1_coweeta_sinusoidal.nc",
            "LULC",
            {4: 1417, 5: 9, 8: 44},
        ),
        (
            "nlcd_2021_coweeta_pygeohydro.nc",
            "cover",
            {41: 11440, 43: 8738, 21: 865, 42: 455},
        ),
    ],
)
def test_classes_of_land_cover_in_netcdf(files, name, variable, counts):
    classes = read_classes(files / name, variable)
    for one, number in counts.items():
        assert int((classes == one).sum()) == number
    if variable == "cover":
        assert int(classes.isnull().sum()) == 11539


def test_land_cover_of_modis_by_area(files):
    for name in (
        "appeears_MCD12Q1.061_coweeta_A.nc",
        "earthdata_opendap_MCD12Q1_coweeta_sinusoidal.nc",
    ):
        read = class_fraction(files / name, COWEETA, classes=(4,), legend="igbp")
        fractions = read["class_fraction"].to_numpy()
        assert np.nanmax(fractions) <= 1.0 + 1e-6
        mapped = read["mapped_fraction"].to_numpy()
        assert (fractions <= mapped + 1e-6).all()
        assert fractions.sum() / mapped.sum() > 0.9


def test_nlcd_in_degrees_agrees_with_the_map_in_metres(files):
    grid = Grid.from_bounds(-83.50, 35.00, -83.40, 35.10)
    metres = read_nlcd_fraction(files / "nlcd_coweeta_albers.tif", grid)
    fractions = (metres["forest_fraction"] / metres["mapped_fraction"]).to_numpy()
    expected = [[0.7603, 0.5441], [0.7137, 0.6717]]
    np.testing.assert_allclose(fractions, expected, atol=5e-4)
    assert float(metres["mapped_fraction"][1, 0]) == pytest.approx(0.951, abs=5e-4)
    degrees = read_nlcd_fraction(files / "nlcd_2021_coweeta_pygeohydro.nc", grid)
    assert (degrees["mapped_fraction"] <= metres["mapped_fraction"] + 1e-6).all()
    mapped = degrees["mapped_fraction"] > 0.2
    theirs = (degrees["forest_fraction"] / degrees["mapped_fraction"]).where(mapped)
    assert float(theirs.mean()) == pytest.approx(0.55, abs=0.2)


def test_terrain_is_missing_where_no_cell_is_half_covered(files):
    read = read_elevation(files / "dem_coweeta_albers.tif", COWEETA)
    assert read["elevation"].isnull().all()
    with rasterio.open(files / "dem_coweeta_albers.tif") as opened:
        heights = opened.read(1)
    assert round(float(np.nanmin(heights)), 1) == 672.9
    assert round(float(np.nanmax(heights)), 1) == 1594.6
    assert np.isnan(heights).mean() == pytest.approx(0.38, abs=0.005)


def test_depth_to_bedrock_is_no_height(files):
    path = files / "depth_to_bedrock_coweeta_cm.tif"
    with pytest.raises(InputError, match="depth_to_bedrock"):
        read_elevation(path, COWEETA)


def test_points_of_appeears(files):
    gpp = files / "appeears_MOD17A2H-006-results.csv"
    read = read_modis_point(gpp, "gpp", site="IT-CA1")["gpp"]
    for day, value in (
        ("2016-06-25", 5.1625),
        ("2015-12-27", 1.12),
        ("2016-12-26", 1.1333),
    ):
        assert float(read.sel(time=day)) == pytest.approx(value, abs=5e-5)
    lai = files / "appeears_MCD15A3H-006-results.csv"
    for site, mean, n_poor in (("0", 1.36341, 11), ("1", 0.89552, 26)):
        one = read_modis_point(lai, "lai", site=site)["lai"]
        assert float(one.mean()) == pytest.approx(mean, abs=5e-6)
        assert one.attrs["n_poor"] == n_poor
        assert one.sizes["time"] == 93


def test_earth_engine_without_lai_is_refused_and_its_fapar_read(files):
    path = files / "gee_MCD15A3H_CH-Lae.csv"
    with pytest.raises(InputError, match="Lai"):
        read_modis_point(path, "lai")
    fapar = read_modis_point(path, "fapar")["fapar"]
    table = pd.read_csv(path)
    good = table["FparLai_QC"].isin([0, 2, 24, 26, 32, 34, 56, 58])
    assert int(fapar.notnull().sum()) == int((good & (table["Fpar"] <= 100)).sum())
    assert float(fapar.max()) <= 1.0


def test_fullset_monthly(files):
    (path,) = files.glob("FLX_FR-Pue_*.csv")
    first = read_fluxnet(path).isel(time=0)
    for name, value in (
        ("tmean", 8.009),
        ("prec", 0.755),
        ("gpp", 2.37041),
        ("nee", -0.730855),
    ):
        assert float(first[name]) == pytest.approx(value, rel=1e-6)


def test_a_monthly_sum_is_not_taken_for_a_day(files, grid):
    path = files / "terraclimate_aet_capecod.nc"
    values = pixel(path, "aet", 41.9375, -70.9375)
    assert values[6] == pytest.approx(66.9)
    cape = Grid.from_bounds(-71.0, 41.7, -70.5, 42.0)
    for units in (None, "mm d-1", "mm"):
        with pytest.raises(InputError) as caught:
            read_user_grid(path, cape, {"prec": ("aet", units)})
        assert "aet" in str(caught.value)
        assert "terraclimate" in str(caught.value)
