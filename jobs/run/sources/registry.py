"""The sources of pixels by the kind that a configuration names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobs.config.schema import Config
from jobs.run.sources.base import PixelSource
from jobs.run.sources.generated import GeneratedSource
from jobs.run.sources.region import RegionSource
from jobs.run.sources.site import SiteSource
from jobs.run.sources.table import TableSource
from jobs.run.sources.towers import TowerSource

SOURCES: dict[str, Any] = {
    source.kind: source
    for source in (
        SiteSource,
        TableSource,
        TowerSource,
        RegionSource,
        GeneratedSource,
    )
}
"""Kind and class. A further kind is a file, a section of the schema, and one name."""


def source_of(config: Config, folder: Path) -> PixelSource:
    """Return the source of a run's pixels.

    Parameters
    ----------
    config : Config
        The configuration.
    folder : Path
        What its file names are relative to.
    """
    made: PixelSource = SOURCES[config.pixels.source](config, folder)
    return made
