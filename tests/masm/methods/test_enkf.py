"""The ensemble Kalman filter for parameters, where the model fails."""

import numpy as np
import pytest

import masm
from masm.errors import CalibrationFailed

N_MEMBERS, N_WINDOWS = 12, 3


@pytest.mark.parametrize("first_lost", [0, 1, N_WINDOWS])
def test_members_that_all_fail_are_no_posterior(first_lost):
    seen = 0

    def model(theta):
        nonlocal seen
        a = np.atleast_1d(theta["a"])[:, None] * np.ones(9)
        lost = seen >= first_lost * N_MEMBERS
        seen += len(a)
        return {"y": np.where(lost, np.nan, a)}

    stream = masm.Stream(
        "y", np.arange(9.0), np.linspace(1.0, 1.4, 9), variance=masm.GivenVariance(0.1)
    )
    with pytest.raises(CalibrationFailed, match="members failed"):
        masm.calibrate(
            model, {"y": stream}, {"a": (0.0, 3.0)}, seed=1, method="enkf",
            n_members=N_MEMBERS, n_windows=N_WINDOWS,
        )  # fmt: skip
