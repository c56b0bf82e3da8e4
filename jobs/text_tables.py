"""Tables as lines of text that fit a width; a number is never cut.

A table that is too wide is turned, so that its rows are columns; where that is too
wide as well, its columns are shown in groups, one below the other, each beside the
columns that name the rows. Nothing is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

_GAP = 2  # blanks between columns
_MOST_TURNED = 8  # columns of a turned table, which is read from top to bottom


@dataclass(frozen=True)
class TextTable:
    """A table to show.

    Attributes
    ----------
    title : str
        What it is.
    columns : tuple of str
        Names of the columns.
    cells : tuple of tuple of str
        Rows of texts, as they are shown.
    numeric : tuple of bool
        Whether a column holds numbers, which are aligned at the right.
    records : tuple of dict
        The rows with their values, for programs.
    """

    title: str
    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    records: tuple[dict[str, Any], ...] = ()

    def lines(
        self, width: int, measure: Callable[[str], int] = len, rule: str = "-"
    ) -> Iterator[str]:
        r"""Yield the table's lines, its title first.

        Parameters
        ----------
        width : int
            Columns of the terminal.
        measure : callable
            Gives how many of them a text takes.
        rule : str
            What the line below the names is drawn with.

        Examples
        --------
        >>> wide = TextTable("fit", ("name", "r"), (("gpp", "0.912"),), (False, True))
        >>> print(*wide.lines(60), sep="\n")
        fit
        name      r
        -----------
        gpp   0.912
        """
        yield from wrap(self.title, width, break_long_words=False) or [""]
        whole = [self.columns, *self.cells]
        if _fits(whole, width, measure):
            yield from _grid(whole, self.numeric, measure, rule)
            return
        turned = [tuple(column) for column in zip(*whole, strict=True)]
        if len(self.cells) < _MOST_TURNED and _fits(turned, width, measure):
            right = (False, *[any(self.numeric)] * len(self.cells))
            yield from _grid(turned, right, measure, rule)
            return
        yield from self._in_groups(width, measure, rule)

    def _in_groups(
        self, width: int, measure: Callable[[str], int], rule: str
    ) -> Iterator[str]:
        whole = [self.columns, *self.cells]
        first = self.numeric.index(True) if any(self.numeric) else 1
        labels = list(range(first))
        groups: list[list[int]] = [[]]
        for column in range(first, len(self.columns)):
            wider = [labels + groups[-1] + [column]]
            if groups[-1] and not _fits(_only(whole, wider[0]), width, measure):
                groups.append([])
            groups[-1].append(column)
        shown = [labels + group for group in groups]
        if not all(_fits(_only(whole, some), width, measure) for some in shown):
            yield from self._one_by_one(width, measure, rule)
            return
        for number, some in enumerate(shown):
            if number:
                yield ""
            right = [self.numeric[column] for column in some]
            yield from _grid(_only(whole, some), right, measure, rule)

    def _one_by_one(
        self, width: int, measure: Callable[[str], int], rule: str
    ) -> Iterator[str]:
        """Yield a line for each cell: for terminals with room for one column alone."""
        for row in self.cells:
            yield rule * min(width, 20)
            for name, cell in zip(self.columns, row, strict=True):
                line = f"{name}: {cell}".rstrip()
                if measure(line) <= width:
                    yield line
                else:
                    yield from wrap(line, width, break_long_words=False)


def fold(line: str, width: int) -> list[str]:
    """Return a line folded at blanks; words, such as paths, are never cut.

    A line with blanks side by side is laid out by hand and stays as it is.

    Examples
    --------
    >>> fold("time: about 25 minutes of one core", 20)
    ['time: about 25', '  minutes of one', '  core']
    >>> fold("a  b", 2)
    ['a  b']
    """
    if len(line) <= width or "  " in line.strip():
        return [line]
    start = line[: len(line) - len(line.lstrip())]
    folded = wrap(
        line.strip(),
        width,
        initial_indent=start,
        subsequent_indent=start + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return folded or [line]


def counted(n: int, many: str) -> str:
    """Return a number with its noun, of which the plural is given.

    Examples
    --------
    >>> counted(1, "pixels"), counted(3, "pixels"), counted(1, "model runs")
    ('1 pixel', '3 pixels', '1 model run')
    """
    return f"{n} {many.removesuffix('s') if n == 1 else many}"


def _only(rows: Sequence[Sequence[str]], columns: Sequence[int]) -> list[list[str]]:
    return [[row[column] for column in columns] for row in rows]


def _widths(rows: Sequence[Sequence[str]], measure: Callable[[str], int]) -> list[int]:
    return [max(map(measure, column)) for column in zip(*rows, strict=True)]


def _fits(
    rows: Sequence[Sequence[str]], width: int, measure: Callable[[str], int]
) -> bool:
    widths = _widths(rows, measure)
    return sum(widths) + _GAP * (len(widths) - 1) <= width


def _grid(
    rows: Sequence[Sequence[str]],
    right: Sequence[bool],
    measure: Callable[[str], int],
    rule: str,
) -> Iterator[str]:
    widths = _widths(rows, measure)
    for number, row in enumerate(rows):
        cells = []
        for cell, width, is_right in zip(row, widths, right, strict=True):
            blanks = " " * (width - measure(cell))
            cells.append(blanks + cell if is_right else cell + blanks)
        yield (" " * _GAP).join(cells).rstrip()
        if number == 0:
            yield rule * (sum(widths) + _GAP * (len(widths) - 1))
