"""Let the system fail at every file of every command, and see what is lost.

    python -m benchmarks.faults FOLDER --csv faults.csv

A small run is made up: finished pixels, one that failed, one that waits with a
checkpoint. Each command then runs in a process of its own in which one call of the
system fails: opening a file to read or to write, bringing it to the disk, giving it its
name; with each error in turn. The command has to end with 75 and a sentence (or with
what it ends with undisturbed, if it does without the file), and afterwards no result
may be put aside, no pixel marked as failed, no traceback written; then the same command
has to end as if nothing had been. A loss exits with 1.

The failing calls come from a small C library that is loaded before all others; a C
compiler is needed. The model is two lines, in the place of the process model.
"""

from __future__ import annotations

import argparse
import csv
import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.made_up_run import linear_model, make_up, run_command

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

static int fails(const char *call, const char *path) {
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
ERRORS = ("EIO", "ESTALE", "EMFILE", "ENOMEM", "ENOSPC", "EACCES", "ETIMEDOUT")
COMMANDS = (
    ("status",),
    ("collect",),
    ("calibrate", "--resume"),
    ("retry",),
    ("simulate", "--pixel", "0"),
)
READ = (
    "config.yaml",
    "config.lock.yaml",
    "run.json",
    "pixels.csv",
    "places.csv",
    "forcing/0.nc",
    "forcing/4.nc",
    "posterior.nc",
    "summary.json",
    "failure.json",
    "checkpoint.nc",
    "posteriors.zarr/zarr.json",
    "vmax/c/0",
    "collected_mtime/c/0",
)
WRITTEN = (
    "checkpoint",
    "summary",
    "posterior.nc",
    "running",
    "vmax/c/0",
    "mean/c/0",
    "collected_mtime/c/0",
    "zarr.json",
    "simulations/",
)


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


def cases(every: int = 1) -> Iterator[Case]:
    """Yield every so-manieth of all faults, in a fixed order that mixes them."""
    found = [
        Case(" ".join(command), call, name, error)
        for command in COMMANDS
        for call in ("read", "write", "sync", "name")
        for name in (READ if call == "read" else WRITTEN)
        for error in ERRORS
    ]
    order = np.random.default_rng(1).permutation(len(found))
    yield from (found[i] for i in order[::every])


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


def judge(base: Path, folder: Path, case: Case, wanted: dict[str, int]) -> list[str]:
    """Play one fault on a copy of the run; return what it lost."""
    run, mark, told = folder / "run", folder / "mark", folder / "told"
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
    code = run_command(words, told, environment, seconds=60)
    text = told.read_text()
    if not mark.exists():
        return []  # the command opens no such file
    faults = []
    if code not in (75, wanted[case.command]):
        faults.append(f"exit {code}: {text.strip()[-200:]!r}")
    if code == 75 and "Go on with:" not in text:
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
    code = run_command(words, told, {}, seconds=120)
    if code != wanted[case.command]:
        faults.append(f"afterwards exit {code}: {told.read_text().strip()[-200:]!r}")
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


def play(folder: Path, every: int = 1) -> list[tuple[Case, list[str]]]:
    """Play faults; the library must be loaded already."""
    base = folder / "base"
    make_up(base)
    wanted = {}
    for command in COMMANDS:
        run = folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(base, run)
        words = [command[0], str(run), *command[1:]]
        wanted[" ".join(command)] = run_command(words, folder / "told", {}, seconds=300)
    return [(case, judge(base, folder, case, wanted)) for case in cases(every)]


def main(words: Sequence[str] | None = None) -> int:
    """Compile, load, play; print how many faults were played and what they lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--every", type=int, default=1, help="only each n-th fault")
    parser.add_argument("--csv", type=Path)
    given = parser.parse_args(words)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="masm-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    if "faults.so" not in os.environ.get("LD_PRELOAD", ""):
        library = compile_library(folder)
        again = [sys.executable, "-m", "benchmarks.faults", str(folder)]
        again += ["--every", str(given.every)]
        again += ["--csv", str(given.csv)] if given.csv else []
        environment = {**os.environ, "LD_PRELOAD": str(library)}
        return subprocess.run(again, env=environment, check=False).returncode
    linear_model()
    played = play(folder, given.every)
    lost = [(case, faults) for case, faults in played if faults]
    if given.csv:
        with given.csv.open("w", newline="") as opened:
            writer = csv.writer(opened)
            writer.writerow(["command", "call", "name", "error", "lost"])
            for case, faults in played:
                writer.writerow([*asdict(case).values(), "; ".join(faults)])
    for case, faults in lost:
        print(case, *faults, sep="\n  ", file=sys.stderr)
    print(f"{len(played)} combinations, {len(lost)} failures")
    return int(bool(lost))


if __name__ == "__main__":
    sys.exit(main())
