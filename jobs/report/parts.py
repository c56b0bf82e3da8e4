"""What a page is made of: numbers, tables and pictures, each with its sources.

Paths are relative to the run folder, where the page stands, so that links work wherever
the folder is copied.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from jobs.figures.labels import UNKNOWN, number, readable_totals, shown_unit

if TYPE_CHECKING:
    import pandas as pd

    from jobs.run.folder import RunFolder


class HasFolder(Protocol):
    """A run, of which only the folder is needed."""

    @property
    def folder(self) -> RunFolder:
        """Where everything stands."""


MAX_ROWS = 25
"""Of a table that a verb has written."""


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
    """A part of the page; without content it says which verb makes it."""

    title: str
    anchor: str
    verb: str = ""
    notes: list[str] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show yet."""
        return not (self.facts or self.tables or self.pictures)


def link(run: HasFolder, path: Path, text: str = "") -> Link:
    """Return a link to a file of the run folder."""
    relative = path.relative_to(run.folder.path).as_posix()
    return Link(text or relative, quote(relative))


def picture(
    run: HasFolder, path: Path, alt: str, caption: str, *sources: Path
) -> Picture | None:
    """Embed a PNG if it is there, linked to its table and to further sources."""
    if not path.exists():
        return None
    csv = path.with_suffix(".csv")
    files = [path, *([csv] if csv.exists() else []), *sources]
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return Picture(data, alt, caption, [link(run, file) for file in files])


def table_of(
    frame: pd.DataFrame,
    caption: str,
    sources: list[Link],
    formats: dict[str, str] | None = None,
) -> Table:
    """Return a table of a frame; columns named in ``formats`` are numbers.

    A number that could not be computed shows as a dash, and the unit 1 as nothing.
    """
    import pandas as pd

    formats = formats or {}

    def cell(name: str, value: Any) -> str | Link:
        if isinstance(value, Link):
            return value
        if value is None or (not isinstance(value, str) and pd.isna(value)):
            return UNKNOWN
        if name == "unit":
            return shown_unit(str(value))
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
    """Show a table that a verb has written, its first rows if it is long."""
    import pandas as pd

    if not path.exists():
        return
    frame = pd.read_csv(path)
    frame = readable_totals(frame)
    if len(frame) > MAX_ROWS:
        caption += f", first {MAX_ROWS} of {len(frame)} rows"
        frame = frame.head(MAX_ROWS)
    numeric = {str(n): ".4g" for n in frame.select_dtypes("number").columns}
    numeric |= {str(n): "d" for n in frame.select_dtypes("integer").columns}
    source: list[Link] = [link(run, path)]
    section.tables.append(table_of(frame, caption, source, numeric))
