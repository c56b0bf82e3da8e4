"""The files of a catalogue's products, read once each and left as plain arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landdata.cube import catalogue as entries
from landdata.cube.catalogue import Catalogue
from landdata.cube.layout import days_of
from landdata.cube.observed_windows import on_windows
from landdata.errors import InputError
from landdata.files.daily import read_daily
from landdata.files.netcdf_fields import Field
from landdata.files.provider_files import matching_files
from landdata.files.whole_files import replacing, write_text
from landdata.grid.grid import Cells, Grid
from landdata.variables import FLUXES


class ProductReader(Protocol):
    """What is asked of a source of products."""

    @property
    def catalogue(self) -> Catalogue:
        """Which files there are."""

    @property
    def grid(self) -> Grid:
        """The region."""

    def weather(self) -> dict[str, tuple[str, ...]]:
        """Product to the variables taken from it."""


# What the readers can give, before a file is opened.
GIVES: dict[str, tuple[str, ...]] = {
    "daymet": ("tmin", "tmax", "prec", "vapour_pressure", "shortwave"),
    "gridmet": (
        "tmin", "tmax", "prec", "wind", "specific_humidity", "vpd", "shortwave",
    ),
    "nldas": (
        "tmin", "tmax", "prec", "specific_humidity", "pressure", "wind", "shortwave",
    ),
    "narr": ("cloud_cover",),
    "era5_land": (
        "tmin", "tmax", "prec", "dew_point", "pressure", "wind", "shortwave",
    ),
}  # fmt: skip
_LOCAL_DAYS = ("nldas", "narr", "era5_land")
LAND_VARIABLES = {
    "gsde": ("sand", "clay"),
    "soilgrids": ("sand", "clay"),
    "nlcd": ("forest_fraction",),
    "elevation": ("elevation",),
}


def offers(entry: Any, where: str) -> tuple[str, ...]:
    """The variables that an entry of the catalogue gives."""
    if isinstance(entry, entries.UserWeather):
        return tuple(entry.variables)
    possible = GIVES[entry.format]
    if entry.gives is None:
        return possible
    for name in entry.gives:
        if name not in possible:
            raise InputError(
                f"{where}.gives",
                found=repr(name),
                wanted=f"some of {', '.join(possible)}",
            )
    return entry.gives


def read_weather(
    source: ProductReader, name: str, year: int, cells: Cells
) -> xr.Dataset:
    """One product's year on some cells, the variables that are taken from it."""
    entry = source.catalogue.products[name]
    patterns = source.catalogue.patterns(name, [year])
    wanted = source.weather()[name]
    if entry.format in _LOCAL_DAYS:
        # The last local evening of the year lies in the next year's first file.
        patterns = list(
            dict.fromkeys(
                [*patterns, *_present(source.catalogue.patterns(name, [year + 1]))]
            )
        )
    if entry.format == "era5_land":
        # East of Greenwich the first local day begins in the year before.
        patterns = [*_present(source.catalogue.patterns(name, [year - 1])), *patterns]
    files: list[str | Path] = [*dict.fromkeys(patterns)]
    years = (year, year)
    if entry.format == "daymet":
        from landdata.products.daymet import read_daymet_grid

        dataset = read_daymet_grid(files, cells, years=years)
    elif entry.format == "gridmet":
        from landdata.products.gridmet import read_gridmet

        dataset = read_gridmet(files, cells, years=years)
    elif entry.format == "nldas":
        from landdata.products.nldas import read_nldas

        dataset = read_nldas(files, cells, years=years, variables=wanted)
    elif entry.format == "era5_land":
        from landdata.products.era5_land import read_era5_land

        dataset = read_era5_land(files, cells, years=years, variables=wanted)
    elif entry.format == "narr":
        from landdata.products.narr import read_narr_cloud

        dataset = read_narr_cloud(files, cells, years=years)
    else:
        from landdata.products.user_netcdf import read_user_grid

        dataset = read_user_grid(
            files,
            cells,
            {ours: (v.name, v.units) for ours, v in entry.variables.items()},
            years=years,
            method=entry.method,
            calendar=entry.calendar,
        )
    lacking = [one for one in wanted if one not in dataset]
    if lacking and (entry.format == "netcdf" or entry.gives is not None):
        raise InputError(
            f"{source.catalogue.path}  products.{name}, {year}",
            found=f"no file with {', '.join(lacking)}",
            wanted="files of all that it is said to give",
            hint=f"The pattern found {', '.join(map(str, dataset.data_vars))}.",
        )
    return dataset[[one for one in wanted if one in dataset]]


def _present(patterns: Iterable[str]) -> list[str]:
    """Patterns that match something."""
    from glob import glob

    return [pattern for pattern in patterns if glob(pattern)]


def read_observed(
    source: ProductReader, name: str, year: int, cells: Cells
) -> tuple[NDArray, NDArray, NDArray]:
    """Days, values and standard errors (pixel, day) of a product's year."""
    entry = source.catalogue.products[name]
    files: list[str | Path] = [*source.catalogue.patterns(name, [year])]
    years = (year, year)
    if isinstance(entry, entries.Glass):
        from landdata.products.glass import read_glass

        dataset = read_glass(
            files, cells, stream=entry.stream, field=entry.field, units=entry.units,
            years=years,
        )  # fmt: skip
    elif isinstance(entry, entries.Modis):
        dataset = _modis(entry, files, cells, years)
    else:
        driver = FLUXES[entry.stream]
        fields = {entry.variable: Field(entry.variable, driver, entry.units)}
        dataset = read_daily(
            matching_files(files), cells, fields, years=years, calendar=entry.calendar
        )
        if isinstance(entry.variance, entries.Given):
            from dataclasses import replace

            error = replace(driver, name="error", low=0.0, standard_name="")
            spread = Field(entry.variance.standard_error, error, entry.units)
            dataset = dataset.merge(
                read_daily(
                    matching_files(files),
                    cells,
                    {spread.name: spread},
                    years=years,
                    calendar=entry.calendar,
                )
            )
    values = dataset[entry.stream].transpose("pixel", "time").to_numpy()
    errors = np.full_like(values, np.nan)
    if "error" in dataset:
        errors = dataset["error"].transpose("pixel", "time").to_numpy()
    days = dataset["time"].to_numpy().astype("datetime64[D]")
    return on_windows(
        days, values, errors, f"{source.catalogue.path}  products.{name}, {year}"
    )


def _modis(
    entry: entries.Modis,
    files: list[str | Path],
    cells: Cells,
    years: tuple[int, int],
) -> xr.Dataset:
    """Composites of an AppEEARS order or of HDF4 tiles, with their error if used."""
    from landdata.products.appeears import read_appeears
    from landdata.products.modis_tiles import read_modis_tiles

    read = read_appeears if entry.format == "appeears" else read_modis_tiles
    return read(
        files,
        cells,
        stream=entry.stream,
        error=isinstance(entry.variance, entries.Given),
        years=years,
        least_cover=entry.least_cover,
    )


def cache_weather(
    source: ProductReader, folder: Path, cells: Cells, task: tuple[str, int]
):
    """Leave one product's year as arrays (pixel, day) in the folder."""
    name, year = task
    marker = folder / f"slab-{name}-{year}.json"
    if marker.is_file():
        return
    dataset = read_weather(source, name, year, cells)
    days = days_of((year, year)).astype("datetime64[ns]")
    whole = dataset.reindex(time=days).transpose("pixel", "time")
    for variable in whole.data_vars:
        _save(
            weather_file(folder, name, year, str(variable)),
            np.ascontiguousarray(whole[variable].to_numpy(), dtype=np.float32),
        )
    write_text(marker, json.dumps([str(v) for v in whole.data_vars]))


def cache_observed(
    source: ProductReader, folder: Path, cells: Cells, task: tuple[str, int]
) -> None:
    """Leave one product's year of observations and their errors in the folder."""
    name, year = task
    file = observed_file(folder, name, year)
    if file.with_suffix(".json").is_file():
        return
    days, values, errors = read_observed(source, name, year, cells)
    _save(file, np.stack([values, errors]).astype(np.float32))
    write_text(file.with_suffix(".json"), json.dumps([str(day) for day in days]))


def land_part(source: ProductReader, folder: Path, task: tuple[str, int, int]) -> None:
    """Leave a land product's values on some cells in the folder."""
    name, first, last = task
    file = land_file(folder, name, first)
    if file.is_file():
        return
    cells = Cells(source.grid.cells.ids[first:last])
    entry = source.catalogue.products[name]
    files = matching_files(source.catalogue.patterns(name))
    if isinstance(entry, entries.Soil) and entry.format == "soilgrids":
        from landdata.products.soilgrids import read_soilgrids

        dataset = read_soilgrids(files, cells, depth=entry.depth, must_cover=False)
    elif isinstance(entry, entries.Soil):
        from landdata.products.gsde import read_gsde

        dataset = read_gsde(
            files, cells, depth=entry.depth,
            variables={"sand": entry.sand, "clay": entry.clay},
        )  # fmt: skip
    elif len(files) != 1:
        raise InputError(
            f"{source.catalogue.path}  products.{name}.files",
            found=f"{len(files)} files, such as {files[0]}",
            wanted="one raster",
        )
    elif isinstance(entry, entries.LandCover):
        from landdata.products.nlcd import read_nlcd_fraction

        dataset = read_nlcd_fraction(
            files[0], cells, classes=entry.classes, must_cover=False
        )
    else:
        from landdata.products.elevation import read_elevation

        dataset = read_elevation(files[0], cells, must_cover=False)
    names = LAND_VARIABLES[entry.format]
    _save(file, np.stack([dataset[one].to_numpy() for one in names]).astype("f8"))


def land_file(folder: Path, name: str, first: int) -> Path:
    """Where ``land_part`` leaves it."""
    return folder / f"land-{name}-{first}.npy"


def weather_file(folder: Path, name: str, year: int, variable: str) -> Path:
    """Where ``cache_weather`` leaves a variable."""
    return folder / f"slab-{name}-{year}-{variable}.npy"


def observed_file(folder: Path, name: str, year: int) -> Path:
    """Where ``cache_observed`` leaves it."""
    return folder / f"seen-{name}-{year}.npy"


def _save(file: Path, values: NDArray) -> None:
    """Write an array beside its target, then put it in its place."""
    with replacing(file) as aside, aside.open("wb") as stream:
        np.save(stream, values, allow_pickle=False)
