"""Parameters of places without a calibration of their own, by the chosen mapper.

Where no mapper beats the mean at left-out sites the chosen one is the ensemble: every
place then has draws of all sites that are good enough, and no difference between places
is made up.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from jobs.config.process_model import model_of
from jobs.run.pixel import Pixel
from jobs.run.run import Run
from jobs.run.seeds import RunStream
from jobs.stages.spatial_predictions import Known
from jobs.stages.spatial_scores import METHODS

COLUMNS = (
    *("pixel", "name", "latitude", "longitude", "parameter", "unit", "mapper"),
    *("mean", "sd", "low", "high"),
)
"""``low`` and ``high`` are the ends of the central 90 %."""
_N_DRAWS = 400
_SHOWN = 5  # names in a sentence


def map_places(
    run: Run,
    known: Sequence[Known],
    places: Sequence[Pixel],
    table: pd.DataFrame,
    chosen: str,
    names: Sequence[str],
) -> pd.DataFrame:
    """Return a row for each place and parameter; none with fewer than three good sites.

    Parameters
    ----------
    run : Run
    known : sequence of Known
        Calibrated sites; the good ones are learned from.
    places : sequence of Pixel
        Without a calibration.
    table : pandas.DataFrame (pixel, covariate)
        Of all of them, NaN where unknown.
    chosen : str
        A mapper of `upscale.training.few_sites.MAPPERS`.
    names : sequence of str
        The parameters, in the order of the draws.
    """
    from upscale.training.few_sites import LEAST_SITES, MAPPERS, SitePosteriors

    good = [one for one in known if one.good]
    if len(good) < LEAST_SITES or not places:
        return pd.DataFrame(columns=list(COLUMNS))
    bounds = np.array(list(run.bounds.values()))
    sites = SitePosteriors(
        np.stack([one.draws for one in good]),
        bounds[:, 0],
        bounds[:, 1],
        table.loc[[one.site.pixel.id for one in good]],
    )
    units = model_of(run.config).parameters
    rows = []
    for place in places:
        # A stream of its own: more places do not change those that were there.
        rng = np.random.default_rng([run.config.seed, place.id, *RunStream.SPATIAL, 9])
        draws = MAPPERS[chosen](sites, table.loc[[place.id]], _N_DRAWS, rng)[0]
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        for column, name in enumerate(names):
            rows.append(
                {
                    "pixel": place.id,
                    "name": place.name,
                    "latitude": place.latitude,
                    "longitude": place.longitude,
                    "parameter": name,
                    "unit": units[name].unit,
                    "mapper": chosen,
                    "mean": draws[:, column].mean(),
                    "sd": draws[:, column].std(),
                    "low": low[column],
                    "high": high[column],
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def sentences_of_map(
    mapped: pd.DataFrame, places: Sequence[Pixel], chosen: str
) -> list[str]:
    """Say what places without a calibration got."""
    if not places:
        return []
    shown = ", ".join(one.name for one in places[:_SHOWN])
    shown += ", ..." if len(places) > _SHOWN else ""
    if mapped.empty:
        return [
            f"{len(places)} places without a calibration ({shown}) have no parameters: "
            "fewer than three sites are good enough to learn from."
        ]
    return [
        f"{len(places)} places without a calibration ({shown}) have parameters in "
        f"spatial/mapped.csv, by {METHODS[chosen]}."
    ]
