"""Change a state by what an analysis found (specification, section 11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from landmodels.sipnet.errors import InputError
from landmodels.sipnet.physics.records import STATE
from landmodels.sipnet.state import NOTES, find_state

#: Pools of carbon; net assimilation that is not yet allocated may be negative.
_CARBON = (
    "wood", "unallocated", "leaf", "coarse_root", "fine_root", "soil", "litter",
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
    fraction = (lanes["litter"] / total.where(total > 0.0)).fillna(0.0)
    litter = carbon * fraction
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
