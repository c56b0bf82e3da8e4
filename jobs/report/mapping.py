"""The interactive map: what the page's script draws, and shows of a chosen pixel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from jobs.config.process_model import model_of, units_of
from jobs.figures.coastlines import Box, box_around, lines_in
from jobs.figures.labels import shown_unit
from jobs.report.details import Embedded, short
from jobs.report.results import Results

WIDTH = 760
"""Of the map, in its own units."""
_LEAST_BOX = 1.0  # degrees: one site has a coast or a border near it
_LEAST_REGION = 0.3  # degrees: a small region fills the map
_FLATTEST, _TALLEST = 0.4, 1.6  # height over width


def around(longitude: np.ndarray, latitude: np.ndarray) -> Box:
    """Return what the map shows: the data, or one site and its surroundings."""
    at_least = _LEAST_BOX if len(longitude) == 1 else _LEAST_REGION
    west, south, east, north = box_around(longitude, latitude, at_least=at_least)
    # Places in a row, or on several continents, leave no strip: it shows no land.
    stretch = _stretch(south, north)
    lacking = _FLATTEST * (east - west) / stretch - (north - south)
    south, north = _widened(south, north, lacking, 90.0)
    lacking = (north - south) * _stretch(south, north) / _TALLEST - (east - west)
    west, east = _widened(west, east, lacking, 180.0)
    return west, south, east, north


def _stretch(south: float, north: float) -> float:
    """Return how much longer a degree of latitude is than one of longitude."""
    return float(1 / np.cos(np.deg2rad((south + north) / 2)))


def _widened(
    low: float, high: float, lacking: float, limit: float
) -> tuple[float, float]:
    """Return limits that are farther apart, moved where one would pass a pole."""
    if lacking <= 0.0:
        return low, high
    width = min(high - low + lacking, 2 * limit)
    low = min(max(low - lacking / 2, -limit), limit - width)
    return low, low + width


def map_payload(results: Results, embedded: Embedded) -> dict[str, Any]:
    """Return everything the map needs, as plain values for JSON.

    Parameters
    ----------
    results : Results
        Of a started run.
    embedded : Embedded
        Details of some pixels, and where those of the others are.
    """
    table = results.pixels
    box = around(table["longitude"].to_numpy(), table["latitude"].to_numpy())
    west, south, east, north = box
    scale = WIDTH / (east - west)
    stretch = _stretch(south, north)
    height = round((north - south) * scale * stretch)

    def project(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (lon - west) * scale, (north - lat) * scale * stretch

    x, y = project(table["longitude"].to_numpy(), table["latitude"].to_numpy())
    size = float(np.clip(0.6 * np.sqrt(WIDTH * height / len(table)), 4, 14))
    return {
        "width": WIDTH,
        "height": height,
        "size": round(size, 1),
        "lines": [
            {"kind": kind, "d": _path(*project(lon, lat))}
            for kind, lon, lat in _clipped(box)
        ],
        "grid": _graticule(box, project),
        "parameters": _parameters(results),
        "streams": [
            {"name": name, "unit": units_of(results.run.config)[name]}
            for name in results.run.config.streams
        ],
        "scores": list(_scores(results)),
        "columns": {
            "id": table["pixel"].tolist(),
            "name": table["name"].tolist(),
            "lat": table["latitude"].round(4).tolist(),
            "lon": table["longitude"].round(4).tolist(),
            "x": x.round(1).tolist(),
            "y": y.round(1).tolist(),
            "state": table["state"].tolist(),
            "reason": table["reason"].tolist(),
        },
        "start": embedded.start,
        "per_chunk": embedded.per_chunk,
        "chunks": {embedded.number: embedded.chunk},
        "files": embedded.files,
    }


def _parameters(results: Results) -> list[dict[str, Any]]:
    """Return each calibrated parameter with its posterior mean at every pixel."""
    known = model_of(results.run.config).parameters
    found, ids = [], [pixel.id for pixel in results.run.pixels]
    table = results.estimates
    for name, (low, high) in results.run.bounds.items():
        means: list[float | None] = [None] * len(ids)
        if len(table):
            part = table[table["parameter"] == name].set_index("pixel")["mean"]
            means = [short(value) for value in part.reindex(ids)]
        found.append(
            {
                "name": name,
                "unit": shown_unit(known[name].unit),
                "low": low,
                "high": high,
                "default": known[name].default,
                "means": means,
            }
        )
    return found


def _scores(results: Results) -> Iterator[dict[str, Any]]:
    """Yield DISO of every pixel, by stream and period, before and after."""
    if not len(results.scores):
        return
    ids = [pixel.id for pixel in results.run.pixels]
    keys = ["stream", "period"]
    for key, part in results.scores.groupby(keys, sort=False):
        wide = part.pivot(index="pixel", columns="parameters", values="diso")
        wide = wide.reindex(ids)
        yield {
            "stream": str(key[0]),
            "period": str(key[1]),
            **{
                name: [short(value) for value in wide[name]]
                for name in ("default", "calibrated")
            },
        }


def _clipped(box: Box) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Cut lines to what can be seen of them."""
    west, south, east, north = box
    parts = []
    for line in lines_in(box):
        lon, lat = line.longitude, line.latitude
        near = (
            (lon > west - 1) & (lon < east + 1) & (lat > south - 1) & (lat < north + 1)
        )
        # A segment is kept with both its ends, where either is near.
        keep = near | np.r_[near[1:], False] | np.r_[False, near[:-1]]
        edges = np.flatnonzero(np.diff(np.r_[False, keep, False].astype(int)))
        parts += [
            (line.kind, lon[a:b], lat[a:b])
            for a, b in zip(edges[::2], edges[1::2], strict=True)
            if b - a > 1
        ]
    return parts


def _path(x: np.ndarray, y: np.ndarray) -> str:
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def _graticule(box: Box, project: Any) -> list[dict[str, Any]]:
    """Return lines of round degrees with their labels, at most six each way."""
    west, south, east, north = box
    lines = []
    for low, high, vertical in ((west, east, True), (south, north, False)):
        steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 45)
        step = next((s for s in steps if (high - low) / s <= 6), 90)
        for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1):
            degree = round(k * step, 6)
            if vertical:
                ends = project(np.array([degree, degree]), np.array([south, north]))
                label = f"{abs(degree):g}° {'W' if degree < 0 else 'E'}"
            else:
                ends = project(np.array([west, east]), np.array([degree, degree]))
                label = f"{abs(degree):g}° {'S' if degree < 0 else 'N'}"
            (x1, x2), (y1, y2) = ends
            lines.append(
                {
                    "x1": round(float(x1), 1),
                    "x2": round(float(x2), 1),
                    "y1": round(float(y1), 1),
                    "y2": round(float(y2), 1),
                    "label": label,
                    "vertical": vertical,
                }
            )
    return lines
