"""What happened when, for people: one JSON-lines file for each writer.

The ledger explains and never decides. States come from result files, so losing the
ledger loses history and no work.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Ledger:
    """Appends events to a file of its own."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{socket.gethostname()}-{os.getpid()}.jsonl"

    def write(self, event: str, **facts: Any) -> None:
        """Append one event; the line is whole or absent."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **facts}) + "\n"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab", buffering=0) as opened:
            opened.write(line.encode())


def read_ledger(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield all events of all writers; a line cut short by a crash is passed over."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue
