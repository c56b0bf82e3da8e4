"""Sensitivity by derivatives: an upper bound of the total index, and one at a time.

The mean square of an output's derivative over the prior bounds the parameter's total
Sobol index from above. Derivatives are central differences through the model, with
respect to the prior's probability, so that any prior is uniform there.

References
----------
Sobol', I. M. and Kucherenko, S. (2009). Derivative based global sensitivity measures
and their link with global sensitivity indices. Mathematics and Computers in Simulation
79, 3009-3017; equation 9 for a uniform distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from masm.errors import CalibrationFailed, InputError
from masm.observations.dataset import ErrorOptions
from masm.problem.priors import Priors, as_priors
from masm.problem.seeds import ScreeningStream, Seed, seed_sequence
from masm.runners.series_runner import Model
from masm.sensitivity.outputs import dataset_of, independent, make_reducer, run_design
from masm.types import Array

if TYPE_CHECKING:
    import xarray as xr

_LABELS = {
    "bound": "upper bound of the total Sobol index",
    "mean_square": "mean square of the derivative by the prior's probability",
}
_LEAST_POINTS = 8


def derivative_effects(
    model: Model,
    priors: Any,
    *,
    seed: Seed,
    streams: Sequence[str] | None = None,
    observations: Any = None,
    n_points: int = 128,
    step: float = 1e-3,
    samples_per_call: int = 256,
    on_runs: Callable[[int], None] | None = None,
    **options: Unpack[ErrorOptions],
) -> xr.Dataset:
    """Bound the total Sobol index of each parameter by mean square derivatives.

    Parameters
    ----------
    model, priors, seed, streams, observations, samples_per_call, on_runs
        As for `masm.total_effects`.
    n_points : int
        Points of the prior at which derivatives are taken; each costs two runs a
        parameter and one more.
    step : float
        Half width of the central difference, in probability of the prior.
    **options
        ``variance``, ``windows`` and ``errors`` of `masm.calibrate`.

    Returns
    -------
    xarray.Dataset
        ``bound`` [1] and ``mean_square`` [square of the output's unit] over (stream,
        statistic, parameter); ``effect`` is the bound, by the name that all methods of
        screening have. A point that lost a run is left out and counted in
        ``n_dropped``. A bound above 1 says nothing.

    Raises
    ------
    InputError
        If the priors have constraints, or a number is out of its range.
    CalibrationFailed
        If fewer than 8 points ran through.

    Examples
    --------
    >>> import numpy as np
    >>> import masm
    >>> def model(theta):
    ...     return {"y": (theta["a"] + 2.0 * theta["b"])[:, None] * np.ones(3)}
    >>> priors = masm.Priors({"a": masm.Uniform(0, 1), "b": masm.Uniform(0, 1)})
    >>> effects = masm.derivative_effects(model, priors, seed=1, streams=["y"])
    >>> effects["mean_square"].sel(statistic="annual").round(3).values.tolist()
    [[1.0, 4.0]]
    """
    priors = as_priors(priors)
    independent(priors, "bounds by derivatives")
    if n_points < _LEAST_POINTS:
        raise InputError("n_points", found=n_points, wanted=f"at least {_LEAST_POINTS}")
    if not 0.0 < step <= 0.05:
        raise InputError("step", found=step, wanted="over 0, at most 0.05")
    reducer = make_reducer(model, streams, observations, samples_per_call, **options)
    rng = np.random.default_rng(seed_sequence(seed, ScreeningStream.DERIVATIVES))
    p = len(priors)
    centre = rng.uniform(step, 1.0 - step, (n_points, 1, p))
    moves = np.concatenate([np.zeros((1, p)), step * np.eye(p), -step * np.eye(p)])
    u = (centre + moves).reshape(-1, p)
    runs = run_design(reducer, priors, u, samples_per_call, on_runs)
    runs = runs.reshape(n_points, 1 + 2 * p, *runs.shape[1:])
    whole = np.isfinite(runs[..., 0]).all(axis=(1, 2))
    if whole.sum() < _LEAST_POINTS:
        raise CalibrationFailed(
            f"only {int(whole.sum())} of {n_points} points ran through; first failure: "
            f"{reducer.failures[0]}",
            reason="model_nan",
        )
    runs = runs[whole]
    slope = (runs[:, 1 : 1 + p] - runs[:, 1 + p :]) / (2.0 * step)
    mean_square = np.moveaxis(np.mean(slope**2, axis=0), 0, -1)
    variance = np.var(runs[:, 0], axis=0, ddof=1)[..., None]
    with np.errstate(invalid="ignore", divide="ignore"):
        bound = np.where(variance > 0.0, mean_square / (np.pi**2 * variance), np.nan)
    found = {"bound": bound, "mean_square": mean_square}
    effects = dataset_of(
        found, _LABELS, priors.names, reducer, method="derivatives",
        title="bounds by derivatives", effect="bound", n_used=int(whole.sum()),
        n_dropped=int((~whole).sum()),
    )  # fmt: skip
    effects["mean_square"].attrs["units"] = "square of the output's unit"
    return effects


def one_at_a_time(
    model: Model,
    priors: Any,
    *,
    at: Mapping[str, float] | None = None,
    streams: Sequence[str] | None = None,
    observations: Any = None,
    n_levels: int = 5,
    samples_per_call: int = 256,
    on_runs: Callable[[int], None] | None = None,
    **options: Unpack[ErrorOptions],
) -> xr.Dataset:
    """Change one parameter at a time, the others at a point.

    It shows the exact change along each axis and nothing of interactions.

    Parameters
    ----------
    model, priors, streams, observations, samples_per_call, on_runs
        As for `masm.total_effects`.
    at : mapping of str to float, optional
        The point, in the parameters' units; by default each prior's median.
    n_levels : int
        Levels of each parameter, from its 5 % to its 95 % quantile.
    **options
        ``variance``, ``windows`` and ``errors`` of `masm.calibrate`.

    Returns
    -------
    xarray.Dataset
        ``change`` over (stream, statistic, parameter, level): output less its value
        at the point, in the output's unit; ``value`` over (parameter, level), in the
        parameter's unit; ``output`` over (stream, statistic) at the point.

    Raises
    ------
    InputError
        If a name is not a parameter, or a value is outside its prior.

    Examples
    --------
    >>> import numpy as np
    >>> import masm
    >>> def model(theta):
    ...     return {"y": (theta["a"] * theta["b"])[:, None] * np.ones(3)}
    >>> priors = masm.Priors({"a": masm.Uniform(0, 1), "b": masm.Uniform(0, 2)})
    >>> found = masm.one_at_a_time(model, priors, streams=["y"], n_levels=2)
    >>> found["change"].sel(statistic="annual", parameter="a").round(3).values.tolist()
    [[-0.45, 0.45]]
    """
    import xarray as xr

    priors = as_priors(priors)
    if n_levels < 2:
        raise InputError("n_levels", found=n_levels, wanted="at least 2")
    reducer = make_reducer(model, streams, observations, samples_per_call, **options)
    p = len(priors)
    point = np.full(p, 0.5) if at is None else _unit_of(priors, at)
    levels = np.linspace(0.05, 0.95, n_levels)
    u = np.repeat(point[None], 1 + p * n_levels, axis=0)
    for k in range(p):
        u[1 + k * n_levels : 1 + (k + 1) * n_levels, k] = levels
    runs = run_design(reducer, priors, u, samples_per_call, on_runs)
    change = (runs[1:] - runs[0]).reshape(p, n_levels, *runs.shape[1:])
    theta = priors.from_unit(u[1:])
    value = np.stack(
        [
            np.asarray(theta[name])[k * n_levels : (k + 1) * n_levels]
            for k, name in enumerate(priors.names)
        ]
    )
    dims = ("stream", "statistic")
    return xr.Dataset(
        {
            "change": (
                (*dims, "parameter", "level"),
                np.moveaxis(change, (0, 1), (2, 3)),
            ),
            "value": (("parameter", "level"), value),
            "output": (dims, runs[0]),
        },
        {
            "stream": list(reducer.streams),
            "statistic": list(reducer.statistics),
            "parameter": list(priors.names),
            "level": ("level", levels, {"long_name": "quantile of the prior"}),
        },
        {"method": "one at a time"},
    )


def _unit_of(priors: Priors, at: Mapping[str, float]) -> Array:
    unknown = [name for name in at if name not in priors.names]
    if unknown:
        raise InputError(
            f"no parameter {unknown[0]!r}", wanted=f"one of {', '.join(priors.names)}"
        )
    middle = priors.from_unit(np.full((1, len(priors)), 0.5))
    theta = [float(at.get(name, middle[name][0])) for name in priors.names]
    u = priors.to_unit([theta])[0]
    outside = [
        name
        for name, one in zip(priors.names, u, strict=True)
        if not 0.0 <= one <= 1.0 or np.isnan(one)
    ]
    if outside:
        raise InputError(
            f"{outside[0]} is outside its prior", found=at[outside[0]],
            wanted="a value that the prior allows",
        )  # fmt: skip
    return u
