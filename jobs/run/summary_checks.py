"""Hold what was read of ``summary.json`` against what is written there.

A file that parses may still be of another kind: every number is one, every text can be
shown, before anything is counted or drawn with it.
"""

from __future__ import annotations

from typing import Any

_COUNTS = ("minutes", "n_model_runs", "n_failed_runs", "surrogate_rmse")
_MOST = 1e15
_LONGEST = 300  # characters of a reason


def check_summary(content: Any) -> dict[str, Any]:
    """Return a summary whose values are of the kinds that were written.

    Parameters
    ----------
    content : object
        What the JSON file held.

    Raises
    ------
    ValueError
        Naming the first key that is of another kind.

    Examples
    --------
    >>> check_summary({"status": "done", "minutes": 1.5})
    {'status': 'done', 'minutes': 1.5}
    >>> check_summary({"status": "done", "minutes": "soon"})
    Traceback (most recent call last):
        ...
    ValueError: minutes is no number
    """
    if not isinstance(content, dict) or not content:
        raise ValueError("no keys and values")
    if content.get("status") not in ("done", "suspect"):
        raise ValueError("status is unknown")
    reason = content.get("reason", "")
    if not isinstance(reason, str) or len(reason) > _LONGEST or not _shown(reason):
        raise ValueError("reason is no word")
    for name in _COUNTS:
        if name in content and not _is_number(content[name]):
            raise ValueError(f"{name} is no number")
    for name in ("parameters", "error_scale"):
        if name in content:
            _check_table(name, content[name])
    inputs = content.get("inputs", {})
    if not isinstance(inputs, dict) or not all(
        isinstance(value, str) and _shown(value) for value in inputs.values()
    ):
        raise ValueError("inputs is no table of digests")
    return content


def _check_table(name: str, table: Any) -> None:
    if not isinstance(table, dict):
        raise ValueError(f"{name} is no table")
    for row_name, row in table.items():
        if not isinstance(row, dict) or not _shown(row_name):
            raise ValueError(f"{name} has a row that is none")
        for key, value in row.items():
            if type(value) is float:
                continue  # any of them is a number: most of what is looked at
            text = isinstance(value, str) and _shown(value) and len(value) < _LONGEST
            if not (value is None or text or _is_number(value)):
                raise ValueError(f"{name}.{row_name}.{key} is no number")


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # NaN is a number here: what could not be computed.
    return not abs(value) > _MOST or isinstance(value, float)


def _shown(text: str) -> bool:
    return text.isprintable()
