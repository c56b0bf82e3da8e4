"""Refuse observations in another unit than the model's output."""

from __future__ import annotations

import numpy as np

from masm.errors import InputError
from masm.observations.gate import check_limits, infer_units
from masm.observations.quantities import factor_to_limits, quantity_of
from masm.observations.stream import ObservedSeries, Stream

_UNIT_SYNONYMS = {"-": "1", "m2 m-2": "1", "m2/m2": "1", "dimensionless": "1"}


def require_same_units(observed: Stream | ObservedSeries, units: str) -> None:
    """Refuse observations in another unit than the model's.

    Two spellings of one unit are the same unit, where the quantity is known. A missing
    unit of the observations is taken as the model's if the values can be in it, with a
    warning; they are then compared with the limits of the quantity.

    Parameters
    ----------
    observed : Stream or ObservedSeries
        What was observed.
    units : str
        Unit of the model's output.
    """
    ours, theirs = _plain_units(observed.units), _plain_units(units)
    if ours and theirs and ours != theirs:
        factor = _factor(observed.name, observed.units, units)
        if factor is None or abs(factor - 1.0) > 1e-6:
            raise InputError(
                f"{_label(observed)}: observation and model differ in unit",
                found=f'observation "{observed.units}", model "{units}"',
                wanted="the same unit",
                hint="Convert the observations; divide an 8-day sum by 8 first."
                if factor is None
                else f"Multiply the observations by {factor:.6g}, and state it.",
            )
    value, label = np.asarray(observed.value), _label(observed)
    found = infer_units(observed.name, observed.units, units, value, label)
    check_limits(observed.time, value, label, observed.name, found)


def _label(observed: Stream | ObservedSeries) -> str:
    return getattr(observed, "label", f"stream {observed.name!r}")


def _factor(name: str, units: str, wanted: str) -> float | None:
    quantity = quantity_of(name)
    if quantity is None:
        return None
    ours, theirs = (factor_to_limits(one, quantity) for one in (units, wanted))
    return None if ours is None or theirs is None else ours / theirs


def _plain_units(units: str) -> str:
    words = " ".join(units.split())
    return _UNIT_SYNONYMS.get(words, words)
