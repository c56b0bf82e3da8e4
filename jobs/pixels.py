"""The pixels of a run: ``pixels.csv``, one row each."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from jobs.config import Config
from jobs.errors import ConfigError, Problem
from jobs.files import write_text


@dataclass(frozen=True)
class Pixel:
    """One place to calibrate.

    Attributes
    ----------
    id : int
        Number of the pixel in this run; with the run's seed it fixes all chance.
    name : str
        What tables and figures call it.
    latitude, longitude : float
        degrees_north, degrees_east.
    elevation : float
        m.
    sand, clay : float
        % by weight.
    """

    id: int
    name: str
    latitude: float
    longitude: float
    elevation: float
    sand: float
    clay: float

    @property
    def slug(self) -> str:
        """The name as a part of a file name."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_") or str(self.id)


def pixels_of(config: Config) -> list[Pixel]:
    """Return the pixels that a configuration asks for."""
    place = config.pixels
    return [
        Pixel(
            0,
            place.name,
            place.latitude,
            place.longitude,
            place.elevation,
            place.sand,
            place.clay,
        )
    ]


def write_pixels(pixels: Sequence[Pixel], path: Path) -> None:
    """Write ``pixels.csv``."""
    stream = io.StringIO()
    names = [field.name for field in fields(Pixel)]
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(pixel) for pixel in pixels)
    write_text(path, stream.getvalue())


def choose(pixels: Sequence[Pixel], ids: Sequence[int]) -> list[Pixel]:
    """Return the pixels with these ids, all of them if there are none.

    Raises
    ------
    ConfigError
        If an id is not a pixel of the run.
    """
    if not ids:
        return list(pixels)
    by_id = {pixel.id: pixel for pixel in pixels}
    for pixel_id in ids:
        if pixel_id not in by_id:
            raise ConfigError(
                Problem(
                    "",
                    f"--pixel {pixel_id}",
                    "no such pixel in this run",
                    f"an id from {min(by_id)} to {max(by_id)} (pixels.csv)",
                )
            )
    return [by_id[pixel_id] for pixel_id in ids]
