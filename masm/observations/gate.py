"""One gate for observations: what may pass into a calibration, and what may not.

Every door leads through here: ``masm.calibrate``, a table of pixels, a site, a cube,
towers to score at. What is certainly no observation is refused by stream, date and
value (`check_times`, `check_numbers`, `check_limits`, `check_spread`). What is only
unlikely is a doubt (`masm.observations.doubts`), which is said and stops nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from masm.errors import InputError
from masm.observations.quantities import (
    CARBON_STOCK,
    FLUORESCENCE,
    Quantity,
    factor_to_limits,
    name_of_standard_name,
    quantity_of,
)
from masm.types import Array

if TYPE_CHECKING:
    import xarray as xr

logger = logging.getLogger(__name__)

LARGEST_VALUE = 1e100
"""Of an observation, in any unit: no measurement is, and squares overflow later."""

FILL_CODES = (
    -9999.0, -9999.9, -9999.99, -99999.0, -88888.0, -6999.0, -7777.0, -8888.0,
    -999.0, -999.9, -999.99, -99.0, -99.9, -99.99,
    -32768.0, -32767.0, -28672.0, 32767.0, 32766.0, 65535.0, 65534.0, 99999.0, 9999.0,
    1e20, 1e30, 1e15, -1e30, -1e34, 1e34, 1e35, 1e36, -1e36,
    9.969209968386869e36, -9.969209968386869e36,
    3.4028234663852886e38, -3.4028234663852886e38, -3.4e38, -2147483648.0,
    2147483647.0,
)  # fmt: skip
"""Numbers that files hold where there is no value."""

_OUTLIER = 5.0  # times the size of all other values: no value of the same thing
_LARGE_OUTLIER = 1.5  # of the codes that nobody measures
_LONE_OUTLIER = 100.0  # of a code that is there once
_SMALL_CODE = 9000.0
_MODIS_BYTES = (249, 255)
_SHOWN = 3  # dates in a message


@dataclass(frozen=True)
class Limits:
    """What a stream may hold, in its own unit.

    Attributes
    ----------
    quantity : Quantity
        What it is.
    factor : float
        From the stream's unit to that of the quantity.
    """

    quantity: Quantity
    factor: float

    @property
    def low(self) -> float:
        """Least possible value, in the stream's unit."""
        return self.quantity.low / self.factor

    @property
    def high(self) -> float:
        """Largest possible value, in the stream's unit."""
        return self.quantity.high / self.factor


def limits_of(name: str, units: str) -> Limits | None:
    """Return the limits of a stream, None where its name or its unit is not known.

    Examples
    --------
    >>> limits_of("gpp", "kg m-2 s-1").high < 1e-5
    True
    >>> limits_of("sap_flow", "g m-2 d-1") is None
    True
    """
    quantity = quantity_of(name)
    if quantity is None or not units.strip():
        return None
    factor = factor_to_limits(units, quantity)
    return None if factor is None else Limits(quantity, factor)


def check_times(time: NDArray[Any], label: str) -> None:
    """Refuse a time axis of a kind that is not known, with gaps in it or no order.

    Parameters
    ----------
    time : ndarray, (time,)
        Dates (datetime64) or plain numbers pass.
    label : str
        What to call the stream.
    """
    if time.dtype.kind not in "Miuf":
        first = time.ravel()[0] if time.size else None
        raise InputError(
            f"{label}: time is of a kind that is not known",
            found=_words_of(first) if time.dtype == object else str(time.dtype),
            wanted="datetime64 dates, or numbers",
            hint=_time_hint(first),
        )
    missing = np.isnat(time) if time.dtype.kind == "M" else ~np.isfinite(time)
    if missing.any():
        raise InputError(
            f"{label}: a value without a date",
            found=f"no date at position {int(np.argmax(missing))} (from 0)",
            wanted="a date for every value",
        )
    steps = np.diff(time)
    wrong = np.flatnonzero(~(steps > np.zeros((), steps.dtype)))
    if wrong.size:
        first, then = date_text(time[wrong[0]]), date_text(time[wrong[0] + 1])
        twice = first == then
        raise InputError(
            f"{label}: time does not increase at {then}",
            found=f"{first} then {then}",
            wanted="increasing times without repeats",
            hint="The same date twice: keep one of them, or average them first."
            if twice
            else 'Sort with ds.sortby("time") and drop duplicates.',
        )


def check_numbers(time: NDArray[Any], value: Array, label: str) -> None:
    """Refuse numbers that are no observations of anything.

    Parameters
    ----------
    time : ndarray, (time,)
    value : ndarray, (time,)
        NaN is missing.
    label : str
        What to call the stream in an error.

    Raises
    ------
    InputError
        Naming stream, date, value and what was wanted.
    """
    _refuse_codes(time, value, label)
    huge = np.flatnonzero(np.abs(value) > LARGEST_VALUE)
    if huge.size:
        raise InputError(
            f"{label} at {date_text(time[huge[0]])}: "
            "value is not finite, or too large to square",
            found=f"{huge.size} such values, first {value[huge[0]]:g}",
            wanted="numbers; NaN for missing",
        )


def check_limits(
    time: NDArray[Any], value: Array, label: str, name: str, units: str
) -> None:
    """Refuse values that the quantity cannot have; any, where it is not known.

    Parameters
    ----------
    time, value : ndarray, (time,)
    label : str
        What to call the stream in an error.
    name, units : str
        Limits hold where both are known, see `limits_of`.

    Raises
    ------
    InputError
        Naming stream, date, value and what was wanted.
    """
    limits = limits_of(name, units)
    if limits is not None:
        _refuse_impossible(time, value, label, units, limits)
        _refuse_wrong_scale(value, label, units, limits)


def is_of_another_unit(value: Array, name: str, units: str) -> bool:
    """Whether most values are impossible: then the unit is wrong, not the values."""
    limits = limits_of(name, units)
    known = value[np.isfinite(value)]
    if limits is None or not known.size:
        return False
    return bool(np.mean((known < limits.low) | (known > limits.high)) > 0.5)


def check_spread(
    time: NDArray[Any], spread: Array, value: Array, label: str, what: str
) -> None:
    """Refuse standard deviations, or variances, that cannot be.

    Parameters
    ----------
    time, spread, value : ndarray, (time,)
        Only where there is a value; a missing spread is no matter of this check.
    label : str
        What to call the stream.
    what : str
        ``"standard deviation"`` or ``"variance"``.
    """
    seen = np.isfinite(value)
    _refuse_codes(time[seen], spread[seen], f"{label}, {what}")
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero(seen & (spread <= 0.0))
    if bad.size:
        found = spread[bad[0]]
        raise InputError(
            f"{label} at {date_text(time[bad[0]])}: "
            + ("error variance is 0" if found == 0.0 else f"a {what} below zero"),
            found=f"{what} {found:g} ({bad.size} such values)",
            wanted="above zero",
            hint="If it marks a missing value, make the value NaN; if errors are not "
            "known, give a variance of your own, such as masm.RelativeVariance.",
        )
    bad = np.flatnonzero(seen & np.isinf(spread))
    if bad.size:
        raise InputError(
            f"{label} at {date_text(time[bad[0]])}: a {what} that is not finite",
            found=f"{spread[bad[0]]:g} ({bad.size} such values)",
            wanted="a number above zero",
        )


def infer_units(name: str, units: str, wanted: str, value: Array, label: str) -> str:
    """Return the unit of a stream; where it is missing, that of the model, and say so.

    Parameters
    ----------
    name, units : str
        Of the stream; ``units`` may be empty.
    wanted : str
        Unit of the model's output.
    value : ndarray
        In the unit to be found.
    label : str
        What to call the stream.

    Raises
    ------
    InputError
        If the values can hardly be in the model's unit.
    """
    if units.strip() or not wanted.strip():
        return units
    limits = limits_of(name, wanted)
    if limits is not None:
        values = value[np.isfinite(value)] * limits.factor
        size = float(np.percentile(np.abs(values), 95)) if values.size else 0.0
        low, high = _USUAL_SIZES.get(limits.quantity.units, (0.0, np.inf))
        fits = low <= size <= high and values.min(initial=0.0) >= limits.quantity.low
        if values.any() and not fits:
            raise InputError(
                f"{label}: no units, and the values are hardly in {wanted!r}",
                found=f"sizes of about {size:.3g} (95 % are smaller)",
                wanted=f"a unit in attrs['units'], and values in {wanted!r}",
                hint=_unit_hint(size, limits.quantity),
            )
    logger.warning("%s: no units; taken as %s", label, wanted)
    return wanted


# Of the 95th percentile of the size, in the quantity's unit. Towers in tundra and
# desert reach 0.3 g m-2 d-1, those in maize 30.
_USUAL_SIZES = {"g m-2 d-1": (0.2, 35.0), "mm d-1": (0.1, 15.0), "1": (0.03, 10.0)}


def own_limits(variable: xr.DataArray) -> tuple[float, float] | None:
    """Return the valid range that a variable's file states, in the unit of its values.

    A range in whole numbers beside a ``scale_factor`` is of the packed numbers (CF).

    Raises
    ------
    InputError
        If the lower end is not the lower.
    """
    attrs = variable.attrs
    given = attrs.get("valid_range")
    if given is None and not {"valid_min", "valid_max"} & set(attrs):
        return None
    if given is not None:
        low, high = (float(one) for one in np.ravel(np.asarray(given, float))[:2])
        whole = np.asarray(given).dtype.kind in "iu"
    else:
        low = float(attrs.get("valid_min", -np.inf))
        high = float(attrs.get("valid_max", np.inf))
        ends = [attrs[n] for n in ("valid_min", "valid_max") if n in attrs]
        whole = all(np.asarray(end).dtype.kind in "iu" for end in ends)
    scale = float(variable.encoding.get("scale_factor", 1.0))
    offset = float(variable.encoding.get("add_offset", 0.0))
    if whole and (scale != 1.0 or offset != 0.0):
        low, high = sorted((low * scale + offset, high * scale + offset))
    if not low < high:
        raise InputError(
            f"{variable.name}: valid range",
            found=f"{low:g} to {high:g}",
            wanted="the lower end first",
        )
    return low, high


def without_invalid(
    variable: xr.DataArray, value: Array, time: NDArray[Any], label: str
) -> Array:
    """Make values outside the file's own valid range NaN, and say how many there were.

    Where most values are outside, the range is not of these numbers: refused.
    """
    limits = own_limits(variable)
    codes = [
        float(code)
        for key in ("_FillValue", "missing_value")
        for code in np.ravel(variable.attrs.get(key, []))
        if np.asarray(code).dtype.kind in "iuf" and np.isfinite(code)
    ]
    known = np.isfinite(value)
    bad = known & np.isin(value, codes)
    if limits is not None:
        slack = 1e-6 * sum(abs(end) for end in limits if np.isfinite(end))
        bad |= known & ((value < limits[0] - slack) | (value > limits[1] + slack))
    if not bad.any():
        return value
    first = int(np.argmax(bad))
    if bad.sum() > 0.5 * known.sum():
        raise InputError(
            f"{label} at {date_text(time[first])}: most values lie outside the file's "
            "own valid range",
            found=f"{int(bad.sum())} of {int(known.sum())}, first {value[first]:g}",
            wanted="values inside it"
            if limits is None
            else f"{limits[0]:g} to {limits[1]:g}",
            hint="Is the range of the packed numbers, or the scale missing?",
        )
    logger.warning(
        "%s: %d values that the file itself calls invalid are left out, first %g on %s",
        label, int(bad.sum()), value[first], date_text(time[first]),
    )  # fmt: skip
    return np.where(bad, np.nan, value)


def check_meaning(variable: xr.DataArray, name: str, label: str) -> None:
    """Refuse a variable whose CF standard name says that it is another quantity."""
    said = name_of_standard_name(str(variable.attrs.get("standard_name", "")))
    quantity = quantity_of(name)
    if said is not None and quantity is not None and said != quantity.name:
        raise InputError(
            f"{label}: the file says that it is something else",
            found=f"standard_name {variable.attrs['standard_name']!r}",
            wanted=f"observations of {quantity.name}",
            hint="The wrong variable under this name? Or drop its standard_name.",
        )


def check_spread_units(
    variable: xr.DataArray, spread: xr.DataArray, label: str
) -> None:
    """Refuse a standard deviation in another unit than its values."""
    ours, theirs = (str(v.attrs.get("units", "")).strip() for v in (variable, spread))
    if not ours or not theirs:
        return
    quantity = quantity_of(str(variable.name))
    factors = [
        None if quantity is None else factor_to_limits(units, quantity)
        for units in (ours, theirs)
    ]
    same = ours == theirs if None in factors else factors[0] == factors[1]
    if not same:
        raise InputError(
            f"{label}: value and standard deviation differ in unit",
            found=f'value "{ours}", standard deviation "{theirs}"',
            wanted="the same unit",
        )


def date_text(value: Any) -> str:
    """Return a moment as a date, or a number as it is."""
    if isinstance(value, np.datetime64):
        return str(np.datetime_as_string(value, unit="D"))
    return str(value)


def _refuse_codes(time: NDArray[Any], value: Array, label: str) -> None:
    """Refuse exact fill codes that stand far outside of all other values."""
    known = np.isfinite(value)
    numbers = value[known]
    codes = np.zeros(numbers.shape, bool)
    for code in FILL_CODES:
        codes |= np.abs(numbers - code) <= 1e-6 * abs(code)
    if not codes.any():
        return
    others = np.abs(numbers[~codes]).max(initial=0.0)
    found, count = np.unique(numbers[codes], return_counts=True)
    times = np.where(np.abs(found) > _SMALL_CODE, _LARGE_OUTLIER, _OUTLIER)
    times = np.where(count > 1, times, _LONE_OUTLIER)
    certain = found[np.abs(found) > times * others]
    if others == 0.0:  # nothing to compare with
        certain = found[(count > 1) & (found < 0.0)]
    if not certain.size:
        return
    where = np.flatnonzero(known)[np.isin(numbers, certain)]
    raise InputError(
        f"{label} at {date_text(time[where[0]])}: a missing-value code",
        found=f"{value[where[0]]:g} ({_dates(time, where)}); the other values reach "
        f"{others:.3g}",
        wanted="NaN where nothing was observed",
        hint="Make it NaN: ds.where(ds != code), or declare it as _FillValue.",
    )


def _refuse_impossible(
    time: NDArray[Any], value: Array, label: str, units: str, limits: Limits
) -> None:
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero((value < limits.low) | (value > limits.high))
    if not bad.size and limits.quantity.units == "1":
        bad = _repeated_negatives(value)
    if not bad.size:
        return
    raise InputError(
        f"{label} at {date_text(time[bad[0]])}: impossible for {limits.quantity.name}",
        found=f"{value[bad[0]]:g}{_unit_text(units)} ({_dates(time, bad)})",
        wanted=f"{limits.low:g} to {limits.high:g}{_unit_text(units)}",
        hint=_impossible_hint(value[bad], limits),
    )


def _repeated_negatives(value: Array) -> NDArray[np.int64]:
    """Where a quantity that is never negative has one negative number again and again.

    Noise makes single small ones; the same three times is a code, such as -1.
    """
    numbers, count = np.unique(value[value < 0.0], return_counts=True)
    return np.flatnonzero(np.isin(value, numbers[count > 2]))


def _refuse_wrong_scale(value: Array, label: str, units: str, limits: Limits) -> None:
    """Refuse a series that is nothing at all beside what its quantity ever is."""
    known = np.abs(value[np.isfinite(value)]) * limits.factor
    largest = float(known.max(initial=0.0))
    if 0.0 < largest < limits.quantity.least:
        raise InputError(
            f"{label}: values far too small for {limits.quantity.name}",
            found=f"at most {largest / limits.factor:.3g}{_unit_text(units)}",
            wanted=f"values in {units.strip()!r}, as the units say",
            hint=_unit_hint(largest, limits.quantity),
        )


def _impossible_hint(bad: Array, limits: Limits) -> str:
    first = float(bad[0])
    low, high = _MODIS_BYTES
    for scale in (1.0, 0.1, 0.01):
        numbers = bad / scale
        if limits.quantity.units == "1" and np.all(
            (numbers > low - 0.5) & (numbers < high + 0.5)
        ):
            return (
                f"{low} to {high} are codes of MODIS (scale {scale:g}): no retrieval, "
                "water, town, snow. Make them NaN."
            )
    if first <= -99.0 or abs(first) > 1e4 or first == -1.0:
        return "Perhaps a missing-value code: make it NaN."
    if limits.quantity.units in ("1", "m3 m-3"):
        return "Is there a scale factor, or percent?"
    if limits.quantity.units in (CARBON_STOCK, FLUORESCENCE):
        return "Is the unit another one, or a scale factor lost?"
    return "A sum over several days? Divide by them. Or is the unit another one?"


def _unit_hint(size: float, quantity: Quantity) -> str:
    """Guess the unit from sizes; a hint, never a conversion."""
    if quantity.units == "1":
        return "Is there a scale factor, or percent?"
    if quantity.units == CARBON_STOCK:
        return "In kg m-2 (times 1000) or t ha-1 (times 100)? Convert, and state it."
    if quantity.units not in _USUAL_SIZES:
        return "Is there a scale factor? Convert, and state the unit."
    low, high = _USUAL_SIZES[quantity.units]
    candidates = (
        ("kg m-2 s-1", 86400e3 if quantity.units == "g m-2 d-1" else 86400.0),
        ("g m-2 s-1", 86400.0),
        ("mol m-2 s-1", 1037750.0),
        ("kg m-2 d-1", 1000.0),
        ("a sum over 8 days", 1.0 / 8.0),
        ("a sum over a month", 1.0 / 30.0),
        ("a sum over a year", 1.0 / 365.0),
    )
    for unit, factor in candidates:
        if low <= size * factor <= high:
            return f"The values look like {unit}: convert, and state the unit."
    return "Convert, and state the unit."


def _time_hint(first: Any) -> str:
    if getattr(first, "tzinfo", None) is not None:
        return (
            "The dates have a time zone. Bring them to local standard time, then drop "
            "it: index.tz_localize(None)."
        )
    if isinstance(first, str):
        return "The dates are text: pd.to_datetime(index) makes dates of them."
    if hasattr(first, "calendar"):
        return 'For cftime calendars: ds.convert_calendar("standard").'
    return 'pd.to_datetime(index), or for cftime ds.convert_calendar("standard").'


def _words_of(first: Any) -> str:
    if first is None:
        return "no dates"
    kind = f"{type(first).__module__.split('.')[0]}.{type(first).__name__}"
    zone = getattr(first, "tzinfo", None)
    return f"{kind} {first}" + (f", time zone {zone}" if zone is not None else "")


def _unit_text(units: str) -> str:
    return "" if units.strip() in ("", "1", "-") else f" {units.strip()}"


def _dates(time: NDArray[Any], where: NDArray[np.int64]) -> str:
    shown = ", ".join(date_text(time[one]) for one in where[:_SHOWN])
    more = f", ... {where.size} in all" if where.size > _SHOWN else ""
    return f"on {shown}{more}"
