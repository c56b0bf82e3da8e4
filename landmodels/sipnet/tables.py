"""Read a csv table so that each number is the nearest double of its text."""

from __future__ import annotations

import os

import pandas as pd

from landmodels.sipnet.errors import InputError


def read_table(path: str | os.PathLike[str], wanted: str) -> pd.DataFrame:
    """Read a csv table (also gzipped); columns of numbers become float64.

    Parameters
    ----------
    path : path-like
    wanted : str
        What the table ought to be, for the error.

    Returns
    -------
    pandas.DataFrame
        Columns with anything but numbers and blanks stay text.

    Raises
    ------
    InputError
        If the file is missing or is no table.

    Notes
    -----
    The parser's own conversion can be off by the last bit, depending on the version
    of pandas; a run that is continued from a file would then not be the same bits.
    """
    try:
        table = pd.read_csv(path, dtype=str)
    except (OSError, ValueError, EOFError, UnicodeDecodeError) as exc:
        raise InputError(str(path), found=str(exc), wanted=wanted) from exc
    for name in table.columns:
        try:
            table[name] = table[name].astype(float)
        except ValueError:  # text
            continue
    return table
