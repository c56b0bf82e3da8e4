"""The JSON Schema of ``config.yaml``, for completion in editors, and its reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from jobs.config.reanalysis import ReanalysisConfig
from jobs.config.run_kinds import KINDS, REANALYSIS, SOIL_CARBON, SWATH, RunKind
from jobs.config.schema import Config
from jobs.config.soil_carbon import SoilCarbonConfig
from jobs.config.swath import SwathConfig

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_YEARS = {
    "title": "Period",
    "description": "Whole calendar years, such as 2002-2005 or 2001.",
    "anyOf": [
        {"type": "string", "pattern": r"^\s*\d{4}(\s*-\s*\d{4})?\s*$"},
        {"type": "integer", "minimum": 1850, "maximum": 2300},
    ],
}


_FORMS: dict[RunKind, type[BaseModel]] = {
    REANALYSIS: ReanalysisConfig,
    SOIL_CARBON: SoilCarbonConfig,
    SWATH: SwathConfig,
}
"""The configuration of each kind of run that is not one of pixels."""


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of a configuration of any kind, after draft 2020-12.

    It says which keys there are, what they may hold and what they mean. What only the
    rest of the configuration, the model or the files can say is checked by
    ``masm check``.

    Examples
    --------
    >>> schema = config_schema()
    >>> schema["$defs"]["Config"]["properties"]["seed"]["description"]
    'every random number comes from here'
    >>> schema["if"]
    {'required': ['reanalysis']}
    """
    forms: list[type[BaseModel]] = [Config, *_FORMS.values()]
    found, schema = models_json_schema([(form, "validation") for form in forms])
    refs = {form: found[form, "validation"] for form in forms}
    schema["$defs"]["Period"] = _YEARS
    chosen: dict[str, Any] = refs[Config]
    for kind in reversed(KINDS):
        chosen = {
            "if": {"required": [kind.key]},
            "then": refs[_FORMS[kind]],
            "else": chosen,
        }
    title = {"title": "Configuration of a masm run"}
    return {"$schema": _DIALECT, **title, "$defs": schema["$defs"], **chosen}


def reference_rows(kind: str = "") -> Iterator[tuple[str, str, str, str, str]]:
    """Yield every key: section, name, what it may hold, its default, its meaning.

    A section is a path such as ``execution.slurm``; keys of variants, such as the
    sources of pixels, have the variant in their section.

    Parameters
    ----------
    kind : str
        The key of a kind of run; by default a run of pixels.
    """
    form: Any = {one.key: model for one, model in _FORMS.items()}.get(kind, Config)
    schema = form.model_json_schema()
    schema.setdefault("$defs", {})["Period"] = _YEARS
    yield from _rows(schema, schema, "")


def _rows(
    schema: dict[str, Any], node: dict[str, Any], section: str
) -> Iterator[tuple[str, str, str, str, str]]:
    below: list[tuple[dict[str, Any], str]] = []
    for name, given in node.get("properties", {}).items():
        path = f"{section}.{name}" if section else name
        required = name in node.get("required", ())
        default = "required" if required else _value(given.get("default"))
        parts = _objects(schema, given)
        yield section, name, _kind(schema, given), default, _meaning(schema, given)
        for one, suffix in parts:
            below.append((one, path + suffix))
    for one, path in below:
        yield from _rows(schema, one, path)


def _objects(
    schema: dict[str, Any], node: dict[str, Any]
) -> list[tuple[dict[str, Any], str]]:
    """Return the mappings of named keys that a value may be, with their suffix."""
    node = _followed(schema, node)
    if "properties" in node:
        return [(node, "")]
    found = []
    choices = node.get("oneOf", node.get("anyOf", []))
    for choice in choices:
        one = _followed(schema, choice)
        source = one.get("properties", {}).get("source", {}).get("const")
        for part, suffix in _objects(schema, choice):
            found.append((part, f" ({source}){suffix}" if source else suffix))
    if isinstance(node.get("additionalProperties"), dict):
        for part, suffix in _objects(schema, node["additionalProperties"]):
            found.append((part, f".NAME{suffix}"))
    if isinstance(node.get("items"), dict):
        found += [(part, f"[]{s}") for part, s in _objects(schema, node["items"])]
    return found


def _followed(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].removeprefix("#/$defs/")]
    return node


def _kind(schema: dict[str, Any], given: dict[str, Any]) -> str:
    """Say in a few words what a value may be."""
    node = _followed(schema, given)
    if node.get("title") == "Period":
        return "years"
    if "const" in node:
        return str(node["const"])
    if "enum" in node:
        return " or ".join(str(one) for one in node["enum"])
    for key in ("oneOf", "anyOf"):
        if key in node:
            kinds = [_kind(schema, one) for one in node[key]]
            known = dict.fromkeys(kind for kind in kinds if kind != "null")
            return " or ".join(known)
    kind = str(node.get("type", "anything"))
    if kind == "array":
        if "prefixItems" in node:
            return "[low, high]"
        return f"list of {_kind(schema, node.get('items', {}))}"
    if kind == "object":
        inner = node.get("additionalProperties")
        if isinstance(inner, dict):
            return f"mapping of name to {_kind(schema, inner)}"
        return "section"
    return _bounded(
        {"string": "text", "boolean": "true or false"}.get(kind, kind), node
    )


def _bounded(kind: str, node: dict[str, Any]) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    above = node.get("exclusiveMinimum")
    words = []
    if low is not None:
        words.append(f"at least {low:g}")
    if above is not None:
        words.append(f"above {above:g}")
    if high is not None:
        words.append(f"at most {high:g}")
    return f"{kind}, {', '.join(words)}" if words else kind


def _value(default: Any) -> str:
    if default is None:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, dict):
        return "the defaults below" if default else "empty"
    if isinstance(default, list):
        return ", ".join(map(str, default)) or "empty"
    return str(default)


def _meaning(schema: dict[str, Any], given: dict[str, Any]) -> str:
    """Return the description of a key, or that of the section that it is."""
    text = given.get("description") or _followed(schema, given).get("description", "")
    return " ".join(str(text).split())
