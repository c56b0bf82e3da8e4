"""Weights of grid cells in the footprint of an observation, and its local hour.

A footprint is an ellipse (semi-axes and azimuth), a polygon (corners, in degrees), or a
set of cells with their fractions. For the first two, 10 by 10 points in each cell
decide which fraction of the footprint lies in it (ours).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landmodels.errors import InputError

Array = NDArray[np.float64]

#: Kilometres of one degree of latitude.
_KM_PER_DEGREE = 6371.0 * math.pi / 180.0
_SUB_POINTS = 10
#: Fraction of a footprint that the grid must cover.
LEAST_COVERED = 0.5


@dataclass(frozen=True)
class Grid:
    """Cells of a region, each of the same size in degrees.

    Attributes
    ----------
    longitude, latitude : ndarray (cell,)
        Centres (degrees east, degrees north).
    spacing : float
        Edge of a cell (degrees).
    land : ndarray of bool (cell,), optional
        Cells that count; all of them by default.

    Examples
    --------
    >>> import numpy as np
    >>> from landmodels.dalec_bethy import Grid
    >>> grid = Grid(np.array([10.0, 10.5]), np.array([50.0, 50.0]), spacing=0.5)
    >>> grid.longitude.size
    2
    """

    longitude: Array
    latitude: Array
    spacing: float
    land: NDArray[np.bool_] | None = None

    def check(self) -> None:
        """Refuse coordinates that are none."""
        if self.longitude.shape != self.latitude.shape or self.longitude.ndim != 1:
            raise InputError(
                "grid",
                found=f"shapes {self.longitude.shape} and {self.latitude.shape}",
                wanted="one longitude and one latitude a cell",
            )
        if not np.all(np.abs(self.latitude) <= 90.0):
            raise InputError(
                "grid  latitude",
                found=f"{self.latitude.min():g} to {self.latitude.max():g}",
                wanted="-90 to 90 degrees north",
            )
        if not (np.isfinite(self.spacing) and self.spacing > 0.0):
            raise InputError(
                "grid  spacing", found=f"{self.spacing:g}", wanted="degrees above 0"
            )


@dataclass(frozen=True)
class Ellipse:
    """An elliptic footprint.

    Attributes
    ----------
    longitude, latitude : float
        Centre (degrees).
    semi_major, semi_minor : float
        Semi-axes (km).
    azimuth : float
        Of the major axis, degrees clockwise from north.
    half_power : float, optional
        Distance (km) at which the antenna's gain is half; without it the gain is 1.

    Examples
    --------
    >>> import numpy as np
    >>> from landmodels.dalec_bethy import Ellipse, Grid
    >>> from landmodels.dalec_bethy.footprint import cell_weights
    >>> grid = Grid(np.array([10.0, 10.5]), np.array([50.0, 50.0]), 0.5)
    >>> cell_weights(Ellipse(10.25, 50.0, 10.0, 5.0, azimuth=90.0), grid).round(2)
    array([0.5, 0.5])
    """

    longitude: float
    latitude: float
    semi_major: float
    semi_minor: float
    azimuth: float = 0.0
    half_power: float | None = None

    def inside(self, east: Array, north: Array) -> NDArray[np.bool_]:
        """Whether points (km east and north of the centre) are in the footprint."""
        angle = math.radians(self.azimuth)
        along = east * math.sin(angle) + north * math.cos(angle)
        across = east * math.cos(angle) - north * math.sin(angle)
        return (along / self.semi_major) ** 2 + (across / self.semi_minor) ** 2 <= 1.0

    def gain(self, east: Array, north: Array) -> Array:
        """Relative gain of the antenna."""
        if self.half_power is None:
            return np.ones_like(east)
        return 2.0 ** (-(east**2 + north**2) / self.half_power**2)

    @property
    def area(self) -> float:
        """Area (km2)."""
        return math.pi * self.semi_major * self.semi_minor

    @property
    def reach(self) -> float:
        """Largest distance from the centre (km)."""
        return max(self.semi_major, self.semi_minor)

    @property
    def centre(self) -> tuple[float, float]:
        """Longitude and latitude (degrees)."""
        return self.longitude, self.latitude

    def check(self, where: str) -> None:
        """Refuse axes that are none."""
        if not (self.semi_major > 0.0 and self.semi_minor > 0.0):
            raise InputError(
                where,
                found=f"semi-axes {self.semi_major:g} and {self.semi_minor:g} km",
                wanted="lengths above 0",
            )
        if self.half_power is not None and not self.half_power > 0.0:
            raise InputError(
                where, found=f"half power at {self.half_power:g} km", wanted="above 0"
            )


@dataclass(frozen=True)
class Polygon:
    """A footprint with straight edges, such as a quadrilateral pixel.

    Attributes
    ----------
    longitudes, latitudes : tuple of float
        Corners in order (degrees).

    Examples
    --------
    >>> import numpy as np
    >>> from landmodels.dalec_bethy import Grid, Polygon
    >>> from landmodels.dalec_bethy.footprint import cell_weights
    >>> grid = Grid(np.array([10.0, 10.5]), np.array([50.0, 50.0]), 0.5)
    >>> square = Polygon((10.0, 10.5, 10.5, 10.0), (49.9, 49.9, 50.1, 50.1))
    >>> cell_weights(square, grid).round(2)
    array([0.5, 0.5])
    """

    longitudes: tuple[float, ...]
    latitudes: tuple[float, ...]

    def _corners(self) -> tuple[Array, Array]:
        lon, lat = self.centre
        east = (_wrapped(np.array(self.longitudes) - lon)) * _KM_PER_DEGREE
        east = east * math.cos(math.radians(lat))
        return east, (np.array(self.latitudes) - lat) * _KM_PER_DEGREE

    def inside(self, east: Array, north: Array) -> NDArray[np.bool_]:
        """Whether points (km east and north of the centre) are in the footprint."""
        xs, ys = self._corners()
        result = np.zeros(east.shape, dtype=bool)
        for i in range(xs.size):
            x1, y1, x2, y2 = xs[i - 1], ys[i - 1], xs[i], ys[i]
            if y1 == y2:
                continue
            crosses = (y1 > north) != (y2 > north)
            result ^= crosses & (east < x1 + (north - y1) * (x2 - x1) / (y2 - y1))
        return result

    def gain(self, east: Array, north: Array) -> Array:
        """Return 1: the instrument sees all of the pixel alike."""
        del north
        return np.ones_like(east)

    @property
    def area(self) -> float:
        """Area (km2)."""
        x, y = self._corners()
        return 0.5 * abs(float(np.sum(np.roll(x, 1) * y - x * np.roll(y, 1))))

    @property
    def reach(self) -> float:
        """Largest distance from the centre (km)."""
        return float(np.max(np.hypot(*self._corners())))

    @property
    def centre(self) -> tuple[float, float]:
        """Longitude and latitude of the mean of the corners (degrees)."""
        first = self.longitudes[0]
        shift = _wrapped(np.array(self.longitudes) - first).mean()
        return first + float(shift), float(np.mean(self.latitudes))

    def check(self, where: str) -> None:
        """Refuse what has no area."""
        if len(self.longitudes) != len(self.latitudes) or len(self.longitudes) < 3:
            raise InputError(
                where,
                found=f"{len(self.longitudes)} longitudes, "
                f"{len(self.latitudes)} latitudes",
                wanted="at least three corners",
            )
        if not self.area > 1e-6 * self.reach**2:
            raise InputError(where, found="corners on a line", wanted="an area")


@dataclass(frozen=True)
class CellSet:
    """A footprint given as cells of the grid.

    Attributes
    ----------
    cells : tuple of int
        Numbers of the cells.
    fractions : tuple of float, optional
        Fraction of the footprint in each; equal ones by default. A sum below 1 is what
        lies outside the grid.

    Examples
    --------
    >>> import numpy as np
    >>> from landmodels.dalec_bethy import CellSet, Grid
    >>> from landmodels.dalec_bethy.footprint import cell_weights
    >>> grid = Grid(np.array([10.0, 10.5]), np.array([50.0, 50.0]), 0.5)
    >>> cell_weights(CellSet((0, 1), (0.25, 0.75)), grid)
    array([0.25, 0.75])
    """

    cells: tuple[int, ...]
    fractions: tuple[float, ...] | None = None

    def weights(self, grid: Grid, where: str) -> tuple[Array, float]:
        """Weights of all cells, and the fraction that the grid covers."""
        fractions = np.full(len(self.cells), 1.0 / max(len(self.cells), 1))
        if self.fractions is not None:
            fractions = np.asarray(self.fractions, float)
        good = fractions.shape == (len(self.cells),) and len(self.cells) > 0
        if not good or not np.all(fractions > 0.0) or fractions.sum() > 1.0 + 1e-6:
            raise InputError(
                where,
                found=f"{len(self.cells)} cells with the fractions {self.fractions}",
                wanted="cells, each with a fraction above 0, together at most 1",
            )
        n = grid.longitude.size
        outside = [c for c in self.cells if not 0 <= c < n]
        if outside or len(set(self.cells)) < len(self.cells):
            raise InputError(
                where,
                found=f"cell {outside[0]}" if outside else "a cell twice",
                wanted=f"different cells of 0 to {n - 1}, inside the grid",
            )
        weights = np.zeros(n)
        weights[list(self.cells)] = fractions
        return weights, float(fractions.sum())


def _wrapped(degrees: Array) -> Array:
    """Difference of longitudes in -180..180."""
    return (degrees + 180.0) % 360.0 - 180.0


def _cell_points(
    footprint: Ellipse | Polygon, grid: Grid
) -> tuple[Array, float | None]:
    """Weights from points in each cell, and the fraction covered by the grid.

    The fraction is None where the footprint is too small for the distance of the
    points.
    """
    lon, lat = footprint.centre
    narrow = math.cos(math.radians(lat))
    point_area = (grid.spacing * _KM_PER_DEGREE / _SUB_POINTS) ** 2 * narrow
    if footprint.area < 50.0 * point_area:
        return np.zeros_like(grid.longitude), None
    step = (np.arange(_SUB_POINTS) + 0.5) / _SUB_POINTS - 0.5
    dx, dy = np.meshgrid(step * grid.spacing, step * grid.spacing)
    east = _wrapped(grid.longitude - lon)[:, None] + dx.ravel()
    north = ((grid.latitude - lat)[:, None] + dy.ravel()) * _KM_PER_DEGREE
    east = east * _KM_PER_DEGREE * narrow
    inside = footprint.inside(east, north)
    weights = np.sum(inside * footprint.gain(east, north), axis=1)
    return weights, float(inside.sum()) * point_area / footprint.area


def _own_points(footprint: Ellipse | Polygon, grid: Grid) -> tuple[Array, float]:
    """Weights from points in the footprint, for one that is small beside a cell."""
    lon, lat = footprint.centre
    narrow = math.cos(math.radians(lat))
    reach = footprint.reach
    step = ((np.arange(40) + 0.5) / 20.0 - 1.0) * reach
    east, north = (a.ravel() for a in np.meshgrid(step, step))
    inside = footprint.inside(east, north)
    east, north = east[inside], north[inside]
    gain = footprint.gain(east, north)
    # From the centre of each cell to each point, in degrees.
    dx = _wrapped(lon + east / (_KM_PER_DEGREE * narrow) - grid.longitude[:, None])
    dy = lat + north / _KM_PER_DEGREE - grid.latitude[:, None]
    half = grid.spacing / 2.0
    here = (dx >= -half) & (dx < half) & (dy >= -half) & (dy < half)
    return here @ gain, float(here.any(axis=0).mean())


def cell_weights(
    footprint: Ellipse | Polygon | CellSet, grid: Grid, where: str = "footprint"
) -> Array:
    """Weight of each cell in a footprint; they sum to 1 over land.

    Parameters
    ----------
    footprint : Ellipse, Polygon or CellSet
    grid : Grid
    where : str
        What to call the footprint in an error.

    Returns
    -------
    ndarray (cell,)

    Raises
    ------
    InputError
        Where less than half of the footprint lies in the grid, or none of it on land.

    Examples
    --------
    >>> grid = Grid(np.array([10.0, 10.5]), np.array([50.0, 50.0]), 0.5)
    >>> cell_weights(Ellipse(10.0, 50.0, 5.0, 5.0), grid)
    array([1., 0.])
    """
    grid.check()
    covered: float | None
    if isinstance(footprint, CellSet):
        weights, covered = footprint.weights(grid, where)
    else:
        footprint.check(where)
        weights, covered = _cell_points(footprint, grid)
        if covered is None:
            weights, covered = _own_points(footprint, grid)
    if covered < LEAST_COVERED:
        raise InputError(
            where,
            found=f"{100.0 * covered:.0f} % of it inside the grid",
            wanted=f"at least {100.0 * LEAST_COVERED:.0f} %",
            hint="Leave the observation out, or add the cells that it covers.",
        )
    if grid.land is not None:
        weights = np.where(grid.land, weights, 0.0)
    if not weights.sum() > 0.0:
        raise InputError(where, found="no land in it", wanted="a footprint over land")
    return weights / weights.sum()


def local_hour(utc_hour: float, longitude: Array) -> tuple[Array, Array]:
    """Local solar hour (0..23), and by how many days it lies before or after.

    Parameters
    ----------
    utc_hour : float
        Hour of the day, 0 to below 24.
    longitude : ndarray
        Degrees east.

    Examples
    --------
    >>> local_hour(23.5, np.array([15.0, -15.0]))
    (array([ 0, 22]), array([1, 0]))
    """
    hours = np.floor(utc_hour + _wrapped(np.asarray(longitude, float)) / 15.0)
    return (hours % 24).astype(int), np.floor_divide(hours, 24).astype(int)
