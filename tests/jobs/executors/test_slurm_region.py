"""The stages of a region as Slurm arrays: the same numbers as done here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from cluster import Cluster, missing_programs
from linear_region import make_run

from jobs.run.run import open_run
from jobs.stages.region_store import open_group

SLURM = "{executor: slurm, slurm: {memory_mb: 400, walltime_minutes: 5}}"
WORKERS = str(Path(__file__).parents[1] / "workers")


def masm(*words):
    done = subprocess.run(
        [sys.executable, "-m", "jobs", *map(str, words)],
        env={**os.environ, "PYTHONPATH": WORKERS, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def cluster(tmp_path_factory, monkeypatch):
    missing = missing_programs()
    if missing:
        pytest.skip(f"Slurm is not installed: no {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("starting Slurm's daemons needs root")
    monkeypatch.setenv("PYTHONPATH", WORKERS)
    with Cluster(tmp_path_factory.mktemp("slurm")) as running:
        yield running


def test_screening_and_the_regional_run_by_arrays_are_those_done_here(
    cluster, tmp_path
):
    path = make_run(
        tmp_path,
        sample="{screening: 0.02, calibration: 0.05}",
        trajectories=2,
        execution=SLURM,
    )
    here = shutil.copytree(path, tmp_path / "here")
    stages = (("screen",), ("simulate", "--parameters", "default"))
    for command, *words in stages:
        assert "submitted job" in masm(command, path, *words)
        cluster.wait_until_empty()
        # The same command again gathers, and has nothing to submit.
        assert "submitted job" not in masm(command, path, *words)
        masm(command, here, *words, "--executor", "serial")
    with (
        xr.open_dataset(path / "screening" / "morris.nc") as arrays,
        xr.open_dataset(here / "screening" / "morris.nc") as serial,
    ):
        assert arrays.sizes["pixel"] == 2
        np.testing.assert_array_equal(arrays["mu_star"], serial["mu_star"])
    ours, theirs = (
        open_group(open_run(folder), "default", "monthly").load()
        for folder in (path, here)
    )
    assert ours.sizes["pixel"] == 98
    xr.testing.assert_equal(ours, theirs)
