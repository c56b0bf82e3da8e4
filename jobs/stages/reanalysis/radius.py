"""The localisation radius that leaves the least spatial correlation in the residuals.

Each radius analyses the forecasts that the run has already made, one step; or members
are run again for each radius over all years, in run folders of their own that can be
stopped and gone on with. The criterion is that of `masm.filters.choose_radius`, state
by state and averaged over the states that were observed at two sites or more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.config.executor_names import QUEUES
from jobs.errors import ConfigError, Problem
from jobs.files import make_folder, replacing, write_text
from jobs.netcdf_files import read_netcdf
from jobs.run.reanalysis_run import ReanalysisRun, open_reanalysis
from jobs.run.seeds import RunStream
from jobs.stages.reanalysis.analysis import options_of
from jobs.stages.reanalysis.loop import reanalyse
from jobs.stages.reanalysis.results import analyses_of
from masm.filters import Carried, analyse_cycle, choose_radius, chord_km

if TYPE_CHECKING:
    import pandas as pd

_LOCALISED = ("tobit_wishart", "enkf", "letkf")


def compare_radii(
    run: ReanalysisRun,
    radii: Sequence[float],
    on_radius: Callable[[int], None],
    *,
    again: bool = False,
) -> tuple[pd.DataFrame, float]:
    """Compare radii on the forecasts of a run.

    Parameters
    ----------
    run : ReanalysisRun
        With analyses that are done.
    radii : sequence of float
        Kilometres.
    on_radius : callable
        Called after each.
    again : bool
        Run the members again for each radius, in ``reanalysis/radius/``.

    Returns
    -------
    table : pandas.DataFrame
        ``state``, ``radius_km``, ``criterion`` (rms of the residuals' correlation over
        classes of distance). Also written as ``reanalysis/radius.csv``, or
        ``radius_again.csv``.
    chosen : float
        With the least mean criterion; the smaller of equals.

    Raises
    ------
    ConfigError
        If the filter is not localised, or no state is observed at two sites.
    """
    import pandas as pd

    if run.section.filter.name not in _LOCALISED:
        raise ConfigError(
            run.problem(
                ["reanalysis", "filter", "name"],
                found=f"{run.section.filter.name}, which is not localised",
                wanted=f"one of {', '.join(_LOCALISED)}",
            )
        )
    found = analyses_of(run)
    places = read_netcdf(run.prepared)
    distance = chord_km(places["latitude"], places["longitude"])
    observed = found["observation"].transpose("time", "site", "state").to_numpy()
    usable = [
        k
        for k in range(len(run.states))
        if (np.isfinite(observed[..., k]).sum(axis=1) > 1).any()
    ]
    if not usable:
        raise ConfigError(
            Problem(
                str(run.prepared),
                "no state is observed at two sites at the same time",
                wanted="two sites or more",
            )
        )
    residuals = {}
    for radius in radii:
        residuals[radius] = (
            _residuals_again(run, radius)
            if again
            else _residuals(run, found, observed, distance, radius)
        )
        on_radius(1)
    rows = []
    for k in usable:
        of_state = {radius: values[..., k] for radius, values in residuals.items()}
        choice = choose_radius(radii, of_state.__getitem__, distance)
        rows += [
            {"state": run.states[k], "radius_km": r, "criterion": c}
            for r, c in zip(choice.radii, choice.criterion, strict=True)
        ]
    table = pd.DataFrame(rows)
    mean = table.groupby("radius_km")["criterion"].mean()
    chosen = float(mean[mean == mean.min()].index.min())
    name = "radius_again.csv" if again else "radius.csv"
    with replacing(run.path / name) as aside:
        table.to_csv(aside, index=False, float_format="%.6g")
    return table, chosen


def _residuals_again(run: ReanalysisRun, radius: float) -> np.ndarray:
    """Observed less analysed of a whole run with one radius, (time, site, state)."""
    other = open_reanalysis(_folder_of(run, radius))
    queued = run.config.execution.executor in QUEUES  # which does not wait
    reanalyse(other, "local" if queued else None)
    found = analyses_of(other)
    off = found["observation"] - found["analysis_mean"]
    return np.asarray(off.transpose("time", "site", "state").to_numpy())


def _folder_of(run: ReanalysisRun, radius: float) -> Path:
    """The run folder of one radius; its inputs are those of the run, by their path."""
    folder = run.path / "radius" / f"{radius:g}_km"
    plain = run.config.model_dump(mode="json", exclude_unset=True)
    section = plain["reanalysis"]
    for keys, name in (
        (("sites",), run.section.sites),
        (("observations", "file"), run.section.observations.file),
        (("drivers", "files"), run.section.drivers.files),
        (("initial_pools",), run.section.initial_pools),
        (("truth",), run.section.truth),
        (("parameters", "draws"), run.section.parameters.draws),
        (("parameters", "run"), run.section.parameters.run),
    ):
        if name is None:
            continue
        inner = section
        for key in keys[:-1]:
            inner = inner.setdefault(key, {})
        inner[keys[-1]] = str((run.config.folder / name).resolve())
    section["localisation"] = {
        **section.get("localisation", {}), "radius_km": float(radius)
    }  # fmt: skip
    make_folder(folder)
    write_text(folder / "config.yaml", json.dumps(plain, indent=1) + "\n")
    return folder


def _residuals(run, found, observed, distance, radius) -> np.ndarray:
    """Observed less analysed with one radius, (time, site, state)."""
    options = options_of(run, radius=radius)
    carried = Carried.first(options, run.section.members)
    forecast = found["forecast"].transpose("time", "member", "site", "state")
    error = found["observation_sd"].transpose("time", "site", "state").to_numpy()
    residuals = np.empty_like(observed)
    for j in range(len(observed)):
        cycle = analyse_cycle(
            forecast.isel(time=j).to_numpy(), observed[j], error[j], options=options,
            carried=carried, distance=distance,
            seed=[run.config.seed, *RunStream.ANALYSIS, j + 1],
        )  # fmt: skip
        residuals[j] = observed[j] - cycle.mean
        carried = cycle.carried
    return residuals
