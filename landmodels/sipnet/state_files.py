"""Read the state of a run from a file (specification, section 11)."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import xarray as xr

from landmodels.sipnet.errors import InputError
from landmodels.sipnet.physics.constants import WINDOW_ENTRIES
from landmodels.sipnet.physics.records import QUEUES, STATE_RECORD
from landmodels.sipnet.state import N_STATE, NOTES, check_state, state_array
from landmodels.sipnet.tables import read_table

#: Symbols of the specification's section 3 and of its state files.
SYMBOLS = {
    "W": "wood", "D": "unallocated", "L": "leaf", "R": "coarse_root",
    "r": "fine_root", "S": "soil", "T": "litter", "Q": "water", "P": "snow",
    "leafon": "leaf_on", "leafoff": "leaf_off", "flag_year": "flag_year",
    "gdd": "degree_days", "gdd_year": "degree_days_year", "till": "tillage",
    "queue_sum": "queue_sum", "gpp_queue_sum": "gpp_queue_sum",
}  # fmt: skip
#: Entries of a state file that only the legacy variant has.
_LEGACY = ("gpp_queue_sum",)


def read_state(path: str | os.PathLike[str]) -> xr.Dataset:
    r"""Read a state file: one entry on each line, by the specification's symbols.

    Parameters
    ----------
    path : path-like
        csv with columns item and value: W, D, L, R, r, S, T [g C m-2]; Q, P [cm];
        leafon, leafoff, flag_year, gdd, gdd_year, till; queue_sum; queue_value_0,
        queue_weight_0 and so on, from oldest to newest.

    Returns
    -------
    xarray.Dataset
        ``final_state``, to be passed as ``initial_state`` of `simulate`.

    Raises
    ------
    InputError
        If the file cannot be read, or an entry is missing, unknown or no number.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landmodels.sipnet import read_state
    >>> symbols = "W D L R r S T Q P leafon leafoff flag_year gdd gdd_year till"
    >>> lines = [f"{symbol},0" for symbol in [*symbols.split(), "queue_sum"]]
    >>> lines += ["queue_value_0,0", "queue_weight_0,5"]
    >>> _ = Path("state.csv").write_text("item,value\n" + "\n".join(lines))
    >>> read_state("state.csv").final_state.dims
    ('state',)
    """
    where = str(path)
    table = read_table(path, "a table of a state")
    if list(table.columns) != ["item", "value"]:
        raise InputError(
            where, found="columns " + ", ".join(map(str, table.columns)),
            wanted="columns item and value",
        )  # fmt: skip
    items = dict(zip(table["item"].astype(str), table["value"], strict=True))
    if len(items) < len(table):
        raise InputError(where, found="an entry twice", wanted="each entry once")
    record = np.zeros(1, dtype=STATE_RECORD)
    for symbol, name in SYMBOLS.items():
        if symbol not in items and symbol not in _LEGACY:
            raise InputError(f"{where}  {symbol}", found="no entry", wanted="a number")
        record[name] = _number(items.pop(symbol, 0.0), f"{where}  {symbol}")
    length = sum(name.startswith("queue_weight_") for name in items)
    if not 1 <= length < WINDOW_ENTRIES:
        raise InputError(
            f"{where}  queue_weight", found=f"{length} entries",
            wanted=f"1 to {WINDOW_ENTRIES - 1}, from oldest to newest",
        )  # fmt: skip
    for queue in QUEUES:
        for k in range(length):
            symbol = f"{queue}_{k}"
            if symbol not in items and queue != "gpp_queue_value":
                raise InputError(
                    f"{where}  {symbol}", found="no entry", wanted="a number"
                )
            value = _number(items.pop(symbol, 0.0), f"{where}  {symbol}")
            record[queue][0, k] = value
    if items:
        raise InputError(
            where, found="unknown entries " + ", ".join(items),
            wanted="the entries of the specification's section 11",
        )  # fmt: skip
    record["queue_length"] = length
    values = np.concatenate([record.view(np.float64), np.full(len(NOTES), np.nan)])
    check_state(values[None, :N_STATE], where)
    return xr.Dataset({"final_state": state_array(values, (), {})})


def _number(value: Any, where: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as exc:
        raise InputError(where, found=repr(value), wanted="a number") from exc
    if not np.isfinite(number):
        raise InputError(where, found=repr(value), wanted="a finite number")
    return number
