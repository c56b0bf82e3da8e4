"""The science of a run is fixed by its first start.

``config.lock.yaml`` is the configuration with every default written out. Execution
keys may change later; a changed science key is refused by name, since results made
before and after would not belong together.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from jobs.config import EXECUTION_KEYS, Config
from jobs.config_file import Document, read_document
from jobs.errors import ConfigError, Problem
from jobs.files import write_text

_HEADER = (
    "# Written by masm: config.yaml with every default, as this run first started.\n"
    "# Do not edit. Keys under `execution`, `screening` and `upscaling`, and `name`,\n"
    "# may change in config.yaml.\n"
)


def write_lock(config: Config, path: Path) -> None:
    """Write the configuration with every default."""
    stream = io.StringIO()
    yaml = YAML(typ="rt")
    yaml.default_flow_style = False
    yaml.dump(_written(config), stream)
    write_text(path, _HEADER + stream.getvalue())


def check_lock(config: Config, document: Document, path: Path) -> None:
    """Refuse a science key that differs from the lock, naming key and both values.

    Raises
    ------
    ConfigError
        If any key outside ``EXECUTION_KEYS`` changed since the lock was written.
    """
    locked = _flat(read_document(path).tree)
    asked = _flat(_written(config))
    problems = []
    for key in sorted(locked.keys() | asked.keys()):
        if key[0] in EXECUTION_KEYS or locked.get(key) == asked.get(key):
            continue
        if key not in locked and not document.holds(key):
            continue  # a default that came with a later version
        problems.append(
            document.problem(
                key,
                found=str(asked.get(key, "nothing"))
                + ("" if document.holds(key) else ", the default of this version"),
                wanted=f"{locked.get(key, 'nothing')} (in {path.name})",
                hint="What this run computed rests on it. Put it back, "
                "or start a new run folder.",
            )
        )
    if problems:
        raise ConfigError(problems)


def check_inputs(recorded: dict[str, str], found: dict[str, str]) -> None:
    """Refuse input files whose content changed since the run began.

    Parameters
    ----------
    recorded, found : dict
        File name to SHA-256.
    """
    problems = [
        Problem(
            name,
            "this input changed since the run began",
            found=f"sha256 {found.get(name, 'of no such file')[:16]}",
            wanted=f"sha256 {checksum[:16]} (in run.json)",
            hint="Put the file back, or start a new run folder.",
        )
        for name, checksum in recorded.items()
        if found.get(name) != checksum
    ]
    if problems:
        raise ConfigError(problems)


def _written(config: Config) -> dict[str, Any]:
    tree = config.model_dump(mode="json")
    for section in (tree["periods"], tree["pixels"]):
        for name, value in section.items():
            if isinstance(value, dict) and value.keys() == {"first", "last"}:
                first, last = value["first"], value["last"]
                section[name] = first if first == last else f"{first}-{last}"
    return tree


def _flat(tree: Any, keys: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Any]:
    return dict(_leaves(tree, keys))


def _leaves(tree: Any, keys: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from _leaves(value, (*keys, key))
    elif isinstance(tree, list) and tree:
        for index, value in enumerate(tree):
            yield from _leaves(value, (*keys, index))
    else:
        yield keys, tree
