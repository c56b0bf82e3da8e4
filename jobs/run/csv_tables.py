"""Read a user's CSV file: each row with its line, whatever wrote the file."""

from __future__ import annotations

import csv
import io
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
    try:
        text = read_bytes(path, TEXT_LIMIT, follow=True).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text), strict=True)
        header = [name.strip() for name in reader.fieldnames or []]
        reader.fieldnames = header
        rows = [(reader.line_num, row) for row in reader]
    except (OSError, ValueError, csv.Error) as exc:
        if system_fault(exc):
            raise
        raise ConfigError(
            Problem(str(path), f"{what} cannot be read", str(exc))
        ) from exc
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        where, found = f"{path.name}:1", f"{', '.join(sorted(twice))} twice"
        raise ConfigError(Problem(where, "columns", found, "each column once"))
    return header, rows
