"""Put finished pixels of a hundred into one file, and take one out again.

A run of 42,000 pixels would leave 84,000 files. Once all pixels of a hundred have come
to an end, the results of those that have one go into the block of `jobs.run.blocks`.
The pixels' own files go only after the block is at its name on the disk and has
been read back, so that a kill at any moment loses nothing.
"""

from __future__ import annotations

import json
import logging
import os
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from jobs.files import (
    is_file,
    make_folder,
    put_aside,
    read_bytes,
    read_json,
    replacing,
    sweep,
    sync_folder,
    write_text,
)
from jobs.run.blocks import (
    INDEX,
    Cut,
    Packed,
    member,
    member_names,
    packed_pixel,
    read_block,
    read_packed,
)
from jobs.run.file_lock import LockUnavailable, alone
from jobs.run.folder import PixelFolder, RunFolder
from jobs.run.pixel import Pixel
from jobs.run.pixel_state import FINISHED, state_of
from jobs.run.run import Run
from jobs.run.summary_checks import check_summary

logger = logging.getLogger(__name__)

_PER_BLOCK = 100
_MOST_OF_A_RESULT = 2**29  # bytes


class Packer:
    """Packs each hundred of a run's pixels as the last of them comes to an end.

    Does nothing for a run of fewer pixels than ``execution.pack_from``.

    Parameters
    ----------
    run : Run
        A started run.
    """

    def __init__(self, run: Run) -> None:
        self._folder = run.folder
        self._left: dict[int, set[int]] = {}
        self._pixels: dict[int, list[Pixel]] = {}
        if len(run.pixels) < run.config.execution.pack_from:
            return
        for pixel in run.pixels:
            group = pixel.id // _PER_BLOCK
            self._pixels.setdefault(group, []).append(pixel)

    def starts(self, ids: Sequence[int]) -> None:
        """Say which pixels are about to be calibrated."""
        for one in ids:
            self._left.setdefault(one // _PER_BLOCK, set()).add(one)

    def ended(self, pixel_id: int) -> None:
        """Say that a pixel has come to an end."""
        group = pixel_id // _PER_BLOCK
        left = self._left.get(group, set())
        left.discard(pixel_id)
        if not left and group in self._pixels:
            pack(self._folder, self._pixels[group])

    def pack_all(self) -> None:
        """Pack every hundred that has come to an end and is not packed."""
        for group in self._pixels.values():
            pack(self._folder, group)


def pack(folder: RunFolder, pixels: Sequence[Pixel]) -> int:
    """Put finished pixels of a hundred into their block; return how many are new.

    Nothing is done while one of them is waiting or running.

    Parameters
    ----------
    folder : RunFolder
        Of the run.
    pixels : sequence of Pixel
        All pixels of the run that are in one folder of a hundred.
    """
    folders = [folder.pixel(pixel.id) for pixel in pixels]
    if not _to_pack(folders):
        return 0
    try:
        with alone(folder.path, "packing", wait=True, strict=True):
            sweep(folders[0].block.parent)
            new = _to_pack(folders)  # another process may have been here
            return _write(folders[0].block, new) if new else 0
    except LockUnavailable as exc:
        logger.warning("pixels keep a file each: %s", exc)
        return 0


def unpack(folder: RunFolder, pixel_id: int) -> None:
    """Give a packed pixel its own files again, and take it out of its block.

    Raises
    ------
    LockUnavailable
        If the file system has no locks.
    ValueError
        If the pixel's part of the block is damaged; it is out of the block then too.
    """
    with alone(folder.path, "packing", wait=True, strict=True):
        _unpack(folder.pixel(pixel_id))


def set_aside(folder: RunFolder, pixel_id: int) -> Path:
    """Keep a pixel's posterior under another name, and nowhere as its result.

    Nobody packs it meanwhile: it would come back.

    Raises
    ------
    LockUnavailable
        If it is packed, and the file system has no locks.
    """
    one = folder.pixel(pixel_id)
    is_packed = packed_pixel(one) is not None
    with alone(folder.path, "packing", wait=True, strict=is_packed):
        try:
            _unpack(one)
        except ValueError:  # the damaged part is out of the block now
            return one.block
        return put_aside(one.posterior)


def _unpack(one: PixelFolder) -> None:
    packed = packed_pixel(one)
    if packed is None:
        return
    if not is_file(one.posterior):
        try:
            content = read_packed(one)
        except ValueError:  # what the system could not write is no such damage
            _write(one.block, {}, without=one.path.name)
            raise
        make_folder(one.path)
        write_text(one.summary, json.dumps(packed.summary, indent=1) + "\n")
        with replacing(one.posterior) as aside:
            aside.write_bytes(content)
            os.utime(aside, ns=(packed.mtime_ns, packed.mtime_ns))
    _write(one.block, {}, without=one.path.name)


def _to_pack(folders: Sequence[PixelFolder]) -> dict[str, PixelFolder]:
    """Return finished pixels with files of their own, if all have come to an end."""
    if not any(is_file(folder.posterior) for folder in folders):
        return {}  # packed, or nothing done
    found = {}
    for folder in folders:
        own = is_file(folder.posterior)
        state = state_of(folder)
        if state.state in ("waiting", "running"):
            return {}
        if own and state.state in FINISHED:
            found[folder.path.name] = folder
    return found


def _write(
    target: Path, new: Mapping[str, PixelFolder], without: str | None = None
) -> int:
    """Write a block anew with further pixels, or without one; then drop their files.

    Returns how many of the further pixels it holds.
    """
    before = read_block(target)
    if before.damage:
        logger.warning("%s: now %s", before.damage, put_aside(target))
    old = {
        name: one
        for name, one in before.pixels.items()
        if name != without and name not in new
    }
    if not old and not new:
        target.unlink(missing_ok=True)
        sync_folder(target.parent)
        return 0
    with replacing(target) as aside:
        index = _fill(aside, target, old, new)
    for name, one in new.items():
        if (
            name in index
            and os.lstat(one.posterior).st_mtime_ns == index[name].mtime_ns
        ):
            _drop(one)
    return sum(name in index for name in new)


def _fill(
    aside: Path,
    target: Path,
    old: Mapping[str, Packed],
    new: Mapping[str, PixelFolder],
) -> dict[str, Packed]:
    """Write the archive, and read it back; return what it holds."""
    parts = read_block(target).parts
    index: dict[str, Packed] = {}
    with zipfile.ZipFile(aside, "w") as made:
        for name, packed in old.items():
            try:
                some = [
                    (n, member(target, parts[n])) for n in member_names(name, packed)
                ]
            except ValueError as exc:
                logger.warning("%s: %s; the pixel waits again", target, exc)
                continue
            for part, content in some:
                _add(made, part, content)
            index[name] = packed
        for name, one in new.items():
            stamp = os.lstat(one.posterior).st_mtime_ns
            try:
                content = read_bytes(one.posterior, _MOST_OF_A_RESULT)
                cuts = _cuts_of(content, one.posterior.name)
                summary = check_summary(read_json(one.summary))
            except ValueError as exc:  # `collect` reports it, and puts it aside
                logger.warning("pixel %s keeps its own file: %s", name, exc)
                continue
            index[name] = Packed(summary, stamp, cuts)
            rest, draws = _apart(content, cuts)
            _add(made, f"{name}.part", rest)
            if cuts:
                _add(made, f"{name}.f4", draws)
        rows = {name: _row(packed) for name, packed in sorted(index.items())}
        _add(made, INDEX, json.dumps(rows, separators=(",", ":")).encode())
    with zipfile.ZipFile(aside) as made:
        if damaged := made.testzip():
            raise ValueError(f"{target}: {damaged} is not what was written")
    return index


def _cuts_of(content: bytes, name: str) -> tuple[Cut, ...]:
    """Return where draws are; ValueError if the file is not as it was written."""
    from masm.hdf5_files import unsealed

    unsealed(content, name)
    try:
        return draws_in(content)
    except (OSError, KeyError, RuntimeError) as exc:
        raise ValueError(f"{name} cannot be read: {exc}") from exc


def draws_in(content: bytes) -> tuple[Cut, ...]:
    """Return where the draws of single precision are in a ``posterior.nc``.

    Empty if they are of double precision, compressed, or in pieces: the file then
    stays whole.
    """
    import h5py

    from masm.hdf5_files import plain_stream

    cuts = []
    with h5py.File(plain_stream(content), "r") as opened:
        for name, draws in opened["posterior"].items():
            if draws.ndim == 1:
                continue  # numbers of chains and draws
            offset = draws.id.get_offset()
            if draws.dtype != np.dtype("<f4") or draws.ndim != 2 or offset is None:
                return ()
            cuts.append(Cut(str(name), int(offset), (draws.shape[0], draws.shape[1])))
    return tuple(sorted(cuts, key=lambda cut: cut.offset))


def _apart(content: bytes, cuts: Sequence[Cut]) -> tuple[bytes, bytes]:
    """Return a file without its draws, and the draws."""
    rest, draws, at = [], [], 0
    for cut in cuts:
        rest.append(content[at : cut.offset])
        at = cut.offset + cut.size
        draws.append(content[cut.offset : at])
    return b"".join([*rest, content[at:]]), b"".join(draws)


def _row(packed: Packed) -> dict[str, object]:
    cuts = [[cut.name, cut.offset, cut.shape] for cut in packed.cuts]
    return {"mtime_ns": packed.mtime_ns, "cuts": cuts, "summary": packed.summary}


def _add(made: zipfile.ZipFile, name: str, content: bytes) -> None:
    # Without the time of day: the same pixels give the same bytes.
    kind = zipfile.ZIP_STORED if name.endswith(".f4") else zipfile.ZIP_DEFLATED
    made.writestr(zipfile.ZipInfo(name), content, kind, 1)


def _drop(folder: PixelFolder) -> None:
    """Take away files of a pixel that its block holds; its summary last of all."""
    for path in (folder.posterior, folder.summary):
        path.unlink(missing_ok=True)
    with suppress(OSError):  # something else lies there: not ours to take
        folder.path.rmdir()
