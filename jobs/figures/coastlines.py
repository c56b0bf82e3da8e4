"""Coastlines and borders for maps; their source and licence are beside the data."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Box = tuple[float, float, float, float]
"""West, south, east, north; degrees."""

WIDTHS = {"coast": 0.8, "border": 0.7, "state": 0.4}
"""Width of each kind of line, points."""


class Line(NamedTuple):
    """A polyline of some kind: coast, border or state."""

    kind: str
    longitude: np.ndarray
    latitude: np.ndarray


def lines_in(box: Box) -> list[Line]:
    """Return every line with a point in a box, or crossing it, whole.

    Parameters
    ----------
    box : tuple of float
        West, south, east, north; degrees.
    """
    west, south, east, north = box
    return [
        line
        for line in _all_lines()
        if line.longitude.max() >= west
        and line.longitude.min() <= east
        and line.latitude.max() >= south
        and line.latitude.min() <= north
    ]


def draw_coastlines(axis: Axes, box: Box, colour: str = "0.35") -> None:
    """Draw the lines of a box, and set the axis to it with the local aspect."""
    west, south, east, north = box
    for line in lines_in(box):
        axis.plot(
            line.longitude, line.latitude, color=colour, lw=WIDTHS[line.kind], zorder=3
        )
    axis.set_xlim(west, east)
    axis.set_ylim(south, north)
    axis.set_aspect(1 / np.cos(np.deg2rad((south + north) / 2)))


def box_around(
    longitude: np.ndarray, latitude: np.ndarray, *, at_least: float = 3.0
) -> Box:
    """Return a box with some air around places, no smaller than ``at_least`` degrees.

    Parameters
    ----------
    longitude, latitude : ndarray (place,)
        degrees_east, degrees_north.
    at_least : float
        Smallest width and height, degrees.
    """
    sides = []
    for values, limit in ((longitude, 180.0), (latitude, 90.0)):
        low, high = float(np.min(values)), float(np.max(values))
        pad = max(0.08 * (high - low), (at_least - (high - low)) / 2, 0.1)
        sides.append((max(-limit, low - pad), min(limit, high + pad)))
    (west, east), (south, north) = sides
    return west, south, east, north


@cache
def _all_lines() -> tuple[Line, ...]:
    import pandas as pd

    with as_file(files("jobs.figures") / "data" / "coastlines.csv.gz") as path:
        table = pd.read_csv(path)
    return tuple(
        Line(
            str(part["kind"].iloc[0]),
            part["longitude"].to_numpy(float),
            part["latitude"].to_numpy(float),
        )
        for _, part in table.groupby("line", sort=False)
    )
