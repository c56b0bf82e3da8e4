"""Pixels of a region cube: weather, soil and observations of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.pixels import RegionPixels
from jobs.config.schema import Config
from jobs.errors import ConfigError, Problem
from jobs.run.pixel import Pixel
from jobs.run.region_sample import draw_sample, open_region, pixels_at

if TYPE_CHECKING:
    import xarray as xr

    from jobs.config.section import Period


class RegionSource:
    """See `jobs.run.sources.base.PixelSource`."""

    kind = "region"
    is_region = True
    checks_at_start = False
    has_pixel_files = True

    def __init__(self, config: Config, folder: Path):
        assert isinstance(config.pixels, RegionPixels)  # noqa: S101 - by its kind
        self._config, self._place, self._folder = config, config.pixels, folder

    @property
    def cube(self) -> Path:
        """Folder of the cube."""
        return (self._folder / self._place.cube).resolve()

    def pixels(self) -> list[Pixel]:
        """Draw the sample to calibrate, or take the user's list."""
        cube = open_region(self.cube)
        return pixels_at(cube, draw_sample(self._config, self._folder).calibration)

    def files(self) -> dict[str, Path]:
        """Return the list of checksums, which stands for the whole cube."""
        named: dict[str, Path] = {"cube": self.cube / "checksums.json"}
        for key in ("places", "fixed", "ecoregions"):
            file = getattr(self._place.sample, key)
            if isinstance(file, Path):
                named[f"sample.{key}"] = (self._folder / file).resolve()
        return named

    def weather(self, pixel: Pixel, years: Period) -> xr.Dataset:
        """Read the weather of a pixel.

        Raises
        ------
        ConfigError
            If the cube has no weather there.
        """
        found = open_region(self.cube).pixel(pixel.id)
        if found.state == "no_forcing":
            raise ConfigError(
                Problem(
                    self.where(pixel),
                    "no weather",
                    found="a gap of more than three days, or impossible values",
                    wanted="every day of every variable",
                )
            )
        return found.weather.sel(time=years.years)

    def where(self, pixel: Pixel) -> str:
        """Return the cube and the pixel."""
        return f"{self.cube}  pixel {pixel.id}"

    def observations(
        self, pixel: Pixel, years: Period, streams: Mapping[str, Any]
    ) -> xr.Dataset | None:
        """Return a pixel's observed streams, each with its variance beside it."""
        cube = open_region(self.cube)
        observed = cube.observations([pixel.id]).isel(pixel=0, drop=True)
        return observed.sel(time=years.years).assign_attrs(file=self.where(pixel))

    def truth(self, pixel: Pixel) -> dict[str, float]:
        """Return the true parameters of a synthetic region's pixel; else nothing."""
        cube = open_region(self.cube)
        row = int(np.searchsorted(cube.cells.ids, pixel.id))
        return {
            str(name).removeprefix("true_"): float(values[row])
            for name, values in cube.static.items()
            if str(name).startswith("true_")
        }

    def synthetic(self) -> str:
        """Say so of a synthetic region."""
        return "synthetic region" if open_region(self.cube).synthetic else ""
