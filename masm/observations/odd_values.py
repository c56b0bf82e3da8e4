"""Numbers in a series that look like undeclared codes and not like measurements.

Known fill codes are refused by the gate. Any other number may be one as well: 3.2767
of packed integers, 25.5 of bytes, -1, 0. Their pattern in the series shows them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from masm.types import Array

_ENOUGH = 20  # values, before their spread means anything
_FAR = 4.0  # spreads beyond all others, of a single value
_APART = 0.5  # spreads beyond all others, of a number that is repeated
_OFTEN = 8  # times the same number, where hardly any other comes twice
_FRACTION = 0.01  # at least, of all values
_HARDLY = 0.05  # fraction of the other values that come twice
_BESIDE = 0.4  # of the large values: what is right before or after zeros
_ZEROS = 3
_STEPS = 6  # at least
_SHORTEST = 9  # days; shorter ones lie within the windows of 8 days
_MONTHS = 3  # days by which months differ
_REGULAR = 0.8


def odd_values(value: Array, units: str = "", *, rests: bool = True) -> Iterator[str]:
    """Say which numbers of a series are hardly values.

    Parameters
    ----------
    value : ndarray (n,)
        In the order of time, without NaN.
    units : str
        For the message.
    rests : bool
        Whether the quantity may be exactly zero for long, as uptake is in winter.

    Yields
    ------
    str
        One sentence for a number far from all others, for one that is repeated apart
        from all others, for one that is repeated where no other is, and for zeros
        between large values. At most one of them.

    Examples
    --------
    >>> season = 5.0 - 5.0 * np.cos(np.arange(200) / 32.0)
    >>> list(odd_values(season))
    []
    >>> season[50:53] = 25.5
    >>> list(odd_values(season, "g m-2 d-1"))[0][:30]
    '25.5 g m-2 d-1 on 3 dates, whe'
    """
    if value.size < _ENOUGH:
        return
    number, count = np.unique(value, return_counts=True)
    unit = "" if units.strip() in ("", "1", "-") else f" {units.strip()}"
    for at in (-1, 0):
        odd = _apart(value, float(number[at]), int(count[at]))
        if odd:
            yield (
                f"{number[at]:g}{unit} on {_dates(int(count[at]))}, where the others "
                f"lie between {odd[0]:.3g} and {odd[1]:.3g}: a missing-value code?"
            )
            return
    most = int(np.argmax(count))
    repeated, times = float(number[most]), int(count[most])
    others = count[np.arange(count.size) != most]
    rest = value.size - times
    distinct = rest > 0 and float(others[others > 1].sum()) <= _HARDLY * rest
    limit = rests and repeated == 0.0 and (number[0] == 0.0 or number[-1] == 0.0)
    if times >= max(_OFTEN, _FRACTION * value.size) and distinct and not limit:
        yield (
            f"{repeated:g}{unit} on {times} dates, where hardly any other number "
            "comes twice: a missing-value code, or filled with a constant?"
        )
    elif limit and _beside(value) > _BESIDE:
        yield (
            f"0{unit} on {times} dates, right beside large values: zeros in the place "
            "of missing values?"
        )


def spread_out(value: Array) -> Iterator[str]:
    """Say it where a daily series is steps: means of longer stretches on every day.

    Parameters
    ----------
    value : ndarray (n,)
        Of consecutive days, without NaN.

    Examples
    --------
    >>> next(spread_out(np.repeat(np.arange(12.0) + 1.0, 30)))[:34]
    'the same number on about 30 days i'
    """
    edges = np.flatnonzero(np.r_[True, np.diff(value) != 0.0, True])
    length = np.diff(edges)[1:-1]
    length = length[value[edges[1:-2]] != 0.0]
    if length.size < _STEPS:
        return
    usual = float(np.median(length))
    regular = float(np.mean(np.abs(length - usual) <= _MONTHS))
    if usual >= _SHORTEST and regular >= _REGULAR:
        yield (
            f"the same number on about {usual:.0f} days in a row, again and again: "
            "means of longer stretches laid on days? Give each once, with its interval"
        )


def _apart(value: Array, extreme: float, count: int) -> tuple[float, float] | None:
    """Range of the others, where an extreme number is apart from them."""
    others = value[value != extreme]
    if others.size < _ENOUGH:
        return None
    low, high = np.percentile(others, [1.0, 99.0])
    spread = float(high - low)
    gap = max(extreme - float(others.max()), float(others.min()) - extreme)
    if gap > (_FAR if count == 1 else _APART) * spread > 0.0:
        return float(others.min()), float(others.max())
    return None


def _beside(value: Array) -> float:
    """Median size of what is next to runs of zeros, over that of large values."""
    zero = value == 0.0
    edges = np.flatnonzero(zero[1:] != zero[:-1])
    if zero.sum() < _ZEROS or not edges.size:
        return 0.0
    next_to = np.maximum(np.abs(value[edges]), np.abs(value[edges + 1]))
    large = float(np.percentile(np.abs(value[~zero]), 95.0))
    return float(np.median(next_to)) / large if large > 0.0 else 0.0


def _dates(count: int) -> str:
    return "one date" if count == 1 else f"{count} dates"
