"""The study of syncs and names sees each kind of order that is broken."""

from __future__ import annotations

import shutil
import sys

import pytest

from benchmarks.sync_order import judge, under_strace

WRITTEN = [
    '1 openat(AT_FDCWD</>, "/run/.a.nc", O_RDWR|O_CREAT, 0666) = 3</run/.a.nc>',
    '1 write(3</run/.a.nc>, ""..., 10) = 10',
]
SYNCED = ["1 fsync(3</run/.a.nc>) = 0"]
NAMED = ['1 rename("/run/.a.nc", "/run/a.nc") = 0']
KEPT = ["1 fsync(4</run>) = 0"]
NEW = ['1 mkdir("/run/b", 0777) = 0']


def faults(*parts):
    found = judge([line for part in parts for line in part], "/run")
    return len(found.files), len(found.folders), len(found.early)


def test_a_file_and_its_name_in_order():
    assert faults(WRITTEN, SYNCED, NAMED, KEPT) == (0, 0, 0)
    assert judge([*WRITTEN, *SYNCED, *NAMED, *KEPT], "/run").n_names == 1


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ((WRITTEN, NAMED, KEPT), (1, 0, 0)),
        ((WRITTEN, NAMED, SYNCED, KEPT), (1, 0, 0)),
        ((WRITTEN, SYNCED, WRITTEN[1:], NAMED, KEPT), (1, 0, 0)),
        ((WRITTEN, ["1 fsync(3</run/.a.nc>) = -1 EIO (x)"], NAMED, KEPT), (1, 0, 0)),
        ((WRITTEN, ["1 fsync(3</run/.a.nc> <unfinished ...>"], NAMED, KEPT), (1, 0, 0)),
        ((WRITTEN, SYNCED, NAMED), (0, 1, 0)),
        ((WRITTEN, SYNCED, NEW, NAMED), (0, 2, 0)),
        ((NEW, WRITTEN, SYNCED, ['1 rename("/run/.a.nc", "/run/b/a") = 0']), (0, 2, 1)),
    ],
)
def test_each_broken_order_is_seen(parts, found):
    assert faults(*parts) == found


@pytest.mark.parametrize(
    "call",
    [
        'link("/run/.a.nc", "/run/a.nc") = 0',
        'linkat(AT_FDCWD</>, "run/.a.nc", 5</run>, "a.nc", 0) = 0',
        'renameat(5</run>, ".a.nc", 5</run>, "a.nc") = 0',
        'renameat2(AT_FDCWD</run>, ".a.nc", AT_FDCWD</run>, "a.nc", RENAME_EXCHANGE)'
        " = 0",
    ],
)
def test_every_call_that_gives_a_name_is_seen(call):
    assert faults(WRITTEN, [f"1 {call}"], KEPT) == (1, 0, 0)
    assert faults(WRITTEN, SYNCED, [f"1 {call}"]) == (0, 1, 0)


def test_a_folder_is_named_after_all_that_is_in_it():
    inside = [line.replace("/run/.a.nc", "/run/.m/x") for line in WRITTEN]
    name = ["1 fsync(5</run/.m>) = 0", '1 rename("/run/.m", "/run/m") = 0', *KEPT]
    assert faults(inside, name) == (1, 0, 0)
    assert faults(inside, ["1 fsync(3</run/.m/x>) = 0"], name) == (0, 0, 0)


def test_a_mark_comes_after_the_folders_of_what_it_vouches_for():
    def put(name):
        return [
            f"1 fsync(3</run/s.zarr/{name}.partial>) = 0",
            f'1 rename("/run/s.zarr/{name}.partial", "/run/s.zarr/{name}") = 0',
        ]

    mean = ["1 fsync(4</run/s.zarr/mean/c>) = 0"]
    state = ["1 fsync(4</run/s.zarr/state/c>) = 0"]
    assert faults(put("mean/c/0"), mean, put("state/c/0"), state) == (0, 0, 0)
    assert faults(put("mean/c/0"), put("state/c/0"), mean, state) == (0, 0, 1)
    assert faults(put("mean/c/0"), put("sd/c/0")) == (0, 2, 0)  # these may wait


PROGRAM = """
import os, sys
from pathlib import Path
from jobs.files import write_text
run = Path(sys.argv[1])
if sys.argv[2] == "broken":
    os.fsync = lambda handle: None
write_text(run / "pixels" / "a.json", "{}")
write_text(run / "pixels" / "a.json", "[]")
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace")
@pytest.mark.parametrize("how", ["whole", "broken"])
def test_real_calls_are_in_order_and_a_broken_order_is_seen(tmp_path, how):
    run, trace = tmp_path / "run", tmp_path / "trace"
    run.mkdir()
    under_strace([sys.executable, "-c", PROGRAM, str(run), how], trace)
    with trace.open(errors="replace") as lines:
        found = judge(lines, str(run))
    assert found.n_names == 2
    assert bool(found.files) == bool(found.folders) == (how == "broken")
