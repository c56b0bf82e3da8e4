"""A Zarr store on disk whose files are there before they get their name.

Zarr renames what it has written without bringing it to the disk: after a power failure
a chunk could be empty under its name, while the mark that says that it is whole stands.
"""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from zarr.storage import LocalStore

from jobs.files import (
    DATA_LIMIT,
    TEXT_LIMIT,
    OddFile,
    kind_of,
    make_folder,
    sync_folder,
)

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer


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

    async def get(self, key: str, *words: Any, **named: Any) -> Buffer | None:
        """Read a file, if it is one."""
        await asyncio.to_thread(_require_file, self.root / key)
        return await super().get(key, *words, **named)

    def get_sync(self, key: str, **named: Any) -> Buffer | None:
        """Read a file at once, if it is one."""
        _require_file(self.root / key)
        return super().get_sync(key, **named)

    async def _set(self, key: str, value: Buffer, exclusive: bool = False) -> None:
        if not self._is_open:
            await self._open()
        self._check_writable()
        path = self.root / key
        await asyncio.to_thread(self._write, path, value, exclusive)

    def set_sync(self, key: str, value: Any) -> None:
        """Write a file at once."""
        self._ensure_open_sync()
        self._check_writable()
        self._write(self.root / key, value, False)

    def _write(self, path: Path, value: Any, exclusive: bool) -> None:
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


def _require_file(path: Path) -> None:
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
