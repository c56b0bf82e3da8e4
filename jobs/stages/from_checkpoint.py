"""Go on from a checkpoint, or without one that cannot be used."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from jobs.files import put_aside

logger = logging.getLogger(__name__)
_Made = TypeVar("_Made")


def from_checkpoint(calibrate: Callable[[], _Made], checkpoint: Path) -> _Made:
    """Calibrate; a checkpoint that cannot be used is put aside, and costs its runs.

    Either it is damaged, or another version of the software wrote it: the locked
    configuration of a run is always the same, but a version may ask for other model
    runs. Changed inputs are refused all the same.

    Parameters
    ----------
    calibrate : callable
        Calls ``masm.calibrate`` with the checkpoint. It may be called twice.
    checkpoint : Path

    Returns
    -------
    object
        What ``calibrate`` returned.
    """
    from masm import DamagedCheckpoint, OtherCalibration

    try:
        return calibrate()
    except DamagedCheckpoint as exc:
        logger.warning("%s\n  It is now %s; starting anew.", exc, put_aside(checkpoint))
    except OtherCalibration as exc:
        aside = put_aside(checkpoint, "earlier")
        logger.warning(
            "%s\n  Another version of masm wrote it. It is now %s; starting anew.",
            exc,
            aside,
        )
    return calibrate()
