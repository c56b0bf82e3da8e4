"""Clean drivers as the kernel takes them, and the window that their steps must fit.

The model's own units are made here and nowhere else (specification, section 2).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from landmodels.sipnet.errors import InputError
from landmodels.sipnet.physics.constants import TINY, WINDOW_DAYS, WINDOW_ENTRIES
from landmodels.sipnet.physics.records import DRIVER_RECORD


def driver_records(sites: Sequence[xr.Dataset]) -> np.ndarray:
    """Clean drivers in the model's units, (site, step) of records (section 2)."""
    records = np.zeros((len(sites), sites[0].sizes["time"]), dtype=DRIVER_RECORD)
    for i, site in enumerate(sites):
        d, v = records[i], {str(name): site[name].values for name in site}
        for name in ("year", "day", "hour", "tair", "tsoil"):
            d[name] = v[name]
        d["dt"] = v["step_length"]
        d["par"] = v["par"] / v["step_length"]
        d["precip"] = v["precip"] * 0.1
        d["vpd"] = np.maximum(v["vpd"] * 0.001, TINY)
        d["log_vpd"] = np.log(d["vpd"])
        d["vpdsoil"] = v["vpdsoil"] * 0.001
        d["vpress"] = v["vpress"] * 0.001
        d["wspd"] = np.maximum(v["wspd"], TINY)
        d["degree_days"] = np.maximum(v["tair"] * v["step_length"], 0.0)
    return records


def check_window(lengths: np.ndarray, windows: np.ndarray, where: str) -> None:
    """Refuse steps so short that five days do not fit into the window.

    ``lengths`` are those of the steps; ``windows``, (lane, entry), the lengths that
    are already in each lane's window, oldest first and with zeros behind.
    """
    most = (windows > 0.0).sum(axis=1).max() + _most_entries(lengths).max()
    if most < WINDOW_ENTRIES:
        return
    for weights in np.unique(windows, axis=0):
        known = weights[weights > 0.0]
        entries = _most_entries(np.concatenate([known, lengths]))[known.size :]
        if entries.max() >= WINDOW_ENTRIES:
            first = int(np.argmax(entries >= WINDOW_ENTRIES))
            raise InputError(
                f"{where}  step_length, step {first}",
                found=f"more than {WINDOW_ENTRIES - 1} steps in {WINDOW_DAYS:g} days",
                wanted=f"at most {WINDOW_ENTRIES - 1}",
                hint="Average the drivers to half-hourly steps or longer.",
            )


def _most_entries(lengths: np.ndarray) -> np.ndarray:
    """Entries that reach into the five days before the end of each step."""
    ends = np.cumsum(lengths)
    oldest = np.searchsorted(ends, ends - WINDOW_DAYS - 1e-6, side="right")
    return np.arange(1, ends.size + 1) - oldest + 1
