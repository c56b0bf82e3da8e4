"""Let the system fail at every file of every command, and see what is lost.

    python -m benchmarks.faults FOLDER --csv faults.csv

A small run is made up: finished pixels, one that failed, one that waits with a
checkpoint. Each command is run undisturbed, and which files below the run it opens to
read or to write, syncs and names is noted. Then it runs in a process of its own in
which one of these calls fails; for each call with each error in turn. The command has
to end with 75 and a sentence (or with what it ends with undisturbed, if it does without
the file), and afterwards no result may be put aside, no pixel marked as failed, no
traceback written; then the same command has to end as if nothing had been, with the
same numbers in every result and in the store. A loss exits with 1.

The failing calls come from a small C library that is loaded before all others; a C
compiler is needed. The model is two lines, in the place of the process model.
"""

from __future__ import annotations

import argparse
import csv
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.kills_judged import OF_ITS_OWN, read_store, same
from benchmarks.made_up_run import PLACES, linear_model, make_up, run_command
from jobs.run.folder import RunFolder
from jobs.run.pixel_files import has_posterior, read_result

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

    Each file below the run that it opens to read or to write, syncs, or names.
    """
    log = reported.with_name("opened")
    log.unlink(missing_ok=True)
    environment = {"FAULT_LOG": str(log), "FAULT_UNDER": f"{run}/"}
    verb, *rest = command.split()
    words = [verb, str(run), *rest]
    code = run_command(words, reported, environment, seconds=300)
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
        verb, *rest = one.split()
        code = run_command([verb, str(run), *rest], reported, {}, seconds=300)
    return code


def numbers_of(run: Path) -> dict[str, Any]:
    """Return what every result and the store hold."""
    folder = RunFolder(run)
    found: dict[str, Any] = {
        f"{i} {name}": group
        for i in PLACES
        if has_posterior(folder.pixel(i))
        for name, group in read_result(folder.pixel(i)).groups.items()
    }
    store = read_store(run) if (run / "posteriors.zarr").exists() else {}
    return found | {f"store {n}": a for n, a in store.items() if n not in OF_ITS_OWN}


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return names of numbers that two runs do not share."""
    found = sorted(one.keys() ^ other.keys())
    for name in one.keys() & other.keys():
        a, b = one[name], other[name]
        if not (same(a, b) if isinstance(a, np.ndarray) else a.equals(b)):
            found.append(name)
    return found


def judge(base: Path, folder: Path, case: Case, wanted: Wanted) -> list[str]:
    """Play one fault on a copy of the run; return what it lost."""
    run, mark, reported = folder / "run", folder / "mark", folder / "told"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(base, run)
    mark.unlink(missing_ok=True)
    before = marks_of(run)
    words = case.command.split()
    words = [words[0], str(run), *words[1:]]
    environment = {
        "FAULT_CALL": case.call,
        "FAULT_NAME": case.name,
        "FAULT_ERRNO": str(getattr(errno, case.error)),
        "FAULT_MARK": str(mark),
    }
    code = run_command(words, reported, environment, seconds=60)
    text = reported.read_text()
    faults = [] if mark.exists() else ["the call was not made"]
    if code not in (75, wanted.code):
        faults.append(f"exit {code}: {text.strip()[-200:]!r}")
    if code == 75 and "Continue with:" not in text:
        faults.append("75 without a sentence")
    if "Traceback" in text or list((run / "logs").glob("*.traceback.txt")):
        faults.append("a traceback")
    if list(run.rglob("*.damaged*")):
        faults.append("put aside")
    after = marks_of(run)
    for name, mark_before in before.items():
        if name.endswith("posterior.nc") and after.get(name) != mark_before:
            faults.append(f"{name} changed")
    new = {name for name in after if name.endswith("failure.json")} - set(before)
    if new:
        faults.append(f"marked as failed: {sorted(new)}")
    code = go_on(run, reported, case.command)
    if code != wanted.last:
        faults.append(
            f"afterwards exit {code}: {reported.read_text().strip()[-200:]!r}"
        )
    if others := differences(numbers_of(run), wanted.numbers):
        faults.append(f"other numbers: {', '.join(others[:5])}")
    return faults


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


class Study:
    """All faults of some commands on a small run; the library must be loaded already.

    Parameters
    ----------
    folder : Path
        Where the run is made.
    commands : sequence of str
        Of `COMMANDS`.
    """

    def __init__(self, folder: Path, commands: Sequence[str]) -> None:
        self.folder = folder.resolve()
        make_up(self.folder / "base")
        self.wanted: dict[str, Wanted] = {}
        self.cases: list[Case] = []
        run = self.folder / "run"
        for command in commands:
            shutil.rmtree(run, ignore_errors=True)
            shutil.copytree(self.folder / "base", run)
            code, found = opened(run, self.folder / "told", command)
            last = go_on(run, self.folder / "told", command)
            self.wanted[command] = Wanted(code, last, numbers_of(run))
            self.cases += found

    def play(self, every: int = 1, first: int = 0) -> Iterator[tuple[Case, list[str]]]:
        """Play every so-manieth fault, in a fixed order that mixes them.

        Other firsts play other faults, so that portions make up the whole.
        """
        order = np.random.default_rng(1).permutation(len(self.cases))
        for i in order[first::every]:
            case = self.cases[i]
            wanted = self.wanted[case.command]
            yield case, judge(self.folder / "base", self.folder, case, wanted)


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
    parser.add_argument("--csv", type=Path, help="table that faults are added to")
    given = parser.parse_args(words)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="masm-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    if "faults.so" not in os.environ.get("LD_PRELOAD", ""):
        library = compile_library(folder)
        again = [sys.executable, "-m", "benchmarks.faults", str(folder)]
        again += ["--every", str(given.every), "--first", str(given.first)]
        again += ["--commands", *given.commands]
        again += ["--csv", str(given.csv)] if given.csv else []
        environment = {**os.environ, "LD_PRELOAD": str(library)}
        return subprocess.run(again, env=environment, check=False).returncode
    linear_model()
    played, lost = 0, 0
    study = Study(folder, given.commands)
    print(f"{len(study.cases)} faults can be played", file=sys.stderr, flush=True)
    for case, faults in study.play(given.every, given.first):
        played, lost = played + 1, lost + bool(faults)
        if given.csv:
            append(given.csv, case, faults)
        if faults:
            print(case, *faults, sep="\n  ", file=sys.stderr, flush=True)
    print(
        f"of {len(study.cases)} faults ({len(given.commands)} commands, "
        f"{len(ERRORS)} errors): {played} combinations played, {lost} failures"
    )
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
