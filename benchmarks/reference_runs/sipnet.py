"""SIPNET against reference runs: every run, step and column of a folder.

The folder has the layout of the model's reference numbers: ``runs.json`` (drivers,
first and last record, switches), ``parameters.csv`` (a column for each run),
``events.csv``, ``drivers_*.csv.gz``, a table for each run, and state files that runs
start from. The measure is the deviation relative to 1e-6 of the value or 1e-9,
whichever is more: at most 1 is accepted.
"""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.reference_runs.deviation import Deviation
from landmodels import sipnet
from landmodels.sipnet.tables import read_table

RELATIVE, ABSOLUTE = 1e-6, 1e-9
MEASURE = "of max(1e-6 |value|, 1e-9)"
SWITCHES = (
    "growth_respiration", "litter_pool", "leaf_water", "water_respiration",
    "phenology", "flooding", "anaerobic", "carbon_saturation", "legacy",
)  # fmt: skip
#: Columns of the reference tables and the model's names.
COLUMNS = {
    "nee": "nee", "gpp": "gpp", "ra": "ra", "rh": "rh", "et": "et",
    "transpiration": "transpiration", "interception": "interception",
    "evaporation": "evaporation", "sublimation": "sublimation",
    "drainage": "drainage", "fastflow": "fast_flow", "melt": "melt", "W": "wood",
    "D": "unallocated", "L": "leaf", "R": "coarse_root", "r": "fine_root",
    "S": "soil", "T": "litter", "Q": "soil_water", "P": "snow",
    "nppmean": "mean_npp", "leafon": "leaf_on", "leafoff": "leaf_off",
    "gdd": "degree_days", "methane": "methane", "npp": "npp", "lai": "lai",
    "till": "tillage",
}  # fmt: skip
_KEYS = ("year", "day", "time")


def compare(folder: Path, shared: Path | None) -> list[Deviation]:
    """Run every run of ``folder``.

    Parameters
    ----------
    folder : pathlib.Path
        The reference runs.
    shared : pathlib.Path or None
        A second folder for files that the first lacks.

    Returns
    -------
    list of Deviation
        The worst step and column of each run. A run that fails, or whose output is
        missing or not finite where the reference has a number, has NaN.
    """
    runs = json.loads(_find("runs.json", folder, shared).read_text(encoding="utf-8"))
    rows = []
    for name, run in runs.items():
        try:
            rows.append(compare_run(name, run, folder, shared))
        except (OSError, KeyError, ValueError) as exc:
            text = " ".join(str(exc).split())
            rows.append(Deviation(name, f"failed: {text}", np.nan, 1.0, MEASURE))
    return rows


def compare_run(name: str, run: dict, folder: Path, shared: Path | None) -> Deviation:
    """The worst deviation of one run."""
    reference = read_table(_table(name, folder, shared), "reference values")
    forcing = cut(read_drivers(_find(run["drivers"], folder, shared)), run, reference)
    result = sipnet.simulate(
        forcing,
        run_parameters(name, folder, shared),
        options={key: run[key] for key in SWITCHES if key in run},
        events=run_events(name, run, folder, shared),
        initial_state=run_state(name, run, folder, shared),
    )
    return worst(name, result, forcing, reference)


def _find(name: str, folder: Path, shared: Path | None) -> Path:
    """A file of the first folder, or of the second."""
    for place in (folder, shared):
        if place is not None and (place / name).is_file():
            return place / name
    raise FileNotFoundError(
        f"no {name} in {folder}" + (f" or {shared}" if shared else "")
    )


def _table(name: str, folder: Path, shared: Path | None) -> Path:
    try:
        return _find(f"{name}.csv.gz", folder, shared)
    except FileNotFoundError:
        return _find(f"{name}.csv", folder, shared)


def read_drivers(path: Path) -> xr.Dataset:
    """Drivers from a table with names or from a text file of the program."""
    if path.name.endswith((".csv", ".csv.gz")):
        return sipnet.read_driver_table(path)
    return sipnet.read_clim(path)


def cut(forcing: xr.Dataset, run: dict, reference: pd.DataFrame | None) -> xr.Dataset:
    """The records from the run's first to its last, as many as the reference has."""
    keys = np.stack([forcing[k].values for k in ("year", "day", "hour")], axis=1)

    def position(record):
        here = np.abs(keys - np.array(record, dtype=float)) < 1e-6
        found = np.flatnonzero(here.all(axis=1))
        if found.size != 1:
            raise ValueError(f"{found.size} driver records of {record}, 1 is wanted")
        return int(found[0])

    first, last = position(run["first"]), position(run["last"])
    steps = int(run.get("steps", last - first + 1))
    rows = steps if reference is None else len(reference)
    if last - first + 1 != steps or rows != steps:
        raise ValueError(
            f"{last - first + 1} driver records and {rows} reference rows, "
            f"{steps} are wanted"
        )
    return forcing.isel(time=slice(first, last + 1))


def run_parameters(name: str, folder: Path, shared: Path | None) -> dict[str, float]:
    """The column of a run; a blank cell is a parameter that it does not use."""
    for place in (folder, shared):
        if place is None or not (place / "parameters.csv").is_file():
            continue
        path = place / "parameters.csv"
        table = read_table(path, "parameters").set_index("parameter")
        if name in table:
            return {str(k): float(v) for k, v in table[name].dropna().items()}
    raise KeyError(f"no column {name} in parameters.csv")


def run_events(name: str, run: dict, folder: Path, shared: Path | None):
    """The events of a run, as many as it says."""
    wanted = int(run.get("events", 0))
    if wanted == 0:
        return None
    for place in (folder, shared):
        if place is not None and (place / "events.csv").is_file():
            events = sipnet.read_events(place / "events.csv", run=name)
            if len(events) == wanted:
                return events
    raise ValueError(f"no {wanted} events of {name} in events.csv")


def run_state(name: str, run: dict, folder: Path, shared: Path | None):
    """The state that a run starts from: named by the run, its note or its own name."""
    file = run.get("state") or run.get("initial_state")
    if not file:
        named = re.search(r"\S+_state_\w+\.csv", run.get("note", ""))
        file = named.group(0) if named else None
    if not file and name.endswith("_restart"):
        base = name.removesuffix("_restart")
        found = sorted(
            path.name
            for place in (folder, shared)
            if place is not None
            for path in place.glob(f"{base}_state_*.csv")
        )
        if len(set(found)) != 1:
            raise ValueError(f"{len(set(found))} state files of {base}, 1 is wanted")
        file = found[0]
    return sipnet.read_state(_find(file, folder, shared)) if file else None


def worst(
    name: str, result: xr.Dataset, forcing: xr.Dataset, reference: pd.DataFrame
) -> Deviation:
    """The step and column furthest from the reference."""
    keys = {"year": "year", "day": "day", "time": "hour"}
    for key, variable in keys.items():
        if not np.allclose(reference[key], forcing[variable].values, rtol=0, atol=1e-6):
            raise ValueError(f"{key} of the reference is not that of the drivers")
    value, where = -1.0, "no column"
    for column in reference.columns:
        if column in _KEYS:
            continue
        if column not in COLUMNS:
            raise KeyError(f"column {column} of the reference is unknown")
        wanted = reference[column].to_numpy(float)
        found = result[COLUMNS[column]].values
        allowed = np.maximum(RELATIVE * np.abs(wanted), ABSOLUTE)
        deviation = np.abs(found - wanted) / allowed
        bad = ~np.isfinite(deviation)
        step = int(np.argmax(bad)) if bad.any() else int(np.argmax(deviation))
        if bad.any() or deviation[step] > value:
            value = float("nan") if bad.any() else float(deviation[step])
            row = reference.iloc[step]
            where = f"{column}, {row.year:g} {row.day:g} {row.time:g}"
            where += f": {found[step]:.9g}, reference {wanted[step]:.9g}"
        if bad.any():
            break
    return Deviation(name, where, value, 1.0, MEASURE)
