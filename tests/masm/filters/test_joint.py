"""States and parameters filtered together."""

import numpy as np
import pytest

from masm.errors import InputError
from masm.filters import filter_states_and_parameters

Q, R, PHI = 0.3, 0.4, 0.9


def observed_walk(seed, n=15):
    rng = np.random.default_rng([9, seed])
    x, seen = 1.0, []
    for _ in range(n):
        x = PHI * x + np.sqrt(Q) * rng.normal()
        seen.append([x + np.sqrt(R) * rng.normal()])
    return np.array(seen)


def kalman_of(seen):
    mean, variance = 0.0, 1.0
    for value in seen[:, 0]:
        mean, variance = PHI * mean, PHI**2 * variance + Q
        gain = variance / (variance + R)
        mean, variance = mean + gain * (value - mean), (1.0 - gain) * variance
    return mean, variance


@pytest.mark.parametrize(("kind", "n"), [("enkf", 10_000), ("particle", 3_000)])
def test_with_a_known_parameter_it_is_the_kalman_filter(kind, n):
    errors, ratios = [], []
    for seed in range(20):
        rng = np.random.default_rng([1, seed])
        seen = observed_walk(seed)

        def step(x, theta, k, rng=rng):
            return theta * x + np.sqrt(Q) * rng.standard_normal(x.shape)

        found = filter_states_and_parameters(
            step, rng.standard_normal((n, 1)), np.full((n, 1), PHI), [[1.0]], seen, R,
            seed=[2, seed], kind=kind, jitter=0.0,
        )  # fmt: skip
        mean, variance = kalman_of(seen)
        errors.append(found.state_mean[-1, 0] - mean)
        ratios.append(found.state_sd[-1, 0] ** 2 - variance)
    for values in (errors, ratios):
        error = np.std(values, ddof=1) / np.sqrt(len(values))
        assert abs(np.mean(values)) < 4.0 * error + 1e-3


def lorenz(x, rho, dt=0.01):
    def slope(x):
        a, b, c = x.T
        return np.stack([10.0 * (b - a), a * (rho - c) - b, a * b - 8.0 / 3.0 * c], 1)

    k1 = slope(x)
    k2 = slope(x + dt / 2 * k1)
    k3 = slope(x + dt / 2 * k2)
    k4 = slope(x + dt * k3)
    return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


@pytest.mark.parametrize(("kind", "n"), [("enkf", 200), ("particle", 1_000)])
def test_the_parameter_of_lorenz_63_is_found(kind, n):
    hits = 0
    for seed in range(10):
        rng = np.random.default_rng([3, seed])
        x = np.array([[1.5, -1.5, 25.0]])
        seen = []
        for _ in range(60):
            for _ in range(10):
                x = lorenz(x, 28.0)
            seen.append(x[0] + rng.normal(size=3))

        def step(x, theta, k, rng=rng):
            for _ in range(10):
                x = lorenz(x, theta[:, 0])
            return x + 0.2 * rng.standard_normal(x.shape)

        found = filter_states_and_parameters(
            step, np.array([1.5, -1.5, 25.0]) + rng.normal(size=(n, 3)),
            rng.uniform(24.0, 34.0, (n, 1)), np.eye(3), np.array(seen), 1.0,
            seed=[4, seed], kind=kind, lower=20.0, upper=40.0, inflation=1.02,
        )  # fmt: skip
        mean, sd = found.parameter_mean[-1, 0], found.parameter_sd[-1, 0]
        assert sd < 1.5
        hits += abs(mean - 28.0) < 2.0 * sd
    assert hits >= 8


def test_bounds_are_kept_and_what_is_outside_them_is_refused():
    seen = np.full((5, 1), 40.0)
    rng = np.random.default_rng(0)
    start = rng.uniform(0.1, 0.9, (300, 1))

    def step(x, theta, k):
        return 10.0 * theta

    for kind in ("enkf", "particle"):
        found = filter_states_and_parameters(
            step, np.zeros((300, 1)) + start, start, [[1.0]], seen, 400.0, seed=1,
            kind=kind, lower=0.0, upper=1.0,
        )  # fmt: skip
        assert np.all((found.parameters > 0.0) & (found.parameters < 1.0))
    with pytest.raises(InputError, match="strictly between"):
        filter_states_and_parameters(
            step, start, start, [[1.0]], seen, 1.0, seed=1, lower=0.2, upper=1.0
        )
    with pytest.raises(InputError, match="both or none"):
        filter_states_and_parameters(
            step, start, start, [[1.0]], seen, 1.0, seed=1, lower=0.0
        )


def test_a_damped_update_moves_the_parameters_less():
    rng = np.random.default_rng(0)
    start = rng.normal(size=(400, 1))
    moved = [
        filter_states_and_parameters(
            lambda x, theta, k: theta, start, start, [[1.0]], [[2.0]], 1.0,
            seed=1, damping=damping,
        ).parameter_mean[-1, 0]
        for damping in (0.25, 1.0)
    ]  # fmt: skip
    assert moved[0] == pytest.approx(
        start.mean() + 0.25 * (moved[1] - start.mean()), abs=1e-9
    )
