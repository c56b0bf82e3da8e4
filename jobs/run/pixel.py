"""One pixel of a run."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pixel:
    """One place to calibrate.

    Attributes
    ----------
    id : int
        Number of the pixel in this run; with the run's seed it fixes its random
        numbers.
    name : str
        What tables and figures call it.
    latitude, longitude : float
        degrees_north, degrees_east.
    elevation : float
        m.
    sand, clay : float
        % by weight.
    key : str
        What the user's table calls it, where its ids are words; else empty.
    """

    id: int
    name: str
    latitude: float
    longitude: float
    elevation: float
    sand: float
    clay: float
    key: str = ""

    @property
    def given_id(self) -> str:
        """The id as the user wrote it."""
        return self.key or str(self.id)

    @property
    def slug(self) -> str:
        """The name as a part of a file name."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_") or str(self.id)
