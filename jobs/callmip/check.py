"""Check one file, or all files of a folder, against the protocol of CalLMIP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from jobs.callmip.check_attributes import check_attributes, check_rehearsal
from jobs.callmip.check_layout import check_layout
from jobs.callmip.check_physics import check_physics
from jobs.callmip.check_set import Record, check_set, record_of
from jobs.callmip.check_time import check_time
from jobs.callmip.check_uncertainty import check_uncertainty
from jobs.callmip.check_values import check_values
from jobs.callmip.content import Unreadable, read_content
from jobs.callmip.findings import Finding, error
from jobs.callmip.names import check_name, parse_name
from jobs.callmip.records import read_records
from jobs.callmip.sites import SITES, Site
from jobs.callmip.submission import Submission
from jobs.errors import ConfigError, Problem


def check_submission(submission: Submission) -> list[Finding]:
    """Check one file that is in memory; touches no disk.

    Parameters
    ----------
    submission : Submission
        The file's name and content.

    Returns
    -------
    list of Finding
        In the order of the protocol's parts; empty for a file without fault.
    """
    findings = [
        *parse_name(submission.file)[1],
        *check_name(submission.name),
        *check_attributes(submission),
        *check_layout(submission),
        *check_time(submission),
        *check_values(submission),
        *check_physics(submission),
        *check_uncertainty(submission),
        *check_rehearsal(submission),
    ]
    return [replace(finding, file=submission.file) for finding in findings]


def check_path(
    path: Path, records: Path | None = None
) -> tuple[list[Path], list[Finding]]:
    """Check a file, or every netCDF file below a folder and their set.

    Parameters
    ----------
    path : pathlib.Path
        A file, a folder, or a run, of which the folder ``callmip`` is checked.
    records : pathlib.Path, optional
        Folder of the project's flux and weather files: years and places are held
        against them.

    Returns
    -------
    files : list of pathlib.Path
        What was checked.
    findings : list of Finding
        File after file, then those of the set.

    Raises
    ------
    ConfigError
        If there is no such file, or no netCDF file in the folder.
    """
    files = _files(path)
    sites = SITES if records is None else read_records(records)
    findings: list[Finding] = []
    members: list[Record] = []
    for file in files:
        found, record = _check_file(file, sites)
        findings += found
        if record is not None:
            members.append(record)
    if path.is_dir():
        findings += check_set(members)
    return files, findings


def _check_file(
    path: Path, sites: Mapping[str, Site]
) -> tuple[list[Finding], Record | None]:
    try:
        content = read_content(path)
    except Unreadable as exc:
        wanted = "a whole netCDF-3 or netCDF-4 file"
        unread = error("F1", "file", f"not readable ({exc})", wanted)
        findings = [*parse_name(path.name)[1], unread]
        return [replace(finding, file=path.name) for finding in findings], None
    submission = Submission(path.name, content, parse_name(path.name)[0], sites)
    return check_submission(submission), record_of(submission)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ConfigError(Problem(str(path), "no such file or folder"))
    is_run = (path / "config.yaml").is_file()
    files = sorted(
        found
        for found in (path / "callmip" if is_run else path).rglob("*")
        if found.suffix.lower() == ".nc" and found.is_file()
    )
    if not files:
        raise ConfigError(
            Problem(
                str(path),
                "CalLMIP files",
                found="none",
                wanted="files *.nc",
                hint=f"masm callmip export {path}" if is_run else "",
            )
        )
    return files
