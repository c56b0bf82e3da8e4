"""Hold the licence of every run-time dependency against those we can live with.

    python .ci/licences.py licences.csv

Walks from ``pyproject.toml``, with the extras named here, through everything that is
installed with it, writes name, version, licence and verdict of each, and exits 1 if
one of them is not allowed, is not known, or is not installed.
"""

from __future__ import annotations

import csv
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = ("regions", "upscale", "torch")

PERMISSIVE = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause",
    "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "HPND", "ISC", "MIT", "MIT-CMU", "PSF-2.0",
    "Unlicense", "Zlib",
}  # fmt: skip

COPYLEFT_ALLOWED = {
    "certifi": (
        "MPL-2.0",
        "copyleft of single files, which we use unchanged: a list of certificates "
        "that rasterio and pyproj bring along",
    ),
    "pebble": (
        "LGPL",
        "copyleft of a library, which is imported unchanged and can be replaced",
    ),
    "tqdm": ("MPL-2.0", "copyleft of single files, which we use unchanged"),
}
"""Copyleft licences, for one package each, and why they do no harm."""

# What people write in the place of an SPDX identifier.
SPELLINGS = {
    "apache 2.0": "Apache-2.0",
    "apache license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "isc license": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}


def licence_of(package: Distribution) -> str:
    """Return a package's licence as an SPDX expression, empty if it does not say."""
    facts = package.metadata
    stated = facts.get("License-Expression")
    if stated:
        return stated
    classified = [
        line.rsplit(" :: ", 1)[1]
        for line in facts.get_all("Classifier") or []
        if line.startswith("License ::") and not line.endswith(":: OSI Approved")
    ]
    written = (facts.get("License") or "").strip().splitlines()
    for name in [*classified, *(line.strip() for line in written[:1])]:
        if name in PERMISSIVE:
            return name
        if name.lower() in SPELLINGS:
            return SPELLINGS[name.lower()]
        if re.fullmatch(r"[\w.+-]*(GPL|MPL|EPL|CDDL|SSPL)[\w.+-]*", name):
            return name
    return " AND ".join(classified)


def is_allowed(expression: str, name: str = "") -> bool:
    """Tell whether an SPDX expression can be met by licences we can live with.

    Examples
    --------
    >>> is_allowed("MIT AND Zlib"), is_allowed("GPL-3.0-only OR MIT")
    (True, True)
    >>> is_allowed("MIT AND GPL-3.0-only"), is_allowed("")
    (False, False)
    """
    also = {COPYLEFT_ALLOWED[name][0]} if name in COPYLEFT_ALLOWED else set()
    return any(
        all(part.strip(" ()") in PERMISSIVE | also for part in choice.split(" AND "))
        for choice in _choices(expression)
    )


def _choices(expression: str) -> Iterator[str]:
    # Brackets are not followed: "A AND (B OR C)" would have to allow "A AND (B".
    if "(" in expression:
        yield expression.replace(" OR ", " AND ")
    else:
        yield from expression.split(" OR ")


def closure(wanted: Iterable[str]) -> dict[str, Distribution | None]:
    """Return every package that requirements lead to; None if it is not installed."""
    found: dict[str, Distribution | None] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    queue = [(Requirement(text), ("",)) for text in wanted]
    while queue:
        requirement, extras = queue.pop()
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in extras):
            continue
        name = canonicalize_name(requirement.name)
        if (name, frozenset(requirement.extras)) in seen:
            continue
        seen.add((name, frozenset(requirement.extras)))
        inner = ("", *sorted(requirement.extras))
        try:
            found[name] = package = distribution(name)
        except PackageNotFoundError:
            found[name] = None
            continue
        queue += [(Requirement(text), inner) for text in package.requires or []]
    return found


def our_requirements(project: Path) -> list[str]:
    """Return what ``pyproject.toml`` asks for at run time."""
    facts = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    extras = facts["optional-dependencies"]
    lines = [*facts["dependencies"], *(line for e in EXTRAS for line in extras[e])]
    return [line for line in lines if Requirement(line).name != facts["name"]]


def rows(packages: dict[str, Distribution | None]) -> Iterator[dict[str, str]]:
    """Return a row for each package: what it is under, and whether that will do."""
    for name, package in sorted(packages.items()):
        if package is None:
            yield {"name": name, "verdict": "not installed"}
            continue
        licence = licence_of(package)
        verdict = "allowed" if is_allowed(licence, name) else "NOT ALLOWED"
        if name in COPYLEFT_ALLOWED and verdict == "allowed":
            verdict = f"allowed: {COPYLEFT_ALLOWED[name][1]}"
        yield {
            "name": name,
            "version": package.version,
            "licence": licence or "unknown",
            "verdict": verdict,
        }


def main() -> int:
    """Write the list; 1 if a licence will not do."""
    root = Path(__file__).parents[1]
    table = list(rows(closure(our_requirements(root / "pyproject.toml"))))
    target = Path(sys.argv[1])
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["name", "version", "licence", "verdict"])
        writer.writeheader()
        writer.writerows(table)
    bad = [row for row in table if not row["verdict"].startswith("allowed")]
    for row in bad:
        print(" ".join(f"{value}" for value in row.values()))
    print(f"licences: {len(table)} packages, {len(bad)} not allowed; see {target}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
