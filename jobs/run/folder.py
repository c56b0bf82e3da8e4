"""Where everything of a run is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jobs.errors import ConfigError, Problem
from jobs.files import kind_of

_OURS = (
    "pixels",
    "logs",
    "ledger",
    "evaluation",
    "comparison",
    "information",
    "swath",
    "figures",
    "simulations",
    "posteriors.zarr",
    "report",
    "upscaling",
    "maps",
    "slurm",
    "screening",
    "sites",
    "reanalysis",
    "diagnosis",
    "spatial",
    "callmip",
    "export",
    "soil_carbon",
    "config.lock.yaml",
    "run.json",
    "pixels.csv",
    "prior.nc",
    "neighbours.csv",
    "report.html",
)
"""What a run writes at the top of its folder; its locks are looked at when opened."""


def _links_in(run: Path) -> Iterator[Path]:
    """Yield links among what a run writes, but for files of single pixels."""
    for name in _OURS:
        path = run / name
        if path.is_symlink():
            yield path
        elif name == "pixels":
            yield from _links(path, depth=1)
        elif path.is_dir():
            yield from (one for one in _links(path) if not _is_of_a_pixel(one, run))


def _links(folder: Path, depth: int = 30) -> Iterator[Path]:
    """Yield links, pipes and the like below a folder; nothing is followed."""
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if depth > 1:
                yield from _links(Path(entry.path), depth - 1)
        elif not entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def _is_of_a_pixel(path: Path, run: Path) -> bool:
    """Whether a name is that of one pixel's file, which is looked at when read."""
    return bool(_PIXEL_FILE.fullmatch(path.relative_to(run).as_posix()))


_PIXEL_FILE = re.compile(
    r"evaluation/(scores|comparison)_\d{5,8}\.csv"
    r"|(information|diagnosis)/\d{5,8}\.json"
    r"|simulations/(default|calibrated|observed)/\d{5,8}\.nc"
)


BLOCK = "finished.zip"
"""Finished pixels of a folder of a hundred, in one file; see `jobs.run.blocks`."""


@dataclass(frozen=True)
class PixelFolder:
    """The files of one pixel; ``posterior`` at its name means the pixel is done."""

    path: Path

    @cached_property
    def posterior(self) -> Path:
        """Draws, diagnostics and costs; opens in ArviZ."""
        return self.path / "posterior.nc"

    @cached_property
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
    def lease(self) -> Path:
        """Who is working on the pixel now."""
        return self.path / "running.json"

    @cached_property
    def block(self) -> Path:
        """The file of the finished pixels of its hundred, where a run packs them."""
        return self.path.parent / BLOCK


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
    def prior(self) -> Path:
        """Draws of the prior, which is the same for every pixel."""
        return self.path / "prior.nc"

    @property
    def neighbours(self) -> Path:
        """Wave of each pixel, and the pixels it may borrow its start from."""
        return self.path / "neighbours.csv"

    @property
    def logs(self) -> Path:
        """Log files, one for each process."""
        return self.path / "logs"

    @property
    def event_log(self) -> Path:
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

    @property
    def methods(self) -> Path:
        """Calibration methods side by side."""
        return self.path / "comparison" / "methods.csv"

    @property
    def information(self) -> Path:
        """What each stream is worth."""
        return self.path / "information"

    def pixel(self, pixel_id: int) -> PixelFolder:
        """Return the folder of one pixel, two levels deep (100 pixels a folder)."""
        return PixelFolder(self.group(pixel_id) / f"{pixel_id:05d}")

    def group(self, pixel_id: int) -> Path:
        """Return the folder of the hundred pixels that one belongs to."""
        return self._pixels / f"{pixel_id // 100:03d}"

    @cached_property
    def _pixels(self) -> Path:
        return self.path / "pixels"

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

    def refuse_links(self) -> None:
        """Refuse a run folder whose own folders or files are links to elsewhere.

        What is read, written and swept here would be read, written and swept there.
        Inputs may be links, and one pixel's files are looked at one by one.

        Raises
        ------
        ConfigError
            Naming each link.
        """
        found = sorted(_links_in(self.path))
        if found:
            raise ConfigError(
                Problem(
                    str(path),
                    "a link where the run keeps its own files"
                    if path.is_symlink()
                    else "no file where the run keeps its own",
                    found=f"a link to {os.readlink(path)}"[:200]
                    if path.is_symlink()
                    else kind_of(path),
                    wanted="a folder or a file of the run",
                    hint="Look where it leads, then take it away; to keep a run on "
                    "another disk, move or link the whole run folder.",
                )
                for path in found[:5]
            )

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
