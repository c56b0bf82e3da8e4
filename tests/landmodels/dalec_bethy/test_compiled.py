"""A second process takes the kernels from the cache on disk, to the same numbers."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks import dalec_bethy_speed

ROOT = Path(__file__).parents[3]
PROGRAM = """
import hashlib
from benchmarks.dalec_bethy_twins import make_twin
from landmodels.dalec_bethy.compiled import kernel
problem, truth = make_twin("temperate", 1)
numbers = problem.observe(0.3 * truth)
stats = kernel("forward").stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()),
      hashlib.sha256(numbers.tobytes()).hexdigest())
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
    hits, misses, numbers = done.stdout.split()
    return int(hits), int(misses), "compiling" in done.stderr, numbers


def test_a_second_process_compiles_nothing_and_has_the_same_numbers(tmp_path):
    """To the last bit: each segment of a day is in the compiled loop only once."""
    hits, misses, told, compiled = start(tmp_path)
    assert (hits, misses, told) == (0, 1, True)
    assert start(tmp_path) == (1, 0, False, compiled)


def test_the_speed_benchmark_measures_a_run_and_its_gradient(monkeypatch, capsys):
    arguments = ["dalec_bethy_speed", "--years", "1", "--repeats", "1"]
    monkeypatch.setattr(sys, "argv", arguments)
    dalec_bethy_speed.main()
    text = capsys.readouterr().out
    assert "value and gradient" in text
    assert "memory" in text
