"""One tower with its files: real weather and real observations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.config.pixels import SitePixel
from jobs.config.schema import Config
from jobs.run.pixel import Pixel
from jobs.run.sources.one_place import only_pixel

if TYPE_CHECKING:
    import xarray as xr

    from jobs.config.section import Period


class SiteSource:
    """See `jobs.run.sources.base.PixelSource`."""

    kind = "site"
    is_region = False
    checks_at_start = True
    has_pixel_files = False

    def __init__(self, config: Config, folder: Path):
        assert isinstance(config.pixels, SitePixel)  # noqa: S101 - by its kind
        self._place = config.pixels
        self._folder = folder

    def pixels(self) -> list[Pixel]:
        """Return the tower."""
        return [only_pixel(self._place)]

    def files(self) -> dict[str, Path]:
        """Return the tower's files."""
        place = self._place
        named = {
            "tower": place.tower,
            "station": place.station,
            "modis_lai": place.modis_lai,
        }
        return {
            key: (self._folder / path).resolve()
            for key, path in named.items()
            if path is not None
        }

    def weather(self, pixel: Pixel, years: Period) -> xr.Dataset:
        """Read the tower's weather, helped by the station's."""
        from landdata import read_site

        files, place = self.files(), self._place
        forcing = read_site(
            files["tower"],
            station_csv=files.get("station"),
            lat=pixel.latitude,
            elevation=pixel.elevation,
            sand=pixel.sand,
            clay=pixel.clay,
            years=(years.first, years.last),
            co2=place.co2,
            wind=place.wind,
            climatology=place.climatology,
        )
        return forcing.assign_attrs(file=self.where(pixel))

    def where(self, pixel: Pixel) -> str:
        """Return the tower's file."""
        return str(self.files()["tower"])

    def observations(
        self, pixel: Pixel, years: Period, streams: Mapping[str, Any]
    ) -> xr.Dataset | None:
        """Read the tower's fluxes and its LAI."""
        from landdata import site_observations

        files = self.files()
        found = site_observations(
            files["tower"],
            modis_csv=files.get("modis_lai"),
            years=(years.first, years.last),
            streams=list(streams),
            screen_summer_lai=self._place.screen_summer_lai,
            lat=pixel.latitude,
        )
        return found.assign_attrs(file=self.where(pixel))

    def truth(self, pixel: Pixel) -> dict[str, float]:
        """Nobody knows it."""
        return {}

    def synthetic(self) -> str:
        """Nothing is."""
        return ""
