"""How a pixel's model is run: counted, and ended where a limit is set."""

import time

import numpy as np
import pytest

import masm
from jobs.stages.calibrate_pixel import model_runs
from masm.runners.series_runner import ModelRunner

TIME = np.arange(12.0)


def slow_above_two(theta):
    if np.any(theta["level"] > 2.0):
        time.sleep(600.0)
    return {"y": theta["level"][:, None] * np.ones(12)}


@pytest.mark.parametrize("seconds", [None, 4.0])
def test_runs_are_counted_and_one_that_hangs_is_ended(seconds):
    stream = masm.Stream(
        "y", TIME, np.ones(12), windows=None, variance=masm.GivenVariance(1.0)
    )
    levels = [0.5, 1.0, 1.5] if seconds is None else [0.5, 9.0, 1.5]
    counts = []
    with model_runs(slow_above_two, seconds, counts.append) as running:
        run = ModelRunner(
            observed=(stream.aggregate(),), observed_time={"y": TIME}, **running
        )
        found = run(masm.Samples([[level] for level in levels], ["level"]))[:, 0]
    if seconds is None:
        assert found.tolist() == levels
        assert counts == [3]
    else:
        assert np.isnan(found).tolist() == [False, True, False]
        assert run.failures == ["timeout: no result after 4 s"]
        assert counts[0] == 3
