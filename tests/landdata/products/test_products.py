"""From providers' files through a catalogue to a cube that runs."""

import numpy as np
import pytest

from ibis_dalec import validate_forcing
from landdata.cube.build import build_cube
from landdata.cube.catalogue import read_catalogue
from landdata.cube.check import check_cube
from landdata.cube.product_source import ProductSource
from landdata.cube.source_report import check_sources
from landdata.errors import InputError
from landdata.grid.windows import window_starts
from landdata.meteorology.humidity import specific_humidity_from_vapour_pressure
from landdata.meteorology.pressure import pressure_from_elevation
from landdata.synthetic.product_writers import (
    write_daymet,
    write_glass,
    write_gridmet,
    write_gsde,
    write_narr,
    write_raster,
)

from ..conftest import at_cells, plane

CATALOGUE = """\
products:
  temperature:
    format: daymet
    files: "daymet/*_{year}.nc"
    gives: [tmin, tmax, prec, vapour_pressure]
  wind:
    format: netcdf
    files: "gridmet/vs_{year}.nc"
    variables:
      wind: {name: wind_speed}
  cloud: {format: narr, files: "narr/tcdc.{year}.nc"}
  soil: {format: gsde, files: "gsde/*.nc", depth: 0.25}
  land_cover: {format: nlcd, files: nlcd.tif}
  elevation: {format: elevation, files: dem.tif}
  lai:
    format: glass
    stream: lai
    files: "lai/*.hdf"
    variance: {rule: relative, fraction: 0.15, floor: 0.2}
"""
LAI = plane(3.0, north=4.0, per_day=0.005)
TMAX = plane(12.0, north=-8.0, per_day=0.03)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, grid):
    path = tmp_path_factory.mktemp("data")
    for name in ("daymet", "gridmet", "narr", "gsde", "lai"):
        (path / name).mkdir()
    write_daymet(path / "daymet", "tmax", 2003, grid, TMAX)
    write_daymet(path / "daymet", "tmin", 2003, grid, plane(1.0, per_day=0.03))
    write_daymet(path / "daymet", "prcp", 2003, grid, plane(2.5))
    write_daymet(path / "daymet", "vp", 2003, grid, plane(700.0))
    write_gridmet(path / "gridmet", "vs", 2003, grid, plane(3.0))
    write_narr(path / "narr", 2003, grid, plane(55.0))
    write_gsde(path / "gsde", "SAND", grid, lambda k, lat, lon: 60 + 0 * lat * lon)
    write_gsde(path / "gsde", "CLAY", grid, lambda k, lat, lon: 12 + 0 * lat * lon)
    # The two western columns are forest, and half of the third; no more.
    edge = grid.bounds[0] + 0.124
    write_raster(
        path / "nlcd.tif", grid, lambda lat, lon: np.where(lon < edge, 41, 82),
        pixel=60.0,
    )  # fmt: skip
    write_raster(
        path / "dem.tif", grid, lambda lat, lon: 300.0 + 0 * lat,
        dtype="float32", nodata=-9999.0,
    )  # fmt: skip
    for day in window_starts((2003, 2003))[:3]:
        write_glass(path / "lai", "lai", day, grid, LAI)
    (path / "catalogue.yaml").write_text(CATALOGUE)
    return path


@pytest.fixture(scope="module")
def source(folder, grid):
    return ProductSource(read_catalogue(folder / "catalogue.yaml"), grid, (2003, 2003))


@pytest.fixture(scope="module")
def cube(source, tmp_path_factory):
    return build_cube(tmp_path_factory.mktemp("cube") / "c.zarr", source)


def test_the_cube_has_the_pixels_with_more_than_half_forest(cube, grid):
    assert sorted(set(np.round(cube.cells.lon, 3))) == [-72.275, -72.225]
    assert len(cube) == 8
    assert cube.maps["mask"].sum() == 8
    assert not cube.synthetic


def test_weather_is_what_the_files_hold(cube, grid):
    pixel = cube.pixel(int(cube.cells.ids[0]))
    days = cube.time.to_numpy().astype("datetime64[D]")
    expected = at_cells(TMAX, days, grid)[:, 0, 0]
    np.testing.assert_allclose(pixel.forcing["tmax"], expected, atol=0.01)
    np.testing.assert_allclose(pixel.forcing["wind"], 3.0, atol=1e-5)
    np.testing.assert_allclose(pixel.forcing["cloud_cover"], 0.55, atol=1e-4)
    pressure = pressure_from_elevation(300.0)
    np.testing.assert_allclose(pixel.forcing["pressure"], pressure, rtol=1e-6)
    np.testing.assert_allclose(
        pixel.forcing["specific_humidity"],
        specific_humidity_from_vapour_pressure(700.0, pressure),
        rtol=1e-4,
    )
    assert pixel.elevation == pytest.approx(300.0)
    assert float(pixel.forcing["sand"]) == pytest.approx(60.0)
    validate_forcing(pixel.forcing)


def test_observations_come_with_their_variance(cube, grid):
    pixel = cube.pixel(int(cube.cells.ids[0]))
    seen = pixel.observations
    expected = at_cells(LAI, window_starts((2003, 2003))[:3], grid)[:, 0, 0]
    np.testing.assert_allclose(seen["lai"][:3], expected, atol=0.051)
    np.testing.assert_allclose(
        seen["lai_variance"], np.maximum(0.15 * seen["lai"], 0.2) ** 2, rtol=1e-5
    )
    assert "15" in seen["lai_variance"].attrs["rule"]


def test_the_check_says_what_is_there_and_what_is_not(cube):
    report = check_cube(cube)
    assert report.n_usable == 8
    by_name = {one.name: one for one in report.forcing}
    assert by_name["tmax"].coverage == 1.0
    assert by_name["tmax"].high == pytest.approx(float(cube.forcing(
        cube.cells.ids.tolist())["tmax"].max()))  # fmt: skip
    # The last local day lies in a file of 2004 that is not there: filled.
    assert by_name["cloud_cover"].filled_days == 8
    text = "\n".join(report.lines())
    assert "8 pixels" in text
    assert "UNUSUAL" not in text


def test_the_check_of_the_files_names_the_years_without(source, folder):
    report = {one.name: one for one in check_sources(source)}
    assert report["temperature"].n_files == 4
    assert report["temperature"].gives == ("tmin", "tmax", "prec", "vapour_pressure")
    assert not report["temperature"].checksums
    later = ProductSource(source.catalogue, source.grid, (2003, 2004))
    report = {one.name: one for one in check_sources(later)}
    assert report["temperature"].years_without == (2004,)


def test_a_resumed_build_does_not_read_what_it_has_read(source, tmp_path, monkeypatch):
    path = tmp_path / "c.zarr"
    calls = []
    import landdata.cube.product_cache as products

    real = products.read_weather

    def counting(source, name, year, cells):
        calls.append(name)
        if name == "cloud" and calls.count("cloud") == 1:
            raise KeyboardInterrupt
        return real(source, name, year, cells)

    monkeypatch.setattr(products, "read_weather", counting)
    with pytest.raises(KeyboardInterrupt):
        build_cube(path, source)
    build_cube(path, source)
    assert calls == ["temperature", "wind", "cloud", "cloud"]


def test_a_changed_input_is_another_cube(source, folder, cube, tmp_path):
    import os

    file = folder / "nlcd.tif"
    before = file.stat()
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    try:
        with pytest.raises(InputError, match="files"):
            build_cube(cube.path, source)
    finally:
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_driver_that_nobody_gives_is_named(folder, grid, tmp_path):
    text = CATALOGUE.replace("  cloud: {", "  # cloud: {")
    path = folder / "no_cloud.yaml"
    path.write_text(text)
    source = ProductSource(read_catalogue(path), grid, (2003, 2003))
    with pytest.raises(InputError, match="cloud_cover"):
        build_cube(tmp_path / "c.zarr", source)


@pytest.mark.parametrize(
    ("old", "new", "where", "reported"),
    [
        ("format: daymet", "format: daymett", ":3:5", "daymet"),
        ("gives: [tmin", "givs: [tmin", ":5:5", "gives"),
        ("fraction: 0.15", "fraction: lots", ":19:32", "lots"),
        ("files: nlcd.tif", "file: nlcd.tif", ":13:", "files"),
        ("wind: {name", "wnd: {name", ":10:7", "unknown variable"),
        ("products:", "products", "", "YAML|mapping|keys"),
        ("rule: relative, fraction: 0.15, floor: 0.2",
         "rule: triple_collocation, companions: [a, b]", ":19:", "stream lai"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_catalogue_is_reported_by_line_and_column(
    tmp_path, old, new, where, reported
):
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE.replace(old, new, 1))
    with pytest.raises(InputError, match=reported) as caught:
        read_catalogue(path)
    assert f"catalogue.yaml{where}" in str(caught.value)


def test_what_a_product_cannot_give_is_refused(folder, grid):
    path = folder / "wrong_gives.yaml"
    path.write_text(CATALOGUE.replace("gives: [tmin,", "gives: [wind,", 1))
    source = ProductSource(read_catalogue(path), grid, (2003, 2003))
    with pytest.raises(InputError, match="vapour_pressure"):
        source.weather()
