"""Reading a provider's text table strictly: each fault by file, line and column."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landdata.errors import InputError
from landdata.files.column_names import matching_columns, near_name
from landdata.files.notes import Notes
from landdata.files.table_dates import table_dates
from landdata.meteorology.radiation import NIGHT_OFFSET_MJ
from landdata.variables import Variable

_MOST = 2000
"""Characters of a text that an error shows."""
_MISSING = ("", "na", "nan", "null", "none")
Table = str | Path | pd.DataFrame
"""A file of a table, or the table itself."""


@dataclass(frozen=True)
class Column:
    """A column of a file, and the variable that it becomes.

    ``value = factor * cell`` turns the file's unit into the variable's;
    ``file_units`` is what the file is in, for messages.
    """

    column: str
    variable: Variable
    file_units: str
    factor: float = 1.0
    required: bool = False


def existing_file(path: str | Path) -> Path:
    """The path, refused clearly if no file is there."""
    path = Path(path)
    if path.is_file():
        return path
    near = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
    raise InputError(
        str(path),
        found="a folder" if path.is_dir() else "no such file",
        wanted="a file",
        hint=near_name(path.name, near),
    )


def read_text_table(
    path: Table,
    *,
    required: Iterable[str] = (),
    known: Iterable[str] = (),
    separator: str = ",",
    skip: int = 0,
    notes: Notes | None = None,
) -> pd.DataFrame:
    """A text table as strings, cells and header stripped; index = line number.

    Parameters
    ----------
    path : path or pandas.DataFrame
        A file, or a table with its columns (or with dates as its index).
    required : names
        Columns that must be there.
    known : names
        Columns that are read where they are there.
    separator, skip
        Between cells; lines before the header.
    notes : Notes, optional
        Notes a column that is taken although its capitals differ.
    """
    if isinstance(path, pd.DataFrame):
        table = _as_text(path)
        path, skip = "table", 0
    else:
        table = _from_file(existing_file(path), separator, skip)
    table.columns = table.columns.str.strip()
    if table.columns.has_duplicates:
        twice = table.columns[table.columns.duplicated()][0]
        raise InputError(
            f"{path}:{skip + 1}", found=f"two columns {twice}", wanted="each name once"
        )
    required = list(required)
    renamed = matching_columns([*required, *known], table.columns)
    for name, column in renamed.items():
        if not isinstance(column, str):
            raise InputError(
                f"{path}:{skip + 1}  column {name}",
                found=f"columns {', '.join(column)}",
                wanted=f"one column {name}",
            )
        if notes is not None:
            notes.add(f"column {column} taken for {name}")
    table = table.rename(columns={v: k for k, v in renamed.items()})
    for name in required:
        if name not in table.columns:
            raise missing_column(path, name, table.columns, skip + 1)
    if table.empty:
        raise InputError(f"{path}", found="a header and no rows", wanted="data rows")
    table.index = pd.RangeIndex(skip + 2, skip + 2 + len(table), name="line")
    return table.fillna("")


def _from_file(path: Path, separator: str, skip: int) -> pd.DataFrame:
    try:
        # The mark that spreadsheets put before the first byte is no part of a name.
        table = pd.read_csv(
            path,
            sep=separator,
            dtype=str,
            keep_default_na=False,
            skiprows=skip,
            encoding="utf-8-sig",
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError) as exc:
        raise InputError(
            str(path), found=f"not a readable table ({exc})", wanted="text columns"
        ) from exc
    if not isinstance(table.index, pd.RangeIndex):
        # pandas takes surplus leading fields for row labels, and shifts columns.
        raise InputError(
            f"{path}:{skip + 2}",
            found="more fields in a row than in the header",
            wanted=f"{len(table.columns)} fields, as the header has",
            hint=_separator_hint(table.columns),
        )
    return table


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    """A DataFrame as its file would be read; dates may be its index."""
    if isinstance(table.index, pd.DatetimeIndex | pd.PeriodIndex):
        index = table.index
        if isinstance(index, pd.PeriodIndex):
            index = index.to_timestamp()
        table = table.reset_index(drop=True)
        table.insert(0, "date", index.strftime("%Y-%m-%d %H:%M:%S"))
    text = {}
    for name in table.columns:
        column = table[name]
        if pd.api.types.is_datetime64_any_dtype(column):
            column = column.dt.strftime("%Y-%m-%d %H:%M:%S")
        text[str(name)] = column.astype(object).where(column.notna(), "").astype(str)
    return pd.DataFrame(text)


def _separator_hint(columns: Iterable[str]) -> str | None:
    """What to do where a table's cells are not separated by commas."""
    names = list(columns)
    mark = next((one for one in ";\t|" if len(names) == 1 and one in names[0]), None)
    if mark is None:
        return None
    return (
        f"The cells are separated by {mark!r}: save the table with commas between "
        "cells and points in numbers."
    )


def missing_column(path, name, columns, line) -> InputError:
    """The error for a column that is not there."""
    names = list(map(str, columns))
    hint = _separator_hint(names) or near_name(name, names)
    return InputError(
        f"{path}:{line}  column {name}",
        found=f"columns {_listed(names)}",
        wanted=f"a column {name}",
        hint=hint,
    )


def _listed(names: list[str]) -> str:
    """Names as an error shows them: of a table of 100,000 columns the first."""
    text = ", ".join(names)
    return text if len(text) <= _MOST else f"{text[:_MOST]} ... ({len(names)} columns)"


def first_line(bad: pd.Series) -> int:
    """The line number of the first True of a series indexed by line."""
    return int(bad.index[int(np.argmax(bad.to_numpy()))])


def numbers(
    table: pd.DataFrame,
    column: str,
    path: str | Path,
    missing_codes: Collection[float] = (),
) -> pd.Series:
    """One column as float64; empty cells, NA and the codes given become NaN."""
    text = table[column].str.strip()
    gone = text.str.lower().isin(_MISSING)
    values = pd.to_numeric(text.mask(gone), errors="coerce").astype("float64")
    wrong = values.isna() & ~gone | np.isinf(values)
    if wrong.any():
        line = first_line(wrong)
        raise InputError(
            f"{path}:{line}  {column}",
            found=repr(table.loc[line, column]),
            wanted="a number, or an empty cell where the value is missing",
        )
    return values.mask(values.isin(list(missing_codes)))


def dates(
    table: pd.DataFrame, column: str, path: str | Path, notes: Notes | None = None
) -> pd.DatetimeIndex:
    """A column of dates, each day once; forms as ``table_dates`` reads them."""
    days = table_dates(table[column], str(path), notes or Notes(path))
    refuse_repeats(days, path)
    return pd.DatetimeIndex(days)


def refuse_repeats(days: pd.Series, path: str | Path) -> None:
    """Refuse a day that is in a table twice (index = line number)."""
    if days.duplicated().any():
        line = first_line(days.duplicated())
        first = first_line(days == days.loc[line])
        raise InputError(
            f"{path}:{line}  {days.loc[line]:%Y-%m-%d}",
            found=f"the same day as in line {first}",
            wanted="each day once",
        )


def without_night_offset(
    values: pd.Series, column: Column, notes: Notes | None
) -> pd.Series:
    """Shortwave a little below zero set to zero, and counted.

    A pyranometer reads some watts too little under a cold sky at night, so that days
    of polar night come out below zero.
    """
    if column.variable.name != "shortwave":
        return values
    small = (values < 0.0) & (values * column.factor >= -NIGHT_OFFSET_MJ)
    if not small.any():
        return values
    if notes is not None:
        notes.add(
            f"{column.column}: {int(small.sum())} values from {values[small].min():g} "
            f"to 0 {column.file_units} set to 0 (night offset)"
        )
    return values.mask(small, 0.0)


def check_range(
    values: pd.Series,
    column: Column,
    days: pd.DatetimeIndex,
    path: str | Path,
) -> None:
    """Refuse a value that no weather can have (index = line number)."""
    driver = column.variable
    scaled = values * column.factor
    bad = (scaled < driver.low) | (scaled > driver.high)
    if bad.any():
        line = first_line(bad)
        day = days[int(np.argmax(bad.to_numpy()))]
        low, high = driver.low / column.factor, driver.high / column.factor
        code = values.loc[line] <= -9990.0
        raise InputError(
            f"{path}:{line}  {column.column} on {day:%Y-%m-%d}",
            found=f"{values.loc[line]:g} (days like it: {int(bad.sum())})",
            wanted=f"{low:g} to {high:g} {column.file_units}",
            hint="A missing-value code: leave the cell empty."
            if code
            else "It cannot be negative."
            if driver.low == 0.0 and values.loc[line] < 0.0
            else f"Is the column in {column.file_units}?",
        )


def read_daily_table(
    path: Table,
    columns: Iterable[Column],
    *,
    date: str = "date",
) -> xr.Dataset:
    """A daily table with a date column as a Dataset over ``time``, sorted.

    Columns that are not required and not there are left out. Values are checked
    against the variable's limits and converted to its unit. What was corrected is
    logged and kept in the attribute ``corrections``.
    """
    columns = list(columns)
    where = "table" if isinstance(path, pd.DataFrame) else path
    notes = Notes(where)
    table = read_text_table(
        path,
        required=[date, *(c.column for c in columns if c.required)],
        known=[c.column for c in columns],
        notes=notes,
    )
    days = dates(table, date, where, notes)
    data = {}
    for column in columns:
        if column.column not in table.columns:
            continue
        values = numbers(table, column.column, where)
        values = without_night_offset(values, column, notes)
        check_range(values, column, days, where)
        name = column.variable.name
        data[name] = (
            "time",
            values.to_numpy() * column.factor,
            column.variable.attrs,
        )
    dataset = xr.Dataset(data, coords={"time": days.to_numpy("datetime64[ns]")})
    return dataset.sortby("time").assign_attrs(source=Path(where).name, **notes.attrs)


def refuse_inverted_temperatures(dataset: xr.Dataset, path: str | Path) -> None:
    """Refuse tmin above tmax, by date."""
    bad = (dataset["tmin"] > dataset["tmax"]).to_numpy()
    if bad.any():
        first = int(np.argmax(bad))
        day = dataset.indexes["time"][first]
        raise InputError(
            f"{path}  tmin and tmax on {day:%Y-%m-%d}",
            found=f"tmin {float(dataset['tmin'][first]):g} above "
            f"tmax {float(dataset['tmax'][first]):g} degC "
            f"(days like it: {int(bad.sum())})",
            wanted="tmin at most tmax",
        )
