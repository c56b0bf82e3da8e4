"""Where everything of a run stands."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import ConfigError, Problem


@dataclass(frozen=True)
class PixelFolder:
    """The files of one pixel; ``posterior`` at its name means the pixel is done."""

    path: Path

    @property
    def posterior(self) -> Path:
        """Draws, diagnostics and costs; opens in ArviZ."""
        return self.path / "posterior.nc"

    @property
    def summary(self) -> Path:
        """Status, cost and parameter table as JSON; written before the posterior."""
        return self.path / "summary.json"

    @property
    def checkpoint(self) -> Path:
        """Model runs made so far; a stopped pixel goes on from here."""
        return self.path / "checkpoint.nc"

    @property
    def failure(self) -> Path:
        """Why the pixel failed."""
        return self.path / "failure.json"

    @property
    def claim(self) -> Path:
        """Who is working on the pixel now."""
        return self.path / "running.json"


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run folder; making one of these touches nothing."""

    path: Path

    @property
    def config(self) -> Path:
        """What the user wrote."""
        return self.path / "config.yaml"

    @property
    def lock(self) -> Path:
        """The configuration with every default, as first run."""
        return self.path / "config.lock.yaml"

    @property
    def record(self) -> Path:
        """Versions, git hash, seed, input checksums."""
        return self.path / "run.json"

    @property
    def pixel_table(self) -> Path:
        """One row for each pixel of the run."""
        return self.path / "pixels.csv"

    @property
    def logs(self) -> Path:
        """Log files, one for each process."""
        return self.path / "logs"

    @property
    def ledger(self) -> Path:
        """History, one JSON-lines file for each writer."""
        return self.path / "ledger"

    @property
    def evaluation(self) -> Path:
        """Scores."""
        return self.path / "evaluation"

    @property
    def figures(self) -> Path:
        """Figures, each with the table it was drawn from."""
        return self.path / "figures"

    def pixel(self, pixel_id: int) -> PixelFolder:
        """Return the folder of one pixel, two levels deep (100 pixels a folder)."""
        return PixelFolder(
            self.path / "pixels" / f"{pixel_id // 100:03d}" / f"{pixel_id:05d}"
        )

    def simulation(self, pixel_id: int, parameters: str) -> Path:
        """Return the daily model output with ``default`` or ``calibrated`` values."""
        return self.path / "simulations" / parameters / f"{pixel_id:05d}.nc"

    def observations(self, pixel_id: int) -> Path:
        """Return the observations the pixel was calibrated on."""
        return self.path / "simulations" / "observed" / f"{pixel_id:05d}.nc"

    def comparison(self, pixel_id: int) -> Path:
        """Return observed and simulated 8-day means, side by side."""
        return self.evaluation / f"comparison_{pixel_id:05d}.csv"

    def scores(self, pixel_id: int) -> Path:
        """Return the scores of one pixel."""
        return self.evaluation / f"scores_{pixel_id:05d}.csv"

    @property
    def report(self) -> Path:
        """The page that shows all of it."""
        return self.path / "report.html"

    def require_writable(self) -> None:
        """Refuse a folder that results could not be written to."""
        if not os.access(self.path, os.W_OK):
            raise ConfigError(
                Problem(
                    str(self.path),
                    "the run folder cannot be written to",
                    hint="Copy config.yaml to a folder of your own.",
                )
            )
