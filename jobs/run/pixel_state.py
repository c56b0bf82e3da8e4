"""The state of each pixel, from result files alone.

A pixel is done when its posterior stands at its final name. Nothing here reads the
ledger or keeps a counter.
"""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jobs.files import write_text
from jobs.run.folder import PixelFolder

State = Literal["waiting", "running", "done", "suspect", "failed", "skipped"]
Reason = Literal[
    "no_forcing",
    "no_observations",
    "model_nan",
    "suspicious_data",
    "surrogate_not_fitted",
    "not_converged",
    "no_posterior",
    "timed_out",
    "out_of_memory",
    "bug",
]
STATES: tuple[State, ...] = (
    "done",
    "suspect",
    "failed",
    "skipped",
    "running",
    "waiting",
)
REASONS: tuple[Reason, ...] = (
    "no_forcing",
    "no_observations",
    "model_nan",
    "suspicious_data",
    "surrogate_not_fitted",
    "not_converged",
    "no_posterior",
    "timed_out",
    "out_of_memory",
    "bug",
)
FINISHED: tuple[State, ...] = ("done", "suspect")

STALE_AFTER = 180.0
"""Seconds without a sign of life after which a claim counts for nothing."""


@dataclass(frozen=True)
class PixelState:
    """State of one pixel, and why."""

    state: State
    reason: str = ""
    minutes: float | None = None


def state_of(folder: PixelFolder) -> PixelState:
    """Read the state of a pixel from its folder.

    A posterior without a readable summary, which is written before it, is damage: the
    pixel waits to be calibrated again.
    """
    if folder.posterior.exists() and (summary := _read(folder.summary)):
        state: State = "suspect" if summary.get("status") == "suspect" else "done"
        return PixelState(state, summary.get("reason", ""), summary.get("minutes"))
    if folder.failure.exists():
        failure = _read(folder.failure)
        reason = failure.get("reason", "bug")
        skipped = reason == "no_observations"
        return PixelState("skipped" if skipped else "failed", reason)
    if is_claimed(folder.claim):
        return PixelState("running")
    return PixelState("waiting")


def write_failure(path: Path, reason: Reason, message: str, detail: str = "") -> None:
    """Write why a pixel failed, as the last thing done for it."""
    facts = {"reason": reason, "message": message, "detail": detail}
    write_text(path, json.dumps(facts, indent=2) + "\n")


def is_claimed(path: Path) -> bool:
    """Tell whether a living process works on the pixel."""
    return bool(_read(path)) and not is_abandoned(path) and _shows_life(path)


def is_being_claimed(path: Path) -> bool:
    """Tell whether a hidden file is a claim that a living process is just making."""
    is_half_made = path.name.startswith(".running.")
    return is_half_made and not is_abandoned(path) and _shows_life(path)


def _shows_life(path: Path) -> bool:
    try:
        # A sign of life from the future is none either: the clock was set back.
        return abs(time.time() - path.stat().st_mtime) < STALE_AFTER
    except FileNotFoundError:
        return False


def is_abandoned(path: Path) -> bool:
    """Tell whether a process of this machine claimed a pixel and is no more."""
    claim = _read(path)
    here = claim.get("host") == socket.gethostname()
    return here and not _alive(int(claim["pid"]))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # no JSON, or no text at all
        return {}
    return content if isinstance(content, dict) else {}
