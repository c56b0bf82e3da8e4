"""How chunks of Zarr are packed here, and which of them cannot be unpacked.

A chunk whose checksum is right can still have been made by something else: a repaired
file, a program with a fault, a stranger. Its head is compared with the size that the
array gives before memory is taken. Heads: README_CHUNK_FORMAT of c-blosc; RFC 8878.
"""

from __future__ import annotations

import math
from typing import Any

_BLOSC_HEAD = 16
_ZSTD_MAGIC = bytes.fromhex("28b52ffd")
_ZSTD_HEAD = 18
HEAD = max(_BLOSC_HEAD, _ZSTD_HEAD)
"""Bytes at the start of a chunk that hold its sizes."""
_CHECKSUM = 4


def is_known(array: Any) -> bool:
    """Return whether an array is packed as masm packs: one codec, then a checksum."""
    from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, ZstdCodec

    codecs: tuple[Any, ...] = getattr(array.metadata, "codecs", ())
    kinds = (BytesCodec, BloscCodec | ZstdCodec, Crc32cCodec)
    return len(codecs) == len(kinds) and all(map(isinstance, codecs, kinds))


def bytes_of(array: Any) -> int:
    """Return how many bytes a chunk of an array has when it is unpacked."""
    return math.prod(array.chunks) * int(array.dtype.itemsize)


def wrong_head(array: Any, head: bytes, n_packed: int) -> str:
    """Say what is wrong with the head of a chunk; nothing if it fits.

    Parameters
    ----------
    array : zarr.Array
        One that `is_known`.
    head : bytes
        The first `HEAD` bytes of the chunk, or all of it.
    n_packed : int
        Bytes of the chunk, its checksum included.
    """
    body = n_packed - _CHECKSUM
    if _is_zstd(array):
        size = _zstd_size(head)
    elif len(head) < _BLOSC_HEAD:
        return "is too short"
    else:
        size = int.from_bytes(head[4:8], "little")
        stated = int.from_bytes(head[12:16], "little")
        if stated != body:
            return f"has {body} packed bytes, its head says {stated}"
    if size != bytes_of(array):
        return f"holds {size} bytes, the array wants {bytes_of(array)}"
    return ""


def cannot_unpack(array: Any, content: bytes) -> str:
    """Say why a chunk cannot be unpacked; nothing if it can.

    Parameters
    ----------
    array : zarr.Array
        One that `is_known`.
    content : bytes
        The chunk, its checksum included.
    """
    from numcodecs import blosc, zstd

    if wrong := wrong_head(array, content[:HEAD], len(content)):
        return wrong
    unpack = zstd.decompress if _is_zstd(array) else blosc.decompress
    try:
        n_bytes = len(unpack(content[:-_CHECKSUM]))
    except RuntimeError as exc:
        return f"cannot be unpacked ({exc})"
    return "" if n_bytes == bytes_of(array) else f"unpacks to {n_bytes} bytes"


def _is_zstd(array: Any) -> bool:
    from zarr.codecs import ZstdCodec

    return isinstance(array.metadata.codecs[1], ZstdCodec)


def _zstd_size(head: bytes) -> int:
    """Return the size that the head of a zstd frame holds; -1 if it holds none."""
    if len(head) < 6 or not head.startswith(_ZSTD_MAGIC):
        return -1
    stated = head[4]
    is_single = bool(stated & 0b100000)
    at = 5 + (not is_single) + (0, 1, 2, 4)[stated & 0b11]
    n_bytes = (1 if is_single else 0, 2, 4, 8)[stated >> 6]
    field = head[at : at + n_bytes]
    if not n_bytes or len(field) < n_bytes:
        return -1
    return int.from_bytes(field, "little") + (256 if n_bytes == 2 else 0)
