"""Many towers, one row of a table each, with their own tables of weather and fluxes.

What a tower lacks is reported and not made up in silence: without a soil it has that
of the configuration, without fAPAR it cannot be calibrated on it. Which years do what
is in the table, or follows from the record (``periods.by_site``).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.pixels import TowerTable
from jobs.config.schema import Config
from jobs.config.section import Period
from jobs.errors import ConfigError, Problem
from jobs.files import lexists
from jobs.run.csv_tables import Row, read_rows
from jobs.run.periods import OWN_PERIODS, PixelPeriods, whole_years, within
from jobs.run.pixel import Pixel
from jobs.run.pixels import read_pixels

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

logger = logging.getLogger(__name__)

_YEARS = ("spinup", "calibration", "validation")
_NO_COVARIATE = (
    *("id", "name", "key", "class", *_YEARS),
    *("first", "last", "n_days", "tier1"),
)
# Root mean square error of collection-6 MODIS FPAR against field measurements
# (Yan et al. 2016, Remote Sensing 8, 460).
_FAPAR_SD = 0.15


class TowerSource:
    """See `jobs.run.sources.base.PixelSource`."""

    kind = "towers"
    is_region = False
    checks_at_start = False
    has_pixel_files = True

    def __init__(self, config: Config, folder: Path):
        assert isinstance(config.pixels, TowerTable)  # noqa: S101 - by its kind
        self._place, self._folder = config.pixels, folder
        self._periods = config.periods
        self._last: tuple[tuple[Path, int, int, int], xr.Dataset] | None = None

    def pixels(self) -> list[Pixel]:
        """Read the table, and keep the towers that the configuration asks for."""
        place, path, every = self._place, self._path, self._every
        kept = [p for p in every if self._is_wanted(p)]
        missing = set(place.only or ()) - {p.given_id for p in every}
        if missing or not kept:
            raise ConfigError(
                Problem(
                    "config.yaml",
                    "pixels.only" if missing else "pixels.classes",
                    found=", ".join(sorted(missing) or map(str, place.classes or [])),
                    wanted=f"towers or classes of {path.name}: "
                    + ", ".join(p.given_id for p in every[:12]),
                )
            )
        return kept

    def files(self) -> dict[str, Path]:
        """Return the table and the composites of all towers."""
        found = {"table": self._path}
        if self._place.fapar is not None:
            found["fapar"] = (self._folder / self._place.fapar).resolve()
        return found

    def weather(self, pixel: Pixel, years: Period) -> xr.Dataset:
        """Read the tower's weather for its own years; what is missing is derived."""
        from landdata.sites.forcing import assemble_forcing

        place, record = self._place, self._record(pixel)
        own = self._own_periods(pixel, record)
        row = self._rows[pixel.given_id]
        unknown = [n for n in ("sand", "clay") if not _cell(row, n)]
        forcing = assemble_forcing(
            [record],
            lat=pixel.latitude,
            elevation=pixel.elevation,
            sand=pixel.sand,
            clay=pixel.clay,
            years=(own.whole.first, own.whole.last),
            co2=place.co2,
            wind=None if "wind" in record else place.wind,
            climatology=["wind", "pressure"],
        )
        report = str(forcing.attrs.get("report", ""))
        if unknown:
            report += f"\n{' and '.join(unknown)}: not known, those of config.yaml"
        return forcing.assign_attrs(
            {"file": self.where(pixel), "report": report, OWN_PERIODS: str(own)}
        )

    def where(self, pixel: Pixel) -> str:
        """Return the tower's file."""
        return str(self._file(self._place.tower, pixel))

    def observations(
        self, pixel: Pixel, years: Period, streams: Mapping[str, Any]
    ) -> xr.Dataset | None:
        """Read the tower's fluxes and what satellites saw there, on its days."""
        record = self._record(pixel)
        days = record["time"].to_numpy()
        found: dict[str, Any] = {}
        for name in streams:
            if name == "fapar":
                found.update(self._fapar(pixel, days))
            elif name == "lai" and self._place.lai is not None:
                found.update(self._lai(pixel, days))
            else:
                parts = [p for p in (name, f"{name}_sd") if p in record]
                found.update({part: record[part] for part in parts})
        import xarray as xr

        dataset = xr.Dataset(found, coords={"time": record["time"]})
        return dataset.sel(time=years.years).assign_attrs(file=self.where(pixel))

    def covariates(self) -> pd.DataFrame:
        """Numeric columns of the table (tower, covariate); NaN where a cell is empty.

        Raises
        ------
        ConfigError
            If a column that the configuration names is not there or holds words.
        """
        import pandas as pd

        wanted = self._place.covariates
        kept = self.pixels()
        ids = [p.id for p in kept]
        rows = [self._rows[p.given_id] for p in kept]
        columns: dict[str, list[float]] = {}
        every = wanted if wanted is not None else [n for n in rows[0] if n]
        for name in every:
            if wanted is None and name in _NO_COVARIATE:
                continue
            values = [_number(_cell(row, name)) for row in rows]
            words = any(
                _cell(row, name) and v != v for row, v in zip(rows, values, strict=True)
            )
            if wanted is not None and (words or name not in rows[0]):
                raise ConfigError(
                    Problem(
                        str(self._path),
                        f"covariate {name}",
                        found="words" if name in rows[0] else "no such column",
                        wanted="a column of numbers; empty cells are unknown",
                    )
                )
            if not words and any(v == v for v in values):
                columns[name] = values
        return pd.DataFrame(columns, index=pd.Index(ids, name="pixel"))

    def truth(self, pixel: Pixel) -> dict[str, float]:
        """Nobody knows it."""
        return {}

    def synthetic(self) -> str:
        """Nothing is."""
        return ""

    @cached_property
    def _path(self) -> Path:
        return (self._folder / self._place.table).resolve()

    @cached_property
    def _every(self) -> list[Pixel]:
        soil = {"sand": self._place.sand, "clay": self._place.clay}
        return read_pixels(self._path, soil, named=False)

    @cached_property
    def _rows(self) -> dict[str, Row]:
        _, rows = read_rows(self._path, "the table of towers")
        pairs = zip(self._every, rows, strict=True)  # each row is one pixel
        return {pixel.given_id: row for pixel, (_, row) in pairs}

    def _is_wanted(self, pixel: Pixel) -> bool:
        place, row = self._place, self._rows[pixel.given_id]
        if place.classes is not None and _cell(row, "class") not in place.classes:
            return False
        return place.only is None or pixel.given_id in place.only

    def _file(self, pattern: str, pixel: Pixel) -> Path:
        written = _cell(self._rows[pixel.given_id], "id")  # 007 is no 7 in a name
        name = pattern.replace("{id}", written).replace("{name}", pixel.name)
        return (self._folder / name).resolve()

    def _record(self, pixel: Pixel) -> xr.Dataset:
        from landdata.sites.forest_sites import read_forest_daily

        path = self._file(self._place.tower, pixel)
        _require(path, "pixels.tower")
        # Weather and observations are of the same table, one after the other.
        stat = path.stat()
        of = (path, stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if self._last is None or self._last[0] != of:
            found = read_forest_daily(path, vpd_ratio=self._place.vpd_ratio)
            self._last = of, found
        return self._last[1].copy()

    def _own_periods(self, pixel: Pixel, record: xr.Dataset) -> PixelPeriods:
        """Years of the table's row, or of the record's whole years."""
        row = self._rows[pixel.given_id]
        given = {key: _cell(row, key) for key in _YEARS}
        if given["spinup"] and given["calibration"]:
            try:
                parts = {k: Period.model_validate(v) for k, v in given.items() if v}
            except ValueError as exc:
                raise ConfigError(
                    Problem(
                        str(self._path),
                        f"years of {pixel.given_id}",
                        found=", ".join(f"{k} {v}" for k, v in given.items()),
                        wanted="years such as 2004-2006",
                    )
                ) from exc
            found = PixelPeriods(
                parts["spinup"], parts["calibration"], parts.get("validation")
            )
            _require_order(found, pixel, self._path)
            return found
        time = record["time"].to_numpy()
        first, last = _whole_part(time)
        own = None if first > last else within(self._periods, first, last)
        if own is None:
            raise ConfigError(
                Problem(
                    self.where(pixel),
                    "time",
                    found=f"{str(time[0])[:10]} to {str(time[-1])[:10]}",
                    wanted=_wanted_years(self._periods),
                    hint="Leave the tower out: pixels.only names those to take.",
                )
            )
        return own

    def _fapar(self, pixel: Pixel, days: Any) -> dict[str, Any]:
        from landdata.errors import InputError
        from landdata.sites.forest_sites import read_modis_fapar

        if self._place.fapar is None:
            raise ConfigError(
                Problem(
                    "config.yaml",
                    "streams.fapar",
                    found="no pixels.fapar",
                    wanted="a table id, date, fapar, good",
                )
            )
        try:
            found = read_modis_fapar(self.files()["fapar"], pixel.given_id)["fapar"]
        except InputError as exc:
            raise ConfigError(
                Problem(exc.where, "fapar", exc.found or "", exc.wanted or "")
            ) from exc
        sd = found.where(found.isnull(), _FAPAR_SD).assign_attrs(units="1")
        return {
            "fapar": found.reindex(time=days),
            "fapar_sd": sd.reindex(time=days),
        }

    def _lai(self, pixel: Pixel, days: Any) -> dict[str, Any]:
        from landdata.sites.modis_lai import read_modis_lai

        path = self._file(self._place.lai or "", pixel)
        _require(path, "pixels.lai")
        return {"lai": read_modis_lai(path)["lai"].reindex(time=days)}


def _require(path: Path, key: str) -> None:
    if not lexists(path):
        raise ConfigError(
            Problem(str(path), key, found="no such file", wanted="a table of the tower")
        )


def _require_order(found: PixelPeriods, pixel: Pixel, path: Path) -> None:
    years = [found.spinup, found.calibration, found.validation or found.calibration]
    right = years[0].first == years[0].last < years[1].first
    right &= found.validation is None or years[1].last < years[2].first
    if not right:
        raise ConfigError(
            Problem(
                str(path),
                f"years of {pixel.given_id}",
                found=str(found),
                wanted="one spin-up year, then calibration, then validation years",
            )
        )


def _whole_part(time: Any) -> tuple[int, int]:
    """First and last calendar year that a record holds in full."""
    days = time.astype("datetime64[D]")
    found = whole_years(days)
    if found is not None:
        return found
    years = days.astype("datetime64[Y]")
    first, last = int(years[0].astype(int)) + 1970, int(years[-1].astype(int)) + 1970
    if days[0] != years[0].astype("datetime64[D]"):
        first += 1
    if days[-1] + np.timedelta64(1, "D") != (years[-1] + 1).astype("datetime64[D]"):
        last -= 1
    return first, last


def _wanted_years(periods: Any) -> str:
    if periods.by_site is not None:
        return f"{periods.by_site.least_years} whole years (periods.by_site)"
    return f"the years {periods.whole} in full, or a spin-up year and one after it"


def _cell(row: Row, name: str) -> str:
    return (row.get(name) or "").strip()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
