"""The pixels of a run: ``pixels.csv``, one row each."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from jobs.config.place_checks import place_fault
from jobs.errors import ConfigError, Problem, did_you_mean
from jobs.files import write_text
from jobs.run.csv_tables import Row, as_row, read_cells
from jobs.run.pixel import Pixel
from jobs.spreadsheets import quoted, unquoted

_RANGES = {
    "latitude": (-90.0, 90.0),
    "longitude": (-180.0, 180.0),
    "elevation": (-450.0, 9000.0),
    "sand": (0.0, 100.0),
    "clay": (0.0, 100.0),
}
_WORD = re.compile(r"[A-Za-z][\w.-]{0,60}", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9][\w.-]{0,60}", re.ASCII)
_NUMBER = re.compile(r"\d{1,8}", re.ASCII)


_Cells = Iterable[tuple[int, list[str]]]


def read_pixels(
    path: Path, defaults: Mapping[str, float] | None = None, *, named: bool = True
) -> list[Pixel]:
    """Read a table of pixels.

    Parameters
    ----------
    path : Path
        CSV with a row for each pixel.
    defaults : mapping, optional
        What columns hold where they are not there, or a cell is empty.
    named : bool
        Whether there has to be a column name; else the id is the name.

    Ids are whole numbers, or words such as ``US-Ha1``: then the pixels are numbered by
    their rows, from 1, and keep the word as their ``key``.

    Raises
    ------
    ConfigError
        Naming line and column of every value that cannot be.
    """
    rows: _Cells
    header, rows = read_cells(path, "the table of pixels")
    wanted = [field.name for field in fields(Pixel) if field.name != "key"]
    found = ", ".join(header)  # as the file has it
    if defaults or not named:
        header, rows = _filled(header, rows, defaults or {}, named)
    missing = [name for name in wanted if name not in header]
    if missing:
        raise ConfigError(
            Problem(
                f"{path.name}:1",
                f"no column {', '.join(missing)}",
                found=found,
                wanted=", ".join(wanted),
                hint=did_you_mean(missing[0], header) if header else "",
            )
        )
    pixels: list[Pixel] = []
    problems: list[Problem] = []
    lines: dict[str, int] = {}
    place = [header.index(name) for name in wanted]
    at_id, key_at = header.index("id"), header.index("key") if "key" in header else -1
    by_word = "key" not in header and any(
        _is_word(cells[at_id]) for _, cells in rows if len(cells) > at_id
    )
    for number, (line, cells) in enumerate(rows, start=1):
        pixel = _sound_pixel(cells, place, key_at, number, by_word)
        if pixel is None:
            row = as_row(header, cells)
            problems += _row_problems(row, f"{path.name}:{line}", by_word)
            continue
        for one in {pixel.given_id, str(pixel.id)} if not by_word else {pixel.key}:
            if one in lines:
                wanted_id = f"an id of its own (line {lines[one]} has it)"
                where = f"{path.name}:{line}"
                problems.append(Problem(where, "id", one, wanted_id))
            lines[one] = line
        pixels.append(pixel)
    if not pixels and not problems:
        problems.append(Problem(str(path), "no pixels", wanted="at least one row"))
    if problems:
        raise ConfigError(problems[:20])
    return pixels


def _filled(
    header: list[str], rows: _Cells, defaults: Mapping[str, float], named: bool
) -> tuple[list[str], _Cells]:
    """Put defaults where a column or a cell is missing, and the id for a name."""
    filled = {name: f"{value:g}" for name, value in defaults.items()}
    more = [*filled, *(() if named else ("name",))]
    columns = [*header, *(name for name in more if name not in header)]
    made = []
    for line, cells in rows:
        row = as_row(header, cells)
        for name, value in filled.items():
            if not (row.get(name) or "").strip():
                row[name] = value
        if not named and not (row.get("name") or "").strip():
            row["name"] = row.get("id")
        made.append((line, [row[name] or "" for name in columns]))
    return columns, made


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
    return distinct_names({pixel.id: pixel.slug for pixel in pixels}, "_")


def distinct_names(plain: Mapping[int, str], between: str) -> dict[int, str]:
    """Return names of pixels by id; like ones get their id, so that each is its own.

    Examples
    --------
    >>> distinct_names({3: "oak", 5: "oak", 7: "fir"}, "-")
    {3: 'oak-3', 5: 'oak-5', 7: 'fir'}
    """
    alike = Counter(plain.values())
    names = {
        pixel_id: name if alike[name] == 1 else f"{name}{between}{pixel_id}"
        for pixel_id, name in plain.items()
    }
    taken = Counter(names.values())
    return {
        pixel_id: name if taken[name] == 1 else f"{name}{between}pixel{pixel_id}"
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
    """Whether an id is a name such as US-Ha1, which may be in a file's name."""
    return bool(_WORD.fullmatch((cell or "").strip()))


def _sound_pixel(
    cells: list[str], place: list[int], key_at: int, number: int, by_word: bool
) -> Pixel | None:
    """Return the pixel of a row; None if anything of it cannot be.

    Parameters
    ----------
    cells : list of str
        Of the row.
    place : list of int
        Columns of id, name, latitude, longitude, elevation, sand and clay.
    key_at : int
        Column of the key; below 0 if there is none.
    number : int
        Of the row, from 1: the id where ids are words.
    by_word : bool
        Whether ids are words.
    """
    try:
        given, name, *numbers = (cells[k].strip() for k in place)
        lat, lon, height, sand, clay = map(float, numbers)
    except (IndexError, ValueError):
        return None
    sound = (
        (_NUMBER.fullmatch(given) or (by_word and _is_word(given)))
        and name
        and name.isprintable()
        and all(
            low <= value <= high
            for value, (low, high) in zip(
                (lat, lon, height, sand, clay), _RANGES.values(), strict=True
            )
        )
        and sand + clay <= 100.0
        and place_fault(lat, lon, sand, clay) is None
    )
    if by_word:
        key, pixel_id = given, number
    else:
        key = cells[key_at].strip() if 0 <= key_at < len(cells) else ""
        sound = sound and (not key or bool(_KEY.fullmatch(key)))
        pixel_id = int(given) if sound else 0
    if not sound:
        return None
    return Pixel(pixel_id, unquoted(name), lat, lon, height, sand, clay, key)


def _row_problems(row: Row, where: str, by_word: bool = False) -> Iterator[Problem]:
    number = _NUMBER.fullmatch((row["id"] or "").strip())
    if not (number or (by_word and _is_word(row["id"]))):
        wanted = "a word such as US-Ha1, or a number" if by_word else "a whole number"
        yield Problem(where, "id", _shown(row["id"]), wanted)
    key = (row.get("key") or "").strip()
    if key and not by_word and not _KEY.fullmatch(key):
        yield Problem(
            where, "key", ascii(key)[:60], "a word such as US-Ha1, or nothing"
        )
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
    if numbers.keys() == _RANGES.keys():
        fault = place_fault(*(numbers[n] for n in _RANGES if n != "elevation"))
        if fault is not None:
            yield Problem(where, fault.what, fault.found, fault.wanted, fault.hint)


def _shown(cell: str | None) -> str:
    return "nothing" if cell is None else f'"{cell[:60]}"'
