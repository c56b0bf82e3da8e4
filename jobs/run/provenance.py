"""What a run was made with: versions, git hash, seed, input checksums."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from jobs.errors import ConfigError, Problem
from jobs.files import sha256, write_text

_PACKAGES = ("masm", "numpy", "scipy", "numba", "xarray", "pandas", "arviz", "h5netcdf")


def checksums(inputs: dict[str, Path]) -> dict[str, str]:
    """Return the SHA-256 of each input file.

    Raises
    ------
    ConfigError
        Naming every input that is not there.
    """
    missing = [
        Problem("", name, f"no file {path}", "an existing file")
        for name, path in inputs.items()
        if not path.is_file()
    ]
    if missing:
        raise ConfigError(missing)
    return {name: sha256(path) for name, path in inputs.items()}


def record(seed: int, inputs: dict[str, str]) -> dict[str, Any]:
    """Describe the software, the machine's kind, the seed and the inputs.

    Parameters
    ----------
    seed : int
        The run's seed.
    inputs : dict
        SHA-256 by input name.
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "versions": {"python": platform.python_version(), **_versions()},
        "machine": f"{platform.system()} {platform.machine()}",
        "git": _git(Path(__file__).parent),
        "inputs": inputs,
    }


def write_record(path: Path, facts: dict[str, Any]) -> None:
    """Write ``run.json``."""
    write_text(path, json.dumps(facts, indent=2) + "\n")


def read_record(path: Path) -> dict[str, Any]:
    """Read ``run.json``; empty if the run has not started."""
    if not path.is_file():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _git(folder: Path) -> dict[str, Any] | None:
    """Return commit and whether files differ from it; None outside a checkout."""
    git = shutil.which("git")
    if git is None:
        return None

    def ask(*words: str) -> str | None:
        answer = subprocess.run(
            [git, "-C", str(folder), *words],
            capture_output=True,
            text=True,
            check=False,
        )
        return answer.stdout.strip() if answer.returncode == 0 else None

    commit = ask("rev-parse", "HEAD")
    if commit is None or ask("ls-files", "--error-unmatch", __file__) is None:
        return None
    return {"commit": commit, "changed": bool(ask("status", "--porcelain"))}
