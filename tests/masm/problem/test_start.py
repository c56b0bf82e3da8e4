"""A borrowed start: where the first runs are made, and nothing of what is sought."""

from types import SimpleNamespace

import numpy as np
import pytest

import masm
from masm.design.space_filling import first_points, n_of_prior
from masm.errors import InputError
from masm.problem.priors import as_priors
from masm.problem.problem import Problem

PRIORS = {"a": (0.0, 1.0), "b": (10.0, 20.0)}


def _model(theta):
    time = np.arange(24)
    return {
        "y": theta["a"][:, None] * np.sin(time / 3.0)
        + 0.1 * theta["b"][:, None] * np.cos(time / 5.0)
    }


def _observations():
    xr = pytest.importorskip("xarray")
    days = np.arange("2001-01-01", "2001-01-25", dtype="datetime64[D]")
    truth = _model({"a": np.array([0.3]), "b": np.array([14.0])})["y"][0]
    return xr.Dataset({"y": ("time", truth, {"units": "1"})}, {"time": days})


def _start(n=50):
    rng = np.random.default_rng(4)
    return masm.Start(
        {"a": rng.uniform(0.25, 0.35, n), "b": rng.uniform(13.0, 15.0, n)}
    )


def test_half_of_the_first_points_are_draws_of_others():
    problem = Problem(as_priors(PRIORS), ("b", "a"), lambda theta: None, start=_start())
    points = first_points(problem, 21, np.random.default_rng(1))
    assert points.shape == (21, 2)
    assert n_of_prior(problem, 21) == 11
    lent = problem.unit(problem.start.points(["b", "a"]))
    for point in points[11:]:
        assert np.abs(lent - point).sum(axis=1).min() < 1e-12
    assert np.ptp(points[:11], axis=0).min() > 0.7


def test_points_are_as_many_where_draws_are_few():
    problem = Problem(
        as_priors(PRIORS), ("a", "b"), lambda theta: None, start=_start(3)
    )
    assert len(first_points(problem, 20, np.random.default_rng(1))) == 20


def test_a_draw_that_a_chain_repeats_is_run_once():
    again = masm.Start({"a": np.full(30, 0.3), "b": np.full(30, 14.0)})
    problem = Problem(as_priors(PRIORS), ("a", "b"), lambda theta: None, start=again)
    points = first_points(problem, 20, np.random.default_rng(1))
    assert len(np.unique(points, axis=0)) == len(points) == 20


def test_without_a_start_nothing_changes():
    problem = Problem(as_priors(PRIORS), ("a", "b"), lambda theta: None)
    assert n_of_prior(problem, 20) == 20


def _calibrated(start=None, **options):
    return masm.calibrate(
        _model,
        _observations(),
        PRIORS,
        seed=3,
        variance=0.01,
        windows=None,
        start=start,
        max_runs=40,
        **options,
    )


def test_the_posterior_is_the_same_from_a_wrong_start():
    alone = _calibrated()
    wrong = masm.Start(
        {"a": np.full(50, 0.9), "b": np.full(50, 19.0)}, warp={"a": 2.0, "b": -2.0}
    )
    lent = _calibrated(wrong)
    for name in PRIORS:
        assert abs(lent.mean[name] - alone.mean[name]) < 0.3 * alone.sd[name]
        assert 0.7 < lent.sd[name] / alone.sd[name] < 1.4
    # What is drawn as the prior's prediction is of runs that the prior chose.
    assert lent.attrs["n_initial"] == alone.attrs["n_initial"] - (
        alone.attrs["n_initial"] // 2
    )


def test_a_start_of_results_has_their_draws():
    results = [_calibrated()]
    start = masm.Start.of(results)
    assert set(start.draws) == {"a", "b"}
    assert set(start.warp) == {"a", "b"}
    assert start.draws["a"].min() >= results[0].posterior["a"].min()


def test_another_start_is_another_calibration(tmp_path):
    path = tmp_path / "checkpoint.nc"
    _calibrated(_start(), checkpoint=path)
    with pytest.raises(masm.InputError, match="start"):
        _calibrated(_start(51), checkpoint=path)


@pytest.mark.parametrize(
    ("start", "options", "said"),
    [
        (masm.Start({"a": np.zeros(3)}), {}, "none of b"),
        (masm.Start({"a": np.zeros(3), "b": np.zeros(4)}), {}, "unequal"),
        (masm.Start({"a": np.full(3, np.nan), "b": np.zeros(3)}), {}, "NaN"),
    ],
)
def test_a_start_that_cannot_be_used_is_refused(start, options, said):
    with pytest.raises(masm.InputError, match=said):
        _calibrated(start, **options)


def test_a_start_needs_results_of_the_same_parameters():
    with pytest.raises(InputError, match="no results"):
        masm.Start.of([])
    one, other = (SimpleNamespace(parameters=names) for names in (("a",), ("a", "b")))
    with pytest.raises(InputError, match="differ in their parameters"):
        masm.Start.of([one, other])
