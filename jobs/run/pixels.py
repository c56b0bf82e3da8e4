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

    Ids are whole numbers, or words such as ``US-Ha1``: then the pixels are numbered by
    their rows, from 1, and keep the word as their ``key``.

    Raises
    ------
    ConfigError
        Naming line and column of every value that cannot be.
    """
    header, rows = read_rows(path, "the table of pixels")
    wanted = [field.name for field in fields(Pixel) if field.name != "key"]
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
    lines: dict[str, int] = {}
    by_word = "key" not in header and any(_is_word(row["id"]) for _, row in rows)
    for number, (line, row) in enumerate(rows, start=1):
        where = f"{path.name}:{line}"
        found = list(_row_problems(row, where, by_word))
        problems += found
        if found:
            continue
        cells = {name: (row[name] or "").strip() for name in wanted}
        lat, lon, height, sand, clay = (float(cells[name]) for name in _RANGES)
        key = cells["id"] if by_word else (row.get("key") or "").strip()
        pixel_id = number if by_word else int(cells["id"])
        name = unquoted(cells["name"])
        pixel = Pixel(pixel_id, name, lat, lon, height, sand, clay, key)
        if pixel.given_id in lines:
            wanted_id = f"an id of its own (line {lines[pixel.given_id]} has it)"
            problems.append(Problem(where, "id", pixel.given_id, wanted_id))
        lines[pixel.given_id] = line
        pixels.append(pixel)
    if not pixels and not problems:
        problems.append(Problem(str(path), "no pixels", wanted="at least one row"))
    if problems:
        raise ConfigError(problems[:20])
    return pixels


def write_pixels(pixels: Sequence[Pixel], path: Path) -> None:
    """Write ``pixels.csv``."""
    stream = io.StringIO()
    keyed = any(pixel.key for pixel in pixels)
    names = [field.name for field in fields(Pixel) if keyed or field.name != "key"]
    writer = csv.DictWriter(stream, names, extrasaction="ignore", lineterminator="\n")
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


def choose(pixels: Sequence[Pixel], ids: Sequence[int | str]) -> list[Pixel]:
    """Return the pixels with these ids, or words, all of them if there are none.

    Raises
    ------
    ConfigError
        If an id is not a pixel of the run.
    """
    if not ids:
        return list(pixels)
    numbers = {str(pixel.id): pixel for pixel in pixels}
    by_id = {**numbers, **{pixel.key: pixel for pixel in pixels if pixel.key}}
    wanted = [str(one).strip() for one in ids]
    for pixel_id in wanted:
        if pixel_id not in by_id:
            raise ConfigError(
                Problem(
                    "",
                    f"--pixel {pixel_id}",
                    "no such pixel in this run",
                    f"an id from {min(pixel.id for pixel in pixels)} to "
                    f"{max(pixel.id for pixel in pixels)} (pixels.csv)",
                )
            )
    return [by_id[pixel_id] for pixel_id in wanted]


def _is_word(cell: str | None) -> bool:
    """Whether an id is a name such as US-Ha1, which may stand in a file's name."""
    return bool(re.fullmatch(r"\s*[A-Za-z][\w.-]{0,60}\s*", cell or "", re.ASCII))


def _row_problems(row: Row, where: str, by_word: bool = False) -> Iterator[Problem]:
    number = re.fullmatch(r"\s*\d{1,8}\s*", row["id"] or "", re.ASCII)
    if not (number or (by_word and _is_word(row["id"]))):
        wanted = "a word such as US-Ha1, or a number" if by_word else "a whole number"
        yield Problem(where, "id", _shown(row["id"]), wanted)
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
            east = numbers.get(key, 0.0) if key == "longitude" else 0.0
            hint = f"Write {east - 360.0:g}." if 180.0 < east <= 360.0 else ""
            yield Problem(where, key, _shown(row[key]), f"{low:g} to {high:g}", hint)
    soil = numbers.get("sand", 0.0) + numbers.get("clay", 0.0)
    if 100.0 < soil <= 200.0:
        yield Problem(where, "sand and clay", f"{soil:g} %", "together at most 100 %")


def _shown(cell: str | None) -> str:
    return "nothing" if cell is None else f'"{cell[:60]}"'
