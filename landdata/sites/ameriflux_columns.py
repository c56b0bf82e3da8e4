"""Which columns of an AmeriFlux BASE file stand for a variable, best first.

A name may carry a position ``_H_V_R``: horizontal place, height (1 is the highest)
and replicate (a number, or A for the mean of replicates), or one layer number. The
highest position is the variable; replicates of that height fill each other's gaps,
as where a sensor was replaced. Another height is another quantity: it is named where
it has more days, and never mixed in. Columns that the site's team has filled or
flagged (``_PI_F``, ``_SD``, ``_QC``) are no measurements and do not match.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_POSITION = r"(?:_(\d+)(?:_(\d+)_(\d+|A))?)?"
_MEAN_OF_REPLICATES = -1


@dataclass(frozen=True, order=True)
class Position:
    """A column and where its sensor is; sorts from the best to the last."""

    height: int
    place: int
    replicate: int
    column: str


def positions(name: str, header: Sequence[str]) -> list[Position]:
    """Columns of a variable: bare, or with a position, the highest first.

    Examples
    --------
    >>> [p.column for p in positions("TA", ["TA_1_10_1", "TA_1_2_1", "TA_1_1_1"])]
    ['TA_1_1_1', 'TA_1_2_1', 'TA_1_10_1']
    >>> positions("TA", ["TA_PI_F_1_1_1", "TA_1_1_1_SD"])
    []
    """
    found = []
    for column in map(str, header):
        match = re.fullmatch(re.escape(name) + _POSITION, column.upper())
        if match is None:
            continue
        first, height, replicate = match.groups()
        if first is None:
            found.append(Position(0, 0, 0, column))
        elif height is None:
            found.append(Position(int(first), 0, 0, column))
        else:
            number = _MEAN_OF_REPLICATES if replicate == "A" else int(replicate)
            found.append(Position(int(height), int(first), number, column))
    return sorted(found)


@dataclass(frozen=True)
class Chosen:
    """A variable's half-hours, and what they were taken from.

    Attributes
    ----------
    values : numpy.ndarray (time,)
        NaN where nothing was measured.
    columns : tuple of str
        The column that gives most, and those that filled its gaps.
    filled : dict
        Column to the number of its values that were taken.
    others : dict
        Columns at other heights, to the values that they have and this lacks.
    """

    values: NDArray[np.float64]
    columns: tuple[str, ...]
    filled: dict[str, int]
    others: dict[str, int]


def choose(name: str, table: pd.DataFrame) -> Chosen | None:
    """The half-hours of a variable, or None where no column has a value.

    Parameters
    ----------
    name : str
        Such as "TA".
    table : pandas.DataFrame
        Numbers, NaN where missing.
    """
    found = [
        one
        for one in positions(name, list(table.columns))
        if table[one.column].notna().any()
    ]
    if not found:
        return None
    first, *rest = found
    values = table[first.column].to_numpy(dtype=np.float64).copy()
    filled: dict[str, int] = {}
    # A bare name has no height: its file's own positions cannot be said to be others.
    for other in rest:
        if other.height != first.height:
            continue
        theirs = table[other.column].to_numpy(dtype=np.float64)
        use = np.isnan(values) & np.isfinite(theirs)
        if use.any():
            values[use] = theirs[use]
            filled[other.column] = int(use.sum())
    others = {}
    for other in rest:
        if other.height == first.height:
            continue
        theirs = table[other.column].to_numpy(dtype=np.float64)
        lacking = int((np.isnan(values) & np.isfinite(theirs)).sum())
        if lacking:
            others[other.column] = lacking
    return Chosen(values, (first.column, *filled), filled, others)
