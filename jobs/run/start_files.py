"""The three files that a run starts with belong together, and say so.

``config.lock.yaml`` holds the digests of ``run.json`` and ``pixels.csv``, ``run.json``
those of the lock and the table. One of them that is missing, cut short or of another
run is refused by name before anything rests on it. Files of a version that wrote no
digests are taken as they are, once, and get them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jobs.errors import ConfigError, Problem
from jobs.files import (
    TEXT_LIMIT,
    OddFile,
    digest_of,
    is_file,
    is_folder,
    lexists,
    read_bytes,
    write_text,
)
from jobs.run.folder import RunFolder
from jobs.run.provenance import read_record, write_record

_KEY = "belongs_with"
_TABLE_LIMIT = 2**30  # bytes: ten million pixels
_MARK = re.compile(
    rb"^# belongs with run\.json ([0-9a-f]{64}) pixels\.csv ([0-9a-f]{64})\n", re.M
)


def check_start_files(folder: RunFolder) -> bool:
    """Return whether a run has started, if its three files belong together.

    A start that was broken off before anything rested on it counts for none.

    Raises
    ------
    ConfigError
        Naming each file that is missing, or is not the one of this run.
    """
    names = (folder.lock, folder.record, folder.pixel_table)
    odd = [path for path in names if lexists(path) and not is_file(path)]
    if odd:
        raise ConfigError(_problem(path.name, "no file of its own") for path in odd)
    missing = [path for path in names if not lexists(path)]
    if len(missing) == len(names):
        if not has_work(folder):
            return False
        raise ConfigError(_problem(path.name, "nothing") for path in missing[:2])
    if folder.record in missing and not has_work(folder):
        return False  # the record is written last
    if missing:
        raise ConfigError(_problem(path.name, "nothing") for path in missing)
    _check_digests(folder)
    return True


def has_work(folder: RunFolder) -> bool:
    """Return whether anything was computed that rests on the files of the start."""
    kept = ("posteriors.zarr", "simulations", "evaluation", "upscaling", "screening")
    if any(lexists(folder.path / name) for name in kept):
        return True
    return any(_files_in(folder.path / "pixels", depth=3))


def _files_in(folder: Path, depth: int) -> Iterator[Path]:
    """Yield what is no folder below a folder; links are not followed."""
    if not is_folder(folder):
        return
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False) and depth > 1:
            yield from _files_in(Path(entry.path), depth - 1)
        elif not entry.is_symlink():
            yield Path(entry.path)


def refuse_lost_record(path: Path, work: Iterable[Path]) -> None:
    """Refuse work without the record that it rests on, as a half-made copy has it.

    Parameters
    ----------
    path : Path
        ``run.json``, which is not there.
    work : iterable of Path
        What was computed, if anything.

    Raises
    ------
    ConfigError
        If there is anything.
    """
    if any(is_file(one) and not one.name.startswith(".") for one in work):
        raise ConfigError(
            Problem(
                path.name,
                "the record of this run is not there, and work is",
                found="nothing",
                wanted="run.json as the run wrote it",
                hint="Copy it again from where this folder came from, or start a new "
                "run folder: what was computed rests on it.",
            )
        )


def bind(folder: RunFolder, facts: dict[str, Any]) -> None:
    """Write the digests into lock and record; the record comes last.

    Parameters
    ----------
    folder : RunFolder
        Where lock and pixel table are already.
    facts : dict
        What ``run.json`` is to hold.
    """
    lock = _without_mark(read_bytes(folder.lock, TEXT_LIMIT))
    table = digest_of(folder.pixel_table, _TABLE_LIMIT)
    facts = {key: value for key, value in facts.items() if key != _KEY}
    mark = f"# belongs with run.json {_digest_of(facts)} pixels.csv {table}\n"
    write_text(folder.lock, mark + lock.decode("utf-8"))
    digests = {folder.lock.name: _digest(lock), folder.pixel_table.name: table}
    write_record(folder.record, {**facts, _KEY: digests})


def is_bound(folder: RunFolder) -> bool:
    """Return whether lock and record hold digests already."""
    return _KEY in read_record(folder.record) and bool(
        _MARK.search(read_bytes(folder.lock, TEXT_LIMIT))
    )


def _check_digests(folder: RunFolder) -> None:
    facts = read_record(folder.record)
    try:
        lock = read_bytes(folder.lock, TEXT_LIMIT)
        table = digest_of(folder.pixel_table, _TABLE_LIMIT)
    except OddFile as exc:
        raise ConfigError(_problem("the files of its start", str(exc))) from exc
    mark, kept = _MARK.search(lock), facts.get(_KEY)
    if mark is None and kept is None:
        return  # of an earlier version
    digest = _digest_of({key: value for key, value in facts.items() if key != _KEY})
    by_lock = (b"", b"") if mark is None else (mark.group(1), mark.group(2))
    record_holds, table_by_lock = digest.encode(), table.encode()
    if kept is None and by_lock == (record_holds, table_by_lock):
        return  # digests were being written to files of an earlier version
    kept = kept if isinstance(kept, dict) else {}
    table_by_record = kept.get(folder.pixel_table.name) == table
    wrong = []
    if kept.get(folder.lock.name) != _digest(_without_mark(lock)):
        wrong.append(folder.lock.name)
    if by_lock[0] != record_holds and mark is not None:
        wrong.append(folder.record.name)
    if not table_by_record and by_lock[1] != table_by_lock:
        wrong.append(folder.pixel_table.name)
    if not wrong and by_lock != (record_holds, table_by_lock):
        wrong.append(folder.lock.name)
    if not wrong and not table_by_record:
        wrong.append(folder.record.name)
    if wrong:
        raise ConfigError(_problem(name, "another content") for name in wrong)


def _problem(name: str, found: str) -> Problem:
    return Problem(
        name,
        "this file of the run's start is not what it was",
        found=found,
        wanted="config.lock.yaml, run.json and pixels.csv as the run wrote them",
        hint="Copy all three again from where this folder came from, or start a new "
        "run folder: what was computed rests on them.",
    )


def _without_mark(lock: bytes) -> bytes:
    return _MARK.sub(b"", lock)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest_of(facts: dict[str, Any]) -> str:
    return _digest(json.dumps(facts, sort_keys=True).encode())
