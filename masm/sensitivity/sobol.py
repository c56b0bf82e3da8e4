"""Fractions of variance: Sobol total indices, to compare Morris screening with.

A total index is the fraction of an output's variance that would stay if everything but
one parameter were known; it counts curvature and interactions in full and costs a few
thousand runs. Morris effects cost a few hundred and weigh sizes, not squares. Design
and indices are SALib's (Saltelli et al. 2010).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from masm.errors import CalibrationFailed, InputError
from masm.observations.dataset import ErrorOptions
from masm.problem.priors import as_priors
from masm.problem.seeds import ScreeningStream, Seed, seed_sequence
from masm.runners.series_runner import Model
from masm.sensitivity.morris import _salib_problem
from masm.sensitivity.outputs import (
    dataset_of,
    independent,
    make_reducer,
    run_design,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_SALIB = {
    "total": "ST",
    "total_conf": "ST_conf",
    "first": "S1",
    "first_conf": "S1_conf",
}
_LABELS = {
    "total": "total Sobol index",
    "total_conf": "half width of the 95 % interval of total",
    "first": "first-order Sobol index",
    "first_conf": "half width of the 95 % interval of first",
}


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
    **options: Unpack[ErrorOptions],
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

    Examples
    --------
    >>> import numpy as np
    >>> import masm
    >>> def model(theta):
    ...     return {"y": (theta["a"] + 2.0 * theta["b"])[:, None] * np.ones(3)}
    >>> priors = {"a": (0.0, 1.0), "b": (0.0, 1.0)}
    >>> effects = masm.total_effects(model, priors, seed=1, streams=["y"])
    >>> effects["total"].sel(stream="y", statistic="annual").round(1).values.tolist()
    [0.2, 0.8]
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
        name: np.full((*outputs.shape[2:], len(priors)), np.nan) for name in _LABELS
    }
    for stream, statistic in np.ndindex(*outputs.shape[2:]):
        values = outputs[:, :, stream, statistic].ravel()
        if not np.isfinite(values).all() or np.ptp(values) == 0.0:
            continue
        indices = analysis.analyze(problem, values, calc_second_order=False, seed=rng)
        for name, array in found.items():
            array[stream, statistic] = indices[_SALIB[name]]
    return dataset_of(
        found, _LABELS, priors.names, reducer, method="sobol",
        title="Sobol indices (SALib)", effect="total", interval="total_conf",
        n_used=int(whole.sum()), n_dropped=int((~whole).sum()),
    )  # fmt: skip


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
        and ``total_conf``, the rank by either, ``linear``: the fraction of variance an
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
