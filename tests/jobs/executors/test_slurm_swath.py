"""The experiments of a swath run as a Slurm array: the numbers of a serial run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from cluster import Cluster, missing_programs

CONFIG = """\
name: Synthetic two by two
seed: 4
swath:
  grid: {latitude: 50, longitude: 10, rows: 2, columns: 2, elevation: 300,
         years: 2001-2002, vegetation: [EvCn, EShr]}
  streams:
    ssm:
      every_days: 5
      utc: 5.5
      footprint: {kind: ellipse, semi_major_km: 22, semi_minor_km: 15}
      fraction: 0.1
      floor: 0.03
    fapar:
      every_days: 8
      utc: 23.5
      footprint: {kind: cells, size: 2}
      fraction: 0.1
      floor: 0.05
  truth_spread: 0.5
  minimiser: {max_evaluations: 8, cost_tolerance: 1.0e-6}
execution: {executor: slurm, slurm: {memory_mb: 400, walltime_minutes: 30}}
"""
_OF_THE_MACHINE = ("seconds", "cpu_seconds", "memory_mb")


def masm(*words):
    done = subprocess.run(
        [sys.executable, "-m", "jobs", *map(str, words)],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def cluster(tmp_path_factory):
    missing = missing_programs()
    if missing:
        pytest.skip(f"Slurm is not installed: no {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("starting Slurm's daemons needs root")
    with Cluster(tmp_path_factory.mktemp("slurm")) as running:
        yield running


def results(path):
    """What the experiments say, without what differs from machine to machine."""
    found = {}
    for file in sorted((path / "swath").iterdir()):
        if file.suffix == ".json":
            facts = json.loads(file.read_text())
            for key in _OF_THE_MACHINE:
                del facts[key]
            found[file.name] = facts
        else:
            found[file.name] = file.read_bytes()
    return found


def test_experiments_by_an_array_are_those_done_here(cluster, tmp_path):
    path = tmp_path / "swath"
    path.mkdir()
    (path / "config.yaml").write_text(CONFIG)
    here = shutil.copytree(path, tmp_path / "here")
    masm("swath", here, "--executor", "serial")
    told = masm("swath", path)
    assert "submitted job" in told
    assert not (path / "figures").exists()
    cluster.wait_until_empty(600)
    # The same command again shows what came of it, and has nothing to submit.
    told = masm("swath", path)
    assert "submitted job" not in told
    assert "fapar withheld" in told
    ours, theirs = results(path), results(here)
    assert [name for name in ours if name.endswith(".json")] == [
        f"experiment_{k}.json" for k in range(3)
    ]
    assert ours == theirs
