"""What the documentation site makes of the code as it is built.

Formulas become MathML, which browsers draw without a script from anywhere; the picture
of the packages, the table of parameters, the command line and the reference pages come
from the code itself.
"""

from __future__ import annotations

import ast
import csv
import html
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]  # while this file is loaded

from packages import draw_packages  # noqa: E402

from jobs.cli.app import app  # noqa: E402
from jobs.config.json_schema import config_schema, reference_rows  # noqa: E402
from jobs.config.run_kinds import KINDS  # noqa: E402

PACKAGES = ("masm", "ibis_dalec", "landmodels", "upscale", "landdata", "jobs")
_MATH = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">(?P<tex>.*?)</(?P=tag)>', re.DOTALL
)


def on_files(files: Any, config: Any) -> Any:
    """Add what is made from the code."""
    from mkdocs.structure.files import File

    made = {
        "images/packages.svg": draw_packages(ROOT, PACKAGES),
        "reference.md": reference_index(),
        "configuration.md": configuration_reference(),
        "command_line.md": command_reference(),
        "masm.schema.json": json.dumps(config_schema(), indent=2),
        **reference_pages(),
    }
    for path, content in made.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put tables from the code in the place of their marks."""
    for mark, table in (
        ("<!-- parameters -->", parameter_table),
        ("<!-- commands -->", command_table),
    ):
        if mark in markdown:
            markdown = markdown.replace(mark, table())
    return markdown


def on_page_content(content: str, **_: Any) -> str:
    """Turn TeX into MathML."""
    from latex2mathml.converter import convert

    def converted(found: re.Match[str]) -> str:
        tex = html.unescape(found["tex"]).strip()
        block = tex.startswith(r"\[")
        return convert(tex[2:-2].strip(), display="block" if block else "inline")

    return _MATH.sub(converted, content)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Refuse a page that would load anything from the network."""
    loaded = re.findall(r'<(?:script|img|iframe)[^>]+src="(https?:[^"]+)"', output)
    loaded += re.findall(
        r'<link[^>]+rel="stylesheet"[^>]+href="(https?:[^"]+)"', output
    )
    if loaded:
        raise ValueError(f"{page.file.src_uri} loads {', '.join(loaded)}")
    return output


def reference_index() -> str:
    """Return the page that lists the packages' modules, with their first sentences."""
    lines = ["# Reference\n"]
    for package in PACKAGES:
        lines.append(f"\n## [`{package}`](reference/{package}.md)\n")
        lines += [
            f"- [`{name}`](reference/{package}.md#{name}): {summary}"
            for name, summary in _modules(package)
        ]
    return "\n".join(lines) + "\n"


def reference_pages() -> dict[str, str]:
    """Return a page for each package: its modules, from their docstrings."""
    pages = {}
    for package in PACKAGES:
        lines = [f"# `{package}`\n"]
        lines += [f"::: {name}\n" for name, _ in _modules(package)]
        pages[f"reference/{package}.md"] = "\n".join(lines)
    return pages


def parameter_table() -> str:
    """Return the model's parameters as a table."""
    path = ROOT / "ibis_dalec" / "parameters.csv"
    with path.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    lines = [
        "| paper | our name | meaning | unit | default | prior | informed by |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        unit = "1" if row["unit"] == "-" else row["unit"]
        lines.append(
            f"| {_paper_symbol(row['id'])} | `{row['id']}` | {row['description']} "
            f"| {unit} | {row['default']} | {row['min']} to {row['max']} "
            f"| {row['constrained_by'].replace(';', ', ')} |"
        )
    return "\n".join(lines)


def command_table() -> str:
    """Return the commands of the command line with their first sentence."""
    import typer

    group = typer.main.get_command(app)
    lines = ["| command | what it does |", "|---|---|"]
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        first = (command.help or "").strip().splitlines()[0]
        lines.append(f"| `masm {name}` | {first} |")
    return "\n".join(lines)


def configuration_reference() -> str:
    """Return the page of every key of ``config.yaml``, from its schema."""
    lines = [
        "# Configuration reference\n",
        "Every key of `config.yaml`, made from the code. `masm init` writes a",
        "commented file to start from. `config.lock.yaml` in a run folder has every",
        "key with its value.\n",
        "Editors complete and check the file with the "
        "[JSON Schema](masm.schema.json), which `masm schema --output",
        "masm.schema.json` writes too. Put this in the first line of `config.yaml`:\n",
        "```yaml",
        "# yaml-language-server: $schema=masm.schema.json",
        "```\n",
        "Keys under `name`, `execution`, `screening` and `upscaling` may change during",
        "a run. All others cannot change once the run has started.",
    ]
    lines += _reference_of("", "run of pixels")
    for one in KINDS:
        lines += _reference_of(one.key, one.name.split(" ", 1)[1])
    return "\n".join(lines) + "\n"


def _reference_of(key: str, name: str) -> list[str]:
    """Return the tables of one kind of run."""
    lines, section = [f"\n## Keys of a {name}"], None
    for where, word, kind, default, meaning in sorted(
        reference_rows(key), key=lambda row: row[0]
    ):
        if where != section:
            section = where
            lines += [
                f"\n### {f'`{where}`' if where else 'Top level'} ({name})\n",
                "| key | value | default | meaning |",
                "|---|---|---|---|",
            ]
        cells = [f"`{word}`", kind, default, meaning]
        lines.append("| " + " | ".join(_cell(text) for text in cells) + " |")
    return lines


def command_reference() -> str:
    """Return the page of every command with its arguments, options and example."""
    import typer

    lines = [
        "# Command-line reference\n",
        "Every command, made from the code. Each prints its help with `--help`.\n",
    ]
    lines += _commands(typer.main.get_command(app), "masm")
    return "\n".join(lines) + "\n"


def _commands(group: Any, prefix: str) -> list[str]:
    lines = []
    for name, command in group.commands.items():
        words = f"{prefix} {name}"
        if hasattr(command, "commands"):
            lines += [f"\n## `{words}`\n", _plain(command.help or "")]
            lines += _commands(command, words)
            continue
        lines += [f"\n## `{words}`\n", _plain(command.help or "")]
        rows = [row for one in command.params if (row := _parameter(one))]
        if rows:
            lines += ["", "| argument or option | meaning |", "|---|---|", *rows]
        if command.epilog:
            example = command.epilog.removeprefix("Example: ")
            lines += ["", "```sh", *example.split("; "), "```"]
    return lines


def _parameter(one: Any) -> str:
    """Return a row of an argument or option; empty for what is hidden."""
    if getattr(one, "hidden", False):
        return ""
    names = ", ".join(f"`{name}`" for name in one.opts if name.startswith("-"))
    shown = names or f"`{one.metavar or one.name.upper()}`"
    if names and not getattr(one, "is_flag", False) and one.metavar:
        shown += f" `{one.metavar}`"
    choices = getattr(getattr(one, "type", None), "choices", None)
    meaning = one.help or ""
    if choices and not all(str(choice) in meaning for choice in choices):
        meaning += f" ({', '.join(map(str, choices))})"
    return f"| {shown} | {_cell(meaning)} |"


def _plain(text: str) -> str:
    return html.escape(text.strip(), quote=False)


def _cell(text: str) -> str:
    """Return a text as a table's cell; what looks like markup stays text."""
    if text.startswith("`"):
        return text.replace("|", "\\|")
    return html.escape(text, quote=False).replace("|", "\\|").replace("{", "&#123;")


def _paper_symbol(name: str) -> str:
    found = re.fullmatch(r"(alpha|beta|theta|tau|gamma|p|v)(\w+)", name)
    if name == "vmax":
        return r"$v_{max}$"
    if not found:
        return f"`{name}`"
    letter = found[1] if len(found[1]) == 1 else "\\" + found[1]
    return f"${letter}_{{{found[2]}}}$"


def _modules(package: str) -> list[tuple[str, str]]:
    """Return a package's modules and the first sentence of each."""
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        if text and not any(part.startswith("_") for part in parts):
            found.append((".".join(parts), text.split("\n\n")[0].replace("\n", " ")))
    return found
