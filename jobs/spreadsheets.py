"""Texts in CSV files that a spreadsheet shows and does not compute.

Names of places are anybody's text, and a cell that begins like a formula is one to a
spreadsheet: it may fetch from the network or start a program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def quoted(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: an apostrophe before it.

    Examples
    --------
    >>> quoted("=1+1"), quoted("Oak hill")
    ("'=1+1", 'Oak hill')
    """
    bare = text.lstrip("'").lstrip()
    return f"'{text}" if bare.startswith(_STARTS_A_FORMULA) else text


def unquoted(text: str) -> str:
    """Return what `quoted` was given.

    Examples
    --------
    >>> unquoted("'=1+1"), unquoted("'tis"), unquoted(quoted("'=1"))
    ('=1+1', "'tis", "'=1")
    """
    return text[1:] if text.startswith("'") and quoted(text[1:]) == text else text


def safe_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts no spreadsheet takes for formulas, to be written."""
    safe = frame.copy(deep=False)
    for name in frame.columns:
        if frame[name].dtype == object or str(frame[name].dtype) in ("str", "string"):
            safe[name] = [
                quoted(value) if isinstance(value, str) else value
                for value in frame[name]
            ]
    return safe
