"""Which pixels a pixel borrows its start from: fixed before anything is calibrated.

Pixels are calibrated in waves. The first few lie as far apart from each other as may
be, in place, elevation and soil; the second wave, ten times as many, fills in between;
then come the rest. A pixel borrows from pixels of earlier waves alone, the nearest
first. Waves and lists follow from the table of pixels and are in ``neighbours.csv``,
so that the answer depends on them and on seeds, and not on workers, order or kills.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from jobs.errors import ConfigError, Problem
from jobs.files import is_file, read_text, write_text
from jobs.run.csv_tables import read_rows
from jobs.run.folder import RunFolder
from jobs.run.pixel import Pixel
from jobs.run.pixel_state import PixelState, state_of

_FIRST, _GROWTH = 20, 10
_SPARE = 4
"""Times as many neighbours listed as used: some of them fail."""
_AT_ONCE = 1000


class NeighboursUnfinished(ConfigError):
    """Pixels to borrow from have not come to an end: the borrower is not to blame."""


@dataclass(frozen=True)
class Neighbourhood:
    """Wave and ordered neighbours of one pixel.

    Attributes
    ----------
    wave : int
        From 1.
    neighbours : tuple of int
        Ids of pixels of earlier waves, the nearest first.
    """

    wave: int
    neighbours: tuple[int, ...] = ()


def neighbourhoods(pixels: Sequence[Pixel], n: int) -> dict[int, Neighbourhood]:
    """Return wave and neighbours of each pixel, by id.

    Parameters
    ----------
    pixels : sequence of Pixel
        Of the run, in any order.
    n : int
        Neighbours that a pixel uses; four times as many are listed.

    Examples
    --------
    >>> row = [Pixel(i, f"p{i}", 40.0 + i, -75.0, 0.0, 50.0, 20.0) for i in range(20)]
    >>> found = neighbourhoods(row, 1)
    >>> [sum(one.wave == k for one in found.values()) for k in (1, 2)]
    [2, 18]
    """
    ordered = sorted(pixels, key=lambda pixel: pixel.id)
    ids = np.array([pixel.id for pixel in ordered])
    x = covariates(ordered)
    n_first = min(_FIRST, max(1, len(ids) // _GROWTH))
    n_early = min(len(ids), n_first + _GROWTH * n_first)
    spread = farthest_first(x, n_early)
    wave = np.full(len(ids), 3)
    wave[spread] = 2
    wave[spread[:n_first]] = 1
    found: dict[int, Neighbourhood] = {}
    for k in (1, 2, 3):
        rows, earlier = np.flatnonzero(wave == k), np.flatnonzero(wave < k)
        for first in range(0, len(rows), _AT_ONCE):
            some = rows[first : first + _AT_ONCE]
            near = _nearest(x[some], x[earlier], _SPARE * n)
            for row, columns in zip(some, near, strict=True):
                listed = tuple(ids[earlier[columns]].tolist())
                found[int(ids[row])] = Neighbourhood(k, listed)
    return found


def covariates(pixels: Sequence[Pixel]) -> np.ndarray:
    """Return place on the globe, elevation and soil, each scaled, (pixel, covariate).

    The three coordinates of a place share one scale, so that distances stay distances.
    """
    table = np.array(
        [[p.latitude, p.longitude, p.elevation, p.sand, p.clay] for p in pixels]
    )
    lat, lon = np.deg2rad(table[:, 0]), np.deg2rad(table[:, 1])
    place = np.stack(
        [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1
    )
    place = (place - place.mean(axis=0)) / max(float(np.sqrt(place.var(0).sum())), 1e-9)
    rest = table[:, 2:]
    scale = rest.std(axis=0)
    rest = (rest - rest.mean(axis=0)) / np.where(scale > 0.0, scale, 1.0)
    # Rounded: the last bits of a sum must not decide which of two is nearer.
    return np.asarray(np.round(np.concatenate([place, rest], axis=1), 9))


def farthest_first(x: np.ndarray, n: int) -> np.ndarray:
    """Return rows, each as far as may be from those before; the middle one first."""
    chosen = [int(np.argmin(_distances(x, x.mean(axis=0))))]
    left = _distances(x, x[chosen[0]])
    left[chosen] = -1.0
    while len(chosen) < n:
        chosen.append(int(np.argmax(left)))
        left = np.minimum(left, _distances(x, x[chosen[-1]]))
        left[chosen] = -1.0
    return np.array(chosen)


def _distances(x: np.ndarray, point: np.ndarray) -> np.ndarray:
    return np.asarray(np.round(np.sum((x - point) ** 2, axis=1), 9))


def _nearest(x: np.ndarray, others: np.ndarray, n: int) -> np.ndarray:
    """Return rows of the nearest others, (pixel, n), the lower row first in a tie."""
    if not len(others):
        return np.empty((len(x), 0), int)
    squares = np.round(np.sum((x[:, None, :] - others[None]) ** 2, axis=2), 9)
    return np.argsort(squares, axis=1, kind="stable")[:, :n]


def write_neighbours(folder: RunFolder, pixels: Sequence[Pixel], n: int) -> None:
    """Write ``neighbours.csv``, if it is not there.

    Raises
    ------
    ConfigError
        If one is there that is not of this table of pixels: what the pixels begin with
        would be another than that of those which are done.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["pixel", "wave", "neighbours"])
    for pixel_id, one in sorted(neighbourhoods(pixels, n).items()):
        writer.writerow([pixel_id, one.wave, " ".join(map(str, one.neighbours))])
    text = stream.getvalue()
    if not is_file(folder.neighbours):
        write_text(folder.neighbours, text)
        return
    try:
        same = read_text(folder.neighbours).splitlines() == text.splitlines()
    except ValueError:  # huge, or no text at all
        same = False
    if not same:
        raise ConfigError(
            Problem(
                str(folder.neighbours),
                "this file is not what the run wrote",
                found="other waves or neighbours than the table of pixels gives",
                wanted="neighbours.csv of this run",
                hint="Take the file away: it is made again, the same.",
            )
        )


def read_neighbours(folder: RunFolder) -> dict[int, Neighbourhood]:
    """Read ``neighbours.csv``; once, as long as the file stays the same.

    Every pixel asks for it, and it has a row for each. The answer is shared: it must
    not be changed.

    Raises
    ------
    ConfigError
        If it is not there, or not what was written.
    """
    try:
        stat = os.lstat(folder.neighbours)
    except OSError:
        return _parse(folder)  # says what is wrong
    return _parsed(folder.neighbours, stat.st_ino, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1)
def _parsed(
    path: Path, inode: int, mtime_ns: int, size: int
) -> dict[int, Neighbourhood]:
    return _parse(RunFolder(path.parent))


def _parse(folder: RunFolder) -> dict[int, Neighbourhood]:
    _, rows = read_rows(folder.neighbours, "the table of neighbours")
    found = {}
    for line, row in rows:
        try:
            listed = tuple(map(int, (row["neighbours"] or "").split()))
            one = Neighbourhood(int(row["wave"] or ""), listed)
            found[int(row["pixel"] or "")] = one
        except (KeyError, ValueError) as exc:
            raise ConfigError(
                Problem(
                    f"{folder.neighbours.name}:{line}",
                    "pixel, wave, neighbours",
                    str(exc),
                    "what masm wrote there",
                )
            ) from exc
    return found


def require_listed(
    folder: RunFolder, ids: Sequence[int], known: Mapping[int, Neighbourhood]
) -> None:
    """Refuse a table of neighbours that lacks pixels.

    Raises
    ------
    ConfigError
        Naming some of them.
    """
    if missing := [one for one in ids if one not in known]:
        raise ConfigError(
            Problem(
                str(folder.neighbours),
                "pixels without a row",
                found=f"no pixel {', '.join(map(str, missing[:5]))}",
                wanted="a row for each pixel of the run, as masm wrote it",
                hint="Take the file away: it is made again, the same.",
            )
        )


def by_wave(ids: Sequence[int], known: Mapping[int, Neighbourhood]) -> list[list[int]]:
    """Return ids wave by wave, each in the order given."""
    waves = sorted({known[one].wave for one in ids})
    return [[one for one in ids if known[one].wave == wave] for wave in waves]


def lenders(folder: RunFolder, neighbours: Sequence[int], n: int) -> list[int]:
    """Return the pixels to borrow from: the first ``n`` of the list that are done.

    Suspect, failed and skipped ones are passed over. Fewer, or none, where there are
    no more.

    Raises
    ------
    NeighboursUnfinished
        If one of the list has not come to an end: the answer would depend on when it
        is asked.
    """
    states = {one: state_of(folder.pixel(one)) for one in neighbours}
    unfinished = [one for one, state in states.items() if not _has_ended(state)]
    if unfinished:
        shown = ", ".join(map(str, unfinished[:5]))
        raise NeighboursUnfinished(
            Problem(
                str(folder.neighbours),
                "a pixel borrows its start from pixels that have not come to an end",
                found=f"waiting or running: pixel {shown}",
                wanted="pixels of earlier waves done, suspect or failed",
                hint=f"masm calibrate {folder.path} --resume, without --pixel",
            )
        )
    return first_done(neighbours, {one: s.state for one, s in states.items()}, n)


def first_done(
    neighbours: Sequence[int], states: Mapping[int, str], n: int
) -> list[int]:
    """Return the first ``n`` of a list whose state is ``done``.

    Examples
    --------
    >>> first_done([4, 2, 0, 1], {0: "done", 1: "done", 2: "suspect", 4: "done"}, 2)
    [4, 0]
    """
    return [one for one in neighbours if states[one] == "done"][:n]


def _has_ended(state: PixelState) -> bool:
    return state.state not in ("waiting", "running")
