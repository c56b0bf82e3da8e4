"""What an executor is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

from jobs.run.pixel_state import PixelState

OnRuns = Callable[[int], None]
"""Told the number of model runs just made."""

Finished = Generator[tuple[int, PixelState], None, None]
"""Pixels as they finish, in any order, each with its state."""

Calibrate = Callable[[Path, int, "OnRuns | None"], tuple[int, PixelState]]
"""``calibrate(run_folder, pixel_id, on_runs)``; a function of a module."""
