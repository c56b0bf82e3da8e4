"""A Zarr store on disk whose files are there before they get their name.

Zarr renames what it has written without bringing it to the disk: after a power failure
a chunk could be empty under its name, while the mark that says that it is whole stands.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from zarr.storage import LocalStore

from jobs.files import make_folder, sync_folder

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer


class SyncedStore(LocalStore):
    """Writes each file whole, to the disk; `sync` brings their names there too."""

    def __init__(self, root: Path | str, *, read_only: bool = False) -> None:
        super().__init__(root, read_only=read_only)
        self._folders: set[Path] = set()

    def sync(self) -> None:
        """Bring the names of all that was written since to the disk."""
        folders, self._folders = self._folders, set()
        for folder in sorted(folders):
            if folder.is_dir():
                sync_folder(folder)

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


def sync(group: Any) -> None:
    """Bring the names of what was written to a group's store to the disk."""
    if isinstance(group.store, SyncedStore):
        group.store.sync()
