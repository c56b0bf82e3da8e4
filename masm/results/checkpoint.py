"""A record of finished model runs, so that a stopped calibration can go on.

Calibration is a deterministic function of the problem, the seed and the results of
its model runs. So nothing but the runs needs saving: a resumed calibration repeats
its own cheap arithmetic, is handed the recorded runs instead of running the model,
and comes to the same numbers bit for bit, whichever method it is.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masm.errors import (
    DamagedCheckpoint,
    InputError,
    InputsChanged,
    OtherCalibration,
)
from masm.files import is_of_the_system, replacing
from masm.hdf5_files import plain_stream, read_image, seal
from masm.problem.problem import Runs

logger = logging.getLogger(__name__)

_FORMAT = "masm checkpoint 1"
_INPUT = "input "
_EVERY_BATCH, _LATER = 200, 0.02
"""Batches after each of which the file is written; later after this fraction more."""


def digest(*parts: Any) -> str:
    """Short fingerprint of arrays, numbers and texts."""
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            if part.dtype == object:
                part = part.astype(str)
            sha.update(f"{part.dtype}{part.shape}".encode())
            sha.update(np.ascontiguousarray(part).tobytes())
        else:
            sha.update(json.dumps(part, sort_keys=True, default=repr).encode())
        sha.update(b"|")
    return sha.hexdigest()[:16]


class Checkpoint:
    """Recorded runs of a calibration in one netCDF file.

    Parameters
    ----------
    path : path-like
        Written after every batch, later more seldom; read now if it is there.
    fingerprint : mapping of str to str
        What the runs depend on, part by part (priors, observations, seed, ...). A
        file with another fingerprint is refused, and the part that differs named.
    inputs : mapping of str to str, optional
        Digests of what the model itself reads, such as its forcing. A file without
        any, of an earlier version, is taken once and gets them.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        fingerprint: Mapping[str, str],
        inputs: Mapping[str, str] | None = None,
    ) -> None:
        self.path = Path(path)
        inputs = {_INPUT + name: digest for name, digest in (inputs or {}).items()}
        self.fingerprint = {**fingerprint, **inputs}
        self._blocks: dict[str, list[Runs]] = {}
        if not self.path.parent.is_dir():
            raise InputError(
                f"checkpoint {self.path}: its folder does not exist",
                wanted=f"an existing folder {self.path.parent}",
            )
        if os.path.lexists(self.path):
            self._read()

    def block(self, name: str) -> BlockRecord:
        """Give the record of one block, for `masm.problem.problem.Problem`."""
        return BlockRecord(self, self._blocks.setdefault(name, []))

    @property
    def n_runs(self) -> int:
        """Number of runs on record."""
        return sum(runs.n for batches in self._blocks.values() for runs in batches)

    def _read(self) -> None:
        import h5netcdf

        try:
            stream = plain_stream(read_image(self.path, follow=False))
            with h5netcdf.File(stream, "r") as file:
                self._refuse_other(file.attrs.get("format"))
                recorded = json.loads(str(file.attrs["fingerprint"]))
                blocks = {n: _read_batches(group) for n, group in file.groups.items()}
                if not isinstance(recorded, dict):
                    raise TypeError("its fingerprint is no table")
        except InputError:
            raise
        except MemoryError:
            raise
        except Exception as exc:  # whatever a damaged file makes of the reader
            if isinstance(exc, OSError) and is_of_the_system(exc):
                raise
            raise DamagedCheckpoint(
                f"checkpoint {self.path} cannot be read",
                found=str(exc),
                wanted="a file written by masm.calibrate",
                hint="Remove it to start again.",
            ) from exc
        changed = [
            part
            for part in sorted({*recorded, *self.fingerprint})
            if recorded.get(part) != self.fingerprint.get(part)
            and not (part.startswith(_INPUT) and part not in recorded)
        ]
        if changed:
            names = [part.removeprefix(_INPUT) for part in changed]
            data = set(names) <= {"observations"} or any(
                part.startswith(_INPUT) for part in changed
            )
            raise (InputsChanged if data else OtherCalibration)(
                f"checkpoint {self.path} belongs to another calibration",
                found=f"{', '.join(dict.fromkeys(names))} changed since it was written",
                wanted="the same priors, observations, seed, blocks and options",
                hint="Remove the file, or give another path, to start again.",
            )
        self._blocks.update(blocks)

    def _refuse_other(self, found: object) -> None:
        if found != _FORMAT:
            raise OtherCalibration(
                f"checkpoint {self.path} is not one of ours",
                found=repr(found),
                wanted=repr(_FORMAT),
            )

    def write(self) -> None:
        """Write all runs on record, replacing the file at once."""
        import h5netcdf

        with replacing(self.path) as aside:
            held = io.BytesIO()  # a disk that fails HDF5 midway would end the process
            with h5netcdf.File(held, "w") as file:
                file.attrs["format"] = _FORMAT
                file.attrs["fingerprint"] = json.dumps(self.fingerprint, sort_keys=True)
                for name, batches in self._blocks.items():
                    if batches:
                        _write_batches(file.create_group(name), batches)
            aside.write_bytes(held.getbuffer())
            seal(aside)


@dataclass
class BlockRecord:
    """Recorded batches of one block, given back in the order they were run."""

    checkpoint: Checkpoint
    batches: list[Runs]
    _next: int = field(default=0, repr=False)
    _written: int = field(default=0, repr=False)

    def run(
        self, u: NDArray[np.float64], run: Callable[[NDArray[np.float64]], Runs]
    ) -> Runs:
        """Give the recorded runs at ``u``, or run them, record them and save.

        The file is written whole, so that a chain of many thousand batches saves after
        every 2 % more: a stop then costs so much again.
        """
        i, self._next = self._next, self._next + 1
        if i < len(self.batches):
            if np.array_equal(self.batches[i].u, u):
                return self.batches[i]
            # Another machine may round differently; its own runs stay consistent.
            logger.warning(
                "checkpoint %s: batch %d was run elsewhere; going on from there",
                self.checkpoint.path,
                i,
            )
            del self.batches[i:]
        runs = run(u)
        self.batches.append(runs)
        n = len(self.batches)
        if n <= _EVERY_BATCH or n >= self._written * (1.0 + _LATER):
            self.checkpoint.write()
            self._written = n
        return runs


def _write_batches(group: Any, batches: list[Runs]) -> None:
    sizes = [runs.n for runs in batches]
    arrays = {
        "u": (("run", "parameter"), np.concatenate([runs.u for runs in batches])),
        "cost": (("run",), np.concatenate([runs.cost for runs in batches])),
        "batch": (("run",), np.repeat(np.arange(len(sizes)), sizes)),
    }
    series = [runs.series for runs in batches if runs.series is not None]
    if series:
        arrays["series"] = (("run", "observation"), np.concatenate(series))
    for dims, array in arrays.values():
        for dim, size in zip(dims, array.shape, strict=True):
            if dim not in group.dimensions:
                group.dimensions[dim] = size
    for name, (dims, array) in arrays.items():
        group.create_variable(name, dims, data=array)


def _read_batches(group: Any) -> list[Runs]:
    u, cost = group.variables["u"][...], group.variables["cost"][...]
    batch = group.variables["batch"][...]
    series = group.variables["series"][...] if "series" in group.variables else None
    n = len(batch)
    whole = u.ndim == 2 and cost.shape == (n,) and len(u) == n and batch.ndim == 1
    if not whole or not 0 <= int(batch.max(initial=0)) <= n or batch.dtype.kind != "i":
        raise ValueError("batches of shapes that do not fit together")
    if series is not None and (series.ndim != 2 or len(series) != n):
        raise ValueError("series of a shape that does not fit")
    if np.any(np.diff(batch) < 0):
        raise ValueError("batches out of order")
    ends = np.searchsorted(batch, np.arange(int(batch.max()) + 2))
    return [
        Runs(u[at], cost[at], None if series is None else series[at])
        for at in (slice(a, b) for a, b in pairwise(ends))
    ]
