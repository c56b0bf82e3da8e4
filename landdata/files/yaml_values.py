"""Plain values of a parsed YAML file, aliases followed as far as can be meant.

A few lines of aliases of aliases can stand for more values than fit into memory, and a
list can hold itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from landdata.errors import InputError

_MOST_VALUES = 100_000
_MOST_DEPTH = 30


def plain_values(tree: Any, path: Path) -> Any:
    """Return dicts, lists and plain values of what a YAML parser gave.

    Raises
    ------
    InputError
        At more values, or more levels, than can be meant.

    Examples
    --------
    >>> plain_values({"a": [1, 2]}, Path("catalogue.yaml"))
    {'a': [1, 2]}
    """
    n_values = 0

    def of(node: Any, depth: int) -> Any:
        nonlocal n_values
        n_values += 1
        if n_values > _MOST_VALUES or depth > _MOST_DEPTH:
            many = n_values > _MOST_VALUES
            raise InputError(
                str(path),
                found="more values than can be meant" if many else "no end of levels",
                wanted="fewer aliases" if many else "a few levels",
            )
        if isinstance(node, dict):
            return {key: of(value, depth + 1) for key, value in node.items()}
        if isinstance(node, list):
            return [of(value, depth + 1) for value in node]
        return node

    return of(tree, 0)
