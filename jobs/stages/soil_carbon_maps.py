"""Maps of a soil-carbon run: fields of each cell, and GeoTIFFs of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.stages.soil_carbon import SoilCarbonRun, open_prediction
from upscale.export.field_maps import write_field_map

if TYPE_CHECKING:
    import pandas as pd

BANDS = ("mean", "p05", "p95", "default", "difference")
QUANTITIES = {"soc": "kg m-2", "nep": "g m-2 year-1"}


def fields(run: SoilCarbonRun) -> tuple[pd.DataFrame, dict[str, dict[str, np.ndarray]]]:
    """Summarise the prediction of each cell.

    Returns
    -------
    places : pandas.DataFrame (cell)
        ``latitude`` and ``longitude``, degrees.
    found : dict
        ``soc`` [kg m-2] and ``nep`` [g m-2 yr-1] to mean, p05 and p95 of the draws,
        default, and difference (mean less default), (cell,) each. A cell is NaN where
        any draw has no steady state, for its interval would be too narrow.
    """
    import pandas as pd

    prediction = open_prediction(run)
    cells = prediction["cell"].to_numpy()
    forcing = run.inputs.forcing
    places = pd.DataFrame(
        {"latitude": forcing["lat"].to_numpy()[cells],
         "longitude": forcing["lon"].to_numpy()[cells]},
        index=pd.Index(cells, name="cell"),
    )  # fmt: skip
    found = {}
    for name in QUANTITIES:
        values = prediction[name].to_numpy()
        draws = values[1:]
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        mean = draws.mean(axis=0)
        found[name] = {"mean": mean, "p05": low, "p95": high, "default": values[0],
                       "difference": mean - values[0]}  # fmt: skip
    return places, found


def write_geotiffs(run: SoilCarbonRun) -> Iterator[Path]:
    """Write ``maps/soc.tif`` and ``maps/nep.tif``, and yield each."""
    places, found = fields(run)
    folder = run.path / "maps"
    folder.mkdir(exist_ok=True)
    tags = {**run.statement, "run": run.config.name,
            "draws": str(run.config.prediction.draws)}  # fmt: skip
    for name, unit in QUANTITIES.items():
        path = folder / f"{name}.tif"
        write_field_map(
            path, places["latitude"].to_numpy(), places["longitude"].to_numpy(),
            {band: found[name][band] for band in BANDS},
            step=run.config.domain.step, unit=unit, tags={**tags, "quantity": name},
        )  # fmt: skip
        yield path
