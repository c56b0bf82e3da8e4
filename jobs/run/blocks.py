"""Finished pixels of a hundred in one file, ``pixels/042/finished.zip``: reading it.

The archive holds an index of the pixels' summaries and each ``posterior.nc``: the
draws, which do not shrink, as they are in ``04217.f4``, and the rest of the file packed
in ``04217.part``. Put together they are the file as it was written, byte by byte; so
collecting reads draws at their place and nothing else. `jobs.run.packing` writes the
archive. Where a pixel has files of its own too, these count.
"""

from __future__ import annotations

import json
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from jobs.disk_errors import system_fault
from jobs.files import DATA_LIMIT, TEXT_LIMIT, kind_of
from jobs.run.folder import PixelFolder
from jobs.run.summary_checks import check_summary

INDEX = "index.json"
_HEAD = 30  # bytes before the name of a member
_MOST_PACKED = 200
"""Times that a member may be larger than its part of the archive, beyond a MB."""


@dataclass(frozen=True)
class Cut:
    """Draws of a parameter within a ``posterior.nc``.

    Attributes
    ----------
    name : str
        Of the parameter.
    offset : int
        Of their first byte in the file.
    shape : tuple of int
        (chain, draw), of single precision, the lowest byte first.
    """

    name: str
    offset: int
    shape: tuple[int, int]

    @property
    def size(self) -> int:
        """Bytes."""
        return 4 * self.shape[0] * self.shape[1]


@dataclass(frozen=True)
class Packed:
    """What the index of a block says of a pixel.

    Attributes
    ----------
    summary : dict
        As of its ``summary.json``.
    mtime_ns : int
        When its posterior was written, in ns.
    cuts : tuple of Cut
        Draws that are kept apart, in the order of the file.
    """

    summary: dict[str, Any]
    mtime_ns: int
    cuts: tuple[Cut, ...] = ()


@dataclass(frozen=True)
class Block:
    """The index of a block.

    Attributes
    ----------
    pixels : mapping of str to Packed
        By the name of the pixel's folder.
    parts : mapping of str to zipfile.ZipInfo
        Where each member is.
    damage : str
        What is wrong with the file, where it is not what was written.
    """

    pixels: Mapping[str, Packed] = field(default_factory=dict)
    parts: Mapping[str, zipfile.ZipInfo] = field(default_factory=dict)
    damage: str = ""


def read_block(path: Path) -> Block:
    """Read the index of a block; it is empty where there is none.

    Raises
    ------
    OSError
        If the system could not read it, which says nothing about the file.
    """
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Block()
    if not stat.S_ISREG(found.st_mode):
        return Block(damage=f"{path.name} is {kind_of(path)}")
    return _read(path, found.st_ino, found.st_mtime_ns, found.st_size)


def packed_pixel(folder: PixelFolder) -> Packed | None:
    """Return what a pixel's block has of it; None if there is no block with it."""
    return read_block(folder.block).pixels.get(folder.path.name)


def read_packed(folder: PixelFolder) -> bytes:
    """Return the bytes of a packed ``posterior.nc``.

    Raises
    ------
    FileNotFoundError
        If no block has the pixel.
    ValueError
        If the pixel's part of the block is damaged.
    """
    block, packed = _found(folder)
    rest = _member(folder, block, "part")
    draws = _member(folder, block, "f4") if packed.cuts else b""
    pieces, at_rest, at_draws = [], 0, 0
    for cut in packed.cuts:
        n_before = cut.offset - at_rest - at_draws
        if n_before < 0:
            raise ValueError(f"{folder.path.name}: its draws have no place")
        pieces += [rest[at_rest : at_rest + n_before]]
        pieces += [draws[at_draws : at_draws + cut.size]]
        at_rest, at_draws = at_rest + n_before, at_draws + cut.size
    return b"".join([*pieces, rest[at_rest:]])


def read_packed_draws(folder: PixelFolder) -> dict[str, np.ndarray]:
    """Return a packed pixel's draws, (chain, draw) of each parameter, float32.

    Empty where its draws are not kept apart; raises as `read_packed`.
    """
    block, packed = _found(folder)
    if not packed.cuts:
        return {}
    content, at = _member(folder, block, "f4"), 0
    found = {}
    for cut in packed.cuts:
        draws = np.frombuffer(content, "<f4", cut.size // 4, at)
        found[cut.name], at = draws.reshape(cut.shape), at + cut.size
    return found


def member_names(name: str, packed: Packed) -> list[str]:
    """Return the members of a block that hold a pixel's posterior."""
    return [f"{name}.part", *([f"{name}.f4"] if packed.cuts else [])]


def member(path: Path, part: zipfile.ZipInfo, limit: int = DATA_LIMIT) -> bytes:
    """Return the content of a member of a block.

    Read at its place: to open an archive takes longer than to read a pixel.

    Raises
    ------
    ValueError
        If it is damaged, or larger than can be meant.
    """
    most = min(limit, 2**20 + _MOST_PACKED * part.compress_size)
    if not 0 <= part.file_size <= most:
        raise ValueError(f"{part.filename} is more than can be meant")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(path, flags)
    try:
        size = os.fstat(handle).st_size
        if not 0 <= part.header_offset <= size or part.compress_size > size:
            raise ValueError(f"{part.filename} is no part of the file")
        head = os.pread(handle, _HEAD, part.header_offset)
        if len(head) < _HEAD:
            raise ValueError(f"{part.filename} is cut short")
        n_name, n_extra = struct.unpack("<HH", head[26:30])
        start = part.header_offset + _HEAD + n_name + n_extra
        content = os.pread(handle, part.compress_size, start)
    finally:
        os.close(handle)
    if part.compress_type == zipfile.ZIP_DEFLATED:
        try:
            content = zlib.decompressobj(-15).decompress(content, part.file_size + 1)
        except zlib.error as exc:
            raise ValueError(f"{part.filename}: {exc}") from exc
    if len(content) != part.file_size or zlib.crc32(content) != part.CRC:
        raise ValueError(f"{part.filename} is not as it was written (CRC)")
    return content


def _found(folder: PixelFolder) -> tuple[Block, Packed]:
    block = read_block(folder.block)
    packed = block.pixels.get(folder.path.name)
    if packed is None:
        raise FileNotFoundError(folder.posterior)
    return block, packed


def _member(folder: PixelFolder, block: Block, kind: str) -> bytes:
    return member(folder.block, block.parts[f"{folder.path.name}.{kind}"])


@lru_cache(maxsize=8)  # pixels are asked for in order: their index is read once
def _read(path: Path, *version: int) -> Block:
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(path, flags), "rb") as opened, zipfile.ZipFile(opened) as one:
            parts = {part.filename: part for part in one.infolist()}
        rows = json.loads(member(path, parts[INDEX], TEXT_LIMIT))
        pixels = {name: _packed(row) for name, row in rows.items()}
        whole = {
            name: one
            for name, one in pixels.items()
            if all(part in parts for part in member_names(name, one))
        }
        return Block(whole, parts)
    except FileNotFoundError:
        return Block()
    except Exception as exc:  # whatever a damaged file makes of the reader
        if isinstance(exc, MemoryError) or system_fault(exc):
            raise
        text = "".join(c if c.isprintable() else "?" for c in str(exc))
        return Block(damage=f"{path.name}: {text[:80]}")


def _packed(row: Any) -> Packed:
    cuts = []
    for name, offset, shape in row["cuts"]:
        n_chains, n_draws = map(int, shape)
        if min(n_chains, n_draws, int(offset)) < 1:
            raise ValueError(f"draws of {name} have no place")
        cuts.append(Cut(str(name), int(offset), (n_chains, n_draws)))
    mtime_ns = int(row["mtime_ns"])
    if not 0 <= mtime_ns < 2**63:
        raise ValueError("a posterior of no time")
    return Packed(check_summary(row["summary"]), mtime_ns, tuple(cuts))
