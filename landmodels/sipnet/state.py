"""The whole state of a run: read it, check it, change it by an analysis.

Specification, section 11. A state is one flat array for every lane.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from landmodels.sipnet.errors import InputError
from landmodels.sipnet.options import Options
from landmodels.sipnet.physics.constants import WINDOW_DAYS, WINDOW_ENTRIES
from landmodels.sipnet.physics.records import QUEUES, STATE, STATE_RECORD
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
#: Pools that cannot be negative.
_POOLS = (
    "wood", "leaf", "coarse_root", "fine_root", "soil", "litter", "water", "snow",
    "tillage",
)  # fmt: skip
#: Pools of carbon; net assimilation that is not yet allocated may be negative.
_CARBON = (
    "wood", "unallocated", "leaf", "coarse_root", "fine_root", "soil", "litter",
)  # fmt: skip
#: Behind the state proper stand the two parameters that an analysis needs.
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


def read_state(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a state file: one entry on each line, by the specification's symbols.

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


@dataclass(frozen=True)
class _Analysed:
    """A quantity that an analysis can set: its unit and limits."""

    units: str
    highest: float


#: What an analysis may set, by name.
ANALYSED = {
    "lai": _Analysed("1", 30.0),
    "above_ground_wood": _Analysed("g m-2", 1e6),
    "above_ground_biomass": _Analysed("g m-2", 1e6),
    "soil_carbon": _Analysed("g m-2", 1e6),
    "soil_water": _Analysed("cm", 1e3),
    "snow": _Analysed("cm", 1e4),
}


def update_state(
    state: xr.Dataset | xr.DataArray,
    analysed: Mapping[str, Any],
    *,
    roots: str = "keep",
) -> xr.Dataset:
    """Change a state by what an analysis found, and book what was added.

    Parameters
    ----------
    state : xarray.Dataset or xarray.DataArray
        The result of a run, or its ``final_state``, of one lane or of many.
    analysed : mapping of str to number or array
        Any of ``lai`` (1); ``above_ground_wood``, or ``above_ground_biomass`` which
        is wood plus leaves (g C m-2); ``soil_carbon``, soil plus litter (g C m-2);
        ``soil_water`` and ``snow`` (cm). A number, or a value for each lane (a
        DataArray with the lanes' dimensions, or an array of their shape). NaN leaves
        a lane as it is.
    roots : {"keep", "scale"}
        Whether the roots stay, or change by the factor by which wood changes.

    Returns
    -------
    xarray.Dataset
        ``final_state``, to continue from; and what the analysis added:
        ``carbon_added`` (g C m-2, over ``pool``) and ``water_added`` (cm), negative
        where it took.

    Raises
    ------
    InputError
        If a name is unknown, a value is negative, infinite or beyond its limit, or
        wood and biomass are both given.

    Notes
    -----
    Leaf carbon is leaf area times leaf carbon per area. Wood keeps its unallocated
    carbon: the allocated part becomes the value minus it; where that is negative,
    all is allocated. Soil and litter keep their proportion. Soil water is limited to
    what the soil can hold. The window of production, the flags and the degree days
    stay (specification, section 11).

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from landmodels import sipnet
    >>> one = {"tmin": 9.0, "tmax": 21.0, "srad": 20.0, "vpd": 8.0, "prec": 0.0}
    >>> days = xr.Dataset({k: ("time", np.full(3, v)) for k, v in one.items()},
    ...                   {"time": pd.date_range("2001-07-01", periods=3)})
    >>> run = sipnet.simulate(sipnet.half_daily_drivers(days, latitude=45.0))
    >>> after = sipnet.update_state(run, {"lai": 3.0})
    >>> float(after["final_state"].sel(state="leaf"))
    810.0
    """
    before = find_state(state, "state")
    if roots not in ("keep", "scale"):
        raise InputError("roots", found=repr(roots), wanted="'keep' or 'scale'")
    values = _analysed_values(analysed, before)
    new = before.astype(float).copy()
    lanes = {name: new.sel(state=name, drop=True) for name in (*STATE, *NOTES)}
    changed: dict[str, xr.DataArray] = {}
    if "lai" in values:
        per_area = _known(lanes, "leaf_carbon_per_area", "lai")
        changed["leaf"] = _where(values["lai"], values["lai"] * per_area, lanes["leaf"])
    leaf = changed.get("leaf", lanes["leaf"])
    wood = values.get("above_ground_wood")
    if "above_ground_biomass" in values:
        wood = values["above_ground_biomass"] - leaf
        wood = wood.where(~(wood < 0.0), 0.0)
    if wood is not None:
        changed |= _new_wood(wood, lanes, roots == "scale")
    if "soil_carbon" in values:
        changed |= _new_soil(values["soil_carbon"], lanes)
    if "soil_water" in values:
        capacity = _known(lanes, "soil_water_capacity", "soil_water")
        water = np.minimum(values["soil_water"], capacity)
        changed["water"] = _where(values["soil_water"], water, lanes["water"])
    if "snow" in values:
        changed["snow"] = _where(values["snow"], values["snow"], lanes["snow"])
    for name, value in changed.items():
        new.loc[{"state": name}] = value
    return xr.Dataset({"final_state": new, **_booked(new, before)})


def _analysed_values(analysed, state: xr.DataArray) -> dict[str, xr.DataArray]:
    """Checked values over the lanes of the state."""
    lanes = state.isel(state=0, drop=True)
    values = {}
    for name, value in analysed.items():
        if name not in ANALYSED:
            raise InputError(
                f"analysed.{name}", found="an unknown name",
                wanted="any of " + ", ".join(ANALYSED),
            )  # fmt: skip
        array = _over_lanes(value, lanes, f"analysed.{name}", ANALYSED[name].units)
        highest = ANALYSED[name].highest
        bad = (array.values < 0.0) | (array.values > highest)  # NaN is neither
        if bad.any():
            raise InputError(
                f"analysed.{name}",
                found=f"{array.values[bad].flat[0]:g} in {int(bad.sum())} lanes",
                wanted=f"0 to {highest:g} {ANALYSED[name].units}",
                hint="Set what the analysis made negative to 0 first.",
            )
        values[name] = array
    if "above_ground_wood" in values and "above_ground_biomass" in values:
        raise InputError(
            "analysed", found="above_ground_wood and above_ground_biomass",
            wanted="one of them: biomass is wood plus leaves",
        )  # fmt: skip
    return values


def _over_lanes(value, lanes: xr.DataArray, where: str, units: str) -> xr.DataArray:
    if isinstance(value, xr.DataArray):
        found = value.attrs.get("units", units)
        if found != units:
            raise InputError(f"{where}.units", found=repr(found), wanted=repr(units))
        if not set(value.dims) <= set(lanes.dims):
            raise InputError(
                where, found=f"dimensions {value.dims}",
                wanted=f"those of the state, {lanes.dims}",
            )  # fmt: skip
        try:
            aligned = xr.align(value, lanes, join="exact", copy=False)[0]
        except ValueError as exc:
            raise InputError(
                where, found=str(exc).split("\n")[0], wanted="the state's lanes"
            ) from exc
        return aligned.astype(float).broadcast_like(lanes).transpose(*lanes.dims)
    try:
        array = np.broadcast_to(np.asarray(value, dtype=float), lanes.shape)
    except (TypeError, ValueError) as exc:
        raise InputError(
            where, found=f"{value!r}"[:60], wanted=f"numbers of shape {lanes.shape}"
        ) from exc
    return lanes.copy(data=array)


def _known(lanes, parameter: str, name: str) -> xr.DataArray:
    """A parameter that the state carries; lanes that did not run are NaN anyway."""
    values = lanes[parameter]
    if bool((values.isnull() & lanes["wood"].notnull()).any()):
        raise InputError(
            f"analysed.{name}", found="a state that was read from a file",
            wanted="the final_state of a run, which knows its parameters",
            hint="Run one step from the state first.",
        )  # fmt: skip
    return values


def _where(given, new, old) -> xr.DataArray:
    return new.where(given.notnull(), old)


def _new_wood(wood, lanes, scale_roots: bool) -> dict[str, xr.DataArray]:
    """Wood, unallocated carbon and perhaps roots for a new above-ground wood."""
    old = lanes["wood"] + lanes["unallocated"]
    allocated = wood - lanes["unallocated"]
    short = allocated < 0.0
    new = {
        "wood": _where(wood, allocated.where(~short, wood), lanes["wood"]),
        "unallocated": lanes["unallocated"].where(~short, 0.0),
    }
    if scale_roots:
        factor = (wood / old.where(old > 0.0)).fillna(1.0)
        for name in ("coarse_root", "fine_root"):
            new[name] = lanes[name] * factor
    return new


def _new_soil(carbon, lanes) -> dict[str, xr.DataArray]:
    """Soil and litter in their old proportion; without any, all is soil."""
    total = lanes["soil"] + lanes["litter"]
    share = (lanes["litter"] / total.where(total > 0.0)).fillna(0.0)
    litter = carbon * share
    return {
        "soil": _where(carbon, carbon - litter, lanes["soil"]),
        "litter": _where(carbon, litter, lanes["litter"]),
    }


def _booked(new: xr.DataArray, old: xr.DataArray) -> dict[str, xr.DataArray]:
    """Carbon by pool, and water, that the analysis added."""
    pools = [
        "wood",
        "unallocated",
        "leaf",
        "coarse_root",
        "fine_root",
        "soil",
        "litter",
    ]
    change = new - old.astype(float)
    carbon = change.sel(state=pools).rename(state="pool")
    water = change.sel(state=["water", "snow"]).sum("state")
    carbon.attrs = {"units": "g m-2", "long_name": "carbon added by the analysis"}
    water.attrs = {"units": "cm", "long_name": "water added by the analysis"}
    return {"carbon_added": carbon, "water_added": water}
