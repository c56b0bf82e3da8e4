"""Reading a provider's text table strictly: each fault by file, line and column."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from ibis_dalec.errors import InputError
from ibis_dalec.forcing import Driver

_MISSING = ("", "na", "nan", "null", "none")


@dataclass(frozen=True)
class Column:
    """A column of a file, and the variable that it becomes.

    ``value = factor * cell`` turns the file's unit into the variable's;
    ``file_units`` is what the file is in, for messages.
    """

    column: str
    variable: Driver
    file_units: str
    factor: float = 1.0
    required: bool = False


def existing_file(path: str | Path) -> Path:
    """The path, refused clearly if no file is there."""
    path = Path(path)
    if path.is_file():
        return path
    near = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, near, n=1)
    raise InputError(
        str(path),
        found="a folder" if path.is_dir() else "no such file",
        wanted="a file",
        hint=f"Is it {close[0]!r}?" if close else None,
    )


def read_text_table(
    path: str | Path,
    *,
    required: Iterable[str] = (),
    separator: str = ",",
    skip: int = 0,
) -> pd.DataFrame:
    """A text table as strings, cells and header stripped; index = line number."""
    path = existing_file(path)
    try:
        table = pd.read_csv(
            path, sep=separator, dtype=str, keep_default_na=False, skiprows=skip
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
        )
    table.columns = table.columns.str.strip()
    for name in required:
        if name not in table.columns:
            raise missing_column(path, name, table.columns, skip + 1)
    if table.empty:
        raise InputError(f"{path}", found="a header and no rows", wanted="data rows")
    table.index = pd.RangeIndex(skip + 2, skip + 2 + len(table), name="line")
    return table.fillna("")


def missing_column(path, name, columns, line) -> InputError:
    """The error for a column that is not there."""
    close = difflib.get_close_matches(name, list(columns), n=1, cutoff=0.5)
    return InputError(
        f"{path}:{line}  column {name}",
        found=f"columns {', '.join(map(str, columns))}",
        wanted=f"a column {name}",
        hint=f"Is it {close[0]!r}?" if close else None,
    )


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


def dates(table: pd.DataFrame, column: str, path: str | Path) -> pd.DatetimeIndex:
    """A column of YYYY-MM-DD dates, each day once."""
    text = table[column].str.strip()
    days = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce")
    if days.isna().any():
        line = first_line(days.isna())
        raise InputError(
            f"{path}:{line}  {column}",
            found=repr(text.loc[line]),
            wanted="a date such as 2003-07-04",
        )
    refuse_repeats(days, path)
    return pd.DatetimeIndex(days)


def refuse_repeats(days: pd.Series, path: str | Path) -> None:
    """Refuse a day that stands in a table twice (index = line number)."""
    if days.duplicated().any():
        line = first_line(days.duplicated())
        first = first_line(days == days.loc[line])
        raise InputError(
            f"{path}:{line}  {days.loc[line]:%Y-%m-%d}",
            found=f"the same day as in line {first}",
            wanted="each day once",
        )


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
    path: str | Path,
    columns: Iterable[Column],
    *,
    date: str = "date",
) -> xr.Dataset:
    """A daily table with a date column as a Dataset over ``time``, sorted.

    Columns that are not required and not there are left out. Values are checked
    against the variable's limits and converted to its unit.
    """
    columns = list(columns)
    table = read_text_table(
        path, required=[date, *(c.column for c in columns if c.required)]
    )
    days = dates(table, date, path)
    data = {}
    for column in columns:
        if column.column not in table.columns:
            continue
        values = numbers(table, column.column, path)
        check_range(values, column, days, path)
        name = column.variable.name
        data[name] = (
            "time",
            values.to_numpy() * column.factor,
            column.variable.attrs,
        )
    dataset = xr.Dataset(data, coords={"time": days.to_numpy("datetime64[ns]")})
    return dataset.sortby("time").assign_attrs(source=Path(path).name)


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
