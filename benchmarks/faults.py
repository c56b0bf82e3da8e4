"""Let the system fail at every file of every command, and see what is lost.

    python -m benchmarks.faults /dev/shm/faults --csv faults.csv

A small run is made up: finished pixels, one that failed, one that waits with a
checkpoint. Each command is run undisturbed, and which files below the run it opens to
read or to write, syncs and names is noted. Then it runs in a process of its own in
which one of these calls fails; for each call with each error in turn. The command has
to end with 75 and a sentence (or with what it ends with undisturbed, if it does without
the file), and afterwards no result may be put aside, no pixel marked as failed, no
traceback written; then the same command has to end as if nothing had been, with the
same numbers in every result and in the store. A loss exits with 1.

Commands are forks of one process that has all modules. The second command is played
once for each state that a fault leaves: where every file has the bytes that it had
before the fault, or after another one of the same command, the outcome is that one's.
Figures are of one pixel.
Logs and the ledger are left out of that comparison; nothing reads them. Faults that
the table has already are not played again. A folder in memory is the fastest.

The failing calls come from a small C library that is loaded before all others; a C
compiler is needed. The model is two lines, in the place of the process model.
"""

from __future__ import annotations

import argparse
import csv
import errno
import gc
import hashlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.kills_judged import OF_ITS_OWN, read_store, same
from benchmarks.made_up_run import PLACES, linear_model, make_up, run_command
from jobs.run.folder import RunFolder
from jobs.run.pixel_files import file_of_posterior, has_posterior, read_result

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note(const char *call, const char *path) {
    const char *log = getenv("FAULT_LOG"), *under = getenv("FAULT_UNDER");
    if (!log || !under || !path || strncmp(path, under, strlen(under))) return;
    int (*make)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int into = make(log, O_CREAT | O_WRONLY | O_APPEND, 0600);
    if (into < 0) return;
    dprintf(into, "%s %s\n", call, path + strlen(under));
    close(into);
}
static int fails(const char *call, const char *path) {
    note(call, path);
    const char *want = getenv("FAULT_CALL"), *name = getenv("FAULT_NAME");
    if (!want || !name || !path || strcmp(want, call) || !strstr(path, name)) return 0;
    const char *mark = getenv("FAULT_MARK");
    int (*make)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int hit = make(mark, O_CREAT | O_WRONLY, 0600);
    if (hit >= 0) close(hit);
    errno = atoi(getenv("FAULT_ERRNO"));
    return 1;
}
#define OPEN(name) int name(const char *p, int flags, ...) { \
    va_list a; va_start(a, flags); int mode = va_arg(a, int); va_end(a); \
    int writes = flags & (O_WRONLY | O_RDWR | O_CREAT); \
    if (!(flags & O_DIRECTORY) && fails(writes ? "write" : "read", p)) return -1; \
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #name); \
    return real(p, flags, mode); }
OPEN(open)
OPEN(open64)
int fsync(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n > 0) { path[n] = 0; if (fails("sync", path)) return -1; }
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    return real(fd);
}
int rename(const char *from, const char *to) {
    if (fails("name", to)) return -1;
    int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    return real(from, to);
}
"""
ERRORS = (
    "EIO", "ESTALE", "EMFILE", "ENOMEM", "ENOSPC", "EACCES", "ETIMEDOUT", "ENFILE",
    "EDQUOT", "EREMOTEIO",
)  # fmt: skip
COMMANDS = (
    "status",
    "collect",
    "calibrate --resume",
    "retry",
    "simulate --pixel 0",
    "evaluate",
    "report",
    "check",
)
GO_ON = {"retry": ("calibrate --resume",)}
"""What a command that was stopped asks for besides itself."""
_UNIQUE = re.compile(r"[0-9a-f]{32}|(?<=-)\d+(?=\.jsonl)|(?<=-)\d{8}T.*|\.\w{8}$")
"""Parts of names that differ from run to run; a fault is given by what is before."""


@dataclass(frozen=True)
class Case:
    """One fault.

    Attributes
    ----------
    command : of the command line, without the run
    call : read, write, sync or name
    name : part of the path at which the call fails
    error : which error of the system
    """

    command: str
    call: str
    name: str
    error: str


def opened(run: Path, reported: Path, command: str) -> tuple[int | str, list[Case]]:
    """Run a command undisturbed; return its exit code, and a case for each call.

    Each file below the run that it opens to read or to write, syncs, or names. What it
    imports is imported here.
    """
    log, listed = reported.with_name("opened"), reported.with_name("modules")
    log.unlink(missing_ok=True)
    environment = {"FAULT_LOG": str(log), "FAULT_UNDER": f"{run}/"}
    code = run_command(
        _words(command, run), reported, environment, seconds=300,
        before=lambda: list_modules_at_the_end(listed),
    )  # fmt: skip
    import_listed(listed)
    found = set()
    for line in log.read_text(errors="replace").splitlines():
        call, _, name = line.partition(" ")
        if name := _UNIQUE.split(name)[0]:
            found.add((call, name))
    return code, [
        Case(command, call, name, error)
        for call, name in sorted(found)
        for error in ERRORS
    ]


def compile_library(folder: Path) -> Path:
    """Compile the library whose calls fail."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise FileNotFoundError("no C compiler")
    (folder / "faults.c").write_text(SOURCE)
    library = folder / "faults.so"
    words = [compiler, "-shared", "-fPIC", "-o", str(library), "faults.c", "-ldl"]
    subprocess.run(words, cwd=folder, check=True)
    return library


@dataclass(frozen=True)
class Wanted:
    """What a command comes to undisturbed.

    Attributes
    ----------
    code : its exit code
    last : that of the last of `GO_ON`
    numbers : of results and store, as `numbers_of` gives them
    """

    code: int | str
    last: int | str
    numbers: dict[str, Any]


def go_on(run: Path, reported: Path, command: str) -> int | str:
    """Go on with a command as it says when it is stopped; return the last exit code."""
    code: int | str = 0
    for one in (command, *GO_ON.get(command, ())):
        code = run_command(_words(one, run), reported, {}, seconds=300)
    return code


class Numbers:
    """What results and stores hold; each content is read once."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, str], dict[str, Any]] = {}

    def of(self, run: Path) -> dict[str, Any]:
        """Return what every result and the store of a run hold."""
        folder = RunFolder(run)
        found: dict[str, Any] = {}
        for i in PLACES:
            pixel = folder.pixel(i)
            if not has_posterior(pixel):
                continue
            key = str(i), _digest(file_of_posterior(pixel))
            if key not in self._read:
                groups = read_result(pixel).groups
                self._read[key] = {f"{i} {name}": one for name, one in groups.items()}
            found |= self._read[key]
        if (place := run / "posteriors.zarr").exists():
            key = "store", digest_of(place)
            if key not in self._read:
                self._read[key] = {
                    f"store {name}": array
                    for name, array in read_store(run).items()
                    if name not in OF_ITS_OWN
                }
            found |= self._read[key]
        return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest_of(folder: Path) -> str:
    """Return the SHA-256 of all files below a folder: names, bytes, times of results.

    Logs and the ledger are left out.
    """
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if name.parts[0] in ("logs", "ledger"):
            continue
        found.update(f"{name} {path.lstat().st_mode}\n".encode())
        if path.is_file() and not path.is_symlink():
            if path.name == "posterior.nc":  # the store tells new ones by their time
                found.update(f"{path.stat().st_mtime_ns}\n".encode())
            found.update(_digest(path).encode())
    return found.hexdigest()


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return names of numbers that two runs do not share."""
    found = sorted(one.keys() ^ other.keys())
    for name in one.keys() & other.keys():
        a, b = one[name], other[name]
        if a is b:
            continue
        if not (same(a, b) if isinstance(a, np.ndarray) else a.equals(b)):
            found.append(name)
    return found


def marks_of(run: Path) -> dict[str, str]:
    """Return results and failures of all pixels, as far as a loss would show."""
    found = {}
    for path in sorted((run / "pixels").rglob("*")):
        if path.name == "posterior.nc":
            found[str(path.relative_to(run))] = str(path.stat().st_size)
        elif path.name == "failure.json":
            text = path.read_text()
            found[str(path.relative_to(run))] = str(json.loads(text).get("reason"))
    return found


def list_modules_at_the_end(listed: Path) -> None:
    """Let this process write which modules it has, when it ends."""
    end = os._exit

    def listing(code: int) -> None:
        listed.write_text("\n".join(sys.modules))
        end(code)

    os._exit = listing  # type: ignore[assignment]


def import_listed(listed: Path) -> None:
    """Import what another process had, so that forks of this one have it."""
    for name in listed.read_text().splitlines():
        if name not in sys.modules:
            with suppress(Exception):  # parts of others, made while they load
                importlib.import_module(name)


def draw_small() -> None:
    """Let every figure be a file of one pixel, in this process: drawing takes longest.

    Files are opened, synced and named as ever.
    """
    from matplotlib.figure import Figure
    from PIL import Image

    def savefig(figure: Figure, target: Any, **named: Any) -> None:
        with Path(target).open("wb") as opened:
            Image.new("RGB", (1, 1)).save(opened, "png")

    Figure.savefig = savefig  # type: ignore[assignment]


def _copy(base: Path, run: Path) -> None:
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(base, run)


def _words(command: str, run: Path) -> list[str]:
    verb, *rest = command.split()
    return [verb, str(run), *rest]


class Study:
    """All faults of some commands on a small run; the library must be loaded already.

    Parameters
    ----------
    folder : Path
        Where the run is made.
    commands : sequence of str
        Of `COMMANDS`.

    Attributes
    ----------
    cases : list of Case
        All that can be played.
    n_second : int
        Second commands that were played; those of other faults were known.
    """

    def __init__(self, folder: Path, commands: Sequence[str]) -> None:
        self.folder = folder.resolve()
        self.base, self.run = self.folder / "base", self.folder / "run"
        self.reported = self.folder / "told"
        self.cases: list[Case] = []
        self.n_second = 0
        self._numbers = Numbers()
        self._wanted: dict[str, Wanted] = {}
        self._afterwards: dict[tuple[str, str], list[str]] = {}
        if not self.base.exists():
            make_up(self.base)
        draw_small()
        for command in commands:
            self._undisturbed(command)
        gc.freeze()  # what is there is not looked at in every fork

    def _undisturbed(self, command: str) -> None:
        _copy(self.base, self.run)
        before = digest_of(self.run)
        code, found = opened(self.run, self.reported, command)
        last = code
        for one in GO_ON.get(command, ()):
            last = run_command(_words(one, self.run), self.reported, {}, seconds=300)
        self._wanted[command] = Wanted(code, last, self._numbers.of(self.run))
        self.cases += found
        # A fault that left all as it was: the command is played from there.
        _copy(self.base, self.run)
        self._afterwards[command, before] = self._second(command)

    def in_order(self, every: int = 1, first: int = 0) -> list[Case]:
        """Return every so-manieth fault, in a fixed order that mixes them.

        The first so many, as there are calls, have each call once, with an error that
        goes round; then each has its next error. Other firsts give other faults, so
        that portions make up the whole.
        """
        rng, n_errors = np.random.default_rng(1), len(ERRORS)
        n_calls = len(self.cases) // n_errors
        turns = rng.permutation(n_calls)
        order = [
            n_errors * call + (turns[call] + turn) % n_errors
            for turn in range(n_errors)
            for call in rng.permutation(n_calls)
        ]
        return [self.cases[i] for i in order[first::every]]

    def judge(self, case: Case) -> list[str]:
        """Play one fault on a copy of the run; return what it lost."""
        _copy(self.base, self.run)
        before = marks_of(self.run)
        faults = self._first(case)
        after = marks_of(self.run)
        for name, mark_before in before.items():
            if name.endswith("posterior.nc") and after.get(name) != mark_before:
                faults.append(f"{name} changed")
        new = {name for name in after if name.endswith("failure.json")} - set(before)
        if new:
            faults.append(f"marked as failed: {sorted(new)}")
        if list(self.run.rglob("*.damaged*")):
            faults.append("put aside")
        key = case.command, digest_of(self.run)
        if key not in self._afterwards:
            self._afterwards[key] = self._second(case.command)
            self.n_second += 1
        return faults + self._afterwards[key]

    def _first(self, case: Case) -> list[str]:
        """Run the command with the fault; return what is wrong with how it ended."""
        mark = self.folder / "mark"
        mark.unlink(missing_ok=True)
        environment = {
            "FAULT_CALL": case.call,
            "FAULT_NAME": case.name,
            "FAULT_ERRNO": str(getattr(errno, case.error)),
            "FAULT_MARK": str(mark),
        }
        words = _words(case.command, self.run)
        code = run_command(words, self.reported, environment, seconds=120)
        text = self.reported.read_text()
        faults = [] if mark.exists() else ["the call was not made"]
        if code not in (75, self._wanted[case.command].code):
            faults.append(f"exit {code}: {text.strip()[-200:]!r}")
        if code == 75 and "Continue with:" not in text:
            faults.append("75 without a sentence")
        if "Traceback" in text or list((self.run / "logs").glob("*.traceback.txt")):
            faults.append("a traceback")
        return faults

    def _second(self, command: str) -> list[str]:
        """Run the command again, without a fault; return what is not as it should."""
        wanted, faults = self._wanted[command], []
        code = go_on(self.run, self.reported, command)
        if code != wanted.last:
            text = self.reported.read_text().strip()
            faults.append(f"afterwards exit {code}: {text[-200:]!r}")
        if others := differences(self._numbers.of(self.run), wanted.numbers):
            faults.append(f"other numbers: {', '.join(others[:5])}")
        return faults


def played(table: Path | None) -> set[Case]:
    """Return the faults that a table has."""
    if table is None or not table.exists():
        return set()
    with table.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    return {Case(r["command"], r["call"], r["name"], r["error"]) for r in rows}


def append(table: Path, case: Case, faults: Sequence[str]) -> None:
    """Add a fault to a table, which is begun if it is not there."""
    new = not table.exists()
    with table.open("a", newline="") as opened:
        writer = csv.writer(opened)
        if new:
            writer.writerow(["command", "call", "name", "error", "lost"])
        writer.writerow([*asdict(case).values(), "; ".join(faults)])


def main(words: Sequence[str] | None = None) -> int:
    """Compile, load, play; print how many faults were played and what they lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--every", type=int, default=1, help="only each n-th fault")
    parser.add_argument(
        "--commands", nargs="+", choices=COMMANDS, default=COMMANDS, metavar="COMMAND"
    )
    parser.add_argument("--first", type=int, default=0, help="begin at this fault")
    parser.add_argument("--minutes", type=float, default=np.inf, help="stop then")
    parser.add_argument("--csv", type=Path, help="table that faults are added to")
    given = parser.parse_args(words)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="masm-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    if "faults.so" not in os.environ.get("LD_PRELOAD", ""):
        library = compile_library(folder)
        again = [sys.executable, "-m", "benchmarks.faults", str(folder)]
        again += ["--every", str(given.every), "--first", str(given.first)]
        again += ["--minutes", str(given.minutes)]
        again += ["--commands", *given.commands]
        again += ["--csv", str(given.csv)] if given.csv else []
        environment = {**os.environ, "LD_PRELOAD": str(library)}
        return subprocess.run(again, env=environment, check=False).returncode
    linear_model()
    study, began = Study(folder, given.commands), time.monotonic()
    print(f"{len(study.cases)} faults can be played", file=sys.stderr, flush=True)
    done, counted, lost = played(given.csv), Counter[str](), 0
    left = [one for one in study.in_order(given.every, given.first) if one not in done]
    for case in left:
        if time.monotonic() - began > 60 * given.minutes:
            break
        faults = study.judge(case)
        counted.update((case.command, case.call, case.error))
        lost += bool(faults)
        if given.csv:
            append(given.csv, case, faults)
        if faults:
            print(case, *faults, sep="\n  ", file=sys.stderr, flush=True)
    n_played = sum(counted[error] for error in ERRORS)
    print(", ".join(f"{n} {name}" for name, n in counted.items()), file=sys.stderr)
    print(
        f"of {len(study.cases)} faults ({len(given.commands)} commands, "
        f"{len(ERRORS)} errors), {len(done)} of them in the table before, "
        f"{study.n_second} second commands: {n_played} combinations played, "
        f"{lost} failures"
    )
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
