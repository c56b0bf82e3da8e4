"""A place with synthetic weather from monthly normals, observed by a twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.config.pixels import GeneratedPixel
from jobs.config.schema import Config
from jobs.run.pixel import Pixel
from jobs.run.seeds import PixelStream, pixel_generator
from jobs.run.sources.one_place import only_pixel

if TYPE_CHECKING:
    import xarray as xr

    from jobs.config.section import Period


class GeneratedSource:
    """See `jobs.run.sources.base.PixelSource`."""

    kind = "generated"
    is_region = False
    checks_at_start = False
    has_pixel_files = False

    def __init__(self, config: Config, folder: Path):
        assert isinstance(config.pixels, GeneratedPixel)  # noqa: S101 - by its kind
        self._place, self._seed = config.pixels, config.seed

    def pixels(self) -> list[Pixel]:
        """Return the place."""
        return [only_pixel(self._place)]

    def files(self) -> dict[str, Path]:
        """It needs none."""
        return {}

    def weather(self, pixel: Pixel, years: Period) -> xr.Dataset:
        """Generate the weather of the place; always the same for a seed."""
        from landdata import generate_weather, harvard_normals

        normals = replace(
            harvard_normals(), lat=pixel.latitude, sand=pixel.sand, clay=pixel.clay
        )
        rng = pixel_generator(self._seed, pixel.id, PixelStream.GENERATED_WEATHER)
        every = (self._place.years.first, self._place.years.last)
        return generate_weather(normals, every, rng).sel(time=years.years)

    def where(self, pixel: Pixel) -> str:
        """Return what the weather is."""
        return f"generated weather of {pixel.name}"

    def observations(
        self, pixel: Pixel, years: Period, streams: Mapping[str, Any]
    ) -> xr.Dataset | None:
        """There are none but a twin's."""
        return None

    def truth(self, pixel: Pixel) -> dict[str, float]:
        """Only a twin knows it."""
        return {}

    def synthetic(self) -> str:
        """All of it is."""
        return "synthetic weather and observations"
