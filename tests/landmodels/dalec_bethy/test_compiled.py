"""The compiled kernels come from the cache on disk when a second process starts."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks import dalec_bethy_speed

ROOT = Path(__file__).parents[3]
PROGRAM = """
import numpy as np
from landmodels.dalec_bethy.compiled import kernel
from landmodels.dalec_bethy.tile import Run
run, forward = Run.zeros(0), kernel("forward")
forward(np.zeros(17), np.zeros(4), run.states, np.zeros((0, 7)),
        np.zeros((0, 18, 24)), run.daily, run.hourly)
hits, misses = forward.stats.cache_hits, forward.stats.cache_misses
print(sum(hits.values()), sum(misses.values()))
"""


def start(folder):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(int(n) for n in done.stdout.split())


def test_a_second_process_compiles_nothing(tmp_path):
    assert start(tmp_path) == (0, 1)
    assert start(tmp_path) == (1, 0)


def test_the_speed_benchmark_measures_a_run_and_its_gradient(monkeypatch, capsys):
    arguments = ["dalec_bethy_speed", "--years", "1", "--repeats", "1"]
    monkeypatch.setattr(sys, "argv", arguments)
    dalec_bethy_speed.main()
    text = capsys.readouterr().out
    assert "value and gradient" in text
    assert "memory" in text
