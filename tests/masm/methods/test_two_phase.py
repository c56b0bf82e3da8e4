"""The two-phase chains as a method: rejections, budget, window, resuming."""

import numpy as np
import pytest

import masm
from masm.errors import InputError

CORNER = masm.Constraint(
    "b above a", lambda theta: theta["b"] > theta["a"] + 1.8, ("a", "b")
)
PRIORS = {"a": (0.0, 1.0), "b": (2.0, 3.0)}


def sample(cost, seed=1, **options):
    given = {"max_runs": 6000, **options}
    return masm.sample_cost(cost, PRIORS, seed=seed, method="two_phase", **given)


def normal(theta):
    return (((theta - [0.5, 2.4]) / [0.1, 0.08]) ** 2).sum(axis=1)


def test_a_proposal_outside_is_a_rejection_that_costs_no_run():
    """The flat prior of the whole box is drawn: neither clipped nor drawn again."""
    seen = []

    def flat(theta):
        seen.append(np.array(theta))
        return np.zeros(len(theta))

    result = sample(flat, max_runs=16_000, lowest_acceptance=0.0,
                    highest_acceptance=1.0)  # fmt: skip
    points = np.concatenate(seen)
    assert points[:, 0].min() >= 0.0
    assert points[:, 1].max() <= 3.0
    assert result.attrs["out_of_range"] > 0
    assert len(points) == result.n_model_runs <= 16_000
    a = result.posterior["a"].to_numpy().ravel()
    assert (a < 0.1).mean() == pytest.approx(0.1, abs=0.04)
    assert not np.isin(a, [0.0, 1.0]).any()


def test_the_corner_against_a_constraint_is_never_entered():
    priors = masm.Priors(PRIORS, constraints=[CORNER])
    seen = []

    def watched(theta):
        seen.append(np.array(theta))
        return normal(theta)

    result = masm.sample_cost(
        watched, priors, seed=1, method="two_phase", max_runs=3000
    )
    points = np.concatenate(seen)
    assert np.all(points[:, 1] > points[:, 0] + 1.8)
    assert len(points) == result.n_model_runs < 3000


def test_chains_outside_the_window_are_openly_no_posterior():
    result = sample(normal, scale=200.0)
    assert (result.status, result.reason) == ("suspect", "not_converged")
    assert result.attrs["chains_kept"] == 0
    kept = sample(normal)
    assert kept.attrs["chains_kept"] == 3
    rates = [float(a) for a in kept.attrs["acceptance_of_chains"].split()]
    assert len(rates) == 3
    assert all(0.15 <= a <= 0.5 for a in rates)


def test_chains_that_are_rejected_give_no_draws():
    """A window between the chains' rates keeps some of them."""
    every = sample(normal, lowest_acceptance=0.0, highest_acceptance=1.0)
    rates = sorted(float(a) for a in every.attrs["acceptance_of_chains"].split())
    middle = 0.5 * (rates[0] + rates[1])
    some = sample(normal, lowest_acceptance=middle, highest_acceptance=1.0)
    assert some.posterior.sizes["chain"] == some.attrs["chains_kept"] < 3


def test_a_stopped_calibration_goes_on_to_the_same_draws(tmp_path):
    made = []
    observed = masm_observations()

    def model(theta):
        made.append(1)
        if len(made) == 120:
            raise KeyboardInterrupt
        return response(theta)

    def run(model, path):
        return masm.calibrate(
            model, observed, PRIORS, seed=3, method="two_phase", windows=None,
            checkpoint=path, n_chains=2, max_runs=240,
        )  # fmt: skip

    path = tmp_path / "checkpoint.nc"
    with pytest.raises(KeyboardInterrupt):
        run(model, path)
    before = len(made)
    resumed = run(model, path)
    assert len(made) < 240 + before  # what was on record was not run again
    whole = run(response, tmp_path / "other.nc")
    assert resumed.posterior.equals(whole.posterior)


def response(theta):
    import xarray as xr

    a, b = (np.atleast_1d(dict(theta)[n]) for n in PRIORS)
    time = np.arange("2001-01-01", "2001-01-11", dtype="datetime64[D]")
    x = np.linspace(0.0, 1.0, 10)
    values = a[:, None] + b[:, None] * x
    return xr.Dataset(
        {"gpp": (("sample", "time"), values, {"units": "g m-2 d-1"})},
        coords={"time": time},
    )


def masm_observations():
    made = response({"a": 0.5, "b": 2.4}).isel(sample=0)
    sd = made["gpp"].copy(data=np.full(10, 0.2))
    return made.assign(gpp_sd=sd)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_chains": 1}, "n_chains"),
        ({"max_runs": 20}, "max_runs"),
        ({"test_share": 1.0}, "test_share"),
        ({"scale": -1.0}, "scale"),
        ({"lowest_acceptance": 0.6}, "window"),
        ({"step_divisor": 0.0}, "steps"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        sample(normal, **options)


def test_a_model_that_seldom_runs_still_finds_its_starts():
    def half(theta):
        return np.where(theta[:, 0] < 0.45, normal(theta), np.nan)

    result = sample(half)
    assert float(result.posterior["a"].max()) < 0.45
    assert result.n_failed_runs > 0
