"""DALEC-BETHY against the prototype of its specification.

Compares whatever a folder holds: functions, hourly drivers, daily runs, gradients, and
the calibration of a cell. Files that the folder lacks come from ``--shared`` (the
folder with the other reference files, or one above it).
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.reference_runs.deviation import Deviation
from landmodels.dalec_bethy.control import Control
from landmodels.dalec_bethy.drivers import Drivers, make_drivers
from landmodels.dalec_bethy.equations import (
    canopy,
    carbon,
    fluorescence,
    leaf,
    smooth,
    water,
)
from landmodels.dalec_bethy.equations.day import (
    DAILY_DRIVERS,
    DAILY_OUTPUTS,
    HOURLY_DRIVERS,
    HOURLY_OUTPUTS,
    PARAMETERS,
    STATES,
)
from landmodels.dalec_bethy.observations import Observations, cell_observations
from landmodels.dalec_bethy.operators import (
    Operator,
    fapar,
    l_band_optical_depth,
    surface_soil_moisture,
)
from landmodels.dalec_bethy.operators import (
    fluorescence as sif_operator,
)
from landmodels.dalec_bethy.parameters import CALIBRATED
from landmodels.dalec_bethy.problem import Problem, Type, cell_problem
from landmodels.dalec_bethy.tile import Run, Tile
from masm.information import posterior_covariance
from masm.methods.variational import four_d_var

#: Accepted deviations (specification, section 14; gradients as asked for).
_FUNCTIONS = {"release": 3e-8, "water": 5e-9}
_FUNCTION, _DRIVER, _DAILY, _GRADIENT, _COST = 1e-9, 1e-8, 1e-7, 1e-8, 1e-7
_MINIMUM, _POSTERIOR_SD = 0.01, 1e-3


def compare(folder: Path, shared: Path | None) -> list[Deviation]:
    """Deviations of every reference file of a folder."""
    files = _Files(folder, shared)
    rows: list[Deviation] = []
    functions = files.find("functions.csv")
    if functions is not None:
        rows += _compare_functions(functions)
    for path in sorted(folder.glob("*_hourly_drivers.csv")):
        rows.append(_compare_drivers(path, files))
    for path in sorted(folder.glob("*_daily.csv")):
        rows.append(_compare_daily(path, files))
    for path in sorted(folder.glob("*_gradients.csv")):
        rows += _compare_gradients(path, files)
    for path in sorted(folder.glob("*_cell_control.csv")):
        rows += _compare_cell(path, files)
    return rows


class _Files:
    """Finds a file in the folder, or else where the shared ones are."""

    def __init__(self, folder: Path, shared: Path | None) -> None:
        self.folders = [folder]
        if shared is not None:
            for below in ("", "dalec_bethy", "reference/dalec_bethy"):
                self.folders.append(shared / below)

    def find(self, name: str) -> Path | None:
        """Path of a file, None where there is none."""
        return next((f / name for f in self.folders if (f / name).is_file()), None)

    def need(self, name: str) -> Path:
        """Path of a file that must be there."""
        path = self.find(name)
        if path is None:
            places = ", ".join(str(f) for f in self.folders)
            raise FileNotFoundError(f"no {name} in any of: {places}")
        return path

    def drivers(self, place: str) -> Drivers:
        """Drivers of a place."""
        return _drivers(self.need(f"{place}_drivers.csv"))

    def type(self, name: str) -> Type:
        """Priors of a vegetation type, from the first table that has it."""
        for folder in self.folders:
            path = folder / "parameters.csv"
            if path.is_file():
                table = _read(path)
                if (table["type"] == name).any():
                    return _type(name, table[table["type"] == name])
        raise FileNotFoundError(f"no parameters.csv with the type {name}")


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, comment="#")


def _header(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return " ".join(line for line in file if line.startswith("#"))


def _number(text: str, name: str, default: float | None = None) -> float:
    """Return the number that follows a word."""
    number = r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?"
    found = re.search(rf"\b{re.escape(name)}\s*=?\s*({number})", text)
    if found is None:
        if default is None:
            raise ValueError(f"no {name} in the header: {text}")
        return default
    return float(found.group(1))


@cache
def _drivers(path: Path) -> Drivers:
    table, head = _read(path), _header(path)
    weather = {name: table[name].to_numpy(float) for name in table.columns}
    return make_drivers(
        {**weather, "co2": _number(head, "CO2") * 1e-6},
        latitude=_number(head, "lat"),
        elevation=_number(head, "elevation"),
    )


def _type(name: str, table: pd.DataFrame) -> Type:
    rows = table.set_index("name")
    keys = [*PARAMETERS, *(f"{pool}.0" for pool in STATES[:6])]
    controls = tuple(
        Control(own, float(rows.loc[key, "prior"]), float(rows.loc[key, "sd"]),
                str(rows.loc[key, "transform"]))
        for own, key in zip(CALIBRATED, keys, strict=True)
    )  # fmt: skip
    return Type(
        name, controls, float(rows.loc["jv", "prior"]), float(rows.loc["ga", "prior"])
    )


def _worst(
    run: str,
    errors: Iterable[tuple[str, float]],
    tolerance: float,
    measure: str,
) -> Deviation:
    """Build the row of the largest error; one that is no number is the largest."""
    where, value = "", -math.inf
    for name, error in errors:
        if math.isnan(error) or error > value:
            where, value = name, float(error)
        if math.isnan(error):
            break
    return Deviation(run, where, value, tolerance, measure)


def _error(found: np.ndarray, wanted: np.ndarray, scale: float) -> float:
    """Largest difference over a scale; NaN where something is not finite."""
    if not np.isfinite(found).all():
        return math.nan
    difference = float(np.max(np.abs(found - wanted), initial=0.0))
    return difference / scale if scale > 0.0 else difference


# Functions

_CALLS: dict[str, Callable[[dict[str, float]], object]] = {
    "kinetics": lambda v: leaf.kinetics(math, v["t"]),
    "smin": lambda v: smooth.smooth_minimum(math, v["x"], v["y"]),
    "spos": lambda v: smooth.positive_part(math, v["x"], v["e"]),
    "nitrogen": lambda v: canopy.nitrogen(math, v["lai"], v["k12"]),
    "escape": lambda v: fluorescence.escape(math, v["lai"], v["rho"]),
    "canopy_light": lambda v: canopy.canopy_light(
        math, v["lai"], v["mu"], v["fdir"], v["rho"]
    ),
    "release": lambda v: carbon.release(
        math, v["doy"], v["life1"], v["day"], v["period"]
    ),
    # Fluxes and pools by the order in which the reference prints its arguments.
    "carbon": lambda v: carbon.carbon(math, *v.values()),
    "water": lambda v: water.water(math, *v.values()),
}


def _compare_functions(path: Path) -> list[Deviation]:
    errors: dict[str, list[tuple[str, float]]] = {}
    for number, row in _read(path).iterrows():
        name = str(row["function"])
        inputs = {
            key: float(value)
            for key, value in (pair.split("=") for pair in str(row["input"]).split())
        }
        wanted = np.array([float(v) for v in str(row["output"]).split()])
        result = _CALLS[name](inputs)
        found = np.atleast_1d(np.array(result, dtype=float))
        if found.shape != wanted.shape:
            raise ValueError(f"{path.name}: {name} gives {found.size} numbers")
        bad = ~np.isfinite(found)
        scale = np.where(wanted == 0.0, 1.0, np.abs(wanted))
        error = math.nan if bad.any() else float(np.max(np.abs(found - wanted) / scale))
        errors.setdefault(name, []).append((f"row {number}", error))
    return [
        _worst(f"function {name}", found, _FUNCTIONS.get(name, _FUNCTION), "relative")
        for name, found in errors.items()
    ]


# Drivers and daily runs


def _compare_drivers(path: Path, files: _Files) -> Deviation:
    table = _read(path)
    drivers = files.drivers(path.name.removesuffix("_hourly_drivers.csv"))
    day, hour = table["day"].to_numpy(), table["hour"].to_numpy()
    errors = []
    for name in table.columns[2:]:
        if name in HOURLY_DRIVERS:
            found = drivers.hourly[day, HOURLY_DRIVERS.index(name), hour]
        else:
            found = drivers.daily[day, DAILY_DRIVERS.index(name)]
        wanted = table[name].to_numpy(float)
        errors.append((name, _error(found, wanted, float(np.ptp(wanted)))))
    return _worst(path.stem, errors, _DRIVER, "of the column's range")


def _tile_run(path: Path, suffix: str, files: _Files) -> tuple[Tile, np.ndarray, Run]:
    """Run the tile that a file is named for, with its type's prior means."""
    place, _, kind = path.name.removesuffix(suffix).partition("_")
    daily = files.find(f"{place}_{kind}_daily.csv")
    head = _header(daily) if daily is not None else ""
    type_ = files.type(kind)
    tile = Tile(
        files.drivers(place), type_.electron_ratio, type_.aerodynamic,
        _number(head, "wsmax", 20.0), _number(head, "wrmax", 150.0),
    )  # fmt: skip
    prior = np.array([c.prior for c in type_.controls])
    stores = [("wc", 0.0), ("ws", 10.0), ("wr", 100.0), ("snow", 0.0)]
    start = [_number(head, name, default) for name, default in stores]
    state = np.array([*prior[17:], *start])
    return tile, prior[:17], tile.run(prior[:17], state)


def _column(run: Run, name: str) -> np.ndarray:
    """Find a column of a daily file in a run."""
    if name in DAILY_OUTPUTS:
        return run.daily[:, DAILY_OUTPUTS.index(name)]
    if name.endswith("_end"):
        return run.states[1:, STATES.index(name.removesuffix("_end"))]
    found = re.fullmatch(r"([a-z]+)(\d+)", name)
    if found is None or found.group(1) not in HOURLY_OUTPUTS:
        raise ValueError(f"unknown column {name}")
    return run.hourly[:, HOURLY_OUTPUTS.index(found.group(1)), int(found.group(2))]


def _compare_daily(path: Path, files: _Files) -> Deviation:
    table = _read(path)
    _, _, run = _tile_run(path, "_daily.csv", files)
    errors = []
    for name in table.columns.drop("day"):
        wanted = table[name].to_numpy(float)
        found = _column(run, name)[table["day"].to_numpy()]
        errors.append((name, _error(found, wanted, float(np.max(np.abs(wanted))))))
    return _worst(path.stem, errors, _DAILY, "of the column's maximum")


# Gradients


def _scalar(name: str, run: Run) -> tuple[float, Run]:
    """Value of a scalar of a run, and its derivative in all that the run gives."""
    seed = Run.zeros(run.daily.shape[0])
    year = slice(730, 1095)
    columns = {"gpp_year3": ("gpp",), "nee_year3": ("nee",),
               "et_year3": ("trans", "ec", "es")}  # fmt: skip
    if name in columns:
        for column in columns[name]:
            seed.daily[year, DAILY_OUTPUTS.index(column)] = 1.0
    elif name == "wood_final":
        seed.states[-1, STATES.index("cwoo")] = 1.0
    elif name.startswith("lai_max_day"):
        day = int(name.removeprefix("lai_max_day"))
        seed.daily[day, DAILY_OUTPUTS.index("lai")] = 1.0
    elif re.fullmatch(r"sif\d+_year3", name):
        seed.hourly[year, 0, int(name[3:-6])] = 1.0 / 365.0
    elif name == "fws_year3":
        seed.daily[year, DAILY_OUTPUTS.index("fw_s")] = 1.0 / 365.0
    else:
        raise ValueError(f"unknown scalar {name}")
    value = sum(
        float(np.sum(getattr(seed, part) * getattr(run, part)))
        for part in ("states", "daily", "hourly")
    )
    return value, seed


def _compare_gradients(path: Path, files: _Files) -> list[Deviation]:
    table = _read(path).set_index("scalar")
    tile, parameters, run = _tile_run(path, "_gradients.csv", files)
    values, slopes = [], []
    for name, row in table.iterrows():
        value, seed = _scalar(str(name), run)
        process, state = tile.adjoint(parameters, run.states, seed)
        found = np.concatenate([process, state[:6]])
        wanted = row.to_numpy(float)
        values.append(
            (f"{name} value", _error(np.array([value]), wanted[:1], abs(wanted[0])))
        )
        largest = float(np.max(np.abs(wanted[1:])))
        slopes.append((str(name), _error(found, wanted[1:], largest)))
    return [
        _worst(f"{path.stem} values", values, _COST, "relative"),
        _worst(path.stem, slopes, _GRADIENT, "of the row's largest"),
    ]


# The calibration of a cell


def _cell(path: Path, files: _Files) -> tuple[Problem, Observations, pd.DataFrame]:
    place = path.name.removesuffix("_cell_control.csv")
    source = files.need(f"{place}_cell_observations.csv")
    head, table = _header(source), _read(source)
    found = re.search(r"tiles\s*(\[.*?\])", head)
    if found is None:
        raise ValueError(f"{source.name}: no tiles in the header")
    tiles = [(files.type(n), float(f)) for n, f in ast.literal_eval(found.group(1))]
    observations = cell_observations(
        list(table["stream"]), table["day"], table["hour"], table["value"],
        table["sigma"] ** 2,
    )  # fmt: skip
    operators: dict[str, Operator] = {
        "lvod": l_band_optical_depth(frozen=_number(head, "frozen", 0.36)),
        "ssm": surface_soil_moisture(
            residual=_number(head, "theta_r", 0.05),
            saturated=_number(head, "theta_s", 0.45),
        ),
        "fapar": fapar(),
        "sif": sif_operator(),  # last: so are its controls
    }
    problem = cell_problem(
        files.drivers(place), tiles, observations, operators=operators
    )
    control = _read(path)
    names = [n + "_scale" if n == "sif" else n for n in control["name"]]
    if tuple(names) != problem.names:
        raise ValueError(f"{path.name}: control elements {names}, not {problem.names}")
    return problem, observations, control


def _compare_cell(path: Path, files: _Files) -> list[Deviation]:
    problem, observations, control = _cell(path, files)
    head, run = _header(path), path.stem
    rows = []
    points = {
        "J(0)": ("grad_at_zero", np.zeros(problem.n)),
        "J(x_point)": ("grad_at_point", control["x_point"].to_numpy(float)),
    }
    costs, slopes = [], []
    for label, (column, x) in points.items():
        value, gradient = problem.cost(x)
        wanted = _number(head.replace(label, "COST"), "COST")
        costs.append((label, abs(value - wanted) / abs(wanted)))
        reference = control[column].to_numpy(float)
        largest = float(np.max(np.abs(reference)))
        slopes.append((column, _error(gradient, reference, largest)))
    rows.append(_worst(f"{run} cost", costs, _COST, "relative"))
    rows.append(_worst(f"{run} gradient", slopes, _GRADIENT, "of the row's largest"))
    wanted = _number(head.replace("J(x_map)", "COST"), "COST")
    rows.append(_compare_minimum(run, problem, control, wanted))
    rows.append(_compare_posterior(run, problem, observations, control))
    return rows


def _compare_minimum(
    run: str, problem: Problem, control: pd.DataFrame, wanted: float
) -> Deviation:
    """Cost at the reference's minimum, and whether our own search comes as low.

    A lower minimum is none the worse: the reference's search ends where its cost
    hardly falls.
    """
    there, _ = problem.cost(control["x_map"].to_numpy(float))
    found = four_d_var(
        problem.cost, np.zeros(problem.n), names=problem.names, cost_tolerance=1e-13
    )
    errors = [
        ("J(x_map)", abs(there - wanted)),
        ("our minimum above it", max(found.cost - wanted, 0.0)),
    ]
    return _worst(f"{run} minimum", errors, _MINIMUM, "of J")


def _compare_posterior(
    run: str, problem: Problem, observations: Observations, control: pd.DataFrame
) -> Deviation:
    """Posterior sd at the reference's minimum, with all streams and without each."""
    jacobian = problem.jacobian(control["x_map"].to_numpy(float))
    errors = []
    for column in control.columns:
        if not column.startswith("sd_"):
            continue
        left_out = column.removeprefix("sd_without_")
        keep = np.array([s != left_out for s in observations.stream])
        a = posterior_covariance(jacobian[keep], observations.variance[keep])
        wanted = control[column].to_numpy(float)
        errors.append((column, _error(np.sqrt(np.diag(a)), wanted, 1.0)))
    return _worst(f"{run} posterior", errors, _POSTERIOR_SD, "of sd")
