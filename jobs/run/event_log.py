"""What happened when, for people: one JSON-lines file for each writer.

The ledger explains and never decides. States come from result files, so losing the
ledger loses history and no work.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobs.files import TEXT_LIMIT, OddFile, read_bytes


class EventLog:
    """Appends events to a file of its own."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{socket.gethostname()}-{os.getpid()}.jsonl"

    def write(self, event: str, **facts: Any) -> None:
        """Append one event; the line is whole or absent."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **facts}) + "\n"
        # A run folder that was moved away is not begun anew for the sake of history.
        with suppress(FileNotFoundError):
            self._path.parent.mkdir(exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
            handle = os.open(self._path, flags | os.O_NONBLOCK, 0o644)
            with open(handle, "ab", buffering=0) as opened:
                opened.write(line.encode())


def read_events(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield all events of all writers; a line cut short by a crash is passed over."""
    for path in sorted(folder.glob("*.jsonl")):
        try:
            text = read_bytes(path, TEXT_LIMIT).decode("utf-8", "replace")
        except (FileNotFoundError, OddFile):
            continue
        for line in text.splitlines():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                continue
