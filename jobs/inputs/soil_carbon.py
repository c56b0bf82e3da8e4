"""Inputs of a soil-carbon run: the domain, and stocks and fluxes laid on its cells.

Everything is checked here before any model runs, and the first mistake of each table
is named with its line.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.config.soil_carbon import ErrorRule, Flux, SoilCarbonConfig
from jobs.errors import ConfigError, Problem, did_you_mean
from jobs.files import read_text
from jobs.process_models import century_domain
from jobs.process_models.century_domain import STOCK, Settings, Targets
from jobs.run.seeds import RunStream, run_generator

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_PLACE = ("place", "lat", "lon")
_DEPTHS = ("top_cm", "bottom_cm")
_HORIZON = ("carbon_g_kg", "bulk_density_g_cm3", "rock_fragments_percent")
_MONTHS_OF_NEP = (-2000.0, 2000.0)
_MOST_OF_A_CM = 2.0  # kg m-2 of carbon: more than peat has


@dataclass(frozen=True)
class Observed:
    """All observations of a run, stocks first.

    Attributes
    ----------
    targets : Targets
        Cell, and month or `STOCK`, of each.
    value, sd : ndarray (observation,)
        Stocks in kg m-2, fluxes in g m-2 month-1.
    place : ndarray of str (observation,)
    ecosystem : ndarray of str (observation,)
    fitted : ndarray of bool (observation,)
        Whether it may inform; the others are withheld.
    """

    targets: Targets
    value: np.ndarray
    sd: np.ndarray
    place: np.ndarray
    ecosystem: np.ndarray
    fitted: np.ndarray

    @property
    def is_stock(self) -> np.ndarray:
        """Which are stocks, (observation,)."""
        return self.targets.month == STOCK

    def take(self, chosen: np.ndarray) -> Observed:
        """Return some of the observations."""
        return Observed(
            Targets(self.targets.cell[chosen], self.targets.month[chosen]),
            self.value[chosen], self.sd[chosen], self.place[chosen],
            self.ecosystem[chosen], self.fitted[chosen],
        )  # fmt: skip


@dataclass(frozen=True)
class Inputs:
    """What a soil-carbon run works on.

    Attributes
    ----------
    forcing : xarray.Dataset
        Of every cell of the domain.
    observed : Observed
    mapped : ndarray of int (cell,)
        Cells to predict: of the run's ecosystems, within its window.
    """

    forcing: xr.Dataset
    observed: Observed
    mapped: np.ndarray

    @property
    def synthetic(self) -> bool:
        """Whether the domain says that it is made up."""
        return str(self.forcing.attrs["synthetic"]) == "yes"


def settings_of(config: SoilCarbonConfig) -> Settings:
    """Return how the model is run in every cell."""
    model, period = config.model, config.observations.soc.period
    return Settings(
        model.spinup, model.co2_effect, model.depth_factor, dict(model.fixed),
        (period.first, period.last),
    )  # fmt: skip


def priors_of(
    config: SoilCarbonConfig, ecosystem: str
) -> dict[str, tuple[float, float]]:
    """Return the uniform prior of each calibrated parameter, in the table's order."""
    table = century_domain.calibrated_parameters(ecosystem)
    wanted = config.model.parameters
    names = list(table) if wanted == ["all"] else [n for n in table if n in wanted]
    return {
        name: config.model.bounds.get(name, (table[name].low, table[name].high))
        for name in names
    }


def defaults_of(config: SoilCarbonConfig, ecosystem: str) -> dict[str, float]:
    """Return the default of each calibrated parameter."""
    table = century_domain.calibrated_parameters(ecosystem)
    return {name: table[name].default for name in priors_of(config, ecosystem)}


def read_inputs(config: SoilCarbonConfig) -> Inputs:
    """Open and check everything that the run needs; nothing is simulated.

    Raises
    ------
    ConfigError
        If a table, a parameter or the domain cannot be used.
    landmodels.errors.InputError
        If the weather or soil of the domain cannot be used.
    """
    for key, path in config.files.items():
        if not path.is_file():
            raise ConfigError(Problem("config.yaml", key, f"no file {path}", "a file"))
    _check_names(config)
    forcing = century_domain.open_domain(
        config.domain.source,
        None if config.domain.file is None else config.folder / config.domain.file,
    )
    _check_domain(config, forcing)
    _check_values(config, forcing)
    observed = _observed(config, forcing)
    return Inputs(forcing, observed, _mapped(config, forcing))


def _check_names(config: SoilCarbonConfig) -> None:
    known = century_domain.calibrated_parameters("meadow")
    every = century_domain.every_parameter("meadow")
    wanted = config.model.parameters
    problems = []
    for key, names, table in (
        ("model.parameters", [n for n in wanted if wanted != ["all"]], known),
        ("model.bounds", list(config.model.bounds), known),
        ("model.fixed", list(config.model.fixed), every),
    ):
        problems += [
            Problem("config.yaml", key, f'"{name}"', "ids of CENTURY's parameters",
                    did_you_mean(name, table))
            for name in names if name not in table
        ]  # fmt: skip
    both = set(config.model.fixed) & set(priors_of(config, "meadow"))
    if both:
        problems.append(
            Problem("config.yaml", f"model.fixed.{sorted(both)[0]}",
                    "a parameter that is calibrated too", "one or the other")
        )  # fmt: skip
    for name, (low, high) in config.model.bounds.items():
        if name in known and not known[name].low <= low < high <= known[name].high:
            problems.append(
                Problem("config.yaml", f"model.bounds.{name}", f"{low:g} to {high:g}",
                        f"within {known[name].low:g} to {known[name].high:g}, the "
                        "lower one first")
            )  # fmt: skip
    if problems:
        raise ConfigError(problems)


def _check_domain(config: SoilCarbonConfig, forcing: xr.Dataset) -> None:
    kinds = forcing["ecosystem"].to_numpy().astype(str)
    for ecosystem in config.model.ecosystems:
        if not np.any(kinds == ecosystem):
            raise ConfigError(
                Problem("config.yaml", "model.ecosystems", f'"{ecosystem}"',
                        f"classes that cells of the domain have: "
                        f"{', '.join(sorted(set(kinds)))}",
                        "No cell of the domain has this class.")
            )  # fmt: skip
    years = forcing["time"].dt.year.to_numpy()
    for key, period in (
        ("observations.soc.period", config.observations.soc.period),
        ("prediction.nep_period", config.prediction.nep_period),
    ):
        if period.first < years[0] or period.last > years[-1]:
            raise ConfigError(
                Problem("config.yaml", key, str(period),
                        f"years of the domain's weather, {years[0]}-{years[-1]}")
            )  # fmt: skip
    if config.model.co2_effect and "co2" not in forcing:
        raise ConfigError(
            Problem("config.yaml", "model.co2_effect", "true, and no co2 in the domain",
                    "co2 [ppm] in the domain's file, or false")
        )  # fmt: skip


def _check_values(config: SoilCarbonConfig, forcing: xr.Dataset) -> None:
    """Try fixed values and the ends of the priors against the model's own checks."""
    kinds = forcing["ecosystem"].to_numpy().astype(str)
    for ecosystem in config.model.ecosystems:
        part = forcing.isel(cell=np.flatnonzero(kinds == ecosystem))
        century_domain.check_parameters(part, ecosystem, config.model.fixed)
        priors = priors_of(config, ecosystem)
        ends: dict[str, float] = {}
        for name, chosen in (("ppdf_1", 0), ("ppdf_2", 1), ("pprpts_3", 1)):
            if name in priors:
                ends[name] = priors[name][chosen]
        # The best corner of the prior: if not even it can run, nothing can.
        century_domain.check_parameters(part, ecosystem, {**config.model.fixed, **ends})


def _observed(config: SoilCarbonConfig, forcing: xr.Dataset) -> Observed:
    parts = [_stocks(config, forcing)]
    if config.observations.nep is not None:
        parts.append(_fluxes(config, config.observations.nep, forcing))
    joined = {
        name: np.concatenate([part[name] for part in parts])
        for name in ("cell", "month", "value", "sd", "place")
    }
    kinds = forcing["ecosystem"].to_numpy().astype(str)[joined["cell"]]
    whole = Observed(
        Targets(joined["cell"], joined["month"]), joined["value"], joined["sd"],
        joined["place"], kinds, _fitted(config, joined["place"]),
    )  # fmt: skip
    used = whole.take(np.isin(kinds, config.model.ecosystems))
    for ecosystem in config.model.ecosystems:
        here = used.take(used.ecosystem == ecosystem)
        for name, is_stock in (("soc", True), ("nep", False)):
            wanted = [n for n, streams in config.strategies.items() if name in streams]
            if wanted and not np.any(here.fitted & (here.is_stock == is_stock)):
                raise ConfigError(
                    Problem("config.yaml", f"observations.{name}",
                            f"none in {ecosystem} to calibrate on",
                            f"observations in {ecosystem}, or fewer ecosystems")
                )  # fmt: skip
    return used


def _fitted(config: SoilCarbonConfig, place: np.ndarray) -> np.ndarray:
    """Which observations inform: a fraction of the values, or of the places."""
    rng = run_generator(config.seed, RunStream.SOIL_CARBON_SPLIT)
    informing = config.observations.fit_share
    if config.observations.split == "random":
        return np.asarray(rng.uniform(size=place.size) < informing)
    names = np.unique(place)
    chosen = names[rng.uniform(size=names.size) < informing]
    return np.asarray(np.isin(place, chosen))


def _stocks(config: SoilCarbonConfig, forcing: xr.Dataset) -> dict[str, np.ndarray]:
    rule = config.observations.soc
    path = config.folder / rule.file
    table = _read(path, _PLACE)
    for name in _DEPTHS:
        if name not in table:
            raise ConfigError(
                Problem(str(path), f"column {name}", "nothing: a stock without depth",
                        f"top_cm and bottom_cm; this run wants 0 to {rule.depth:g} cm",
                        "A stock without a depth cannot be used.")
            )  # fmt: skip
    numbers = {n: _numbers(table, path, n, (0.0, 1000.0)) for n in _DEPTHS}
    thin = np.flatnonzero(numbers["bottom_cm"] <= numbers["top_cm"])
    if thin.size:
        raise _wrong(table, path, "bottom_cm", int(thin[0]), "above top_cm",
                     "A stock without a depth cannot be used.")  # fmt: skip
    if "soc_kg_m2" in table:
        rows = _direct(table, path, numbers, rule.depth)
    elif all(name in table for name in _HORIZON):
        rows = _of_profiles(table, path, numbers, rule.depth)
    else:
        raise ConfigError(
            Problem(str(path), "columns", ", ".join(table.columns),
                    f"soc_kg_m2, or horizons with {', '.join(_HORIZON)}")
        )  # fmt: skip
    cell = _cells(rows, path, forcing, config.domain.step)
    value = rows["soc_kg_m2"].to_numpy(float)
    kinds = forcing["ecosystem"].to_numpy().astype(str)[cell]
    return {
        "cell": cell,
        "month": np.full(cell.size, STOCK),
        "value": value,
        "sd": _errors(value, kinds, rule.error, path),
        "place": rows["place"].to_numpy(str),
    }


def _direct(table, path, numbers, depth: float) -> pd.DataFrame:
    most = _MOST_OF_A_CM * depth
    value = _numbers(table, path, "soc_kg_m2", (0.0, most))
    if np.any(value == 0.0):
        raise _wrong(table, path, "soc_kg_m2", int(np.argmax(value == 0.0)),
                     f"a number above 0 and up to {most:g}",
                     "Leave the row out if nothing was measured.")  # fmt: skip
    other = np.flatnonzero((numbers["top_cm"] != 0.0) | (numbers["bottom_cm"] != depth))
    if other.size:
        raise _wrong(
            table,
            path,
            "bottom_cm",
            int(other[0]),
            f"0 to {depth:g} cm",
            "Stocks of other depths need their horizons: give "
            f"{', '.join(_HORIZON)}, and splines bring them to the depth.",
        )
    return table


def profile_table(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return top, bottom (cm) and rock (%) of all horizons; None without horizons."""
    table = _text_table(path)
    if "soc_kg_m2" in table:
        return None
    names = (*_DEPTHS, "rock_fragments_percent")
    found = [_numbers(table, path, name, (0.0, 1000.0)) for name in names]
    return found[0], found[1], found[2]


def _of_profiles(table, path, numbers, depth: float) -> pd.DataFrame:
    """Stocks of profiles, by equal-area splines of their horizons."""
    import pandas as pd

    limits = {"carbon_g_kg": (0.0, 600.0), "bulk_density_g_cm3": (0.01, 2.7),
              "rock_fragments_percent": (0.0, 100.0)}  # fmt: skip
    columns = {n: _numbers(table, path, n, limits[n]) for n in _HORIZON}
    rows = []
    for place, group in table.groupby("place", sort=False):
        at = group.index.to_numpy()
        for name in ("lat", "lon"):
            if group[name].nunique() > 1:
                other = at[int(np.argmax(group[name] != group[name].iloc[0]))]
                raise _wrong(table, path, name, int(other),
                             f"{group[name].iloc[0]:g}, as place {place} has it before",
                             "Horizons of one place are one profile.")  # fmt: skip
        order = at[np.argsort(numbers["top_cm"][at])]
        profile = {
            "top": numbers["top_cm"][order], "bottom": numbers["bottom_cm"][order],
            "carbon": columns["carbon_g_kg"][order],
            "bulk_density": columns["bulk_density_g_cm3"][order],
            "rock_fragments": columns["rock_fragments_percent"][order],
        }  # fmt: skip
        try:
            density = century_domain.profile_density(profile, depth)
        except ValueError as exc:
            raise ConfigError(
                Problem(f"{path}:{int(table['line'][at[0]])}", f"profile {place}",
                        str(exc), f"horizons from 0 to {depth:g} cm")
            ) from exc  # fmt: skip
        first = group.iloc[0]
        rows.append({"place": place, "lat": first["lat"], "lon": first["lon"],
                     "line": first["line"], "soc_kg_m2": density})  # fmt: skip
    return pd.DataFrame(rows)


def _fluxes(
    config: SoilCarbonConfig, rule: Flux, forcing: xr.Dataset
) -> dict[str, np.ndarray]:
    path = config.folder / rule.file
    table = _read(path, (*_PLACE, "year", "month", "nep_g_m2_month"))
    year = _numbers(table, path, "year", (1800.0, 2300.0), whole=True)
    month = _numbers(table, path, "month", (1.0, 12.0), whole=True)
    value = _numbers(table, path, "nep_g_m2_month", _MONTHS_OF_NEP)
    at = century_domain.month_index(forcing, year.astype(int), month.astype(int))
    if np.any(at < 0):
        raise _wrong(table, path, "year", int(np.argmax(at < 0)),
                     "a month of the domain's weather")  # fmt: skip
    twice = table.duplicated(["place", "year", "month"]).to_numpy()
    if twice.any():
        raise _wrong(table, path, "month", int(np.argmax(twice)),
                     "each month of a place once")  # fmt: skip
    _refuse_codes(table, path, "nep_g_m2_month", value)
    cell = _cells(table, path, forcing, config.domain.step)
    kinds = forcing["ecosystem"].to_numpy().astype(str)[cell]
    return {
        "cell": cell, "month": at, "value": value,
        "sd": _errors(value, kinds, rule.error, path),
        "place": table["place"].to_numpy(str),
    }  # fmt: skip


def _errors(
    value: np.ndarray, kinds: np.ndarray, rule: ErrorRule, path: Path
) -> np.ndarray:
    size = value
    if rule.of == "mean":
        size = np.empty_like(value)
        for kind in np.unique(kinds):
            size[kinds == kind] = np.abs(value[kinds == kind]).mean()
    try:
        return century_domain.relative_error(size, rule.fraction, rule.floor)
    except ValueError as exc:
        raise ConfigError(
            Problem(str(path), "error rule", str(exc), "a floor above 0")
        ) from exc


def _read(path: Path, wanted: tuple[str, ...]) -> pd.DataFrame:
    """Read a table of text, with the number of each row's line."""
    table = _text_table(path)
    missing = [name for name in wanted if name not in table]
    if missing:
        raise ConfigError(
            Problem(str(path), f"column {missing[0]}", "nothing",
                    ", ".join(wanted), did_you_mean(missing[0], table.columns))
        )  # fmt: skip
    if not len(table):
        raise ConfigError(Problem(str(path), "rows", "none", "one for each value"))
    whole = table.drop(columns="line")
    if whole.duplicated().any():
        row = int(np.argmax(whole.duplicated()))
        first = int(np.argmax((whole == whole.iloc[row]).all(axis=1)))
        raise ConfigError(
            Problem(f"{path}:{int(table['line'].iloc[row])}", "a row twice",
                    f"the cells of line {int(table['line'].iloc[first])} again",
                    "each row once", "Was the table pasted twice?")
        )  # fmt: skip
    table["lat"] = _numbers(table, path, "lat", (-90.0, 90.0))
    table["lon"] = _numbers(table, path, "lon", (-180.0, 180.0))
    return table


def _text_table(path: Path) -> pd.DataFrame:
    """Return cells as text, with the column ``line``; lines with # are comments."""
    import csv

    import pandas as pd

    try:
        lines = read_text(path, follow=True).splitlines()
    except ValueError as exc:
        raise ConfigError(
            Problem(str(path), "not a table of text", str(exc)[:200], "a CSV file")
        ) from exc
    kept = [(k + 1, one) for k, one in enumerate(lines)
            if one.strip() and not one.lstrip().startswith("#")]  # fmt: skip
    rows = list(csv.reader([one for _, one in kept]))
    if not rows:
        raise ConfigError(Problem(str(path), "rows", "none", "one for each value"))
    header = [name.strip().lower() for name in rows[0]]
    if len(set(header)) < len(header):
        raise ConfigError(
            Problem(str(path), "columns", ", ".join(header), "each name once")
        )
    for (number, _), row in zip(kept[1:], rows[1:], strict=True):
        if len(row) != len(header):
            raise ConfigError(
                Problem(f"{path}:{number}", "columns", f"{len(row)} cells",
                        f"{len(header)}, as in the first line")
            )  # fmt: skip
    table = pd.DataFrame([[cell.strip() for cell in row] for row in rows[1:]],
                         columns=header, dtype=str)  # fmt: skip
    table["line"] = [number for number, _ in kept[1:]]
    return table


def _numbers(
    table: pd.DataFrame,
    path: Path,
    name: str,
    limits: tuple[float, float],
    *,
    whole: bool = False,
) -> np.ndarray:
    import pandas as pd

    values = pd.to_numeric(table[name], errors="coerce").to_numpy(float)
    bad = ~((values >= limits[0]) & (values <= limits[1]))
    if whole:
        bad |= values != np.round(values)
    if bad.any():
        kind = "a whole number" if whole else "a number"
        hints = {
            "rock_fragments_percent": "Percent of the volume.",
            "soc_kg_m2": "Of t ha-1, ten are a kg m-2.",
        }
        raise _wrong(
            table,
            path,
            name,
            int(np.argmax(bad)),
            f"{kind}, {limits[0]:g} to {limits[1]:g}",
            hints.get(name, ""),
        )
    return values


def _refuse_codes(
    table: pd.DataFrame, path: Path, name: str, value: np.ndarray
) -> None:
    """Refuse missing-value codes, by the rule of all observations."""
    from masm import InputError
    from masm.observations.gate import check_numbers

    try:
        check_numbers(table["line"].to_numpy(int), value, f"{path.name}  {name}")
    except InputError as exc:
        raise ConfigError(
            Problem(str(path), f"column {name}", str(exc).splitlines()[0] + ": "
                    + str(exc).splitlines()[1].strip(), "a value in each row",
                    "Leave out rows without a value. Dates are the lines.")
        ) from exc  # fmt: skip


def _wrong(
    table: pd.DataFrame, path: Path, name: str, row: int, wanted: str, hint: str = ""
) -> ConfigError:
    return ConfigError(
        Problem(f"{path}:{int(table['line'].iloc[row])}", f"column {name}",
                _shown(table[name].iloc[row]), wanted, hint)
    )  # fmt: skip


def _shown(cell: object) -> str:
    return repr(cell) if isinstance(cell, str) else f"{cell:g}"


def _cells(
    table: pd.DataFrame, path: Path, forcing: xr.Dataset, step: float
) -> np.ndarray:
    """Return the cell that each row lies in; a row in none is refused."""
    lat, lon = (table[n].to_numpy(float) for n in ("lat", "lon"))
    dy = np.abs(lat[:, None] - forcing["lat"].to_numpy())
    dx = np.abs((lon[:, None] - forcing["lon"].to_numpy() + 180.0) % 360.0 - 180.0)
    distance = np.maximum(dx, dy)
    nearest = distance.argmin(axis=1)
    away = distance[np.arange(len(lat)), nearest] > 0.5 * step * (1.0 + 1e-6)
    if away.any():
        row = int(np.argmax(away))
        raise ConfigError(
            Problem(f"{path}:{int(table['line'].iloc[row])}", "lat and lon",
                    f"{lat[row]:g}, {lon[row]:g}: in no cell of the domain",
                    f"a place within {0.5 * step:g} degrees of the middle of a cell")
        )  # fmt: skip
    return np.asarray(nearest)


def _mapped(config: SoilCarbonConfig, forcing: xr.Dataset) -> np.ndarray:
    kinds = forcing["ecosystem"].to_numpy().astype(str)
    inside = np.isin(kinds, config.model.ecosystems)
    window = config.domain.window
    if window is not None:
        lat, lon = forcing["lat"].to_numpy(), forcing["lon"].to_numpy()
        inside &= (lat >= window.south) & (lat <= window.north)
        inside &= (lon >= window.west) & (lon <= window.east)
    if not inside.any():
        raise ConfigError(
            Problem("config.yaml", "domain.window", "no cell inside",
                    "a part of the domain")
        )  # fmt: skip
    return np.flatnonzero(inside)
