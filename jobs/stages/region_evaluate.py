"""Scores of a region's pixels before and after, as in Figs. 4, 6, 8 and 9 of the paper.

Everything is compared on the 8-day means of the cube's products, in the calibration
years, the validation years and both. Tables are written to ``evaluation/``; the figures
are drawn from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.config.section import Period
from jobs.errors import ConfigError
from jobs.files import replacing
from jobs.run.region_sample import open_region
from jobs.run.run import Run
from jobs.stages.region_store import BLOCK_PIXELS, open_group

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

SCORED = ("default", "calibrated", "upscaled")
"""Parameter sets that are scored, where they have been simulated."""
PERIODS = ("calibration", "validation", "all")


def simulated_sets(run: Run) -> list[str]:
    """Return the scored parameter sets whose regional run is whole."""
    found = []
    for name in SCORED:
        try:
            open_group(run, name, "8day").close()
        except ConfigError:
            continue
        found.append(name)
    return found


def score_region(run: Run, sets: Sequence[str]) -> pd.DataFrame:
    """Score every pixel, stream and period, and write ``region_scores.csv``.

    Returns
    -------
    pandas.DataFrame
        ``pixel``, ``latitude``, ``longitude``, ``stream``, ``period``, ``parameters``
        and the columns of `masm.results.scores.scores`: 8-day means against the
        product.
    """
    import pandas as pd

    rows = [row for name in sets for row in _score_set(run, name)]
    table = pd.DataFrame(rows)
    with replacing(run.folder.evaluation / "region_scores.csv") as aside:
        table.to_csv(aside, index=False, float_format="%.6g")
    return table


def summarise_scores(table: pd.DataFrame) -> pd.DataFrame:
    """Say for each stream, period and parameter set how pixels do.

    Parameters
    ----------
    table : pandas.DataFrame
        As ``score_region`` returns it.

    Returns
    -------
    pandas.DataFrame
        ``n_pixels``, mean and median ``diso``, ``below_0.3`` (fraction of pixels with a
        DISO below it), and against the default of the same pixels: ``better`` (fraction
        with a lower DISO) and ``lowered`` (mean by which it fell), all of unit 1;
        means of ``r``, ``rmse`` and ``ae`` in the stream's unit.
    """
    import pandas as pd

    keys = ["pixel", "stream", "period"]
    default = table[table["parameters"] == "default"].set_index(keys)["diso"]
    rows = []
    grouping = ["stream", "period", "parameters"]
    for (stream, period, name), part in table.groupby(grouping, sort=False):
        before = default.reindex(pd.MultiIndex.from_frame(part[keys])).to_numpy()
        after = part["diso"].to_numpy()
        # Against itself the default is neither better nor worse.
        both = np.isfinite(before) & np.isfinite(after) & (name != "default")
        change = before[both] - after[both]
        known = after[np.isfinite(after)]
        rows.append(
            {
                "stream": stream,
                "period": period,
                "parameters": name,
                "n_pixels": len(known),
                "diso_mean": known.mean() if known.size else np.nan,
                "diso_median": np.median(known) if known.size else np.nan,
                "below_0.3": np.mean(known < 0.3) if known.size else np.nan,
                "better": np.mean(change > 0) if change.size else np.nan,
                "lowered": change.mean() if change.size else np.nan,
                **{f"{key}_mean": part[key].mean() for key in ("r", "rmse", "ae")},
            }
        )
    return pd.DataFrame(rows)


def _score_set(run: Run, parameter_set: str) -> Iterator[dict[str, object]]:
    from masm.results.scores import scores

    cube = open_region(run.cube)
    simulated = open_group(run, parameter_set, "8day")
    ids = simulated["pixel"].to_numpy()
    time = simulated["time"].to_numpy()
    masks = _masks(run, time)
    for first in range(0, ids.size, BLOCK_PIXELS):
        part = simulated.isel(pixel=slice(first, first + BLOCK_PIXELS)).load()
        here = part["pixel"].to_numpy()
        observed = cube.observations(here.tolist()).reindex(time=time)
        for stream in run.config.streams:
            model = part[stream].transpose("pixel", "time").to_numpy()
            product = observed[stream].transpose("pixel", "time").to_numpy()
            for row, pixel in enumerate(here.tolist()):
                place = part.isel(pixel=row)
                for period, inside in masks.items():
                    yield {
                        "pixel": pixel,
                        "latitude": float(place["lat"]),
                        "longitude": float(place["lon"]),
                        "stream": stream,
                        "period": period,
                        "parameters": parameter_set,
                        **scores(model[row, inside], product[row, inside]),
                    }


def _masks(run: Run, time: NDArray) -> dict[str, NDArray[np.bool_]]:
    periods = run.config.periods
    chosen: dict[str, Period] = {
        "calibration": periods.calibration,
        "validation": periods.validation,
        "all": periods.observed,
    }
    years = time.astype("datetime64[Y]").astype(int) + 1970
    return {
        name: (years >= period.first) & (years <= period.last)
        for name, period in chosen.items()
    }


def annual_fluxes(run: Run, parameter_set: str) -> xr.Dataset:
    """Return the annual means of a regional run, over (pixel, year[, draw])."""
    opened = open_group(run, parameter_set, "annual").load()
    years = opened["time"].dt.year.to_numpy()
    return opened.assign_coords(year=("time", years)).swap_dims(time="year")
