"""Exit codes of the command line."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the command line returns."""

    DONE = 0
    BUG = 1
    WRONG = 2
    SOME_FAILED = 3
    OVER_BUDGET = 4
    SUSPICIOUS = 5
    STOPPED = 75
