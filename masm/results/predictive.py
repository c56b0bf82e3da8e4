"""Groups of a result that compare observations with model runs at posterior draws.

Names, dimensions and meaning are those that ArviZ expects, so that its predictive
checks and its cross-validation work on a result's file: replicated observations in
``posterior_predictive``, the log density of each observation in ``log_likelihood``,
observations alone in ``observed_data`` and their error variances in ``constant_data``.
The model runs at posterior draws themselves are our own group ``predictive_runs``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from masm.likelihood.correlation import correlation_of
from masm.likelihood.gaussian import GaussianLikelihood
from masm.observations.stream import ObservedSeries
from masm.types import Array

if TYPE_CHECKING:
    import xarray as xr

LEAST_RUNS = 32
"""Model runs at posterior draws from which on the emulator is not asked."""


def observed_data(likelihood: GaussianLikelihood) -> xr.Dataset:
    """Return the observations, one variable (time of the stream) for each stream."""
    return _of_streams(
        likelihood,
        {s.name: s.value for s in likelihood.observed},
        lambda s: {"units": s.units, "windows": s.windows or "none"},
    )


def constant_data(
    likelihood: GaussianLikelihood, factors: Mapping[str, Array]
) -> xr.Dataset:
    """Return the error variance of each observation, ``NAME_variance``.

    It is that of replicated observations: with a bias, an effect of years, an error of
    representation and a discrepancy where a stream has them. Of a stream whose errors
    have an unknown factor it is the posterior mean.
    """
    known = {
        s.name: _whole_variance(s) * np.mean(factors.get(s.name, 1.0) ** 2)
        for s in likelihood.observed
    }
    return _of_streams(
        likelihood,
        known,
        lambda s: {"units": _squared(s.units), "rule": s.variance_rule},
        suffix="_variance",
    )


def _whole_variance(series: ObservedSeries) -> Array:
    if series.errors.plain:
        return series.variance
    return series.variance * np.diag(correlation_of(series, treated=False))


def prior_predictive(likelihood: GaussianLikelihood, series: Array) -> xr.Dataset:
    """Return model runs (run, n_obs) at points of the prior, without error."""
    found = _of_draws(likelihood, series)
    note = "model runs at prior draws, without observation error"
    return found.assign_attrs(note=note)


def posterior_groups(
    likelihood: GaussianLikelihood,
    runs: Array,
    emulated: Array | None,
    rng: np.random.Generator,
) -> dict[str, xr.Dataset]:
    """Return what observations are compared with at draws of the posterior.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Of all streams.
    runs : ndarray (run, n_obs)
        Model runs at draws of the posterior.
    emulated : ndarray (draw, n_obs) or None
        The emulator's series at draws of the posterior, taken where the model runs
        are too few for statistics, fewer than ``LEAST_RUNS``, and no stream is treated.
    rng : numpy.random.Generator
        Of the observation errors that are added, and of unknown factors on them.

    Returns
    -------
    dict of str to xarray.Dataset
        ``posterior_predictive``: replicated observations, with errors.
        ``log_likelihood``: log density of each observation; of correlated errors,
        given the earlier ones. Both over (chain, draw, time of the stream), one chain;
        their attribute ``source`` says "model runs" or "emulator".
        ``predictive_runs``: the model runs themselves, without errors.
    """
    # Of a treated stream an emulator does not know what is left out.
    # Nor of one whose errors are not normal.
    whole = all(
        s.errors.treatment == "none" and s.errors.shape.is_normal
        for s in likelihood.observed
    )
    use_emulated = emulated is not None and len(runs) < LEAST_RUNS and whole
    series = emulated if emulated is not None and use_emulated else runs
    source = {"source": "emulator" if use_emulated else "model runs"}
    factors = _factors(likelihood, series, rng)
    replicated = np.stack(
        [
            likelihood.replicate(row, rng, scale)
            for row, scale in zip(series, factors, strict=True)
        ]
    )
    density = likelihood.log_densities(series, factors)
    return {
        "posterior_predictive": _of_draws(likelihood, replicated).assign_attrs(
            note="observations replicated at posterior draws, with observation error",
            **source,
        ),
        "log_likelihood": _of_draws(likelihood, density, units="1").assign_attrs(
            note="log density of each observation at posterior draws; with correlated "
            "errors, given the earlier observations",
            **source,
        ),
        "predictive_runs": _of_draws(likelihood, runs).assign_attrs(
            note="model runs at posterior draws, without observation error"
        ),
    }


def _factors(
    likelihood: GaussianLikelihood, series: Array, rng: np.random.Generator
) -> list[dict[str, float]]:
    """Draw unknown factors on errors for each run; those of known ones are 1."""
    squares = likelihood.squares(likelihood.whiten(series))
    drawn = {
        name: scale.draw(squares[name], rng)
        for name, scale in likelihood.scales.items()
    }
    return [
        {name: float(values[i]) for name, values in drawn.items()}
        for i in range(len(series))
    ]


def _of_streams(
    likelihood: GaussianLikelihood,
    values: Mapping[str, Array],
    attrs: Any,
    suffix: str = "",
) -> xr.Dataset:
    import xarray as xr

    return xr.Dataset(
        {
            s.name + suffix: ((f"{s.name}_time",), values[s.name], attrs(s))
            for s in likelihood.observed
        },
        coords=_times(likelihood),
    )


def _of_draws(
    likelihood: GaussianLikelihood, rows: Array, units: str | None = None
) -> xr.Dataset:
    """Lay rows (run, n_obs) out by stream; single precision is enough to look at."""
    import xarray as xr

    variables = {
        s.name: (
            ("chain", "draw", f"{s.name}_time"),
            rows[None, :, likelihood.slices[s.name]].astype(np.float32),
            {"units": s.units if units is None else units},
        )
        for s in likelihood.observed
    }
    coords = {"chain": np.arange(1), "draw": np.arange(len(rows))}
    return xr.Dataset(variables, coords={**coords, **_times(likelihood)})


def _times(likelihood: GaussianLikelihood) -> dict[str, Any]:
    return {f"{s.name}_time": (f"{s.name}_time", s.time) for s in likelihood.observed}


def _squared(units: str) -> str:
    return "1" if units in ("", "1") else f"({units})2"
