"""What the values of a stream can be: faults of a file, caught before a run.

The limits are those by which ``masm`` judges observations of the same names; a test
holds them equal. A stream of another name has none.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landmodels.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Limits:
    """Unit of a stream, its possible values, and the least size of its largest one."""

    units: str
    low: float
    high: float
    least: float


LIMITS = {
    "sif": Limits("mW m-2 sr-1 nm-1", -10.0, 20.0, 1e-3),
    "fapar": Limits("1", -0.3, 1.3, 1e-5),
    "ssm": Limits("m3 m-3", -0.1, 1.0, 1e-3),
    "swc": Limits("m3 m-3", -0.1, 1.0, 1e-3),
    "lvod": Limits("1", -0.5, 5.0, 1e-3),
    "lai": Limits("1", -2.0, 15.0, 1e-4),
    "gpp": Limits("g m-2 d-1", -30.0, 60.0, 1e-4),
    "nee": Limits("g m-2 d-1", -60.0, 60.0, 1e-5),
    "et": Limits("mm d-1", -10.0, 30.0, 1e-4),
}
_LEAST_VALUES = 3
_BY_ERROR = 4.0  # standard deviations beyond the limits that an error alone reaches
_WIDE = 2.0  # times the largest values: errors with which values say nothing
_FEW = 5

logger = logging.getLogger(__name__)


def check_streams(stream: NDArray[np.str_], value: Array, variance: Array) -> None:
    """Refuse values that a stream cannot have, and errors wider than its range.

    A value may be beyond the limits by four of its own standard deviations: noisy
    retrievals of a bright canopy are.

    Parameters
    ----------
    stream : ndarray of str (observation,)
    value, variance : ndarray (observation,)

    Raises
    ------
    InputError
        Naming the first such observation and the unit that is wanted.

    Examples
    --------
    >>> import numpy as np
    >>> check_streams(np.array(["ssm"]), np.array([0.3]), np.array([1e-3]))
    """
    for name, limits in LIMITS.items():
        of = np.flatnonzero(stream == name)
        if of.size:
            sd = np.sqrt(variance[of])
            _check_values(name, limits, of, value[of], sd)
            _check_errors(name, limits, of, sd)


def say_wide_errors(stream: NDArray[np.str_], value: Array, variance: Array) -> None:
    """Log a warning for streams whose errors are wider than their values are large."""
    for name in np.unique(stream):
        of = stream == name
        largest = float(np.percentile(np.abs(value[of]), 95.0))
        usual = float(np.median(np.sqrt(variance[of])))
        if of.sum() > _FEW and usual > _WIDE * largest > 0.0:
            logger.warning(
                "observations of %s: the standard deviations (%.3g) are %.3g times as "
                "large as the largest values (%.3g): are they in percent?",
                name, usual, usual / largest, largest,
            )  # fmt: skip


def _check_values(
    name: str, limits: Limits, of: NDArray, value: Array, sd: Array
) -> None:
    slack = _BY_ERROR * sd
    bad = (value < limits.low - slack) | (value > limits.high + slack)
    unit = "" if limits.units == "1" else f" {limits.units}"
    if bad.any():
        first = int(np.argmax(bad))
        raise InputError(
            f"observation {of[first]} ({name})  value",
            found=f"{value[first]:g} ({int(bad.sum())} of {bad.size})",
            wanted=f"{limits.low:g} to {limits.high:g}{unit}",
            hint=_hint(value[first], limits),
        )
    largest = float(np.abs(value).max())
    if value.size >= _LEAST_VALUES and 0.0 < largest < limits.least:
        raise InputError(
            f"observations of {name}  value", found=f"at most {largest:.3g}",
            wanted=f"values in {limits.units!r}",
            hint="Are they in kg m-2 s-1, or divided by a scale factor?",
        )  # fmt: skip


def _check_errors(name: str, limits: Limits, of: NDArray, sd: Array) -> None:
    wide = sd > limits.high - limits.low
    if wide.any():
        first = int(np.argmax(wide))
        raise InputError(
            f"observation {of[first]} ({name})  variance",
            found=f"a standard deviation of {sd[first]:g} ({int(wide.sum())} of "
            f"{wide.size})",
            wanted=f"less than {limits.high - limits.low:g}, all that the stream can "
            "differ by",
            hint="Is it in percent? Leave out what is not known.",
        )


def _hint(value: float, limits: Limits) -> str:
    if value <= -99.0 or value > 1e4:
        return "That is a missing-value code: leave the observation out."
    if limits.units in ("1", "m3 m-3") and value > 1.0:
        return "Is it in percent, or is a scale factor lost?"
    return "Is the unit another one, or a scale factor lost?"
