"""Limits of the options of calibration methods, the same for everyone who asks.

A `Method` holds those of its options. `masm.calibrate`, `Method.with_options` and the
check of a configuration refuse a value beyond them in the same words, before any run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from masm.errors import InputError


@dataclass(frozen=True)
class Limit:
    """Numbers that an option may be.

    Attributes
    ----------
    option : str
        Its name.
    low, high : float
        The least and the largest.
    above : bool
        Whether it has to be above ``low``, which is then none of them.

    Examples
    --------
    >>> Limit("damping", 0.0, 1.0, above=True).wanted
    'above 0, at most 1'
    >>> Limit("inflation", 1.0).holds(0.9)
    False
    """

    option: str
    low: float
    high: float = math.inf
    above: bool = False

    @property
    def wanted(self) -> str:
        """The limits in words."""
        if self.high == math.inf:
            return f"above {self.low:g}" if self.above else f"{self.low:g} or above"
        if self.above:
            return f"above {self.low:g}, at most {self.high:g}"
        return f"{self.low:g} to {self.high:g}"

    def holds(self, value: Any) -> bool:
        """Return whether a value is a finite number within the limits."""
        if not isinstance(value, Real) or isinstance(value, bool):
            return False
        number = float(value)
        if not math.isfinite(number) or number > self.high:
            return False
        return number > self.low if self.above else number >= self.low


def check_limits(limits: Iterable[Limit], options: Mapping[str, Any]) -> None:
    """Refuse a value beyond the limits of its option.

    Parameters
    ----------
    limits : iterable of Limit
        Of a method's options.
    options : mapping
        Values by name; an option that is not among them is at its default.

    Raises
    ------
    InputError
        Naming the first of them.
    """
    for limit in limits:
        if limit.option in options and not limit.holds(options[limit.option]):
            raise InputError(
                f"option {limit.option}",
                found=repr(options[limit.option]),
                wanted=limit.wanted,
            )
