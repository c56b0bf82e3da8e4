"""Maps of a soil-carbon run: fields of each cell, and GeoTIFFs of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.files import make_folder
from jobs.stages.soil_carbon import SoilCarbonRun, open_prediction
from upscale.export.field_maps import write_field_map

if TYPE_CHECKING:
    import pandas as pd

BANDS = ("mean", "p05", "p95", "default", "difference", "solved")
_ENOUGH = 0.9
"""Share of draws with a steady state that a mean and an interval take."""
QUANTITIES = {"soc": "kg m-2", "nep": "g m-2 year-1"}


def fields(run: SoilCarbonRun) -> tuple[pd.DataFrame, dict[str, dict[str, np.ndarray]]]:
    """Summarise the prediction of each cell.

    Returns
    -------
    places : pandas.DataFrame (cell)
        ``latitude`` and ``longitude``, degrees.
    found : dict
        ``soc`` [kg m-2] and ``nep`` [g m-2 yr-1] to mean, p05 and p95 of the draws,
        default, difference (mean less default) and solved, the fraction of draws with a
        steady state, (cell,) each. Where fewer than 90 % have one, the mean and the
        interval are NaN: they would be those of some draws only.
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
        found[name] = {**_summary(values[1:]), "default": values[0]}
        found[name]["difference"] = found[name]["mean"] - values[0]
    return places, found


def _summary(draws: np.ndarray) -> dict[str, np.ndarray]:
    """Mean and interval of draws (draw, cell), where enough of them have a value."""
    solved = np.isfinite(draws).mean(axis=0)
    enough = solved >= _ENOUGH
    low, mean, high = (np.full(draws.shape[1], np.nan) for _ in range(3))
    known = draws[:, enough]
    low[enough], high[enough] = np.nanquantile(known, [0.05, 0.95], axis=0)
    mean[enough] = np.nanmean(known, axis=0)
    return {"mean": mean, "p05": low, "p95": high, "solved": solved}


def write_geotiffs(run: SoilCarbonRun) -> Iterator[Path]:
    """Write ``maps/soc.tif`` and ``maps/nep.tif``, and yield each."""
    places, found = fields(run)
    folder = run.path / "maps"
    make_folder(folder)
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
