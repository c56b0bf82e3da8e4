from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from masm.runners.cost_runner import CostRunner
from masm.runners.series_runner import ModelRunner

TIME = pd.date_range("2001-01-01", "2001-12-31")
DAY = np.arange(TIME.size, dtype=float)
NAMES = ("level", "slope")


def batch_model(theta):
    gpp = theta["level"][:, None] + theta["slope"][:, None] * DAY
    return xr.Dataset(
        {"gpp": (("sample", "time"), gpp, {"units": "g m-2 d-1"})},
        coords={"time": TIME},
    )


def single_model(theta):
    parameters = dict(theta)
    level, slope = float(parameters["level"]), float(parameters["slope"])
    return xr.Dataset({"gpp": ("time", level + slope * DAY)}, coords={"time": TIME})


def mapping_model(theta):
    return {"gpp": theta["level"][:, None] + theta["slope"][:, None] * DAY}


def stubborn_model(theta):
    if np.any(theta["level"] == 3.0):
        raise RuntimeError("no solution at level 3")
    return batch_model(theta)


def observed(units="g m-2 d-1", **options):
    stream = masm.Stream("gpp", TIME, 1.0 + 0.01 * DAY, units=units, **options)
    return stream.aggregate()


def runner(model, **options):
    return ModelRunner(model, (observed(),), observed_time={"gpp": TIME}, **options)


THETA = masm.Samples([[1.0, 0.01], [2.0, 0.0], [3.0, 0.02], [4.0, 0.0]], NAMES)
EXPECTED = np.stack(
    [
        pd.Series(level + slope * DAY).groupby((TIME.day_of_year - 1) // 8).mean()
        for level, slope in THETA
    ]
)


@pytest.mark.parametrize("model", [batch_model, single_model, mapping_model])
@pytest.mark.parametrize("size", [None, 1, 3])
def test_any_callable_is_a_model(model, size):
    run = runner(model, samples_per_call=size)
    assert run(THETA) == pytest.approx(EXPECTED)
    assert run(THETA[:1]) == pytest.approx(EXPECTED[:1])
    assert run.failures == []


def test_a_model_of_single_sets_is_soon_called_only_with_those():
    sizes = []

    def counting(theta):
        sizes.append(theta.shape)
        return single_model(theta)

    run = runner(counting)
    run(THETA)
    sizes.clear()
    run(THETA)
    assert len(sizes) == len(THETA)


def test_a_batch_model_is_called_once_for_a_batch():
    calls = []

    def counting(theta):
        calls.append(len(theta))
        return batch_model(theta)

    runner(counting)(THETA)
    assert calls == [4]


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_runs_go_through_the_callers_map(pool):
    with pool(2) as executor:
        assert runner(batch_model, map=executor.map)(THETA) == pytest.approx(EXPECTED)


def test_one_bad_set_spoils_only_its_own_run():
    run = runner(stubborn_model)
    for _ in range(2):
        result = run(THETA)
        assert np.isnan(result[2]).all()
        assert result[[0, 1, 3]] == pytest.approx(EXPECTED[[0, 1, 3]])
    assert run.failures == ["RuntimeError: no solution at level 3"] * 2
    assert run(THETA[:2]) == pytest.approx(EXPECTED[:2])


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_nan_infinity_and_absurd_values_are_failures(bad):
    def broken(theta):
        output = batch_model(theta)
        output["gpp"][1, 100] = bad
        return output

    run = runner(broken)
    result = run(THETA)
    assert np.isnan(result[1]).all()
    assert np.isfinite(result[[0, 2, 3]]).all()
    assert len(run.failures) == 1


def test_nan_where_nothing_was_observed_is_no_failure():
    values = 1.0 + 0.01 * DAY
    values[:16] = np.nan
    stream = masm.Stream("gpp", TIME, values).aggregate()

    def late_start(theta):
        output = batch_model(theta)
        output["gpp"][:, :16] = np.nan
        return output

    assert ModelRunner(late_start, (stream,))(THETA) == pytest.approx(EXPECTED[:, 2:])


def test_output_already_at_the_observed_times_is_taken_as_it_is():
    stream = masm.Stream("gpp", np.arange(5), np.ones(5) + np.arange(5)).aggregate()
    run = ModelRunner(
        lambda theta: {"gpp": theta["level"][:, None] * np.ones(5)}, (stream,)
    )
    assert run(THETA)[:, 0].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_output_is_matched_by_time_when_it_has_one():
    stream = masm.Stream("gpp", [10, 30], [1.0, 2.0]).aggregate()

    def model(theta):
        grid = np.arange(0, 50, 10)
        values = theta["level"][:, None] * grid
        return xr.Dataset({"gpp": (("sample", "time"), values)}, coords={"time": grid})

    assert ModelRunner(model, (stream,))(THETA)[1].tolist() == [20.0, 60.0]
    missing = masm.Stream("gpp", [10, 35], [1.0, 2.0]).aggregate()
    with pytest.raises(masm.InputError, match="none at 35"):
        ModelRunner(model, (missing,))(THETA)


def test_a_series_every_eighth_day_is_compared_with_itself():
    # Its dates drift through the windows of three years; each keeps its own.
    time = pd.date_range("2001-01-01", periods=138, freq="8D")
    values = np.sin(np.arange(138.0))
    stream = masm.Stream("gpp", time, values).aggregate()

    def model(theta):
        gpp = theta["level"][:, None] * values
        return xr.Dataset({"gpp": (("sample", "time"), gpp)}, coords={"time": time})

    assert ModelRunner(model, (stream,))(THETA)[1] == pytest.approx(2.0 * values)


def test_a_unit_that_differs_is_refused_not_converted():
    run = ModelRunner(batch_model, (observed("kg m-2 s-1"),))
    with pytest.raises(masm.InputError, match=r"(?s)differ in unit.*kg m-2 s-1"):
        run(THETA)
    assert ModelRunner(batch_model, (observed(""),))(THETA).shape == EXPECTED.shape


def test_an_unknown_stream_is_refused_with_what_there_is():
    stream = masm.Stream("lai", TIME, 1.0 + DAY).aggregate()
    with pytest.raises(masm.InputError, match=r"(?s)'lai'.*output gpp"):
        ModelRunner(batch_model, (stream,))(THETA)


def test_output_of_another_length_without_time_is_refused():
    run = ModelRunner(lambda theta: {"gpp": np.ones((len(theta), 7))}, (observed(),))
    with pytest.raises(masm.InputError, match="states no time"):
        run(THETA)
    with pytest.raises(masm.InputError, match="kind that is not known"):
        ModelRunner(lambda theta: np.ones(4), (observed(),))(THETA)


def test_a_cost_function_fails_one_set_at_a_time():
    def cost(theta):
        if np.any(theta["level"] == 3.0):
            raise ValueError("three")
        return np.where(theta["level"] == 4.0, np.inf, theta["level"])

    run = CostRunner(cost)
    result = run(THETA)
    assert result[:2].tolist() == [1.0, 2.0]
    assert np.isnan(result[2:]).all()
    assert len(run.failures) == 2
    with ThreadPoolExecutor(2) as executor:
        parallel = CostRunner(cost, map=executor.map)(THETA)
    assert np.array_equal(parallel, result, equal_nan=True)
