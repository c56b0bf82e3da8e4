"""CENTURY against the output of a real program, every column and every row.

A case is ``NAME_forcing.csv`` with ``NAME_variant45.csv`` and ``NAME_variant46.csv``
(or one of them). The header of a run gives site, parameters and CO2; its rows are
months from the start state and of the years after the spin-up passes. The forcing is
looked for in the folder, then in the shared one.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks.reference_runs.deviation import Deviation
from landmodels import century

TOLERANCE = 1e-8
_SITE = {
    "lat": r"lat(?:itude)?\s+([-+.\deE]+)", "sand": r"sand\s+([.\deE+-]+)",
    "silt": r"silt\s+([.\deE+-]+)", "clay": r"clay\s+([.\deE+-]+)",
    "bulk_density": r"bulk density\s+([.\deE+-]+)", "ph": r"pH\s+([.\deE+-]+)",
}  # fmt: skip
#: Columns whose name differs from that of the model's output.
_NAMES = {"cprodc": "npp"}
SPINUP_YEARS = 4000


def compare(folder: Path, shared: Path | None) -> list[Deviation]:
    """Worst deviation of each run, in units of the column's maximum."""
    return [
        compare_run(path, folder, shared)
        for path in sorted(folder.glob("*_variant4[56].csv"))
    ]


def compare_run(path: Path, folder: Path, shared: Path | None) -> Deviation:
    """Worst deviation of one run."""
    name, variant = path.stem.rsplit("_variant", 1)
    forcing = _find(f"{name}_forcing.csv", folder, shared)
    reference = pd.read_csv(path, comment="#")
    model = run_case(_header(path), forcing, int(variant), reference)
    worst, where = -1.0, "no column"
    for column in reference.columns[2:]:
        value, row = _deviation(model[column].to_numpy(), reference[column].to_numpy())
        if np.isnan(value) or value > worst:
            year, month = reference["year"][row], reference["month"][row]
            worst, where = value, f"{column}, year {year} month {month}"
        if np.isnan(value):
            break
    return Deviation(path.stem, where, worst, TOLERANCE, "of the column's maximum")


def _deviation(model: np.ndarray, reference: np.ndarray) -> tuple[float, int]:
    """Largest deviation and its row; NaN where the model gave no number."""
    broken = ~np.isfinite(model)
    if broken.any():
        return np.nan, int(np.argmax(broken))
    size = np.abs(reference).max()
    # A column of zeros has to be zero: its deviation is taken as it is.
    difference = np.abs(model - reference) / (size if size > 0.0 else 1.0)
    return float(difference.max()), int(np.argmax(difference))


def _find(name: str, folder: Path, shared: Path | None) -> Path:
    places = [folder]
    if shared is not None:
        places += [shared, shared / "reference" / "century", shared / "century"]
    for place in places:
        if (place / name).is_file():
            return place / name
    raise FileNotFoundError(f"{name} is in none of {', '.join(map(str, places))}")


def _header(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.startswith("#"))


def site_of(header: str) -> dict[str, float]:
    """Site values of a header."""
    found = {n: re.search(p, header) for n, p in _SITE.items()}
    return {n: float(m.group(1)) for n, m in found.items() if m}


def parameters_of(header: str) -> dict[str, float]:
    """Parameter values of a header, by id."""
    table = century.parameter_table()
    labels = {label: key for key, label in table["name"].items()}
    number = r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)"
    values = {}
    for label, value in re.findall(rf"([A-Za-z]\w*(?:\([\d,]+\))?)={number}", header):
        values[labels[label.upper()]] = float(value)
    calendar = re.search(r"frst/senm/last\s+(\d+)/(\d+)/(\d+)", header)
    layers = re.search(r"layers\s+(\d+)", header)
    drain = re.search(rf"drain\s+{number}", header)
    if calendar:
        values.update(zip(("frst", "senm", "last"), map(float, calendar.groups()),
                          strict=True))  # fmt: skip
    if layers:
        values["nlayer"] = float(layers.group(1))
    if drain:
        values["drain"] = float(drain.group(1))
    return values


def _co2(header: str, n_months: int) -> np.ndarray | None:
    """CO2 of each month (ppm): linear by year between the two values of a header."""
    line = re.search(r"CO2: *(.*)", header)
    if line is None or line.group(1).strip().startswith("off"):
        return None
    text = line.group(1)
    first, last = map(float, re.findall(r"([\d.]+) ppm", text)[:2])
    index = re.search(r"index (\d+)", text)
    years = np.arange(n_months // 12)
    end = int(index.group(1)) if index else years[-1]
    return np.repeat(first + (last - first) * years / end, 12)


def run_case(
    header: str, forcing: Path, variant: int, reference: pd.DataFrame
) -> pd.DataFrame:
    """The model's values for the rows of a reference run."""
    site, parameters = site_of(header), parameters_of(header)
    spin = century.read_weather(forcing, site=site, period="spinup")
    history = century.read_weather(forcing, site=site, period="historical")
    co2 = _co2(header, history.sizes["time"])
    if co2 is not None:
        attrs = {"units": "ppm"}
        history["co2"] = ("time", co2, attrs)
        spin["co2"] = ("time", np.full(spin.sizes["time"], co2[0]), attrs)
    options = {
        "variant": variant, "co2_effect": co2 is not None, "spinup_forcing": spin,
    }  # fmt: skip
    first = century.simulate(spin, parameters, spinup="start", **options)
    stated = re.search(r"after ([\d,]+) spin-up years", header)
    years = int(stated.group(1).replace(",", "")) if stated else SPINUP_YEARS
    cycles = years // (spin.sizes["time"] // 12)
    later = century.simulate(
        history, parameters, spinup="run", spinup_cycles=cycles, **options
    )
    rows: dict[str, list[int]] = {"first": [], "later": []}
    for year, month in zip(reference["year"], reference["month"], strict=True):
        part, before = ("first", 0) if year <= years else ("later", years)
        rows[part].append((year - before - 1) * 12 + month - 1)
    names = list(reference.columns[2:])
    tables = [_table(first, names, rows["first"]), _table(later, names, rows["later"])]
    return pd.concat(tables, ignore_index=True)


def _table(result: xr.Dataset, names: list[str], rows: list[int]) -> pd.DataFrame:
    return pd.DataFrame({n: result[_NAMES.get(n, n)].values[rows] for n in names})
