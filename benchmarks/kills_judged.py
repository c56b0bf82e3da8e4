"""Hold a run that was killed again and again against one that was left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
import xarray as xr
import zarr

import masm
from jobs.run.folder import PixelFolder, RunFolder
from jobs.run.pixel_state import FINISHED, REASONS, state_of
from jobs.run.run import open_run
from jobs.run.status import status_of

OF_ITS_OWN = ("minutes", "collected_mtime")  # arrays that may differ between runs


@dataclass(frozen=True)
class Expected:
    """What a run comes to."""

    ids: list[int]
    results: dict[int, masm.Result]
    summaries: dict[int, dict[str, Any]]
    store: dict[str, np.ndarray]

    @classmethod
    def of(cls, path: Path) -> Expected:
        """Read a run that is finished and collected."""
        run = open_run(path)
        ids = [pixel.id for pixel in run.pixels]
        folders = {i: run.folder.pixel(i) for i in ids}
        return cls(
            ids,
            {i: masm.open_result(folders[i].posterior) for i in ids},
            {i: read_summary(folders[i].summary) for i in ids},
            read_store(path),
        )


class Judge:
    """Looks at a run after each kill, at files that changed since it looked last."""

    def __init__(self, calm: Path, path: Path) -> None:
        self.expected = Expected.of(calm)
        self.path = path
        self._finished: set[int] = set()
        self._seen: dict[Path, tuple[int, int, int]] = {}

    def look(self) -> list[str]:
        """Return what is wrong now, as lines of text."""
        folder = RunFolder(self.path)
        faults = []
        states = {i: state_of(folder.pixel(i)).state for i in self.expected.ids}
        finished = {i for i, state in states.items() if state in FINISHED}
        faults += [f"pixel {i} lost its result" for i in self._finished - finished]
        self._finished |= finished
        run = open_run(self.path)
        counted = status_of(run.folder, run.pixels)
        if sum(counted.states.values()) != len(self.expected.ids):
            faults.append(f"the status does not add up: {counted.states}")
        for i in self.expected.ids:
            faults += self._pixel(i, folder.pixel(i), is_finished=i in finished)
        return faults + list(self._store())

    def look_at_everything(self) -> list[str]:
        """Return how a finished, collected run differs from the one left alone."""
        self._seen.clear()
        faults = self.look()
        missing = set(self.expected.ids) - self._finished
        faults += [f"pixel {i} was never finished" for i in missing]
        if not (self.path / "posteriors.zarr").exists():
            return [*faults, "nothing was collected"]
        marks = read_store(self.path)["collected_mtime"]
        return faults + [
            f"pixel {i} was not collected"
            for i, mark in zip(self.expected.ids, marks, strict=True)
            if mark < 0
        ]

    def left_overs(self) -> int:
        """Files that a killed process left half-written, under names of their own."""
        hidden = (self.path / "pixels").rglob(".*")
        partial = (self.path / "posteriors.zarr").rglob("*.partial")
        return sum(1 for _ in hidden) + sum(1 for _ in partial)

    def _pixel(
        self, pixel_id: int, folder: PixelFolder, *, is_finished: bool
    ) -> Iterator[str]:
        if self._is_new(folder.posterior) and is_finished:
            yield from self._result(pixel_id, folder)
        if self._is_new(folder.checkpoint):
            try:
                with h5netcdf.File(folder.checkpoint, "r") as opened:
                    json.loads(str(opened.attrs["fingerprint"]))
            except FileNotFoundError:
                pass  # the pixel was finished meanwhile
            except (OSError, KeyError, ValueError) as exc:
                yield f"pixel {pixel_id}: its checkpoint cannot be read: {exc}"
        if self._is_new(folder.failure):
            try:
                reason = json.loads(folder.failure.read_text())["reason"]
                if reason not in REASONS or reason == "bug":
                    yield f"pixel {pixel_id}: failed for {reason}"
            except FileNotFoundError:
                pass
            except (KeyError, ValueError) as exc:
                yield f"pixel {pixel_id}: its failure cannot be read: {exc}"

    def _result(self, pixel_id: int, folder: PixelFolder) -> Iterator[str]:
        wanted = self.expected.results[pixel_id]
        try:
            found = masm.open_result(folder.posterior)
            summary = read_summary(folder.summary)
        except (masm.InputError, OSError, ValueError) as exc:
            yield f"pixel {pixel_id}: its result cannot be read: {exc}"
            return
        for name, group in wanted.groups.items():
            if name not in found.groups or not group.equals(found.groups[name]):
                yield f"pixel {pixel_id}: other numbers in {name}"
        if summary != self.expected.summaries[pixel_id]:
            yield f"pixel {pixel_id}: another summary"

    def _store(self) -> Iterator[str]:
        """Rows that are marked as collected must be whole at any time."""
        place = self.path / "posteriors.zarr"
        if not (place / "zarr.json").exists():
            return
        try:
            if "complete" not in zarr.open_group(place, mode="r").attrs:
                return  # its making was broken off: the next collector makes it anew
            found = read_store(self.path)
        except (OSError, KeyError, ValueError, RuntimeError) as exc:
            yield f"the store cannot be read: {exc}"
            return
        done = found["collected_mtime"] >= 0
        for name, wanted in self.expected.store.items():
            if name in (*OF_ITS_OWN, "state"):
                continue
            rows = done if len(wanted) == len(done) else slice(None)
            if not same(found[name][rows], wanted[rows]):
                yield f"the store has other numbers in {name}"

    def _is_new(self, path: Path) -> bool:
        try:
            state = path.stat()
        except FileNotFoundError:
            return False
        stamp = state.st_mtime_ns, state.st_size, state.st_ino
        before = self._seen.get(path)
        self._seen[path] = stamp
        return before != stamp


def read_summary(path: Path) -> dict[str, Any]:
    """Read a summary but for the minutes, with NaN as a word, which equals itself."""
    text = path.read_text(encoding="utf-8")
    summary = json.loads(text, parse_constant=str)
    del summary["minutes"]
    return summary


def read_store(path: Path) -> dict[str, np.ndarray]:
    """Read every array of the collected store."""
    place = path / "posteriors.zarr"
    with xr.open_zarr(place, chunks=None, consolidated=False) as opened:
        return {str(name): array.to_numpy() for name, array in opened.variables.items()}


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Compare to the last bit; NaN equals itself."""
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
