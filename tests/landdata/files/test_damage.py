"""Five hundred damaged files: one clear error each, and never a wrong number.

Formats notice most damage themselves. What they do not notice, such as a bit in an
attribute or in the place of a raster, only checksums beside them can tell; so each
file is read twice, without checksums (an error that names the file, or a Dataset;
nothing else) and beside a list of them (always the error).
"""

import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landdata import read_daymet, read_fluxnet
from landdata.errors import InputError
from landdata.files.provider_files import write_checksums
from landdata.grid.grid import Grid
from landdata.grid.windows import window_starts
from landdata.products.daymet import read_daymet_grid
from landdata.products.elevation import read_elevation
from landdata.products.glass import read_glass
from landdata.products.gridmet import read_gridmet
from landdata.products.gsde import read_gsde
from landdata.products.narr import read_narr_cloud
from landdata.products.nlcd import read_nlcd_fraction
from landdata.products.nldas import read_nldas
from landdata.sites.ameriflux import read_ameriflux_base
from landdata.sites.modis_point import read_modis_point
from landdata.synthetic.product_writers import (
    write_ameriflux_base,
    write_daymet,
    write_daymet_pixel,
    write_fluxnet,
    write_glass,
    write_gridmet,
    write_gsde,
    write_modis,
    write_narr,
    write_nldas,
    write_raster,
)

from ..damage import damage

SMALL = Grid.from_bounds(-72.25, 42.5, -72.15, 42.55)
WIDE = Grid.from_bounds(-73.0, 42.0, -72.0, 43.0)


def rough(middle):
    """A field that no two places share, so that a shifted one is another."""

    def values(time, lat, lon):
        return middle * (1.0 + 0.1 * np.sin(300.0 * lat) * np.cos(200.0 * lon))

    return values


def _narr(folder):
    times = np.arange(np.datetime64("2003-01-01T00"), np.datetime64("2003-01-05T00"), 3)
    return write_narr(folder, 2003, SMALL, rough(50.0), times=times)


def _gsde(folder):
    return write_gsde(
        folder, "SAND", SMALL, lambda layer, *place: rough(50)(0, *place)
    )[0]


def _read_gsde(path):
    # Clay is whole; sand is what gets damaged.
    clay = path.parent / "whole" / "CLAY1.nc"
    if not clay.is_file():
        clay.parent.mkdir(exist_ok=True)
        write_gsde(
            clay.parent, "CLAY", SMALL, lambda layer, *place: rough(10)(0, *place)
        )
    return read_gsde([path, clay], SMALL, depth=0.25)


def _nlcd(folder):
    def classes(lat, lon):
        return np.where(np.sin(900.0 * lat) * np.cos(700.0 * lon) > 0.0, 41, 43)

    return write_raster(folder / "nlcd.tif", SMALL, classes, pixel=100.0)


def _dem(folder):
    return write_raster(
        folder / "dem.tif", SMALL, lambda *place: rough(300)(0, *place),
        pixel=200.0, dtype="float32", nodata=-9999.0,
    )  # fmt: skip


PRODUCTS = {
    "daymet": (
        30,
        lambda folder: write_daymet(folder, "tmax", 2003, SMALL, rough(10.0)),
        lambda path: read_daymet_grid(path, SMALL),
    ),
    "gridmet": (
        120,
        lambda folder: write_gridmet(folder, "vs", 2003, SMALL, rough(3.0)),
        lambda path: read_gridmet(path, SMALL),
    ),
    "nldas": (
        50,
        lambda folder: write_nldas(
            folder, np.datetime64("2003-06-01"), SMALL, {"PSurf": rough(9.8e4)}
        )[5],
        lambda path: read_nldas(path, SMALL),
    ),
    "narr": (30, _narr, lambda path: read_narr_cloud(path, SMALL)),
    "gsde": (40, _gsde, _read_gsde),
    "nlcd": (100, _nlcd, lambda path: read_nlcd_fraction(path, SMALL)),
    "elevation": (100, _dem, lambda path: read_elevation(path, SMALL)),
    "glass": (
        30,
        lambda folder: write_glass(
            folder, "lai", np.datetime64("2003-07-04"), WIDE, rough(4.0)
        ),
        lambda path: read_glass(path, SMALL, stream="lai"),
    ),
}


def test_there_are_five_hundred():
    assert sum(count for count, _, _ in PRODUCTS.values()) == 500


# GDAL prints what it cannot decode from a callback; nobody can catch that.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("product", PRODUCTS)
def test_damage_is_an_error_that_names_the_file(product, tmp_path):
    count, write, read = PRODUCTS[product]
    path = write(tmp_path)
    whole, content = read(path), path.read_bytes()
    summed = tmp_path / "summed"
    summed.mkdir()
    shutil.copy(path, summed)
    write_checksums(summed)
    rng = np.random.default_rng([500, list(PRODUCTS).index(product)])
    silent = []
    for number in range(count):
        broken = damage(content, rng)
        path.write_bytes(broken)
        try:
            found = read(path)
        except InputError as error:
            assert path.name in str(error)  # noqa: PT017
            assert "found" in str(error)  # noqa: PT017
        else:
            try:
                xr.testing.assert_allclose(found, whole, rtol=1e-6)
            except AssertionError:
                silent.append(number)
        if broken == content:
            continue
        (summed / path.name).write_bytes(broken)
        with pytest.raises(InputError, match=r"SHA-256|empty") as caught:
            read(summed / path.name)
        assert path.name in str(caught.value)
    # Nearly all of it is noticed without checksums too. Tags have none anywhere:
    # one byte in a place or a unit may go unseen.
    assert len(silent) <= 0.02 * count, silent


@pytest.mark.parametrize("product", ["nlcd", "elevation"])
def test_every_changed_byte_of_compressed_pixels_is_noticed(product, tmp_path):
    """GDAL decodes past the checksums of its own blocks; the reader does not."""
    import rasterio

    _, write, read = PRODUCTS[product]
    path = write(tmp_path)
    content = path.read_bytes()
    with rasterio.open(path) as raster:
        first = int(raster.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
        size = int(raster.get_tag_item("BLOCK_SIZE_0_0", "TIFF", bidx=1))
    rng = np.random.default_rng(11)
    for position in first + rng.integers(2, size, size=60):
        broken = bytearray(content)
        broken[position] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(broken))
        with pytest.raises(InputError, match=path.name):
            read(path)


POINTS = {
    "daymet pixel": ("daymet_pixel_*.csv", read_daymet),
    "fluxnet, daily": ("FLX_*_DD_*.csv", read_fluxnet),
    "fluxnet, monthly": ("FLX_*_MM_*.csv", read_fluxnet),
    "ameriflux": ("AMF_*.csv", read_ameriflux_base),
    "modis lai": ("modis_lai_*.csv", lambda path: read_modis_point(path, "lai")),
    "modis gpp": ("modis_gpp_*.csv", lambda path: read_modis_point(path, "gpp")),
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Point files of a made-up pixel, a year long."""
    folder = tmp_path_factory.mktemp("points")
    days = pd.date_range("2003-01-01", "2003-12-31")
    season = -np.cos(2.0 * np.pi * days.day_of_year / 365.0)
    middles = {
        "tmin": 2.0, "tmax": 12.0, "tmean": 7.0, "prec": 2.5, "wind": 3.0,
        "pressure": 98000.0, "vpd": 400.0, "vapour_pressure": 800.0,
        "shortwave": 14.0, "daylength": 43200.0, "gpp": 4.0, "er": 3.0, "nee": -1.0,
        "lai": 3.0,
    }  # fmt: skip
    tower = xr.Dataset(
        {
            name: ("time", middle * (1.0 + (0.3 if middle < 9e4 else 0.01) * season))
            for name, middle in middles.items()
        },
        coords={"time": days},
    )
    write_daymet_pixel(folder / "daymet_pixel_a.csv", tower, lat=42.5, lon=-72.2,
                       elevation=340.0)  # fmt: skip
    quality = np.full(days.size, 0.9)
    write_fluxnet(folder / "FLX_US-Ha1_FLUXNET2015_SUBSET_DD_2003-2003_1-4.csv",
                  tower, quality)  # fmt: skip
    write_fluxnet(folder / "FLX_US-Ha1_FLUXNET2015_SUBSET_MM_2003-2003_1-4.csv",
                  tower, quality, monthly=True)  # fmt: skip
    base = tower.isel(time=slice(0, 30))
    write_ameriflux_base(folder / "AMF_US-Ha1_BASE_HH_1-5.csv", base, site="US-Ha1")
    eight = tower.sel(time=window_starts((2003, 2003)).astype("datetime64[ns]"))
    for stream in ("lai", "gpp"):
        write_modis(folder / f"modis_{stream}_a.csv", stream, eight[stream])
    return folder


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", POINTS)
def test_a_damaged_table_is_an_error_that_names_it_or_a_table(kind, tables, tmp_path):
    """Text has no checksum: a changed digit is a number. But never a traceback."""
    pattern, read = POINTS[kind]
    (whole,) = tables.glob(pattern)
    content = whole.read_bytes()
    read(whole)
    rng = np.random.default_rng([501, list(POINTS).index(kind)])
    errors = 0
    path = tmp_path / whole.name
    for _ in range(25):
        path.write_bytes(damage(content, rng))
        try:
            found = read(path)
        except InputError as error:
            assert path.name in str(error)  # noqa: PT017
            errors += 1
        else:
            for variable in found.data_vars.values():
                assert not np.isinf(variable.values.astype(float)).any()
    assert errors >= 10


def test_a_file_that_is_whole_passes_its_checksum(tmp_path):
    path = write_gridmet(tmp_path, "vs", 2003, SMALL, rough(3.0))
    expected = read_gridmet(path, SMALL)
    write_checksums(tmp_path)
    xr.testing.assert_identical(read_gridmet(path, SMALL), expected)


def test_a_list_of_checksums_that_is_none_is_refused(tmp_path):
    path = write_gridmet(tmp_path, "vs", 2003, SMALL, rough(3.0))
    (tmp_path / "SHA256SUMS").write_text("nonsense\n")
    with pytest.raises(InputError, match="SHA256SUMS:1"):
        read_gridmet(path, SMALL)
