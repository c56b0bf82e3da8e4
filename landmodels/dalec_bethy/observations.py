"""Observations of a cell or of a region, and where each of them looks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landmodels.dalec_bethy.footprint import (
    CellSet,
    Ellipse,
    Grid,
    Polygon,
    cell_weights,
    local_hour,
)
from landmodels.dalec_bethy.operators import WHOLE_DAY
from landmodels.dalec_bethy.stream_limits import check_streams, say_wide_errors
from landmodels.errors import InputError

logger = logging.getLogger(__name__)

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class Observations:
    """Values with their errors, and the cells, days and hours that each one sees.

    Attributes
    ----------
    stream : ndarray of str (observation,)
    value : ndarray (observation,)
    variance : ndarray (observation,)
        Of the error, in the square of the value's unit.
    of : ndarray of int (look,)
        Observation that a look belongs to; one look for each cell of a footprint.
    cell, day, hour : ndarray of int (look,)
        Cell; day from the start of the run; local hour, or -1 for the whole day.
    weight : ndarray (look,)
        Fraction of the footprint; those of an observation sum to 1.

    Examples
    --------
    >>> from landmodels.dalec_bethy import cell_observations
    >>> seen = cell_observations(
    ...     ["sif", "fapar"], [0, 1], [13, 10], [0.5, 0.4], [0.01, 0.01]
    ... )
    >>> seen.stream.tolist(), seen.day.tolist(), seen.hour.tolist()
    (['sif', 'fapar'], [0, 1], [13, 10])
    """

    stream: NDArray[np.str_]
    value: Array
    variance: Array
    of: Index
    cell: Index
    day: Index
    hour: Index
    weight: Array

    @property
    def n(self) -> int:
        """Number of observations."""
        return self.value.size

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the streams, in the order of their first observation."""
        return tuple(dict.fromkeys(str(s) for s in self.stream))

    def check(self, n_days: Sequence[int]) -> None:
        """Refuse values, errors, and times that cannot be.

        Parameters
        ----------
        n_days : sequence of int
            Length of the run of each cell.
        """
        self._check_errors()
        total = np.bincount(self.of, weights=self.weight, minlength=self.n)
        if not np.allclose(total, 1.0, atol=1e-6):
            i = int(np.argmax(np.abs(total - 1.0)))
            raise InputError(
                f"observation {i} ({self.stream[i]})  weight",
                found=f"weights that sum to {total[i]:g}",
                wanted="1, over the cells of its footprint",
            )
        if self.cell.size and not (
            self.cell.min() >= 0 and self.cell.max() < len(n_days)
        ):
            raise InputError(
                "observations  cell",
                found=f"{self.cell.min()} to {self.cell.max()}",
                wanted=f"0 to {len(n_days) - 1}",
            )
        last = np.asarray(n_days)[self.cell] - 1
        bad = (self.day < 0) | (self.day > last)
        if bad.any():
            first = int(np.argmax(bad))
            i = int(self.of[first])
            raise InputError(
                f"observation {i} ({self.stream[i]})  day",
                found=f"overpass on day {self.day[first]}, outside the run",
                wanted=f"0 to {last[first]}",
                hint="Lengthen the run, or leave the observation out.",
            )
        bad = (self.hour < WHOLE_DAY) | (self.hour > 23)
        if bad.any():
            first = int(np.argmax(bad))
            i = int(self.of[first])
            raise InputError(
                f"observation {i} ({self.stream[i]})  hour",
                found=f"{self.hour[first]}",
                wanted="0 to 23, or -1 for the whole day",
            )

    def _check_errors(self) -> None:
        for name, array, good, wanted in (
            ("value", self.value, np.isfinite(self.value), "a finite number"),
            (
                "variance",
                self.variance,
                np.isfinite(self.variance) & (self.variance > 0.0),
                "a positive number",
            ),
        ):
            if not np.all(good):
                i = int(np.argmin(good))
                raise InputError(
                    f"observation {i} ({self.stream[i]})  {name}",
                    found=f"{array[i]:g} ({int(np.sum(~good))} in all)",
                    wanted=wanted,
                )
        check_streams(self.stream, self.value, self.variance)

    def without(self, stream: str) -> Observations:
        """Return the observations of the other streams."""
        if stream not in self.streams:
            raise InputError(
                "observations", found=f"no stream {stream!r}",
                wanted=f"one of {', '.join(self.streams)}",
            )  # fmt: skip
        return self.subset(self.stream != stream)

    def subset(self, keep: NDArray[np.bool_]) -> Observations:
        """Return those observations where ``keep`` is true."""
        number = np.cumsum(keep) - 1
        looks = keep[self.of]
        return Observations(
            self.stream[keep], self.value[keep], self.variance[keep],
            number[self.of[looks]], self.cell[looks], self.day[looks],
            self.hour[looks], self.weight[looks],
        )  # fmt: skip

    def with_values(self, value: Array) -> Observations:
        """Return the same observations with other values, such as those of a twin."""
        return Observations(
            self.stream, np.asarray(value, float), self.variance, self.of, self.cell,
            self.day, self.hour, self.weight,
        )  # fmt: skip


def cell_observations(
    stream: Sequence[str],
    day: ArrayLike,
    hour: ArrayLike,
    value: ArrayLike,
    variance: ArrayLike,
) -> Observations:
    """Observations of one cell.

    Parameters
    ----------
    stream : sequence of str
    day : array of int
        From the start of the run, which is day 0.
    hour : array of int
        Local solar hour 0..23 of the overpass, or -1 for the whole day.
    value, variance : array
        Value, and variance of its error, in the stream's unit: SIF in
        mW m-2 sr-1 nm-1, soil moisture in m3 m-3, carbon fluxes in g m-2 d-1.

    Raises
    ------
    InputError
        Where lengths differ, or a value or variance cannot be.

    Examples
    --------
    >>> from landmodels.dalec_bethy import cell_observations
    >>> seen = cell_observations(
    ...     ["sif", "gpp"], [0, 1], [13, -1], [0.5, 8.0], [0.01, 1.0]
    ... )
    >>> seen.value.tolist(), seen.weight.tolist()
    ([0.5, 8.0], [1.0, 1.0])
    """
    columns = [np.atleast_1d(np.asarray(a)) for a in (day, hour, value, variance)]
    n = len(stream)
    for name, column in zip(("day", "hour", "value", "variance"), columns, strict=True):
        if column.shape != (n,):
            raise InputError(
                f"observations  {name}",
                found=f"shape {column.shape}",
                wanted=f"{n} numbers, one for each name in stream",
            )
    result = Observations(
        np.asarray(stream, dtype=np.str_), columns[2].astype(float),
        columns[3].astype(float), np.arange(n), np.zeros(n, dtype=np.int64),
        _whole(columns[0], "day"), _whole(columns[1], "hour"), np.ones(n),
    )  # fmt: skip
    result._check_errors()
    say_wide_errors(result.stream, result.value, result.variance)
    return result


def _whole(values: NDArray, name: str) -> Index:
    result = values.astype(np.int64)
    if np.any(result != values):
        raise InputError(
            f"observations  {name}", found="fractions", wanted="whole numbers"
        )
    return result


@dataclass(frozen=True)
class Overpass:
    """One observation of a region.

    Attributes
    ----------
    stream : str
    footprint : Ellipse, Polygon or CellSet
    utc : float
        Time in days from the start of the run (midnight UTC of its first day).
    value, variance : float

    Examples
    --------
    >>> from landmodels.dalec_bethy import CellSet, Overpass
    >>> look = Overpass("sif", CellSet((0,)), utc=180.5, value=0.6, variance=0.01)
    >>> look.stream, look.utc
    ('sif', 180.5)
    """

    stream: str
    footprint: Ellipse | Polygon | CellSet
    utc: float
    value: float
    variance: float


def region_observations(
    overpasses: Sequence[Overpass], grid: Grid, *, skip_outside: bool = False
) -> tuple[Observations, int]:
    """Look up the cells, days and local hours of observations with footprints.

    Parameters
    ----------
    overpasses : sequence of Overpass
    grid : Grid
    skip_outside : bool
        Leave out footprints that the grid does not cover, and count them; by default
        the first one is refused.

    Returns
    -------
    observations : Observations
    n_skipped : int

    Raises
    ------
    InputError
        Where a footprint lies outside the grid, or an observation cannot be.

    Examples
    --------
    >>> import numpy as np
    >>> from landmodels.dalec_bethy import Ellipse, Grid, Overpass
    >>> grid = Grid(np.array([10.0, 10.5]), np.array([50.0, 50.0]), 0.5)
    >>> looks = [
    ...     Overpass("sif", Ellipse(10.0, 50.0, 5.0, 5.0), 0.5, 0.6, 0.01),
    ...     Overpass("sif", Ellipse(99.0, 50.0, 5.0, 5.0), 0.5, 0.6, 0.01),
    ... ]
    >>> seen, n_skipped = region_observations(looks, grid, skip_outside=True)
    >>> seen.cell.tolist(), seen.hour.tolist(), n_skipped
    ([0], [12], 1)
    """
    kept: list[Overpass] = []
    looks: list[tuple[int, int, int, int, float]] = []
    for i, item in enumerate(overpasses):
        where = f"observation {i} ({item.stream})  footprint"
        if not np.isfinite(item.utc):
            raise InputError(
                f"observation {i} ({item.stream})  time",
                found=f"{item.utc:g}",
                wanted="days from the start of the run",
            )
        try:
            weights = cell_weights(item.footprint, grid, where)
        except InputError:
            if not skip_outside:
                raise
            continue
        cells = np.flatnonzero(weights)
        day = int(np.floor(item.utc))
        hours, shifts = local_hour((item.utc - day) * 24.0, grid.longitude[cells])
        for cell, hour, shift in zip(cells, hours, shifts, strict=True):
            looks.append(
                (len(kept), int(cell), day + int(shift), int(hour), weights[cell])
            )
        kept.append(item)
    columns = np.array([look[:4] for look in looks], dtype=np.int64).reshape(-1, 4)
    result = Observations(
        np.array([k.stream for k in kept], dtype=np.str_),
        np.array([k.value for k in kept], dtype=float),
        np.array([k.variance for k in kept], dtype=float),
        columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3],
        np.array([look[4] for look in looks], dtype=float),
    )  # fmt: skip
    result._check_errors()
    _say_repeats(kept)
    say_wide_errors(result.stream, result.value, result.variance)
    return result, len(overpasses) - len(kept)


def _say_repeats(overpasses: Sequence[Overpass]) -> None:
    """Log how many values stand there twice; zeros are places for values to come."""
    values = [item for item in overpasses if item.value]
    twice = len(values) - len(set(values))
    if twice:
        logger.warning(
            "%d of %d observations stand there twice, with one footprint, time and "
            "value: were two files with days in common put together?",
            twice, len(values),
        )  # fmt: skip
