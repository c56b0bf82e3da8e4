"""What the sources of one place share."""

from __future__ import annotations

from jobs.config.pixels import GeneratedPixel, SitePixel
from jobs.run.pixel import Pixel


def only_pixel(place: SitePixel | GeneratedPixel) -> Pixel:
    """Return the one pixel of a run on one place; its id is 0."""
    return Pixel(
        0,
        place.name,
        place.latitude,
        place.longitude,
        place.elevation,
        place.sand,
        place.clay,
    )
