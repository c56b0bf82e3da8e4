"""Dates on which composites of a satellite product begin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.files.modis_quality import Layer


def refuse_other_days(days: NDArray, layer: Layer, path: Path) -> None:
    """Composites begin anew each 1 January, every so many days."""
    first = days.astype("datetime64[Y]").astype("datetime64[D]")
    of_year = (days - first).astype(int)
    if any(not np.any(of_year % length) for length in layer.days):
        return
    odd = int(np.argmax(of_year % min(layer.days) != 0))
    raise InputError(
        f"{path}  time",
        found=f"{days[odd]}, day {of_year[odd] + 1} of its year",
        wanted=f"days 1, {1 + layer.days[0]}, {1 + 2 * layer.days[0]}, ... of a year, "
        "at which composites begin",
        hint="A calendar that was misread shifts all dates.",
    )
