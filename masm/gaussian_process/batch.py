"""Gaussian processes of many pixels or components at once, with GPyTorch.

The same model as `masm.gaussian_process.regression`: kernel, integrated mean,
hyper-priors, bounds, noise floor and scaling of the outputs. The difference is in the
arithmetic: the marginal likelihoods of all processes and their gradients are one batch
of tensor operations on a chosen device. Each process has its own L-BFGS-B search,
SciPy's as in `masm.gaussian_process.regression`, and the searches advance side by side,
so that the fits are those of `masm.gaussian_process.regression` one by one, to
rounding.

Which of the two is faster was measured (``benchmarks/batched_gp.py``): without a GPU it
is `masm.gaussian_process.regression`, see `fit_many`. Needs the packages torch and
gpytorch (``pip install masm[torch]``), which are only imported when they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import numpy as np
import scipy
from numpy.typing import ArrayLike

from masm.errors import InputError, SurrogateNotFitted
from masm.gaussian_process.marginal_likelihood import bounds, starts
from masm.gaussian_process.regression import GaussianProcess, KernelName, MeanName
from masm.lockstep import in_lockstep
from masm.types import Array

Backend = Literal["auto", "own", "gpytorch"]

# More searches at a time than this would only be many threads.
_MOST_AT_ONCE = 256


class ManyProcesses(Protocol):
    """Fitted processes of several outputs, whichever backend made them."""

    processes: list[GaussianProcess]

    def predict(self, x: ArrayLike) -> tuple[Array, Array]:
        """Mean and variance of every process, (n_processes, n_points) each.

        Parameters
        ----------
        x : (n_points, n_parameters), or (n_processes, n_points, n_parameters)
        """


def fit_many(
    x: ArrayLike,
    y: ArrayLike,
    *,
    rngs: Sequence[np.random.Generator],
    extra_variance: ArrayLike | None = None,
    mean: MeanName = "linear",
    kernel: KernelName = "matern52",
    noise_floor: float = 1e-7,
    n_starts: int = 3,
    max_iterations: int = 200,
    backend: Backend = "auto",
    device: str = "cpu",
) -> ManyProcesses:
    """Fit Gaussian processes of many pixels or components.

    Parameters
    ----------
    x : (n_samples, n_parameters), or (n_processes, n_samples, n_parameters)
        Points of the unit cube, the same for all processes or each its own.
    y : (n_processes, n_samples)
    rngs : sequence of numpy.random.Generator, one for each process
        So that a process does not depend on which others it is fitted with.
    extra_variance : (n_processes, n_samples), optional
        Known variance of each output beyond the fitted noise, in units of y squared.
    mean, kernel, noise_floor, n_starts, max_iterations
        As of `masm.gaussian_process.regression.GaussianProcess` and its ``fit``.
    backend : "auto", "own" or "gpytorch"
        ``"own"`` fits one after the other with `masm.gaussian_process.regression`,
        ``"gpytorch"`` all together. ``"auto"`` is own on the CPU, where it was measured
        to be faster at every size, and gpytorch on another device.
    device : str
        Of torch, such as ``"cuda"``; only for gpytorch.

    Returns
    -------
    ManyProcesses
        ``predict`` on all, and ``processes``, each a
        `masm.gaussian_process.regression.GaussianProcess`.

    Examples
    --------
    >>> x = np.random.default_rng(0).random((40, 2))
    >>> y = np.array([np.sin(3 * x[:, 0]), x[:, 1] ** 2])
    >>> rngs = [np.random.default_rng([7, pixel]) for pixel in range(2)]
    >>> mean, variance = fit_many(x, y, rngs=rngs).predict([[0.5, 0.5]])
    >>> bool(abs(mean[0, 0] - np.sin(1.5)) < 0.01), bool(abs(mean[1, 0] - 0.25) < 0.01)
    (True, True)
    """
    y = np.atleast_2d(np.asarray(y, float))
    x = np.asarray(x, float)
    x = np.broadcast_to(x, (len(y), *x.shape[-2:]))
    extra = np.zeros(y.shape)
    if extra_variance is not None:
        extra = np.broadcast_to(np.asarray(extra_variance, float), y.shape)
    if len(rngs) != len(y) or x.shape[1] != y.shape[1]:
        raise InputError(
            f"Gaussian processes: x has shape {x.shape}, y {y.shape}, rngs {len(rngs)}",
            wanted="x (n_processes, n_samples, n_parameters), y (n_processes, "
            "n_samples) and a generator for each process",
        )
    if backend not in ("auto", "own", "gpytorch"):
        raise InputError(
            f"Gaussian processes: unknown backend {backend!r}",
            wanted="'auto', 'own' or 'gpytorch'",
        )
    made = [
        GaussianProcess(mean=mean, kernel=kernel, noise_floor=noise_floor) for _ in y
    ]
    if backend == "own" or (backend == "auto" and device == "cpu"):
        if device != "cpu":
            raise InputError(
                f"Gaussian processes: the own backend has no device {device!r}",
                wanted="device 'cpu', or backend 'gpytorch'",
            )
        for process, a, b, v, rng in zip(made, x, y, extra, rngs, strict=True):
            process.fit(
                a,
                b,
                rng=rng,
                extra_variance=v,
                n_starts=n_starts,
                max_iterations=max_iterations,
            )
        return OneByOne(made)
    searches = []
    for i, (process, a, b, v) in enumerate(zip(made, x, y, extra, strict=True)):
        process._set_data(a, b, v)
        some = starts(x.shape[2], process.trend.curved, n_starts, rngs[i])
        searches += [(i, start) for start in some]
    best = _search(made, searches, max_iterations, device)
    for process, found in zip(made, best, strict=True):
        process.log_posterior = -found[0]
        process._condition(found[1])
    return Batched(made, device)


class OneByOne:
    """Processes that are predicted one after the other.

    Attributes
    ----------
    processes : list of GaussianProcess
    """

    def __init__(self, processes: list[GaussianProcess]):
        self.processes = processes

    def predict(self, x: ArrayLike) -> tuple[Array, Array]:
        """Mean and variance of every process, see `ManyProcesses`."""
        points = _points(x, len(self.processes))
        found = [p.predict(a) for p, a in zip(self.processes, points, strict=True)]
        return np.stack([m for m, _ in found]), np.stack([v for _, v in found])


class Batched:
    """Processes that are predicted together, on a device.

    Attributes
    ----------
    processes : list of GaussianProcess
    """

    def __init__(self, processes: list[GaussianProcess], device: str):
        from masm.gaussian_process.batch_torch import Batch

        self.processes = processes
        self._predictor = Batch(processes, device).predictor()

    def predict(self, x: ArrayLike) -> tuple[Array, Array]:
        """Mean and variance of every process, see `ManyProcesses`."""
        mean, variance = self._predictor(_points(x, len(self.processes)))
        center = np.array([[process.y_mean] for process in self.processes])
        scale = np.array([[process.y_scale] for process in self.processes])
        return center + scale * mean, scale**2 * variance


def _points(x: ArrayLike, n_processes: int) -> Array:
    x = np.atleast_2d(np.asarray(x, float))
    return np.broadcast_to(x, (n_processes, *x.shape[-2:]))


def _search(
    processes: list[GaussianProcess],
    searches: list[tuple[int, Array]],
    max_iterations: int,
    device: str,
) -> list[tuple[float, Array]]:
    """Best value and log hyper-parameters of each process, all starts side by side."""
    from masm.gaussian_process.batch_torch import Batch

    best: list[tuple[float, Array]] = [(np.inf, np.empty(0))] * len(processes)
    for first in range(0, len(searches), _MOST_AT_ONCE):
        some = searches[first : first + _MOST_AT_ONCE]
        batch = Batch([processes[i] for i, _ in some], device)
        found = in_lockstep(
            [_minimiser(processes[i], start, max_iterations) for i, start in some],
            batch.objective,
        )
        for (i, _), search in zip(some, found, strict=True):
            if np.isfinite(search.fun) and search.fun < best[i][0]:
                best[i] = (float(search.fun), search.x)
    for i, (value, _) in enumerate(best):
        if not np.isfinite(value):
            raise SurrogateNotFitted(
                f"Gaussian process {i}: no hyper-parameters fit its outputs"
            )
    return best


def _minimiser(
    process: GaussianProcess, start: Array, max_iterations: int
) -> Callable[[Any], Any]:
    """L-BFGS-B as in the regression module, of an objective evaluated elsewhere."""
    box = bounds(process.x.shape[1], process.trend.curved, process.noise_floor)
    low, high = np.array(box).T

    def search(ask: Any) -> Any:
        return scipy.optimize.minimize(
            ask,
            np.clip(start, low, high),
            jac=True,
            method="L-BFGS-B",
            bounds=box,
            options={
                "maxiter": max_iterations,
                "ftol": process.tolerance,
                "gtol": 1e-4,
            },
        )

    return search
