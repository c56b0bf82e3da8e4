"""Trace calls of the system: each file is on the disk before it has its name.

    python -m benchmarks.sync_order FOLDER --of pixels

A small run (of `benchmarks.kills_stages`) is done under ``strace``. For each name that
is given below the run folder, by a rename or a link:

- the file was synced, and nothing was written to it since, before it gets its name;
  of a folder that gets a name this holds for all that was written in it;
- the folder of the name is synced afterwards, and so is that of each new folder;
- nothing else gets its name before that. A folder that is made aside (``.name``) needs
  none until it gets its own. Only the arrays of one Zarr store may wait
  for each other, and its marks of what is whole wait for all of them.

Names that break one of these are counted, and exit with 1. So a power failure at any
moment leaves the old file or the new one, whole, and no mark of what is not there. What
is written through memory maps is not seen. ``strace`` is needed (Linux).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.kills_stages import KINDS

_CALLS = (
    "openat,open,creat,write,pwrite64,writev,pwritev,ftruncate,fsync,fdatasync,"
    "rename,renameat,renameat2,link,linkat,mkdir,mkdirat"
)
_SYNC = re.compile(r"^(?:fsync|fdatasync)\(\d+<([^>]*)>")
_WRITE = re.compile(r"^(?:write|pwrite64|writev|pwritev|ftruncate)\(\d+<(/[^>]*)>")
_NAME = r'(?:(?:AT_FDCWD|\d+)(?:<([^>]*)>)?, )?"([^"]+)"'
_OPEN = re.compile(rf"^(?:open|openat|creat)\({_NAME}(.*)")
_MADE = re.compile(rf"^mkdir(?:at)?\({_NAME}")
_GIVEN = re.compile(rf"^(?:rename(?:at2?)?|link(?:at)?)\({_NAME}, {_NAME}")
_WRITES = re.compile(r"WRONLY|RDWR|O_TRUNC")
_HISTORY = ("logs", "ledger")
"""Folders for people; nothing rests on what is in them."""
_MARK = re.compile(r"\.zarr/(?:state|collected_mtime|done)/c/")
"""What says of a store's rows that they are whole."""


@dataclass
class Order:
    """What a trace says.

    Attributes
    ----------
    n_names : names given below the run folder
    files : names whose file was not on the disk before
    folders : names whose folder was not synced after
    early : names given while another, that had to come before, was not on the disk
    """

    n_names: int = 0
    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    early: list[str] = field(default_factory=list)


def whole_calls(lines: Iterable[str]) -> Iterator[str]:
    """Yield calls that succeeded, without process and result, as each comes to an end.

    Examples
    --------
    >>> lines = ["1  fsync(3</a> <unfinished ...>", "2  fsync(4</b>) = 0"]
    >>> list(whole_calls([*lines, "1  <... fsync resumed>) = 0"]))
    ['fsync(4</b>)', 'fsync(3</a>)']
    """
    begun: dict[str, str] = {}
    for line in lines:
        process, _, call = line.strip().partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[process] = call.removesuffix("<unfinished ...>").rstrip()
            continue
        if call.startswith("<... "):
            call = begun.pop(process, "") + call.partition("resumed>")[2]
        words, equals, result = call.rpartition(" = ")
        if equals and not result.startswith("-"):
            yield words.rstrip()


def judge(lines: Iterable[str], below: str) -> Order:
    """Hold a trace against the order that is wanted.

    Parameters
    ----------
    lines : iterable of str
        As ``strace -f -y`` writes them.
    below : str
        Folder whose names count.

    Examples
    --------
    >>> lines = ['1 fsync(3</run/.a>) = 0', '1 rename("/run/.a", "/run/a") = 0']
    >>> judge(lines, "/run").folders
    ['/run/a']
    >>> judge([*lines, '1 fsync(3</run>) = 0'], "/run")
    Order(n_names=1, files=[], folders=[], early=[])
    """
    found, synced, changed = Order(), set[str](), set[str]()
    waiting: dict[str, list[str]] = {}
    for call in whole_calls(lines):
        if match := _SYNC.match(call):
            synced.add(match[1])
            changed.discard(match[1])
            waiting.pop(match[1], None)
        elif match := _WRITE.match(call):
            changed.add(match[1])
        elif match := _OPEN.match(call):
            if _WRITES.search(match[3]) or call.startswith("creat"):
                changed.add(_path(match[1], match[2]))
        elif match := _MADE.match(call):
            made = _path(match[1], match[2])
            if made.startswith(f"{below}/") and not _needs_no_name(made):
                waiting.setdefault(os.path.dirname(made), []).append(made)
        elif match := _GIVEN.match(call):
            source, target = _path(match[1], match[2]), _path(match[3], match[4])
            if not target.startswith(f"{below}/"):
                continue
            found.n_names += 1
            inside = f"{source}/"
            if (
                source not in synced
                or source in changed
                or any(one.startswith(inside) for one in changed)
            ):
                found.files.append(target)
            folder = os.path.dirname(target)
            if any(not _may_wait(one, target) for one in waiting if one != folder):
                found.early.append(target)
            waiting.setdefault(folder, []).append(target)
            if call.startswith("link"):  # its first name is taken away, or is aside
                continue
            synced.discard(source)
            for one in [one for one in waiting if f"{one}/".startswith(inside)]:
                moved = target + one.removeprefix(source)
                waiting.setdefault(moved, []).extend(waiting.pop(one))
    found.folders = sorted(name for names in waiting.values() for name in names)
    return found


def _needs_no_name(folder: str) -> bool:
    """Whether nothing is lost with a folder's name: written aside, or history."""
    name = os.path.basename(folder)
    return name in _HISTORY or name.startswith(".")


def _path(folder: str | None, name: str) -> str:
    return os.path.normpath(os.path.join(folder or "/", name))


def _may_wait(folder: str, target: str) -> bool:
    """Return whether a folder may be synced only after another name was given."""
    store, zarr, _ = folder.partition(".zarr")
    return (
        bool(zarr) and target.startswith(f"{store}.zarr/") and not _MARK.search(target)
    )


def under_strace(program: Sequence[str], trace: Path) -> None:
    """Run a program, and write its calls to a file."""
    strace = shutil.which("strace")
    if strace is None:
        raise SystemExit("no strace")
    words = [strace, "-f", "-y", "-qq", "--seccomp-bpf", "-s", "0"]
    words += ["-e", f"trace={_CALLS}", "-o", str(trace), *program]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def main(words: Sequence[str] | None = None) -> int:
    """Make a run, trace it, print how many names were given and which too early."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--of", choices=list(KINDS), default="pixels")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    kind, folder = KINDS[given.of], given.folder.resolve()
    if given.here:
        kind.ready()
        kind.go_on(folder)
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    run, trace = folder / given.of, folder / f"{given.of}.trace"
    kind.ready()
    kind.make(run)
    child = [sys.executable, "-m", "benchmarks.sync_order", str(run)]
    under_strace([*child, "--of", given.of, "--here"], trace)
    with trace.open(errors="replace") as lines:
        found = judge(lines, str(run))
    print(
        f"{given.of}: {found.n_names} names given, {len(found.files)} to files that "
        f"were not on the disk before, {len(found.folders)} in folders not synced "
        f"after, {len(found.early)} before another that had to come first"
    )
    for name in [*found.files, *found.folders, *found.early]:
        print(name, file=sys.stderr)
    wrong = found.files or found.folders or found.early
    return int(bool(wrong) or not found.n_names)


if __name__ == "__main__":
    sys.exit(main())
