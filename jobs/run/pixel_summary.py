"""What is known of a calibrated pixel, read back from its result files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobs.errors import ConfigError, Problem
from jobs.files import is_file, read_json
from jobs.run.folder import PixelFolder
from jobs.run.pixel import Pixel
from jobs.run.run import Run
from jobs.run.summary_checks import check_summary


def read_summary(folder: PixelFolder) -> dict[str, Any]:
    """Read ``summary.json``; empty if the pixel is not done, or it is damaged."""
    if not is_file(folder.posterior):
        return {}
    try:
        return check_summary(read_json(folder.summary))
    except (FileNotFoundError, ValueError):
        return {}


def posterior_means(run: Run, pixel: Pixel) -> dict[str, float]:
    """Return the calibrated parameters of a pixel: their posterior means.

    Raises
    ------
    ConfigError
        If the pixel has not been calibrated.
    """
    folder = run.folder.pixel(pixel.id)
    summary = read_summary(folder)
    if not summary:
        raise ConfigError(
            Problem(
                str(_relative(folder.posterior, run.folder.path)),
                "this pixel has not been calibrated",
                wanted="its posterior",
                hint=f"masm calibrate {run.folder.path}",
            )
        )
    return {name: row["mean"] for name, row in summary["parameters"].items()}


def _relative(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path
