"""Maps of a reanalysis: states of the sites taken to a grid, year by year.

Each state of each year is upscaled from the sites by their covariates, as parameters of
a region are (`upscale.train`): trees where they beat the mean on blocks of land that
they have not seen, intervals that hold the sites' own uncertainty, and an area of
applicability. Written: ``maps/YEAR/STATE.tif`` with STAC records.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.config.reanalysis import Maps
from jobs.errors import ConfigError, Problem
from jobs.files import is_file, is_folder, replacing, sweep
from jobs.run.csv_tables import read_rows
from jobs.run.reanalysis_run import ReanalysisRun
from jobs.run.seeds import RunStream
from jobs.stages.reanalysis.results import analyses_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

logger = logging.getLogger(__name__)

_PER_DEGREE = 20
_ROOM = 0.5
"""Of the range of the sites, beyond which a map does not go."""
_MOST = 5
_DEGREES = {"latitude": 90.0, "longitude": 360.0}
_MOST_PIXELS = 2**53
"""Numbers from here on have no exact float."""


@dataclass(frozen=True)
class Grid:
    """Pixels that are mapped.

    Attributes
    ----------
    covariates : pandas.DataFrame (pixel, covariate)
    places : pandas.DataFrame (pixel)
        ``latitude`` and ``longitude`` of the middles of 0.05 degree cells.
    """

    covariates: pd.DataFrame
    places: pd.DataFrame


def maps_of(run: ReanalysisRun) -> Maps:
    """Return the settings of the maps.

    Raises
    ------
    ConfigError
        If the configuration has none.
    """
    if run.section.maps is None:
        raise ConfigError(
            run.problem(
                ["reanalysis"],
                found="no maps",
                wanted="maps: {covariates: covariates.csv}",
                hint="A table of the pixels to map: pixel, latitude, longitude and "
                "covariates, a column each.",
            )
        )
    return run.section.maps


def read_grid(path: Path) -> Grid:
    """Read the pixels to map and their covariates.

    Raises
    ------
    ConfigError
        If the table cannot be used: columns, numbers, cells of another grid.
    """
    import pandas as pd

    header, rows = read_rows(path, "covariates of the map")
    fixed = ("pixel", "latitude", "longitude")
    names = [name for name in header if name not in fixed]
    if any(name not in header for name in fixed) or not names:
        wanted = ", ".join(fixed) + " and covariates"
        raise ConfigError(Problem(path.name, "columns", ", ".join(header), wanted))
    problems, table = [], []
    for line, row in rows:
        values = []
        for name in (*fixed, *names):
            text = (row[name] or "").strip()
            try:
                value = float(text) if text or name in fixed else np.nan
            except ValueError:
                value = np.inf
            wanted = _wanted_of(name, value, fixed)
            if wanted:
                problems.append(
                    Problem(f"{path.name}:{line}", name, f'"{text}"', wanted)
                )
            values.append(value)
        table.append(values)
        if len(problems) >= _MOST:
            break
    if problems:
        raise ConfigError(problems)
    if not table:
        raise ConfigError(Problem(path.name, "no rows", wanted="a row for each pixel"))
    whole = pd.DataFrame(table, columns=[*fixed, *names])
    _refuse_codes(whole, names, path.name)
    whole = whole.set_index(whole["pixel"].astype(np.int64).rename("pixel"))
    if whole.index.has_duplicates:
        twice = int(whole.index[whole.index.duplicated()][0])
        raise ConfigError(Problem(path.name, "pixel", f"{twice} twice", "each once"))
    return Grid(whole[names], whole[["latitude", "longitude"]])


def _refuse_codes(table: pd.DataFrame, names: list[str], file: str) -> None:
    """Refuse missing-value codes, which trees would take for values."""
    from masm import InputError
    from masm.observations.gate import check_numbers

    pixel = table["pixel"].to_numpy(np.int64)
    for name in names:
        try:
            check_numbers(pixel, table[name].to_numpy(float), f"{file}  {name}, pixel")
        except InputError as exc:
            raise ConfigError(
                Problem(file, f"covariate {name}: a missing-value code",
                        str(exc).splitlines()[1].removeprefix("  found").strip(),
                        "an empty cell where there is no value",
                        "Numbers behind 'on' are pixels.")
            ) from exc  # fmt: skip


def _wanted_of(name: str, value: float, fixed: tuple[str, ...]) -> str:
    """Say what a cell should hold; nothing if it is sound. Covariates may be NaN."""
    if np.isinf(value) or (np.isnan(value) and name in fixed):
        return "a number"
    if name in _DEGREES and abs(value) > _DEGREES[name]:
        return f"degrees, -{_DEGREES[name]:g} to {_DEGREES[name]:g}"
    if name == "pixel" and not (value.is_integer() and 0 <= value < _MOST_PIXELS):
        return "a whole number from 0"
    return ""


def pixels_of_sites(run: ReanalysisRun, found: xr.Dataset, grid: Grid) -> np.ndarray:
    """Return the pixel in which each site lies, (n_sites,).

    Raises
    ------
    ConfigError
        If a site lies in no pixel of the table: it would have no covariates.
    """
    cells = _cells(
        grid.places["latitude"].to_numpy(), grid.places["longitude"].to_numpy()
    )
    of = dict(zip(map(tuple, cells), grid.places.index, strict=True))
    sites = _cells(found["latitude"].to_numpy(), found["longitude"].to_numpy())
    outside = [
        str(name)
        for name, cell in zip(found["site"].to_numpy(), sites, strict=True)
        if tuple(cell) not in of
    ]
    if outside:
        raise ConfigError(
            Problem(
                str(maps_of(run).covariates),
                "sites outside the pixels of the map",
                found=f"{len(outside)} of {len(sites)}, such as {outside[0]}",
                wanted="a row for the 0.05 degree cell of every site",
            )
        )
    return np.array([of[tuple(cell)] for cell in sites])


def _cells(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Row and column of 0.05 degree cells, (n, 2)."""
    row = np.floor((90.0 - np.asarray(latitude, float)) * _PER_DEGREE + 1e-9)
    column = np.floor((np.asarray(longitude, float) + 180.0) * _PER_DEGREE + 1e-9)
    return np.stack([row, column], axis=1).astype(int)


def write_maps_of(run: ReanalysisRun) -> Iterator[Path]:
    """Upscale every state of every year; yield each GeoTIFF.

    Maps made before go once nothing is known to stand in the way of new ones.

    Raises
    ------
    ConfigError
        If there are no settings of maps, or the table does not fit the sites.
    upscale.InputError
        If there are too few sites, or pixels are not of the 0.05 degree grid.
    """
    from upscale.export.geotiff import MapGrid, require_projections

    require_projections()
    rule, found = maps_of(run), analyses_of(run)
    grid = read_grid(run.in_folder(rule.covariates))
    MapGrid.of(grid.places)  # refuses another grid, before any training
    pixels = pixels_of_sites(run, found, grid)
    every = [int(year) for year in found["time"].dt.year.to_numpy()]
    mapped = [
        (k, year)
        for k, year in enumerate(every)
        if rule.years is None or rule.years.first <= year <= rule.years.last
    ]
    if not mapped:
        raise ConfigError(
            run.problem(
                ["reanalysis", "maps", "years"],
                found=f"{rule.years}, of which none is analysed",
                wanted=f"years from {min(every)} to {max(every)}",
            )
        )
    _clear_maps(run)  # not before all is known to be right
    for k, year in mapped:
        yield from _write_year(run, found.isel(time=k), year, grid, pixels)


def _write_year(
    run: ReanalysisRun, one: xr.Dataset, year: int, grid: Grid, pixels: np.ndarray
) -> Iterator[Path]:
    """Train on the sites of a year, map its states, and write them."""
    import pandas as pd

    import upscale

    states, rule = run.states, maps_of(run)
    rng = np.random.default_rng([run.config.seed, *RunStream.MAP_DRAWS, year])
    mean = one["analysis_mean"].transpose("site", "state").to_numpy()
    sd = one["analysis_sd"].transpose("site", "state").to_numpy()
    index = pd.Index(pixels, name="pixel")
    # Two sites in one pixel are one: their mean, with their mean variance.
    means = pd.DataFrame(mean, index, states).groupby(level=0).mean()
    sds = pd.DataFrame(sd**2, index, states).groupby(level=0).mean() ** 0.5
    upscaler = upscale.train(
        means,
        grid.covariates,
        sd=sds,
        bounds={name: _bounds(means[name], sds[name]) for name in states},
        coordinates=grid.places,
        units={name: run.model.analysed[name].unit for name in states},
        seed=int(rng.integers(2**31)),
        rules=upscale.TrainingRules(
            least_pixels=rule.least_sites, intervals_for="parameter",
            n_candidates=rule.candidates,
        ),
    )  # fmt: skip
    prediction = upscaler.predict(grid.covariates)
    day = str(one["time"].to_numpy())[:10]
    prediction.attrs["title"] = f"{run.config.name}: states on {day}"
    folder = run.folder.path / "maps" / str(year)
    files = upscale.write_maps(
        folder,
        prediction,
        grid.places,
        period=(f"{year - 1}-{day[5:]}", day),
        status=upscale.status_of(prediction, means.index),
        tags={"run": run.config.name, "date": day, "filter": run.section.filter.name,
              "sites": len(means)},
        meanings={name: run.model.analysed[name].description for name in states},
    )  # fmt: skip
    with replacing(folder / "validation.csv") as aside:
        upscaler.validation.to_csv(aside, index=False, float_format="%.6g")
    yield from files


def _bounds(mean: pd.Series, sd: pd.Series) -> tuple[float, float]:
    """From zero, since a pool is not less, to beyond the sites and their spread."""
    top = float((mean + 4.0 * sd).max())
    return 0.0, max(top * (1.0 + _ROOM), 1e-6)


_MAP_FILES = (".tif", ".qml", ".png", ".json", ".csv")


def _clear_maps(run: ReanalysisRun) -> None:
    """Take away maps made before, of other settings perhaps, and nothing else.

    Only files of the kinds that are written here, in folders of years; a folder with
    anything of the user's in it stays.
    """
    folder = run.folder.path / "maps"
    for year in sorted(folder.glob("[0-9][0-9][0-9][0-9]")):
        if not is_folder(year):
            continue
        sweep(year)
        for one in year.iterdir():
            if one.suffix in _MAP_FILES and is_file(one):
                one.unlink()
        with suppress(OSError):  # something else lies in it
            year.rmdir()
