"""What a run was made with: versions, git hash, seed, input checksums."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from jobs.errors import ConfigError, Problem
from jobs.files import read_json, sha256, write_text

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
    """Read ``run.json``; empty if the run has not started.

    Raises
    ------
    ConfigError
        If it is no record of a run: cut short, or of another kind.
    """
    try:
        facts = read_json(path)
    except FileNotFoundError:
        return {}
    except ValueError as exc:
        raise _no_record(path, str(exc)) from exc
    if not isinstance(facts, dict) or not _is_digests(facts.get("inputs")):
        raise _no_record(path, "no table of inputs with their SHA-256")
    were_set = facts.get("keys_set", [])
    if not isinstance(were_set, list) or not all(isinstance(k, str) for k in were_set):
        raise _no_record(path, "keys_set is no list of keys")
    if not isinstance(facts.get("versions", {}), dict):
        raise _no_record(path, "versions is no table")
    return facts


def _is_digests(table: Any) -> bool:
    return isinstance(table, dict) and all(
        isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value)
        for value in table.values()
    )


def _no_record(path: Path, found: str) -> ConfigError:
    return ConfigError(
        Problem(
            str(path),
            "the record of this run cannot be read",
            found="".join(c if c.isprintable() else "?" for c in found)[:120],
            wanted="run.json as masm wrote it",
            hint="Put it back from where this folder was copied, or start a new run "
            "folder: what was computed rests on it.",
        )
    )


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
