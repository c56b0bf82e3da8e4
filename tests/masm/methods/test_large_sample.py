"""The cost of an emulator of many runs."""

import numpy as np
import pytest

from masm.methods.large_sample import _OfSeries


class Known:
    """A regression with one mean and one variance everywhere."""

    def __init__(self, mean, variance):
        self.mean, self.variance = mean, variance

    def predict(self, u):
        return np.full(len(u), self.mean), np.full(len(u), self.variance)


@pytest.mark.parametrize(("variance", "limited"), [(0.0, 0.0), (0.6, 0.6), (9.0, 1.0)])
def test_the_likelihood_is_averaged_over_the_emulators_error(variance, limited):
    emulator = _OfSeries(None, None, (Known(1.5, variance), Known(-0.5, variance)))
    at, step = np.linspace(-12.0, 12.0, 4001, retstep=True)
    density = np.exp(-0.5 * at**2) / np.sqrt(2.0 * np.pi)
    mean = [
        np.sum(density * np.exp(-0.5 * (m + np.sqrt(limited) * at) ** 2)) * step
        for m in (1.5, -0.5)
    ]
    expected = -2.0 * np.log(np.prod(mean))
    assert emulator.cost(np.zeros((1, 2)))[0] == pytest.approx(expected, rel=1e-6)
