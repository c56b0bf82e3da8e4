"""The interactive map: what the page's script draws, and shows of a chosen pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.coastlines import Box, box_around, lines_in
from jobs.config_checks import STREAMS
from jobs.parameters import parameters, prior_bounds
from jobs.report.parts import link
from jobs.report.results import Results

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 760
"""Of the map, in its own units."""
MAX_DETAILED = 400
"""Pixels whose time series and densities the page holds; more would make it slow."""
_N_BINS = 24


def map_payload(results: Results) -> dict[str, Any]:
    """Return everything the map needs, as plain values for JSON.

    Parameters
    ----------
    results : Results
        Of a started run.
    """
    table = results.pixels
    box = box_around(table["longitude"].to_numpy(), table["latitude"].to_numpy())
    west, south, east, north = box
    scale = WIDTH / (east - west)
    stretch = 1 / np.cos(np.deg2rad((south + north) / 2))
    height = round((north - south) * scale * stretch)

    def project(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (lon - west) * scale, (north - lat) * scale * stretch

    x, y = project(table["longitude"].to_numpy(), table["latitude"].to_numpy())
    n = len(table)
    size = float(np.clip(0.6 * np.sqrt(WIDTH * height / n), 4, 14))
    detailed = _evenly(results)
    known = parameters()
    return {
        "width": WIDTH,
        "height": height,
        "size": round(size, 1),
        "lines": [
            {"kind": kind, "d": _path(*project(lon, lat))}
            for kind, lon, lat in _clipped(box)
        ],
        "grid": _graticule(box, project),
        "n_detailed": len(detailed),
        "parameters": [
            {
                "name": name,
                "unit": known[name].unit,
                "low": low,
                "high": high,
                "default": known[name].default,
            }
            for name, (low, high) in prior_bounds(results.run.config).items()
        ],
        "streams": [
            {"name": name, "unit": STREAMS[name]} for name in results.run.config.streams
        ],
        "pixels": [
            _pixel(results, row, x[k], y[k], detailed)
            for k, row in enumerate(table.to_dict("records"))
        ],
    }


def _pixel(
    results: Results, row: dict[Any, Any], x: float, y: float, detailed: set[int]
) -> dict[str, Any]:
    run, pixel_id = results.run, row["pixel"]
    folder = run.folder.pixel(pixel_id)
    facts: dict[str, Any] = {
        "id": pixel_id,
        "name": row["name"],
        "lat": row["latitude"],
        "lon": row["longitude"],
        "x": round(float(x), 1),
        "y": round(float(y), 1),
        "state": row["state"],
        "reason": row["reason"],
    }
    files = [folder.summary, folder.posterior, folder.failure]
    files.append(run.folder.scores(pixel_id))
    links = [link(run, path, path.name) for path in files if path.exists()]
    facts["files"] = [{"text": item.text, "href": item.href} for item in links]
    summary = results.summaries.get(pixel_id)
    if summary:
        facts["runs"] = summary["n_model_runs"]
        facts["minutes"] = summary["minutes"]
        facts["parameters"] = [
            [_short(values[key]) for key in ("mean", "q05", "q95")]
            + [values["at_bound"] or ""]
            for values in summary["parameters"].values()
        ]
    if len(results.scores):
        facts["diso"] = _diso(results, pixel_id)
    if pixel_id in detailed:
        facts["densities"] = _densities(results, pixel_id)
        facts["series"] = _series(results, pixel_id)
    return facts


def _evenly(results: Results) -> set[int]:
    """Return ids of the finished pixels that the page holds in full."""
    ids = [pixel.id for pixel in results.finished]
    n = min(len(ids), MAX_DETAILED)
    return {ids[k] for k in np.linspace(0, len(ids) - 1, n).round().astype(int)}


def _diso(results: Results, pixel_id: int) -> list[dict[str, Any]]:
    part = results.scores[results.scores["pixel"] == pixel_id]
    wide = part.pivot_table(
        index=["stream", "period"], columns="parameters", values="diso", sort=False
    )
    return [
        {
            "stream": key[0],
            "period": key[1],
            "default": _short(row["default"]),
            "calibrated": _short(row["calibrated"]),
        }
        for key, row in zip(wide.index, wide.to_dict("records"), strict=True)
    ]


def _densities(results: Results, pixel_id: int) -> list[list[int]]:
    """Return each parameter's density between its prior's bounds, 99 at the top."""
    import h5py

    found = []
    with h5py.File(results.run.folder.pixel(pixel_id).posterior, "r") as opened:
        group = opened["posterior"]
        for name, bounds in prior_bounds(results.run.config).items():
            counts, _ = np.histogram(group[name][...], _N_BINS, range=bounds)
            top = max(1, int(counts.max()))
            found.append([round(99 * int(count) / top) for count in counts])
    return found


def _series(results: Results, pixel_id: int) -> list[dict[str, Any]]:
    """Return observed, default and calibrated 8-day means of each stream."""
    whole = results.comparison
    if not len(whole):
        return []
    return [
        _one_series(str(stream), part.sort_values("time"))
        for stream, part in whole[whole["pixel"] == pixel_id].groupby("stream")
    ]


def _one_series(stream: str, part: pd.DataFrame) -> dict[str, Any]:
    time = part["time"].to_numpy().astype("datetime64[D]")
    held_out = part.loc[part["period"] == "validation", "time"]
    first = held_out.min() if len(held_out) else None
    return {
        "stream": stream,
        "day": time.astype(int).tolist(),
        "validation": int(np.datetime64(first, "D").astype(int)) if first else None,
        **{
            name: [_short(value) for value in part[name]]
            for name in ("observed", "default", "calibrated")
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
    """Return lines of whole degrees with their labels."""
    west, south, east, north = box
    lines = []
    for low, high, vertical in ((west, east, True), (south, north, False)):
        steps = (1, 2, 5, 10, 20, 30, 45)
        step = next((s for s in steps if (high - low) / s <= 6), 90)
        for degree in range(int(np.ceil(low / step)) * step, int(high) + 1, step):
            if vertical:
                ends = project(np.array([degree, degree]), np.array([south, north]))
                label = f"{abs(degree)}° {'W' if degree < 0 else 'E'}"
            else:
                ends = project(np.array([west, east]), np.array([degree, degree]))
                label = f"{abs(degree)}° {'S' if degree < 0 else 'N'}"
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


def _short(value: Any) -> float | None:
    """Return a number with four figures, None for what could not be computed."""
    if value is None or not np.isfinite(value):
        return None
    return float(f"{value:.4g}")
