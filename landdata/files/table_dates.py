"""Dates of a text table, as spreadsheets and programs write them.

ISO dates are read as they are; so are forms that can mean one day only (2003/07/04,
20030704, 4-Jul-2003, midnight stamps). A column like 7/4/2003 is read where one
order of day and month fits the whole of it, and that is said. Where both fit, it is
refused: a guess would be months off.
"""

from __future__ import annotations

import re

import pandas as pd

from landdata.errors import InputError
from landdata.files.notes import Notes

_ONE_MEANING = (
    ("%Y-%m-%d", r"\d{4}-\d{1,2}-\d{1,2}"),
    ("%Y/%m/%d", r"\d{4}/\d{1,2}/\d{1,2}"),
    ("%Y.%m.%d", r"\d{4}\.\d{1,2}\.\d{1,2}"),
    ("%Y%m%d", r"(?:19|20)\d{6}"),
    ("%d-%b-%Y", r"\d{1,2}-[A-Za-z]{3}-\d{4}"),
    ("%d-%b-%y", r"\d{1,2}-[A-Za-z]{3}-\d{2}"),
    ("%d %b %Y", r"\d{1,2} [A-Za-z]{3} \d{4}"),
    ("%d %B %Y", r"\d{1,2} [A-Za-z]{3,9} \d{4}"),
)
_MIDNIGHT = re.compile(r"[T ]0?0:00(?::00(?:\.0+)?)?(?:Z|\+00:?00)?$")
_TWO_ORDERS = re.compile(r"\d{1,2}([/.-])\d{1,2}\1(?:\d{4}|\d{2})")
_SERIAL = re.compile(r"[2-5]\d{4}(?:\.0+)?")


def table_dates(text: pd.Series, where: str, notes: Notes) -> pd.Series:
    """Days of a column of text (index = line number), each with a meaning.

    Parameters
    ----------
    text : pandas.Series of str
        As the table has them.
    where : str
        File, for errors; the line is put after it.
    notes : Notes
        Notes every form but ISO.

    Returns
    -------
    pandas.Series of datetime64
        With the same index.

    Raises
    ------
    InputError
        At the first cell that is no date, or where day and month can be exchanged.
    """
    days = text.str.strip()
    stamped = days.str.contains(_MIDNIGHT)
    if stamped.all():
        days = days.str.replace(_MIDNIGHT, "", regex=True)
    first = days.iloc[0] if len(days) else ""
    refusal: InputError | None = None
    for pattern, shape in _ONE_MEANING:
        if re.fullmatch(shape, first):
            found = _parsed(days, shape, pattern)
            if found.notna().all():
                if pattern != "%Y-%m-%d":
                    notes.add(f"{text.name}: read as {_readable(pattern)}")
                return found
            refusal = _no_date(text, found, where, f"a date such as {first}")
    if refusal is not None:  # "01 May 2003" may be a short name or a long one
        raise refusal
    if _TWO_ORDERS.fullmatch(first):
        return _either_order(text, days, where, notes)
    found = _parsed(days, r"\d{4}-\d{2}-\d{2}", "%Y-%m-%d")
    hint = None
    if _SERIAL.fullmatch(first):
        hint = (
            "A spreadsheet's number of a day, which counts from 1900 or from 1904: "
            "give the column a date format and save again."
        )
    raise _no_date(text, found, where, "a date such as 2003-07-04", hint)


def _parsed(days: pd.Series, shape: str, pattern: str) -> pd.Series:
    known = days.where(days.str.fullmatch(shape))
    return pd.to_datetime(known, format=pattern, errors="coerce")


def _either_order(
    text: pd.Series, days: pd.Series, where: str, notes: Notes
) -> pd.Series:
    parts = days.str.extract(r"^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})$")
    bad = parts.isna().any(axis=1)
    if bad.any():
        raise _no_date(text, parts[0].mask(bad), where, f"a date as {days.iloc[0]}")
    year = parts[2].where(parts[2].str.len() == 4, "20" + parts[2])
    orders = {}
    for name, (month, day) in {"month first": (0, 1), "day first": (1, 0)}.items():
        iso = year + "-" + parts[month] + "-" + parts[day]
        orders[name] = pd.to_datetime(iso, format="%Y-%m-%d", errors="coerce")
    fitting = {name: found for name, found in orders.items() if found.notna().all()}
    if len(fitting) == 2:
        both = list(fitting.values())
        if (both[0] == both[1]).all():
            return both[0]
        line = int(text.index[int((both[0] != both[1]).to_numpy().argmax())])
        raise InputError(
            f"{where}:{line}  {text.name}",
            found=f"{text.loc[line]!r}, {both[0].loc[line]:%d %B} or "
            f"{both[1].loc[line]:%d %B}",
            wanted="a date such as 2003-07-04",
            hint="Day and month can be exchanged in the whole column: save it as "
            "YYYY-MM-DD.",
        )
    if not fitting:
        fewest = min(orders.values(), key=lambda found: int(found.isna().sum()))
        raise _no_date(text, fewest, where, "one order of day and month throughout")
    ((name, found),) = fitting.items()
    if (parts[2].str.len() == 2).any():
        raise InputError(
            f"{where}:{int(text.index[0])}  {text.name}",
            found=f"{text.iloc[0]!r}, a year of two digits",
            wanted="a date such as 2003-07-04",
        )
    notes.add(f"{text.name}: read with the {name}, which alone fits all rows")
    return found


def _readable(pattern: str) -> str:
    for mark, word in (("%Y", "YYYY"), ("%y", "YY"), ("%m", "MM"), ("%d", "DD"),
                       ("%b", "Mon"), ("%B", "Month")):  # fmt: skip
        pattern = pattern.replace(mark, word)
    return pattern


def _no_date(
    text: pd.Series, found: pd.Series, where: str, wanted: str, hint: str | None = None
) -> InputError:
    line = int(text.index[int(found.isna().to_numpy().argmax())])
    return InputError(
        f"{where}:{line}  {text.name}",
        found=repr(text.loc[line]),
        wanted=wanted,
        hint=hint,
    )
