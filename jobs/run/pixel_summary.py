"""What is known of a calibrated pixel, read back from its result files."""

from __future__ import annotations

from pathlib import Path

from jobs.errors import ConfigError, Problem
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import read_summary
from jobs.run.run import Run


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
