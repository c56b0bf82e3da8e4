"""The model grid: 0.05 degree cells of the globe, north up, and which ones are meant.

Cells are counted on the whole globe, row 0 at the north pole and column 0 at
180 W, so a pixel keeps its id in whatever region it is asked for. Edges are whole
multiples of the step (EPSG:4326); they are held as integers, so that no rounding
of 0.05 can shift them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from landdata.errors import InputError

CELLS_PER_DEGREE = 20
STEP = 1.0 / CELLS_PER_DEGREE
N_ROWS = 180 * CELLS_PER_DEGREE
N_COLUMNS = 360 * CELLS_PER_DEGREE
CRS = "EPSG:4326"

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LAT_ATTRS = {
    "units": "degrees_north",
    "standard_name": "latitude",
    "long_name": "latitude of the middle of the cell",
}
LON_ATTRS = {
    "units": "degrees_east",
    "standard_name": "longitude",
    "long_name": "longitude of the middle of the cell",
}
GRID_MAPPING = {
    "long_name": "WGS 84, EPSG:4326",
    "grid_mapping_name": "latitude_longitude",
    "semi_major_axis": 6378137.0,
    "inverse_flattening": 298.257223563,
    "longitude_of_prime_meridian": 0.0,
}


@dataclass(frozen=True)
class Grid:
    """A rectangle of cells.

    Attributes
    ----------
    row, column : int
        Of its north-western cell on the globe.
    n_rows, n_columns : int
        Size.

    Examples
    --------
    >>> from landdata import Grid
    >>> grid = Grid.from_bounds(-73.5, 41.5, -71.5, 43.0)
    >>> grid.shape, len(grid.cells)
    ((30, 40), 1200)
    """

    row: int
    column: int
    n_rows: int
    n_columns: int

    def __post_init__(self):
        inside = (
            self.row >= 0
            and self.column >= 0
            and self.row + self.n_rows <= N_ROWS
            and self.column + self.n_columns <= N_COLUMNS
        )
        if not inside or self.n_rows < 1 or self.n_columns < 1:
            raise InputError(
                "grid",
                found=f"row {self.row}, column {self.column}, {self.n_rows} x "
                f"{self.n_columns} cells",
                wanted=f"at least one cell, within {N_ROWS} x {N_COLUMNS}",
            )

    @classmethod
    def from_bounds(cls, west: float, south: float, east: float, north: float) -> Grid:
        """The grid between four edges, which must be multiples of the step.

        Examples
        --------
        >>> Grid.from_bounds(-73.5, 41.5, -71.5, 43.0).shape
        (30, 40)
        """
        edges = {"west": west, "south": south, "east": east, "north": north}
        whole = {}
        for name, degrees in edges.items():
            count = float(degrees) * CELLS_PER_DEGREE
            if not np.isfinite(count) or abs(count - round(count)) >= 1e-6:
                raise InputError(
                    f"bounds: {name}",
                    found=f"{degrees!r}",
                    wanted=f"a multiple of {STEP:g} degrees",
                    hint=f"The nearest is {round(count) / CELLS_PER_DEGREE:g}."
                    if np.isfinite(count)
                    else None,
                )
            whole[name] = round(count)
        if not (west < east and south < north):
            raise InputError(
                "bounds",
                found=f"west {west:g}, east {east:g}, south {south:g}, north {north:g}",
                wanted="west below east and south below north",
            )
        return cls(
            row=N_ROWS // 2 - whole["north"],
            column=N_COLUMNS // 2 + whole["west"],
            n_rows=whole["north"] - whole["south"],
            n_columns=whole["east"] - whole["west"],
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.n_rows, self.n_columns

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north edge, degrees."""
        west = (self.column - N_COLUMNS // 2) / CELLS_PER_DEGREE
        north = (N_ROWS // 2 - self.row) / CELLS_PER_DEGREE
        return (
            west,
            (N_ROWS // 2 - self.row - self.n_rows) / CELLS_PER_DEGREE,
            (self.column - N_COLUMNS // 2 + self.n_columns) / CELLS_PER_DEGREE,
            north,
        )

    @property
    def lat(self) -> Floats:
        """Latitude of the middle of each row, degrees north, falling."""
        rows = np.arange(self.row, self.row + self.n_rows)
        return (N_ROWS - 2 * rows - 1) / (2.0 * CELLS_PER_DEGREE)

    @property
    def lon(self) -> Floats:
        """Longitude of the middle of each column, degrees east, rising."""
        columns = np.arange(self.column, self.column + self.n_columns)
        return (2 * columns + 1 - N_COLUMNS) / (2.0 * CELLS_PER_DEGREE)

    @cached_property
    def cells(self) -> Cells:
        """All its cells, row by row from the north-west."""
        rows = np.arange(self.row, self.row + self.n_rows, dtype=np.int64)
        columns = np.arange(self.column, self.column + self.n_columns, dtype=np.int64)
        return Cells((rows[:, None] * N_COLUMNS + columns).ravel())

    def coords(self) -> dict[str, xr.Variable]:
        """Coordinates ``lat``, ``lon`` and ``crs`` of maps; no fill value for them."""
        bare = {"_FillValue": None}
        return {
            "lat": xr.Variable("lat", self.lat, LAT_ATTRS, bare),
            "lon": xr.Variable("lon", self.lon, LON_ATTRS, bare),
            "crs": xr.Variable((), np.int32(0), GRID_MAPPING),
        }

    def lay_out(self, dataset: xr.Dataset) -> xr.Dataset:
        """A Dataset over all cells (``pixel``) as one over ``lat`` and ``lon``.

        Parameters
        ----------
        dataset : xarray.Dataset
            With a dimension ``pixel`` in the order of ``cells``.
        """
        data = {}
        for name, variable in dataset.data_vars.items():
            if "pixel" not in variable.dims:
                data[name] = variable.variable
                continue
            values = variable.transpose(..., "pixel")
            data[name] = xr.Variable(
                (*values.dims[:-1], "lat", "lon"),
                values.to_numpy().reshape(*values.shape[:-1], *self.shape),
                {**variable.attrs, "grid_mapping": "crs"},
            )
        coords = {
            name: coord
            for name, coord in dataset.coords.items()
            if "pixel" not in coord.dims
        }
        return xr.Dataset(data, coords={**coords, **self.coords()}, attrs=dataset.attrs)


@dataclass(frozen=True, eq=False)
class Cells:
    """Some cells of the globe, by id, in order.

    Attributes
    ----------
    ids : numpy.ndarray (pixel,)
        ``row * 7200 + column``, rising.

    Examples
    --------
    >>> from landdata import synthetic_block
    >>> cells = synthetic_block(2, 2).cells
    >>> len(cells), cells.lat.round(3).tolist()
    (4, [42.275, 42.275, 42.225, 42.225])
    """

    ids: Ints

    def __post_init__(self):
        ids = np.asarray(self.ids, dtype=np.int64)
        object.__setattr__(self, "ids", ids)
        if ids.ndim != 1 or np.any(np.diff(ids) <= 0):
            raise InputError("cells", found="ids not in order", wanted="rising ids")
        if ids.size and not (ids[0] >= 0 and ids[-1] < N_ROWS * N_COLUMNS):
            raise InputError(
                "cells",
                found=f"ids {ids[0]} to {ids[-1]}",
                wanted=f"0 to {N_ROWS * N_COLUMNS - 1}",
            )

    def __len__(self) -> int:
        return self.ids.size

    @property
    def lat(self) -> Floats:
        """Latitude of each cell's middle, degrees north."""
        return (N_ROWS - 2 * (self.ids // N_COLUMNS) - 1) / (2.0 * CELLS_PER_DEGREE)

    @property
    def lon(self) -> Floats:
        """Longitude of each cell's middle, degrees east."""
        return (2 * (self.ids % N_COLUMNS) + 1 - N_COLUMNS) / (2.0 * CELLS_PER_DEGREE)

    @property
    def area(self) -> Floats:
        """Area of each cell on the ellipsoid, m2."""
        return cell_area(self.lat)

    def edges(self) -> tuple[Floats, Floats, Floats, Floats]:
        """West, south, east and north edges of each cell, degrees."""
        rows, columns = self.ids // N_COLUMNS, self.ids % N_COLUMNS
        west = (columns - N_COLUMNS // 2) / CELLS_PER_DEGREE
        east = (columns + 1 - N_COLUMNS // 2) / CELLS_PER_DEGREE
        north = (N_ROWS // 2 - rows) / CELLS_PER_DEGREE
        south = (N_ROWS // 2 - rows - 1) / CELLS_PER_DEGREE
        return west, south, east, north

    def coords(self) -> dict[str, xr.DataArray]:
        """Coordinates ``pixel``, ``lat`` and ``lon`` of a Dataset over ``pixel``."""
        return {
            "pixel": xr.DataArray(
                self.ids,
                dims="pixel",
                attrs={"long_name": "cell of the global 0.05 degree grid"},
            ),
            "lat": xr.DataArray(self.lat, dims="pixel", attrs=LAT_ATTRS),
            "lon": xr.DataArray(self.lon, dims="pixel", attrs=LON_ATTRS),
        }


def cell_area(lat: ArrayLike) -> Floats:
    """Area [m2] of the 0.05 degree cell that has its middle at a latitude.

    Between two parallels and two meridians of WGS 84. The cylindrical equal-area
    projection maps such a cell to a rectangle of exactly its area.

    Parameters
    ----------
    lat : array
        degrees north.
    """
    from pyproj import Proj

    lat = np.asarray(lat, dtype=np.float64)
    equal_area = Proj(proj="cea", ellps="WGS84")
    zero = np.zeros_like(lat)
    # Half a step from the pole is the pole, whatever the rounding says.
    north = np.minimum(lat + 0.5 * STEP, 90.0)
    south = np.maximum(lat - 0.5 * STEP, -90.0)
    _, y_north = equal_area(zero, north)
    x_south, y_south = equal_area(zero + STEP, south)
    return np.asarray(x_south) * (np.asarray(y_north) - np.asarray(y_south))


def cell_at(lat: float, lon: float) -> int:
    """The id of the cell in which a place lies (a border belongs to the south-east).

    Examples
    --------
    >>> cell = Cells([cell_at(42.5378, -72.1715)])
    >>> round(float(cell.lat[0]), 3), round(float(cell.lon[0]), 3)
    (42.525, -72.175)
    """
    if not (-90.0 < lat <= 90.0 and -180.0 <= lon < 180.0):
        raise InputError(
            "place",
            found=f"{lat:g} N, {lon:g} E",
            wanted="latitude -90 to 90, longitude -180 to 180 degrees",
            hint="West is negative." if lon >= 180.0 else None,
        )
    row = int(np.floor((90.0 - lat) * CELLS_PER_DEGREE + 1e-9))
    column = int(np.floor((lon + 180.0) * CELLS_PER_DEGREE + 1e-9))
    return min(row, N_ROWS - 1) * N_COLUMNS + min(column, N_COLUMNS - 1)
