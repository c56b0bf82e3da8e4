"""Means of emulated outputs, as quadratics of the inputs where these are good enough.

The chains of a posterior ask an approximate density for its gradient at every step of a
path, and only its ends are shown to the emulator itself (delayed acceptance). Near the
posterior most outputs are close to a quadratic of the warped inputs, which costs a
small part of a Gaussian process.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from masm.gaussian_process.fast_prediction import CompiledProcesses
from masm.gaussian_process.regression import GaussianProcess
from masm.types import Array


class QuadraticMeans:
    """Means of several processes, each by a quadratic or by itself.

    Parameters
    ----------
    processes : fitted to the same inputs
    x : (n_draws, n_inputs), inputs at draws of the posterior
    mean : (n_processes, n_draws), the processes' means there
    weight : (n_processes,), one over the variance that a squared mean counts by
    most_sd : a quadratic is used where the standard deviation of the cost's error at
        the draws, by this output alone, is at most this
    """

    def __init__(
        self,
        processes: Sequence[GaussianProcess],
        x: Array,
        mean: Array,
        weight: Array,
        most_sd: float,
    ):
        d = x.shape[1]
        self.centre, self.scale = x.mean(axis=0), x.std(axis=0) + 1e-9
        i, j = np.triu_indices(d)
        z = (x - self.centre) / self.scale
        basis = np.hstack([np.ones((len(z), 1)), z, z[:, i] * z[:, j]])
        coefficients = np.linalg.lstsq(basis, mean.T, rcond=None)[0].T
        fitted = coefficients @ basis.T
        # With as many coefficients as draws any error vanishes.
        freedom = 1.0 - basis.shape[1] / len(x)
        error = weight[:, None] * (fitted**2 - mean**2)
        sd = (
            error.std(axis=1) / freedom if freedom > 0.0 else np.full(len(mean), np.inf)
        )
        self.quadratic = np.flatnonzero(sd <= most_sd)
        self.other = np.flatnonzero(sd > most_sd)
        chosen = coefficients[self.quadratic]
        self.constant, self.linear = chosen[:, :1], chosen[:, 1 : d + 1]
        self.second = np.zeros((len(chosen), d, d))
        self.second[:, i, j] = 0.5 * chosen[:, d + 1 :]
        self.second[:, j, i] += 0.5 * chosen[:, d + 1 :]
        self.processes = None
        if len(self.other):
            others = [processes[int(k)] for k in self.other]
            self.processes = CompiledProcesses(others, set(range(len(others))))

    def mean(self, x: Array) -> Array:
        """Means, (n_processes, n_points)."""
        z = (x - self.centre) / self.scale
        found = np.empty((len(self.quadratic) + len(self.other), len(x)))
        found[self.quadratic] = self._value(z, np.matmul(z, self.second))
        if self.processes is not None:
            found[self.other] = self.processes.mean(x)
        return found

    def gradient(self, x: Array) -> tuple[Array, Array]:
        """Means (n_processes, n_points) and gradients, with (n_inputs,) last."""
        z = (x - self.centre) / self.scale
        half = np.matmul(z, self.second)
        mean = np.empty((len(self.quadratic) + len(self.other), len(x)))
        change = np.empty((*mean.shape, x.shape[1]))
        mean[self.quadratic] = self._value(z, half)
        change[self.quadratic] = (self.linear[:, None] + 2.0 * half) / self.scale
        if self.processes is not None:
            mean[self.other], change[self.other] = self.processes.gradient(x)
        return mean, change

    def _value(self, z: Array, half: Array) -> Array:
        squares = np.einsum("knj,nj->kn", half, z)
        return np.asarray(self.constant + self.linear @ z.T + squares)
