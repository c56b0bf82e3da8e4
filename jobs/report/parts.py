"""What a page is made of: numbers, tables and pictures, each with its sources.

Paths are relative to the run folder, where the page is, so that links work wherever
the folder is copied.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from jobs.disk_errors import system_fault
from jobs.errors import ConfigError
from jobs.figures.labels import UNKNOWN, number, readable_totals, shown_unit
from jobs.files import OddFile, lexists, read_bytes
from jobs.run_tables import read_run_table

if TYPE_CHECKING:
    import pandas as pd

    from jobs.run.folder import RunFolder


logger = logging.getLogger(__name__)

_DAMAGE = (OddFile, json.JSONDecodeError, UnicodeDecodeError)
"""What those who parse a file say of a damaged one. All else is an error of ours."""


class HasFolder(Protocol):
    """A run, of which only the folder is needed."""

    @property
    def folder(self) -> RunFolder:
        """Where everything is."""


_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_OF_A_PICTURE = 2**25
"""Bytes."""
MAX_ROWS = 25
"""Of a table that a command has written."""


@dataclass(frozen=True)
class Link:
    """A file of the run folder."""

    text: str
    href: str


@dataclass(frozen=True)
class Fact:
    """One number or name, and the file it is from."""

    name: str
    value: str
    source: Link


@dataclass(frozen=True)
class Table:
    """Rows of text; cells may be links."""

    caption: str
    columns: list[str]
    rows: list[list[str | Link]]
    sources: list[Link]
    numeric: list[bool]


@dataclass(frozen=True)
class Picture:
    """A PNG, embedded, with what it shows in words for those who cannot see it."""

    data: str
    alt: str
    caption: str
    sources: list[Link]


@dataclass
class Section:
    """A part of the page; without content it says which command makes it."""

    title: str
    anchor: str
    command: str = ""
    notes: list[str] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show yet."""
        # What is wrong, and no command fixes it.
        noted = self.notes and not self.command
        return not (self.facts or self.tables or self.pictures or noted)


def whole_parts(
    title: str,
    anchor: str,
    make: Callable[[], Section | Iterable[Section]],
    errors: list[Exception] | None = None,
) -> list[Section]:
    """Return what a part of the page came to, or say that its files are damaged.

    Everything on the page was written before, and may be of anybody's by now: one file
    that cannot be parsed takes away its part, and not the page. Any other error is not
    of a file: the page goes on without the part, and whoever writes it raises the
    error in the end.

    Parameters
    ----------
    title, anchor : str
        Of the section that says so.
    make : callable
        Gives a section, or several.
    errors : list of Exception, optional
        Takes in an error that is not of a file; without it that is raised at once.
    """
    try:
        made = make()
        return [made] if isinstance(made, Section) else list(made)
    except _DAMAGE as exc:
        if isinstance(exc, ConfigError) or system_fault(exc):
            raise
        noted = f"{type(exc).__name__}: {exc}"[:300]
        logger.warning("%s is left out of the report: %s", title, noted)
        logger.debug("while reading it", exc_info=exc)
        return [Section(title, anchor, notes=[f"Left out, its files are odd: {noted}"])]
    except Exception as exc:
        # The end of the command is for them, and for what the system or the user did.
        of_system = isinstance(exc, (MemoryError, OSError)) or system_fault(exc)
        if errors is None or isinstance(exc, ConfigError) or of_system:
            raise
        errors.append(exc)
        noted = f"{type(exc).__name__}: {exc}"[:300]
        logger.exception("%s is left out of the report by an error", title)
        return [Section(title, anchor, notes=[f"Left out by an error: {noted}"])]


def link(run: HasFolder, path: Path, text: str = "") -> Link:
    """Return a link to a file of the run folder."""
    relative = path.relative_to(run.folder.path).as_posix()
    return Link(text or relative, quote(relative))


def picture(
    run: HasFolder, path: Path, alt: str, caption: str, *sources: Path
) -> Picture | None:
    """Embed a PNG if it is there, linked to its table and to further sources."""
    if not lexists(path):
        return None
    content = read_bytes(path, _MOST_OF_A_PICTURE)
    if not content.startswith(_PNG):
        raise OddFile(f"{path.name} is no PNG")
    csv = path.with_suffix(".csv")
    files = [path, *([csv] if csv.exists() else []), *sources]
    data = base64.b64encode(content).decode("ascii")
    return Picture(data, alt, caption, [link(run, file) for file in files])


def table_of(
    frame: pd.DataFrame,
    caption: str,
    sources: list[Link],
    formats: dict[str, str] | None = None,
) -> Table:
    """Return a table of a frame; columns named in ``formats`` are numbers.

    A number that could not be computed shows as a dash, the unit 1 as nothing, and
    true or false as yes or no.
    """
    import numpy as np
    import pandas as pd

    formats = formats or {}

    def cell(name: str, value: Any) -> str | Link:
        if isinstance(value, Link):
            return value
        if value is None or (not isinstance(value, str) and pd.isna(value)):
            return UNKNOWN
        if name == "unit":
            return shown_unit(str(value))
        if isinstance(value, bool | np.bool_):
            return "yes" if value else "no"
        if name not in formats:
            return str(value)
        return number(value, formats[name])

    columns = [str(name) for name in frame.columns]
    rows = [
        [cell(name, value) for name, value in zip(columns, row, strict=True)]
        for row in frame.itertuples(index=False)
    ]
    return Table(caption, columns, rows, sources, [name in formats for name in columns])


def add_pictures(
    run: HasFolder, section: Section, pattern: str, alt: str, caption: str
) -> None:
    """Show the figures of a run whose names match a pattern."""
    for path in sorted(run.folder.figures.glob(pattern)):
        found = picture(run, path, alt, caption)
        if found is not None:
            section.pictures.append(found)


def add_csv(run: HasFolder, section: Section, path: Path, caption: str) -> None:
    """Show a table that a command has written, its first rows if it is long."""
    if not lexists(path):
        return
    frame = readable_totals(read_run_table(path))
    if len(frame) > MAX_ROWS:
        caption += f", first {MAX_ROWS} of {len(frame)} rows"
        frame = frame.head(MAX_ROWS)
    numeric = {str(n): ".4g" for n in frame.select_dtypes("number").columns}
    numeric |= {str(n): "d" for n in frame.select_dtypes("integer").columns}
    source: list[Link] = [link(run, path)]
    section.tables.append(table_of(frame, caption, source, numeric))
