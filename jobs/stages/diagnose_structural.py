"""Structural error of a calibrated pixel: residuals that weather and season explain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_FEWEST_YEARS = 3
_WORTH = 0.1  # fraction of the mean square of residuals worth a sentence
_SHOWN = 3  # drivers in it
_YEAR = 365.2425


def structural_table(
    time: np.ndarray,
    residual: np.ndarray,
    weather: Mapping[str, np.ndarray],
    held_out: np.ndarray,
) -> pd.DataFrame:
    """Learn the residuals of a stream from its drivers, each year by the others.

    Parameters
    ----------
    time : ndarray (n,)
        First day of each window.
    residual : ndarray (n,)
        Simulated less observed, in the stream's unit.
    weather : mapping of str to ndarray (n,)
        By name and span.
    held_out : ndarray of bool (n,)
        Of years that the calibration was not shown. Where these are three or more they
        alone are learned from, since a fit hides a part of its own errors.

    Returns
    -------
    pandas.DataFrame
        One row: ``years`` (``held out`` or ``all``), ``n_years``, ``rmse``,
        ``rmse_left``, ``skill`` [1], ``structural_sd`` and ``drivers``, the largest
        first with their fractions.
    """
    import pandas as pd

    from masm.results.learned_residual import learn_residual

    years = time.astype("datetime64[Y]").astype(int) + 1970
    alone = len(np.unique(years[held_out])) >= _FEWEST_YEARS
    used = held_out if alone else np.ones(time.size, bool)
    start = time.astype("datetime64[Y]").astype("datetime64[D]")
    angle = 2.0 * np.pi * (time.astype("datetime64[D]") - start).astype(float) / _YEAR
    drivers = {**weather, "winter to summer": -np.cos(angle),
               "autumn to spring": np.sin(angle)}  # fmt: skip
    found = learn_residual(
        {name: values[used] for name, values in drivers.items()},
        residual[used],
        years[used],
    )
    most = list(found.drivers.items())[:_SHOWN]
    row = {
        "years": "held out" if alone else "all",
        "n_years": found.n_years,
        "rmse": found.rmse,
        "rmse_left": found.rmse_left,
        "skill": found.skill,
        "structural_sd": found.structural_sd,
        "drivers": "; ".join(f"{name} {fraction:.0%}" for name, fraction in most),
    }
    return pd.DataFrame([row])


def of_structure(stream: str, row: pd.Series, unit: str) -> list[str]:
    """Say what drivers explain of the residuals, if that is enough for a sentence."""
    if not row["skill"] >= _WORTH:
        return []
    return [
        f"{stream}: weather and season explain {row['skill']:.0%} of the mean square "
        f"of the residuals in years that were not learned from ({row['drivers']}). "
        f"That is structural error of {row['structural_sd']:.2g}{unit} at least; it is "
        f"not added to the output. streams.{stream}.discrepancy widens intervals by it."
    ]
