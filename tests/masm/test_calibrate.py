import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from masm.calibrate import expected_runs, least_runs
from masm.problem.blocks import caveat

STEPWISE = [
    masm.Block("gpp", ["peak", "width", "centre"]),
    masm.Block("lai", ["width", "centre"]),
]


def test_posterior_finds_the_parameters_that_made_the_data(twin, quick):
    result = masm.calibrate(
        twin.model, observations=twin.targets, priors=twin.priors, seed=7, **quick
    )
    assert np.all(np.abs(result.mean - twin.truth) < 3.0 * result.sd)
    assert result.status == "done"
    assert result.fit.loc[("calibrated", "gpp"), "diso"] < 0.2
    assert (
        result.fit.loc[("default", "gpp"), "cost"]
        > 5 * result.fit.loc[("calibrated", "gpp"), "cost"]
    )


def test_the_posterior_agrees_with_the_exact_one_near_its_peak(twin, quick):
    # A linear model in its one parameter: the posterior is normal in closed form.
    time = twin.targets["time"]
    shape = np.ones(time.size)

    def constant(theta):
        return {"gpp": theta["level"][:, None] * shape}

    result = masm.calibrate(
        constant,
        twin.targets,
        {"level": (0.0, 10.0)},
        seed=1,
        variance={"gpp": 4.0},
        **quick,
    )
    values = result.groups["observed_data"]["gpp"].to_numpy()
    assert result.mean["level"] == pytest.approx(values.mean(), abs=0.02)
    assert result.sd["level"] == pytest.approx(2.0 / np.sqrt(values.size), rel=0.05)


def test_stepwise_blocks_fix_what_they_should(twin_streams, quick):
    twin, seen = twin_streams, []

    def watched(theta):
        seen.append(np.array(theta))
        return twin.model(theta)

    result = masm.calibrate(
        watched, twin.targets, twin.priors, seed=3, blocks=STEPWISE, **quick
    )
    assert "peak stay" in result.caution
    assert result.caution in repr(result)
    calls = np.concatenate(seen)
    block = result.groups["runs"]["block"].to_numpy()
    first, second = calls[: block.size][block == 1], calls[: block.size][block == 2]
    assert np.ptp(first, axis=0).min() > 1.0
    # peak belongs to the first block only: fixed at its posterior mean in the second.
    assert np.ptp(second[:, 0]) < 1e-12
    assert second[0, 0] == pytest.approx(result.mean["peak"])
    assert np.ptp(second[:, 1:], axis=0).min() > 1.0
    assert result.fit.index.get_level_values("stage").unique().tolist() == [
        "default",
        "after block 1",
        "calibrated",
        "best run",
    ]
    assert np.all(np.abs(result.mean - twin.truth) < 4.0 * result.sd)
    assert result.n_model_runs == len(calls)


def test_the_best_run_is_at_least_as_good_as_any(twin, quick):
    result = masm.calibrate(twin.model, twin.targets, twin.priors, seed=7, **quick)
    cost = result.fit["cost"].xs("gpp", level="stream")
    assert cost["best run"] <= cost["calibrated"] + 0.1
    assert cost["best run"] == pytest.approx(float(result.groups["runs"]["cost"].min()))
    assert np.all(np.abs(result.best - twin.truth) < 5.0 * result.sd)


def test_stepwise_results_say_which_intervals_are_too_narrow():
    assert caveat([("a", "b", "c"), ("b", "c")]).startswith("Stepwise blocks: a stay")
    assert caveat([("a", "b"), ("b", "c"), ("c",)]).startswith(
        "Stepwise blocks: a, b stay"
    )
    assert caveat([("a", "b")]) == ""
    assert caveat([("a",), ("a", "b")]) == ""


def test_parameters_not_yet_calibrated_stay_at_their_default(twin_streams, quick):
    twin, seen = twin_streams, []

    def watched(theta):
        seen.append(np.array(theta))
        return twin.model(theta)

    priors = {**twin.priors, "peak": masm.Uniform(2.0, 20.0, default=8.5)}
    blocks = [masm.Block("lai", ["width", "centre"]), masm.Block("gpp", ["peak"])]
    result = masm.calibrate(
        watched, twin.targets, priors, seed=3, blocks=blocks, **quick
    )
    first = np.concatenate(seen)[result.groups["runs"]["block"].to_numpy().argmin()]
    assert first[0] == pytest.approx(8.5)
    assert result.parameters == ("peak", "width", "centre")
    assert result.mean["peak"] == pytest.approx(9.0, abs=0.3)


def test_two_streams_together_are_sharper_than_one(twin_streams, quick):
    twin = twin_streams
    joint = masm.calibrate(twin.model, twin.targets, twin.priors, seed=5, **quick)
    assert joint.caution == ""
    alone = masm.calibrate(
        twin.model,
        twin.targets.drop_vars(["lai", "lai_variance"]),
        twin.priors,
        seed=5,
        **quick,
    )
    assert joint.sd["width"] < alone.sd["width"]
    assert joint.attrs["variance_lai"] == "given"


def test_the_published_variance_is_named_and_wide(twin, quick):
    given = masm.calibrate(twin.model, twin.targets, twin.priors, seed=2, **quick)
    series = masm.calibrate(
        twin.model, twin.targets, twin.priors, seed=2, variance="series", **quick
    )
    assert given.attrs["variance_gpp"] == "given"
    assert series.attrs["variance_gpp"] == "series"
    assert np.all(series.sd > 2.0 * given.sd)


def test_correlated_errors_widen_the_posterior_as_they_should(twin, quick):
    size = twin.targets["time"].size

    def constant(theta):
        return {"gpp": theta["level"][:, None] * np.ones(size)}

    def run(**errors):
        return masm.calibrate(
            constant,
            twin.targets,
            {"level": (0.0, 10.0)},
            seed=1,
            variance=4.0,
            errors={"gpp": masm.Errors(**errors)},
            **quick,
        )

    plain, correlated, biased = run(), run(correlation=0.5), run(bias_sd=0.6)
    # n (1 - r) / (1 + r) effective observations; a bias adds its own variance.
    assert correlated.sd["level"] / plain.sd["level"] == pytest.approx(
        np.sqrt(3.0), rel=0.08
    )
    assert biased.sd["level"] == pytest.approx(np.sqrt(4.0 / 138 + 0.36), rel=0.06)
    assert biased.attrs["errors_gpp"] == "bias sd 0.6"


def test_a_seed_gives_the_same_posterior_and_another_a_different_one(twin, quick):
    def run(seed):
        return masm.calibrate(
            twin.model, twin.targets, twin.priors, seed=seed, **quick
        ).posterior

    assert run([4, 17]).equals(run([4, 17]))
    assert not run([4, 17]).equals(run([4, 18]))


def test_a_model_that_fails_now_and_then_is_survived(twin, quick):
    def fragile(theta):
        # One corner of the prior raises, and there is NaN here and there.
        if np.any((theta["peak"] > 18.0) & (theta["width"] > 100.0)):
            raise FloatingPointError("canopy did not converge")
        output = twin.model(theta)
        bad = np.modf(theta["centre"] * 1e3)[0] < 0.05
        return output.where(~xr.DataArray(bad, dims="sample"))

    result = masm.calibrate(fragile, twin.targets, twin.priors, seed=7, **quick)
    assert 0 < result.n_failed_runs < 0.2 * result.n_model_runs
    assert np.all(np.abs(result.mean - twin.truth) < 3.0 * result.sd)


class Stopped(BaseException):
    """As a signal would: not something a model run may swallow."""


@pytest.mark.parametrize("blocks", [None, STEPWISE])
def test_a_run_stopped_midway_resumes_to_the_same_answer(
    twin_streams, quick, tmp_path, blocks
):
    twin, path = twin_streams, tmp_path / "checkpoint.nc"
    uncut = masm.calibrate(
        twin.model, twin.targets, twin.priors, seed=11, blocks=blocks, **quick
    )
    calls = []

    def stopping(theta):
        calls.append(len(theta))
        if len(calls) in (5, 11):
            raise Stopped
        return twin.model(theta)

    def go_on():
        return masm.calibrate(
            stopping,
            twin.targets,
            twin.priors,
            seed=11,
            blocks=blocks,
            checkpoint=path,
            **quick,
        )

    for _ in range(2):
        with pytest.raises(Stopped):
            go_on()
        assert path.exists()
    resumed = go_on()
    assert resumed.posterior.identical(uncut.posterior)
    assert resumed.groups["runs"].identical(uncut.groups["runs"])
    assert resumed.attrs == uncut.attrs
    # The runs recorded before were not made again (two stopped calls had no result).
    assert sum(calls) == uncut.n_model_runs + 2 * 5
    calls.clear()
    assert go_on().posterior.identical(uncut.posterior)
    assert calls == []


def test_a_checkpoint_of_another_calibration_is_refused_by_name(twin, quick, tmp_path):
    path = tmp_path / "checkpoint.nc"
    short = {**quick, "n_iterations": 1}
    arguments = (twin.model, twin.targets, twin.priors)
    masm.calibrate(*arguments, seed=1, checkpoint=path, **short)
    with pytest.raises(masm.InputError, match=r"(?s)another calibration.*seed changed"):
        masm.calibrate(*arguments, seed=2, checkpoint=path, **short)
    with pytest.raises(masm.InputError, match="priors changed"):
        masm.calibrate(
            twin.model,
            twin.targets,
            {**twin.priors, "peak": (1.0, 20.0)},
            seed=1,
            checkpoint=path,
            **short,
        )
    with pytest.raises(masm.InputError, match="observations changed"):
        masm.calibrate(
            twin.model,
            twin.targets * 1.01,
            twin.priors,
            seed=1,
            checkpoint=path,
            **short,
        )


def test_the_result_survives_the_disk_and_arviz_opens_it(twin, quick, tmp_path):
    result = masm.calibrate(twin.model, twin.targets, twin.priors, seed=7, **quick)
    path = tmp_path / "posterior.nc"
    result.to_netcdf(path)
    assert [p.name for p in tmp_path.iterdir()] == ["posterior.nc"]
    again = masm.open_result(path)
    pd.testing.assert_frame_equal(again.summary(), result.summary())
    assert again.posterior.equals(result.posterior)
    assert again.attrs == result.attrs
    pd.testing.assert_frame_equal(again.fit, result.fit)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        import arviz

        data = arviz.from_netcdf(path)
        table = arviz.summary(data, round_to=10)
    # ArviZ before 1.0 gives an object of its own, later ones a tree of xarray.
    groups = data.groups() if callable(data.groups) else data.groups
    assert {
        "posterior",
        "prior",
        "sample_stats",
        "posterior_predictive",
        "observed_data",
    } <= {name.strip("/") for name in groups}
    ours = result.summary()
    assert table["mean"].to_numpy() == pytest.approx(ours["mean"].to_numpy(), rel=1e-6)
    assert table["r_hat"].to_numpy() == pytest.approx(ours["r_hat"].to_numpy())
    predicted = data.posterior_predictive["gpp"]
    assert predicted.dims == ("chain", "draw", "gpp_time")
    assert predicted.sizes["gpp_time"] == data.observed_data["gpp"].size == 138


def test_the_prior_predictive_is_the_first_runs_spread_over_the_prior(
    twin_streams, tmp_path
):
    result = masm.calibrate(
        twin_streams.model, twin_streams.targets, twin_streams.priors, seed=2,
        max_runs=45, n_draws=40,
    )  # fmt: skip
    predicted = result.groups["prior_predictive"]["gpp"]
    n = predicted.sizes["draw"]
    assert n == result.attrs["n_initial"]
    first = result.groups["runs"].isel(run=slice(0, n))
    # The season's peak follows the parameter of that name, one run for each draw.
    assert np.corrcoef(predicted.max("gpp_time")[0], first["peak"])[0, 1] > 0.95
    assert predicted.max() > result.groups["posterior_predictive"]["gpp"].max()


def test_the_summary_flags_a_parameter_at_its_bound(twin, quick):
    priors = {**twin.priors, "peak": (9.5, 20.0)}  # the truth is 9
    result = masm.calibrate(twin.model, twin.targets, priors, seed=7, **quick)
    summary = result.summary()
    assert summary["at_bound"].to_dict() == {"peak": "low", "width": "", "centre": ""}
    assert list(summary.columns) == [
        "mean",
        "sd",
        "q05",
        "q50",
        "q95",
        "r_hat",
        "ess_bulk",
        "ess_tail",
        "r_hat_gr",
        "at_bound",
        "unit",
    ]
    assert np.all(summary["q05"] < summary["q50"])
    assert "suspect" in repr(result) or "done" in repr(result)


def test_prior_draws_come_from_the_prior(twin, quick):
    priors = {**twin.priors, "peak": masm.LogUniform(2.0, 20.0)}
    result = masm.calibrate(
        twin.model, twin.targets, priors, seed=7, **{**quick, "n_iterations": 1}
    )
    peak = result.prior["peak"].to_numpy()
    assert np.median(peak) == pytest.approx(np.sqrt(40.0), rel=0.1)
    assert result.posterior["peak"].attrs["prior"] == "LogUniform"


def _never_run(theta):
    raise AssertionError("the model ran before the input was checked")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"priors": {}}, "priors"),
        ({"priors": {"peak": (3.0, 2.0)}}, "priors.peak"),
        ({"blocks": []}, "blocks are empty"),
        ({"blocks": ["gpp"]}, "block 1 is not a block"),
        ({"blocks": [masm.Block("er", ["peak"])]}, "block 1: unknown stream 'er'"),
        ({"blocks": [masm.Block("gpp", ["p5"])]}, "block 1: unknown parameter 'p5'"),
        (
            {"blocks": [masm.Block("gpp", ["peak"])]},
            "no block calibrates width, centre",
        ),
        ({"blocks": [masm.Block("gpp", [])]}, "block 1 has no parameter"),
        ({"blocks": [masm.Block("gpp", ["peak", "peak"])]}, "twice"),
        ({"method": "magic"}, "unknown method 'magic'"),
        ({"n_iteration": 3}, "unknown option 'n_iteration'"),
        ({"seed": "seven"}, "seed"),
        ({"seed": -1}, "seed"),
        ({"seed": []}, "seed"),
        ({"variance": 0.0}, "error variance is 0"),
        ({"variance": "best"}, "rule not known"),
        ({"checkpoint": "no/such/folder/c.nc"}, "folder does not exist"),
    ],
)
def test_bad_input_is_one_clear_error_before_any_run(twin, quick, changes, message):
    arguments = {
        "model": _never_run,
        "observations": twin.targets,
        "priors": twin.priors,
        "seed": 1,
        **quick,
        **changes,
    }
    with pytest.raises(masm.InputError, match=message):
        masm.calibrate(**arguments)


def test_units_that_differ_stop_the_calibration(twin, quick):
    targets = twin.targets.copy(deep=True)
    targets["gpp"].attrs["units"] = "kg m-2 s-1"
    with pytest.raises(masm.InputError, match="differ in unit"):
        masm.calibrate(twin.model, targets, twin.priors, seed=1, **quick)


def quick_line(calls):
    time = np.arange(20.0)

    def model(theta):
        calls.append(len(theta))
        slope, level = np.asarray(theta).T
        series = level[:, None] + slope[:, None] * np.tanh(time / 10.0)
        return xr.Dataset({"y": (("sample", "time"), series)}, {"time": time})

    observed = model(np.array([[0.4, 0.6]])).isel(sample=0)
    observed["y_sd"] = ("time", np.full(20, 0.1))
    calls.clear()
    return model, observed, {"slope": (0.0, 1.0), "level": (0.0, 1.0)}


@pytest.mark.parametrize(
    ("method", "options", "blocks"),
    [
        ("emulator", {"max_runs": 28}, 1),
        ("emulator", {"max_runs": 24}, 2),
        ("glue", {"max_runs": 60}, 1),
        ("nelder_mead", {"max_runs": 100}, 1),
        ("published", {"n_iterations": 2, "n_check": 8}, 1),
        ("published", {"n_iterations": 2, "n_check": 8}, 2),
    ],
)
def test_the_runs_of_a_call_are_those_that_are_expected(method, options, blocks):
    calls = []
    model, observed, priors = quick_line(calls)
    names = list(priors)
    steps = [masm.Block(["y"], part) for part in np.array_split(names, blocks)]
    steps = [masm.Block(["y"], list(map(str, step.parameters))) for step in steps]
    sizes = [len(step.parameters) for step in steps]
    result = masm.calibrate(
        model, observed, priors, seed=3, method=method, blocks=steps, windows=None,
        n_predictive=5, **options,
    )  # fmt: skip
    expected = expected_runs(method, sizes, options, n_predictive=5)
    assert result.n_model_runs == sum(calls) == expected


def test_the_least_budget_is_the_first_that_is_not_refused():
    model, observed, priors = quick_line([])
    least = least_runs("emulator", 2, n_predictive=5)

    def runs_made(max_runs):
        return masm.calibrate(
            model, observed, priors, seed=3, windows=None, n_predictive=5,
            max_runs=max_runs, n_chains=16, n_draws=60,
        ).n_model_runs  # fmt: skip

    assert runs_made(least) == least
    with pytest.raises(masm.InputError, match="at least 16 for 2 parameters"):
        runs_made(least - 1)
