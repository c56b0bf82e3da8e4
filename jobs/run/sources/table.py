"""Many places, one row of a table each, with prepared files for each of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.pixels import PixelTable
from jobs.config.schema import Config
from jobs.errors import ConfigError, NothingObserved, Problem
from jobs.run.periods import whole_years, within
from jobs.run.pixel import Pixel
from jobs.run.pixels import read_pixels
from jobs.run.same_place import require_same_place

if TYPE_CHECKING:
    import xarray as xr

    from jobs.config.section import Period

logger = logging.getLogger(__name__)

_PLACE = ("lat", "lon", "latitude", "longitude", "x", "y")


class TableSource:
    """See `jobs.run.sources.base.PixelSource`."""

    kind = "table"
    is_region = False
    checks_at_start = False
    has_pixel_files = True

    def __init__(self, config: Config, folder: Path):
        assert isinstance(config.pixels, PixelTable)  # noqa: S101 - by its kind
        self._place, self._folder = config.pixels, folder
        self._periods = config.periods

    def pixels(self) -> list[Pixel]:
        """Read the table."""
        return read_pixels(self._folder / self._place.table, named=False)

    def files(self) -> dict[str, Path]:
        """Return the table; the files of its rows are each pixel's own."""
        return {"table": (self._folder / self._place.table).resolve()}

    def pixel_file(self, pattern: str, pixel: Pixel) -> Path:
        """Return a pixel's own input file from a pattern such as ``obs/{id}.nc``."""
        name = pattern.replace("{id}", pixel.given_id).replace("{name}", pixel.name)
        return (self._folder / name).resolve()

    def weather(self, pixel: Pixel, years: Period) -> xr.Dataset:
        """Read the pixel's file; place and soil are those of the table."""
        path = self.pixel_file(self._place.forcing, pixel)
        given = _open(path)
        doubt = require_same_place(given, pixel, str(path))
        named = given.drop_vars(_PLACE, errors="ignore")
        if "pressure" not in named:  # it then follows from the height
            named = named.assign(elevation=((), pixel.elevation, {"units": "m"}))
        forcing = named.assign_attrs(file=str(path), place_doubt=doubt).assign(
            lat=((), pixel.latitude, {"units": "degrees_north"}),
            sand=((), pixel.sand, {"units": "%"}),
            clay=((), pixel.clay, {"units": "%"}),
        )
        time = forcing["time"].to_numpy()
        first, last = str(time[0])[:10], str(time[-1])[:10]
        covers = first <= years.years.start and last >= years.years.stop
        record = whole_years(time)
        own = None if record is None else within(self._periods, *record)
        if not covers and own is not None:
            years = own.whole
            logger.info("%s: its record is %s to %s: %s", path, first, last, own)
        elif not covers:
            raise ConfigError(
                Problem(
                    str(path),
                    "time",
                    found=f"{first} to {last}",
                    wanted=f"the years {years} in full (periods), or whole years that "
                    "hold a spin-up year and one of calibration after it",
                )
            )
        return forcing.sel(time=years.years)

    def where(self, pixel: Pixel) -> str:
        """Return the pixel's file."""
        return str(self.pixel_file(self._place.forcing, pixel))

    def observations(
        self, pixel: Pixel, years: Period, streams: Mapping[str, Any]
    ) -> xr.Dataset | None:
        """Read the pixel's file of observations, if the run has such files."""
        if self._place.observations is None:
            return None
        path = self.pixel_file(self._place.observations, pixel)
        try:
            found = _open(path)
        except ConfigError as exc:
            if isinstance(exc.__cause__, FileNotFoundError):
                raise NothingObserved(exc.problems) from exc
            raise
        require_same_place(found, pixel, str(path))
        return found.sel(time=years.years).assign_attrs(file=str(path))

    def truth(self, pixel: Pixel) -> dict[str, float]:
        """Nobody knows it."""
        return {}

    def synthetic(self) -> str:
        """Nothing is."""
        return ""


def _open(path: Path) -> xr.Dataset:
    """Read a pixel's own file, refusing what is no netCDF or has no order in time."""
    import xarray as xr

    from masm.hdf5_files import plain_stream, read_image

    try:
        with xr.open_dataset(
            plain_stream(read_image(path)), engine="h5netcdf"
        ) as opened:
            data = opened.load()
    except MemoryError:
        raise
    except Exception as exc:  # a damaged file fails in ways of its own
        found = f"{type(exc).__name__}: {exc}"
        raise ConfigError(
            Problem(str(path), "cannot be opened", found, "a netCDF-4 file")
        ) from exc
    time = data.coords.get("time")
    if time is None or time.dims != ("time",) or time.dtype.kind != "M":
        raise ConfigError(
            Problem(
                str(path),
                "time",
                found="no such coordinate" if time is None else f"{time.dtype} values",
                wanted="a coordinate time of dates in the real calendar",
            )
        )
    steps = np.diff(time.to_numpy())
    wrong = np.flatnonzero(~(steps > np.timedelta64(0, "ns")))
    if wrong.size or not time.size:
        first = time.to_numpy()[wrong[0] : wrong[0] + 2] if wrong.size else []
        raise ConfigError(
            Problem(
                str(path),
                "time",
                found=" then ".join(str(day)[:10] for day in first) or "no dates",
                wanted="dates in order, each once",
            )
        )
    return _of_one_place(data, path)


def _of_one_place(data: xr.Dataset, path: Path) -> xr.Dataset:
    """Take a cell out of a 1 x 1 grid; refuse a grid of more places than one."""
    from masm.observations.dataset import of_one_place

    data = of_one_place(data)
    axes = {dim for name in _PLACE for dim in data.sizes if str(dim).lower() == name}
    if axes:
        found = " x ".join(f"{dim} {data.sizes[dim]}" for dim in sorted(map(str, axes)))
        raise ConfigError(
            Problem(
                str(path),
                "places",
                found=f"a grid of {found}",
                wanted="one place, or axes of length one (1 x 1)",
                hint="Choose the cell of the pixel; many pixels of a grid are a "
                "region cube: masm region build.",
            )
        )
    return data
