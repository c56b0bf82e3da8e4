"""Observations and parameter tables as bad as they come: a posterior, or a clear no.

What is calibrated ends as ``done`` or ``suspect`` with a reason, and all its numbers
are finite; what cannot be is refused by the name of the stream or parameter.
"""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import masm

LIMITS = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
REASONS = {
    "model_nan",
    "surrogate_not_fitted",
    "mode_lost",
    "not_converged",
    "no_posterior",
}
SMALL = {
    "method": "published",
    "n_initial_per_parameter": 6,
    "n_iterations": 1,
    "n_steps": 150,
    "n_draws": 400,
    "n_check": 2,
}


def outcome(twin, targets, **options):
    """The result of a calibration, or what refused it."""
    try:
        found = masm.calibrate(twin.model, targets, twin.priors, **options)
    except (masm.InputError, masm.CalibrationFailed) as failed:
        found = failed
    if isinstance(found, masm.CalibrationFailed):
        assert found.reason in REASONS
    elif isinstance(found, masm.InputError):
        assert "gpp" in str(found) or "time" in str(found)
        assert "\n  " in str(found)  # what was found, what was wanted
    else:
        look_whole(found, twin.priors)
    return found


def look_whole(result, priors):
    """A verdict with its reason, and draws that are numbers inside the prior."""
    assert result.status in ("done", "suspect")
    assert (result.status == "suspect") == (result.reason in REASONS)
    for name, (low, high) in priors.items():
        draws = result.posterior[name].to_numpy()
        assert np.isfinite(draws).all()
        assert ((draws >= low) & (draws <= high)).all()
    assert np.isfinite(result.summary()[["mean", "sd", "q05", "q95"]]).all(axis=None)


def constant(targets, rng):
    targets["gpp"][:] = rng.choice([0.0, 3.0, -3.0, 1e-30, 1e30])


def all_missing(targets, rng):
    targets["gpp"][:] = np.nan


def all_but_one_missing(targets, rng):
    kept = float(targets["gpp"][200])
    targets["gpp"][:] = np.nan
    targets["gpp"][200] = kept


def long_gaps(targets, rng):
    start = rng.randrange(900)
    targets["gpp"][start : start + rng.randrange(800)] = np.nan


def outliers(targets, rng):
    for _ in range(rng.choice([1, 10])):
        targets["gpp"][rng.randrange(900)] += rng.choice([-1, 1]) * 100 * 1.5


def absurd_outlier(targets, rng):
    targets["gpp"][rng.randrange(900)] = rng.choice([1e30, -1e30, 1e300, -9999.0])


def infinite(targets, rng):
    targets["gpp"][rng.randrange(900)] = rng.choice([np.inf, -np.inf])


def wrong_sign(targets, rng):
    targets["gpp"] *= -1.0


def zeros(targets, rng):
    targets["gpp"] *= 0.0


def other_scale(targets, rng):
    targets["gpp"] *= rng.choice([1e-12, 1e6, 1e20, 1e160])


def deviation(targets, rng):
    value = rng.choice([0.0, -1.0, np.nan, np.inf, 1e-200, 1e-6, 1e10, 1e200])
    targets["gpp_sd"][rng.randrange(900) :] = value


def twice(targets, rng):
    time = targets["time"].to_numpy().copy()
    time[400] = time[399]
    return targets.assign_coords(time=time)


def shuffled(targets, rng):
    order = np.arange(targets.sizes["time"])
    rng.shuffle(order)
    return targets.isel(time=order)


def other_years(targets, rng):
    shift = np.timedelta64(rng.choice([-3653, 400, 36525]), "D")
    return targets.assign_coords(time=targets["time"] + shift)


def text(targets, rng):
    return targets.assign(gpp=targets["gpp"].astype(str).astype(object))


def other_unit(targets, rng):
    targets["gpp"].attrs["units"] = rng.choice(["kg m-2 s-1", "g m-2 8d-1", "K"])


def few(targets, rng):
    return targets.isel(time=slice(0, rng.choice([0, 1, 2, 3, 8, 9])))


SPOILERS = [
    constant, all_missing, all_but_one_missing, long_gaps, outliers, absurd_outlier,
    infinite, wrong_sign, zeros, other_scale, deviation, twice, shuffled, other_years,
    text, other_unit, few,
]  # fmt: skip
RULES = ["series", "given", masm.RelativeVariance(0.1, 0.2), 2.0]


@pytest.mark.filterwarnings("error::RuntimeWarning")
@LIMITS
@given(seed=st.integers(0, 2**32))
def test_spoilt_observations_end_in_a_result_or_a_clear_refusal(twin, seed):
    rng = random.Random(seed)  # noqa: S311
    targets = twin.targets.copy(deep=True)
    for spoil in rng.sample(SPOILERS, rng.choice([1, 1, 2, 3])):
        if targets.sizes["time"] < 950 or targets["gpp"].dtype == object:
            break
        targets = targets if (new := spoil(targets, rng)) is None else new
    outcome(twin, targets, variance=rng.choice(RULES), seed=1, **SMALL)


@pytest.mark.parametrize(
    ("spoil", "variance", "expected"),
    [
        (constant, "series", masm.InputError),
        (zeros, "series", masm.InputError),
        (zeros, "given", masm.Result),
        (all_missing, "given", masm.InputError),
        (all_but_one_missing, "given", masm.InputError),
        (all_but_one_missing, "series", masm.InputError),
        (wrong_sign, "given", masm.Result),
        (outliers, "given", masm.InputError),  # GPP of 150 g m-2 d-1 cannot be
        (infinite, "given", masm.InputError),
        (twice, "given", masm.InputError),
        (other_years, "given", masm.InputError),
    ],
)
def test_what_becomes_of_each_kind_of_spoilt_observations(
    twin, spoil, variance, expected
):
    targets = twin.targets.copy(deep=True)
    new = spoil(targets, random.Random(1))  # noqa: S311
    targets = targets if new is None else new
    options = {"method": "emulator", "max_runs": 24, "n_draws": 200}
    if expected is not masm.Result:
        options = SMALL
    found = outcome(twin, targets, variance=variance, seed=1, **options)
    assert isinstance(found, expected)


def test_observations_that_no_parameters_explain_are_at_a_bound(twin, quick):
    targets = twin.targets.copy(deep=True)
    wrong_sign(targets, None)
    result = outcome(twin, targets, variance="given", seed=1, **quick)
    assert result.summary().loc["peak", "at_bound"]


TABLE = pd.DataFrame(
    {
        "default": [9.0, 55.0, 190.0],
        "min": [2.0, 20.0, 120.0],
        "max": [20.0, 120.0, 240.0],
        "unit": ["g m-2 d-1", "d", "d"],
    },
    index=["peak", "width", "centre"],
)
CELLS = [
    np.nan, np.inf, -np.inf, 1e308, -1.0, 0.0, "", "x", "1e-3", "1,5", None, "\ufeff2",
    True, [1.0], pd.Timestamp("2001-01-01"), 1j,
]  # fmt: skip


@LIMITS
@given(seed=st.integers(0, 2**32))
def test_a_spoilt_parameter_table_is_refused_by_name(seed):
    rng = random.Random(seed)  # noqa: S311
    table = TABLE.astype(object)
    name, column = rng.choice(list(table.index)), rng.choice(["default", "min", "max"])
    how = rng.randrange(6)
    if how == 0:
        table = table.rename(columns={"min": "max", "max": "min"})
    elif how == 1:
        table = table.drop(columns=column)
    elif how == 2:
        table = table.rename(index={"width": "peak"})
    elif how == 3:
        table = table.rename(columns={column: "\ufeff" + column})
    else:
        table.at[name, column] = rng.choice(CELLS)
    names = rng.choice([None, ["peak", "centre"]])
    try:
        priors = masm.Priors.from_table(table, names)
    except masm.InputError as failed:
        priors = {}
        if "priors" not in str(failed):
            raise
    for prior in priors.values():
        assert np.isfinite([prior.low, prior.high, prior.default_value]).all()
        assert prior.low < prior.high


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="min"), "no column 'min'"),
        (lambda t: t.rename(index={"width": "peak"}), "'peak' is in the table twi"),
        (lambda t: t.astype(object).replace(20.0, "wide"), "is no number"),
        (lambda t: t.replace(2.0, np.nan), "priors.peak: bounds must be finite"),
        (lambda t: t.replace(2.0, 30.0), "priors.peak: low must be below high"),
    ],
)
def test_the_faults_of_a_parameter_table_are_distinguished(change, message):
    with pytest.raises(masm.InputError, match=message):
        masm.Priors.from_table(change(TABLE.copy()))
