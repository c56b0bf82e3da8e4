"""What the commands print, at several widths: the screens, and what is wrong with them.

    python -m benchmarks.terminal_sheet RUN [--widths 60,80,120] [--out FOLDER]

Runs every command that only looks (``--help`` of all, then status, check and the
tables of a finished run, with and without a terminal's width) and writes each screen
as a text file. A line that is longer than the width is named.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import struct
import sys
import termios
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import typer

from jobs.cli.app import app
from jobs.cli.error_handler import safe_output

LOOKS = (
    ("--version",), ("status", "RUN"), ("evaluate", "RUN"), ("check", "RUN"),
    ("calibrate", "RUN"), ("collect", "RUN"), ("report", "RUN"),
)  # fmt: skip
"""Commands that are done soon on a finished run, or only read it."""

_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def commands(group: object = None, before: tuple[str, ...] = ()) -> Iterator[tuple]:
    """Yield the words of every command, those of groups too."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        yield (*before, name)
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))


def screen(words: tuple[str, ...], width: int | None) -> str:
    """Return what a command prints, in a terminal's width or to a pipe.

    It runs in a fork, so that the command line is imported once for all screens.
    """
    ours, theirs = os.pipe() if width is None else os.openpty()
    if width is not None:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    child = os.fork()
    if child == 0:
        _run(words, width, theirs)
    os.close(theirs)
    parts = []
    with suppress(OSError):  # how the end of a terminal shows
        while part := os.read(ours, 65536):
            parts.append(part)
    os.waitpid(child, 0)
    os.close(ours)
    text = b"".join(parts).decode("utf-8", "replace").replace("\r\n", "\n")
    # Of a bar that is drawn again and again the last state is left.
    lines = (_STEERING.sub("", line.split("\r")[-1]) for line in text.split("\n"))
    return "\n".join(lines)


def _run(words: tuple[str, ...], width: int | None, output: int) -> NoReturn:
    """Run a command in this process, which ends with it."""
    os.environ.pop("COLUMNS", None)
    if width is not None:
        os.environ.update(COLUMNS=str(width), TERM="xterm", NO_COLOR="1")
    os.dup2(output, 1)
    os.dup2(output, 2)
    try:
        safe_output()
        app(list(words), prog_name="masm")
    except SystemExit:
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(0)


def too_long(text: str, width: int) -> list[str]:
    """Return lines longer than a width, but for single words, such as paths."""
    return [
        line for line in text.splitlines() if len(line) > width and " " in line.strip()
    ]


def main() -> None:
    """Write the screens and name the lines that do not fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--widths", default="60,80,120")
    parser.add_argument("--out", type=Path, default=Path("screens"))
    parser.add_argument("--no-help", action="store_true", help="leave the helps out")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    looks = [tuple(w.replace("RUN", str(asked.run)) for w in one) for one in LOOKS]
    if not asked.no_help:
        looks += [("--help",), *((*words, "--help") for words in commands())]
    n_bad = 0
    for words in looks:
        for width in (*map(int, asked.widths.split(",")), None):
            text = screen(words, width)
            name = "_".join(Path(word).name for word in words).replace("--", "")
            (asked.out / f"{name}_{width or 'piped'}.txt").write_text(text)
            for line in too_long(text, width or 120):
                n_bad += 1
                print(f"{name} at {width or 'piped'}: {line}")
    print(f"{n_bad} lines are too long; the screens are in {asked.out}")


if __name__ == "__main__":
    main()
