"""Read ``config.yaml``: each mistake with its line, column, and what was wanted.

ruamel.yaml keeps the position of every key and pydantic names the path of every
mistake; this module joins the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from pydantic import BaseModel, ValidationError

from jobs.config.run_kinds import KINDS, RunKind
from jobs.config.schema import Config
from jobs.config.yaml_positions import Document, read_document
from jobs.errors import ConfigError, Problem, did_you_mean

_Kind = TypeVar("_Kind", bound=BaseModel)

_WANTED = {
    "missing": "this key, with a value",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "string_type": "text",
    "path_type": "a file name",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "list_type": "a list, such as [gpp, lai]",
    "tuple_type": "a pair, such as [0.5, 2.0]",
    "too_long": "fewer items",
    "too_short": "at least one item",
    "finite_number": "a finite number",
}


class Whole(Protocol):
    """The form of a whole file."""

    @classmethod
    def model_validate(cls, obj: Any) -> Self:
        """Make it of plain values."""

    def in_folder(self, folder: Path) -> Self:
        """Return it as read from a file in a folder."""


_W = TypeVar("_W", bound=Whole)


def read_config(path: Path) -> tuple[Config, Document]:
    """Read and validate a configuration file.

    Raises
    ------
    ConfigError
        With every mistake found, not only the first.
    """
    document = read_document(path)
    kind = kind_of_run(document)
    if kind is not None:
        raise ConfigError(
            document.problem(
                [kind.key],
                found=kind.name,
                wanted="a run of pixels, for this command",
                hint=f"For such a run there are: {', '.join(kind.commands)}.",
            )
        )
    return _validated(Config, document, path), document


def read_as(schema: type[_W], path: Path) -> tuple[_W, Document]:
    """Read and validate a file of a given form.

    Raises
    ------
    ConfigError
        With every mistake found, not only the first.
    """
    document = read_document(path)
    return _validated(schema, document, path), document


def kind_of_run(document: Document) -> RunKind | None:
    """Return what kind of run a configuration is of; None for a run of pixels."""
    for kind in KINDS:
        if document.holds([kind.key]):
            return kind
    return None


def _validated(schema: type[_W], document: Document, path: Path) -> _W:
    try:
        return schema.model_validate(document.plain()).in_folder(path.parent)
    except ValidationError as exc:
        problems = [_problem(document, dict(error), schema) for error in exc.errors()]
        raise ConfigError(problems) from exc


def _problem(document: Document, error: dict[str, Any], schema: Any) -> Problem:
    keys, fields = _follow(document.tree, error["loc"], schema)
    kind, message = error["type"], str(error["msg"])
    hint = ""
    found = _show(error["input"])
    if kind == "missing":
        found = "nothing"
    elif kind == "extra_forbidden":
        found = f'an unknown key "{keys[-1]}"'
        hint = did_you_mean(str(keys[-1]), fields)
        message = "a known key"
    elif kind == "union_tag_not_found":
        found, message = "nothing", "this key, with a value"
        keys = [*keys, "source"]
    elif kind == "union_tag_invalid":
        found = f'"{error["ctx"]["tag"]}"'
        message = f"one of {error['ctx']['expected_tags']}"
        keys = [*keys, "source"]
    elif kind == "value_error":
        message = message.removeprefix("Value error, ").removeprefix("wanted: ")
    elif kind == "literal_error":
        message = f"one of {error['ctx']['expected']}"
    message = _WANTED.get(kind, message).replace("Input should be", "a value").strip()
    return document.problem(keys, found=found, wanted=message, hint=hint)


def _follow(
    tree: Any, path: Sequence[str | int], model: Any
) -> tuple[list[str | int], tuple[str, ...]]:
    """Drop the tags that pydantic adds to a path; also return the fields it allows."""
    node: Any = tree
    keys: list[str | int] = []
    for position, key in enumerate(path):
        last = position == len(path) - 1
        inside = (isinstance(node, dict) and key in node) or (
            isinstance(node, list) and isinstance(key, int) and key < len(node)
        )
        if inside:
            keys.append(key)
            if not last:
                node = node[key]
                model = _step(model, key)
        elif last and not _is_tag(model, key):
            keys.append(key)
        else:
            model = _variant(model, key)
    return keys, tuple(_fields(model))


def _annotation(model: Any) -> Any:
    return getattr(model, "annotation", model)


def _members(annotation: Any) -> list[Any]:
    """Every class mentioned in an annotation, unions and ``Annotated`` opened."""
    arguments = getattr(annotation, "__args__", ())
    found = [annotation] if isinstance(annotation, type) else []
    for argument in arguments:
        found += _members(argument)
    return found


def _models(annotation: Any) -> list[type[BaseModel]]:
    return [
        member
        for member in _members(_annotation(annotation))
        if issubclass(member, BaseModel)
    ]


def _step(model: Any, key: str | int) -> Any:
    for member in _models(model):
        field = member.model_fields.get(str(key))
        if field is not None:
            return field.annotation
    return model


def _variant(model: Any, tag: str | int) -> Any:
    for member in _models(model):
        source = member.model_fields.get("source")
        if source is not None and tag in getattr(source.annotation, "__args__", ()):
            return member
    return model


def _is_tag(model: Any, key: str | int) -> bool:
    return _variant(model, key) is not model or key in (
        "word",
        "relative",
        "number",
        "values",
    )


def _fields(model: Any) -> list[str]:
    return [name for member in _models(model) for name in member.model_fields]


def _show(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "keys " + ", ".join(map(str, value)) if value else "an empty mapping"
    text = str(value)
    return text if len(text) < 60 else text[:57] + "..."
