"""What the map shows of a chosen pixel: densities and series, apart from the page.

Thousands of pixels would make the page heavy, so they are kept in small files beside
it, each of some consecutive pixels. A file is a script that hands its data over, since
a page that was opened from disk may load scripts but not read files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.files import write_text
from jobs.report.parts import link
from jobs.report.results import Results
from jobs.run.blocks import packed_pixel

if TYPE_CHECKING:
    import pandas as pd

PIXELS_PER_CHUNK = 32
"""Half of what a chunk of the collected draws holds, so that none is read thrice."""
_N_BINS = 24
_STEM = "pixels_"


@dataclass(frozen=True)
class Embedded:
    """The one chunk that the page itself holds, and where the others are.

    Attributes
    ----------
    start : int
        Row of the pixel that is shown first.
    number : int
        Of the chunk with that row.
    chunk : dict
        Its content.
    files : dict
        File name by number of the chunk, relative to the page.
    per_chunk : int
        Rows of the pixel table in a chunk.
    """

    start: int
    number: int
    chunk: dict[str, Any]
    files: dict[int, str]
    per_chunk: int


def write_details(results: Results, on_pixels: Callable[[int], None]) -> Embedded:
    """Write the files, each of ``PIXELS_PER_CHUNK`` rows of the pixel table.

    Parameters
    ----------
    results : Results
        Of a run whose finished pixels are collected.
    on_pixels : callable
        Called with each number of pixels that is done.

    Returns
    -------
    Embedded
        The chunk of the pixel that is shown first, which needs no file.
    """
    folder = results.run.folder.path / "report"
    n, start = len(results.run.pixels), _first_to_show(results)
    inside, files = start // PIXELS_PER_CHUNK, {}
    kept: dict[str, Any] = {}
    for number in range(-(-n // PIXELS_PER_CHUNK)):
        first = number * PIXELS_PER_CHUNK
        rows = range(first, min(first + PIXELS_PER_CHUNK, n))
        chunk = chunk_of(results, rows)
        if number == inside:
            kept = chunk
        elif chunk["pixels"]:
            path = folder / f"{_STEM}{number:04d}.js"
            text = json.dumps(chunk, separators=(",", ":"), allow_nan=False)
            write_text(path, f"masmPixels({number},{text});\n")
            files[number] = f"report/{path.name}"
        on_pixels(len(rows))
    for old in folder.glob(f"{_STEM}*.js"):
        if f"report/{old.name}" not in files.values():
            old.unlink()
    return Embedded(start, inside, kept, files, PIXELS_PER_CHUNK)


def chunk_of(results: Results, rows: range) -> dict[str, Any]:
    """Return details of the pixels of some rows that have come to anything.

    Returns
    -------
    dict
        ``pixels`` by row: files, and of finished ones cost, parameters (mean, 5 %,
        95 %, edge), densities of the prior's width and series; ``axes``: the days
        since 1970 that series are on, of which each names one.
    """
    axes: dict[tuple[int, ...], int] = {}
    densities = _densities(results, rows)
    found = {}
    for row in rows:
        pixel = results.run.pixels[row]
        detail: dict[str, Any] = {"files": list(_files(results, pixel.id))}
        summary = results.summaries.get(pixel.id)
        if summary:
            detail["runs"] = summary["n_model_runs"]
            detail["minutes"] = short(summary["minutes"])
            detail["parameters"] = [
                [short(values[key]) for key in ("mean", "q05", "q95")]
                + [values["at_bound"] or ""]
                for values in summary["parameters"].values()
            ]
            detail["densities"] = densities[row - rows.start].tolist()
            detail["series"] = list(_series(results, pixel.id, axes))
        if detail["files"]:
            found[row] = detail
    return {"axes": [list(days) for days in axes], "pixels": found}


def short(value: Any) -> float | None:
    """Return a number with four figures, None for what could not be computed."""
    if value is None or not np.isfinite(value):
        return None
    return float(f"{value:.4g}")


def _first_to_show(results: Results) -> int:
    """Return the row of a pixel that has much to show."""
    scored = set(results.scores["pixel"]) if len(results.scores) else set()
    finished = {pixel.id for pixel in results.finished}
    ids = [pixel.id for pixel in results.run.pixels]
    for wanted in (scored & finished, finished):
        for row, pixel_id in enumerate(ids):
            if pixel_id in wanted:
                return row
    return 0


def _files(results: Results, pixel_id: int) -> Iterator[dict[str, str]]:
    run = results.run
    folder = run.folder.pixel(pixel_id)
    paths: list[Path] = [folder.summary, folder.posterior, folder.failure]
    if not folder.posterior.exists() and packed_pixel(folder):
        paths.append(folder.block)
    paths.append(run.folder.scores(pixel_id))
    paths.append(run.folder.comparison(pixel_id))
    for path in paths:
        if path.exists():
            item = link(run, path, path.name)
            yield {"text": item.text, "href": item.href}


def _densities(results: Results, rows: range) -> np.ndarray:
    """Return (row, parameter, bin): densities between prior bounds, 99 at the top."""
    bounds = results.run.bounds
    found = np.zeros((len(rows), len(bounds), _N_BINS), int)
    if not any(results.run.pixels[row].id in results.summaries for row in rows):
        return found
    for j, (name, (low, high)) in enumerate(bounds.items()):
        draws = results.posteriors.values(name, slice(rows.start, rows.stop))
        draws = draws.reshape(len(rows), -1)
        known = np.isfinite(draws)
        fraction = np.where(known, (draws - low) / (high - low), 0.0)
        place = np.clip((fraction * _N_BINS).astype(int), 0, _N_BINS - 1)
        place += _N_BINS * np.arange(len(rows))[:, None]
        counts = np.bincount(place[known], minlength=len(rows) * _N_BINS)
        found[:, j] = counts.reshape(len(rows), _N_BINS)
    top = np.maximum(1, found.max(axis=2, keepdims=True))
    return np.rint(99 * found / top).astype(int)


def _series(
    results: Results, pixel_id: int, axes: dict[tuple[int, ...], int]
) -> Iterator[dict[str, Any]]:
    """Yield observed, default and calibrated 8-day means of each stream."""
    for stream, part in results.comparisons_of(pixel_id):
        yield _one_series(stream, part.sort_values("time"), axes)


def _one_series(
    stream: str, part: pd.DataFrame, axes: dict[tuple[int, ...], int]
) -> dict[str, Any]:
    days = part["time"].to_numpy().astype("datetime64[D]").astype(int)
    held_out = days[(part["period"] == "validation").to_numpy()]
    axis = axes.setdefault(tuple(days.tolist()), len(axes))
    return {
        "stream": stream,
        "axis": axis,
        "validation": int(held_out.min()) if held_out.size else None,
        **{
            name: [short(value) for value in part[name]]
            for name in ("observed", "default", "calibrated")
        },
    }
