"""Files as services deliver them: small made ones of every kind, read to the number."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landdata.cube.catalogue import read_catalogue
from landdata.cube.product_cache import read_observed, read_weather
from landdata.cube.product_source import ProductSource
from landdata.errors import InputError
from landdata.files.modis_quality import modis_good, viirs_good
from landdata.grid.grid import Cells, Grid, cell_at
from landdata.products.appeears import read_appeears
from landdata.products.class_maps import class_fraction, read_classes
from landdata.products.elevation import read_elevation
from landdata.products.era5_land import read_era5_land
from landdata.products.gridmet import read_gridmet
from landdata.products.modis_tiles import SINUSOIDAL, read_modis_tiles
from landdata.products.nlcd import read_nlcd_fraction
from landdata.products.soilgrids import LAYERS, read_soilgrids
from landdata.products.user_netcdf import read_user_grid
from landdata.sites.modis_point import read_modis_point
from landdata.synthetic.product_writers import write_raster

from .delivered import appeears, era5_land, modis_tile, service_gridmet, soilgrids

VIIRS = {"name": "Lai", "extra": {"FparExtra_QC": 0}}
GPP = {
    "name": "Gpp_500m", "flag": "Psn_QC_500m", "scale": 1e-4, "units": "kgC/m^2",
    "highest": 30000, "value": 0.04,
}  # fmt: skip
ET = {
    "name": "ET_500m", "flag": "ET_QC_500m", "scale": 0.1, "units": "kg/m^2/8day",
    "highest": 32700, "value": 24.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("stream", "layer", "expected"),
    [
        ("lai", {}, 3.0),
        ("lai", VIIRS, 3.0),
        ("fapar", {"name": "Fpar_500m", "scale": 0.01, "value": 0.8}, 0.8),
        ("gpp", GPP, 5.0),
        ("et", ET, 3.0),
    ],
)
def test_an_area_order_is_read_in_the_units_here(
    tmp_path, grid, stream, layer, expected
):
    path = appeears(tmp_path / "a.nc", **layer)
    read = read_appeears(path, grid, stream=stream)
    np.testing.assert_allclose(read[stream], expected, rtol=1e-5)
    assert str(read["time"].to_numpy()[0])[:10] == "2010-07-04"
    assert read.attrs["good_share"] == 1.0


def test_sums_of_the_last_composite_are_of_five_days(tmp_path, grid):
    path = appeears(tmp_path / "a.nc", n=1, first="2010-12-27", **GPP)
    read = read_appeears(path, grid, stream="gpp")
    np.testing.assert_allclose(read["gpp"], 0.04 * 1000.0 / 5.0, rtol=1e-5)


def test_codes_below_the_declared_fill_are_no_values(tmp_path, grid):
    path = appeears(tmp_path / "a.nc", codes=[(1, 249), (2, 254), (3, 255)])
    lai = read_appeears(path, grid, stream="lai")["lai"]
    assert lai.notnull().all(("lat", "lon")).to_numpy().tolist() == [1, 0, 0, 0]


def test_poor_pixels_are_left_out_and_counted(tmp_path, grid):
    good = np.zeros((4, 48, 60), dtype=bool)
    good[:, :24] = True  # the northern two rows of cells
    path = appeears(tmp_path / "a.nc", good=good)
    read = read_appeears(path, grid, stream="lai")
    known = read["lai"].notnull().all(("time", "lon")).to_numpy()
    assert known.tolist() == [True, True, False, False]
    assert read.attrs["good_share"] == pytest.approx(0.5)


def test_the_product_s_own_error_comes_along(tmp_path, grid):
    path = appeears(tmp_path / "a.nc", extra={"LaiStdDev_500m": 2})
    read = read_appeears(path, grid, stream="lai", error=True)
    np.testing.assert_allclose(read["error"], 0.2, rtol=1e-5)
    with pytest.raises(InputError, match="LaiStdDev"):
        read_appeears(appeears(tmp_path / "b.nc"), grid, stream="lai", error=True)


@pytest.mark.parametrize(
    ("repair", "word"),
    [
        (lambda c: c.drop_vars("FparLai_QC"), "quality layer"),
        (lambda c: c.rename(Lai_500m="NDVI"), "Lai_500m"),
        (lambda c: c.assign_coords(time=c["time"] + 13 * 86400), "composites begin"),
    ],
)
def test_an_area_order_that_lacks_something_is_refused(tmp_path, grid, repair, word):
    def repaired(content):
        new = repair(content)
        new["time"].attrs = content["time"].attrs
        return new

    path = appeears(tmp_path / "a.nc", repair=repaired)
    with pytest.raises(InputError, match=word):
        read_appeears(path, grid, stream="lai")


def test_flags_of_viirs_are_not_those_of_modis():
    # Deciduous broadleaf forest (6), main algorithm, clear: MODIS would refuse it.
    flag = np.array([6 << 4])
    assert viirs_good(flag, np.array([0])).all()
    assert not modis_good(flag).all()
    assert not viirs_good(flag, np.array([3])).any()
    assert not viirs_good(np.array([(6 << 4) | 2]), np.array([0])).any()


def test_the_service_s_names_in_netcdf_3(tmp_path, grid):
    warm = service_gridmet(
        tmp_path / "warm.nc", "daily_maximum_temperature", 298.8, described="tmmx"
    )
    cold = service_gridmet(
        tmp_path / "cold.nc", "daily_minimum_temperature", 285.0, described="tmmn"
    )
    read = read_gridmet([warm, cold], grid)
    np.testing.assert_allclose(read["tmax"], 298.8 - 273.15, atol=1e-4)
    np.testing.assert_allclose(read["tmin"], 285.0 - 273.15, atol=1e-4)
    assert str(read["time"].to_numpy()[0])[:10] == "2010-05-22"


def test_minimum_under_the_name_of_the_maximum_is_refused(tmp_path, grid):
    path = service_gridmet(
        tmp_path / "a.nc",
        "daily_maximum_temperature",
        280.0,
        described="Daily Minimum Temperature",
    )
    with pytest.raises(InputError, match="described as tmmn"):
        read_gridmet(path, grid)


@pytest.mark.parametrize("east", [False, True])
@pytest.mark.parametrize("name", ["time", "valid_time"])
def test_era5_land_sums_since_midnight_become_days(tmp_path, grid, east, name):
    path = era5_land(tmp_path / "e.nc", east=east, name=name)
    read = read_era5_land(path, grid)
    whole = read.sel(time="2010-07-02")
    for variable, expected in (
        ("prec", 24.0),
        ("shortwave", 12.0),
        ("wind", 5.0),
        ("pressure", 98000.0),
        ("dew_point", 5.0),
        ("tmean", 10.0),
        ("tmin", 5.0),
        ("tmax", 15.0),
    ):
        np.testing.assert_allclose(whole[variable], expected, rtol=1e-4)


def test_sums_and_instants_may_come_in_files_of_their_own(tmp_path, grid):
    with xr.open_dataset(era5_land(tmp_path / "all.nc")) as opened:
        content = opened.load()
    (tmp_path / "parts").mkdir()
    sums = content[["tp", "ssrd"]]
    sums.to_netcdf(tmp_path / "parts" / "accum.nc", engine="h5netcdf")
    rest = content.drop_vars(["tp", "ssrd"])
    rest.to_netcdf(tmp_path / "parts" / "instant.nc", engine="h5netcdf")
    read = read_era5_land(tmp_path / "parts" / "*.nc", grid)
    whole = read.sel(time="2010-07-02")
    np.testing.assert_allclose(whole["prec"], 24.0, rtol=1e-4)
    np.testing.assert_allclose(whole["tmean"], 10.0, rtol=1e-4)


def test_hourly_sums_of_era5_are_refused(tmp_path, grid):
    path = era5_land(tmp_path / "e.nc", hourly=True)
    with pytest.raises(InputError, match="ERA5 \\(not Land\\)"):
        read_era5_land(path, grid)


def test_modis_tiles_are_read_where_they_lie(tmp_path):
    place = Cells([cell_at(42.5378, -72.1715)])
    path = modis_tile(tmp_path / "MOD15A2H.A2010185.h12v04.061.2021182.hdf")
    read = read_modis_tiles(path, place, stream="lai", error=True)
    np.testing.assert_allclose(read["lai"], 3.0, rtol=1e-5)
    np.testing.assert_allclose(read["error"], 0.2, rtol=1e-5)
    assert str(read["time"].to_numpy()[0])[:10] == "2010-07-04"
    assert read.attrs["good_share"] == 1.0
    with pytest.raises(InputError, match="no tile of this composite"):
        read_modis_tiles(path, Cells([cell_at(10.0, 20.0)]), stream="lai")


def test_cloudy_pixels_of_a_tile_are_no_values(tmp_path):
    place = Cells([cell_at(42.5378, -72.1715)])
    path = modis_tile(tmp_path / "MOD15A2H.A2010185.h12v04.061.2021182.hdf", flags=8)
    assert np.isnan(read_modis_tiles(path, place, stream="lai")["lai"]).all()


GRAMS = {"sand": [600, 500, 400, 300, 200, 100], "clay": [100] * 6}


def test_soilgrids_are_weighted_by_thickness(tmp_path, grid):
    soilgrids(tmp_path, LAYERS, GRAMS)
    read = read_soilgrids(tmp_path / "*.tif", grid, depth=0.3)
    mean = (5 * 60 + 10 * 50 + 15 * 40) / 30
    np.testing.assert_allclose(read["sand"], mean, rtol=1e-5)
    np.testing.assert_allclose(read["clay"], 10.0, rtol=1e-5)


def test_soilgrids_in_percent_or_without_a_layer_are_refused(tmp_path, grid):
    soilgrids(tmp_path, LAYERS, {"sand": [60] * 6, "clay": [10] * 6})
    with pytest.raises(InputError, match="turned into percent"):
        read_soilgrids(tmp_path / "*.tif", grid)
    (tmp_path / "sand_5-15cm_mean.tif").unlink()
    with pytest.raises(InputError, match="from 5 to 15"):
        read_soilgrids(tmp_path / "*.tif", grid)


def class_map(path, values, lat, lon, *, name="cover", names=("y", "x"), crs=True):
    content = xr.Dataset(
        {name: (names, np.asarray(values, np.int16), {"nodata": -1})},
        coords={
            names[0]: (names[0], lat, {"units": "degrees_north"}),
            names[1]: (names[1], lon, {"units": "degrees_east"}),
        },
    )
    if crs:
        content["spatial_ref"] = (
            (),
            0,
            {"grid_mapping_name": "latitude_longitude", "semi_major_axis": 6378137.0},
        )
        content[name].encoding["coordinates"] = "spatial_ref"
    content.to_netcdf(path, engine="h5netcdf")
    return path


def test_nlcd_of_pygeohydro_is_counted_by_area(tmp_path, grid):
    lat = 42.6 - (np.arange(160) + 0.5) / 800.0
    lon = -72.3 + (np.arange(200) + 0.5) / 800.0
    values = np.full((160, 200), 41)
    values[:, ::2] = 43
    values[:40] = -1
    path = class_map(tmp_path / "nlcd.nc", values, lat, lon)
    read = read_nlcd_fraction(path, grid)
    np.testing.assert_allclose(read["forest_fraction"][1:], 0.5, rtol=1e-3)
    np.testing.assert_allclose(read["mapped_fraction"][0], 0.0, atol=1e-6)
    assert int((read_classes(path) == 41).sum()) == 120 * 100


def test_classes_of_two_legends_are_refused(tmp_path, grid):
    lat = 42.6 - (np.arange(40) + 0.5) / 200.0
    lon = -72.3 + (np.arange(50) + 0.5) / 200.0
    path = class_map(tmp_path / "odd.nc", np.full((40, 50), 77), lat, lon)
    with pytest.raises(InputError, match="legend"):
        class_fraction(path, grid, classes=(41,))
    both = class_map(tmp_path / "both.nc", np.full((40, 50), 12), lat, lon)
    with pytest.raises(InputError, match="both fit"):
        read_classes(both)
    with pytest.raises(InputError, match="no class of IGBP"):
        class_fraction(both, grid, classes=(41,), legend="igbp")


def test_sinusoidal_axes_without_units_are_metres(tmp_path, grid):
    from pyproj import Transformer

    corners = Transformer.from_crs("EPSG:4326", SINUSOIDAL, always_xy=True)
    x, y = corners.transform([-72.4, -71.9, -72.4, -71.9], [42.3, 42.3, 42.7, 42.7])
    x = np.arange(min(x), max(x), 463.3127)
    y = np.arange(max(y), min(y), -463.3127)
    values = np.full((y.size, x.size), 4, dtype=np.int16)
    content = xr.Dataset(
        {
            "LULC": (("y", "x"), values, {"grid_mapping": "spatial_ref"}),
            "spatial_ref": ((), 0, {"crs_wkt": SINUSOIDAL.to_wkt()}),
        },
        coords={"y": y, "x": x},
    )
    content.to_netcdf(tmp_path / "s.nc", engine="h5netcdf")
    read = class_fraction(tmp_path / "s.nc", grid, classes=(4,), legend="igbp")
    np.testing.assert_allclose(read["class_fraction"], 1.0, atol=1e-3)


@pytest.mark.parametrize(
    "name", ["depth_to_bedrock_cm.tif", "dem_cm.tif", "dem_ft.tif", "slope.tif"]
)
def test_a_raster_that_says_it_is_no_height_is_refused(tmp_path, grid, name):
    write_raster(
        tmp_path / name, grid, lambda lat, lon: 1500.0 + 0 * lat,
        dtype="float32", nodata=-9999.0,
    )  # fmt: skip
    with pytest.raises(InputError, match="said to be"):
        read_elevation(tmp_path / name, grid)


def daily_file(path, lon, lat, days, field, units="degC", **attrs):
    xr.Dataset(
        {"t": (("time", "lat", "lon"), field.astype("f4"), {"units": units})},
        {
            "time": ("time", days, attrs) if attrs else days,
            "lat": ("lat", lat, {"units": "degrees_north"}),
            "lon": ("lon", lon, {"units": "degrees_east"}),
        },
    ).to_netcdf(path, engine="h5netcdf")
    return path


@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize(
    "box", [(-72.5, 42.0, -72.0, 42.5), (-0.5, 51.0, 0.5, 51.5), (10.0, 42.0, 11.0, 43)]
)
def test_longitudes_of_a_globe_may_run_to_360(tmp_path, box, falling):
    lon, lat = np.arange(0.0, 360.0), np.arange(38.0, 55.0)
    if falling:
        lon = lon[::-1]
    west = np.where(lon >= 180.0, lon - 360.0, lon)
    field = np.broadcast_to(10.0 + 0.1 * west, (2, lat.size, lon.size))
    days = pd.date_range("2001-01-01", periods=2)
    path = daily_file(tmp_path / "g.nc", lon, lat, days, field)
    grid = Grid.from_bounds(*box)
    read = read_user_grid(path, grid, {"tmean": "t"})
    expected = np.broadcast_to(10.0 + 0.1 * grid.lon, read["tmean"].shape)
    np.testing.assert_allclose(read["tmean"], expected, atol=1e-4)


def test_a_grid_of_one_pixel_is_the_value_of_its_cell(tmp_path, grid):
    days = pd.date_range("2001-01-01", periods=2)
    one = np.array([287.83]), np.array([42.53])
    path = daily_file(tmp_path / "p.nc", *one, days, np.full((2, 1, 1), 7.0))
    read = read_user_grid(path, grid, {"tmean": "t"})
    known = read["tmean"].notnull()
    assert int(known.isel(time=0).sum()) == 1
    assert float(read["tmean"].max()) == 7.0
    away = Grid.from_bounds(-80.0, 40.0, -79.0, 41.0)
    with pytest.raises(InputError, match="one pixel"):
        read_user_grid(path, away, {"tmean": "t"})


def test_a_calendar_may_be_stated_where_a_file_is_wrong_about_it(tmp_path, grid):
    lon, lat = np.arange(-73.0, -71.0, 0.25), np.arange(42.0, 43.1, 0.25)
    path = daily_file(
        tmp_path / "c.nc", lon, lat, np.array([58.0, 59.0, 60.0]),
        np.full((3, lat.size, lon.size), 5.0),
        units="degC", calendar="noleap",
    )  # fmt: skip
    with xr.open_dataset(path, decode_times=False) as opened:
        content = opened.load()
    content["time"].attrs = {"units": "days since 2004-01-01", "calendar": "noleap"}
    content.to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="calendar"):
        read_user_grid(tmp_path / "d.nc", grid, {"tmean": "t"})
    read = read_user_grid(tmp_path / "d.nc", grid, {"tmean": "t"}, calendar="standard")
    assert str(read["time"].to_numpy()[1])[:10] == "2004-02-29"


def test_a_monthly_sum_is_refused_even_where_a_day_is_stated(tmp_path, grid):
    lon, lat = np.arange(-73.0, -71.0, 0.25), np.arange(42.0, 43.1, 0.25)
    days = pd.date_range("2001-01-01", periods=3, freq="MS")
    path = daily_file(
        tmp_path / "m.nc", lon, lat, days, np.full((3, lat.size, lon.size), 66.9), "mm"
    )
    for units in (None, "mm d-1"):
        with pytest.raises(InputError):
            read_user_grid(path, grid, {"prec": ("t", units)})


def points(path, columns, days):
    pd.DataFrame({"Date": days, "ID": "a", **columns}).to_csv(path, index=False)
    return path


def test_points_of_viirs_and_of_earth_engine(tmp_path, caplog):
    days = ["2018-07-04", "2018-07-12", "2018-07-20"]
    viirs = points(
        tmp_path / "v.csv",
        {"VNP15A2H_001_Lai": [3.0, 4.0, 25.3], "VNP15A2H_001_FparLai_QC": [96, 98, 96],
         "VNP15A2H_001_FparExtra_QC": [0, 0, 0]},
        days,
    )  # fmt: skip
    lai = read_modis_point(viirs, "lai")["lai"]
    np.testing.assert_array_equal(lai, [3.0, np.nan, np.nan])
    assert (lai.attrs["n_fill"], lai.attrs["n_poor"]) == (1, 1)
    google = tmp_path / "g.csv"
    pd.DataFrame(
        {"date": days, "Lai": [30, 40, 253], "FparLai_QC": [0, 97, 0],
         "product": "MODIS/006/MCD15A3H"}
    ).to_csv(google, index=False)  # fmt: skip
    lai = read_modis_point(google, "lai")["lai"]
    np.testing.assert_allclose(lai, [3.0, np.nan, np.nan])
    assert "stored integers times 0.1" in caplog.text
    with pytest.raises(InputError, match="Fpar"):
        read_modis_point(google, "fapar")


def test_scaled_values_of_earth_engine_are_refused(tmp_path):
    path = tmp_path / "g.csv"
    pd.DataFrame({"date": ["2018-07-04"], "Lai_500m": [3.1], "FparLai_QC": [0]}).to_csv(
        path, index=False
    )
    with pytest.raises(InputError, match="unscaled"):
        read_modis_point(path, "lai")


def test_a_catalogue_names_the_new_products(tmp_path):
    path = tmp_path / "catalogue.yaml"
    path.write_text(
        "products:\n"
        "  weather: {format: era5_land, files: 'e_{year}.nc', gives: [tmin, tmax]}\n"
        "  mine: {format: netcdf, files: m.nc, calendar: standard, variables: "
        "{tmean: {name: t, units: degC}}}\n"
        "  soil: {format: soilgrids, files: '*.tif', depth: 1.0}\n"
        "  lai: {format: appeears, stream: lai, files: a.nc, least_cover: 0.3, "
        "variance: {rule: given, standard_error: LaiStdDev_500m}}\n"
        "  gpp: {format: modis, stream: gpp, files: '*.hdf'}\n"
    )
    assert set(read_catalogue(path).products) == {
        "weather", "mine", "soil", "lai", "gpp",
    }  # fmt: skip
    path.write_text(path.read_text().replace("LaiStdDev_500m", "Lai_sd"))
    with pytest.raises(InputError, match="LaiStdDev_500m"):
        read_catalogue(path)


def test_a_catalogue_s_new_products_reach_the_cube_s_arrays(tmp_path, grid):
    appeears(tmp_path / "a.nc", extra={"LaiStdDev_500m": 2})
    era5_land(tmp_path / "e_2010.nc")
    path = tmp_path / "catalogue.yaml"
    path.write_text(
        "products:\n"
        "  weather: {format: era5_land, files: 'e_{year}.nc', gives: [tmin, prec]}\n"
        "  lai: {format: appeears, stream: lai, files: a.nc, "
        "variance: {rule: given, standard_error: LaiStdDev_500m}}\n"
    )
    source = ProductSource(read_catalogue(path), grid, (2010, 2010))
    assert source.streams() == {"lai": "lai"}
    days, values, errors = read_observed(source, "lai", 2010, grid.cells)
    assert str(days[0]) == "2010-07-04"
    np.testing.assert_allclose(values, 3.0, rtol=1e-5)
    np.testing.assert_allclose(errors, 0.2, rtol=1e-5)
    weather = read_weather(source, "weather", 2010, grid.cells)
    assert set(weather.data_vars) == {"tmin", "prec"}
    assert float(weather["prec"].sel(time="2010-07-02").mean()) == pytest.approx(24.0)


def product_with_codes(path, attrs, encoding=None):
    """Ten days of GPP of 4 g m-2 d-1; on the third the code 250 in every pixel."""
    lat, lon = 42.525 + 0.05 * np.arange(-4, 5), -72.175 + 0.05 * np.arange(-4, 5)
    values = np.full((10, lat.size, lon.size), 4.0)
    values[2] = 25.0
    units = {"units": "g m-2 d-1"}
    content = xr.Dataset(
        {"GPP": (("time", "lat", "lon"), values, {**units, **attrs})},
        {
            "time": pd.date_range("2003-01-01", periods=10),
            "lat": ("lat", lat, {"units": "degrees_north"}),
            "lon": ("lon", lon, {"units": "degrees_east"}),
        },
    )
    reported = {} if encoding is None else {"GPP": encoding}
    content.to_netcdf(path, engine="h5netcdf", encoding=reported)


USER_PRODUCT = """\
products:
  mine:
    format: netcdf_observations
    files: "mine_{year}.nc"
    stream: gpp
    variable: GPP
    variance: {rule: relative, fraction: 0.2, floor: 0.5}
"""
PACKED = {"scale_factor": 0.1, "add_offset": 0.0, "dtype": "int16", "_FillValue": -1}


@pytest.mark.parametrize(
    ("attrs", "encoding"),
    [
        ({"valid_range": [0.0, 20.0]}, None),
        ({"valid_min": 0.0, "valid_max": 20.0}, None),
        ({"valid_max": 20.0}, None),
        ({"valid_range": np.array([0, 200], "int16")}, PACKED),
    ],
)
def test_a_product_s_own_valid_range_holds_in_a_cube_and_is_said(
    tmp_path, caplog, attrs, encoding
):
    product_with_codes(tmp_path / "mine_2003.nc", attrs, encoding)
    (tmp_path / "catalogue.yaml").write_text(USER_PRODUCT)
    grid = Grid.from_bounds(-72.2, 42.5, -72.15, 42.55)
    catalogue = read_catalogue(tmp_path / "catalogue.yaml")
    source = ProductSource(catalogue, grid, (2003, 2003))
    _, values, _ = read_observed(source, "mine", 2003, grid.cells)
    assert values[0, 0] == pytest.approx(4.0)  # of seven days
    assert "lie outside the file's own valid range" in caplog.text
    assert "such as 25" in caplog.text


@pytest.mark.parametrize("codes", [True, False])
def test_a_valid_range_of_other_numbers_is_refused_and_codes_are_not(
    tmp_path, caplog, codes
):
    path = tmp_path / "mine_2003.nc"
    product_with_codes(path, {"valid_range": [0.0, 1.0]})
    with xr.open_dataset(path) as opened:
        content = opened.load()
    days = np.arange(10.0)[:, None, None]
    rows = np.arange(9.0)[None, :, None]
    water = np.where(days < 7, 254.0, 0.5) + 0.0 * rows
    other = 2.0 + 1.7 * days + 0.3 * rows
    content["GPP"].data = (water if codes else other) + np.zeros(9)
    path.unlink()
    content.to_netcdf(path, engine="h5netcdf")
    grid = Grid.from_bounds(-72.2, 42.5, -72.15, 42.55)
    wanted = {"prec": ("GPP", "mm d-1")}
    if codes:
        read = read_user_grid(path, grid, wanted)["prec"].to_numpy()
        assert np.isnan(read[:7]).all()
        np.testing.assert_allclose(read[7:], 0.5)
        assert "lie outside the file's own valid range" in caplog.text
    else:
        with pytest.raises(InputError, match="all values lie outside"):
            read_user_grid(path, grid, wanted)


def test_a_valid_range_with_its_ends_exchanged_is_refused(tmp_path):
    path = tmp_path / "mine_2003.nc"
    product_with_codes(path, {"valid_min": 50.0, "valid_max": -20.0})
    grid = Grid.from_bounds(-72.2, 42.5, -72.15, 42.55)
    with pytest.raises(InputError, match="GPP: valid range"):
        read_user_grid(path, grid, {"prec": ("GPP", "mm d-1")})


@pytest.mark.parametrize("freq", ["MS", "8D", "QS"])
def test_weather_of_longer_steps_is_refused_and_not_taken_for_days(tmp_path, freq):
    path = tmp_path / "mine_2003.nc"
    product_with_codes(path, {"valid_range": [0.0, 50.0]})
    with xr.open_dataset(path) as opened:
        content = opened.load()
    path.unlink()
    content["time"] = pd.date_range("2003-01-01", periods=10, freq=freq)
    content.to_netcdf(path, engine="h5netcdf")
    grid = Grid.from_bounds(-72.2, 42.5, -72.15, 42.55)
    with pytest.raises(InputError, match="one value a day"):
        read_user_grid(path, grid, {"prec": ("GPP", "mm d-1")})
