"""Scientific settings cannot change once a run has started.

``config.lock.yaml`` is the configuration with every default written out. Execution
keys may change later; a changed science key is refused by name, since results made
before and after would not belong together. Where the user has set nothing the locked
value holds, whatever the default of this version of the software is.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML

from jobs.config.checks import check_meaning
from jobs.config.locked_defaults import (
    lost_to_this_version,
    with_locked_options,
    with_locked_sections,
)
from jobs.config.schema import EXECUTION_KEYS, Config
from jobs.config.yaml_positions import Document, read_document
from jobs.errors import ConfigError, Problem
from jobs.files import write_text

_HEADER = (
    "# Written by masm: config.yaml with every default, as this run first started.\n"
    "# Do not edit. Keys under `execution`, `screening` and `upscaling`, `sites` and\n"
    "# `name` may change in config.yaml.\n"
)


def write_lock(config: Config, path: Path) -> None:
    """Write the configuration with every default."""
    stream = io.StringIO()
    yaml = YAML(typ="rt")
    yaml.default_flow_style = False
    yaml.dump(_written(config), stream)
    write_text(path, _HEADER + stream.getvalue())


def apply_lock(
    config: Config, document: Document, path: Path, were_set: Collection[str] = ()
) -> tuple[Config, list[str]]:
    """Hold a started run to its lock.

    Parameters
    ----------
    config, document : Config, Document
        What the user's file says now.
    path : Path
        The lock.
    were_set : collection of str
        Dotted keys that the user's file held when the run started, as `keys_set` gave
        them; empty if that is not known.

    Returns
    -------
    config : Config
        With the locked value of every science key that the user's file leaves out.
    lost : list of str
        Locked keys that this version of the software cannot use. Results can be read
        without them; nothing more can be computed.

    Raises
    ------
    ConfigError
        If the configuration is wrong in itself, or the user changed, added or took
        away a key outside ``EXECUTION_KEYS``: by name, with both values.
    """
    locked = read_document(path).plain()
    written = document.plain()
    paths = {tuple(_index(word) for word in key.split(".")) for key in were_set}
    try:
        held = with_locked_sections(config, written, locked, paths)
    except ValidationError as exc:
        raise ConfigError(_not_valid_now(path, exc)) from exc
    check_meaning(held, document)
    held = with_locked_options(held, locked, paths)
    lost = lost_to_this_version(held, locked)
    known, asked = _flat(locked), _flat(_written(held))
    problems = []
    for key in sorted(known.keys() | asked.keys(), key=_sortable):
        if key[0] in EXECUTION_KEYS or known.get(key) == asked.get(key):
            continue
        if key not in known and not document.holds(key):
            continue  # a default that came with a later version
        if any(key[: len(gone)] == gone for gone in lost):
            continue
        problems.append(
            document.problem(
                key,
                found=str(asked[key]) if document.holds(key) else "nothing",
                wanted=f"{known.get(key, 'nothing')} (in {path.name})",
                hint="What this run computed rests on it. Put it back, "
                "or start a new run folder.",
            )
        )
    if problems:
        raise ConfigError(problems)
    return held, [".".join(map(str, key)) for key in lost]


def keys_set(document: Document) -> list[str]:
    """Return the dotted keys of the science that the user's file itself holds."""
    keys = {
        key[:n]
        for key in _flat(document.plain())
        for n in range(1, len(key) + 1)
        if key[0] not in EXECUTION_KEYS
    }
    return [".".join(map(str, key)) for key in sorted(keys, key=_sortable)]


def refuse_lost(lost: list[str], path: Path, version: str) -> None:
    """Refuse to compute more of a run whose locked keys cannot be used now.

    Raises
    ------
    ConfigError
        Naming each key.
    """
    if lost:
        raise ConfigError(
            Problem(
                path.name,
                key,
                found="a key, or a value, that this version of masm does not know",
                wanted="the software that the run started with",
                hint=f"Continue with masm {version} (run.json has its commit), or "
                "start a new run folder. Commands that only read still work.",
            )
            for key in lost
        )


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


def _not_valid_now(path: Path, error: ValidationError) -> Iterator[Problem]:
    for one in error.errors():
        yield Problem(
            path.name,
            ".".join(map(str, one["loc"])),
            found=str(one["input"]),
            wanted=str(one["msg"]).removeprefix("Value error, "),
            hint="An earlier version of masm took this default, which this one cannot "
            "use. Read the run with the version that run.json names.",
        )


def _index(word: str) -> str | int:
    return int(word) if word.isdigit() else word


def _sortable(key: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(map(str, key))


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
