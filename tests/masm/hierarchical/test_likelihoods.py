"""Errors of fluxes against closed forms and twins of known correlation."""

import numpy as np
import pytest
from scipy import stats

from masm.hierarchical import (
    GaussianErrors,
    LaplaceErrors,
    StudentErrors,
    effective_size,
    lag_one_correlation,
)

Y = np.array([1.0, np.nan, -2.0, 0.5])
X = np.array([[0.5, 9.0, -1.0, 0.0], [1.0, 9.0, -2.0, 0.5]])
SEEN = [0, 2, 3]


def ar1(n, rho, seed=0):
    rng = np.random.default_rng(seed)
    noise, out = rng.normal(size=n), np.empty(n)
    out[0] = noise[0]
    for i in range(1, n):
        out[i] = rho * out[i - 1] + (1.0 - rho**2) ** 0.5 * noise[i]
    return out


def test_densities_are_those_of_scipy():
    x, y = X[:, SEEN], Y[SEEN]
    found = GaussianErrors(Y, 0.7)(X)
    np.testing.assert_allclose(found, stats.norm.logpdf(y, x, 0.7**0.5).sum(axis=1))
    found = StudentErrors(Y, 0.8, 5.0)(X)
    np.testing.assert_allclose(found, stats.t.logpdf(y, 5.0, x, 0.8).sum(axis=1))
    scale = np.where(x >= 0.0, 0.3 + 0.4 * x, 0.3 - 0.2 * x)
    found = LaplaceErrors(Y, 0.3, 0.4, 0.2)(X)
    np.testing.assert_allclose(found, stats.laplace.logpdf(y, x, scale).sum(axis=1))


def test_the_emulators_variance_adds_to_that_of_the_errors():
    v = np.full(X.shape, 0.5)
    found = GaussianErrors(Y, 0.7)(X, v)
    np.testing.assert_allclose(found, GaussianErrors(Y, 1.2)(X))
    wide = LaplaceErrors(Y, 0.3, 1e-9, 1e-10)(X, v)
    same = LaplaceErrors(Y, (0.3**2 + 0.25) ** 0.5, 1e-9, 1e-10)(X)
    np.testing.assert_allclose(wide, same, rtol=1e-6)
    # A Student-t of scale s has variance s^2 nu / (nu - 2).
    wide = StudentErrors(Y, 0.8, 5.0)(X, v)
    same = StudentErrors(Y, (0.64 + 0.3) ** 0.5, 5.0)(X)
    np.testing.assert_allclose(wide, same)


def test_the_factor_multiplies_and_the_sources_rule_widens():
    plain = LaplaceErrors(Y, 0.3, 0.4, 0.2)
    half = LaplaceErrors(Y, 0.3, 0.4, 0.2, n_effective=1.5)
    np.testing.assert_allclose(half(X), 0.5 * plain(X))
    wide = LaplaceErrors(Y, 0.3, 0.4, 0.2, "wider_scale", n_effective=1.5)
    c = 2.0**0.5
    same = LaplaceErrors(Y, 0.3 * c, 0.4 * c, 0.2 * c)
    np.testing.assert_allclose(wide(X), same(X))


@pytest.mark.parametrize("rho", [-0.3, 0.0, 0.5, 0.8])
def test_both_rules_find_the_correlation(rho):
    n = 20_000
    residual = ar1(n, rho)
    fitted = 3.0 * ar1(n, 0.9, seed=5)
    assert lag_one_correlation(residual) == pytest.approx(rho, abs=0.03)
    used = max(rho, 0.0)
    found = effective_size(fitted + residual, fitted)
    assert found == pytest.approx(n * (1.0 - used) / (1.0 + used), rel=0.1)
    latent = effective_size(fitted + residual, fitted, rule="latent")
    assert latent == pytest.approx(n * 0.1 / 1.9, rel=0.12)


def test_gaps_make_no_pairs():
    series = ar1(20_000, 0.7)
    series[1::3] = np.nan
    assert lag_one_correlation(series) == pytest.approx(0.7, abs=0.03)


def test_the_factor_does_not_bias_a_flux_and_the_wider_scale_does():
    """Best multiplier of a true flux, errors that grow with it."""
    rng = np.random.default_rng(0)
    flux = np.abs(ar1(4000, 0.9)) * 5.0 + 0.5
    seen = flux + rng.laplace(size=4000) * (0.001 + 0.4 * flux)
    tried = np.linspace(0.2, 1.5, 261)
    # For b = a1 x: log k + E|1 - k + a1 e| / (c a1 k), e a standard Laplace number.
    off = np.abs(1.0 - tried)
    spread = off + 0.4 * np.exp(-off / 0.4)
    for rule, c in (("factor", 1.0), ("wider_scale", 3.0)):
        likelihood = LaplaceErrors(
            seen, 0.001, 0.4, 0.1, correction=rule, n_effective=4000 / 9.0
        )
        best = tried[np.argmax(likelihood(tried[:, None] * flux))]
        wanted = tried[np.argmin(np.log(tried) + spread / (c * 0.4 * tried))]
        assert best == pytest.approx(wanted, abs=0.05)
        assert (abs(wanted - 1.0) < 0.01) == (rule == "factor")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GaussianErrors(Y, 0.0), "variance is zero or missing"),
        (lambda: GaussianErrors(Y, [1.0, 1.0, np.nan, 1.0]), "zero or missing"),
        (lambda: GaussianErrors(np.full(3, np.nan), 1.0), "not NaN"),
        (lambda: GaussianErrors(Y, 1.0)(X[:, :2]), "predicted"),
        (lambda: GaussianErrors(Y, 1.0)(X, -1.0), "emulator variance"),
        (lambda: StudentErrors(Y, 1.0, 2.0), "above 2"),
        (lambda: LaplaceErrors(Y, 0.3, 0.1, 0.2), "a1 above a2"),
        (lambda: LaplaceErrors(Y, -0.3), "all above 0"),
        (lambda: LaplaceErrors(Y, correction="both"), "wider_scale"),
        (lambda: GaussianErrors(Y, 1.0, n_effective=4.0), "at most 3"),
        (lambda: effective_size(Y, X), "fitted"),
        (lambda: effective_size([1.0, 2.0], [0.0, 0.0]), "three pairs"),
        (lambda: effective_size(Y, Y, rule="both"), "residuals or latent"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
