"""Runs that hang, crash or fail in other ways cost themselves and nothing else."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import masm
from masm.runners.executable import Executable, RunFailed
from masm.runners.process_map import ProcessMap, RunLost
from masm.runners.series_runner import ModelRunner

TIME = np.arange(12.0)
PRIORS = {"level": (0.0, 10.0)}
HANGS, DIES, RAISES, NANS, HUGE = 6.0, 7.0, 8.0, 9.0, 9.5
# Seconds; much longer than a run, also on a busy machine. Few runs take so long.
PATIENCE = 4.0
FAR = 8.8


def stream():
    values = 3.0 + 0.5 * np.random.default_rng(0).standard_normal(12)
    return masm.Stream(
        "y", TIME, values, windows=None, variance=masm.GivenVariance(1.0)
    )


def steady(theta):
    return {"y": theta["level"][:, None] * np.ones(12)}


def troubled(theta):
    """As steady, with something wrong beyond each of several levels."""
    level = theta["level"]
    if np.any((level >= HANGS) & (level < DIES)):
        time.sleep(600.0)
    if np.any((level >= DIES) & (level < RAISES)):
        os._exit(9)
    if np.any((level >= RAISES) & (level < NANS)):
        raise FloatingPointError("no solution")
    level = np.where((level >= NANS) & (level < HUGE), np.nan, level)
    level = np.where(level >= HUGE, 1e30, level)
    return {"y": level[:, None] * np.ones(12)}


def hanging_cost(theta):
    if np.any(theta[:, 0] > FAR):
        time.sleep(600.0)
    return ((theta[:, 0] - 3.0) / 0.5) ** 2


def samples(*levels):
    return masm.Samples([[level] for level in levels], ["level"])


@pytest.mark.parametrize("size", [1, 3])
def test_each_failure_costs_its_own_run_whatever_it_shares_a_call_with(size):
    levels = [1.0, 6.5, 2.0, 7.5, 3.0, 8.5, 4.0, 9.2, 5.0, 9.7]
    with ProcessMap(2, timeout=PATIENCE) as processes:
        run = ModelRunner(
            troubled, (stream().aggregate(),), map=processes, samples_per_call=size,
            observed_time={"y": TIME},
        )  # fmt: skip
        found = run(samples(*levels))
        assert found[::2, 0].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
        assert np.isnan(found[1::2]).all()
        assert len(run.failures) == 5
        assert sorted(text.split(":")[0] for text in run.failures) == [
            "FloatingPointError",
            "NaN, infinite or absurdly large output",
            "NaN, infinite or absurdly large output",
            "its process ended (exit code 9)",
            "timeout",
        ]
        # The workers that were ended have others in their place.
        assert run(samples(1.0, 2.0))[:, 0].tolist() == [1.0, 2.0]


def test_runs_that_hang_are_learned_from_like_any_that_fail():
    options = {"seed": 1, "max_runs": 22, "n_draws": 30}
    with ProcessMap(2, timeout=PATIENCE) as processes:
        ended = masm.calibrate(hangs_above, stream(), PRIORS, map=processes, **options)
    nan = masm.calibrate(nans_above, stream(), PRIORS, **options)
    assert ended.n_failed_runs == nan.n_failed_runs > 0
    assert ended.posterior.equals(nan.posterior)


def hangs_above(theta):
    if np.any(theta["level"] > FAR):
        time.sleep(600.0)
    return steady(theta)


def nans_above(theta):
    output = steady(theta)
    output["y"][theta["level"] > FAR] = np.nan
    return output


def test_a_time_limit_alone_makes_the_process_it_needs():
    result = masm.sample_cost(
        hanging_cost, PRIORS, seed=1, max_runs=20, timeout=PATIENCE
    )
    assert 0 < result.n_failed_runs < 6
    assert result.mean["level"] == pytest.approx(3.0, abs=0.1)


def test_what_cannot_be_ended_is_refused_before_any_run():
    options = {"seed": 1, "timeout": 1.0}
    with pytest.raises(masm.InputError, match="sent to a process"):
        masm.calibrate(lambda theta: steady(theta), stream(), PRIORS, **options)
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(masm.InputError, match="your own"),
    ):
        masm.calibrate(steady, stream(), PRIORS, map=pool.map, **options)
    with pytest.raises(masm.InputError, match="timeout is -1"):
        masm.sample_cost(hanging_cost, PRIORS, seed=1, timeout=-1)
    with pytest.raises(masm.InputError, match="n_workers"):
        ProcessMap(0)


def test_a_lost_call_of_one_set_is_not_made_again():
    calls = []

    def lossy(function, items):
        items = list(items)
        calls.append([len(item) for item in items])
        lost = [np.any(item["level"] > HANGS) for item in items]
        return [
            RunLost("timeout: gone") if gone else function(item)
            for gone, item in zip(lost, items, strict=True)
        ]

    run = ModelRunner(
        steady, (stream().aggregate(),), map=lossy, samples_per_call=2,
        observed_time={"y": TIME},
    )  # fmt: skip
    found = run(samples(1.0, 2.0, 3.0, 6.5, 7.5))
    assert calls == [[2, 2, 1], [1, 1]]
    assert np.isfinite(found[:, 0]).tolist() == [True, True, True, False, False]


PROGRAM = """\
import json, pathlib, subprocess, sys, time
level = json.loads(pathlib.Path("in.json").read_text())["level"]
if level > 9.0:
    # A wrapper whose child goes on, as shell scripts of models do.
    command = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
    child = subprocess.Popen(command)
    pathlib.Path(sys.argv[1]).write_text(str(child.pid))
    time.sleep(600)
if level > 8.0:
    sys.exit("the solver did not converge")
pathlib.Path("out.txt").write_text(" ".join([str(level)] * 12))
"""


def write(folder, parameters):
    import json

    (folder / "in.json").write_text(json.dumps(parameters))


def read(folder):
    return {"y": np.array((folder / "out.txt").read_text().split(), float)}


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    command = [sys.executable, "-S", str(path), str(tmp_path / "child")]
    return Executable(command, write, read, timeout=5.0)


def test_a_program_is_a_model_and_its_failures_have_reasons(program):
    run = ModelRunner(program, (stream().aggregate(),), observed_time={"y": TIME})
    found = run(samples(1.5, 8.5, 2.5))
    assert found[[0, 2], 0].tolist() == [1.5, 2.5]
    assert np.isnan(found[1]).all()
    assert run.failures == ["RunFailed: exit code 1: the solver did not converge"]


def test_a_program_out_of_time_is_ended_with_all_it_started(program, tmp_path):
    from dataclasses import replace

    started = time.monotonic()
    with pytest.raises(RunFailed, match="timeout: no result after 2 s"):
        replace(program, timeout=2.0)(samples(9.5)[0])
    assert time.monotonic() - started < 100.0
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    raise AssertionError("the program's child is still running")


def test_a_command_in_one_string_is_refused():
    with pytest.raises(masm.InputError, match="command of an executable"):
        Executable("model --fast", write, read)
