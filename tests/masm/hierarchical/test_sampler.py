"""Site and group parameters against closed forms and limits."""

import numpy as np
import pytest

from masm.hierarchical import (
    GroupPrior,
    Guide,
    SiteDraws,
    matched_group_prior,
    predict_new_site,
    sample_hierarchy,
    sample_pooled,
    sample_separate,
    share_between,
    to_dataset,
)
from masm.hierarchical.calibrate import split_r_hat

VALUES = np.array([-0.6, 0.0, 0.8])
ERROR = 0.4
PRIOR = GroupPrior(np.zeros(1), np.eye(1), 5.0, 0.5 * np.eye(1))


def normal_site(value, sd=ERROR):
    return lambda theta: -0.5 * ((theta[:, 0] - value) / sd) ** 2


SITES = {f"s{i}": normal_site(value) for i, value in enumerate(VALUES)}


def moments(draws):
    """Mean, sd and effective size (by chains) of one parameter of every site."""
    flat = draws.theta[..., 0]
    mean, sd = flat.mean(axis=(0, 1)), flat.std(axis=(0, 1))
    error = flat.mean(axis=1).std(axis=0, ddof=1) / np.sqrt(len(flat))
    return mean, sd, np.maximum(error, 1e-3)


def guides(factor):
    """Points beside each site's own posterior, and its gradient times a factor."""
    rng = np.random.default_rng(5)

    def rising(value):
        return lambda theta: -factor * (theta - value) / ERROR**2

    return {
        f"s{i}": Guide(value + 0.3 + 0.3 * rng.standard_normal((40, 1)), rising(value))
        for i, value in enumerate(VALUES)
    }


def site_draws(n=4000, seed=0):
    """Draws of every site's own posterior under N(0, 2)."""
    rng = np.random.default_rng(seed)
    precision = 1.0 / 2.0 + ERROR**-2.0
    return {
        f"s{i}": SiteDraws(
            rng.normal(value * ERROR**-2.0 / precision, precision**-0.5, (n, 1)),
            np.zeros(1), 2.0 * np.eye(1),
        )
        for i, value in enumerate(VALUES)
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["slices", "metropolis", "draws"])
def test_three_sites_under_a_known_group_are_independent_and_exact(kind):
    """One vector proposed for all sites gives -0.37, 0, 0.53 and a correlation."""
    found = sample_hierarchy(
        site_draws() if kind == "draws" else SITES, PRIOR, seed=1,
        n_chains=16, n_draws=600, n_warm=200, slices=kind == "slices",
        mean=np.zeros(1), covariance=np.eye(1),
    )  # fmt: skip
    mean, sd, error = moments(found)
    slack = 0.02 if kind == "draws" else 0.0
    assert np.all(np.abs(mean - VALUES / 1.16) < 4.0 * error + slack)
    np.testing.assert_allclose(sd, 0.4 / 1.16**0.5, rtol=0.06)
    correlation = np.corrcoef(found.theta[..., 0].reshape(-1, 3).T)
    assert np.abs(correlation[np.triu_indices(3, 1)]).max() < 0.08


def test_one_vector_for_all_sites_would_be_seen():
    """The public implementation's rule, coded here, misses the exact means."""
    rng = np.random.default_rng(0)
    theta, kept = np.zeros((64, 3)), []
    for sweep in range(1500):
        k = sweep % 3
        proposal = theta[:, [k]] + 0.5 * rng.standard_normal((64, 1))
        log = -0.5 * ((VALUES - theta) / ERROR) ** 2 - 0.5 * theta**2
        new = -0.5 * ((VALUES - proposal) / ERROR) ** 2 - 0.5 * proposal**2
        taken = np.log(rng.random((64, 3))) < new - log
        theta = np.where(taken, proposal, theta)
        kept.append(theta)
    wrong = np.concatenate(kept[300:]).mean(axis=0)
    np.testing.assert_allclose(wrong, [-0.37, 0.0, 0.53], atol=0.03)
    assert np.abs(wrong - VALUES / 1.16).max() > 0.1


def test_the_joint_posterior_is_that_of_a_grid():
    """mu_g and log Sigma_g on a grid, sites integrated out in closed form."""
    mu = np.linspace(-4.0, 4.0, 401)[:, None]
    log_s = np.linspace(-6.0, 5.0, 600)[None, :]
    s = np.exp(log_s)
    # Sigma^-1 ~ Wishart(5, 0.5): density of Sigma, and the Jacobian of its logarithm.
    log = -0.5 * mu**2 - 2.5 * log_s - 0.5 / (0.5 * s)
    for value in VALUES:
        total = s + ERROR**2
        log = log - 0.5 * np.log(total) - 0.5 * (value - mu) ** 2 / total
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    site = (mu * ERROR**2 + VALUES[2] * s) / (s + ERROR**2)
    wanted = [np.sum(weight * x) for x in (mu + 0 * s, log_s + 0 * mu, site)]
    for sites, slack, known in (
        (SITES, 0.0, None), (site_draws(), 0.03, None), (SITES, 0.0, guides(1.0)),
        (SITES, 0.0, guides(-0.5)),
    ):  # fmt: skip
        found = sample_hierarchy(
            sites, PRIOR, seed=3, n_chains=16, n_draws=400, n_warm=150, guides=known
        )
        parts = [found.mean[..., 0], np.log(found.covariance[..., 0, 0]),
                 found.theta[:, :, 2, 0]]  # fmt: skip
        for part, exact in zip(parts, wanted, strict=True):
            error = part.mean(axis=1).std(ddof=1) / 4.0
            assert abs(part.mean() - exact) < 4.0 * error + slack


def test_without_spread_between_sites_the_group_is_the_pooled_vector():
    wide = {"n_chains": 16, "n_draws": 500, "n_warm": 300}
    tight = sample_hierarchy(SITES, PRIOR, seed=1, covariance=[[1e-6]], **wide)
    pooled = sample_pooled(SITES, PRIOR, seed=2, **wide)
    exact = VALUES.sum() / ERROR**2 / (1.0 + 3.0 / ERROR**2)
    for found in (tight, pooled):
        mean, sd, error = moments(found)
        assert np.all(np.abs(mean - exact) < 4.0 * error)
        np.testing.assert_allclose(sd, (1.0 + 3.0 / ERROR**2) ** -0.5, rtol=0.1)


def test_with_endless_spread_each_site_is_its_own_likelihood():
    found = sample_hierarchy(
        SITES, PRIOR, seed=1, covariance=[[1e4]], n_chains=16, n_draws=500
    )
    mean, sd, error = moments(found)
    assert np.all(np.abs(mean - VALUES) < 4.0 * error)
    np.testing.assert_allclose(sd, ERROR, rtol=0.06)


def test_separate_sites_have_the_prior_of_a_single_site():
    prior = matched_group_prior(np.zeros(1), 2.0 * np.eye(1))
    found = sample_separate(SITES, prior, seed=1, n_chains=16, n_draws=500)
    mean, _, error = moments(found)
    assert np.all(np.abs(mean - VALUES * 2.0 / (2.0 + ERROR**2)) < 4.0 * error)


def test_a_site_without_observations_is_predicted_from_the_group():
    sites = {**SITES, "unseen": None}
    found = sample_hierarchy(sites, PRIOR, seed=1, n_chains=16, n_draws=500)
    np.testing.assert_array_equal(found.from_group, [False, False, False, True])
    new = predict_new_site(found, seed=2)
    own = found.theta[:, :, 3]
    error = new.mean(axis=1).std(ddof=1) / 4.0 * 2.0**0.5
    assert abs(new.mean() - own.mean()) < 4.0 * error
    # It has the spread between sites, not that of the group's mean.
    assert own.std() > 1.3 * found.mean.std()
    fraction = share_between(found)
    assert 0.3 < fraction[0] < 1.0


def test_site_and_group_parameters_are_covered_as_often_as_they_should():
    """Twins from the prior itself, two parameters, four sites: 90 % intervals."""
    rng = np.random.default_rng(8)
    prior = GroupPrior(np.zeros(2), np.eye(2), 7.0, 0.25 * np.eye(2))
    inside, n_twins = [], 16
    for twin in range(n_twins):
        inverse = sum(np.outer(z, z) for z in rng.normal(size=(7, 2)) * 0.5)
        mean, covariance = rng.normal(size=2), np.linalg.inv(inverse)
        theta = rng.multivariate_normal(mean, covariance, 4)
        seen = theta + 0.5 * rng.normal(size=theta.shape)
        sites = {
            str(k): lambda t, y=y: -0.5 * np.sum((t - y) ** 2, axis=1) / 0.25
            for k, y in enumerate(seen)
        }
        found = sample_hierarchy(
            sites, prior, seed=twin, n_chains=16, n_draws=60, n_warm=90, thin=2
        )
        low, high = np.quantile(found.theta, [0.05, 0.95], axis=(0, 1))
        group_low, group_high = np.quantile(found.mean, [0.05, 0.95], axis=(0, 1))
        inside.append(
            [np.mean((low < theta) & (theta < high)),
             np.mean((group_low < mean) & (mean < group_high))]
        )  # fmt: skip
    rate, group_rate = np.mean(inside, axis=0)
    # Four binomial sd of 128 and of 32 intervals.
    assert 0.79 < rate <= 1.0
    assert 0.68 < group_rate <= 1.0


def test_the_matched_prior_has_the_variance_of_a_single_site():
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    for degrees, fraction in ((None, 0.5), (20.0, 0.2)):
        prior = matched_group_prior(
            np.zeros(2), covariance, degrees=degrees, share_between=fraction
        )
        np.testing.assert_allclose(prior.site_variance, covariance)
        np.testing.assert_allclose(prior.covariance, (1.0 - fraction) * covariance)


def guided(points, name="s0"):
    return sample_hierarchy(SITES, PRIOR, seed=1, guides={name: Guide(points)})


def bad_log_likelihood(theta):
    return np.full(len(theta), np.nan)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sample_hierarchy({}, PRIOR, seed=1), "sites"),
        (lambda: sample_hierarchy({"a": 3}, PRIOR, seed=1), "site a"),
        (
            lambda: sample_hierarchy({"a": bad_log_likelihood}, PRIOR, seed=1),
            "site a: the log-likelihood is not finite",
        ),
        (
            lambda: sample_hierarchy({"a": lambda t: t}, PRIOR, seed=1),
            r"site a[\s\S]*shape",
        ),
        (lambda: sample_hierarchy(SITES, PRIOR, seed=1, n_draws=0), "n_draws"),
        (lambda: sample_hierarchy(SITES, PRIOR, seed=1, mean=[0, 1]), "mean"),
        (
            lambda: sample_hierarchy(SITES, PRIOR, seed=1, covariance=[[-1.0]]),
            "not positive definite",
        ),
        (lambda: GroupPrior([0.0], [[1.0]], 0.0, [[1.0]]), "above p - 1"),
        (lambda: GroupPrior([0.0], [[0.0]], 3.0, [[1.0]]), "not positive definite"),
        (lambda: GroupPrior([0.0], [[1.0]], 2.0, [[1.0]]).site_variance, "p \\+ 1"),
        (lambda: matched_group_prior([0.0], [[1.0]], degrees=2.0), "p \\+ 1"),
        (lambda: matched_group_prior([0.0], [[1.0]], share_between=1.0), "share"),
        (lambda: SiteDraws(np.zeros((50, 1)), [0.0], [[1.0]]), "100 draws"),
        (lambda: guided(np.zeros((9, 2))), r"points of site s0[\s\S]*\(n_points, 1\)"),
        (lambda: guided(np.full((9, 1), np.nan)), "points of site s0"),
        (lambda: guided(np.zeros((9, 1)), "other"), "guides[\\s\\S]*other"),
        (
            lambda: sample_hierarchy(
                {"a": SiteDraws(np.ones((100, 2)), [0.0, 0.0], np.eye(2))},
                PRIOR, seed=1,
            ),
            "draws of 2 parameters",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_draws_are_labelled_and_arviz_opens_the_group(tmp_path):
    arviz = pytest.importorskip("arviz")
    found = sample_hierarchy(
        {**SITES, "unseen": None}, PRIOR, seed=1, n_draws=20, n_warm=20
    )
    data = to_dataset(found, ["q10"])
    path = tmp_path / "draws.nc"
    data.to_netcdf(path, group="posterior", engine="h5netcdf")
    opened = arviz.from_netcdf(path, engine="h5netcdf").posterior
    np.testing.assert_array_equal(opened["q10"], found.theta[..., 0])
    assert list(opened["from_group"].to_numpy()) == [False, False, False, True]
    with pytest.raises(ValueError, match="names of parameters"):
        to_dataset(found, ["q10", "amax"])


def test_chains_of_eight_narrow_correlated_parameters_agree():
    """At the sizes of `calibrate_together`; sd from 0.03 to 0.5 in turned axes."""
    rng, p = np.random.default_rng(1), 8
    variance = np.exp(np.linspace(np.log(0.03), np.log(0.5), p)) ** 2

    def narrow_site():
        turned, _ = np.linalg.qr(rng.normal(size=(p, p)))
        half, centre = turned / np.sqrt(variance), 0.8 * rng.normal(size=p)
        return lambda theta: -0.5 * (((theta - centre) @ half) ** 2).sum(axis=1)

    found = sample_hierarchy(
        {name: narrow_site() for name in "abc"},
        matched_group_prior(np.zeros(p), np.eye(p), degrees=p + 2, share_between=0.5),
        seed=1, n_chains=24, n_draws=200, n_warm=300,
    )  # fmt: skip
    r_hat = [split_r_hat(found.theta[:, :, k]).max() for k in range(3)]
    assert max(r_hat) < 1.05, r_hat


def test_chains_that_are_guided_come_nearer_to_each_other():
    """A banana in six parameters, with as many draws: R-hat 1.06 for 1.13 to 1.17."""
    p, bend = 6, 2.0

    def parts(theta):
        return theta[:, 0], (theta[:, 1] - bend * theta[:, 0] ** 2) / 0.1

    def value(theta):
        wide, narrow = parts(theta)
        return -0.5 * (narrow**2 + (wide / 0.7) ** 2)

    def slope(theta):
        wide, narrow = parts(theta)
        out = np.zeros_like(theta)
        out[:, 0] = narrow * 2.0 * bend * wide / 0.1 - wide / 0.7**2
        out[:, 1] = -narrow / 0.1
        return out

    rng = np.random.default_rng(2)
    points = rng.standard_normal((400, p))
    points[:, 0] *= 0.5
    points[:, 1] = bend * points[:, 0] ** 2 + 0.1 * points[:, 1]
    sites = dict.fromkeys("ab", value)

    def excess(seed, known):
        found = sample_hierarchy(
            sites, matched_group_prior(np.zeros(p), np.eye(p), degrees=p + 2),
            seed=seed, n_chains=24, n_draws=100, n_warm=100, guides=known,
        )  # fmt: skip
        return split_r_hat(found.theta).max() - 1.0

    known = {name: Guide(points, slope) for name in sites}
    ratios = [excess(seed, known) / excess(seed, None) for seed in (1, 2, 3)]
    assert np.median(ratios) < 0.6, ratios
