"""Scores of default and calibrated parameters, in both periods, on 8-day means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.process_model import units_of
from jobs.config.schema import Config
from jobs.errors import ConfigError, Problem
from jobs.files import OddFile, lexists, replacing
from jobs.inputs.digests import require_same_inputs
from jobs.inputs.pixel_data import forcing_of, observations_of
from jobs.inputs.simulate import simulate
from jobs.inputs.streams import make_streams, pair
from jobs.netcdf_files import read_netcdf
from jobs.run.periods import pixel_periods
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import read_summary
from jobs.run.run import Run
from jobs.run.simulation_files import save_simulation, saved_parameters
from jobs.run.site_results import calibrated_means

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

PARAMETERS = ("default", "calibrated")
"""Parameter sets a run can be simulated with."""


def simulate_pixel(run: Run, pixel: Pixel, parameters: str) -> None:
    """Simulate a pixel with ``default`` or ``calibrated`` parameters and save it."""
    values = calibrated_means(run, pixel) if parameters == "calibrated" else {}
    forcing = forcing_of(run, pixel)
    if parameters == "calibrated":
        summary = read_summary(run.folder.pixel(pixel.id))
        require_same_inputs(run, pixel, summary, forcing)
    source = f"{run.config.name}, {pixel.name}: {parameters} parameters"
    if parameters == "calibrated" and run.config.sites != "separate":
        source += f", sites {run.config.sites}"
    if forcing.attrs.get("synthetic"):
        source += " (synthetic weather)"
    simulated = simulate(run.config, forcing, values)
    path = run.folder.simulation(pixel.id, parameters)
    save_simulation(simulated, path, source, values)


def is_simulated(run: Run, pixel: Pixel) -> bool:
    """Return whether a calibrated pixel has both simulations, of its present posterior.

    By the parameters written in the files: times of change follow the clock, which
    may have been set back.
    """
    wanted = {"default": {}, "calibrated": calibrated_means(run, pixel)}
    return all(
        saved_parameters(run.folder.simulation(pixel.id, name)) == values
        for name, values in wanted.items()
    )


def read_simulation(run: Run, pixel: Pixel, parameters: str) -> xr.Dataset:
    """Read a saved simulation.

    Raises
    ------
    ConfigError
        If there is none yet.
    OddFile
        If it is not as it was written: no days, or a stream that is no series of
        numbers over them.
    """
    path = run.folder.simulation(pixel.id, parameters)
    if not lexists(path):
        raise ConfigError(
            Problem(
                str(path.relative_to(run.folder.path)),
                f"the simulation with {parameters} parameters is not there",
                hint=f"masm simulate {run.folder.path} --parameters {parameters}",
            )
        )
    found = read_netcdf(path)
    days = found.coords.get("time")
    if days is None or days.dims != ("time",) or days.dtype.kind != "M":
        raise OddFile(f"{path.name} has no days")
    for name in run.config.streams:
        if name not in found or found[name].dims != ("time",):
            raise OddFile(f"{path.name} has no series of {name}")
        if found[name].dtype.kind not in "fiu":
            raise OddFile(f"{path.name}: {name} is no numbers")
    return found


def compare(run: Run, pixel: Pixel) -> pd.DataFrame:
    """Lay observed, default and calibrated 8-day means side by side.

    Returns
    -------
    pandas.DataFrame
        One row for each stream and 8-day window: ``stream``, ``period``
        (``calibration``, ``validation``, or ``left_out`` of what the calibration was
        not shown of its own years), ``time`` (first day), ``observed``,
        ``observed_sd`` (as the calibration took it), ``default``, ``calibrated``;
        values in the stream's unit.
    """
    import pandas as pd

    config = run.config
    simulated = {name: read_simulation(run, pixel, name) for name in PARAMETERS}
    forcing = forcing_of(run, pixel)
    observations = observations_of(run, pixel, forcing)
    summary = read_summary(run.folder.pixel(pixel.id))
    require_same_inputs(run, pixel, summary, forcing, observations)
    periods = pixel_periods(config, forcing)
    parts = []
    for period in ("calibration", "validation"):
        years = getattr(periods, period)
        if years is None:
            continue  # the record ends before it
        held_out = period == "validation"
        streams = make_streams(
            observations,
            config.streams,
            years,
            units=units_of(config),
            skip_empty=held_out,
        )
        for name, stream in streams.items():
            columns = {}
            for parameters, output in simulated.items():
                time, observed, sd, columns[parameters] = pair(stream, output[name])
            parts.append(
                pd.DataFrame(
                    {
                        "stream": name,
                        "period": period_names(config, name, period, time),
                        "time": time,
                        "observed": observed,
                        "observed_sd": sd,
                        **columns,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def period_names(config: Config, stream: str, period: str, time: Any) -> Any:
    """Name the period of each value; what the calibration left out has its own."""
    import pandas as pd

    left_out = config.calibration.leave_out
    if period == "validation" or not (left_out.streams or left_out.years):
        return period
    hidden = pd.DatetimeIndex(time).year.isin(left_out.years)
    if stream in left_out.streams:
        hidden = np.ones(len(hidden), bool)
    return np.where(hidden, "left_out", period)


def score_table(table: pd.DataFrame) -> pd.DataFrame:
    """Score a comparison: one row for each stream, period and parameter set.

    Parameters
    ----------
    table : pandas.DataFrame
        As ``compare`` returns it.
    """
    import pandas as pd

    from masm.results.scores import scores

    rows = []
    for (stream, period), part in table.groupby(["stream", "period"], sort=False):
        rows += [
            {
                "stream": stream,
                "period": period,
                "parameters": parameters,
                **scores(part[parameters], part["observed"]),
            }
            for parameters in PARAMETERS
        ]
    return pd.DataFrame(rows).sort_values(
        ["stream", "period", "parameters"], ascending=[True, True, False]
    )


def evaluate_pixel(run: Run, pixel: Pixel) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return comparison and scores of a pixel, and write both."""
    table = compare(run, pixel)
    with replacing(run.folder.comparison(pixel.id)) as aside:
        table.to_csv(aside, index=False, float_format="%.6g")
    found = score_table(table)
    found.insert(0, "pixel", pixel.id)
    with replacing(run.folder.scores(pixel.id)) as aside:
        found.to_csv(aside, index=False, float_format="%.6g")
    return table, found


def median_scores(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the median over pixels of each score, in the form of one pixel's."""
    import pandas as pd

    keys = ["stream", "period", "parameters"]
    together = pd.concat(tables).drop(columns="pixel")
    medians = together.groupby(keys, sort=False).median().reset_index()
    return medians.assign(pixel=-1, n=medians["n"].astype(int))
