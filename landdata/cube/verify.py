"""The files of a finished cube against the checksums of its build."""

from __future__ import annotations

import json
from pathlib import Path

from landdata.errors import InputError
from landdata.files.provider_files import reading, sha256

CHECKSUMS = "checksums.json"


def verify_files(path: Path) -> None:
    """Refuse the first file that differs, is missing or is too much."""
    wanted = _checksums(path)
    found = {
        str(p.relative_to(path))
        for p in path.rglob("*")
        if p.is_file() and p.name != CHECKSUMS
    }
    for name in sorted(found ^ set(wanted)):
        raise InputError(
            str(path / name),
            found="missing" if name in wanted else "a file that is not the cube's",
            wanted=f"the files of {CHECKSUMS}",
        )
    for name, digest in wanted.items():
        if sha256(path / name) != digest:
            raise InputError(
                str(path / name),
                found="another content than when the cube was built",
                wanted=f"SHA-256 {digest[:16]}...",
                hint="Copy it again, or build the cube again.",
            )


def _checksums(path: Path) -> dict[str, str]:
    with reading(path / CHECKSUMS, "the list of checksums of the build"):
        listed = json.loads((path / CHECKSUMS).read_text("utf-8"))
        return {str(name): str(digest) for name, digest in listed.items()}
