"""Tables and sentences of the validation at left-out sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from jobs.config.process_model import model_of, units_of
from jobs.run.pixel import Pixel
from jobs.run.run import Run
from jobs.stages.spatial_predictions import MAPPED, Array, Known
from jobs.stages.spatial_scores import METHODS


def site_table(known: Sequence[Known], left_out: Mapping[Pixel, str]) -> pd.DataFrame:
    """A row for each site: whether others learn from it, and why not."""
    rows = [
        {
            "pixel": one.site.pixel.id,
            "name": one.site.pixel.name,
            "years": str(one.site.periods),
            "block": one.block,
            "learned_from": int(one.good),
            "reason": one.reason,
        }
        for one in known
    ]
    rows += [
        {
            "pixel": pixel.id,
            "name": pixel.name,
            "years": "",
            "block": -1,
            "learned_from": 0,
            "reason": f"not calibrated: {why}",
        }
        for pixel, why in left_out.items()
    ]
    return pd.DataFrame(rows)


def parameter_table(
    run: Run,
    known: Sequence[Known],
    mapped: Sequence[Mapping[str, Array]],
    chosen: str,
    names: Sequence[str],
) -> pd.DataFrame:
    """Parameters of each site, mapped while it was left out and its own."""
    table = model_of(run.config).parameters
    rows = []
    for one, theta in zip(known, mapped, strict=True):
        draws = theta.get(chosen)
        for column, name in enumerate(names):
            own = one.draws[:, column]
            rows.append(
                {
                    "pixel": one.site.pixel.id,
                    "name": one.site.pixel.name,
                    "parameter": name,
                    "unit": table[name].unit,
                    "mapper": chosen if draws is not None else "",
                    "mapped_mean": np.nan if draws is None else draws[:, column].mean(),
                    "mapped_sd": np.nan if draws is None else draws[:, column].std(),
                    "own_mean": own.mean(),
                    "own_sd": own.std(),
                }
            )
    return pd.DataFrame(rows)


def sentences_of(
    run: Run, methods: pd.DataFrame, sites: pd.DataFrame, chosen: str
) -> list[str]:
    """Say what the scores mean, in plain sentences."""
    said = []
    scored = set(methods["stream"])  # the first may have no validation values
    stream = next(name for name in run.config.streams if name in scored)
    label, unit = stream.upper(), units_of(run.config)[stream]
    unit = "" if unit == "1" else f" {unit}"
    rmse = methods[methods["stream"] == stream].set_index("method")["rmse"]
    n_learned = int(sites["learned_from"].sum())
    least = run.config.spatial.least_sites
    if not any(name in rmse for name in MAPPED):
        said.append(
            f"No parameter is mapped: {n_learned} sites are good enough to learn from, "
            f"and {least} are wanted beside the one left out (spatial.least_sites). "
            "The ensemble over the other sites' draws is used instead."
        )
    elif chosen in MAPPED:
        said.append(
            f"Parameters are mapped by {METHODS[chosen]}: at left-out sites its RMSE "
            f"of {label} is {rmse[chosen]:#.3g}{unit}, that of the mean of the other "
            f"sites {rmse['mean']:#.3g}."
        )
    else:
        best = min((name for name in MAPPED if name in rmse), key=lambda n: rmse[n])
        said.append(
            "No mapper beats the mean of the other sites and their ensemble: the best "
            f"({METHODS[best]}) has an RMSE of {label} of {rmse[best]:#.3g}{unit} at "
            f"left-out sites, the mean {rmse['mean']:#.3g}, the ensemble "
            f"{rmse['ensemble']:#.3g}. The ensemble over the other sites' draws is "
            "used instead of a map."
        )
    used = rmse.get(chosen, np.nan)
    for name, what in (
        ("weather", "a regression on weather alone that was trained at other sites"),
        ("climatology", "a site's own climatology"),
    ):
        if name in rmse and used == used:
            word = "beats" if used < rmse[name] else "does not beat"
            said.append(
                f"The model with parameters of other sites {word} {what} "
                f"(RMSE of {label}: {used:#.3g} against {rmse[name]:#.3g}{unit})."
            )
    if "corrected" in rmse and rmse["corrected"] < used:
        said.append(
            "A regression of the ensemble's errors on weather, trained at other sites, "
            f"lowers the RMSE of {label} from {used:#.3g} to "
            f"{rmse['corrected']:#.3g}{unit}: many sites have the same errors in the "
            "model's response to weather."
        )
    if "blended" in rmse and rmse["blended"] < used:
        said.append(
            "The mean of the model's run (of the members that fit satellite data at "
            "the place, where there are any) and of a regression on weather has an "
            f"RMSE of {label} of {rmse['blended']:#.3g}{unit}. It predicts fluxes "
            "better than the model alone, but it has no parameters."
        )
    return said
