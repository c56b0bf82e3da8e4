"""The synthetic region through every provider's format and back into a cube."""

import numpy as np
import pandas as pd
import pytest

from landdata import read_daymet, read_fluxnet
from landdata.cube.build import build_cube
from landdata.cube.catalogue import read_catalogue
from landdata.cube.check import check_cube
from landdata.cube.product_source import ProductSource
from landdata.grid.grid import Grid
from landdata.products.gridmet import read_gridmet
from landdata.products.nldas import read_nldas
from landdata.sites.ameriflux import read_ameriflux_base
from landdata.sites.modis_point import read_modis_point
from landdata.synthetic.product_writers import write_region
from landdata.synthetic.region import SyntheticSource

YEAR = 2004  # a leap year: Daymet has no 31 December
BLOCK = Grid.from_bounds(-72.3, 42.4, -72.2, 42.5)  # two by two cells


@pytest.fixture(scope="module")
def source():
    return SyntheticSource(seed=2, grid=BLOCK, years=(YEAR, YEAR), forest_only=False)


@pytest.fixture(scope="module")
def direct(source, tmp_path_factory):
    return build_cube(tmp_path_factory.mktemp("direct") / "synthetic.zarr", source)


@pytest.fixture(scope="module")
def catalogue(source, tmp_path_factory):
    return write_region(tmp_path_factory.mktemp("providers"), source)


@pytest.fixture(scope="module")
def cube(catalogue, tmp_path_factory):
    source = ProductSource(read_catalogue(catalogue), BLOCK, (YEAR, YEAR))
    return build_cube(tmp_path_factory.mktemp("read") / "c.zarr", source)


def both(cube, direct):
    ids = cube.cells.ids.tolist()
    return cube.forcing(ids), direct.forcing(ids)


def test_every_driver_comes_from_a_providers_file(cube):
    assert len(cube) >= 2
    origin = cube.attrs["drivers_from"]
    assert origin["pressure"] == "as given"
    assert origin["cloud_cover"] == "as given"
    assert origin["specific_humidity"] == "from vapour pressure and pressure"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        # What lies between a provider's pixels: heights (6.5 K a km, 12 Pa a metre)
        # within a cell or between pixels of 12 km; of cloud 32 km; then packing.
        ("tmin", 0.4),
        ("tmax", 0.4),
        ("prec", 0.35),
        ("wind", 0.12),
        ("specific_humidity", 2.0e-4),
        ("pressure", 600.0),
        ("cloud_cover", 0.06),
    ],
)
def test_weather_is_the_regions_own(cube, direct, name, error):
    found, true = (one[name] for one in both(cube, direct))
    measured = found["time"] != np.datetime64(f"{YEAR}-12-31")
    found, true = found[:, measured.values], true[:, measured.values]
    assert float(np.abs(found - true).mean()) < error
    if name != "pressure":
        for one, other in zip(found.values, true.values, strict=True):
            assert np.corrcoef(one, other)[0, 1] > 0.95


def test_a_days_weather_is_not_the_neighbouring_days(cube, direct):
    """A calendar or time zone that is off by one shows at once."""
    found, true = both(cube, direct)
    for name in ("tmax", "prec", "cloud_cover", "pressure"):
        series, other = found[name].values[0], true[name].values[0]
        here = np.corrcoef(series[1:-2], other[1:-2])[0, 1]
        for shift in (-1, 1):
            moved = np.corrcoef(series[1:-2], np.roll(other, shift)[1:-2])[0, 1]
            assert here > moved + 0.05


def test_the_leap_day_is_daymets_and_the_last_day_a_repeat(cube, direct):
    found, true = both(cube, direct)
    time = pd.DatetimeIndex(found["time"].values)
    leap, last = (int(time.get_loc(f"{YEAR}-{d}")) for d in ("02-29", "12-31"))
    np.testing.assert_allclose(found["tmax"][:, leap], true["tmax"][:, leap], atol=1.5)
    np.testing.assert_array_equal(found["tmax"][:, last], found["tmax"][:, last - 1])
    # The other products have the day; cloud and pressure need the next year's file.
    assert not np.allclose(found["wind"][:, last], found["wind"][:, last - 1])
    assert not np.allclose(found["cloud_cover"][:, last],
                           found["cloud_cover"][:, last - 1])  # fmt: skip


def test_observations_come_back_to_the_packing_with_their_gaps(cube, direct):
    ids = cube.cells.ids.tolist()
    found, true = cube.observations(ids), direct.observations(ids)
    for name, step in (("lai", 0.1), ("gpp", 0.01)):
        assert np.array_equal(np.isnan(found[name]), np.isnan(true[name]))
        np.testing.assert_allclose(found[name], true[name], atol=0.51 * step)


def test_land_comes_back(cube, direct):
    at = np.searchsorted(direct.cells.ids, cube.cells.ids)
    for name, error in (
        ("elevation", 40.0), ("sand", 2.5), ("clay", 1.5), ("forest_fraction", 0.08),
    ):  # fmt: skip
        found = cube.static[name].values
        np.testing.assert_allclose(found, direct.static[name].values[at], atol=error)


def test_the_check_finds_nothing_unusual(cube):
    text = "\n".join(check_cube(cube).lines())
    assert "UNUSUAL" not in text
    assert f"{YEAR}-12-31" in text


def test_files_and_catalogue_say_that_they_are_synthetic(catalogue):
    import h5py

    assert "SYNTHETIC" in catalogue.read_text()
    files = sorted(catalogue.parent.rglob("*.nc"))
    assert len(files) > 20
    for path in files:
        with h5py.File(path) as content:
            assert "made-up" in str(content.attrs["title"])


def test_hours_of_nldas_and_packed_days_of_gridmet_agree(catalogue):
    """Two providers of the same weather, in hours and in packed kelvins."""
    hourly = read_nldas(
        [catalogue.parent / "nldas" / f"{YEAR}" / "*.nc",
         catalogue.parent / "nldas" / f"{YEAR + 1}" / "*.nc"],
        BLOCK, years=(YEAR, YEAR), variables=["tmin", "tmax", "prec", "wind"],
    )  # fmt: skip
    daily = read_gridmet(catalogue.parent / "gridmet" / "*.nc", BLOCK)
    for name, error in (("tmin", 1.0), ("tmax", 1.0), ("prec", 1.0), ("wind", 0.2)):
        difference = (hourly[name] - daily[name]).isel(time=slice(0, -1))
        assert not np.isnan(difference).any()
        assert float(np.abs(difference).mean()) < error


def test_point_files_come_back_through_their_readers(catalogue, direct):
    folder = catalogue.parent / "points"
    pixel = direct.pixel(int(direct.cells.ids[0]))
    days = pixel.forcing.sizes["time"]
    daymet = read_daymet(folder / "daymet_pixel_synthetic.csv")
    assert daymet.attrs["n_repeated"] == 1
    np.testing.assert_allclose(daymet["tmax"][:-1], pixel.forcing["tmax"][:-1],
                               atol=1e-4)  # fmt: skip
    base = read_ameriflux_base(folder / "AMF_XX-Syn_BASE_HH_0-0.csv")
    np.testing.assert_allclose(base["tmin"], pixel.forcing["tmin"], atol=0.01)
    np.testing.assert_allclose(base["prec"], pixel.forcing["prec"], atol=1e-3)
    (daily,) = folder.glob("*_DD_*.csv")
    tower = read_fluxnet(daily)
    assert tower.attrs["step"] == "day"
    assert tower.attrs["n_below_quality"] == -(-days // 10)
    seen = tower["gpp"].values
    np.testing.assert_allclose(seen, base["gpp"].where(tower["gpp"].notnull()),
                               atol=1e-4)  # fmt: skip
    (monthly,) = folder.glob("*_MM_*.csv")
    assert read_fluxnet(monthly).sizes["time"] == 12
    for stream, step in (("lai", 0.1), ("gpp", 0.0125)):
        found = read_modis_point(folder / f"modis_{stream}_synthetic.csv", stream)
        wanted = pixel.observations[stream]
        assert np.array_equal(np.isnan(found[stream]), np.isnan(wanted))
        # MOD17 holds kg to four places: 0.1 g of carbon over eight days.
        np.testing.assert_allclose(found[stream], wanted, atol=0.51 * step + 0.01)
