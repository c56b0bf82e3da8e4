"""A user's own list of a region's pixels: ids, or places on the ground."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jobs.errors import ConfigError, Problem
from jobs.run.csv_tables import read_rows

if TYPE_CHECKING:
    from landdata import Cube


def listed_ids(
    places: Path | list[Any],
    folder: Path,
    cube: Cube,
    what: str = "pixels.sample.places",
) -> NDArray[np.int64]:
    """Return the pixels that a user listed, each once, in rising order.

    Parameters
    ----------
    places : Path or list
        A CSV file with a column id, or latitude and longitude (degrees); or pixel
        ids and [latitude, longitude] pairs.
    folder : Path
        What the file name is relative to.
    cube : Cube
        The region.
    what : str
        What the list is called in an error.

    Raises
    ------
    ConfigError
        Naming what cannot be read, or lies outside of the region.
    """
    from landdata import cell_at

    if isinstance(places, list):
        items = [(f"{what}: {item}", item) for item in places]
    else:
        items = _read_places(folder / places, what)
    found: set[int] = set()
    problems = []
    known = set(cube.cells.ids.tolist())
    for where, item in items:
        try:
            pixel_id = item if isinstance(item, int) else cell_at(*item)
        except ValueError:
            wanted = "latitude -90 to 90, longitude -180 to 180 degrees"
            problems.append(Problem(where, "not a place", f"{item}", wanted))
            continue
        if pixel_id not in known:
            problems.append(
                Problem(
                    where,
                    "not a pixel of the region",
                    found=f"pixel {pixel_id}",
                    wanted=f"one of the {len(cube)} pixels of {cube.path}",
                )
            )
        found.add(pixel_id)
    if problems:
        raise ConfigError(problems[:20])
    return np.array(sorted(found), np.int64)


def _read_places(path: Path, what: str) -> list[tuple[str, Any]]:
    header, rows = read_rows(path, "the list of places")
    by_id = "id" in header
    if not by_id and not {"latitude", "longitude"} <= set(header):
        raise ConfigError(
            Problem(
                f"{path.name}:1",
                what,
                found=f"columns {', '.join(header) or 'none'}",
                wanted="a column id, or latitude and longitude",
            )
        )
    items: list[tuple[str, Any]] = []
    for line, row in rows:
        where = f"{path.name}:{line}"
        try:
            if by_id:
                items.append((where, int(row["id"] or "")))
            else:
                place = float(row["latitude"] or ""), float(row["longitude"] or "")
                items.append((where, place))
        except ValueError as exc:
            raise ConfigError(Problem(where, what, str(exc), "numbers")) from exc
    if not items:
        raise ConfigError(Problem(str(path), "no places", wanted="at least one row"))
    return items
