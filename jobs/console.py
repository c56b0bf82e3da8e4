"""What the command line shows: tables, progress on terminals, quiet lines in logs."""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

_BAR_WIDTH = 50

_OURS = ("masm", "ibis_dalec", "landdata", "landmodels", "upscale", "jobs")


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


def show(item: Any) -> None:
    """Print a text or a table to standard output.

    Raises
    ------
    OutputLost
        If it cannot be written.
    """
    from rich.console import Console

    width = None if sys.stdout.isatty() else 120
    console = Console(highlight=False, markup=False, width=width)
    is_text = isinstance(item, str)
    try:
        console.print(printable(item) if is_text else item, soft_wrap=is_text)
        sys.stdout.flush()
    except OSError as exc:
        gone = exc.errno == errno.EPIPE
        raise OutputLost(exc.strerror or str(exc), unheard=gone) from exc
    except SystemExit as exc:  # how rich takes it that its reader went away
        raise OutputLost("nobody reads it", unheard=True) from exc


def follow(
    read: Callable[[], tuple[str, float, bool]], seconds: float, *, in_place: bool
) -> None:
    """Show a text again every few seconds until there is nothing to wait for.

    On a terminal it stays in its place, under a bar; elsewhere it is printed again.
    Ctrl-C ends the watching, which is no failure: what is watched goes on.

    Parameters
    ----------
    read : callable
        Gives the text, the share that is finished, and whether to go on.
    seconds : float
        Between two readings.
    in_place : bool
        Whether a terminal may be drawn on.
    """
    with _ctrl_c() as ended:
        if in_place and sys.stdout.isatty():
            _redraw(read, seconds, ended)
        else:
            _repeat(read, seconds, ended)


@contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C sets.

    An exception in its place may be raised where Python drops it (in a finalizer,
    say), and the watching would go on.
    """
    ended = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield ended  # no signal comes here
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: ended.set())
    try:
        yield ended
    finally:
        signal.signal(signal.SIGINT, before)


def _repeat(
    read: Callable[[], tuple[str, float, bool]], seconds: float, ended: threading.Event
) -> None:
    text, _, busy = read()
    show(text)
    while busy and not ended.wait(seconds):
        text, _, busy = read()
        show(text)


def _redraw(
    read: Callable[[], tuple[str, float, bool]], seconds: float, ended: threading.Event
) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    def drawn(text: str, share: float, busy: bool) -> Group:
        now = datetime.now().astimezone().strftime("%H:%M:%S")
        foot = f"{now}, again every {seconds:g} s; Ctrl-C ends the watching only"
        n_full = int(_BAR_WIDTH * share)
        bar = Text("━" * n_full, "green") + Text("━" * (_BAR_WIDTH - n_full), "dim")
        bar.append(f" {share:.0%}")
        return Group(bar, Text(text), Text(foot if busy else now, style="dim"))

    first = read()
    with Live(drawn(*first), auto_refresh=False) as live:
        busy = first[2]
        while busy and not ended.wait(seconds):
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
def logged(run: Path, verb: str, *, to_screen: bool = False) -> Iterator[None]:
    """Write the log of a verb to the run's ``logs`` while it lasts.

    To the screen too, with every detail, where asked for.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    path = run / "logs" / f"{verb}-{stamp}-{os.getpid()}.log"
    path.parent.mkdir(exist_ok=True)
    handlers: list[logging.Handler] = [
        _QuietFileHandler(path, encoding="utf-8", delay=True)
    ]
    if to_screen:
        handlers.append(logging.StreamHandler(sys.stderr))
    root = logging.getLogger()
    ours = [logging.getLogger(name) for name in _OURS]
    before = [logger.level for logger in ours]
    for handler in handlers:
        handler.setFormatter(
            logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
        )
        root.addHandler(handler)  # of other packages only warnings
    for logger in ours:
        logger.setLevel(logging.DEBUG if to_screen else logging.INFO)
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
    """Give a function that is told of work done.

    On a terminal it moves a bar; elsewhere it prints a line at each tenth.
    """
    if sys.stderr.isatty():
        with _bar(description, total, unit) as advance:
            yield advance
    else:
        yield _lines(description, total, unit)


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

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=total)
        yield lambda n: bar.advance(task, n)


def _lines(description: str, total: int | None, unit: str) -> Callable[[int], None]:
    done = 0

    def advance(n: int) -> None:
        nonlocal done
        before, done = done, done + n
        step = max(1, (total or 1000) // 10)
        if before // step != done // step:
            of = f" of about {total}" if total else ""
            print(f"{description}: {done}{of} {unit}", file=sys.stderr, flush=True)

    return advance


def table(frame: pd.DataFrame, title: str, formats: dict[str, str]) -> Table:
    """Return a table to show, numbers to the right in the given formats."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    result = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for name in frame.columns:
        numeric = name in formats
        justify: Literal["left", "right"] = "right" if numeric else "left"
        result.add_column(str(name), justify=justify, no_wrap=True)
    for row in frame.itertuples(index=False):
        cells = []
        for name, value in zip(frame.columns, row, strict=True):
            text = format(value, formats[name]) if name in formats else str(value)
            cells.append("" if text.strip() == "nan" else printable(text))
        result.add_row(*cells)
    return result
