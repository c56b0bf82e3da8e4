"""Five hundred damaged files: one clear error each, and never a wrong number.

Formats notice most damage themselves. What they do not notice, such as a bit in an
attribute or in the place of a raster, only checksums can tell; so each file is read
twice, without checksums (an error that names the file, or a Dataset; nothing else)
and beside a list of them (always the error).
"""

import shutil

import numpy as np
import pytest
import xarray as xr

from ibis_dalec.errors import InputError
from regions.daymet import read_daymet_grid
from regions.elevation import read_elevation
from regions.files import write_checksums
from regions.glass import read_glass
from regions.grid import Grid
from regions.gridmet import read_gridmet
from regions.narr import read_narr_cloud
from regions.nlcd import read_nlcd_fraction
from regions.nldas import read_nldas
from regions.provider_files import (
    write_daymet,
    write_glass,
    write_gridmet,
    write_gsde,
    write_narr,
    write_nldas,
    write_raster,
)
from regions.soil import read_gsde

from .damage import damage

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
    # Nearly all of it is noticed without checksums too.
    assert len(silent) <= 0.03 * count, silent


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
