"""A Zarr store on disk whose files are there before they get their name.

Zarr renames what it has written without bringing it to the disk: after a power failure
a chunk could be empty under its name, while the mark of a whole store is there.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from zarr.storage import LocalStore

from jobs.files import (
    DATA_LIMIT,
    TEXT_LIMIT,
    OddFile,
    is_folder,
    kind_of,
    make_folder,
    put_aside,
    read_bytes,
    sync_folder,
)

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer


EVERY_CHUNK: Any = {"write_empty_chunks": True}
"""Of an array that is written: a chunk that is not there was lost, and never one of
fill values alone."""
_CHECKSUM = 4
_HOLLOW_FROM, _HOLLOW = 2**26, 1000
"""Bytes from which a file must not be so many times what it takes on the disk."""


class SyncedStore(LocalStore):
    """Writes each file whole, to the disk; `sync` brings their names there too.

    What it reads is data of anybody's: a file that is none, or of a size that cannot be
    meant, is an ``OddFile`` before memory is taken for it.
    """

    def __init__(self, root: Path | str, *, read_only: bool = False) -> None:
        super().__init__(root, read_only=read_only)
        self._folders: set[Path] = set()

    def sync(self) -> None:
        """Bring the names of all that was written since to the disk."""
        folders, self._folders = self._folders, set()
        for folder in sorted(folders):
            if folder.is_dir():
                sync_folder(folder)

    async def _open(self, *words: Any, **named: Any) -> None:
        if not self.read_only:  # Zarr would make it and those above it unsynced
            await asyncio.to_thread(make_folder, self.root)
        await super()._open(*words, **named)

    def _ensure_open_sync(self) -> None:
        if not self._is_open and not self.read_only:
            make_folder(self.root)
        super()._ensure_open_sync()

    async def clear(self) -> None:
        """Take all away; the store is there, and empty."""
        await super().clear()
        await asyncio.to_thread(sync_folder, self.root.parent)

    async def get(self, key: str, *words: Any, **named: Any) -> Buffer | None:
        """Read a file, if it is one."""
        await asyncio.to_thread(_require_file, self.root, key)
        return await super().get(key, *words, **named)

    def get_sync(self, key: str, **named: Any) -> Buffer | None:
        """Read a file at once, if it is one."""
        _require_file(self.root, key)
        return super().get_sync(key, **named)

    async def _set(self, key: str, value: Buffer, exclusive: bool = False) -> None:
        if not self._is_open:
            await self._open()
        self._check_writable()
        await asyncio.to_thread(self._write, key, value, exclusive)

    def set_sync(self, key: str, value: Any) -> None:
        """Write a file at once."""
        self._ensure_open_sync()
        self._check_writable()
        self._write(key, value, False)

    def content(self, key: str, limit: int) -> bytes:
        """Return what a file holds; raises as `jobs.files.read_bytes`."""
        _require_folders(self.root, key)
        return read_bytes(self.root / key, limit)

    def take_away(self, key: str) -> None:
        """Remove a file, if there is one; what is none is put aside."""
        _require_folders(self.root, key)
        path = self.root / key
        if is_folder(path):
            put_aside(path)
        else:
            path.unlink(missing_ok=True)
        if path.parent.is_dir():
            self._folders.add(path.parent)

    def _write(self, key: str, value: Any, exclusive: bool) -> None:
        _require_folders(self.root, key)
        path = self.root / key
        make_folder(path.parent)
        aside = path.with_name(f"{path.name}.{uuid4().hex}.partial")
        try:
            with aside.open("xb") as opened:
                opened.write(value.as_buffer_like())
                opened.flush()
                os.fsync(opened.fileno())
            if exclusive:
                os.link(aside, path)
            else:
                os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)
        self._folders.add(path.parent)


class CheckedStore(SyncedStore):
    """Reads no chunk that was lost or changed since it was written.

    Parameters
    ----------
    root : Path
        The store, in which every chunk was written.
    sealed : collection of str
        Arrays whose chunks end with their CRC-32C.
    refuse : callable
        Gives the error to raise for what is wrong with a chunk.
    """

    def __init__(
        self, root: Path, sealed: Collection[str], refuse: Callable[[str], Exception]
    ) -> None:
        super().__init__(root, read_only=True)
        self._sealed, self._refuse = frozenset(sealed), refuse

    async def get(self, key: str, *words: Any, **named: Any) -> Buffer | None:
        """Read a file; a chunk must be whole."""
        return self._whole(key, await super().get(key, *words, **named))

    def get_sync(self, key: str, **named: Any) -> Buffer | None:
        """Read a file at once; a chunk must be whole."""
        return self._whole(key, super().get_sync(key, **named))

    def _whole(self, key: str, found: Buffer | None) -> Buffer | None:
        array, is_chunk, _ = key.partition("/c/")
        if not is_chunk or array not in self._sealed:
            return found
        if found is None:
            raise self._refuse(f"{key} is missing")
        if not carries_checksum(found.to_bytes()):
            raise self._refuse(f"{key} is not as it was written (CRC-32C)")
        return found


def carries_checksum(content: bytes) -> bool:
    """Return whether a chunk ends with the CRC-32C of what is before it."""
    import google_crc32c

    body, end = content[:-_CHECKSUM], content[-_CHECKSUM:]
    return bool(body) and int.from_bytes(end, "little") == google_crc32c.value(body)


def is_sealed(array: Any) -> bool:
    """Return whether each chunk of a Zarr array carries a checksum."""
    from zarr.codecs import Crc32cCodec

    codecs: tuple[Any, ...] = getattr(array.metadata, "codecs", ())
    return bool(codecs) and isinstance(codecs[-1], Crc32cCodec)


def _require_folders(root: Path, key: str) -> None:
    """Refuse a file that lies behind a link: it is not one of the store."""
    folder = root
    for step in key.split("/")[:-1]:
        folder = folder / step
        if folder.is_symlink():
            raise OddFile(f"{folder.relative_to(root)} is a link")


def _require_file(root: Path, key: str) -> None:
    _require_folders(root, key)
    path = root / key
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(found.st_mode):
        return  # no file of this name, as Zarr sees it
    if not stat.S_ISREG(found.st_mode):
        raise OddFile(f"{path.name} is {kind_of(path)}")
    limit = TEXT_LIMIT if path.name == "zarr.json" else DATA_LIMIT
    on_disk = 512 * found.st_blocks  # 0 where the file system does not say
    hollow = found.st_size > _HOLLOW_FROM and 0 < on_disk < found.st_size / _HOLLOW
    if found.st_size > limit or hollow:
        raise OddFile(f"{path.name} has {found.st_size} bytes, more than can be meant")


def sync(group: Any) -> None:
    """Bring the names of what was written to a group's store to the disk."""
    if isinstance(group.store, SyncedStore):
        group.store.sync()
