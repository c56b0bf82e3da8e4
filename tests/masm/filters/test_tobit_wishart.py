"""The Tobit-Wishart analysis against quadrature, importance sampling and limits."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from masm.filters import kalman, tobit_wishart
from masm.filters._process import ProcessPosterior, ProcessPrior, match

# mu_f, P_f, R, y, alpha, beta: mean and variance of X, geometric mean of Q.
TABLE = [
    (3.0, 2.0, 0.5, 5.0, 4.0, 3.0, 4.7197, 0.4338, 0.9705),
    (3.0, 2.0, 0.5, 0.0, 4.0, 3.0, -0.5199, 1.6631, 1.4400),
    (0.4, 0.3, 0.2, 0.0, 6.0, 2.0, -0.4403, 0.3871, 0.4136),
    (1.0, 0.5, 1.0, 9.0, 5.0, 1.0, 8.0715, 1.1956, 8.4807),
]
# Two sites of two states; the second state is seen at one site only, or nowhere.
MEAN = np.array([1.0, 2.0, 0.5, 2.5])
COVARIANCE = np.array(
    [[1.0, 0.3, 0.4, 0.1], [0.3, 0.8, 0.1, 0.2],
     [0.4, 0.1, 1.2, 0.3], [0.1, 0.2, 0.3, 0.9]]
)  # fmt: skip
BETA = np.array([[6.0, 2.0], [2.0, 5.0]])
ALPHA = 14.0


def quadrature(mean, spread, noise, value, alpha, beta):
    """Moments of X and geometric mean of Q by a double integral over log Q."""

    def given(log_q):
        q = np.exp(log_q)
        total, gain = spread + q + noise, spread + q
        off = -mean if value <= 0.0 else value - mean
        prior = -0.5 * alpha * log_q - 0.5 * beta / q
        if value > 0.0:
            return prior + stats.norm.logpdf(off, scale=total**0.5), gain, total, off, 0
        b = off / total**0.5
        ratio = np.exp(stats.norm.logpdf(b) - special.log_ndtr(b))
        change = 1.0 - b * ratio - ratio**2
        return prior + special.log_ndtr(b), gain, total, -ratio * total**0.5, change

    def moment(what):
        def inner(log_q):
            density, gain, total, off, change = given(log_q)
            centre = mean + gain / total * off
            spread_x = gain - gain**2 / total * (1.0 - change)
            chosen = {"x": centre, "xx": centre**2 + spread_x, "l": log_q, "1": 1.0}
            return np.exp(density) * chosen[what]

        return integrate.quad(inner, -30.0, 60.0, limit=500, epsabs=0.0, points=[0.0])[
            0
        ]

    norm = moment("1")
    first, second = moment("x") / norm, moment("xx") / norm
    return first, second - first**2, np.exp(moment("l") / norm)


@pytest.mark.parametrize("row", TABLE)
def test_one_state_is_that_of_the_published_quadrature(row):
    mean, spread, noise, value, alpha, beta, *wanted = row
    found = tobit_wishart(
        [mean], [[spread]], [[1.0]], [value], [noise], 0.0, alpha, [[beta]],
        n_sites=1, n_draws=40, seed=1,
    )  # fmt: skip
    shown = [found.mean[0], found.covariance[0, 0], found.process_geometric_mean[0]]
    np.testing.assert_allclose(shown, wanted, atol=6e-5)


@pytest.mark.parametrize("value", [-1.0, 0.7, 6.0])
@pytest.mark.parametrize("alpha", [3.5, 30.0])
def test_any_other_point_is_that_of_an_integral_over_q(value, alpha):
    wanted = quadrature(1.5, 0.8, 0.3, value, alpha, 2.0)
    found = tobit_wishart(
        [1.5], [[0.8]], [[1.0]], [value], 0.3, 0.0, alpha, 2.0,
        n_sites=1, n_draws=40, seed=1,
    )  # fmt: skip
    shown = [found.mean[0], found.covariance[0, 0], found.process_geometric_mean[0]]
    np.testing.assert_allclose(shown, wanted, rtol=1e-5)


def test_draws_of_the_heavy_row_have_its_quantiles():
    mean, spread, noise, value, alpha, beta, *_ = TABLE[1]
    found = tobit_wishart(
        [mean], [[spread]], [[1.0]], [value], [noise], 0.0, alpha, [[beta]],
        n_sites=1, n_draws=4000, seed=5,
    )  # fmt: skip
    fraction = [0.05, 0.25, 0.5, 0.75, 0.95]
    wanted = np.array([-2.620, -1.057, -0.336, 0.267, 1.040])
    below = (found.draws.state.ravel()[:, None] < wanted).mean(axis=0)
    error = np.sqrt(np.multiply(fraction, np.subtract(1.0, fraction)) / 4000)
    assert np.all(np.abs(below - fraction) < 4.0 * error)


@pytest.fixture(scope="module")
def reference():
    """Weighted draws of the model itself: importance sampling from its prior."""

    rng = np.random.default_rng(9)
    n = 100_000
    # Inverse Wishart of two states by its Cholesky factor (Bartlett).
    lower = np.zeros((n, 2, 2))
    lower[:, 0, 0] = rng.chisquare(ALPHA, n) ** 0.5
    lower[:, 1, 1] = rng.chisquare(ALPHA - 1.0, n) ** 0.5
    lower[:, 1, 0] = rng.normal(size=n)
    half = np.linalg.cholesky(BETA) @ np.linalg.inv(lower).transpose(0, 2, 1)
    process = half @ half.transpose(0, 2, 1)
    forecast = rng.multivariate_normal(MEAN, COVARIANCE, n)
    step = np.einsum("nij,nsj->nsi", half, rng.normal(size=(n, 2, 2)))
    state = forecast + step.reshape(n, 4)

    def make(operator, values, noise, lower):
        off = (values - state @ operator.T) / np.sqrt(noise)
        below = (np.maximum(values, lower) - state @ operator.T) / np.sqrt(noise)
        log_weight = np.where(values <= lower, special.log_ndtr(below), -0.5 * off**2)
        log_weight = log_weight.sum(axis=1)
        weight = np.exp(log_weight - log_weight.max())
        weight /= weight.sum()
        return weight, state, forecast, process

    return make


CASES = {
    "all states seen, two values censored": (np.eye(4), [2.0, 0.0, -1.0, 3.0], 0.3),
    "second state never seen": (np.eye(4)[[0, 2]], [2.5, 1.5], 0.3),
    "second state never seen, censored": (np.eye(4)[[0, 2]], [0.0, 0.0], 0.3),
    "a sum of states and one state": (
        np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]), [5.0, 0.0], 0.5,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("sampler", "case"),
    [("collapsed", case) for case in CASES]
    + [("conjugate", case) for case in list(CASES)[::2]],
)
def test_both_samplers_find_the_posterior_of_the_model(case, sampler, reference):
    operator, values, noise = CASES[case]
    values = np.array(values)
    weight, state, forecast, process = reference(operator, values, noise, 0.0)
    found = tobit_wishart(
        MEAN, COVARIANCE, operator, values, noise, 0.0, ALPHA, BETA,
        n_sites=2, n_draws=1400, n_warm=160, thin=1, seed=3, sampler=sampler,
    )  # fmt: skip
    reported = found.diagnostics
    n_reference = 1.0 / np.sum(weight**2)
    sd = np.sqrt(np.diag(found.covariance))
    n_state = np.nanmin(reported.ess_state)
    assert np.nanmax(reported.r_hat_state) < 1.05
    error = 4.0 * sd * np.sqrt(1.0 / n_reference + 1.0 / n_state)
    assert np.all(np.abs(found.mean - weight @ state) < error)
    assert np.all(np.abs(found.forecast_state_mean - weight @ forecast) < error)
    centred = state - weight @ state
    covariance = centred.T @ (weight[:, None] * centred)
    scale = np.outer(sd, sd)
    off = np.abs(found.covariance - covariance) / scale
    assert off.max() < 6.0 * np.sqrt(1.0 / n_reference + 1.0 / n_state)
    log_q = np.log(np.diagonal(process, axis1=1, axis2=2))
    wanted = weight @ log_q
    spread = np.sqrt(weight @ (log_q - wanted) ** 2)
    n_q = np.diag(reported.ess_process)
    error = 4.0 * spread * np.sqrt(1.0 / n_reference + 1.0 / n_q)
    assert np.all(np.abs(np.log(found.process_geometric_mean) - wanted) < error)
    mean_q = np.tensordot(weight, process, axes=1)
    spread = np.sqrt(np.tensordot(weight, (process - mean_q) ** 2, axes=1))
    error = 4.0 * spread * np.sqrt(1.0 / n_reference + 1.0 / np.nanmin(n_q))
    assert np.all(np.abs(found.process_mean - mean_q) < error)
    assert reported.process_from[1] == ("prior" if "never" in case else "data")


def test_a_known_process_error_gives_the_kalman_filter():
    process = np.array([[0.5, 0.1], [0.1, 0.3]])
    operator, values = np.eye(4)[[0, 3]], np.array([2.0, 1.0])
    found = tobit_wishart(
        MEAN, COVARIANCE, operator, values, 0.4, None, None, None,
        n_sites=2, n_draws=4000, seed=1, process=process,
    )  # fmt: skip
    wanted = kalman(MEAN, COVARIANCE, operator, values, 0.4, process=process, n_sites=2)
    np.testing.assert_allclose(found.mean, wanted.mean, atol=1e-10)
    np.testing.assert_allclose(found.covariance, wanted.covariance, atol=1e-10)
    drawn = found.draws.state.reshape(-1, 4)
    error = np.sqrt(np.diag(wanted.covariance) / len(drawn))
    assert np.all(np.abs(drawn.mean(axis=0) - wanted.mean) < 4.0 * error)
    ratio = drawn.var(axis=0) / np.diag(wanted.covariance)
    assert np.all(np.abs(ratio - 1.0) < 4.0 * np.sqrt(2.0 / len(drawn)))


def test_a_known_process_error_and_many_censored_values():
    rng = np.random.default_rng(4)
    process = np.array([[0.5, 0.1], [0.1, 0.3]])
    found = tobit_wishart(
        MEAN, COVARIANCE, np.eye(4), [0.0, 0.0, -2.0, 3.0], 0.4, 0.0, None, None,
        n_sites=2, n_draws=2000, n_warm=100, thin=2, seed=1, process=process,
    )  # fmt: skip
    total = COVARIANCE + np.kron(np.eye(2), process)
    state = rng.multivariate_normal(MEAN, total, 200_000)
    weight = np.exp(
        special.log_ndtr(-state[:, :3] / np.sqrt(0.4)).sum(axis=1)
        - 0.5 * (3.0 - state[:, 3]) ** 2 / 0.4
    )
    weight /= weight.sum()
    sd = np.sqrt(np.diag(found.covariance))
    n = min(1.0 / np.sum(weight**2), np.nanmin(found.diagnostics.ess_state))
    assert np.all(np.abs(found.mean - weight @ state) < 6.0 * sd / np.sqrt(n))
    assert np.isnan(found.alpha)


def test_without_observations_the_mean_of_q_is_added_and_the_prior_is_kept():
    found = tobit_wishart(
        MEAN, COVARIANCE, np.eye(4), np.full(4, np.nan), 1.0, 0.0, ALPHA, BETA,
        n_sites=2, n_draws=200, seed=1,
    )  # fmt: skip
    wanted = COVARIANCE + np.kron(np.eye(2), BETA / (ALPHA - 3.0))
    np.testing.assert_allclose(found.covariance, wanted)
    np.testing.assert_allclose(found.mean, MEAN)
    np.testing.assert_allclose(found.beta, BETA)
    assert found.alpha == ALPHA
    assert found.diagnostics.process_from == ("prior", "prior")


def test_a_missing_value_is_one_that_is_not_there():
    whole = tobit_wishart(
        MEAN, COVARIANCE, np.eye(4), [2.0, np.nan, 1.0, np.nan],
        [0.5, np.nan, 0.5, 0.0], 0.0, ALPHA, BETA, n_sites=2, n_draws=40, n_warm=20,
        seed=1,
    )  # fmt: skip
    part = tobit_wishart(
        MEAN, COVARIANCE, np.eye(4)[[0, 2]], [2.0, 1.0], 0.5, 0.0, ALPHA, BETA,
        n_sites=2, n_draws=40, n_warm=20, seed=1,
    )  # fmt: skip
    np.testing.assert_array_equal(whole.mean, part.mean)


def test_the_same_seed_gives_the_same_draws_and_another_seed_others():
    def run(seed):
        return tobit_wishart(
            MEAN, COVARIANCE, np.eye(4), [2.0, 0.0, 1.0, 3.0], 0.5, 0.0, ALPHA, BETA,
            n_sites=2, n_draws=40, n_warm=20, seed=seed,
        ).draws.state  # fmt: skip

    np.testing.assert_array_equal(run([1, 2]), run([1, 2]))
    assert not np.array_equal(run([1, 2]), run(np.random.SeedSequence(2)))


def test_the_interval_of_q_holds_it_as_often_as_it_says():
    rng = np.random.default_rng(7)
    n_twins, inside = 25, 0
    for twin in range(n_twins):
        process = 6.0 / rng.chisquare(8.0)
        forecast = rng.normal(size=3)
        values = forecast + process**0.5 * rng.normal(size=3) + 0.5 * rng.normal(size=3)
        found = tobit_wishart(
            np.zeros(3), np.eye(3), np.eye(3), values, 0.25, None, 8.0, 6.0,
            n_sites=3, n_draws=400, seed=twin,
        )  # fmt: skip
        low, high = np.quantile(found.draws.process, [0.05, 0.95])
        inside += low < process < high
    # Four binomial sd, 0.24, about 0.9.
    assert 0.66 < inside / n_twins <= 1.0


def test_matching_gives_an_inverse_wishart_back():
    alpha, beta = 20.0, np.array([[3.0, 1.0], [1.0, 2.0]])
    mean = beta / (alpha - 3.0)
    variance = 2.0 * np.diag(mean) ** 2 / (alpha - 5.0)
    precision = alpha * np.linalg.inv(beta)
    spread = 2.0 * np.diag(precision) ** 2 / alpha
    for has_variance in (True, False):
        posterior = ProcessPosterior(mean, variance, precision, spread, has_variance)
        found = match(posterior, 5.0, 1.0)
        assert found[0] == pytest.approx(alpha)
        np.testing.assert_allclose(found[1], beta)
    weaker = match(ProcessPosterior(mean, variance, precision, spread, True), 5.0, 0.5)
    assert weaker[0] == pytest.approx(3.0 + 0.5 * 17.0)
    np.testing.assert_allclose(weaker[1] / (weaker[0] - 3.0), mean)


def test_a_state_never_seen_does_not_become_certain():
    """One state seen at many sites, one nowhere: alpha stays that of the prior."""
    rng = np.random.default_rng(3)
    n_sites, alpha = 100, 9.0
    operator = np.eye(2 * n_sites)[::2]
    found = tobit_wishart(
        np.zeros(2 * n_sites), np.eye(2 * n_sites), operator,
        rng.normal(size=n_sites) * (1.1 + 1 / 6) ** 0.5, 0.1, None, alpha, np.eye(2),
        n_sites=n_sites, n_draws=400, n_warm=200, seed=1,
    )  # fmt: skip
    assert abs(found.alpha - alpha) < 2.0
    assert found.process_mean[0, 0] == pytest.approx(1.0 / 6.0, rel=1.0)
    assert found.process_mean[1, 1] == pytest.approx(1.0 / 6.0, rel=0.6)


def test_the_unseen_block_of_an_inverse_wishart_has_its_closed_form():
    rng = np.random.default_rng(0)
    beta = np.array([[3.0, 1.0, 0.5], [1.0, 2.0, 0.2], [0.5, 0.2, 4.0]])
    prior = ProcessPrior(16.0, beta, np.array([0, 2]))
    block = np.array([[0.4, 0.1], [0.1, 0.3]])
    drawn = np.array([prior.complete(block, rng) for _ in range(6000)])
    mean, variance = prior.moments(block)
    spread = drawn.std(axis=0)
    assert np.all(np.abs(drawn.mean(axis=0) - mean) <= 4.0 * spread / 77.0 + 1e-12)
    assert drawn[:, 1, 1].var() == pytest.approx(variance[1], rel=0.25)
    # Averaged over the seen block, the whole has the moments of the prior.
    blocks = stats.invwishart(15.0, beta[np.ix_([0, 2], [0, 2])]).rvs(
        4000, random_state=rng
    )
    means = np.array([prior.moments(b)[0] for b in blocks])
    np.testing.assert_allclose(means.mean(axis=0), beta / 12.0, atol=0.02)


def test_a_value_bounds_the_variance_of_its_own_state_whatever_alpha_is():
    """With alpha = 1 and one value Q has no mean, and X has all its moments."""
    wanted = quadrature(1.5, 0.8, 0.3, 3.0, 1.0, 2.0)
    found = tobit_wishart(
        [1.5], [[0.8]], [[1.0]], [3.0], 0.3, 0.0, 1.0, 2.0,
        n_sites=1, n_draws=40, seed=1,
    )  # fmt: skip
    np.testing.assert_allclose(
        [found.mean[0], found.covariance[0, 0]], wanted[:2], rtol=1e-5
    )
    assert found.process_mean[0, 0] == np.inf
    assert found.process_geometric_mean[0] == pytest.approx(wanted[2], rel=1e-5)
    assert np.isfinite(found.alpha)
    with pytest.raises(ValueError, match="variance of state 0 would not be finite"):
        tobit_wishart(
            [1.5], [[0.8]], [[1.0]], [-3.0], 0.3, 0.0, 1.0, 2.0,
            n_sites=1, n_draws=40, seed=1,
        )  # fmt: skip
