"""What a source of pixels offers to a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from jobs.run.pixel import Pixel

if TYPE_CHECKING:
    import xarray as xr

    from jobs.config.section import Period


class PixelSource(Protocol):
    """Pixels, their weather and their observations, wherever they come from.

    Attributes
    ----------
    kind : str
        As ``pixels.source`` in a configuration.
    is_region : bool
        Whether it is a region, whose parameters can be mapped.
    checks_at_start : bool
        Whether ``masm calibrate`` checks the inputs of all pixels before it starts.
    has_pixel_files : bool
        Whether pixels have files of their own, whose digests go into their results.
    """

    kind: str
    is_region: bool
    checks_at_start: bool
    has_pixel_files: bool

    def pixels(self) -> list[Pixel]:
        """Return the pixels to calibrate."""

    def files(self) -> dict[str, Path]:
        """Return the input files of the whole run, by their key in ``pixels``."""

    def weather(self, pixel: Pixel, years: Period) -> xr.Dataset:
        """Return the daily weather of a pixel, with its place and soil.

        Raises
        ------
        ConfigError, ValueError
            If there is none for all of the years.
        """

    def where(self, pixel: Pixel) -> str:
        """Say where the weather of a pixel is from, for error messages."""

    def observations(
        self, pixel: Pixel, years: Period, streams: Mapping[str, Any]
    ) -> xr.Dataset | None:
        """Return what was observed; None where nothing was, as in a twin."""

    def truth(self, pixel: Pixel) -> dict[str, float]:
        """Return the true parameters of a synthetic pixel; else nothing."""

    def synthetic(self) -> str:
        """Say what of the source is synthetic, as the end of a label; else nothing."""
