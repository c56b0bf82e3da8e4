"""Numbers and units as people read them, in figures and in the report."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN = "–"
"""Shown in place of a number that could not be computed."""

_TOTAL = re.compile(r"(Pg|Tg|Gg|Mg)((?: C)?(?: (?:yr|month|d)-1)?)")
_PG = {"Pg": 1.0, "Tg": 1e-3, "Gg": 1e-6, "Mg": 1e-9}
_IN_TOTALS = ("total", "mean", "default", "low", "high", "p05", "p95", "sd")
_LARGE = 1e7
"""From here on numbers are shown with a power of ten."""

_SCALES = ((0.1, 1.0, "Pg"), (1e-4, 1e3, "Tg"), (1e-7, 1e6, "Gg"), (0.0, 1e9, "Mg"))
"""Totals from so many Pg on, the factor on them, and the prefix of their unit."""


def with_unit(name: str, unit: str, power: int = 0) -> str:
    """Return a label with its unit, which is not shown where it is 1.

    Parameters
    ----------
    name : str
        What it is.
    unit : str
        Its unit.
    power : int
        Of ten, by which the numbers were divided.

    Examples
    --------
    >>> with_unit("GPP", "g m-2 d-1")
    'GPP (g m-2 d-1)'
    >>> with_unit("LAI", "1")
    'LAI'
    >>> with_unit("vmax", "mol m-2 s-1", -5)
    'vmax ($10^{-5}$ mol m-2 s-1)'
    """
    parts = [f"$10^{{{power}}}$"] if power else []
    parts += [shown_unit(unit)] if shown_unit(unit) else []
    return f"{name} ({' '.join(parts)})" if parts else name


def shown_unit(unit: str) -> str:
    """Return a unit as it is shown: nothing for 1, and carbon apart from grams.

    Examples
    --------
    >>> shown_unit("1"), shown_unit("kg m-2"), shown_unit("gC m-2 leaf")
    ('', 'kg m-2', 'g C m-2 leaf')
    >>> shown_unit("Tg year-1"), shown_unit("mm a-1")
    ('Tg yr-1', 'mm yr-1')
    """
    if unit in ("", "1", "-"):
        return ""
    unit = re.sub(r"\b([kMPTm]?g)C\b", r"\1 C", unit)
    return re.sub(r"\b(?:years?|a)-1\b", "yr-1", unit)


def number(value: float, form: str) -> str:
    """Return a number in a format; a dash where it could not be computed.

    A number of ordinary size has no power of ten: digits that the format rounds away
    become zeros.

    Examples
    --------
    >>> number(0.123, ".0%"), number(float("nan"), ".0%")
    ('12%', '–')
    >>> number(1049.3, ".3g"), number(3.21e-5, ".3g")
    ('1050', '3.21e-05')
    """
    if not math.isfinite(value):
        return UNKNOWN
    text = format(value, form)
    if "e+" in text and abs(value) < _LARGE:
        return f"{float(text):.0f}"
    return text


def span(low: float, high: float, form: str) -> str:
    """Return two ends of an interval; one dash where neither could be computed.

    Examples
    --------
    >>> span(1.0, 2.5, ".3g"), span(float("nan"), float("nan"), ".3g")
    ('1 to 2.5', '–')
    """
    if not (math.isfinite(low) or math.isfinite(high)):
        return UNKNOWN
    return f"{number(low, form)} to {number(high, form)}"


def total_unit(largest: float) -> tuple[float, str]:
    """Return the factor on totals in Pg, and the prefix of grams that fits them.

    Examples
    --------
    >>> total_unit(2.3), total_unit(0.0006744)
    ((1.0, 'Pg'), (1000.0, 'Tg'))
    """
    largest = largest if math.isfinite(largest) and largest > 0.0 else 1.0
    return next((by, name) for least, by, name in _SCALES if largest >= least)


def readable_totals(table: pd.DataFrame) -> pd.DataFrame:
    """Return totals of carbon in the unit that fits the largest of them.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``unit``, and any of ``total``, ``mean``, ``default``, ``low``, ``high``,
        ``p05``, ``p95`` and ``sd``. Rows whose unit is no mass of a region, alone or
        over time, stay as they are.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"mean": [0.05, -0.03], "unit": ["Pg", "Tg year-1"]})
    >>> readable_totals(table).values.tolist()
    [[50.0, 'Tg'], [-30.0, 'Gg yr-1']]
    """
    named = [name for name in _IN_TOTALS if name in table]
    if "unit" not in table or not named:
        return table
    shown = table.copy()
    for unit in table["unit"].dropna().unique():
        found = _TOTAL.fullmatch(shown_unit(str(unit)))
        if found is None:
            continue
        rows = table["unit"] == unit
        in_pg = table.loc[rows, named] * _PG[found[1]]
        factor, prefix = total_unit(float(in_pg[named[0]].abs().max()))
        shown.loc[rows, named] = in_pg * factor
        shown.loc[rows, "unit"] = prefix + found[2]
    return shown
