"""The pixels of a run: ``pixels.csv``, one row each."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from jobs.errors import ConfigError, Problem, did_you_mean
from jobs.files import write_text
from jobs.run.csv_tables import Row, read_rows
from jobs.run.pixel import Pixel
from jobs.spreadsheets import quoted, unquoted

_RANGES = {
    "latitude": (-90.0, 90.0),
    "longitude": (-180.0, 180.0),
    "elevation": (-450.0, 9000.0),
    "sand": (0.0, 100.0),
    "clay": (0.0, 100.0),
}


def read_pixels(path: Path) -> list[Pixel]:
    """Read a table of pixels.

    Raises
    ------
    ConfigError
        Naming line and column of every value that cannot be.
    """
    header, rows = read_rows(path, "the table of pixels")
    wanted = [field.name for field in fields(Pixel)]
    missing = [name for name in wanted if name not in header]
    if missing:
        raise ConfigError(
            Problem(
                f"{path.name}:1",
                f"no column {', '.join(missing)}",
                found=", ".join(header),
                wanted=", ".join(wanted),
                hint=did_you_mean(missing[0], header) if header else "",
            )
        )
    pixels: list[Pixel] = []
    problems: list[Problem] = []
    lines: dict[int, int] = {}
    for line, row in rows:
        where = f"{path.name}:{line}"
        found = list(_row_problems(row, where))
        problems += found
        if found:
            continue
        cells = {name: (row[name] or "").strip() for name in wanted}
        numbers = (float(cells[name]) for name in _RANGES)
        pixel = Pixel(int(cells["id"]), unquoted(cells["name"]), *numbers)
        if pixel.id in lines:
            wanted_id = f"an id of its own (line {lines[pixel.id]} has it)"
            problems.append(Problem(where, "id", str(pixel.id), wanted_id))
        lines[pixel.id] = line
        pixels.append(pixel)
    if not pixels and not problems:
        problems.append(Problem(str(path), "no pixels", wanted="at least one row"))
    if problems:
        raise ConfigError(problems[:20])
    return pixels


def write_pixels(pixels: Sequence[Pixel], path: Path) -> None:
    """Write ``pixels.csv``."""
    stream = io.StringIO()
    names = [field.name for field in fields(Pixel)]
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**asdict(pixel), "name": quoted(pixel.name)} for pixel in pixels)
    write_text(path, stream.getvalue())


def figure_names(pixels: Sequence[Pixel]) -> dict[int, str]:
    """Return the part of a file name that stands for each pixel, each its own.

    Examples
    --------
    >>> one = Pixel(0, "Oak hill", 42.0, -72.0, 3.0, 60.0, 10.0)
    >>> figure_names([one, Pixel(1, "oak-hill", 42.0, -72.0, 3.0, 60.0, 10.0)])
    {0: 'oak_hill_0', 1: 'oak_hill_1'}
    """
    slugs = Counter(pixel.slug for pixel in pixels)
    names = {
        pixel.id: pixel.slug if slugs[pixel.slug] == 1 else f"{pixel.slug}_{pixel.id}"
        for pixel in pixels
    }
    taken = Counter(names.values())
    return {
        pixel_id: name if taken[name] == 1 else f"{name}_pixel{pixel_id}"
        for pixel_id, name in names.items()
    }


def choose(pixels: Sequence[Pixel], ids: Sequence[int]) -> list[Pixel]:
    """Return the pixels with these ids, all of them if there are none.

    Raises
    ------
    ConfigError
        If an id is not a pixel of the run.
    """
    if not ids:
        return list(pixels)
    by_id = {pixel.id: pixel for pixel in pixels}
    for pixel_id in ids:
        if pixel_id not in by_id:
            raise ConfigError(
                Problem(
                    "",
                    f"--pixel {pixel_id}",
                    "no such pixel in this run",
                    f"an id from {min(by_id)} to {max(by_id)} (pixels.csv)",
                )
            )
    return [by_id[pixel_id] for pixel_id in ids]


def _row_problems(row: Row, where: str) -> Iterator[Problem]:
    if not re.fullmatch(r"\s*\d{1,8}\s*", row["id"] or "", re.ASCII):
        yield Problem(where, "id", _shown(row["id"]), "a whole number")
    name = (row["name"] or "").strip()
    if not name.isprintable():
        yield Problem(where, "name", ascii(name)[:60], "a name of printable characters")
    if not name:
        yield Problem(where, "name", "nothing", "a name")
    numbers = {}
    for key, (low, high) in _RANGES.items():
        try:
            numbers[key] = float(row[key] or "")
            inside = low <= numbers[key] <= high
        except ValueError:
            inside = False
        if not inside:
            yield Problem(where, key, _shown(row[key]), f"{low:g} to {high:g}")
    soil = numbers.get("sand", 0.0) + numbers.get("clay", 0.0)
    if 100.0 < soil <= 200.0:
        yield Problem(where, "sand and clay", f"{soil:g} %", "together at most 100 %")


def _shown(cell: str | None) -> str:
    return "nothing" if cell is None else f'"{cell[:60]}"'
