"""A catalogue's products as the source of a cube.

Each product and year is read once and left beside the cube as arrays (pixel, day),
so that a shard finds the years of its pixels in a few contiguous reads. Memory
holds one product's year of the region at a time; a file that is there is not made
again when a build goes on.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landdata.cube import catalogue as entries
from landdata.cube.catalogue import Catalogue
from landdata.cube.layout import STATIC_ATTRS, Layout, Runner, Shard, days_of
from landdata.cube.measured_weather import (
    Chosen,
    choose_variables,
    measured_weather,
)
from landdata.cube.product_cache import (
    LAND_VARIABLES,
    cache_observed,
    cache_weather,
    land_file,
    land_part,
    observed_file,
    offers,
    weather_file,
)
from landdata.cube.variance import relative_variance, triple_collocation
from landdata.errors import InputError
from landdata.files.provider_files import matching_files
from landdata.grid.grid import Cells, Grid
from landdata.meteorology.co2 import mauna_loa_co2
from landdata.variables import FLUXES

_LAND_CELLS = 2000


@dataclass(frozen=True, eq=False)
class ProductSource:
    r"""Files of a catalogue as a source of a cube.

    Attributes
    ----------
    catalogue : Catalogue
        As ``read_catalogue`` gives it.
    grid : Grid
        The region.
    years : (first, last)
        Calendar years of weather and observations, both included.
    wind : float, optional
        m s-1, where no product gives wind.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import Grid, ProductSource, read_catalogue
    >>> text = "products:\n  height: {format: elevation, files: dem.tif}\n"
    >>> _ = Path("catalogue.yaml").write_text(text)
    >>> catalogue = read_catalogue("catalogue.yaml")
    >>> grid = Grid.from_bounds(-73.0, 42.0, -72.0, 43.0)
    >>> ProductSource(catalogue, grid, (2001, 2009)).years
    (2001, 2009)
    """

    catalogue: Catalogue
    grid: Grid
    years: tuple[int, int]
    wind: float | None = None

    @property
    def _years(self) -> range:
        return range(self.years[0], self.years[1] + 1)

    def weather(self) -> dict[str, tuple[str, ...]]:
        """Product to the variables taken from it: the first that has one gives it."""
        taken: set[str] = set()
        chosen = {}
        for name, entry in self.catalogue.of(
            entries.Weather, entries.UserWeather
        ).items():
            offered = offers(entry, f"{self.catalogue.path}  products.{name}")
            mine = tuple(one for one in offered if one not in taken)
            taken.update(mine)
            if mine:
                chosen[name] = mine
        return chosen

    def chosen(self) -> Chosen:
        """Which variables the cube keeps, and what can be made of them."""
        available = {one for mine in self.weather().values() for one in mine}
        if self.wind is not None:
            available.add("wind")
        return choose_variables(available, f"{self.catalogue.path}  products")

    def streams(self) -> dict[str, str]:
        """Observation stream to its product; the first with a variance rule counts."""
        found: dict[str, str] = {}
        kinds = (entries.Glass, entries.Modis, entries.UserObservations)
        for name, entry in self.catalogue.of(*kinds).items():
            if entry.variance is not None:
                found.setdefault(entry.stream, name)
        return found

    def one(self, kind: type) -> tuple[str, Any] | None:
        """The only product of a kind, if there is one."""
        found = self.catalogue.of(kind)
        if len(found) > 1:
            raise InputError(
                f"{self.catalogue.path}  products",
                found=f"{', '.join(found)}, all of one kind",
                wanted="one of them",
            )
        return next(iter(found.items()), None)

    def describe(self) -> dict[str, Any]:
        """Settings, and each file with its size and time of change."""
        files = {}
        for name in self.catalogue.products:
            files[name] = [
                [str(path), path.stat().st_size, path.stat().st_mtime_ns]
                for path in matching_files(self.catalogue.patterns(name, self._years))
                if path.is_file()
            ]
        return {
            "kind": "products",
            "grid": asdict(self.grid),
            "years": list(self.years),
            "wind": self.wind,
            "products": {
                name: entry.model_dump(mode="json")
                for name, entry in self.catalogue.products.items()
            },
            "files": files,
        }

    def prepare(self, folder: Path, run: Runner) -> Layout:
        """Read every product once, year by year, into files in the folder."""
        chosen = self.chosen()
        land, maps = self._land(folder, run)
        cells = Cells(self.grid.cells.ids[maps["mask"][0].ravel() > 0])
        layout = self._layout(cells, land, maps, chosen)
        tasks: list[tuple[str, int]] = [
            (name, year) for name in self.weather() for year in self._years
        ]
        run(partial(cache_weather, self, folder, cells), tasks)
        needed = _observed_products(self.catalogue, self.streams())
        run(
            partial(cache_observed, self, folder, cells),
            [(name, year) for name in needed for year in self._years],
        )
        observed = _observed_days(folder, needed, self._years)
        return Layout(**{**layout, "observed": observed})

    def _land(
        self, folder: Path, run: Runner
    ) -> tuple[dict[str, NDArray], dict[str, tuple[NDArray, dict[str, Any]]]]:
        found: dict[str, NDArray] = {}
        every = self.grid.cells
        parts = range(0, len(every), _LAND_CELLS)
        tasks = []
        for kind in (entries.LandCover, entries.Elevation, entries.Soil):
            product = self.one(kind)
            if product is None and kind is entries.LandCover:
                found["forest_fraction"] = np.full(len(every), np.nan)
                continue
            if product is None:
                raise InputError(
                    f"{self.catalogue.path}  products",
                    found=f"no product of format {_format(kind)}",
                    wanted="one: the model needs height, sand and clay",
                )
            if kind is entries.Soil:
                tasks.append((product[0], 0, len(every)))
            else:
                tasks += [(product[0], first, first + _LAND_CELLS) for first in parts]
        run(partial(land_part, self, folder), tasks)
        for name, first, _ in tasks:
            content = np.load(land_file(folder, name, first), allow_pickle=False)
            keys = LAND_VARIABLES[self.catalogue.products[name].format]
            for key, values in zip(keys, content, strict=True):
                whole = found.setdefault(key, np.full(len(every), np.nan))
                whole[first : first + values.size] = values
        cover = self.one(entries.LandCover)
        wanted = np.isfinite(found["elevation"]) & np.isfinite(found["sand"])
        if cover is not None:
            wanted &= found["forest_fraction"] > cover[1].minimum_fraction
        if not wanted.any():
            raise InputError(
                f"{self.catalogue.path}  products",
                found="no pixel of the region with soil, height and enough forest",
                wanted="at least one",
                hint="Do the rasters cover the region?",
            )
        mask = wanted.astype(np.uint8).reshape(self.grid.shape)
        fraction = found["forest_fraction"].astype("f4").reshape(self.grid.shape)
        return (
            {name: found[name][wanted] for name in STATIC_ATTRS},
            {
                "mask": (mask, {"long_name": "pixels of the cube"}),
                "forest_fraction_map": (fraction, STATIC_ATTRS["forest_fraction"]),
            },
        )

    def _layout(self, cells, land, maps, chosen) -> dict[str, Any]:
        streams = self.streams()
        return {
            "grid": self.grid,
            "cells": cells,
            "years": self.years,
            "co2": mauna_loa_co2(days_of(self.years)),
            "streams": {stream: FLUXES[stream].units for stream in streams},
            "variables": chosen.variables,
            "optional": len(chosen.optional),
            "static": land,
            "maps": maps,
            "attrs": {
                "title": "Region cube on the 0.05 degree grid",
                "synthetic": 0,
                "source": f"products of {self.catalogue.path.name}",
                "drivers_from": chosen.words(),
                "variance_rules": {
                    stream: _words(self.catalogue.products[name].variance)
                    for stream, name in streams.items()
                },
            },
        }

    def shard(self, layout: Layout, folder: Path, first: int, last: int) -> Shard:
        """Gather the years of some pixels."""
        days, chosen = layout.days, self.chosen()
        start = days[0]
        found: dict[str, NDArray] = {}
        for name, variables in self.weather().items():
            for variable in set(variables) & set(chosen.variables):
                whole = np.full((last - first, days.size), np.nan, dtype=np.float32)
                for year in self._years:
                    file = weather_file(folder, name, year, variable)
                    if not file.is_file():
                        continue
                    part = np.load(file, mmap_mode="r", allow_pickle=False)
                    at = int((np.datetime64(f"{year}-01-01") - start).astype(int))
                    whole[:, at : at + part.shape[1]] = part[first:last]
                found[variable] = whole
        if self.wind is not None and "wind" not in found:
            found["wind"] = np.full((last - first, days.size), self.wind)
        forcing, filled = measured_weather(
            found,
            chosen,
            days,
            layout.cells.lat[first:last],
            layout.static["elevation"][first:last].astype(np.float64),
        )
        streams = self.streams()
        shape = (last - first, len(streams), layout.observed.size)
        observations = np.full(shape, np.nan, dtype=np.float32)
        variances = observations.copy()
        for index, name in enumerate(streams.values()):
            values, errors = self._observed(folder, name, layout.observed, first, last)
            rule = self.catalogue.products[name].variance
            if isinstance(rule, entries.Relative):
                spread = relative_variance(values, rule.fraction, rule.floor)
            elif isinstance(rule, entries.Given):
                spread = np.square(np.where(errors > 0.0, errors, np.nan))
            else:
                others = [
                    self._observed(folder, other, layout.observed, first, last)[0]
                    for other in rule.companions
                ]
                found_errors = triple_collocation(values, *others).variance[0]
                spread = np.where(np.isfinite(values), found_errors[:, None], np.nan)
            # A value whose error nobody knows cannot be fitted.
            known = np.isfinite(values) & np.isfinite(spread)
            observations[:, index] = np.where(known, values, np.nan)
            variances[:, index] = np.where(known, spread, np.nan)
        return Shard(forcing, filled, observations, variances)

    def _observed(
        self, folder: Path, name: str, observed: NDArray, first: int, last: int
    ) -> tuple[NDArray, NDArray]:
        values = np.full((last - first, observed.size), np.nan)
        errors = values.copy()
        for year in self._years:
            file = observed_file(folder, name, year)
            content = np.load(file, mmap_mode="r", allow_pickle=False)
            days = np.array(
                json.loads(file.with_suffix(".json").read_text("utf-8")),
                dtype="datetime64[D]",
            )
            at = np.searchsorted(observed, days)
            values[:, at] = content[0, first:last]
            errors[:, at] = content[1, first:last]
        return values, errors


def _observed_products(catalogue: Catalogue, streams: dict[str, str]) -> list[str]:
    needed: list[str] = []
    for name in streams.values():
        rule = catalogue.products[name].variance
        companions = rule.companions if isinstance(rule, entries.Triple) else ()
        needed += [name, *companions]
    return list(dict.fromkeys(needed))


def _observed_days(folder: Path, names: list[str], years: range) -> NDArray:
    days: set[str] = set()
    for name in names:
        for year in years:
            marker = observed_file(folder, name, year).with_suffix(".json")
            days.update(json.loads(marker.read_text("utf-8")))
    return np.array(sorted(days), dtype="datetime64[D]")


def _format(kind: Any) -> str:
    return str(kind.model_fields["format"].annotation.__args__[0])


def _words(rule: Any) -> str:
    if isinstance(rule, entries.Relative):
        return f"{rule.fraction:g} of the value, at least {rule.floor:g}"
    if isinstance(rule, entries.Given):
        return f"the product's own {rule.standard_error}"
    return f"triple collocation with {' and '.join(rule.companions)}"
