"""NSGA-II against exact fronts, and on two streams; GLUE and what it claims."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import masm
from masm.methods.optimisers.nondominated import crowding, fronts_of, knee, search

TIME = np.arange("2001-01-01", "2001-01-11", dtype="datetime64[D]")
PRIORS = {"a": (0.0, 1.0), "b": (0.0, 1.0)}


def zdt1(u):
    g = 1.0 + 9.0 * u[:, 1:].mean(axis=1)
    return np.column_stack([u[:, 0], g * (1.0 - np.sqrt(u[:, 0] / g))])


def hypervolume_of_two(values):
    """Area that a front dominates below 1.1 in each objective."""
    values = values[(values <= 1.1).all(axis=1)]
    values = values[np.argsort(values[:, 0])]
    area, edge = 0.0, 1.1
    for x, y in values:
        if y < edge:
            area += (1.1 - x) * (edge - y)
            edge = y
    return area


def dtlz2(u):
    g = ((u[:, 2:] - 0.5) ** 2).sum(axis=1)
    one, two = 0.5 * np.pi * u[:, 0], 0.5 * np.pi * u[:, 1]
    return (1.0 + g)[:, None] * np.column_stack(
        [np.cos(one) * np.cos(two), np.cos(one) * np.sin(two), np.sin(one)]
    )


def hypervolume_of_three(values):
    """Slices along the third objective, each an area of the first two."""
    values = values[(values <= 1.1).all(axis=1)]
    values = values[np.argsort(values[:, 2])]
    tops = np.append(values[:, 2], 1.1)
    return sum(
        hypervolume_of_two(values[: k + 1, :2]) * (tops[k + 1] - tops[k])
        for k in range(len(values))
    )


def found_by(objectives, d, seed, n_runs):
    rng = np.random.default_rng(seed)
    made = [0]

    def counted(u):
        made[0] += len(u)
        return objectives(u)

    _, values = search(
        counted, d, rng, start=rng.random((100, d)),
        more=lambda n: made[0] + n <= n_runs,
    )  # fmt: skip
    return values


def test_nsga2_has_the_hypervolume_of_zdt1():
    areas = [hypervolume_of_two(found_by(zdt1, 30, s, 25_000)) for s in range(5)]
    assert np.median(areas) >= 0.98 * 0.8767


def test_nsga2_has_most_of_the_hypervolume_of_dtlz2():
    volumes = [hypervolume_of_three(found_by(dtlz2, 12, s, 25_000)) for s in range(5)]
    assert 0.80 * 0.8074 <= np.median(volumes) <= 0.8074


def test_fronts_are_what_a_plain_loop_says():
    rng = np.random.default_rng(0)
    values = rng.random((60, 3))
    values[7] = np.nan
    front = fronts_of(values)
    ok = np.flatnonzero(np.isfinite(values[:, 0]))
    for i in ok:
        over = [j for j in ok if (values[j] <= values[i]).all() and j != i]
        assert front[i] == (1 + max(front[over]) if over else 0)
    assert front[7] == front.max()
    assert np.isinf(crowding(values[ok][:3])).sum() >= 2
    assert knee(np.array([[0.0, 1.0], [0.3, 0.3], [1.0, 0.0]])) == 1


def two_streams(theta):
    """Streams whose best fits are a = 0.2 and a = 0.8; b = 0.5 is best for both."""
    given = dict(theta)
    a, b = (np.atleast_1d(given[n])[:, None] * np.ones(10) for n in ("a", "b"))
    off = 3.0 * np.abs(b - 0.5)
    return xr.Dataset(
        {
            "gpp": (("sample", "time"), a + off, {"units": "g m-2 d-1"}),
            "lai": (("sample", "time"), a - off, {"units": "1"}),
        },
        coords={"time": TIME},
    )


def observed():
    data = {}
    for name, value, units in (("gpp", 0.2, "g m-2 d-1"), ("lai", 0.8, "1")):
        data[name] = ("time", np.full(10, value), {"units": units})
        data[f"{name}_sd"] = ("time", np.full(10, 0.1), {"units": units})
    return xr.Dataset(data, coords={"time": TIME})


def calibrate(method, **options):
    return masm.calibrate(
        two_streams, observed(), PRIORS, seed=3, method=method, windows=None, **options
    )


def test_streams_that_disagree_give_a_front_of_compromises():
    result = calibrate("nsga2", max_runs=2000, population=40)
    assert (result.status, result.reason) == ("suspect", "no_posterior")
    a, b = (result.posterior[n].to_numpy().ravel() for n in ("a", "b"))
    assert a.min() < 0.25
    assert a.max() > 0.75
    assert np.abs(b - 0.5).max() < 0.05
    assert a[int(result.attrs["knee"])] == pytest.approx(0.5, abs=0.05)
    assert result.attrs["objectives"] == "gpp, lai"


def test_glue_keeps_the_runs_that_behave_and_claims_no_posterior():
    result = calibrate("glue", max_runs=803, n_predictive=0)
    assert (result.status, result.reason) == ("suspect", "no_posterior")
    assert result.attrs["n_behavioural"] == 80
    assert "informal" in result.attrs["draws"]
    a, b = (result.posterior[n].to_numpy().ravel() for n in ("a", "b"))
    assert abs(a.mean() - 0.5) < 0.1
    assert np.abs(b - 0.5).max() < 0.3
    sharper = calibrate("glue", max_runs=803, n_predictive=0, power=20.0)
    assert sharper.attrs["ess_weights"] < result.attrs["ess_weights"]


@pytest.mark.parametrize("method", ["glue", "nsga2"])
def test_a_model_that_gives_only_its_cost_is_refused(method):
    with pytest.raises(masm.InputError, match="series"):
        masm.sample_cost(
            lambda theta: (theta**2).sum(axis=1), PRIORS, seed=1, method=method
        )


@pytest.mark.parametrize(
    "options", [{"behavioural": 0.0}, {"behavioural": 1.5}, {"power": 0.0}]
)
def test_options_of_glue_out_of_range_are_refused(options):
    with pytest.raises(masm.InputError, match="option"):
        calibrate("glue", **options)
