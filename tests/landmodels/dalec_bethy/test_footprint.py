"""Footprints over grid cells, and the local hour of an overpass."""

import numpy as np
import pytest

from landmodels.dalec_bethy import (
    Cell,
    CellSet,
    Ellipse,
    Grid,
    InputError,
    Overpass,
    Polygon,
    region_observations,
    region_problem,
)
from landmodels.dalec_bethy.footprint import cell_weights, local_hour

from .places import drivers_of_place

LON, LAT = (a.ravel() for a in np.meshgrid(np.arange(4) * 0.25 + 26.0,
                                           np.arange(4) * 0.25 + 67.0))  # fmt: skip
GRID = Grid(LON, LAT, 0.25)


def at(lon, lat):
    return int(np.argmin(np.hypot(LON - lon, LAT - lat)))


def test_a_footprint_within_a_cell_sees_that_cell():
    expected = np.zeros(16)
    expected[at(26.25, 67.25)] = 1.0
    for radius in (0.01, 0.5, 3.0):
        weights = cell_weights(Ellipse(26.25, 67.25, radius, radius), GRID)
        np.testing.assert_allclose(weights, expected, atol=1e-12)


def test_a_polygon_over_two_cells_sees_them_by_its_fractions():
    # A quarter of its width in the left cell, three quarters in the right one.
    edge = 26.125
    lon = (edge - 0.05, edge + 0.15, edge + 0.15, edge - 0.05)
    lat = (67.2, 67.2, 67.3, 67.3)
    weights = cell_weights(Polygon(lon, lat), GRID)
    assert weights[at(26.0, 67.25)] == pytest.approx(0.25, abs=0.06)
    assert weights[at(26.25, 67.25)] == pytest.approx(0.75, abs=0.06)
    assert weights.sum() == pytest.approx(1.0)


def test_an_ellipse_is_longer_along_its_azimuth():
    north = cell_weights(Ellipse(26.25, 67.25, 25.0, 4.0, 0.0), GRID)
    east = cell_weights(Ellipse(26.25, 67.25, 25.0, 4.0, 90.0), GRID)
    assert north[LON == 26.25].sum() == pytest.approx(1.0)
    assert 0.1 < north[LAT != 67.25].sum() < 0.6
    assert east[LAT == 67.25].sum() == pytest.approx(1.0)
    assert 0.4 < east[LON != 26.25].sum() < 0.9
    # A quarter turn lies between the two: it leaves both the row and the column.
    slant = cell_weights(Ellipse(26.25, 67.25, 25.0, 4.0, 45.0), GRID)
    assert slant[at(26.5, 67.5)] > slant[at(26.0, 67.5)]


def test_the_gain_of_an_antenna_favours_the_centre():
    flat = cell_weights(Ellipse(26.25, 67.25, 25.0, 25.0), GRID)
    peaked = cell_weights(Ellipse(26.25, 67.25, 25.0, 25.0, 0.0, 8.0), GRID)
    assert peaked[at(26.25, 67.25)] > flat[at(26.25, 67.25)]


def test_a_set_of_cells_is_weighed_by_its_fractions():
    weights = cell_weights(CellSet((3, 5), (0.6, 0.2)), GRID)
    np.testing.assert_allclose(weights[[3, 5]], [0.75, 0.25])
    assert weights.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(cell_weights(CellSet((1, 2)), GRID)[[1, 2]], 0.5)


@pytest.mark.parametrize(
    ("cells", "fractions", "message"),
    [
        ((3, 16), None, "cell 16"),
        ((-1,), None, "cell -1"),
        ((3, 3), None, "a cell twice"),
        ((), None, "0 cells"),
        ((3, 4), (0.5,), "fractions"),
        ((3, 4), (0.9, 0.9), "fractions"),
        ((3, 4), (0.9, -0.1), "fractions"),
        ((3,), (0.4,), "40 %"),
    ],
)
def test_a_set_of_cells_that_is_none_is_refused(cells, fractions, message):
    with pytest.raises(InputError) as caught:
        cell_weights(CellSet(cells, fractions), GRID)
    assert message in str(caught.value)


def test_cells_of_water_do_not_count():
    land = np.ones(16, dtype=bool)
    land[at(26.25, 67.25)] = False
    grid = Grid(LON, LAT, 0.25, land)
    weights = cell_weights(Ellipse(26.25, 67.25, 25.0, 25.0), grid)
    assert weights[at(26.25, 67.25)] == 0.0
    assert weights.sum() == pytest.approx(1.0)


def test_longitudes_may_be_counted_from_0_to_360():
    grid = Grid(np.array([359.75, 0.0, 0.25]), np.full(3, 50.0), 0.25)
    weights = cell_weights(Ellipse(-0.125, 50.0, 4.0, 4.0), grid)
    np.testing.assert_allclose(weights, [0.5, 0.5, 0.0], atol=0.06)


@pytest.mark.parametrize(
    "footprint",
    [
        Ellipse(10.0, 40.0, 20.0, 20.0),
        Ellipse(25.8, 66.8, 20.0, 20.0),  # more than half of it off the grid
        Ellipse(30.0, 67.2, 0.5, 0.5),
    ],
)
def test_a_footprint_outside_the_grid_is_refused(footprint):
    with pytest.raises(InputError, match="footprint") as caught:
        cell_weights(footprint, GRID)
    assert "at least 50 %" in str(caught.value)


@pytest.mark.parametrize(
    "footprint",
    [
        Ellipse(26.25, 67.25, -1.0, 5.0),
        Ellipse(26.25, 67.25, 5.0, 5.0, 0.0, 0.0),
        Polygon((26.0, 26.1), (67.0, 67.1)),
        Polygon((26.0, 26.1, 26.2), (67.0, 67.1, 67.2)),
    ],
)
def test_a_footprint_without_an_area_is_refused(footprint):
    with pytest.raises(InputError, match="footprint"):
        cell_weights(footprint, GRID)


def test_a_footprint_over_water_alone_is_refused():
    grid = Grid(LON, LAT, 0.25, np.zeros(16, dtype=bool))
    with pytest.raises(InputError, match="land"):
        cell_weights(Ellipse(26.25, 67.25, 5.0, 5.0), grid)


@pytest.mark.parametrize(
    ("utc", "lon", "hour", "shift"),
    [(12.0, 0.0, 12, 0), (23.5, 26.0, 1, 1), (1.0, -75.0, 20, -1), (12, 345.0, 11, 0)],
)
def test_the_local_hour_and_its_day(utc, lon, hour, shift):
    hours, shifts = local_hour(utc, np.array([lon]))
    assert (hours[0], shifts[0]) == (hour, shift)


def overpass(**change):
    row = {"stream": "sif", "footprint": Ellipse(26.375, 67.25, 15.0, 15.0),
           "utc": 180.5, "value": 0.1, "variance": 0.01}  # fmt: skip
    return Overpass(**(row | change))


def region(observations):
    drivers = drivers_of_place("boreal", 1, 1)
    return region_problem([Cell(drivers, {"EvCn": 1.0})] * 16, observations)


def test_equal_cells_are_seen_as_one_whatever_the_footprint():
    wide = overpass(footprint=Ellipse(26.375, 67.375, 30.0, 30.0))
    observations, skipped = region_observations([overpass(), wide], GRID)
    assert skipped == 0
    assert np.all(observations.hour == 13)
    problem = region(observations)
    seen = problem.observe(np.zeros(problem.n))
    assert seen[0] == pytest.approx(seen[1], rel=1e-12)
    rng = np.random.default_rng(1)
    x, v = 0.2 * rng.standard_normal((2, problem.n))
    w = rng.standard_normal(2)
    assert problem.vjp(x, w) @ v == pytest.approx(w @ problem.jvp(x, v), rel=1e-10)


def test_footprints_outside_the_grid_can_be_counted_and_left_out():
    far = overpass(footprint=Ellipse(0.0, 0.0, 10.0, 10.0))
    observations, skipped = region_observations(
        [overpass(), far, overpass()], GRID, skip_outside=True
    )
    assert (observations.n, skipped) == (2, 1)
    assert set(observations.of) == {0, 1}
    with pytest.raises(InputError, match="observation 1"):
        region_observations([overpass(), far], GRID)


@pytest.mark.parametrize("utc", [-3.0, 400.0])
def test_an_overpass_outside_the_run_is_refused(utc):
    observations, _ = region_observations([overpass(utc=utc)], GRID)
    with pytest.raises(InputError, match="outside the run"):
        region(observations)


def test_an_overpass_without_a_time_or_with_a_negative_variance_is_refused():
    with pytest.raises(InputError, match="time"):
        region_observations([overpass(utc=np.nan)], GRID)
    with pytest.raises(InputError, match="variance"):
        region_observations([overpass(variance=-1.0)], GRID)


def test_a_grid_that_is_none_is_refused():
    with pytest.raises(InputError, match="grid"):
        cell_weights(Ellipse(0.0, 0.0, 1.0, 1.0), Grid(LON, LAT[:3], 0.25))
    with pytest.raises(InputError, match="spacing"):
        cell_weights(Ellipse(0.0, 0.0, 1.0, 1.0), Grid(LON, LAT, -1.0))
    with pytest.raises(InputError, match="latitude"):
        cell_weights(Ellipse(0.0, 0.0, 1.0, 1.0), Grid(LON, LAT + 60.0, 0.25))
