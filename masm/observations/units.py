"""Refuse observations in another unit than the model's output."""

from __future__ import annotations

from masm.errors import InputError
from masm.observations.stream import ObservedSeries, Stream

_UNIT_SYNONYMS = {"-": "1", "m2 m-2": "1", "m2/m2": "1", "dimensionless": "1"}


def require_same_units(observed: Stream | ObservedSeries, units: str) -> None:
    """Refuse observations in another unit than the model's, where both state one.

    Parameters
    ----------
    observed : Stream or ObservedSeries
        What was observed.
    units : str
        Unit of the model's output.
    """
    ours, theirs = _plain_units(observed.units), _plain_units(units)
    if ours and theirs and ours != theirs:
        raise InputError(
            f"stream {observed.name!r}: observation and model differ in unit",
            found=f'observation "{observed.units}", model "{units}"',
            wanted="the same unit",
            hint="Convert the observations; divide an 8-day sum by 8 first.",
        )


def _plain_units(units: str) -> str:
    words = " ".join(units.split())
    return _UNIT_SYNONYMS.get(words, words)
