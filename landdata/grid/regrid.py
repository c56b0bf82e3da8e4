"""From a provider's grid to model cells: area means, or bilinear where it is coarse.

Ma et al. (2022, section 2.2.1) resample all forcing bilinearly. That is kept for
products that are coarser than the model or about as coarse (gridMET, NLDAS-2,
NARR). A bilinear look at a 1 km grid would use four of the thirty pixels in a
cell, so finer products (Daymet, soil, elevation) are averaged by area instead.

Both are one sparse matrix per product, made once: the fractions of exactextract
(exact coverage of each source pixel by each cell's polygon, in the source's own
projection) or the hat functions of scipy's linear splines. A cell has a value
where at least half of its weight lies on pixels that have one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from landdata.errors import InputError
from landdata.grid.grid import CRS as MODEL_CRS
from landdata.grid.grid import Cells

if TYPE_CHECKING:
    from pyproj import CRS, Transformer

Floats = NDArray[np.float64]

LEAST_COVER = 0.5


@dataclass(frozen=True, eq=False)
class Axes:
    """Where the pixels of a provider's grid are.

    Longitudes of a globe may run from 0 to 360: they are brought into -180 to 180
    and put in order, and ``order`` says which column of the file each is.

    Attributes
    ----------
    x, y : numpy.ndarray
        Middles of columns and rows in units of ``crs`` (m or degrees), evenly
        spaced, each rising or falling. A grid of one pixel has one of each.
    crs : pyproj.CRS
        Coordinate reference system.
    where : str
        File, for errors.
    """

    x: Floats
    y: Floats
    crs: CRS
    where: str
    dx: float = field(init=False)
    dy: float = field(init=False)
    order: NDArray[np.int64] | None = field(init=False, default=None)

    def __post_init__(self):
        for name in ("x", "y"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            if self.crs.is_geographic and name == "x":
                values, order = _west_to_east(values)
                object.__setattr__(self, "order", order)
            object.__setattr__(self, name, values)
        if self.crs.is_geographic and self.x.shape == self.y.shape == (1,):
            object.__setattr__(self, "dx", 0.0)
            object.__setattr__(self, "dy", 0.0)
            return
        for name in ("x", "y"):
            step = _step(getattr(self, name), name, self.where)
            object.__setattr__(self, f"d{name}", step)

    @property
    def is_point(self) -> bool:
        """Whether there is one pixel only, of unknown size."""
        return self.dx == 0.0

    def in_file(self, columns: slice) -> slice | NDArray[np.int64]:
        """Columns of the axis as they are in the file."""
        if self.order is None:
            return columns
        found = self.order[columns]
        if found.size > 1 and np.all(np.diff(found) == 1):
            return slice(int(found[0]), int(found[-1]) + 1)
        return found

    def same_as(self, other: Axes) -> bool:
        """Whether the two describe the same pixels."""
        return (
            self.x.shape == other.x.shape
            and self.y.shape == other.y.shape
            and np.allclose(self.x, other.x, rtol=0.0, atol=1e-3 * abs(self.dx))
            and np.allclose(self.y, other.y, rtol=0.0, atol=1e-3 * abs(self.dy))
            and self.crs == other.crs
        )


def _west_to_east(lon: Floats) -> tuple[Floats, NDArray[np.int64] | None]:
    """Longitudes in -180 to 180 without a jump, and the order that makes them so.

    A file that lies wholly east of 180 is only moved. One that has both sides is put
    in order, a meridian that is in it twice (0 and 360) taken once; what is no
    globe then keeps its jump and is refused as unevenly spaced.
    """
    if lon.size == 0 or not np.isfinite(lon).all() or np.abs(lon).max() > 360.0:
        return lon, None
    if lon.max() <= 180.0:
        return lon, None
    if lon.min() > 180.0 - 1e-9 and lon.size > 1:
        return lon - 360.0, None
    wrapped = np.where(lon >= 180.0, lon - 360.0, lon)
    if wrapped.size == 1:
        return wrapped, None
    rounded, order = np.unique(np.round(wrapped, 6), return_index=True)
    steps = np.diff(rounded)
    if np.ptp(steps) > 0.01 * np.median(steps):
        return lon, None  # of one side of the date line each: left as it is
    return wrapped[order], order.astype(np.int64)


def _step(values: Floats, name: str, where: str) -> float:
    steps = np.diff(values)
    if values.ndim != 1 or values.size < 2 or not np.isfinite(values).all():
        raise InputError(
            f"{where}  {name}",
            found=f"{values.size} coordinates, {int(np.isnan(values).sum())} missing",
            wanted="at least two, all of them numbers",
        )
    middle = float(np.median(steps))
    if middle == 0.0 or np.max(np.abs(steps - middle)) > 0.01 * abs(middle):
        odd = int(np.argmax(np.abs(steps - middle)))
        raise InputError(
            f"{where}  {name}",
            found=f"{values[odd]:g} and then {values[odd + 1]:g}, steps of {middle:g} "
            "elsewhere",
            wanted="evenly spaced coordinates",
            hint="Longitudes from 0 to 360 that are no whole globe, or a row or column "
            "that is missing or doubled.",
        )
    return middle


class Regridder:
    """Values on a provider's grid as values of model cells.

    Parameters
    ----------
    axes : Axes
        The provider's grid.
    cells : Cells
        The model's cells.
    method : {"area", "bilinear"}, optional
        By default area means if a cell covers more than four source pixels.

    Attributes
    ----------
    rows, columns : slice or array of int
        The part of the provider's grid that is needed, as the file has it.
    method : str
        What was chosen.
    """

    def __init__(self, axes: Axes, cells: Cells, method: str | None = None):
        from pyproj import Transformer

        to_source = Transformer.from_crs(MODEL_CRS, axes.crs, always_xy=True)
        self.axes = axes
        self.n_cells = len(cells)
        if axes.is_point:
            self.method = "point"
            self.rows, self.columns = slice(0, 1), axes.in_file(slice(0, 1))
            self.weights = _one_pixel(axes, cells)
            self.full = np.ones(self.n_cells)
            return
        if method is None:
            method = (
                "area" if _pixels_per_cell(axes, cells, to_source) > 4 else ("bilinear")
            )
        self.method = method
        if method == "area":
            polygons = _polygons(cells, to_source)
            xs, ys = polygons[..., 0], polygons[..., 1]
        else:
            xs, ys = to_source.transform(cells.lon, cells.lat)
        if axes.crs.is_geographic:
            xs = _onto(np.asarray(xs), axes)
            if method == "area":
                polygons[..., 0] = xs
        columns = _window(axes.x, axes.dx, xs, axes.where)
        self.columns = axes.in_file(columns)
        self.rows = _window(axes.y, axes.dy, ys, axes.where)
        x, y = axes.x[columns], axes.y[self.rows]
        if method == "area":
            self.weights, self.full = _coverage(x, y, axes, polygons)
        else:
            self.weights = _hats(x, y, np.asarray(xs), np.asarray(ys), axes)
            self.full = np.ones(self.n_cells)

    def parts(self, block: NDArray) -> tuple[Floats, Floats]:
        """Weighted sum and weight of the values that are there.

        Parameters
        ----------
        block : array (..., row, column)
            The window ``rows``, ``columns`` of the source, NaN where missing.

        Returns
        -------
        total, weight : numpy.ndarray (..., cell)
            Tiles of one grid may be added up before ``finish``.
        """
        flat = np.asarray(block, dtype=np.float64).reshape(
            *block.shape[:-2], block.shape[-2] * block.shape[-1]
        )
        rows = flat.reshape(-1, flat.shape[-1])
        there = np.isfinite(rows)
        if there.all():
            total = (self.weights @ rows.T).T
            one = np.asarray(self.weights.sum(axis=1)).ravel()
            weight = np.broadcast_to(one, total.shape)
        else:
            total = (self.weights @ np.where(there, rows, 0.0).T).T
            weight = (self.weights @ there.T.astype(np.float64)).T
        shape = (*flat.shape[:-1], self.n_cells)
        return total.reshape(shape), weight.reshape(shape)

    def finish(
        self, total: Floats, weight: Floats, least: float = LEAST_COVER
    ) -> Floats:
        """Means; NaN where less than half (or ``least``) of a cell has values."""
        enough = weight >= (least - 1e-9) * self.full
        result = np.full(total.shape, np.nan)
        np.divide(total, weight, out=result, where=enough & (weight > 0.0))
        return result

    def __call__(self, block: NDArray) -> Floats:
        """Values (..., row, column) of the window as values (..., cell)."""
        return self.finish(*self.parts(block))


def _onto(lon: Floats, axes: Axes) -> Floats:
    """Longitudes of the cells on the turn of the globe that the axis is on."""
    low, high = axes.x.min() - abs(axes.dx), axes.x.max() + abs(axes.dx)
    lon = np.where((lon < low) & (lon + 360.0 <= high), lon + 360.0, lon)
    return np.where((lon > high) & (lon - 360.0 >= low), lon - 360.0, lon)


def _one_pixel(axes: Axes, cells: Cells) -> sparse.csr_array:
    """The one cell in which a grid of one pixel lies gets its value."""
    west, south, east, north = cells.edges()
    x, y = axes.x[0], axes.y[0]
    inside = (west <= x) & (x < east) & (south < y) & (y <= north)
    if not inside.any():
        raise InputError(
            axes.where,
            found=f"one pixel at {y:g} N {x:g} E",
            wanted="a pixel within the region",
        )
    return sparse.csr_array(inside.astype(np.float64)[:, None])


def _pixels_per_cell(axes: Axes, cells: Cells, to_source: Transformer) -> float:
    middle = len(cells) // 2
    west, south, east, north = (edge[middle] for edge in cells.edges())
    x, y = to_source.transform([west, east, west], [south, south, north])
    across = np.hypot(x[1] - x[0], y[1] - y[0]) * np.hypot(x[2] - x[0], y[2] - y[0])
    return float(across / abs(axes.dx * axes.dy))


def _polygons(cells: Cells, to_source: Transformer) -> Floats:
    """Corners of each cell in the source's projection, (cell, 5, 2), closed.

    A parallel is not a straight line there; over 0.05 degrees it bends by less
    than a metre, which is left out.
    """
    west, south, east, north = cells.edges()
    lon = np.stack([west, east, east, west, west], axis=1)
    lat = np.stack([south, south, north, north, south], axis=1)
    x, y = to_source.transform(lon, lat)
    return np.stack([np.asarray(x), np.asarray(y)], axis=-1)


def _window(middles: Floats, step: float, wanted: NDArray, where: str) -> slice:
    """The part of an axis that covers what is wanted, with one pixel to spare."""
    good = np.asarray(wanted)[np.isfinite(wanted)]
    if good.size:
        position = (np.array([good.min(), good.max()]) - middles[0]) / step
        first = max(int(np.floor(position.min())) - 1, 0)
        last = min(int(np.ceil(position.max())) + 2, middles.size)
        if last - first >= 2:
            return slice(first, last)
    raise InputError(
        where,
        found=f"a grid from {min(middles[0], middles[-1]):g} to "
        f"{max(middles[0], middles[-1]):g}",
        wanted=f"one that covers the region, {np.min(wanted):g} to {np.max(wanted):g}",
        hint="Another tile or region of the product, or a wrong projection.",
    )


def _coverage(
    x: Floats, y: Floats, axes: Axes, polygons: Floats
) -> tuple[sparse.csr_array, Floats]:
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource

    half_x, half_y = 0.5 * abs(axes.dx), 0.5 * abs(axes.dy)
    raster = NumPyRasterSource(
        np.zeros((y.size, x.size), dtype=np.int8),
        xmin=x.min() - half_x,
        ymin=y.min() - half_y,
        xmax=x.max() + half_x,
        ymax=y.max() + half_y,
    )
    features = [
        {
            "type": "Feature",
            "properties": {},
            "geometry": {"type": "Polygon", "coordinates": [corners.tolist()]},
        }
        for corners in polygons
    ]
    found = exact_extract(raster, features, ["cell_id", "coverage"])
    ids = [np.asarray(one["properties"]["cell_id"], dtype=np.int64) for one in found]
    fractions = [np.asarray(one["properties"]["coverage"], float) for one in found]
    row, column = np.divmod(np.concatenate(ids), x.size)
    # exactextract counts rows from the top and columns from the left.
    if axes.dy > 0.0:
        row = y.size - 1 - row
    if axes.dx < 0.0:
        column = x.size - 1 - column
    weight = np.concatenate(fractions)
    corners = polygons[:, :4]
    ring = np.roll(corners, -1, axis=1)
    area = 0.5 * np.abs(
        np.sum(corners[..., 0] * ring[..., 1] - ring[..., 0] * corners[..., 1], axis=1)
    )
    full = area / abs(axes.dx * axes.dy)
    if axes.crs.is_geographic:
        # A degree of longitude shrinks towards the pole, within a cell too.
        weight = weight * np.cos(np.radians(y[row]))
        full = full * np.cos(np.radians(corners[..., 1].mean(axis=1)))
    cell = np.repeat(np.arange(len(ids)), [one.size for one in ids])
    matrix = sparse.csr_array(
        (weight, (cell, row * x.size + column)), shape=(len(ids), y.size * x.size)
    )
    return matrix, full


def _hats(x: Floats, y: Floats, xs: Floats, ys: Floats, axes: Axes) -> sparse.csr_array:
    """Bilinear weights: the product of two linear splines."""
    across, inside_x = _hat(x, xs, axes.dx)
    along, inside_y = _hat(y, ys, axes.dy)
    n = xs.size
    column, in_x = across.indices.reshape(n, 2), across.data.reshape(n, 2)
    row, in_y = along.indices.reshape(n, 2), along.data.reshape(n, 2)
    weight = in_y[:, :, None] * in_x[:, None, :]
    weight *= (inside_x & inside_y)[:, None, None]
    position = row[:, :, None] * x.size + column[:, None, :]
    cell = np.broadcast_to(np.arange(n)[:, None, None], weight.shape)
    return sparse.csr_array(
        (weight.ravel(), (cell.ravel(), position.ravel())),
        shape=(n, y.size * x.size),
    )


def _hat(
    middles: Floats, wanted: Floats, step: float
) -> tuple[sparse.csr_array, NDArray[np.bool_]]:
    """Linear spline weights (two per point); the outer half pixel is held constant."""
    from scipy.interpolate import BSpline

    rising = middles if step > 0.0 else middles[::-1]
    inside = (wanted >= rising[0] - 0.5 * abs(step)) & (
        wanted <= rising[-1] + 0.5 * abs(step)
    )
    held = np.clip(np.where(np.isfinite(wanted), wanted, rising[0]), *rising[[0, -1]])
    knots = np.r_[rising[0], rising, rising[-1]]
    matrix = BSpline.design_matrix(held, knots, 1)
    if step < 0.0:
        matrix = sparse.csr_array(
            (matrix.data, middles.size - 1 - matrix.indices, matrix.indptr),
            shape=matrix.shape,
        )
    return matrix, inside
