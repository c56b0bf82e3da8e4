"""A reanalysis on a real Slurm: submitted cycle by cycle, to the serial numbers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cluster import Cluster, missing_programs

from jobs.netcdf_files import read_netcdf
from jobs.run.reanalysis_run import open_reanalysis
from jobs.stages.reanalysis import reanalyse
from jobs.stages.reanalysis.twin import Network, write_twin

CONFIG = """\
name: a tiny network
seed: 3
reanalysis:
  years: 2001
  members: 3
  outputs: [nee]
  parameters: {prior: {aMax: [14.0, 22.0]}}
  initial_pools: initial_pools.csv
  filter:
    name: letkf
    process_error: {above_ground_wood: 150, lai: 0.2, soil_carbon: 150}
execution: {slurm: {memory_mb: 400, walltime_minutes: 30}}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    missing = missing_programs()
    if missing:
        pytest.skip(f"Slurm is not installed: no {', '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("starting Slurm's daemons needs root")
    with Cluster(tmp_path_factory.mktemp("slurm")) as running:
        yield running


def test_cycles_are_submitted_and_analysed_while_the_command_waits(cluster, tmp_path):
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG)
    write_twin(open_reanalysis(folder), Network(n_sites=2))
    serial = open_reanalysis(Path(shutil.copytree(folder, tmp_path / "serial")))
    assert reanalyse(serial)
    reported = subprocess.run(
        [sys.executable, "-m", "jobs", "reanalyse", str(folder), "--executor", "slurm",
         "--wait"],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert reported.returncode == 0, reported.stdout + reported.stderr
    assert reported.stdout.count("submitted job") == 2
    run = open_reanalysis(folder)
    for dates in run.cycles:
        mine, other = (read_netcdf(one.analysis(dates.number)) for one in (run, serial))
        assert mine.equals(other)
    assert (folder / "report.html").is_file()
