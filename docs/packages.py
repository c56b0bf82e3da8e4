"""The picture of the packages, drawn from the imports that the code really has."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

_PLACES = {
    "jobs": (300, 30),
    "landdata": (500, 140),
    "masm": (10, 250),
    "upscale": (180, 250),
    "ibis_dalec": (350, 250),
    "landmodels": (520, 250),
}
_WIDTH, _HEIGHT = 150, 54


def count_imports(root: Path, packages: Sequence[str]) -> Counter[tuple[str, str]]:
    """Count the modules of each package that import from another.

    Parameters
    ----------
    root : Path
        Where the packages are.
    packages : sequence of str
        Their names.
    """
    found: Counter[tuple[str, str]] = Counter()
    for package in packages:
        for path in (root / package).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for other in _imported(tree) & set(packages) - {package}:
                found[package, other] += 1
    return found


def draw_packages(root: Path, packages: Sequence[str]) -> str:
    """Return an SVG: a box for each package, an arrow to each it imports."""
    arrows = count_imports(root, packages)
    shapes = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 330" role="img" '
        'font-family="sans-serif" font-size="15">',
        "<title>Packages and the imports between them</title>",
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" '
        'markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L10 5L0 10z" fill="#0072b2"/></marker></defs>',
        '<rect width="680" height="330" fill="#ffffff"/>',
    ]
    for (one, other), number in sorted(arrows.items()):
        (x1, y1), (x2, y2) = _PLACES[one], _PLACES[other]
        start = (x1 + _WIDTH / 2, y1 + _HEIGHT)
        end = (x2 + _WIDTH / 2, y2 - 2)
        shapes.append(
            f'<line x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}" '
            'stroke="#0072b2" stroke-width="2" marker-end="url(#tip)"/>'
        )
        middle = (0.45 * start[0] + 0.55 * end[0], 0.45 * start[1] + 0.55 * end[1])
        shapes.append(
            f'<rect x="{middle[0] - 14}" y="{middle[1] - 12}" width="28" height="20" '
            f'fill="#ffffff"/><text x="{middle[0]}" y="{middle[1] + 4}" '
            f'text-anchor="middle" fill="#4a5560" font-size="13">{number}</text>'
        )
    for package in packages:
        x, y = _PLACES[package]
        n = len(list((root / package).rglob("*.py")))
        shapes.append(
            f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" '
            'fill="#e8f1f8" stroke="#00508a"/>'
            f'<text x="{x + _WIDTH / 2}" y="{y + 24}" text-anchor="middle" '
            f'font-weight="bold">{package}</text>'
            f'<text x="{x + _WIDTH / 2}" y="{y + 42}" text-anchor="middle" '
            f'fill="#4a5560" font-size="12">{n} modules</text>'
        )
    return "\n".join([*shapes, "</svg>"])


def _imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names
