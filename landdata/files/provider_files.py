"""Providers' files: found by pattern, checked against checksums, opened with a guard.

Formats differ in what they notice themselves: a flipped bit in an uncompressed
netCDF file is a wrong number and nothing more. Where checksums are beside the
files (``SHA256SUMS``, as ``sha256sum * > SHA256SUMS`` writes it), every file is
compared with them before it is opened.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from glob import glob
from pathlib import Path
from typing import Any

import xarray as xr

from landdata.errors import InputError
from landdata.files.classic_netcdf import classic_store
from landdata.files.column_names import near_name
from landdata.files.hdf5_guard import require_own_values
from landdata.files.whole_files import is_of_the_system, write_text

CHECKSUMS = "SHA256SUMS"


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def existing_file(path: str | Path) -> Path:
    """The path, refused clearly if no file is there or its checksum differs."""
    path = Path(path)
    if not path.is_file():
        near = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
        raise InputError(
            str(path),
            found="a folder" if path.is_dir() else "no such file",
            wanted="a file",
            hint=near_name(path.name, near),
        )
    if path.stat().st_size == 0:
        raise InputError(
            str(path),
            found="an empty file",
            wanted="the provider's file",
            hint="Download it again.",
        )
    sums = path.parent / CHECKSUMS
    if sums.is_file() and path.name != CHECKSUMS:
        state = path.stat()
        _compare(path, sums, state.st_mtime_ns, state.st_size)
    return path


@lru_cache(maxsize=4096)
def _compare(path: Path, sums: Path, changed: int, size: int) -> None:
    """Compare a file with its checksum, once as long as it does not change."""
    wanted = _read_checksums(sums, sums.stat().st_mtime_ns).get(path.name)
    if wanted is None:
        return
    found = sha256(path)
    if found != wanted:
        raise InputError(
            str(path),
            found=f"SHA-256 {found[:16]}... ({size} bytes)",
            wanted=f"{wanted[:16]}... as in {sums}",
            hint="The file is damaged or another version: download it again.",
        )


@lru_cache(maxsize=64)
def _read_checksums(sums: Path, changed: int) -> dict[str, str]:
    table = {}
    lines = sums.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        match = re.fullmatch(r"([0-9a-fA-F]{64}) [ *](.+)", line.rstrip())
        if match is None:
            raise InputError(
                f"{sums}:{number}",
                found=repr(line[:40]),
                wanted="64 hexadecimal digits, two blanks and a file name",
            )
        table[match.group(2)] = match.group(1).lower()
    return table


def write_checksums(folder: str | Path, pattern: str = "*") -> Path:
    r"""Write ``SHA256SUMS`` for the files of a folder, and return its path.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import write_checksums
    >>> _ = Path("lai.csv").write_text("date,lai\n")
    >>> write_checksums(".", "*.csv").read_text().split()[-1]
    'lai.csv'
    """
    folder = Path(folder)
    names = sorted(
        path for path in folder.glob(pattern) if path.is_file() and path.name[0] != "."
    )
    lines = [f"{sha256(path)}  {path.name}" for path in names if path.name != CHECKSUMS]
    target = folder / CHECKSUMS
    write_text(target, "\n".join(lines) + "\n")
    return target


def matching_files(patterns: str | Path | Iterable[str | Path]) -> list[Path]:
    """The files that patterns name, in order of name, each once.

    Parameters
    ----------
    patterns : path or several
        Each with ``*``, ``?`` or ``[...]``, or a plain file name.
    """
    if isinstance(patterns, str | Path):
        patterns = [patterns]
    found: set[Path] = set()
    for pattern in patterns:
        text = str(pattern)
        if any(mark in text for mark in "*?["):
            hits = [Path(name) for name in glob(text) if Path(name).is_file()]
            if not hits:
                raise InputError(
                    text,
                    found="no file matches",
                    wanted="at least one file",
                    hint=f"The folder {Path(text).parent} is there."
                    if Path(text).parent.is_dir()
                    else f"There is no folder {Path(text).parent}.",
                )
            found.update(hits)
        else:
            found.add(Path(text))
    return sorted(found)


@contextmanager
def reading(path: str | Path, wanted: str) -> Iterator[None]:
    """Turn whatever a format library raises into one InputError naming the file.

    Libraries that decode files meet damage in many ways (index, overflow, memory,
    codec errors), none of which names the file.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as exc:
        if is_of_the_system(exc):
            raise  # a moment later the same file may well be read
        reason = " ".join(str(exc).split())[:200] or type(exc).__name__
        raise InputError(
            str(path),
            found=f"not readable ({type(exc).__name__}: {reason})",
            wanted=wanted,
            hint="Is the download complete? Fetch the file again.",
        ) from exc


REAL_CALENDARS = ("standard", "gregorian", "proleptic_gregorian")


@contextmanager
def open_netcdf(
    path: str | Path, *, calendar: str | None = None
) -> Iterator[xr.Dataset]:
    """A netCDF file, lazily, decoded by CF rules; faults inside name the file.

    Parameters
    ----------
    path : path
        netCDF-3 or netCDF-4.
    calendar : str, optional
        One of ``REAL_CALENDARS``: what the file's times are in, whatever it says.
    """
    if calendar is not None and calendar not in REAL_CALENDARS:
        raise InputError(
            f"calendar of {path}",
            found=repr(calendar),
            wanted=f"one of {', '.join(REAL_CALENDARS)}",
            hint="Days of a calendar without leap days look like real ones.",
        )
    path = existing_file(path)
    with path.open("rb") as content:
        classic = content.read(3) == b"CDF"
    with reading(path, "a netCDF-3 or netCDF-4 file"):
        if not classic:
            # h5netcdf leaves half an object behind when HDF5 cannot open a file.
            require_own_values(path)
        options: dict[str, Any] = (
            {} if classic else {"engine": "h5netcdf", "driver": "sec2"}
        )
        source: Any = classic_store(path) if classic else path
        if calendar is not None:
            options["decode_times"] = False
        with xr.open_dataset(source, cache=False, **options) as dataset:
            yield dataset if calendar is None else _in_calendar(dataset, calendar)


def _in_calendar(dataset: xr.Dataset, calendar: str) -> xr.Dataset:
    """Times decoded in the calendar that is stated."""
    for name in list(dataset.variables):
        if " since " in str(dataset[name].attrs.get("units", "")):
            dataset[name].attrs["calendar"] = calendar
    return xr.decode_cf(dataset, mask_and_scale=False, decode_coords=False)
