"""Points among draws, beside the plain statement for one point at a time."""

import math

import numpy as np
import pytest
from scipy import special

from masm.samplers.among import NEAREST, OUTSIDE, among


def one_is_among(point, draws):
    n, d = draws.shape
    scale = draws.std(axis=0)
    nearest = draws[np.argmin(np.sum(((draws - point) / scale) ** 2, axis=1))]
    order = np.argsort(np.sum(((draws - nearest) / scale) ** 2, axis=1))
    near = draws[order[: min(n, max(math.ceil(NEAREST * n), 3 * d + 10))]] / scale
    covariance = np.atleast_2d(np.cov(near.T)) + 1e-6 * np.eye(d)
    apart = point / scale - near.mean(axis=0)
    squared = apart @ np.linalg.solve(covariance, apart)
    return squared <= 2.0 * special.chdtri(d, 1.0 - OUTSIDE)


@pytest.mark.parametrize(("n", "d"), [(300, 3), (400, 10), (60, 1)])
def test_many_points_are_judged_as_one_at_a_time(n, d):
    rng = np.random.default_rng(6)
    draws = 0.2 + 0.03 * rng.standard_normal((n, d))
    draws[n // 2 :, 0] += 0.5
    near = draws[:80] + 0.05 * rng.standard_normal((min(n, 80), d))
    points = np.concatenate([near, rng.random((70, d))])
    found = among(points, draws)
    assert 0.05 < found.mean() < 0.95
    assert found.tolist() == [one_is_among(point, draws) for point in points]


def test_no_points_are_judged_in_no_time():
    assert among(np.empty((0, 2)), np.random.default_rng(0).random((50, 2))).size == 0
