"""Words that go with a correction: logged, and kept on what was read.

A reader that changes a number, or leaves some out, says so twice: as a warning of
the logger of this module and in the attribute ``corrections`` of its Dataset.
"""

from __future__ import annotations

import logging
from pathlib import Path

logger = logging.getLogger(__name__)


class Notes:
    """The corrections made while one file is read.

    Parameters
    ----------
    path : path
        The file.
    said : str
        The corrections that another reader of the same file made before.

    Examples
    --------
    >>> notes = Notes("tower.csv")
    >>> notes.add("SW_IN: 12 night values below zero set to 0")
    >>> notes.attrs
    {'corrections': 'SW_IN: 12 night values below zero set to 0'}
    """

    def __init__(self, path: str | Path, said: str = "") -> None:
        self.path = path
        self.lines: list[str] = [said] if said else []

    def add(self, line: str) -> None:
        """Keep a line, and log it with the file's name."""
        if line not in self.lines:
            self.lines.append(line)
            logger.warning("%s  %s", self.path, line)

    @property
    def attrs(self) -> dict[str, str]:
        """The attribute ``corrections``, where there is anything to say."""
        return {"corrections": "; ".join(self.lines)} if self.lines else {}
