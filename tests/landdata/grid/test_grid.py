"""The model grid: edges on whole steps, areas that add up to the Earth."""

import numpy as np
import pytest

from landdata.errors import InputError
from landdata.grid.grid import N_COLUMNS, N_ROWS, STEP, Cells, Grid, cell_area, cell_at


def test_cell_areas_add_up_to_the_ellipsoid():
    # Area of WGS 84: 510 065 621.72 km2 (NIMA TR8350.2, table 3.3 gives the axes).
    lat = 90.0 - STEP * (np.arange(N_ROWS) + 0.5)
    total = cell_area(lat).sum() * N_COLUMNS
    assert total == pytest.approx(510_065_621.72e6, rel=1e-9)


def test_cell_area_is_the_closed_form_of_a_zone():
    a, f = 6378137.0, 1.0 / 298.257223563
    e = np.sqrt(f * (2.0 - f))

    def zone(lat):  # area from the equator to a parallel, for one radian
        s = np.sin(np.radians(lat))
        return (
            0.5
            * (a * (1.0 - f)) ** 2
            * (s / (1.0 - (e * s) ** 2) + np.arctanh(e * s) / e)
        )

    for lat in (0.025, 42.525, -67.975, 89.975):
        expected = np.radians(STEP) * (zone(lat + STEP / 2) - zone(lat - STEP / 2))
        assert cell_area(lat) == pytest.approx(expected, rel=1e-8)


def test_middles_lie_between_edges_that_are_whole_steps(grid):
    west, south, east, north = grid.cells.edges()
    np.testing.assert_allclose(grid.cells.lat, 0.5 * (south + north), atol=1e-12)
    np.testing.assert_allclose(grid.cells.lon, 0.5 * (west + east), atol=1e-12)
    for edge in (west, south, east, north):
        np.testing.assert_array_equal(np.rint(edge * 20.0), edge * 20.0)
    assert grid.bounds == (-72.3, 42.4, -72.05, 42.6)
    assert np.all(np.diff(grid.lat) < 0.0)  # north up


def test_a_pixel_keeps_its_id_in_every_region():
    small = Grid.from_bounds(-72.3, 42.4, -72.05, 42.6)
    large = Grid.from_bounds(-80.0, 35.0, -65.0, 45.0)
    assert set(small.cells.ids) < set(large.cells.ids)
    for id_ in small.cells.ids:
        one = Cells([id_])
        assert cell_at(float(one.lat[0]), float(one.lon[0])) == id_


def test_the_whole_globe_is_a_grid():
    globe = Grid.from_bounds(-180.0, -90.0, 180.0, 90.0)
    assert globe.shape == (N_ROWS, N_COLUMNS)
    assert cell_at(90.0, -180.0) == 0
    assert cell_at(-89.999, 179.999) == N_ROWS * N_COLUMNS - 1


@pytest.mark.parametrize(
    ("bounds", "reported"),
    [
        ((-72.31, 42.4, -72.05, 42.6), "west"),
        ((-72.3, 42.6, -72.05, 42.4), "south below north"),
        ((-72.3, 42.4, -72.05, 95.0), "3600"),
        ((-72.3, 42.4, float("nan"), 42.6), "east"),
    ],
)
def test_bounds_that_are_no_grid_are_refused(bounds, reported):
    with pytest.raises(InputError, match=reported):
        Grid.from_bounds(*bounds)


def test_ids_out_of_order_are_refused():
    with pytest.raises(InputError, match="order"):
        Cells([5, 4])
