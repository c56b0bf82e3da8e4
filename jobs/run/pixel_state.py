"""The state of each pixel, from result files alone.

A pixel is done when its posterior is at its final name. Nothing here reads the
ledger or keeps a counter.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from jobs.disk_errors import was_system_fault
from jobs.errors import Stopped
from jobs.files import is_file, is_folder, kind_of, lexists, read_json, write_text
from jobs.run.blocks import Block, read_block
from jobs.run.folder import PixelFolder
from jobs.run.summary_checks import check_summary

State = Literal["waiting", "running", "done", "suspect", "failed", "skipped"]
Reason = Literal[
    "no_forcing",
    "no_observations",
    "observations_refused",
    "model_nan",
    "suspicious_data",
    "surrogate_not_fitted",
    "mode_lost",
    "not_converged",
    "collapsed",
    "no_posterior",
    "timed_out",
    "out_of_memory",
    "inputs_changed",
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
    "observations_refused",
    "model_nan",
    "suspicious_data",
    "surrogate_not_fitted",
    "mode_lost",
    "not_converged",
    "collapsed",
    "no_posterior",
    "timed_out",
    "out_of_memory",
    "inputs_changed",
    "bug",
)
FINISHED: tuple[State, ...] = ("done", "suspect")

_MAX_PID = 2**31
STALE_AFTER = 180.0
"""Seconds without a sign of life after which a claim counts for nothing."""


@dataclass(frozen=True)
class PixelState:
    """State of one pixel, and why.

    Attributes
    ----------
    state : str
        One of ``STATES``.
    reason : str
        Why it failed, was skipped or is suspect.
    minutes : float or None
        That it took.
    damage : str
        What is wrong with its files, where they are not what was written.
    """

    state: State
    reason: str = ""
    minutes: float | None = None
    damage: str = ""


def state_of(folder: PixelFolder) -> PixelState:
    """Read the state of a pixel from its folder.

    A posterior without a summary that can be read, which is written before it, is
    damage: the pixel waits to be calibrated again. So is all that is no file: whatever
    is in one pixel's folder, it is a matter of this pixel alone.

    Raises
    ------
    OSError
        If the system could not read a file, which says nothing about the pixel.
    """
    if damage := _damage_of_folder(folder.path):
        return PixelState("waiting", damage=damage)
    own = is_file(folder.posterior)
    block = Block() if own else read_block(folder.block)
    if packed := block.pixels.get(folder.path.name):
        return _finished(packed.summary)
    damage = block.damage
    if not lexists(folder.path):
        return PixelState("waiting", damage=damage)
    if own:
        try:
            return _finished(check_summary(read_json(folder.summary)))
        except FileNotFoundError:
            damage = "summary.json is not there"
        except ValueError as exc:
            damage = f"summary.json: {_brief(exc)}"
    elif lexists(folder.posterior):
        damage = f"posterior.nc is {kind_of(folder.posterior)}"
    if is_file(folder.failure):
        failure = _read(folder.failure)
        if was_system_fault(f"{failure.get('message', '')}"):
            return PixelState("waiting", damage=damage)  # of a passing moment
        reason = failure.get("reason", "bug")
        if reason not in REASONS:
            reason = "bug"
        skipped = reason == "no_observations"
        return PixelState("skipped" if skipped else "failed", reason, damage=damage)
    if not damage and lexists(folder.failure):
        damage = f"failure.json is {kind_of(folder.failure)}"
    if is_leased(folder.lease):
        return PixelState("running")
    return PixelState("waiting", damage=damage)


def _finished(summary: Mapping[str, Any]) -> PixelState:
    state: State = "suspect" if summary.get("status") == "suspect" else "done"
    return PixelState(state, summary.get("reason", ""), summary.get("minutes"))


def _damage_of_folder(path: Path) -> str:
    for part in (path.parent, path):
        if lexists(part) and not is_folder(part):
            return f"{part.name} is {kind_of(part)}"
    return ""


def _brief(exc: ValueError) -> str:
    text = "".join(c if c.isprintable() else "?" for c in str(exc))
    return text if len(text) <= 80 else text[:77] + "..."


def write_failure(path: Path, reason: Reason, message: str, detail: str = "") -> None:
    """Write why a pixel failed, as the last thing done for it.

    Raises
    ------
    Stopped
        If the pixel's folder is gone: the run was moved, and gets no second folder.
    """
    if not is_folder(path.parent):
        raise Stopped("a run folder that is no longer where it was")
    facts = {"reason": reason, "message": message, "detail": detail}
    write_text(path, json.dumps(facts, indent=2) + "\n")


def is_leased(path: Path) -> bool:
    """Return whether a living process works on the pixel."""
    return bool(_read(path)) and not is_expired(path) and _shows_life(path)


def is_being_leased(path: Path) -> bool:
    """Return whether a hidden file is a claim that a living process is just making."""
    is_half_made = path.name.startswith(".running.")
    return is_half_made and not is_expired(path) and _shows_life(path)


def _shows_life(path: Path) -> bool:
    try:
        # A sign of life from the future is none either: the clock was set back.
        return abs(time.time() - os.lstat(path).st_mtime) < STALE_AFTER
    except FileNotFoundError:
        return False


def claimant() -> dict[str, Any]:
    """Return what says in a claim which process makes it."""
    return {"host": socket.gethostname(), "machine": _machine(), "pid": os.getpid()}


@cache
def _machine() -> str:
    """Name that on which processes are counted; empty where the system has none.

    A start of a machine, and a container of it: names of machines may change, and may
    be those of several.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        return f"{boot.strip()} {os.readlink('/proc/self/ns/pid')}"
    except (OSError, ValueError):
        return ""


def _is_of_here(lease: Mapping[str, Any]) -> bool:
    if _machine() and lease.get("machine"):
        return bool(lease["machine"] == _machine())
    return bool(lease.get("host") == socket.gethostname())


def is_expired(path: Path) -> bool:
    """Return whether a process of this machine claimed a pixel and is no more."""
    lease = _read(path)
    pid = lease.get("pid")
    if not lease or not _is_of_here(lease):
        return False
    if type(pid) is not int or not 0 < pid < _MAX_PID:
        return True  # of no process
    return not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = read_json(path)
    except (FileNotFoundError, ValueError):  # no file, no JSON, or no text at all
        return {}
    return content if isinstance(content, dict) else {}
