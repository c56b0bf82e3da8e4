"""One analysis: forecasts of all sites in, corrected states to go on from out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jobs.config.process_model import model_of
from jobs.files import replacing
from jobs.netcdf_files import read_netcdf, write_netcdf
from jobs.run.reanalysis_run import CycleDates, ReanalysisRun
from jobs.run.seeds import RunStream
from jobs.stages.reanalysis.forecast import (
    block_of_sites,
    lineage_of,
    n_blocks,
    parameters_of,
)
from masm.filters import (
    Carried,
    Cycle,
    CycleOptions,
    analyse_cycle,
    chord_km,
    weighted_summary,
)

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]

QUANTILES = (0.05, 0.5, 0.95)


def options_of(run: ReanalysisRun, *, radius: float | None = None) -> CycleOptions:
    """Return the filter's options, perhaps with another radius (km)."""
    chosen, states = run.section.filter, run.states
    given = run.section.localisation.radius_km
    if radius is None:
        everywhere = given is None or chosen.name == "etkf"
        radius = np.inf if everywhere else float(given or 0.0)
    least = [
        chosen.minimum_sd.get(name, 0.1 * chosen.process_error[name]) for name in states
    ]
    return CycleOptions(
        process_sd=np.array([chosen.process_error[name] for name in states]),
        name=chosen.name,
        radius=radius,
        taper=run.section.localisation.taper,
        between_states=chosen.between_states,
        between_level=chosen.between_level,
        inflation=chosen.inflation,
        n_draws=chosen.draws,
        n_chains=chosen.chains,
        n_warm=chosen.warm_up,
        alpha=chosen.alpha,
        forgetting=chosen.forgetting,
        minimum_sd=np.array(least),
        adjustment=chosen.adjustment,
        scope=chosen.scope,
        weights=chosen.weights,
        threshold=chosen.threshold,
        jitter=chosen.jitter,
    )


@dataclass(frozen=True)
class Forecast:
    """What the members of all sites ran to.

    Attributes
    ----------
    blocks : list of xarray.Dataset
        As the forecast steps left them.
    members : (n_members, n_sites, n_states)
        Values of the states that the filter corrects.
    """

    blocks: list[xr.Dataset]
    members: Array


def read_forecast(run: ReanalysisRun, number: int, n_sites: int) -> Forecast:
    """Read the forecasts of a cycle.

    Raises
    ------
    ValueError
        If one is damaged; its path is the error's ``filename``-less message.
    """
    blocks = [
        read_netcdf(run.forecast(number, block))
        for block in range(n_blocks(run, n_sites))
    ]
    values = [one["quantities"].sel(quantity=run.states).to_numpy() for one in blocks]
    return Forecast(blocks, np.concatenate(values).transpose(1, 0, 2))


def carried_of(run: ReanalysisRun, number: int, options: CycleOptions) -> Carried:
    """Return what the analysis before a cycle left."""
    if number == 0:
        return Carried.first(options, run.section.members)
    before = read_netcdf(run.analysis(number - 1))
    return Carried(
        float(before["alpha"]),
        before["beta"].to_numpy(),
        float(before["inflation"]),
        float(before["inflation_variance"]),
        before["log_weight"].to_numpy(),
    )


def analyse(run: ReanalysisRun, dates: CycleDates) -> None:
    """Correct a cycle's forecast; write weighted outputs, restarts and the analysis.

    The analysis is written last: at its name the cycle is done.
    """
    observed = read_netcdf(run.prepared)
    n_sites = observed.sizes["site"]
    forecast = read_forecast(run, dates.number, n_sites)
    options = options_of(run)
    shape = forecast.members.shape[1:]
    value, sd = np.full(shape, np.nan), np.full(shape, np.nan)
    if dates.is_analysed:
        value = observed["value"].isel(analysis=dates.number).to_numpy()
        sd = observed["sd"].isel(analysis=dates.number).to_numpy()
    carried = carried_of(run, dates.number, options)
    top = [run.model.analysed[name].highest for name in run.states]
    found = analyse_cycle(
        forecast.members,
        value,
        sd,
        options=options if dates.is_analysed else _nothing(options),
        carried=carried,
        distance=chord_km(observed["latitude"], observed["longitude"]),
        seed=[run.config.seed, *RunStream.ANALYSIS, dates.number + 1],
        highest=top,
    )
    _write_outputs(run, dates, forecast, found)
    added = _write_restarts(run, dates, forecast, found)
    whole = _dataset(run, dates, observed, forecast, found, added, (value, sd))
    with replacing(run.analysis(dates.number)) as aside:
        write_netcdf(whole, aside)


def _nothing(options: CycleOptions) -> CycleOptions:
    from dataclasses import replace

    return replace(options, name="none")


def _write_outputs(
    run: ReanalysisRun, dates: CycleDates, forecast: Forecast, found: Cycle
) -> None:
    """Weighted mean, sd and quantiles of each day's outputs, and the plain mean."""
    import xarray as xr

    known = model_of(run.config).outputs
    time = forecast.blocks[0]["time"]
    variables: dict[str, Any] = {}
    for name in run.section.outputs:
        values = np.concatenate([one[name].to_numpy() for one in forecast.blocks])
        parts = [_summary(values[k], found.weight[k]) for k in range(len(values))]
        attrs = {"units": known[name].unit, "long_name": known[name].description}
        variables[name] = (("site", "time"), np.stack([p[0] for p in parts]), attrs)
        variables[f"{name}_sd"] = (
            ("site", "time"), np.stack([p[1] for p in parts]), attrs,
        )  # fmt: skip
        variables[f"{name}_quantiles"] = (
            ("site", "quantile", "time"), np.stack([p[2] for p in parts]), attrs,
        )  # fmt: skip
        variables[f"{name}_forecast"] = (("site", "time"), values.mean(axis=1), attrs)
    sites = np.concatenate([one["site"].to_numpy() for one in forecast.blocks])
    whole = xr.Dataset(
        variables,
        coords={"site": sites, "time": time, "quantile": list(QUANTILES)},
        attrs={
            "comment": "weighted by the analysis at the end of these days; "
            "_forecast: all members alike"
        },
    )
    packing = {
        name: {"zlib": True, "complevel": 1, "dtype": "float32"} for name in variables
    }
    with replacing(run.fluxes(dates.number)) as aside:
        write_netcdf(whole, aside, encoding=packing)


def _summary(values: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Mean, sd and quantiles over the members of one site; NaN without weights."""
    if not np.isfinite(weight).all():
        gone = np.full(values.shape[1], np.nan)
        return gone, gone, np.full((len(QUANTILES), values.shape[1]), np.nan)
    found = weighted_summary(values, weight, QUANTILES)
    return found.mean, np.sqrt(found.variance), found.quantiles


def _write_restarts(
    run: ReanalysisRun, dates: CycleDates, forecast: Forecast, found: Cycle
) -> Array:
    """Write the states to go on from; return the carbon added, (site, member)."""
    import xarray as xr

    members = read_netcdf(run.members)
    n_sites = members.sizes["site"]
    changes = dates.is_analysed and run.section.filter.name != "none"
    added = np.zeros((n_sites, run.section.members))
    for block, one in enumerate(forecast.blocks):
        places = block_of_sites(run, block, n_sites)
        start = (
            read_netcdf(run.restart(dates.number - 1, block)) if dates.number else None
        )
        lineage = lineage_of(start, run.section.members)[found.ancestors]
        states = one["whole_state"].to_numpy()[:, found.ancestors]
        if changes:
            states = states.copy()
            for k, place in enumerate(places):
                updated = run.model.update_state(
                    states[k],
                    dict(zip(run.states, found.members[:, place].T, strict=True)),
                    parameters_of(members.isel(site=place), lineage),
                )
                states[k], added[place] = updated.state, updated.carbon_added
        after = xr.Dataset(
            {
                "whole_state": (("site", "member", "entry"), states),
                "lineage": ("member", lineage),
            },
            coords={"site": one["site"], "entry": list(run.model.state_entries)},
        )
        packing = {"whole_state": {"zlib": True, "complevel": 1}}
        with replacing(run.restart(dates.number, block)) as aside:
            write_netcdf(after, aside, encoding=packing)
    return added


def _dataset(
    run: ReanalysisRun, dates: CycleDates, observed: xr.Dataset, forecast: Forecast,
    found: Cycle, added: Array, seen: tuple[Array, Array],
) -> xr.Dataset:  # fmt: skip
    """Everything of an analysis, labelled."""
    import xarray as xr

    ran, ended = forecast.members, found.members
    each, mean = ("member", "site", "state"), ("site", "state")
    units = ", ".join(f"{name} {run.model.analysed[name].unit}" for name in run.states)
    of_states = {"comment": f"units by state: {units}"}
    return xr.Dataset(
        {
            "forecast": (each, ran, of_states),
            "analysis": (each, ended, of_states),
            "increment": (each, ended - ran[found.ancestors], of_states),
            "forecast_mean": (mean, ran.mean(axis=0), of_states),
            "forecast_sd": (mean, ran.std(axis=0, ddof=1), of_states),
            "analysis_mean": (mean, found.mean, of_states),
            "analysis_sd": (mean, found.sd, of_states),
            "observation": (mean, seen[0], of_states),
            "observation_sd": (mean, seen[1], of_states),
            "weight": (("site", "member"), found.weight),
            "effective_members": ("site", found.effective),
            "carbon_added": (
                ("site", "member"), added,
                {"units": "g m-2", "long_name": "carbon that the analysis added"},
            ),
            "process_covariance": (("state", "state_2"), found.process_mean, of_states),
            "process_from": ("state", list(found.process_from)),
            "state_factor": (
                ("state", "state_2"), found.state_factor,
                {"long_name": "factor of the covariances between states"},
            ),
            "alpha": ((), found.carried.alpha),
            "beta": (("state", "state_2"), found.carried.beta),
            "inflation": ((), found.carried.inflation),
            "inflation_variance": ((), found.carried.inflation_variance),
            "log_weight": ("member", found.carried.log_weight),
            "ancestors": ("member", found.ancestors),
        },
        coords={
            "site": observed["site"],
            "longitude": observed["longitude"],
            "latitude": observed["latitude"],
            "state": run.states,
            "state_2": run.states,
        },
        attrs={
            "title": run.config.name,
            "date": str(dates.last),
            "filter": run.section.filter.name if dates.is_analysed else "none",
            "n_observed": found.n_observed,
            "n_clipped": found.n_clipped,
            "n_censored": found.n_censored,
            **{f"diagnostic_{k}": v for k, v in found.diagnostics.items()},
        },
    )  # fmt: skip
