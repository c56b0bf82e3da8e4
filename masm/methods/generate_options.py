"""Write `masm.options`, the classes of options, from the registry of methods.

``python -m masm.methods.generate_options`` (or ``make format``) writes the file anew
after a method was added or changed. Names, types, defaults and meanings are those of
the method's ``sample``; a test says when the file is out of date.
"""

from __future__ import annotations

import inspect
from pathlib import Path

from masm.files import replacing
from masm.methods.method import Method
from masm.methods.registry import all_methods

TARGET = Path(__file__).parents[1] / "options.py"

_HEAD = '''"""Options of the calibration methods: one frozen class for each method.

>>> import masm
>>> from masm.options import EmulatorOptions
>>> result = masm.calibrate(  # doctest: +SKIP
...     model, observations, priors, seed=7, options=EmulatorOptions(max_runs=180)
... )

Made from `masm.methods.registry` by ``python -m masm.methods.generate_options``:
change a method, not this file.
"""

from __future__ import annotations

{imports}from dataclasses import dataclass
from typing import ClassVar, Literal

from masm.methods.options import MethodOptions

__all__ = [
{names}
]
'''

_CLASS = '''

@dataclass(frozen=True, kw_only=True)
class {name}(MethodOptions):
    """Options of the method ``{method}``.

    Attributes
    ----------
{attributes}

    Examples
    --------
    >>> from masm.options import {name}
    >>> {name}().{first}
    {shown}
    """

    method: ClassVar[str] = "{method}"

{fields}
'''

# A class cannot be named 4dvar.
_DIGIT = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
]


def class_name(method: str) -> str:
    """Return the name of a method's class of options.

    Examples
    --------
    >>> class_name("cma_es"), class_name("nsga2"), class_name("4dvar")
    ('CmaEsOptions', 'Nsga2Options', 'FourDvarOptions')
    """
    words = method.split("_")
    if words[0][0].isdigit():
        words[:1] = [_DIGIT[int(words[0][0])], words[0][1:]]
    return "".join(word.capitalize() for word in words) + "Options"


def options_source() -> str:
    """Return the text of ``masm/options.py``."""
    methods = all_methods()
    names = sorted([*(class_name(one.name) for one in methods), "MethodOptions"])
    classes = "".join(_class_source(one) for one in methods)
    sequences = (
        "from collections.abc import Sequence\n" if "Sequence[" in classes else ""
    )
    listed = "\n".join(f'    "{name}",' for name in names)
    head = _HEAD.replace("{imports}", sequences).replace("{names}", listed)
    return head + classes


def _class_source(method: Method) -> str:
    options = method.options
    annotations = inspect.signature(method.sample).parameters
    fields, attributes = {}, []
    for names, kind, meaning in _parameters(inspect.getdoc(method.sample) or ""):
        if not options.keys() >= set(names):
            continue
        attributes.append(f"    {', '.join(names)} : {kind}")
        attributes += [f"        {line}" for line in meaning]
        for name in names:
            annotation = str(annotations[name].annotation).strip("'\"")
            if kind.startswith("{"):
                annotation = f"Literal[{kind.strip('{}')}]"
            fields[name] = f"    {name}: {annotation} = {_literal(options[name])}"
    first = next(n for n, value in options.items() if value is not None)
    return _CLASS.format(
        name=class_name(method.name),
        method=method.name,
        attributes="\n".join(attributes),
        first=first,
        shown=repr(options[first]),
        fields="\n".join(fields[name] for name in options),
    )


def _literal(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:
        return f"{value:_}"
    return repr(value)


def _parameters(text: str) -> list[tuple[list[str], str, list[str]]]:
    """Return the parameters of a numpydoc text: names, type, and lines on them."""
    body = text.split("Parameters\n----------\n")[1].split("\n\n")[0]
    found: list[tuple[list[str], str, list[str]]] = []
    for line in body.splitlines():
        if line.startswith(" "):
            found[-1][2].append(line.strip())
        else:
            names, _, kind = line.partition(" : ")
            found.append((names.split(", "), kind, []))
    return found


if __name__ == "__main__":
    with replacing(TARGET) as part:
        part.write_text(options_source(), encoding="utf-8")
