"""Where the pixels of a run come from: one class for each kind of source."""

from jobs.run.sources.base import PixelSource
from jobs.run.sources.registry import source_of

__all__ = ["PixelSource", "source_of"]
