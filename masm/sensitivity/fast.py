"""Shares of variance by the Fourier amplitude sensitivity test, extended (eFAST).

One curve for each parameter runs through the prior's space: this parameter swings
fast and all others slowly. The part of an output's variance at the fast frequency and
its harmonics is the parameter's first-order index; what is not at the slow frequencies
is its total index. Design and indices are SALib's.

References
----------
Saltelli, A., Tarantola, S. and Chan, K. P.-S. (1999). A quantitative
model-independent method for global sensitivity analysis of model output. Technometrics
41, 39-56.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from masm.errors import CalibrationFailed, InputError
from masm.observations.dataset import ErrorOptions
from masm.problem.priors import as_priors
from masm.problem.seeds import ScreeningStream, Seed, seed_sequence
from masm.runners.series_runner import Model
from masm.sensitivity.morris import _salib_problem
from masm.sensitivity.outputs import dataset_of, independent, make_reducer, run_design
from masm.types import Array

if TYPE_CHECKING:
    import xarray as xr

HARMONICS = 4
"""Multiples of a parameter's frequency that count as its own (M of the source)."""

_LABELS = {
    "first": "first-order index (eFAST)",
    "total": "total index (eFAST)",
    "settled": "total index where it is above what leaks into all of them, else first",
}
_LEAK = 3.0
"""Times the lower quartile of all interactions, above which one is no leak."""
_FEW = 3
"""Parameters up to which there is no saying what leaks."""


def fourier_effects(
    model: Model,
    priors: Any,
    *,
    seed: Seed,
    streams: Sequence[str] | None = None,
    observations: Any = None,
    n_per_curve: int = 257,
    samples_per_call: int = 256,
    on_runs: Callable[[int], None] | None = None,
    **options: Unpack[ErrorOptions],
) -> xr.Dataset:
    """Estimate first-order and total indices of every output by eFAST.

    Parameters
    ----------
    model, priors, seed, streams, observations, samples_per_call, on_runs
        As for `masm.total_effects`.
    n_per_curve : int
        Model runs for each parameter, more than 4 x 4^2 = 64. A curve with a failed
        run has no index: NaN.
    **options
        ``variance``, ``windows`` and ``errors`` of `masm.calibrate`.

    Returns
    -------
    xarray.Dataset
        ``first`` and ``total`` [1] over (stream, statistic, parameter); ``effect`` is
        ``settled``, by the name that all methods of screening have. Of an output that
        curves strongly a few per cent and more leak into the totals of parameters that
        do nothing, however long the curve. So the total index counts where its part
        beyond the first order is over three times the lower quartile of all
        parameters, and with up to three parameters; else the first-order index does.
        Where most parameters act through interactions alone look at ``total``.

    Raises
    ------
    InputError
        If the priors have constraints or a curve has too few points.
    CalibrationFailed
        If every curve lost a run.

    Examples
    --------
    >>> import numpy as np
    >>> import masm
    >>> def model(theta):
    ...     return {"y": (theta["a"] + 2.0 * theta["b"])[:, None] * np.ones(3)}
    >>> priors = masm.Priors({"a": masm.Uniform(0, 1), "b": masm.Uniform(0, 1)})
    >>> effects = masm.fourier_effects(model, priors, seed=1, streams=["y"])
    >>> effects["first"].sel(stream="y", statistic="annual").round(1).values.tolist()
    [0.2, 0.8]
    """
    from SALib.analyze import fast as analysis
    from SALib.sample import fast_sampler as design

    priors = as_priors(priors)
    independent(priors, "eFAST indices")
    least = 4 * HARMONICS**2
    if n_per_curve <= least:
        raise InputError("n_per_curve", found=n_per_curve, wanted=f"more than {least}")
    reducer = make_reducer(model, streams, observations, samples_per_call, **options)
    problem = _salib_problem(priors)
    rng = np.random.default_rng(seed_sequence(seed, ScreeningStream.FOURIER))
    number = int(rng.integers(2**31 - 1))  # SALib's sampler takes a number
    u = design.sample(problem, n_per_curve, M=HARMONICS, seed=number)
    outputs = run_design(reducer, priors, u, samples_per_call, on_runs)
    found = {
        name: np.full((*outputs.shape[1:], len(priors)), np.nan) for name in _LABELS
    }
    for stream, statistic in np.ndindex(*outputs.shape[1:]):
        for k in range(len(priors)):
            curve = outputs[k * n_per_curve : (k + 1) * n_per_curve, stream, statistic]
            if not np.isfinite(curve).all() or np.ptp(curve) == 0.0:
                continue
            # The indices of one curve; the others play no part in it.
            alone = {"num_vars": 1, "names": ["x"], "bounds": [[0.0, 1.0]]}
            with warnings.catch_warnings():  # of its intervals, which are not used
                warnings.simplefilter("ignore", UserWarning)
                indices = analysis.analyze(
                    alone, curve, M=HARMONICS, num_resamples=2, seed=number
                )
            found["first"][stream, statistic, k] = indices["S1"][0]
            found["total"][stream, statistic, k] = indices["ST"][0]
    found["settled"] = _without_leak(found["first"], found["total"])
    curves = outputs[..., 0].reshape(len(priors), n_per_curve, -1)
    whole = int(np.isfinite(curves).all(axis=(1, 2)).sum())
    if not whole:
        raise CalibrationFailed(
            f"every curve lost a run; first failure: {reducer.failures[0]}",
            reason="model_nan",
        )
    return dataset_of(
        found, _LABELS, priors.names, reducer, method="fast", title="eFAST (SALib)",
        effect="settled", n_used=whole, n_dropped=len(priors) - whole,
    )  # fmt: skip


def _without_leak(first: Array, total: Array) -> Array:
    """Indices over (stream, statistic, parameter) by which parameters are chosen."""
    if first.shape[-1] <= _FEW:
        return total
    beyond = np.maximum(total - first, 0.0)
    with warnings.catch_warnings():  # where every curve lost a run
        warnings.simplefilter("ignore", RuntimeWarning)
        common = np.nanquantile(beyond, 0.25, axis=-1, keepdims=True)
    return np.where(beyond > _LEAK * common, total, first)
