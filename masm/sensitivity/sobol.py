"""Shares of variance: Sobol total indices, to hold Morris screening against.

A total index is the share of an output's variance that would stay if everything but
one parameter were known; it counts bends and interactions in full and costs a few
thousand runs. Morris effects cost a few hundred and weigh sizes, not squares. Design
and indices are SALib's (Saltelli et al. 2010).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from masm.errors import CalibrationFailed, InputError
from masm.problem.priors import as_priors
from masm.problem.seeds import ScreeningStream, Seed, seed_sequence
from masm.runners.series_runner import Model
from masm.sensitivity.morris import _salib_problem
from masm.sensitivity.outputs import independent, make_reducer, run_design
from masm.types import Array

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def total_effects(
    model: Model,
    priors: Any,
    *,
    seed: Seed,
    streams: Sequence[str] | None = None,
    observations: Any = None,
    n_base: int = 128,
    samples_per_call: int = 256,
    on_runs: Callable[[int], None] | None = None,
    **options: Any,
) -> xr.Dataset:
    """Estimate first and total Sobol indices of every output.

    Parameters
    ----------
    model, priors, seed, streams, observations, samples_per_call, on_runs
        As for `masm.screen`; the priors may have no constraints, since the split of
        variance needs independent parameters.
    n_base : int
        Base points, a power of two; each costs the number of parameters plus two.
    **options
        ``variance``, ``windows`` and ``errors`` of `masm.calibrate`.

    Returns
    -------
    xarray.Dataset
        Over (stream, statistic, parameter): ``total``, ``total_conf`` (half width of
        its bootstrapped 95 % interval), ``first``, ``first_conf``, all of unit 1;
        ``effect`` and ``effect_conf`` are the first two, by the names that all
        methods have. A
        base point that lost a run is dropped as a whole and counted in ``n_dropped``.

    References
    ----------
    Saltelli et al. (2010), Computer Physics Communications 181, 259-270.
    """
    from SALib.analyze import sobol as analysis
    from SALib.sample import sobol as design

    priors = as_priors(priors)
    independent(priors, "Sobol indices")
    if n_base < 2 or n_base & (n_base - 1):
        raise InputError("n_base", found=n_base, wanted="a power of two, such as 128")
    reducer = make_reducer(model, streams, observations, samples_per_call, **options)
    problem = _salib_problem(priors)
    rng = np.random.default_rng(seed_sequence(seed, ScreeningStream.SOBOL))
    u = design.sample(problem, n_base, calc_second_order=False, seed=rng)
    shape = (n_base, len(priors) + 2, len(reducer.streams), -1)
    outputs = run_design(reducer, priors, u, samples_per_call, on_runs).reshape(shape)
    whole = np.isfinite(outputs[..., 0]).all(axis=(1, 2))
    if whole.sum() < 8:
        raise CalibrationFailed(
            f"only {int(whole.sum())} of {n_base} base points ran through; "
            f"first failure: {reducer.failures[0]}",
            reason="model_nan",
        )
    outputs = outputs[whole]
    found = {
        name: np.full((*outputs.shape[2:], len(priors)), np.nan)
        for name in ("ST", "ST_conf", "S1", "S1_conf")
    }
    for stream, statistic in np.ndindex(*outputs.shape[2:]):
        values = outputs[:, :, stream, statistic].ravel()
        if not np.isfinite(values).all() or np.ptp(values) == 0.0:
            continue
        indices = analysis.analyze(problem, values, calc_second_order=False, seed=rng)
        for name, array in found.items():
            array[stream, statistic] = indices[name]
    return _dataset(found, priors.names, reducer, n_base, int((~whole).sum()))


def compare(effects: xr.Dataset, totals: xr.Dataset) -> pd.DataFrame:
    """Lay Morris beside Sobol, so that one sees where they disagree.

    Parameters
    ----------
    effects, totals : xarray.Dataset
        Of the same model and priors, from `masm.screen` and `total_effects`.

    Returns
    -------
    pandas.DataFrame
        A row for each stream, statistic and parameter: ``mu_star_share``, ``total``
        and ``total_conf``, the rank by either, ``linear``: the share of variance an
        additive linear model with these mu* would give (mu*^2 over their sum), and
        ``bent``, sigma over mu*, near 0 where the effect is linear and alone.
    """
    import pandas as pd

    rows = []
    for stream in effects["stream"].to_numpy():
        for statistic in effects["statistic"].to_numpy():
            where = {"stream": stream, "statistic": statistic}
            mu_star, sigma, total, conf = (
                data[name].sel(where).to_series()
                for data, name in (
                    (effects, "mu_star"),
                    (effects, "sigma"),
                    (totals, "total"),
                    (totals, "total_conf"),
                )
            )
            if not (mu_star.sum() > 0.0 and total.notna().all()):
                continue
            part = pd.DataFrame(
                {
                    "stream": str(stream),
                    "statistic": str(statistic),
                    "mu_star_share": mu_star / mu_star.sum(),
                    "linear": mu_star**2 / (mu_star**2).sum(),
                    "total": total,
                    "total_conf": conf,
                    "rank_morris": mu_star.rank(ascending=False, method="first"),
                    "rank_sobol": total.rank(ascending=False, method="first"),
                    "bent": sigma / mu_star.where(mu_star > 0.0),
                }
            )
            rows.append(part.rename_axis("parameter").reset_index())
    return pd.concat(rows, ignore_index=True)


def _dataset(
    found: dict[str, Array],
    names: Sequence[str],
    reducer: Any,
    n_base: int,
    n_dropped: int,
) -> xr.Dataset:
    import xarray as xr

    labels = {
        "ST": ("total", "total Sobol index"),
        "ST_conf": ("total_conf", "half width of the 95 % interval of total"),
        "S1": ("first", "first-order Sobol index"),
        "S1_conf": ("first_conf", "half width of the 95 % interval of first"),
    }
    dims = ("stream", "statistic", "parameter")
    data: dict[str, Any] = {
        labels[key][0]: (dims, array, {"units": "1", "long_name": labels[key][1]})
        for key, array in found.items()
    }
    # What every method of screening gives, by the same names.
    data["effect"], data["effect_conf"] = data["total"], data["total_conf"]
    data["n_used"] = ((), n_base - n_dropped, {"long_name": "base points used"})
    data["n_failed_runs"] = ((), len(reducer.failures), {"long_name": "failed runs"})
    data["n_dropped"] = ((), n_dropped, {"long_name": "base points dropped"})
    coords = {
        "stream": list(reducer.streams),
        "statistic": list(reducer.statistics),
        "parameter": list(names),
        "units": ("stream", [reducer.units[name] for name in reducer.streams]),
    }
    attrs = {"method": "sobol", "title": "Sobol indices (SALib)"}
    return xr.Dataset(data, coords, attrs)
