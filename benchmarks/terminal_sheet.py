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
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import typer

from jobs.cli.app import app

LOOKS = (
    ("--version",), ("status", "RUN"), ("evaluate", "RUN"), ("check", "RUN"),
    ("calibrate", "RUN"), ("collect", "RUN"), ("report", "RUN"),
)  # fmt: skip
"""Commands that are done soon on a finished run, or only read it."""


def commands(group: object = None, before: tuple[str, ...] = ()) -> Iterator[tuple]:
    """Yield the words of every command, those of groups too."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        yield (*before, name)
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))


def screen(words: tuple[str, ...], width: int | None) -> str:
    """Return what a command prints, in a terminal's width or to a pipe."""
    environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    command = [sys.executable, "-m", "jobs", *words]
    if width is None:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment |= {"COLUMNS": str(width), "TERM": "dumb"}
    child = subprocess.Popen(command, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    parts = []
    with suppress(OSError):  # how the end of a terminal shows
        while part := os.read(ours, 65536):
            parts.append(part)
    child.wait()
    os.close(ours)
    return b"".join(parts).decode("utf-8", "replace").replace("\r\n", "\n")


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
