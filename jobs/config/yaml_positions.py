"""Read a YAML file so that every value still knows its line and column.

Whatever the file holds, it is read or refused with a `ConfigError`: what the parser
cannot make, tags, keys that are no text, structures that hold themselves or grow
without end when their aliases are followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from jobs.disk_errors import system_fault
from jobs.errors import ConfigError, Problem
from jobs.files import read_text

_MAX_VALUES = 100_000  # aliases followed; more than any list of pixels needs
_MAX_DEPTH = 30
_MAX_BYTES = 4 * 2**20
_DIGITS = 300  # of a whole number, as many as the largest float has


@dataclass(frozen=True)
class Document:
    """A parsed YAML file that still knows where everything is."""

    path: Path
    tree: Any

    def holds(self, keys: Sequence[str | int]) -> bool:
        """Return whether the file itself has a value at a key path."""
        node = self.tree
        for key in keys:
            try:
                node = node[key]
            except (KeyError, IndexError, TypeError):
                return False
        return True

    def where(self, keys: Sequence[str | int]) -> str:
        """Return ``file:line:column`` of a key path, or of its nearest parent."""
        node, position = self.tree, (0, 0)
        for key in keys:
            if isinstance(node, CommentedMap) and key in node:
                # What was merged from an anchor has no place of its own.
                position = (node.lc.data or {}).get(key, position)
            elif isinstance(node, CommentedSeq) and isinstance(key, int):
                if key >= len(node):
                    break
                position = node.lc.item(key)
            else:
                break
            node = node[key]
        return f"{self.path.name}:{position[0] + 1}:{position[1] + 1}"

    def problem(
        self,
        keys: Sequence[str | int],
        *,
        found: str = "",
        wanted: str = "",
        hint: str = "",
    ) -> Problem:
        """Return a problem with the value at a key path."""
        what = ".".join(str(key) or '""' for key in keys)
        return Problem(self.where(keys), what, found, wanted, hint)

    def plain(self) -> dict[str, Any]:
        """Return what the file says as plain values, aliases followed.

        Raises
        ------
        ConfigError
            At a tag, a key that is no text, or too much of anything.
        """
        return dict(_Plain(self).of(self.tree, ()))


@dataclass
class _Plain:
    """One walk through a document, and how many values it has met."""

    document: Document
    n_values: int = 0

    def of(self, node: Any, keys: tuple[str | int, ...]) -> Any:
        self.n_values += 1
        if self.n_values > _MAX_VALUES:
            raise self._refused((), "more values than can be meant", "fewer aliases")
        if len(keys) > _MAX_DEPTH:
            raise self._refused(keys[:1], "nested without end", "a few levels")
        if isinstance(node, CommentedMap):
            for key in node:
                if type(key) is not str and not isinstance(key, str):
                    found = f"a key that is {_kind(key)}"
                    raise self._refused(keys, found, "keys that are words")
            return {str(key): self.of(node[key], (*keys, key)) for key in node}
        if isinstance(node, CommentedSeq):
            return [self.of(value, (*keys, i)) for i, value in enumerate(node)]
        if isinstance(node, int) and abs(node) >= 10**_DIGITS:
            raise self._refused(keys, "a number of too many digits", "a smaller one")
        if node is None or isinstance(node, str | int | float | date):
            return node
        raise self._refused(keys, f"{_kind(node)}", "plain values, without tags")

    def _refused(
        self, keys: tuple[str | int, ...], found: str, wanted: str
    ) -> ConfigError:
        if not keys:
            where = self.document.where(())
            return ConfigError(Problem(where, "the whole file", found, wanted))
        return ConfigError(self.document.problem(keys, found=found, wanted=wanted))


def _kind(value: Any) -> str:
    tag = getattr(getattr(value, "tag", None), "value", None)
    if tag:
        return f'a value with the tag "{tag}"'
    return {
        bool: "true or false",
        type(None): "nothing",
        int: "a number",
        float: "a number",
    }.get(type(value), f"of the kind {type(value).__name__}")


def read_document(path: Path) -> Document:
    """Parse a YAML file, keeping positions.

    Raises
    ------
    ConfigError
        If there is no such file, or it is not YAML, or a key appears twice.
    """
    try:
        text = read_text(path, _MAX_BYTES)
    except FileNotFoundError:
        raise ConfigError(
            Problem(
                str(path),
                "there is no configuration here",
                wanted="a run folder with a config.yaml",
                hint=f"Start one with: masm init {path.parent} --template demo",
            )
        ) from None
    except (OSError, ValueError) as exc:
        if system_fault(exc):
            raise
        raise ConfigError(Problem(str(path), "cannot be read", str(exc))) from exc
    try:
        tree = YAML(typ="rt").load(text)
    except Exception as exc:  # the parser fails on some texts in ways of its own
        raise ConfigError(_not_yaml(path, text, exc)) from exc
    if not isinstance(tree, CommentedMap):
        raise ConfigError(
            Problem(f"{path.name}:1:1", "nothing configured", wanted="keys and values")
        )
    return Document(path, tree)


def _not_yaml(path: Path, text: str, exc: Exception) -> Problem:
    where, found = f"{path.name}:1:1", f"{type(exc).__name__}: {exc}"[:200]
    hint = "Look at indents and colons."
    if isinstance(exc, MarkedYAMLError):
        mark = exc.problem_mark or exc.context_mark
        if mark:
            where = f"{path.name}:{mark.line + 1}:{mark.column + 1}"
        found = (exc.problem or "").split(" with value")[0]
    elif isinstance(exc, ReaderError):
        before = text[: exc.position].split("\n")
        where = f"{path.name}:{len(before)}:{len(before[-1]) + 1}"
        found, hint = f"the character #x{exc.character:04x}", "Delete it."
    elif isinstance(exc, RecursionError):
        found, hint = "nested without end", "A few levels are all it needs."
    return Problem(where, "not valid YAML", found, hint=hint)
