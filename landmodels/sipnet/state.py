"""The whole state of a run: its entries, its labels and its checks.

Specification, section 11. A state is one flat array for every lane.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from landmodels.sipnet.errors import InputError
from landmodels.sipnet.options import Options
from landmodels.sipnet.physics.constants import WINDOW_DAYS, WINDOW_ENTRIES
from landmodels.sipnet.physics.records import QUEUES, STATE, STATE_RECORD

#: Pools that cannot be negative.
_POOLS = (
    "wood", "leaf", "coarse_root", "fine_root", "soil", "litter", "water", "snow",
    "tillage",
)  # fmt: skip
#: Behind the state proper are the two parameters that an analysis needs.
NOTES = ("leaf_carbon_per_area", "soil_water_capacity")


def state_names() -> list[str]:
    """Names of the entries of a state, in order.

    Returns
    -------
    list of str
        Pools, flags and sums, then the window (values and weights, oldest first),
        then leaf carbon per leaf area (g C m-2) and soil water holding capacity
        (cm), which no run reads.

    Examples
    --------
    >>> state_names()[:3]
    ['wood', 'unallocated', 'leaf']
    """
    queues = [f"{q}_{k}" for q in QUEUES for k in range(WINDOW_ENTRIES)]
    return [*STATE, *queues, *NOTES]


N_STATE = STATE_RECORD.itemsize // 8


def state_array(values: np.ndarray, dims: tuple[str, ...], coords) -> xr.DataArray:
    """Label a state or the states of many lanes."""
    return xr.DataArray(
        values, dims=(*dims, "state"), coords={**coords, "state": state_names()},
        attrs={"long_name": "model state at the end, to continue from"},
    )  # fmt: skip


def find_state(state: xr.Dataset | xr.DataArray, where: str) -> xr.DataArray:
    """The state itself, from a result or as it is."""
    if isinstance(state, xr.Dataset):
        if "final_state" not in state:
            raise InputError(
                where, found="a Dataset without final_state",
                wanted="the result of simulate, or its final_state",
            )  # fmt: skip
        state = state["final_state"]
    names = state_names()
    if not isinstance(state, xr.DataArray) or "state" not in state.dims:
        raise InputError(
            where, found=f"a {type(state).__name__}",
            wanted="the result of simulate, or its final_state",
        )  # fmt: skip
    if list(state["state"].values) != names:
        raise InputError(
            where, found=f"a state of {state.sizes['state']} entries",
            wanted=f"the {len(names)} entries of landmodels.sipnet.state_names()",
        )  # fmt: skip
    return state


def check_state(values: np.ndarray, where: str, first_year: float | None = None):
    """Refuse a state, (lane, entry), that no run can have ended with."""
    s = np.ascontiguousarray(values).view(STATE_RECORD)[:, 0]
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise InputError(
            f"{where}, lane {int(np.argmax(bad))}", found="NaN or infinity",
            wanted="numbers", hint="Was the earlier run refused or left out?",
        )  # fmt: skip
    for name in _POOLS:
        if (s[name] < 0.0).any():
            lane = int(np.argmax(s[name] < 0.0))
            raise InputError(
                f"{where}.{name}, lane {lane}", found=f"{s[name][lane]:g}",
                wanted="0 or more",
            )  # fmt: skip
    total = s["queue_weight"].sum(axis=1)
    length = s["queue_length"]
    bad = ~(np.abs(total - WINDOW_DAYS) < 1e-6)
    bad |= (length < 1) | (length >= WINDOW_ENTRIES) | (length != np.rint(length))
    bad |= s["queue_start"] != 0.0
    if bad.any():
        lane = int(np.argmax(bad))
        raise InputError(
            f"{where}.queue_weight, lane {lane}",
            found=f"{length[lane]:g} entries of {total[lane]:g} days in all",
            wanted=f"weights that add up to {WINDOW_DAYS:g} days",
        )
    if first_year is not None and (s["flag_year"] > first_year).any():
        raise InputError(
            f"{where}.flag_year", found=f"{s['flag_year'].max():g}",
            wanted=f"{first_year:g} or before, the first year of the forcing",
            hint="The state is of a later time. To repeat years, set flag_year and "
            "degree_days_year to the year before the first.",
        )  # fmt: skip


def window_weights(values: np.ndarray) -> np.ndarray:
    """Step lengths in the windows of states, (lane, entry)."""
    return np.ascontiguousarray(values).view(STATE_RECORD)[:, 0]["queue_weight"]


def check_options(values: np.ndarray, options: Options) -> None:
    """Refuse states, (lane, entry), with carbon that the options have no use for."""
    s = np.ascontiguousarray(values).view(STATE_RECORD)[:, 0]
    if options.legacy and (s["unallocated"] != 0.0).any():
        raise InputError(
            "initial_state.unallocated", found="unallocated carbon, with legacy on",
            wanted="0: the legacy variant has one wood pool",
            hint="Add it to wood and set it to 0.",
        )  # fmt: skip
    if not options.litter_pool and (s["litter"] != 0.0).any():
        raise InputError(
            "initial_state.litter", found="litter carbon, with litter_pool off",
            wanted="0: without the pool nothing decomposes it",
            hint="Add it to soil and set it to 0, or switch litter_pool on.",
        )  # fmt: skip
