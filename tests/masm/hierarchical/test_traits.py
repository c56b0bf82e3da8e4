"""Priors from measured traits: limits, a grid, and what several rows of a study say."""

import numpy as np
import pytest
from scipy import stats

from masm.errors import InputError
from masm.hierarchical import trait_prior

Y, SD, N = np.array([18.0, 22.0, 31.0]), np.array([4.0, 6.0, 5.0]), np.array([4, 9, 25])


def test_studies_that_may_not_differ_give_the_weighted_mean():
    found = trait_prior(Y, SD, N, "abc", between=1e-6)
    weight = N / SD**2
    assert found.mean == pytest.approx((weight @ Y) / weight.sum(), rel=1e-9)
    assert found.sd == pytest.approx(weight.sum() ** -0.5, rel=1e-9)


def test_the_moments_are_those_of_a_grid_over_mean_and_spread():
    found = trait_prior(Y, SD, N, "abc", between=4.0)
    mu, tau = np.linspace(-60, 110, 1701)[:, None], np.linspace(0.005, 32, 1600)
    log = stats.halfnorm.logpdf(tau, scale=4.0) + sum(
        stats.norm.logpdf(y, mu, np.sqrt(s**2 / n + tau**2))
        for y, s, n in zip(Y, SD, N, strict=True)
    )
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    mean = (weight * mu).sum()
    assert found.mean == pytest.approx(mean, abs=0.01)
    assert found.between_sd == pytest.approx((weight * tau).sum(), rel=0.005)
    group = (weight * (mu - mean) ** 2).sum()
    assert found.group_sd == pytest.approx(np.sqrt(group), rel=0.005)
    new = np.sqrt(group + (weight * tau**2).sum())
    assert found.sd == pytest.approx(new, rel=0.005)


def test_rows_of_one_study_are_not_several_studies():
    same = trait_prior([20.0, 20.0], [4.0, 4.0], [8, 8], ["a", "a"], between=3.0)
    once = trait_prior([20.0], [4.0], [16], ["a"], between=3.0)
    assert (same.mean, same.sd) == pytest.approx((once.mean, once.sd))
    assert same.n_studies == 1
    # One study leaves the spread between studies to its prior: the study is that far
    # from the mean, and a new site again.
    assert once.sd == pytest.approx(np.sqrt(1.0 + 9.0 + 9.0), rel=1e-3)
    apart = trait_prior([20.0, 20.0], [4.0, 4.0], [8, 8], ["a", "b"], between=3.0)
    assert apart.sd < same.sd


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sd": [4.0, 0.0, 5.0]}, "sd of a trait"),
        ({"n": [4, 0, 5]}, "n of a trait"),
        ({"mean": [1.0, np.nan, 2.0]}, "mean of a trait"),
        ({"study": ["a"]}, "1 studies"),
        ({"between": 0.0}, "between"),
    ],
)
def test_bad_rows_are_refused(change, said):
    words = {"mean": Y, "sd": SD, "n": N, "study": "abc", "between": 3.0} | change
    with pytest.raises(InputError, match=said):
        trait_prior(**words)
