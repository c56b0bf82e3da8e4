"""States of many pixels in order, at the cost of those that were begun.

A folder of a hundred pixels is listed once. A pixel that has nothing there waits, and
no file of it is asked for: a run of a million pixels that has just started is counted
in seconds, and no state is kept here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from jobs.run.folder import BLOCK, RunFolder
from jobs.run.pixel import Pixel
from jobs.run.pixel_state import PixelState, state_of

_WAITING = PixelState("waiting")


def states_of(
    folder: RunFolder, pixels: Iterable[Pixel]
) -> Iterator[tuple[Pixel, PixelState]]:
    """Yield each pixel with its state, as `jobs.run.pixel_state.state_of` reads it.

    Parameters
    ----------
    folder : RunFolder
        Of the run.
    pixels : iterable of Pixel
        In any order; that of their ids is the fastest.

    Examples
    --------
    >>> from pathlib import Path
    >>> pixel = Pixel(7, "Oak hill", 42.0, -72.0, 3.0, 60.0, 10.0)
    >>> [s.state for _, s in states_of(RunFolder(Path("nowhere")), [pixel])]
    ['waiting']
    """
    begun = _Begun(folder)
    for pixel in pixels:
        if begun.is_any(pixel.id):
            yield pixel, state_of(folder.pixel(pixel.id))
        else:
            yield pixel, _WAITING


class _Begun:
    """Which pixels have anything of theirs in the run folder."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._groups = _names(folder.path / "pixels")
        self._group, self._names = -1, frozenset[str]()

    def is_any(self, pixel_id: int) -> bool:
        """Return whether a pixel's files have to be looked at."""
        if self._groups is None:
            return True
        group = pixel_id // 100
        if group != self._group:
            self._group = group
            path = self._folder.group(pixel_id)
            listed = _names(path) if path.name in self._groups else frozenset()
            if listed is None:  # no folder of ours: each pixel's state says so
                listed = frozenset(f"{100 * group + k:05d}" for k in range(100))
            self._names = listed
        if not self._names:
            return False
        return f"{pixel_id:05d}" in self._names or BLOCK in self._names


def _names(path: Path) -> frozenset[str] | None:
    """Names in a folder; None if what is there is no folder of ours."""
    if path.is_symlink():
        return None
    try:
        return frozenset(os.listdir(path))
    except FileNotFoundError:
        return frozenset()
    except NotADirectoryError:
        return None
