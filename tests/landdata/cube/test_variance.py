"""Error variances: closed forms."""

import numpy as np
import pytest

from landdata.cube.variance import relative_variance, triple_collocation
from landdata.errors import InputError


def test_relative_variance_has_a_floor():
    found = relative_variance([10.0, 1.0, 0.0, -10.0, np.nan], 0.2, 0.5)
    np.testing.assert_allclose(found, [4.0, 0.25, 0.25, 4.0, np.nan])
    with pytest.raises(InputError, match="floor"):
        relative_variance([1.0], 0.2, 0.0)


def orthogonal_triplet(n=4096):
    """Truth and three errors whose sample covariances are exactly zero."""
    angle = 2.0 * np.pi * np.arange(n) / n
    return [np.sqrt(2.0) * np.cos(k * angle) for k in (1, 2, 3, 5)]


def test_triple_collocation_is_exact_where_the_errors_are_uncorrelated():
    truth, *errors = orthogonal_triplet()
    n = truth.size
    gains, sds = (1.0, 0.8, 1.3), (0.3, 0.5, 0.7)
    products = [
        offset + gain * 2.0 * truth + sd * error
        for offset, gain, sd, error in zip((1.0, -2.0, 5.0), gains, sds, errors,
                                           strict=True)
    ]  # fmt: skip
    found = triple_collocation(*products)
    # Sample variances divide by n - 1.
    np.testing.assert_allclose(found.variance, np.square(sds) * n / (n - 1), rtol=1e-9)
    np.testing.assert_allclose(found.gain, gains, rtol=1e-9)
    signal = 4.0 * np.square(gains)
    np.testing.assert_allclose(
        found.correlation, np.sqrt(signal / (signal + np.square(sds))), rtol=1e-9
    )


def test_the_order_of_products_only_orders_the_answer():
    rng = np.random.default_rng(1)
    truth = rng.standard_normal(500)
    x, y, z = (truth + sd * rng.standard_normal(500) for sd in (0.3, 0.4, 0.5))
    a, b = triple_collocation(x, y, z), triple_collocation(z, x, y)
    np.testing.assert_allclose(a.variance, b.variance[[1, 2, 0]])


def test_random_errors_are_found_within_their_sampling_error():
    rng = np.random.default_rng(2)
    truth = 3.0 * rng.standard_normal((40, 900))
    sds = (0.5, 0.8, 1.1)
    products = [truth + sd * rng.standard_normal(truth.shape) for sd in sds]
    found = triple_collocation(*products)
    assert found.variance.shape == (3, 40)
    error = np.nanmean(found.variance, axis=1) / np.square(sds) - 1.0
    # One pixel's variance has about 10 % sampling error here; forty average it.
    assert np.all(np.abs(error) < 0.06)


def test_missing_values_count_only_where_all_three_are_there():
    rng = np.random.default_rng(3)
    truth = rng.standard_normal(900)
    products = [truth + 0.5 * rng.standard_normal(900) for _ in range(3)]
    gone = rng.random(900) < 0.3
    with_gaps = [products[0], np.where(gone, np.nan, products[1]), products[2]]
    found = triple_collocation(*with_gaps)
    kept = triple_collocation(*(p[~gone] for p in products))
    np.testing.assert_allclose(found.variance, kept.variance)
    assert int(found.n) == int((~gone).sum())


def test_too_few_or_unrelated_products_have_no_answer():
    rng = np.random.default_rng(4)
    few = triple_collocation(*rng.standard_normal((3, 50)))
    assert np.isnan(few.variance).all()
    truth = rng.standard_normal(1000)
    opposed = triple_collocation(truth, -truth, truth + rng.standard_normal(1000))
    assert np.isnan(opposed.variance).any()
