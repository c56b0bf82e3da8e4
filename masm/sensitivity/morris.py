"""Which parameters matter: elementary effects along Morris trajectories.

A trajectory is a walk through the unit cube of the priors that moves one parameter
at a time; what each step does to an output is that parameter's elementary effect
(Morris 1991). ``mu_star``, the mean size of a parameter's effects (Campolongo et al.
2007), ranks it; ``sigma``, their spread, measures interactions and curvature; ``mu``,
the mean with its sign, is smaller than ``mu_star`` where the sign changes. Design and
statistics are SALib's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from masm.errors import CalibrationFailed, InputError
from masm.observations.dataset import ErrorOptions
from masm.problem.priors import Priors, as_priors
from masm.problem.seeds import ScreeningStream, Seed, seed_sequence
from masm.runners.series_runner import Model
from masm.sensitivity.outputs import Reducer, make_reducer
from masm.types import Array

if TYPE_CHECKING:
    import xarray as xr

logger = logging.getLogger(__name__)


_TRIES = 200  # trajectories drawn for each one wanted, before constraints are blamed


def screen(
    model: Model,
    priors: Any,
    *,
    seed: Seed,
    streams: Sequence[str] | None = None,
    observations: Any = None,
    n_trajectories: int = 20,
    n_levels: int = 8,
    samples_per_call: int = 256,
    on_runs: Callable[[int], None] | None = None,
    **options: Unpack[ErrorOptions],
) -> xr.Dataset:
    """Measure how much each parameter moves each output.

    Parameters
    ----------
    model : callable
        As for `masm.calibrate`; it takes all the parameters of ``priors``.
    priors : mapping or Priors
        Of every parameter to look at. With constraints, a trajectory that leaves
        the allowed region is drawn again as a whole: the effects are then those
        inside it.
    seed : int or sequence of int
        The same seed gives the same answer.
    streams : sequence of str, optional
        Outputs of the model; by default those that are observed.
    observations : as for `masm.calibrate`, optional
        Gives the effects on the misfit (``cost``) too.
    n_trajectories : int
        Each costs one run more than there are parameters.
    n_levels : int
        Levels of the grid in each direction, even; a step goes half the range.
    samples_per_call : int
        Parameter sets in one call of the model.
    on_runs : callable, optional
        Called with the number of model runs just made.
    **options
        ``variance``, ``windows`` and ``errors`` of `masm.calibrate`.

    Returns
    -------
    xarray.Dataset
        Over (stream, statistic, parameter): ``mu_star``, ``mu_star_conf`` (half width
        of its bootstrapped 95 % interval), ``mu``, ``sigma``, in the output's unit
        for a step through the whole prior; ``effect`` and ``effect_conf`` are the
        first two, by the names that all methods have. Statistics are ``annual`` (mean
        over all years), the means of the seasons, and ``cost``. ``n_trajectories``
        counts those that were used, ``n_dropped`` those that lost a run.

    Raises
    ------
    InputError
        If anything given cannot be used, or constraints leave no room.
    CalibrationFailed
        If fewer than two trajectories are left: ``model_nan``.

    References
    ----------
    Morris (1991), Technometrics 33, 161-174. Campolongo, Cariboni, Saltelli (2007),
    Environmental Modelling & Software 22, 1509-1518.

    Examples
    --------
    >>> import numpy as np
    >>> import masm
    >>> def model(theta):
    ...     return {"y": (theta["a"] + 2.0 * theta["b"])[:, None] * np.ones(3)}
    >>> priors = {"a": (0.0, 1.0), "b": (0.0, 1.0)}
    >>> effects = masm.screen(model, priors, seed=1, streams=["y"], n_trajectories=4)
    >>> effects["mu_star"].sel(statistic="annual").round(3).values.tolist()
    [[1.0, 2.0]]
    """
    priors = as_priors(priors)
    reducer = make_reducer(model, streams, observations, samples_per_call, **options)
    rng = np.random.default_rng(seed_sequence(seed, ScreeningStream.TRAJECTORIES))
    u = trajectories(priors, n_trajectories, n_levels, rng)
    n_points = len(priors) + 1
    reduced = []
    per_call = max(1, samples_per_call // n_points)
    for first in range(0, n_trajectories, per_call):
        theta = priors.from_unit(np.concatenate(u[first : first + per_call]))
        reduced.append(reducer(theta))
        if on_runs is not None:
            on_runs(len(theta))
    shape = (n_trajectories, n_points, len(reducer.streams), -1)
    outputs = np.concatenate(reduced).reshape(shape)
    whole = np.isfinite(outputs[..., 0]).all(axis=(1, 2))
    if whole.sum() < 2:
        raise CalibrationFailed(
            f"only {int(whole.sum())} of {n_trajectories} trajectories ran through; "
            f"first failure: {reducer.failures[0]}",
            reason="model_nan",
        )
    if not whole.all():
        logger.warning(
            "%d of %d trajectories dropped for %d failed runs, first: %s",
            int((~whole).sum()),
            n_trajectories,
            len(reducer.failures),
            reducer.failures[0],
        )
    rng = np.random.default_rng(seed_sequence(seed, ScreeningStream.RESAMPLING))
    effects = _analyse(u[whole], outputs[whole], priors, n_levels, rng)
    return _dataset(effects, priors, reducer, n_trajectories, int(whole.sum()))


def trajectories(
    priors: Priors, n: int, n_levels: int, rng: np.random.Generator
) -> Array:
    """Draw trajectories that keep the constraints, (trajectory, point, parameter).

    In the unit cube; ``n_parameters + 1`` points each.
    """
    from SALib.sample import morris

    if n < 2:
        raise InputError(
            "too few trajectories", found=n, wanted="at least 2, better 10 or more"
        )
    if n_levels < 2 or n_levels % 2:
        raise InputError("n_levels", found=n_levels, wanted="an even number, 4 or more")
    problem = _salib_problem(priors)
    kept: list[Array] = []
    n_drawn = 0
    while len(kept) < n:
        if n_drawn >= _TRIES * n:
            rules = "; ".join(rule.description for rule in priors.constraints)
            raise InputError(
                "the constraints leave no room for trajectories",
                found=f"{len(kept)} of {n_drawn} keep them: {rules}",
                wanted=f"{n} that do",
                hint="Widen the constraints, or give fewer parameters.",
            )
        n_drawn += n
        drawn = morris.sample(problem, n, num_levels=n_levels, seed=rng)
        for walk in drawn.reshape(n, len(priors) + 1, len(priors)):
            if priors.allowed(priors.from_unit(walk)).all():
                kept.append(walk)
    return np.stack(kept[:n])


def _salib_problem(priors: Priors) -> dict[str, Any]:
    return {
        "num_vars": len(priors),
        "names": list(priors.names),
        "bounds": [[0.0, 1.0]] * len(priors),
    }


def _analyse(
    u: Array, outputs: Array, priors: Priors, n_levels: int, rng: np.random.Generator
) -> dict[str, Array]:
    """Statistics of the effects on every output, (stream, statistic, parameter)."""
    from SALib.analyze import morris

    names = ("mu_star", "mu_star_conf", "mu", "sigma")
    n_streams, n_statistics = outputs.shape[2:]
    found = {
        name: np.full((n_streams, n_statistics, len(priors)), np.nan) for name in names
    }
    points = u.reshape(-1, len(priors))
    for stream, statistic in np.ndindex(n_streams, n_statistics):
        values = outputs[:, :, stream, statistic].ravel()
        if not np.isfinite(values).all():
            continue  # a cost without observations, a season without a day
        indices = morris.analyze(
            _salib_problem(priors), points, values, num_levels=n_levels, seed=rng
        )
        for name in names:
            found[name][stream, statistic] = np.asarray(indices[name], float)
    return found


def _dataset(
    effects: dict[str, Array],
    priors: Priors,
    reducer: Reducer,
    n_asked: int,
    n_used: int,
) -> xr.Dataset:
    import xarray as xr

    names = {
        "mu_star": "mean size of the elementary effects",
        "mu_star_conf": "half width of the bootstrapped 95 % interval of mu_star",
        "mu": "mean elementary effect",
        "sigma": "standard deviation of the elementary effects",
    }
    comment = "change of the output for a step through the whole prior, in its unit"
    dims = ("stream", "statistic", "parameter")
    data: dict[str, Any] = {
        name: (dims, effects[name], {"long_name": text, "comment": comment})
        for name, text in names.items()
    }
    # What every method of screening gives, by the same names.
    data["effect"], data["effect_conf"] = data["mu_star"], data["mu_star_conf"]
    data["n_used"] = ((), n_used, {"long_name": "trajectories used"})
    data["n_trajectories"] = ((), n_used, {"long_name": "trajectories used"})
    data["n_dropped"] = ((), n_asked - n_used, {"long_name": "trajectories dropped"})
    data["n_failed_runs"] = ((), len(reducer.failures), {"long_name": "failed runs"})
    coords = {
        "stream": list(reducer.streams),
        "statistic": list(reducer.statistics),
        "parameter": list(priors.names),
        "units": ("stream", [reducer.units[name] for name in reducer.streams]),
    }
    attrs = {"method": "morris", "title": "Morris elementary effects (SALib)"}
    return xr.Dataset(data, coords, attrs)
