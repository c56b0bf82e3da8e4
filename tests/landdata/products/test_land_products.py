"""Soil, land cover, heights and GLASS: round trips and refusals."""

import numpy as np
import pytest

from landdata.errors import InputError
from landdata.grid.grid import Grid
from landdata.products.elevation import read_elevation
from landdata.products.glass import read_glass
from landdata.products.gsde import BOTTOMS, read_gsde
from landdata.products.nlcd import read_nlcd_fraction
from landdata.synthetic.product_writers import write_glass, write_gsde, write_raster

from ..conftest import at_cells, plane

DAY = np.datetime64("2003-07-04")


def test_gsde_layers_are_weighted_by_thickness(tmp_path, grid):
    def sand(layer, lat, lon):
        return 40.0 + 5.0 * layer + 0.0 * lat * lon

    write_gsde(tmp_path, "SAND", grid, sand)
    write_gsde(tmp_path, "CLAY", grid, lambda layer, lat, lon: 10.0 + 0 * lat * lon)
    found = read_gsde(tmp_path / "*.nc", grid, depth=1.0)
    thickness = np.diff(np.minimum(np.r_[0.0, BOTTOMS], 100.0))
    expected = np.sum(thickness * (40.0 + 5.0 * np.arange(8))) / 100.0
    np.testing.assert_allclose(found["sand"], expected, rtol=1e-6)
    np.testing.assert_allclose(found["clay"], 10.0, rtol=1e-6)
    shallow = read_gsde(tmp_path / "*1.nc", grid, depth=0.25)
    assert float(shallow["sand"][0, 0]) < expected
    with pytest.raises(InputError, match="no layer"):
        read_gsde(tmp_path / "*1.nc", grid, depth=1.0)


def test_gsde_is_an_area_mean_and_rock_is_missing(tmp_path, grid):
    west = grid.bounds[0]

    def sand(layer, lat, lon):
        half = np.where(lon < west + 0.025, 20.0, 60.0) + 0.0 * lat
        return np.where(lon > west + 0.2, np.nan, half)

    write_gsde(tmp_path, "SAND", grid, sand)
    write_gsde(tmp_path, "CLAY", grid, lambda layer, lat, lon: 10.0 + 0 * lat * lon)
    found = read_gsde(tmp_path / "*.nc", grid)
    np.testing.assert_allclose(found["sand"][:, 0], 40.0, rtol=1e-5)
    np.testing.assert_allclose(found["sand"][:, 1:4], 60.0, rtol=1e-5)
    assert np.isnan(found["sand"][:, 4]).all()
    assert np.isnan(found["clay"][:, 4]).all()


def test_soil_of_more_than_a_hundred_percent_is_refused(tmp_path, grid):
    for kind in ("SAND", "CLAY"):
        write_gsde(tmp_path, kind, grid, lambda layer, lat, lon: 70.0 + 0 * lat * lon)
    with pytest.raises(InputError, match="140 %"):
        read_gsde(tmp_path / "*.nc", grid)


def test_forest_is_a_fraction_of_area_and_not_an_average_of_classes(tmp_path, grid):
    west = grid.bounds[0]
    edge = west + 0.05 + 0.02  # two fifths of the second column

    def classes(lat, lon):
        return np.where(lon < edge, 41, 43)

    path = write_raster(tmp_path / "nlcd.tif", grid, classes, pixel=60.0)
    found = read_nlcd_fraction(path, grid)
    fraction = found["forest_fraction"].values
    np.testing.assert_allclose(fraction[:, 0], 1.0, atol=1e-6)
    # Pixels of 60 m on an edge are of one class or the other: a hundredth of a cell.
    np.testing.assert_allclose(fraction[:, 1], 0.4, atol=0.01)
    np.testing.assert_allclose(fraction[:, 2:], 0.0, atol=1e-6)
    both = read_nlcd_fraction(path, grid, classes=(41, 43))
    np.testing.assert_allclose(both["forest_fraction"], 1.0, atol=1e-6)


def test_outside_the_map_is_not_forest(tmp_path, grid):
    west = grid.bounds[0]

    def classes(lat, lon):
        return np.where(lon < west + 0.025, 41, 0)

    path = write_raster(tmp_path / "nlcd.tif", grid, classes, pixel=60.0)
    found = read_nlcd_fraction(path, grid)
    np.testing.assert_allclose(found["forest_fraction"][:, 0], 0.5, atol=0.01)
    np.testing.assert_allclose(found["mapped_fraction"][:, 0], 0.5, atol=0.01)
    np.testing.assert_allclose(found["forest_fraction"][:, 1:], 0.0, atol=1e-6)


def test_a_class_that_nlcd_has_not_is_refused(tmp_path, grid):
    path = write_raster(tmp_path / "nlcd.tif", grid, lambda lat, lon: 7 + 0 * lat)
    with pytest.raises(InputError, match="class 7"):
        read_nlcd_fraction(path, grid)
    with pytest.raises(InputError, match="no class of NLCD"):
        read_nlcd_fraction(path, grid, classes=(40,))


def test_heights_are_area_means(tmp_path, grid):
    field = plane(300.0, north=1000.0, east=-500.0)

    def height(lat, lon):
        return 300.0 + 1000.0 * (lat - 42.5) - 500.0 * (lon + 72.2)

    path = write_raster(
        tmp_path / "dem.tif", grid, height, dtype="float32", nodata=-9999.0
    )
    found = read_elevation(path, grid)["elevation"]
    np.testing.assert_allclose(found, at_cells(field, [DAY], grid)[0], atol=0.5)


def test_heights_in_feet_or_with_an_undeclared_code_are_refused(tmp_path, grid):
    path = write_raster(
        tmp_path / "dem.tif",
        grid,
        lambda lat, lon: np.where(lat > 42.5, 300.0, -32768.0),
        dtype="float32",
        nodata=None,
    )
    with pytest.raises(InputError, match=r"dem\.tif"):
        read_elevation(path, grid)


def test_a_raster_elsewhere_or_without_projection_is_refused(tmp_path, grid):
    import rasterio

    path = write_raster(tmp_path / "nlcd.tif", grid, lambda lat, lon: 41 + 0 * lat)
    with pytest.raises(InputError, match="nothing in the region"):
        read_nlcd_fraction(path, Grid.from_bounds(-100.0, 35.0, -99.9, 35.1))
    with rasterio.open(path) as raster:
        profile, values = raster.profile, raster.read(1)
    profile.pop("crs")
    bare = tmp_path / "bare.tif"
    with rasterio.open(bare, "w", **profile) as raster:
        raster.write(values, 1)
    with pytest.raises(InputError, match="no projection"):
        read_nlcd_fraction(bare, grid)


def test_glass_lai_comes_back_cell_by_cell(tmp_path, grid):
    field = plane(4.0, north=3.0, east=2.0, per_day=0.001)
    wide = Grid.from_bounds(-73.0, 42.0, -71.5, 43.0)
    days = [np.datetime64("2003-07-12"), DAY]
    for day in days:
        write_glass(tmp_path, "lai", day, wide, field)
    found = read_glass(tmp_path / "*.hdf", grid, stream="lai")
    assert list(found["time"].values) == sorted(np.array(days, "datetime64[ns]"))
    np.testing.assert_allclose(
        found["lai"], at_cells(field, sorted(days), grid), atol=0.0501
    )
    assert found["lai"].attrs["standard_name"] == "leaf_area_index"


def test_glass_scale_is_the_files_own(tmp_path, grid):
    field = plane(4.0)
    for scale, top in ((0.1, 100), (0.05, 200)):
        path = write_glass(
            tmp_path, "lai", DAY, grid, field,
            attributes={"scale_factor": scale, "valid_range": (0, top)},
        )  # fmt: skip
        found = read_glass(path, grid, stream="lai")
        np.testing.assert_allclose(found["lai"], 4.0, atol=0.03)


def test_glass_fill_and_invalid_values_are_missing(tmp_path, grid):
    def field(day, lat, lon):
        value = np.where(lat > 42.5, np.nan, 3.0) + 0.0 * lon
        return np.where(lon < -72.25, 12.0, value) + 0.0 * day.astype(float)

    path = write_glass(tmp_path, "lai", DAY, grid, field)
    found = read_glass(path, grid, stream="lai")["lai"][0]
    assert np.isnan(found[:, 0]).all()  # above the valid range
    assert np.isnan(found[:2, 1:]).all()
    np.testing.assert_allclose(found[2:, 1:], 3.0)


@pytest.mark.parametrize("name", ["scale_factor", "_FillValue", "valid_range"])
def test_glass_without_its_packing_is_refused(tmp_path, grid, name):
    path = write_glass(tmp_path, "lai", DAY, grid, plane(4.0), attributes={name: None})
    with pytest.raises(InputError, match="not guessed") as caught:
        read_glass(path, grid, stream="lai")
    assert path.name in str(caught.value)


def test_glass_with_a_scale_that_cannot_be_is_refused(tmp_path, grid):
    path = write_glass(
        tmp_path, "lai", DAY, grid, plane(0.4), attributes={"scale_factor": 0.01}
    )
    with pytest.raises(InputError, match="scale_factor"):
        read_glass(path, grid, stream="lai")


def test_glass_gpp_of_eight_days_becomes_a_daily_mean(tmp_path, grid):
    for day in (DAY, np.datetime64("2003-12-27")):
        write_glass(
            tmp_path, "gpp", day, grid, plane(40.0),
            attributes={"units": "gC m-2 8d-1", "valid_range": (0, 20000)},
        )  # fmt: skip
    found = read_glass(tmp_path / "*.hdf", grid, stream="gpp")["gpp"]
    np.testing.assert_allclose(found[0], 40.0 / 8.0)
    np.testing.assert_allclose(found[1], 40.0 / 5.0)  # the last composite: five days
    assert found.attrs["units"] == "g m-2 d-1"


def test_glass_gpp_without_units_is_refused_unless_stated(tmp_path, grid):
    path = write_glass(
        tmp_path, "gpp", DAY, grid, plane(7.0), attributes={"units": None}
    )
    with pytest.raises(InputError, match="units"):
        read_glass(path, grid, stream="gpp")
    found = read_glass(path, grid, stream="gpp", units="g m-2 d-1")
    np.testing.assert_allclose(found["gpp"], 7.0)


def test_two_productions_of_a_composite_are_refused(tmp_path, grid):
    path = write_glass(tmp_path, "lai", DAY, grid, plane(4.0))
    path.with_name(path.name.replace("2022138", "2023001")).write_bytes(
        path.read_bytes()
    )
    with pytest.raises(InputError, match="same composite"):
        read_glass(tmp_path / "*.hdf", grid, stream="lai")


def test_a_name_that_is_no_composite_is_refused(tmp_path, grid):
    path = write_glass(tmp_path, "lai", DAY, grid, plane(4.0))
    other = path.rename(path.with_name(path.name.replace("A2003185", "A2003186")))
    with pytest.raises(InputError, match="186"):
        read_glass(other, grid, stream="lai")
