"""The table of parameters, and what the equations make of it.

The table is data (``parameters.csv``). Its annual rates, floors and derived values
follow the specification, section 3.1.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from landmodels.sipnet.errors import InputError
from landmodels.sipnet.options import Options, choose_options
from landmodels.sipnet.physics.constants import (
    CARBON_MOLAR_MASS,
    LN2,
    SECONDS_PER_DAY,
    TINY,
)
from landmodels.sipnet.physics.records import DAILY, GIVEN, PARAMETER_RECORD

#: Length of the year in all unit conversions, in leap years too.
DAYS_PER_YEAR = 365.0
#: Bundled sets of values, and where a set takes what it lacks from.
PARAMETER_SETS = ("niwot", "harvard", "russell", "pecan_template")
#: Fractions of the mean NPP; coarse roots take the rest.
ALLOCATIONS = ("leafAllocation", "woodAllocation", "fineRootAllocation")
_NUMBERS = (
    "default", "min", "max", "lowest", "highest", "niwot_min", "niwot_max",
    "harvard_min", "harvard_max", *PARAMETER_SETS,
)  # fmt: skip


@cache
def _table() -> pd.DataFrame:
    with (
        files("landmodels.sipnet")
        .joinpath("parameters.csv")
        .open(encoding="utf-8") as f
    ):
        table = pd.read_csv(f, keep_default_na=False).set_index("id")
    for name in _NUMBERS:
        table[name] = pd.to_numeric(table[name])
    return table


def parameter_table() -> pd.DataFrame:
    """Parameters, one row each, indexed by id.

    Returns
    -------
    pandas.DataFrame
        ``name, module, description, unit``; ``default``; ``min`` and ``max``, the
        range to calibrate in; ``lowest`` and ``highest``, the range that the model
        accepts; ``calibrated`` ("yes"/"no"), ``constrained_by`` (streams joined by
        ";"), ``needed_for`` (the option that uses it); the values of the bundled
        sets with their published ranges (NaN where the source gives none);
        ``trait`` (the plant trait it is taken from) and ``note``.

    Examples
    --------
    >>> float(parameter_table().loc["soilWHC", "default"])
    12.0
    """
    return _table().copy()


def parameter_set(name: str) -> dict[str, float]:
    """Values of a bundled set: niwot, harvard, russell or pecan_template.

    What the set's source does not give is taken from ``pecan_template``, then from
    ``niwot``, then from the default.

    Parameters
    ----------
    name : str
        Name of the set.

    Returns
    -------
    dict
        Value of every parameter, in the unit of the table.

    Raises
    ------
    InputError
        If there is no such set.

    Examples
    --------
    >>> parameter_set("harvard")["leafOnReallocFrac"]
    0.2
    """
    if name not in PARAMETER_SETS:
        raise InputError(
            "parameter set", found=repr(name),
            wanted="any of " + ", ".join(PARAMETER_SETS),
        )  # fmt: skip
    table = _table()
    values = table[name].copy()
    for source in ("pecan_template", "niwot", "default"):
        values = values.fillna(table[source])
    return {str(k): float(v) for k, v in values.items()}


@cache
def _limits() -> list[tuple[str, float, float, float, str]]:
    """Name, default, limits and unit of every parameter."""
    table = _table()
    columns = (table["default"], table["lowest"], table["highest"], table["unit"])
    return list(zip(table.index, *(c.tolist() for c in columns), strict=True))


def check_names(names: Any) -> None:
    """Refuse a name that is not in the table."""
    index = _table().index
    for name in map(str, names):
        if name not in index:
            close = difflib.get_close_matches(name, list(index), 1)
            raise InputError(
                f"parameters.{name}", found="a name that the model does not know",
                wanted="a parameter of landmodels.sipnet.parameter_table()",
                hint=f"Did you mean {close[0]!r}?" if close else None,
            )  # fmt: skip


def complete(given: Mapping[str, np.ndarray], n: int) -> dict[str, np.ndarray]:
    """Values of all parameters, (lane,) each, with defaults; ranges are checked.

    Raises
    ------
    InputError
        If a value is outside the range that the model accepts.
    """
    values = {}
    for name, default, lowest, highest, unit in _limits():
        if name not in given:
            values[name] = np.full(n, default)
            continue
        value = np.broadcast_to(given[name], (n,))
        inside = (value >= lowest) & (value <= highest)  # NaN is not
        if not inside.all():
            first = int(np.argmin(inside))
            raise InputError(
                f"parameters.{name}" + (f", lane {first}" if n > 1 else ""),
                found=f"{value[first]:g} {unit}",
                wanted=f"{lowest:g} to {highest:g} {unit}",
                hint="The limits are lowest and highest of "
                "landmodels.sipnet.parameter_table().",
            )
        values[name] = value
    return values


@dataclass(frozen=True)
class Broken:
    """A rule between parameters, and the first lane that breaks it."""

    names: tuple[str, ...]
    wanted: str
    lane: int


def inconsistent(
    values: Mapping[str, np.ndarray], options: Options
) -> tuple[np.ndarray, Broken | None]:
    """Lanes whose parameters contradict each other (section 3.1).

    Returns
    -------
    bad : ndarray of bool (lane,)
    broken : Broken or None
        The first rule that is broken.
    """
    fractions = [values[name] for name in ALLOCATIONS]
    roots = ("fineRootFrac", "coarseRootFrac")
    rules: list[tuple[tuple[str, ...], str, np.ndarray]] = [
        (
            ("psnTMin", "psnTOpt"), "psnTMin below psnTOpt",
            values["psnTMin"] >= values["psnTOpt"],
        ),
        (
            roots, "a sum below 1, the rest is wood",
            values[roots[0]] + values[roots[1]] >= 1.0,
        ),
    ]  # fmt: skip
    if not options.legacy:  # the old program corrects these by itself
        too_large = np.logical_or.reduce([fraction >= 1.0 for fraction in fractions])
        wanted = "each below 1 and a sum of at most 1; the rest goes to coarse roots"
        rules.append(
            (ALLOCATIONS, wanted, (_coarse_fraction(*fractions) < 0.0) | too_large)
        )
    bad = np.logical_or.reduce([where for _, _, where in rules])
    for names, wanted, where in rules:
        if where.any():
            return bad, Broken(names, wanted, int(np.argmax(where)))
    return bad, None


def check_parameters(
    parameters: Mapping[str, Any],
    options: str | Mapping[str, object] | Options = "reanalysis",
) -> None:
    """Refuse parameters that a run would refuse, before anything runs.

    Parameters
    ----------
    parameters : mapping of str to number or (lane,)
        Any subset of the ids of `parameter_table`; the rest takes its default.
    options : str, mapping or Options
        As for `simulate`.

    Raises
    ------
    InputError
        Naming the parameter and the first lane: an unknown name, a value out of the
        range that the model accepts, allocation fractions above one.

    Examples
    --------
    >>> check_parameters({"aMax": [10.0, 20.0]})
    """
    check_names(parameters)
    given = {str(k): np.atleast_1d(np.asarray(v, float)) for k, v in parameters.items()}
    n = max((value.size for value in given.values()), default=1)
    values = complete(given, n)
    bad, broken = inconsistent(values, choose_options(options))
    if broken is not None:
        found = ", ".join(f"{k} {values[k][broken.lane]:g}" for k in broken.names)
        raise InputError(
            f"parameters, {', '.join(broken.names)}, lane {broken.lane}",
            found=f"{found} ({int(bad.sum())} lanes)", wanted=broken.wanted,
            hint="Draw them so that it holds, or narrow the priors.",
        )  # fmt: skip


def _coarse_fraction(leaf, wood, fine):
    return 1.0 - leaf - wood - fine


def _legacy_allocation(leaf, wood, fine):
    """The old program's silent correction of fractions above 1 (section 12, item 7)."""
    wood = np.where(leaf + wood + fine > 1.0, 0.0, wood)
    fine = np.where(leaf + wood + fine > 1.0, 0.0, fine)
    leaf = np.where(leaf > 1.0, 0.0, leaf)
    return leaf, wood, fine


def records(values: Mapping[str, np.ndarray], options: Options) -> np.ndarray:
    """Parameters as the equations take them, one record for each lane."""
    v = dict(values)
    if options.legacy:
        adjusted = _legacy_allocation(*(v[name] for name in ALLOCATIONS))
        v |= dict(zip(ALLOCATIONS, adjusted, strict=True))
    p = np.zeros(v["aMax"].size, dtype=PARAMETER_RECORD)
    for name in GIVEN:
        p[name] = v[name]
    for name in DAILY:
        p[name] = v[name] / DAYS_PER_YEAR
    for name in ("halfSatPar", "soilWHC", "leafCSpWt", "cFracLeaf"):
        p[name] = np.maximum(v[name], TINY)
    f, rate = v["fAnoxia"], v["anaerobicDecompRate"]
    p["fAnoxia"] = np.where(f <= 0.0, TINY, np.where(f >= 1.0, 1.0 - TINY, f))
    p["anaerobicDecompRate"] = np.where(rate <= 0.0, TINY, np.minimum(rate, 1.0))
    p["coarseRootAllocation"] = _coarse_fraction(*(p[name] for name in ALLOCATIONS))
    _derive(p, v)
    _initial(p, v, options)
    return p


def _derive(p: np.ndarray, v: Mapping[str, np.ndarray]) -> None:
    """What depends on parameters alone, so that no step works it out again."""
    p["psnTMax"] = 2.0 * v["psnTOpt"] - v["psnTMin"]
    span = p["psnTMax"] - p["psnTMin"]
    with np.errstate(divide="ignore"):  # a lane that is refused later
        p["temperature_scale"] = (2.0 / span) ** 2
    respiration = v["baseFolRespFrac"] * v["aMax"]
    p["gross_maximum"] = v["aMax"] * v["aMaxFrac"] + respiration
    p["foliar_respiration"] = respiration * v["vegRespQ10"] ** (-v["psnTOpt"] / 10.0)
    leaf_mass = p["leafCSpWt"] / p["cFracLeaf"]
    p["carbon_conversion"] = CARBON_MOLAR_MASS * 1e-9 * leaf_mass * SECONDS_PER_DAY
    p["light_exponent"] = -LN2 / p["halfSatPar"]
    for field, name in (
        ("log_veg_q10", "vegRespQ10"),
        ("log_fine_q10", "fineRootQ10"),
        ("log_coarse_q10", "coarseRootQ10"),
        ("log_soil_q10", "soilRespQ10"),
    ):
        p[field] = np.log(v[name]) / 10.0


def _initial(p: np.ndarray, v: Mapping[str, np.ndarray], options: Options) -> None:
    """The pools before the first step."""
    coarse, fine, wood = v["coarseRootFrac"], v["fineRootFrac"], v["plantWoodInit"]
    p["initial_wood"] = (1.0 - coarse - fine) * wood
    p["initial_coarse"] = coarse * wood
    p["initial_fine"] = fine * wood
    p["initial_leaf"] = v["laiInit"] * p["leafCSpWt"]
    p["initial_soil"] = v["soilInit"]
    p["initial_litter"] = v["litterInit"] if options.litter_pool else 0.0
    water = np.maximum(0.0, v["soilWFracInit"] * p["soilWHC"])
    p["initial_water"] = np.minimum(water, p["soilWHC"]) if options.legacy else water
    p["initial_snow"] = v["snowInit"]
