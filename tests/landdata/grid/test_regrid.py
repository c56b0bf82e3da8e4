"""Regridding: planes come back, areas are conserved, gaps stay gaps."""

import numpy as np
import pytest
from pyproj import CRS, Transformer

from landdata.errors import InputError
from landdata.grid.regrid import Axes, Regridder
from landdata.synthetic.product_writers import DAYMET_MAPPING

LCC = CRS.from_cf(DAYMET_MAPPING)


def lcc_axes(grid, step=1000.0, falling=True):
    to_lcc = Transformer.from_crs("EPSG:4326", LCC, always_xy=True)
    west, south, east, north = grid.bounds
    x, y = to_lcc.transform([west, east, west, east], [south, south, north, north])
    x = np.arange(min(x) - 4 * step, max(x) + 4 * step, step)
    y = np.arange(min(y) - 4 * step, max(y) + 4 * step, step)
    return Axes(x, y[::-1] if falling else y, LCC, "lcc")


def degree_axes(step=0.125, falling=False):
    lat = np.arange(41.5 + step / 2, 43.5, step)
    return Axes(
        np.arange(-73.5 + step / 2, -71.0, step),
        lat[::-1] if falling else lat,
        CRS("EPSG:4326"),
        "degrees",
    )


@pytest.mark.parametrize("falling", [False, True])
def test_bilinear_gives_back_a_plane(grid, falling):
    axes = degree_axes(falling=falling)
    regridder = Regridder(axes, grid.cells)
    assert regridder.method == "bilinear"
    x, y = axes.x[regridder.columns], axes.y[regridder.rows]
    values = 3.0 + 2.0 * y[:, None] - 1.5 * x[None, :]
    expected = 3.0 + 2.0 * grid.cells.lat - 1.5 * grid.cells.lon
    np.testing.assert_allclose(regridder(values), expected, rtol=1e-12)


@pytest.mark.parametrize("falling", [False, True])
def test_area_means_of_a_plane_are_its_value_in_the_middle(grid, falling):
    axes = lcc_axes(grid, falling=falling)
    regridder = Regridder(axes, grid.cells)
    assert regridder.method == "area"
    x, y = axes.x[regridder.columns], axes.y[regridder.rows]
    to_lcc = Transformer.from_crs("EPSG:4326", LCC, always_xy=True)
    middle_x, middle_y = to_lcc.transform(grid.cells.lon, grid.cells.lat)
    values = 1e-3 * x[None, :] - 2e-3 * y[:, None]
    expected = 1e-3 * np.asarray(middle_x) - 2e-3 * np.asarray(middle_y)
    # Within a twentieth of a pixel: those on the edge count by their middles.
    np.testing.assert_allclose(regridder(values), expected, atol=0.1)


def test_what_the_cells_take_is_what_lies_under_them(grid):
    """Conservation: the area-weighted sum over cells is the sum under the region."""
    axes = degree_axes(step=0.01)
    regridder = Regridder(axes, grid.cells)
    y, x = axes.y[regridder.rows], axes.x[regridder.columns]
    values = np.random.default_rng(3).gamma(2.0, size=(y.size, x.size))
    # 0.01 degree pixels nest in the cells: the sum is exact but for cos(lat).
    west, south, east, north = grid.bounds
    inside = ((y > south) & (y < north))[:, None] & ((x > west) & (x < east))[None, :]
    fraction = np.cos(np.radians(y))[:, None] * inside
    cells = regridder(values)
    weights = np.cos(np.radians(grid.cells.lat))
    assert np.sum(cells * weights) / weights.sum() == pytest.approx(
        np.sum(values * fraction) / fraction.sum(), rel=1e-6
    )


def test_area_means_are_those_of_many_points_in_each_cell(grid):
    axes = lcc_axes(grid, step=700.0)
    regridder = Regridder(axes, grid.cells)
    rng = np.random.default_rng(5)
    values = rng.standard_normal((axes.y.size, axes.x.size))
    ours = regridder(values[regridder.rows, regridder.columns])
    inner = (np.arange(200) + 0.5) / 200.0 * 0.05
    to_lcc = Transformer.from_crs("EPSG:4326", LCC, always_xy=True)
    for cell in (0, 7, 19):
        west, south, _, _ = (edge[cell] for edge in grid.cells.edges())
        lon, lat = np.meshgrid(west + inner, south + inner)
        x, y = to_lcc.transform(lon, lat)
        column = np.rint((x - axes.x[0]) / axes.dx).astype(int)
        row = np.rint((y - axes.y[0]) / axes.dy).astype(int)
        assert ours[cell] == pytest.approx(values[row, column].mean(), abs=0.01)


def test_a_cell_with_less_than_half_of_its_pixels_is_missing(grid):
    axes = degree_axes(step=0.01)
    regridder = Regridder(axes, grid.cells)
    shape = (regridder.weights.shape[1],)
    n_rows = axes.y[regridder.rows].size
    values = np.full((n_rows, shape[0] // n_rows), 2.0)
    x = axes.x[regridder.columns]
    west = grid.cells.edges()[0][0]
    values[:, x < west + 0.024] = np.nan  # two of five columns of the first cells
    np.testing.assert_allclose(regridder(values), 2.0)
    values[:, x < west + 0.034] = np.nan  # three of five
    first = np.isclose(grid.cells.lon, grid.lon[0])
    assert np.isnan(regridder(values)[first]).all()
    np.testing.assert_allclose(regridder(values)[~first], 2.0)


def test_missing_neighbours_do_not_pull_a_value_towards_zero(grid):
    axes = degree_axes()
    regridder = Regridder(axes, grid.cells)
    y, x = axes.y[regridder.rows], axes.x[regridder.columns]
    values = np.full((y.size, x.size), 7.0)
    values[::2, ::2] = np.nan
    result = regridder(values)
    np.testing.assert_allclose(result[np.isfinite(result)], 7.0)
    assert np.isfinite(result).any()


def test_a_grid_elsewhere_is_refused(grid):
    axes = Axes(
        np.arange(10.0, 12.0, 0.125), np.arange(50.0, 52.0, 0.125),
        CRS("EPSG:4326"), "europe.nc",
    )  # fmt: skip
    with pytest.raises(InputError, match=r"europe\.nc"):
        Regridder(axes, grid.cells)


def test_uneven_coordinates_are_refused():
    x = np.arange(0.0, 10.0)
    x[4] = 4.3
    with pytest.raises(InputError, match="evenly spaced"):
        Axes(x, np.arange(5.0), CRS("EPSG:4326"), "odd.nc")
