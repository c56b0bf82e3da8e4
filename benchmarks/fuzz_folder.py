"""Spoil a run folder at random and play every command on it.

    python -m benchmarks.fuzz_folder FOLDER --cases 500

A small run is made up (`benchmarks.made_up_run`). For each case one to three of its
files are spoilt: bytes changed, cut, numbers and texts of JSON and YAML put in each
other's place, arrays declared huge or kept in other files, or the file is a pipe, a
folder, a link to a file of the user's, and the like. Then a command runs in a process
of its own. It must end within 30 s, with an exit code of the list, without a crash and
in 2 GB of memory; no file beside the run may be read, written or made, and no program
started. An audit hook sees what Python opens; what libraries open is seen by the
decoys' times of access. Each case is written to the table when it is done: with the
same table, a study that was stopped goes on.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.made_up_run import linear_model, make_up, run_command, run_here

SECONDS = 30.0
_MANY = 100  # cases from which it pays to load all first
MEMORY = 2000.0  # MB, of one command
COMMANDS = (
    ("status",),
    ("collect",),
    ("report",),
    ("calibrate", "--resume"),
    ("retry",),
    ("simulate", "--pixel", "0"),
    ("evaluate",),
    ("check",),
    *(("status",), ("collect",), ("simulate", "--pixel", "100"), ("check",)) * 6,
)
"""All in turn; those that take longest come up less often."""
EXITS = (0, 2, 3, 4, 75)
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, 10**400, "x", "\x1b[2J", "", [], [1], {}, {"a": {}},
    "../../decoy/secret.txt", "a" * 100_000,
)  # fmt: skip

Rng = np.random.Generator


def flip(path: Path, rng: Rng, decoy: Path) -> None:
    """Change some bytes."""
    content = bytearray(path.read_bytes())
    for _ in range(int(rng.integers(1, 9))):
        if content:
            content[int(rng.integers(len(content)))] = int(rng.integers(256))
    path.write_bytes(content)


def cut(path: Path, rng: Rng, decoy: Path) -> None:
    """Keep the first part of a file."""
    os.truncate(path, int(rng.integers(path.stat().st_size + 1)))


def grow(path: Path, rng: Rng, decoy: Path) -> None:
    """Make a file huge, without taking place."""
    os.truncate(path, int(rng.choice([2**31, 2**40])))


def pipe(path: Path, rng: Rng, decoy: Path) -> None:
    """Put a pipe in its place, from which nothing ever comes."""
    path.unlink()
    os.mkfifo(path)


def folder(path: Path, rng: Rng, decoy: Path) -> None:
    """Put a folder with something in it in its place."""
    path.unlink()
    path.mkdir()
    (path / "x").write_text("x")


def link(path: Path, rng: Rng, decoy: Path) -> None:
    """Put a link in its place."""
    to = [decoy / "secret.txt", decoy / "secret.nc", decoy, Path("/dev/zero"), path]
    path.unlink()
    path.symlink_to(to[int(rng.integers(len(to)))])


def link_above(path: Path, rng: Rng, decoy: Path) -> None:
    """Put a link to the user's folder in the place of the folder it is in."""
    above = path.parent
    if (above / "config.yaml").exists():
        link(path, rng, decoy)
        return
    shutil.rmtree(above)
    above.symlink_to(decoy)


def values(path: Path, rng: Rng, decoy: Path) -> None:
    """Put another value at a random place of a JSON file."""
    try:
        content = json.loads(path.read_text())
    except (ValueError, RecursionError):  # spoilt before
        flip(path, rng, decoy)
        return
    node = content
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            break
        key = keys[int(rng.integers(len(keys)))]
        if isinstance(node[key], dict | list) and node[key] and rng.random() < 0.8:
            node = node[key]
            continue
        node[key] = VALUES[int(rng.integers(len(VALUES)))]
        break
    path.write_text(json.dumps(content))


def deep(path: Path, rng: Rng, decoy: Path) -> None:
    """Nest without end."""
    path.write_text('{"a":' * 50_000 + "1" + "}" * 50_000)


def arrays(path: Path, rng: Rng, decoy: Path) -> None:
    """Declare an array of an HDF5 file huge, elsewhere, or of another kind."""
    import h5py

    try:
        with h5py.File(path, "r+") as opened:
            names: list[str] = []
            opened.visititems(
                lambda name, one: (
                    names.append(name) if isinstance(one, h5py.Dataset) else None
                )
            )
            name = names[int(rng.integers(len(names)))]
            del opened[name]
            kinds: list[Callable[[], Any]] = [
                lambda: opened.create_dataset(name, (2**40,), "f8", chunks=(1000,)),
                lambda: opened.create_dataset(
                    name, (4, 50), "u1", external=[(str(decoy / "secret.txt"), 0, 200)]
                ),
                lambda: opened.__setitem__(
                    name, h5py.ExternalLink(str(decoy / "secret.nc"), "x")
                ),
                lambda: opened.create_dataset(name, data="a text"),
                lambda: opened.create_group(name),
                lambda: opened.create_dataset(name, (), "f8"),
                lambda: opened.create_dataset(name, (0, 0), "f8"),
            ]
            kinds[int(rng.integers(len(kinds)))]()
    except (OSError, KeyError, ValueError, RuntimeError):
        flip(path, rng, decoy)


def cells(path: Path, rng: Rng, decoy: Path) -> None:
    """Put another text in a cell of a table, or in several."""
    rows = [row.split(",") for row in path.read_text(errors="replace").splitlines()]
    texts = (
        "", "nan", "-inf", "1e400", "9" * 5000, "=1+1", "\x1b[2J", "../../decoy",
        "\u202e41", "\ufeff4", "\x00", '"', "a" * 10_000, "4_1", "\uff14\uff11", "True",
    )  # fmt: skip
    for _ in range(int(rng.integers(1, 4))):
        if rows and (row := rows[int(rng.integers(len(rows)))]):
            row[int(rng.integers(len(row)))] = texts[int(rng.integers(len(texts)))]
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")


def members(path: Path, rng: Rng, decoy: Path) -> None:
    """Write an archive again, with one of its parts spoilt."""
    try:
        with zipfile.ZipFile(path) as opened:
            parts = {one.filename: opened.read(one) for one in opened.infolist()}
    except (OSError, zipfile.BadZipFile):
        flip(path, rng, decoy)
        return
    name = sorted(parts)[int(rng.integers(len(parts)))]
    packing = zipfile.ZIP_STORED
    kind = int(rng.integers(7))
    if kind == 0:
        parts[name] = parts[name][: int(rng.integers(len(parts[name]) + 1))]
    elif kind == 1:
        parts[name], packing = bytes(3 * 2**30 // 4), zipfile.ZIP_DEFLATED
    elif kind == 2:
        del parts[name]
    elif kind == 3:
        parts["../../../decoy/posterior.nc"] = parts[name]
    elif kind == 4:
        parts[name] = bytes(rng.integers(256, size=len(parts[name]), dtype="u1"))
    elif kind == 5:
        parts |= {f"{i}.part": b"" for i in range(100_000)}
    else:
        aside = path.with_name("index")
        json_parts = [one for one in sorted(parts) if parts[one].startswith(b"{")]
        if json_parts:
            name = json_parts[0]
            aside.write_bytes(parts[name])
            (deep if rng.random() < 0.2 else values)(aside, rng, decoy)
            parts[name] = aside.read_bytes()
            aside.unlink()
    with zipfile.ZipFile(path, "w", packing) as made:
        for one, content in parts.items():
            made.writestr(one, content)


_START = ("config.yaml", "config.lock.yaml", "run.json", "pixels.csv", "places.csv")
ANY = (flip, cut, grow, pipe, folder, link, link_above)


def _kind(path: Path) -> str:
    """Name without what differs from run to run: numbers, and names that are unique."""
    return re.sub(r"[0-9a-f]{32}|\d+", "N", path.name)


def spoil(run: Path, decoy: Path, rng: Rng) -> list[str]:
    """Spoil one to three files of a run; return what was done."""
    done = []
    for _ in range(int(rng.integers(1, 4))):
        files = [
            path
            for path in sorted(run.rglob("*"))
            if path.is_file() and not path.is_symlink()
            and path.stat().st_size < 2**26  # not one that was blown up already
            and "forcing" not in path.parts
        ]  # fmt: skip
        # Each kind of file as often as any other, however many there are of it.
        kinds = sorted({_kind(path) for path in files})
        if rng.random() < 0.85:  # most stop at these, and show nothing of the rest
            kinds = [name for name in kinds if name not in _START]
        name = kinds[int(rng.integers(len(kinds)))]
        same = [path for path in files if _kind(path) == name]
        path = same[int(rng.integers(len(same)))]
        # Inputs may lie anywhere, by a link or by their name in the configuration.
        ways = [w for w in ANY if path.name != "places.csv" or w in (flip, cut, pipe)]
        if path.suffix == ".csv":
            ways += [cells, cells, cells]
        if path.suffix == ".zip":
            ways += [members] * 6
        if path.suffix == ".json":
            ways += [values, values, values, deep]
        if path.suffix == ".nc":
            ways += [arrays, arrays, arrays]
        way = ways[int(rng.integers(len(ways)))]
        way(path, rng, decoy)
        done.append(f"{way.__name__} {path.relative_to(run)}")
    return done


def make_decoy(path: Path) -> dict[str, bytes]:
    """Write what is the user's and must not be touched; return what it holds."""
    import h5py

    path.mkdir()
    (path / "secret.txt").write_text("the user's own\n" * 40)
    for name in (".bashrc", "posterior.nc", "summary.json", ".posterior.nc.ab12"):
        (path / name).write_text("the user's own\n")
    with h5py.File(path / "secret.nc", "w") as opened:
        opened["x"] = np.full((4, 50), 4242.0)
    return snapshot(path)


def snapshot(path: Path) -> dict[str, bytes]:
    """Return the content of all files, and set their times of access far back."""
    found = {}
    for one in sorted(path.rglob("*")):
        if one.is_file():
            found[one.name] = one.read_bytes()
            os.utime(one, (1, 2_000_000_000))
    return found


def touched(path: Path, before: dict[str, bytes], *, by_time: bool) -> list[str]:
    """Return which files of the user's were read, changed, made or taken away."""
    found = []
    for one in sorted(path.rglob("*")):
        if by_time and one.is_file() and one.stat().st_atime > 1:
            found.append(f"{one.name} was read")
    if snapshot(path) != before:
        found.append("files were changed")
    return found


def times_are_kept(path: Path) -> bool:
    """Return whether the file system notes when a file was read."""
    probe = path / "probe"
    probe.write_text("x")
    os.utime(probe, (1, 2_000_000_000))
    probe.read_text()
    kept = probe.stat().st_atime > 1
    probe.unlink()
    return kept


def _folder_of(path: Any, within: Any = -1) -> Any:
    """Return the folder of a name, which may be of a folder held open (a number)."""
    if not isinstance(path, str | bytes | os.PathLike):
        return path
    folder = os.path.dirname(os.fsdecode(path))
    if os.path.isabs(folder) or type(within) is not int or within < 0:
        return folder or "."
    return os.path.join(os.readlink(f"/proc/self/fd/{within}"), folder)


def watch(run: Path, reported: Path) -> Callable[[], None]:
    """Give a function that installs the audit hook; breaches go to a file."""
    allowed = [run.resolve(), Path(tempfile.gettempdir(), "masm-output").resolve()]
    # Libraries make folders of their own in the user's home when they are missing.
    cache, settings = Path.home() / ".cache", Path.home() / ".config"
    made = [cache, settings, settings / "matplotlib"]
    handle = os.open(
        reported, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600
    )

    def is_allowed(path: Any) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return True  # a number of an open file
        real = os.path.realpath(os.fsdecode(path))
        if f"{real}/".startswith(("/dev/", "/proc/", f"{cache}/")):
            return True
        return any(real == str(one) or real.startswith(f"{one}/") for one in allowed)

    def tell(event: str, what: Any) -> None:
        os.write(handle, f"{event} {what!r}\n".encode())

    def hook(event: str, words: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = words
            writes = isinstance(mode, str) and any(c in mode for c in "wax+")
            writes = writes or bool(
                isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
            )
            if isinstance(flags, int) and flags & os.O_NOFOLLOW:
                path = _folder_of(path)  # of a link, such a call opens nothing
            if writes and not is_allowed(path):
                tell("write", path)
        elif event in ("os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod",
                       "os.symlink", "os.rename", "os.link", "os.utime"):  # fmt: skip
            paths = words[:2] if event in ("os.rename", "os.link") else words[:1]
            for path in paths:
                if not isinstance(path, str | bytes | os.PathLike):
                    continue  # a number of an open file
                if event == "os.mkdir" and Path(os.fsdecode(path)) in made:
                    continue
                if not is_allowed(_folder_of(path, words[-1])):
                    tell(event, path)
        elif event in ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen"):
            tell(event, words[0])

    return lambda: sys.addaudithook(hook)


@dataclass(frozen=True)
class Case:
    """One spoilt folder and a command on it.

    Attributes
    ----------
    number : of the case, which with the seed says what is drawn
    what : the command, and what was spoilt
    code : exit code, or ``hang``
    seconds, cpu_seconds : that it took
    peak_mb : memory that it took, in megabytes
    wrong : what went wrong
    """

    number: int
    what: str
    code: int | str
    seconds: float
    cpu_seconds: float
    peak_mb: float
    wrong: list[str]


def play(
    place: Path, numbers: Sequence[int], seed: int = 0, seconds: float = SECONDS
) -> Iterator[Case]:
    """Play cases; yield what was done, how it ended, and what went wrong."""
    base, run, decoy = place / "base", place / "run", place / "decoy"
    for old in (base, run, decoy):
        shutil.rmtree(old, ignore_errors=True)
    make_up(base)
    if len(numbers) > _MANY:
        shutil.copytree(base, run)
        for verb, *rest in dict.fromkeys(COMMANDS):  # so that forks find all loaded
            run_here([verb, str(run), *rest], EXITS)
    secrets = make_decoy(decoy)
    by_time = times_are_kept(place)
    for number in numbers:
        rng = np.random.default_rng([seed, number])
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(base, run, symlinks=True)
        done = spoil(run, decoy, rng)
        snapshot(decoy)
        command = COMMANDS[number % len(COMMANDS)]
        words = [command[0], str(run), *command[1:]]
        breaches, used = place / "breaches", {}
        code = run_command(
            words, place / "told", {},
            seconds=seconds, before=watch(run, breaches), used=used,
        )  # fmt: skip
        wrong = breaches.read_text().splitlines()
        wrong += touched(decoy, secrets, by_time=by_time)
        if code not in EXITS:
            wrong.append(f"ended with {code}")
            wrong.append((place / "told").read_text(errors="replace").strip()[-300:])
        if used["cpu_seconds"] > SECONDS:
            wrong.append(f"computed for {used['cpu_seconds']:.0f} s")
        if used["peak_mb"] > MEMORY:
            wrong.append(f"took {used['peak_mb']:.0f} MB")
        what = f"{' '.join(command)}: {', '.join(done)}"
        yield Case(number, what, code, **used, wrong=wrong)


def numbers_in(table: Path) -> set[int]:
    """Read which cases are in a table already."""
    if not table.exists():
        return set()
    with table.open(newline="") as opened:
        return {int(row["case"]) for row in csv.DictReader(opened)}


def append(table: Path, case: Case) -> None:
    """Add a case to a table, which is begun if it is not there."""
    row = {
        "case": case.number,
        "what": case.what,
        "exit": case.code,
        "seconds": round(case.seconds, 2),
        "cpu_seconds": round(case.cpu_seconds, 2),
        "peak_mb": round(case.peak_mb),
        "wrong": "; ".join(case.wrong),
    }
    new = not table.exists()
    with table.open("a", newline="") as opened:
        writer = csv.DictWriter(opened, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)


def main(words: Sequence[str] | None = None) -> int:
    """Play; print how many cases there were and how they ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="more on a busy machine"
    )
    parser.add_argument("--csv", type=Path, help="table that cases are added to")
    given = parser.parse_args(words)
    given.folder.mkdir(parents=True, exist_ok=True)
    linear_model()
    done = numbers_in(given.csv) if given.csv else set()
    wanted = range(given.first, given.first + given.cases)
    numbers = [number for number in wanted if number not in done]
    found = []
    for case in play(given.folder.resolve(), numbers, given.seed, given.seconds):
        found.append(case)
        if given.csv:
            append(given.csv, case)
        if case.wrong:
            lines = [f"{case.number} {case.what}", f"exit {case.code}", *case.wrong]
            print(*lines, sep="\n  ", file=sys.stderr, flush=True)
    n_lost = sum(bool(case.wrong) for case in found)
    codes = Counter(str(case.code) for case in found)
    print(f"{len(found)} cases, {n_lost} failures; exit codes {dict(codes)}")
    slowest = max((case.seconds for case in found), default=0.0)
    largest = max((case.peak_mb for case in found), default=0.0)
    print(f"at most {slowest:.1f} s and {largest:.0f} MB")
    return int(n_lost > 0)


if __name__ == "__main__":
    sys.exit(main())
