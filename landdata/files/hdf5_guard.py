"""HDF5 files of anybody's: their values are in them, or they are refused.

HDF5 can name other files in three ways (external storage, external links, virtual
datasets) and open them unseen: bytes of any file of the user's would become weather.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

_MOST_OBJECTS = 100_000
_MOST_PACKED = 1100  # times that deflate shrinks at most
_ALWAYS_ALLOWED = 2**24
_MOST_CHUNK = 2**31


def require_own_values(path: Path) -> None:
    """Refuse an HDF5 file that names other files, or a chunk beyond all measure.

    Raises
    ------
    ValueError
        Naming the dataset or link.
    OSError
        If it is no HDF5 file, or cannot be read.
    """
    import h5py

    size = path.stat().st_size
    with h5py.File(path, "r", driver="sec2") as opened:
        _walk(opened.id, size)


def _walk(root: Any, n_bytes: int) -> None:
    from h5py import h5d, h5g, h5l, h5o

    seen: set[Any] = set()
    left = [(h5g.open(root, b"/"), "")]
    while left:
        group, where = left.pop()
        for name in list(group):
            path = f"{where}/{name.decode('utf-8', 'replace')}"
            kind = group.links.get_info(name).type
            if kind == h5l.TYPE_SOFT:
                continue  # of this file, or to nothing; its target is met itself
            if kind != h5l.TYPE_HARD:
                raise ValueError(f"{path} is a link to another file")
            child = h5o.open(group, name)
            mark = h5o.get_info(child).addr
            if mark in seen:
                continue
            seen.add(mark)
            if len(seen) > _MOST_OBJECTS:
                raise ValueError("more objects than can be meant")
            if isinstance(child, h5g.GroupID):
                left.append((child, path))
            elif isinstance(child, h5d.DatasetID):
                _check(child, path, n_bytes)


def _check(dataset: Any, path: str, n_bytes: int) -> None:
    from h5py import h5d

    made = dataset.get_create_plist()
    if made.get_external_count() > 0 or made.get_layout() == h5d.VIRTUAL:
        raise ValueError(f"{path} keeps its values in another file")
    item = dataset.get_type().get_size()
    if made.get_layout() == h5d.CHUNKED:
        chunk = math.prod(made.get_chunk()) * item
        if chunk > min(_MOST_CHUNK, _ALWAYS_ALLOWED + _MOST_PACKED * n_bytes):
            raise ValueError(f"{path}: a chunk of {chunk} bytes")
    elif math.prod(dataset.shape) * item > _ALWAYS_ALLOWED + _MOST_PACKED * n_bytes:
        raise ValueError(f"{path} of shape {dataset.shape} is more than the file holds")
