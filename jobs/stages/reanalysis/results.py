"""What a reanalysis found: its product over all years, and how well it did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.errors import ConfigError, Problem
from jobs.files import lexists, replacing
from jobs.inputs.reanalysis_tables import read_truth
from jobs.netcdf_files import read_netcdf, write_netcdf
from jobs.run.reanalysis_run import ReanalysisRun
from jobs.run.seeds import RunStream

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_KEPT = (
    "forecast", "forecast_mean", "forecast_sd", "analysis_mean", "analysis_sd",
    "increment", "observation", "observation_sd", "weight", "effective_members",
    "carbon_added", "process_covariance", "process_from", "state_factor",
)  # fmt: skip


def analyses_of(run: ReanalysisRun) -> xr.Dataset:
    """Join the analyses that are done, over ``time``.

    Raises
    ------
    ConfigError
        If there is none yet.
    """
    import xarray as xr

    parts, days = [], []
    for dates in run.cycles:
        path = run.analysis(dates.number)
        if dates.is_analysed and lexists(path):
            parts.append(read_netcdf(path)[list(_KEPT)])
            days.append(dates.last)
    if not parts:
        raise ConfigError(
            Problem(
                str(run.path),
                "there is nothing to report: no analysis is done",
                hint=f"masm reanalyse {run.folder.path}",
            )
        )
    found = xr.concat(parts, "time", coords="minimal", compat="override")
    return found.assign_coords(time=np.array(days, "datetime64[ns]"))


def truth_of(run: ReanalysisRun, found: xr.Dataset) -> np.ndarray | None:
    """Return the known truth of a twin, (time, site, state)."""
    if run.section.truth is None:
        return None
    return read_truth(
        run.in_folder(run.section.truth),
        sites=[str(name) for name in found["site"].to_numpy()],
        states=run.states,
        days=found["time"].to_numpy().astype("datetime64[D]"),
    )


def write_product(run: ReanalysisRun, found: xr.Dataset) -> list[Path]:
    """Write states and fluxes of all years, each as one netCDF file."""
    import xarray as xr

    states, fluxes = run.path / "states.nc", run.path / "fluxes.nc"
    kept = found[["analysis_mean", "analysis_sd", "forecast_mean", "forecast_sd",
                  "effective_members"]]  # fmt: skip
    with replacing(states) as aside:
        write_netcdf(kept.assign_attrs(title=run.config.name), aside)
    parts = [
        read_netcdf(run.fluxes(one.number))
        for one in run.cycles
        if lexists(run.analysis(one.number))
    ]
    whole = xr.concat(parts, "time", data_vars="minimal", coords="minimal",
                      compat="override", combine_attrs="override")  # fmt: skip
    packing = {
        name: {"zlib": True, "complevel": 1, "dtype": "float32"} for name in whole
    }
    with replacing(fluxes) as aside:
        titled = whole.assign_attrs(title=run.config.name)
        write_netcdf(titled, aside, encoding=packing)
    return [states, fluxes]


def scores(found: xr.Dataset, truth: np.ndarray | None) -> pd.DataFrame:
    """Error and spread of each state, over all sites and analyses.

    Returns
    -------
    pandas.DataFrame
        ``against``: observations (of the forecast: not seen yet) or the truth of a
        twin. ``ratio``: rms spread times sqrt((n + 1) / n), with the observation's sd
        in it where that is what is compared with, over rmse; 1 where the filter knows
        its errors.
    """
    import pandas as pd

    n = found.sizes["member"]
    inflated = (n + 1.0) / n
    rows = []
    for state in found["state"].to_numpy():
        one = found.sel(state=state)
        observed, error = (
            one["observation"].to_numpy(),
            one["observation_sd"].to_numpy(),
        )
        k = list(found["state"].to_numpy()).index(state)
        for what in ("forecast", "analysis"):
            mean, sd = one[f"{what}_mean"].to_numpy(), one[f"{what}_sd"].to_numpy()
            pairs = [("observations", observed, error)]
            if truth is not None:
                pairs.append(("truth", truth[..., k], np.zeros_like(error)))
            for against, wanted, extra in pairs:
                seen = np.isfinite(wanted)
                if not seen.any():
                    continue
                off = (mean - wanted)[seen]
                # An analysis has used the observation: their errors are not apart.
                apart = what == "forecast" or against == "truth"
                spread = np.sqrt((inflated * sd**2 + extra**2)[seen].mean())
                rmse = np.sqrt((off**2).mean())
                rows.append(
                    {
                        "state": str(state),
                        "of": what,
                        "against": against,
                        "n": int(seen.sum()),
                        "bias": off.mean(),
                        "rmse": rmse,
                        "spread": spread if apart else np.nan,
                        "ratio": spread / rmse if apart and rmse > 0 else np.nan,
                    }
                )
    return pd.DataFrame(rows)


def ranks(run: ReanalysisRun, found: xr.Dataset) -> dict[str, np.ndarray]:
    """Rank of each observation among the forecast members, by state.

    Members get the observation's error first, since the observation has it; equal
    values (at zero) share their ranks at random.
    """
    rng = np.random.default_rng([run.config.seed, *RunStream.TWIN_NOISE, 1])
    result = {}
    for state in found["state"].to_numpy():
        one = found.sel(state=state)
        observed = one["observation"].to_numpy()
        error = one["observation_sd"].to_numpy()
        members = one["forecast"].transpose("member", "time", "site").to_numpy()
        seen = np.isfinite(observed)
        noisy = members[:, seen] + error[seen] * rng.standard_normal(
            (len(members), int(seen.sum()))
        )
        below = (noisy < observed[seen]).sum(axis=0)
        equal = (noisy == observed[seen]).sum(axis=0)
        result[str(state)] = below + (rng.random(below.size) * (equal + 1)).astype(int)
    return result
