"""Errors that are not normal against their closed forms, and censored values."""

import numpy as np
import pytest
from scipy import stats

import masm
from masm.errors import InputError
from masm.likelihood.gaussian import GaussianLikelihood

DAY = np.arange(6.0)
SEEN = np.array([0.5, 1.4, 2.2, 3.1, 3.9, 0.2])
MADE = np.array([[0.8, 1.0, 2.5, 2.9, 4.4, 0.3], [0.1, 2.0, 2.0, 4.0, 3.0, 1.0]])
SD = 0.6


def likelihood(value=SEEN, **errors):
    stream = masm.Stream(
        "y", DAY[: len(value)], value, windows=None,
        variance=masm.GivenVariance(SD**2), errors=masm.Errors(**errors),
    )  # fmt: skip
    return GaussianLikelihood((stream.aggregate(),))


def exact(kind):
    if kind == "student":
        return stats.t.logpdf(SEEN, 5.0, MADE, SD * np.sqrt(3.0 / 5.0))
    if kind == "laplace":
        return stats.laplace.logpdf(SEEN, MADE, SD / np.sqrt(2.0) + 0.2 * MADE)
    if kind == "lognormal":
        sd = np.sqrt(np.log1p((SD / SEEN) ** 2))
        return stats.lognorm.logpdf(SEEN, sd, scale=MADE)
    return stats.norm.logpdf(SEEN, MADE, SD)


KINDS = {
    "normal": {},
    "student": {"distribution": "student", "degrees": 5.0},
    "laplace": {"distribution": "laplace", "growth_above": 0.2, "growth_below": 0.1},
    "lognormal": {"distribution": "lognormal"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_densities_are_those_of_the_closed_form(kind):
    found = likelihood(**KINDS[kind])
    np.testing.assert_allclose(found.log_densities(MADE), exact(kind), rtol=1e-12)
    whole = -0.5 * (found.cost(MADE) + found.normaliser)
    np.testing.assert_allclose(whole, exact(kind).sum(axis=1), rtol=1e-12)
    squares = np.sum(found.whiten(MADE) ** 2, axis=1)
    np.testing.assert_allclose(squares, found.cost(MADE), rtol=1e-12)


def test_the_scale_grows_on_both_sides_of_zero():
    found = likelihood(**KINDS["laplace"]).log_densities(-MADE)
    scale = SD / np.sqrt(2.0) + 0.1 * MADE
    np.testing.assert_allclose(found, stats.laplace.logpdf(SEEN, -MADE, scale))


@pytest.mark.parametrize("kind", ["normal", "student", "laplace", "lognormal"])
def test_a_censored_value_counts_by_the_probability_beyond_its_limit(kind):
    low, high = 0.5, 3.9  # one value at each, one below
    errors = {"distribution": kind, "censored_below": low, "censored_above": high}
    found = likelihood(**errors)
    b = SD / np.sqrt(2.0)
    of = {
        "normal": lambda x, at: stats.norm(x, SD),
        "student": lambda x, at: stats.t(4.0, x, b),
        "laplace": lambda x, at: stats.laplace(x, b),
        "lognormal": lambda x, at: stats.lognorm(
            np.sqrt(np.log1p((SD / at) ** 2)), scale=x
        ),
    }[kind]
    density = found.log_densities(MADE)
    below, above = [0, 5], [4]
    np.testing.assert_allclose(
        density[:, below], of(MADE[:, below], low).logcdf(low), rtol=1e-9
    )
    np.testing.assert_allclose(
        density[:, above], of(MADE[:, above], high).logsf(high), rtol=1e-9
    )
    inside = [1, 2, 3]
    np.testing.assert_allclose(
        density[:, inside], of(MADE[:, inside], SEEN[inside]).logpdf(SEEN[inside])
    )
    whole = -0.5 * (found.cost(MADE) + found.normaliser)
    np.testing.assert_allclose(whole, density.sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_replicated_observations_have_the_distribution(kind):
    found = likelihood(**KINDS[kind])
    rng = np.random.default_rng(3)
    made = np.array([found.replicate(MADE[0], rng) for _ in range(4000)])[:, 2]
    x, b = MADE[0, 2], SD / np.sqrt(2.0) + 0.2 * MADE[0, 2]
    expected = {
        "normal": stats.norm(x, SD),
        "student": stats.t(5.0, x, SD * np.sqrt(0.6)),
        "laplace": stats.laplace(x, b),
        "lognormal": stats.lognorm(np.sqrt(np.log1p((SD / SEEN[2]) ** 2)), scale=x),
    }[kind]
    assert stats.kstest(made, expected.cdf).pvalue > 1e-4


def test_replicated_observations_stay_within_the_limits():
    found = likelihood(censored_below=0.4, censored_above=3.0)
    rng = np.random.default_rng(4)
    made = np.array([found.replicate(MADE[0], rng) for _ in range(50)])
    assert made.min() == 0.4
    assert made.max() == 3.0


def line(theta):
    return {"y": theta["a"][:, None] * np.linspace(0.0, 2.0, 40)}


def flat(theta):
    return {"y": theta["a"][:, None] * np.ones(40)}


def calibrated(value, model=line, **errors):
    stream = masm.Stream(
        "y", np.arange(40.0), value, windows=None,
        variance=masm.GivenVariance(0.25), errors=masm.Errors(**errors),
    )  # fmt: skip
    return masm.calibrate(
        model, {"y": stream}, {"a": (0.0, 4.0)}, seed=1, method="importance",
        max_runs=1500,
    )  # fmt: skip


def test_a_few_wild_values_do_not_rule_a_fit_with_student_errors():
    value = 1.5 * np.linspace(0, 2, 40) + np.random.default_rng(2).normal(0, 0.5, 40)
    value[[30, 36]] += 12.0
    off = {
        kind: abs(float(calibrated(value, distribution=kind).mean["a"]) - 1.5)
        for kind in ("normal", "student")
    }
    assert off["student"] < 0.15 < off["normal"]


def test_values_at_a_detection_limit_do_not_bias_a_censored_fit():
    true = 0.8 + np.random.default_rng(5).normal(0, 0.5, 40)
    value = np.maximum(true, 1.0)  # what the instrument writes
    plain = calibrated(value, flat)
    censored = calibrated(value, flat, censored_below=1.0)
    assert float(plain.mean["a"]) - 0.8 > 3.0 * float(plain.sd["a"])
    assert abs(float(censored.mean["a"]) - 0.8) < 2.5 * float(censored.sd["a"])
    at = np.linspace(0.0, 4.0, 4001)
    stream = masm.Stream(
        "y", np.arange(40.0), value, windows=None, variance=masm.GivenVariance(0.25),
        errors=masm.Errors(censored_below=1.0),
    )  # fmt: skip
    cost = GaussianLikelihood((stream.aggregate(),)).cost(flat({"a": at})["y"])
    weight = np.exp(-0.5 * (cost - cost.min()))
    weight /= weight.sum()
    mean = weight @ at
    sd = np.sqrt(weight @ (at - mean) ** 2)
    assert abs(float(censored.mean["a"]) - mean) < 0.1 * sd
    assert float(censored.sd["a"]) == pytest.approx(sd, rel=0.1)


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        ({"distribution": "cauchy"}, "distribution"),
        ({"distribution": "student", "degrees": 2.0}, "degrees"),
        ({"growth_above": 0.1}, "growth_above"),
        ({"distribution": "laplace", "growth_below": -0.1}, "growth_below"),
        ({"censored_below": 2.0, "censored_above": 1.0}, "limits"),
        ({"censored_below": 9.0}, "every value is censored"),
        ({"distribution": "student", "correlation": 0.5}, "not normal"),
        ({"censored_below": 0.5, "treatment": "remove_mean"}, "not normal"),
    ],
)
def test_errors_that_cannot_be_are_refused(errors, message):
    with pytest.raises(InputError, match=message):
        likelihood(**errors)


def test_log_normal_errors_need_values_above_zero():
    with pytest.raises(InputError, match="above zero"):
        likelihood(np.array([0.0, 1.0, 2.0]), distribution="lognormal")
    kept = likelihood(
        np.array([0.0, 1.0, 2.0]), distribution="lognormal", censored_below=0.1
    )
    assert np.isfinite(kept.cost(np.array([[0.05, 1.0, 2.0]]))).all()
    assert np.isnan(kept.cost(np.array([[0.0, 1.0, 2.0]]))).all()


def test_unknown_size_and_exact_derivatives_are_refused():
    with pytest.raises(InputError, match="unknown size"):
        masm.Stream(
            "y", DAY, SEEN, windows=None, variance=masm.SampledVariance(1.0),
            errors=masm.Errors(distribution="student"),
        )  # fmt: skip
    with pytest.raises(InputError, match="not normal"):
        likelihood(distribution="student").whiten_slopes(np.ones(6))


@pytest.mark.parametrize("kind", KINDS)
def test_an_effective_share_is_a_factor_on_the_log_likelihood(kind):
    whole, part = likelihood(**KINDS[kind]), likelihood(
        **KINDS[kind], effective_share=0.25
    )  # fmt: skip
    np.testing.assert_allclose(part.cost(MADE), 0.25 * whole.cost(MADE), rtol=1e-12)
    assert part.normaliser == pytest.approx(0.25 * whole.normaliser)
    np.testing.assert_allclose(part.log_densities(MADE), whole.log_densities(MADE))
    one, other = (np.random.default_rng(1) for _ in range(2))
    np.testing.assert_array_equal(
        whole.replicate(MADE[0], one), part.replicate(MADE[0], other)
    )
    if kind == "normal":
        v, w = np.linspace(-1.0, 1.0, 6), np.linspace(2.0, 0.5, 6)
        assert part.whiten_slopes(v) @ w == pytest.approx(v @ part.whiten_back(w))
        np.testing.assert_allclose(part.unwhiten(part.whiten(MADE)), MADE)


@pytest.mark.parametrize("windows", [None, "8-day"])
def test_thinning_keeps_every_so_many_th_value(windows):
    day = np.arange("2001-01-01", "2001-04-11", dtype="datetime64[D]")
    value, spread = np.arange(100.0), np.linspace(1.0, 2.0, 100)
    whole, thin = (
        masm.Stream(
            "y", day, value, windows=windows, variance=masm.GivenVariance(),
            given=spread, errors=masm.Errors(every=k),
        ).aggregate()
        for k in (1, 3)
    )  # fmt: skip
    for name in ("time", "value", "variance"):
        np.testing.assert_array_equal(getattr(thin, name), getattr(whole, name)[::3])
    assert thin.n_obs == -(-whole.n_obs // 3)


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        ({"every": 0}, "every"),
        ({"effective_share": 0.0}, "effective_share"),
        ({"every": 2, "effective_share": 0.5}, "twice"),
        ({"correlation": 0.5, "effective_share": 0.5}, "twice"),
    ],
)
def test_correlation_is_made_up_for_once(errors, message):
    with pytest.raises(InputError, match=message):
        masm.Errors(**errors)


def test_methods_of_gradients_take_errors_that_are_not_normal():
    value = 1.5 * np.linspace(0, 2, 40) + np.random.default_rng(2).normal(0, 0.5, 40)
    value[[30, 36]] += 12.0
    exact = calibrated(value, distribution="student")
    stream = masm.Stream(
        "y", np.arange(40.0), value, windows=None, variance=masm.GivenVariance(0.25),
        errors=masm.Errors(distribution="student"),
    )  # fmt: skip
    found = masm.calibrate(
        line, {"y": stream}, {"a": (0.0, 4.0)}, seed=1, method="4dvar", n_predictive=0
    )
    sd = float(exact.sd["a"])
    assert found.status == "done"
    assert abs(float(found.mean["a"]) - float(exact.mean["a"])) < 0.2 * sd
    assert float(found.sd["a"]) == pytest.approx(sd, rel=0.15)
