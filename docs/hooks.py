"""What the documentation site makes of the code as it is built.

Formulas become MathML, which browsers draw without a script from anywhere; the picture
of the packages, the table of parameters, the command line and the reference pages come
from the code itself.
"""

from __future__ import annotations

import ast
import csv
import html
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]  # while this file is loaded

from packages import draw_packages  # noqa: E402

from jobs.cli.app import app  # noqa: E402

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
        **reference_pages(),
    }
    for path, content in made.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put tables from the code in the place of their marks."""
    for mark, table in (
        ("<!-- parameters -->", parameter_table),
        ("<!-- verbs -->", verb_table),
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


def verb_table() -> str:
    """Return the verbs of the command line with their first sentence."""
    import typer

    group = typer.main.get_command(app)
    lines = ["| verb | what it does |", "|---|---|"]
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        first = (command.help or "").strip().splitlines()[0]
        lines.append(f"| `masm {name}` | {first} |")
    return "\n".join(lines)


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
