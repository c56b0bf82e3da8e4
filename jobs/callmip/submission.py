"""One file under check: its content, its name and its days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.callmip.content import Content
from jobs.callmip.names import ROLES, STAGES, Name
from jobs.callmip.sites import SITES, Site
from jobs.callmip.variables import SCENARIOS, UNCERTAINTY, VARIABLES


@dataclass(frozen=True)
class Submission:
    """A file that is to be handed in.

    Attributes
    ----------
    file : str
        Its name, without its folder.
    content : Content
        What is in it.
    name : Name
        The parts of its name.
    sites : mapping
        Years and places of all sites.
    """

    file: str
    content: Content
    name: Name
    sites: Mapping[str, Site] = field(default_factory=lambda: SITES)

    @property
    def site(self) -> Site | None:
        """The tower, if the name has it."""
        return self.sites.get(self.name.site)

    @property
    def stage(self) -> str:
        """Prior or Posterior: by the name, else by the attribute; else empty."""
        return self.name.stage or self._attribute("Calibration_stage", STAGES)

    @property
    def scenario(self) -> str:
        """The scenario: by the name, else by the attribute; else empty."""
        return self.name.scenario or self._attribute("Calibration_Scenario", SCENARIOS)

    @property
    def role(self) -> str:
        """Cal or Val: by the name, else by the attribute; else empty."""
        long = self._attribute("Cal_Val", ROLES.values())
        return self.name.role or next((k for k, v in ROLES.items() if v == long), "")

    def _attribute(self, name: str, allowed: Any) -> str:
        found = self.content.attributes.get(name)
        return found if isinstance(found, str) and found in tuple(allowed) else ""

    @cached_property
    def series(self) -> dict[str, NDArray[np.float64]]:
        """Daily values of each variable of the protocol; what is missing is NaN.

        Only of variables of numbers with one value a day, whatever the order of their
        dimensions.
        """
        n_days = self.content.dimensions.get("time", 0)
        return {
            name: stored.numbers()
            for name, stored in self.content.variables.items()
            if name.removesuffix(UNCERTAINTY) in VARIABLES
            and stored.is_numeric
            and stored.values.size == n_days > 0
        }

    def all_of(self, *names: str) -> tuple[NDArray[np.float64], ...] | None:
        """Return several series on the days on which none is missing, or None."""
        if any(name not in self.series for name in names):
            return None
        rows = np.array([self.series[name] for name in names])
        rows = rows[:, np.isfinite(rows).all(axis=0)]
        return tuple(rows) if rows.shape[1] else None
