"""Read a user's CSV file: each row with its line, whatever wrote the file."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from jobs.disk_errors import system_fault
from jobs.errors import ConfigError, Problem
from jobs.files import TEXT_LIMIT, read_bytes

Row = dict[str, str | None]
"""Cells of a CSV file by column; None where a short row has none."""


def read_rows(path: Path, what: str) -> tuple[list[str], list[tuple[int, Row]]]:
    """Read a CSV file: its header, and each row with the number of its last line.

    A byte order mark, as spreadsheets write it, and blanks around names are let pass.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What to call it when it cannot be read.

    Raises
    ------
    ConfigError
        If there is no such file, or it is no text, or no CSV.
    """
    header, cells = read_cells(path, what)
    rows = [(line, as_row(header, row)) for line, row in cells]
    return header, rows


def as_row(header: list[str], cells: list[str]) -> Row:
    """Return cells by column; None where a short row has none."""
    padding = [None] * max(0, len(header) - len(cells))
    return dict(zip(header, [*cells, *padding], strict=False))


def read_cells(path: Path, what: str) -> tuple[list[str], Cells]:
    """Read a CSV file as `read_rows`, row by row: a million need little memory.

    Returns
    -------
    header : list of str
    cells : iterable of (int, list of str)
        Of each row that is not empty: the number of its last line, and its cells. It
        can be gone through several times.

    Raises
    ------
    ConfigError
        As `read_rows`; what is wrong further down is reported when a row is asked for.
    """
    try:
        text = read_bytes(path, TEXT_LIMIT, follow=True).decode("utf-8-sig")
    except (OSError, ValueError) as exc:
        raise _unreadable(path, what, exc) from exc
    cells = Cells(path, what, text)
    twice = [name for name, n in Counter(cells.header).items() if n > 1]
    if twice:
        where, found = f"{path.name}:1", f"{', '.join(sorted(twice))} twice"
        raise ConfigError(Problem(where, "columns", found, "each column once"))
    return cells.header, cells


class Cells:
    """Rows of a CSV text, read anew each time they are gone through.

    Parameters
    ----------
    path, what
        As of `read_cells`.
    text : str
        The file's content.
    """

    def __init__(self, path: Path, what: str, text: str) -> None:
        self._path, self._what, self._text = path, what, text
        self.header = next((row for _, row in self._all()), [])
        self.header = [name.strip() for name in self.header]

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line and the cells of each row after the header."""
        rows = self._all()
        next(rows, None)
        return rows

    def _all(self) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(io.StringIO(self._text), strict=True)
        try:
            for row in reader:
                if row:
                    yield reader.line_num, row
        except (ValueError, csv.Error) as exc:
            raise _unreadable(self._path, self._what, exc) from exc


def _unreadable(path: Path, what: str, exc: Exception) -> Exception:
    if system_fault(exc):
        return exc
    return ConfigError(Problem(str(path), f"{what} cannot be read", str(exc)))
