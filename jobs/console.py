"""What the command line shows: tables, progress on terminals, quiet lines in logs."""

from __future__ import annotations

import errno
import logging
import math
import os
import select
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.text_tables import TextTable, fold

if TYPE_CHECKING:
    import pandas as pd

_BAR_WIDTH = 50

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_OURS = ("masm", "ibis_dalec", "landdata", "landmodels", "upscale", "jobs")


_PIPED_WIDTH = 120
_LEAST_WIDTH = 20


@dataclass
class Voice:
    """How much is printed, and what was printed so far where a program listens.

    Attributes
    ----------
    quiet : bool
        Whether only what went wrong is printed.
    verbose : bool
        Whether the log comes to the screen.
    collects : bool
        Whether what would be shown is kept for one JSON document instead.
    messages, errors : list of str
        Texts that were kept.
    tables : list of dict
        Tables that were kept, with the values as they are.
    """

    quiet: bool = False
    verbose: bool = False
    collects: bool = False
    messages: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)

    def keep(self, item: str | TextTable) -> None:
        """Keep what would be shown."""
        if isinstance(item, str):
            self.messages += item.splitlines()
        else:
            table = {"title": item.title, "columns": list(item.columns)}
            self.tables.append({**table, "rows": list(item.records)})


_voice = Voice()


def voice() -> Voice:
    """Return how much is printed now."""
    return _voice


@contextmanager
def speaking(wanted: Voice) -> Iterator[Voice]:
    """Tell as much as is wanted, while this lasts."""
    global _voice
    before, _voice = _voice, wanted
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ShownFormatter(_LOG_FORMAT))
    ours = [logging.getLogger(name) for name in _OURS]
    levels = [logger.level for logger in ours]
    if wanted.verbose:
        logging.getLogger().addHandler(handler)
        for logger in ours:
            logger.setLevel(logging.DEBUG)
    try:
        yield wanted
    finally:
        _voice = before
        if wanted.verbose:
            logging.getLogger().removeHandler(handler)
            for logger, level in zip(ours, levels, strict=True):
                logger.setLevel(level)


class OutputLost(Exception):
    """What was to be shown could not be written to standard output.

    Attributes
    ----------
    unheard : bool
        Whether its reader went away, as ``head`` does.
    """

    def __init__(self, why: str, *, unheard: bool) -> None:
        super().__init__(why)
        self.unheard = unheard


class ShownFormatter(logging.Formatter):
    """Formats records so that no text in them steers the terminal they are read on."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text with signs that are not shown spelt out."""
        return printable(super().format(record))


def printable(text: str) -> str:
    r"""Return a text whose signs all show; those that steer a terminal are spelt out.

    Names and messages may be anybody's: escapes could clear the screen, write to the
    clipboard or turn the direction of a line.

    Examples
    --------
    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(
        c if c in "\n\t" or c.isprintable() or c == "\xa0" else ascii(c)[1:-1]
        for c in text
    )


def show(item: str | TextTable) -> None:
    """Print a text or a table to standard output, unless less is wanted.

    Raises
    ------
    OutputLost
        If it cannot be written.
    """
    if _voice.collects:
        _voice.keep(item)
    elif not _voice.quiet:
        print_out(_folded(item) if isinstance(item, str) else _drawn(item))


def _folded(text: str) -> str:
    """Fold sentences at a terminal's width; whole lines go to a pipe or a log."""
    if not sys.stdout.isatty():
        return text
    width = width_of_output()
    return "\n".join(part for line in text.split("\n") for part in fold(line, width))


def print_out(text: str) -> None:
    """Print a text to standard output, whatever is wanted.

    Raises
    ------
    OutputLost
        If it cannot be written.
    """
    try:
        print(printable(text), flush=True)
    except OSError as exc:
        gone = exc.errno == errno.EPIPE
        raise OutputLost(exc.strerror or str(exc), unheard=gone) from exc


def width_of_output() -> int:
    """Return how many signs a line has room for: ``COLUMNS``, or the terminal's."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return max(_LEAST_WIDTH, int(given))
    if sys.stdout.isatty():
        return max(_LEAST_WIDTH, shutil.get_terminal_size().columns)
    return _PIPED_WIDTH


def _drawn(table: TextTable) -> str:
    from rich.cells import cell_len

    rule = "\u2500" if sys.stdout.isatty() else "-"
    return "\n".join(["", *table.lines(width_of_output(), cell_len, rule), ""])


def follow(
    read: Callable[[], tuple[str, float, bool]], seconds: float, *, in_place: bool
) -> None:
    """Show a text again every few seconds until there is nothing to wait for.

    On a terminal it stays in its place, under a bar; elsewhere it is printed again.
    Ctrl-C ends the watching, which is no failure: what is watched goes on.

    Parameters
    ----------
    read : callable
        Gives the text, the fraction that is finished, and whether to go on.
    seconds : float
        Between two readings.
    in_place : bool
        Whether a terminal may be drawn on.
    """
    with _ctrl_c() as waits:
        if in_place and sys.stdout.isatty() and not _voice.quiet:
            _redraw(read, seconds, waits)
        else:
            _repeat(read, seconds, waits)


@contextmanager
def _ctrl_c() -> Iterator[Callable[[float], bool]]:
    """Give a function that waits some seconds, and returns whether Ctrl-C has come.

    Ctrl-C writes to a pipe. An exception in its place may be raised where Python
    drops it (in a finalizer, say), and a ``threading.Event`` that is set while the
    same thread is about to wait for it waits for itself: both would go on for ever.
    """
    if threading.current_thread() is not threading.main_thread():
        yield _sleep  # no signal comes here
        return
    reader, writer = os.pipe()
    before = signal.signal(signal.SIGINT, lambda number, frame: _wake(writer))
    try:
        yield lambda seconds: bool(select.select([reader], [], [], seconds)[0])
    finally:
        signal.signal(signal.SIGINT, before)
        os.close(reader)
        os.close(writer)


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def _wake(pipe: int) -> None:
    os.write(pipe, b"\0")


def _repeat(
    read: Callable[[], tuple[str, float, bool]],
    seconds: float,
    waits: Callable[[float], bool],
) -> None:
    text, _, busy = read()
    show(text)
    while busy and not waits(seconds):
        text, _, busy = read()
        show(text)


def _redraw(
    read: Callable[[], tuple[str, float, bool]],
    seconds: float,
    waits: Callable[[float], bool],
) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    def drawn(text: str, fraction: float, busy: bool) -> Group:
        now = datetime.now().astimezone().strftime("%H:%M:%S")
        foot = f"{now}, again every {seconds:g} s; Ctrl-C ends the watching only"
        n_full = int(_BAR_WIDTH * fraction)
        bar = Text("━" * n_full, "green") + Text("━" * (_BAR_WIDTH - n_full), "dim")
        bar.append(f" {fraction:.0%}")
        return Group(bar, Text(text), Text(foot if busy else now, style="dim"))

    first = read()
    with Live(drawn(*first), auto_refresh=False) as live:
        busy = first[2]
        while busy and not waits(seconds):
            latest = read()
            busy = latest[2]
            live.update(drawn(*latest), refresh=True)


class _QuietFileHandler(logging.FileHandler):
    """A log that is given up when it cannot be written, with one sentence."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say that there will be no log, and why."""
        self.setLevel(logging.CRITICAL + 1)
        exc = sys.exc_info()[1]
        why = getattr(exc, "strerror", None) or str(exc)
        with suppress(OSError, ValueError):
            print(f"{self.baseFilename}: no log: {why}", file=sys.stderr)


@contextmanager
def logged(run: Path, command: str, *, to_screen: bool = False) -> Iterator[None]:
    """Write the log of a command to the run's ``logs`` while it lasts.

    To the screen too, with every detail, where asked for.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    path = run / "logs" / f"{command}-{stamp}-{os.getpid()}.log"
    path.parent.mkdir(exist_ok=True)
    handlers: list[logging.Handler] = [
        _QuietFileHandler(path, encoding="utf-8", delay=True)
    ]
    if to_screen and not _voice.verbose:  # else it is there already
        handlers.append(logging.StreamHandler(sys.stderr))
    root = logging.getLogger()
    ours = [logging.getLogger(name) for name in _OURS]
    before = [logger.level for logger in ours]
    for handler in handlers:
        handler.setFormatter(ShownFormatter(_LOG_FORMAT))
        root.addHandler(handler)  # of other packages only warnings
    for logger in ours:
        detailed = to_screen or _voice.verbose
        logger.setLevel(logging.DEBUG if detailed else logging.INFO)
    try:
        yield
    finally:
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
        for logger, level in zip(ours, before, strict=True):
            logger.setLevel(level)


@contextmanager
def progress(
    description: str, total: int | None, unit: str
) -> Iterator[Callable[[int], None]]:
    """Give a function that is called with work done.

    On a terminal it moves a bar; elsewhere it prints a line at each tenth.
    """
    if _voice.quiet:
        yield lambda n: None
    elif sys.stderr.isatty():
        with _bar(description, total, unit) as advance:
            yield advance
    else:
        yield _lines(description, total, unit)


_SHORTEST_BAR = 4


@contextmanager
def _bar(
    description: str, total: int | None, unit: str
) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    description, bar_width = _fitted(description, total, unit, console.width)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(description, total=total)
        done = 0

        def advance(n: int) -> None:
            nonlocal done
            done += n
            # More than the total may be done: runs added where an error is too large.
            bar.update(task, completed=done, total=total and max(total, done))

        yield advance


def _fitted(
    description: str, total: int | None, unit: str, width: int
) -> tuple[str, int]:
    """Return a description and a bar's width that leave the numbers whole.

    Examples
    --------
    >>> _fitted("evaluate", 1, "pixels", 120)
    ('evaluate', 40)
    >>> _fitted("evaluate", 1, "pixels", 60)
    ('evaluate', 23)
    >>> _fitted("A long name of a place in the east", 300, "model runs", 60)
    ('A long name of a p…', 4)
    """
    numbers = 2 * len(str(total or 1000)) + 1 + len(unit) + 2 * len("0:00:00")
    left = width - numbers - 6  # the blanks between columns, and one at the end
    if len(description) > left - _SHORTEST_BAR:
        kept = max(0, left - _SHORTEST_BAR - 1)
        description = description[:kept].rstrip() + "…"
    return description, max(_SHORTEST_BAR, min(40, left - len(description)))


def _lines(description: str, total: int | None, unit: str) -> Callable[[int], None]:
    done = 0

    def advance(n: int) -> None:
        nonlocal done
        before, done = done, done + n
        step = max(1, (total or 1000) // 10)
        if before // step != done // step:
            # Only the number of model runs is not known before.
            about = "about " if unit == "model runs" else ""
            of = f" of {about}{total}" if total and done <= total else ""
            print(f"{description}: {done}{of} {unit}", file=sys.stderr, flush=True)

    return advance


def table(frame: pd.DataFrame, title: str, formats: dict[str, str]) -> TextTable:
    """Return a table to show, numbers to the right in the given formats."""
    columns = [str(name) for name in frame.columns]
    rows, records = [], []
    for row in frame.itertuples(index=False):
        cells = []
        for name, value in zip(columns, row, strict=True):
            unknown = isinstance(value, float) and math.isnan(value)
            text = format(value, formats[name]) if name in formats else str(value)
            cells.append("" if unknown else printable(text))
        rows.append(tuple(cells))
        values = map(_plain, row)
        records.append(dict(zip(columns, values, strict=True)))
    return TextTable(
        printable(title),
        tuple(map(printable, columns)),
        tuple(rows),
        tuple(name in formats for name in columns),
        tuple(records),
    )


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; what could not be computed is null."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)
