"""Rows of a study, kept in a CSV file as they are finished; those of methods."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np


@dataclass(frozen=True)
class Row:
    """One method on one target with one seed.

    Attributes
    ----------
    target, method, seed, fail : what was run, and the fraction of runs made to fail
    runs, batches : rows and calls of the model
    cpu : seconds beyond the model's own
    mmtv, largest_tv, gskl : distance from the truth, see `benchmarks.metrics`
    flagged : whether the method itself doubts its result
    error : the total variation it claims; NaN where it claims none
    """

    target: str
    method: str
    seed: int
    fail: float
    runs: int
    batches: int
    cpu: float
    mmtv: float
    largest_tv: float
    gskl: float
    flagged: bool
    error: float


_Kind = TypeVar("_Kind")


def append(path: Path, row: Any) -> None:
    """Add a finished row, a dataclass, to the file, begun if it is not there."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(asdict(row)))
        if new:
            writer.writeheader()
        writer.writerow(asdict(row))


def read(path: Path, kind: type[_Kind]) -> list[_Kind]:
    """Read the rows of a file, each a dataclass of numbers, texts and truth values."""
    makers = {"int": int, "float": float, "bool": "True".__eq__, "str": str}
    with path.open(newline="") as file:
        return [
            kind(**{f.name: makers[str(f.type)](line[f.name]) for f in fields(kind)})
            for line in csv.DictReader(file)
        ]


def finished(path: Path | None) -> set[tuple[str, str, int, float]]:
    """Target, method, seed and fraction of failures of the rows already made."""
    if path is None or not path.exists():
        return set()
    return {(row.target, row.method, row.seed, row.fail) for row in read(path, Row)}


def summary(rows: Sequence[Row]) -> str:
    """Medians over seeds and variants for each target and method, as a table.

    A target is named without its variant. ``worst unflagged`` is the largest mean
    marginal total variation of a result that its method does not doubt.
    """
    lines = [
        "| target | method | n | runs | batches | CPU s | MMTV | worst "
        "| worst unflagged | largest TV | gsKL | flagged |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        name = row.target.rsplit("-", 1)[0]
        if row.fail:
            name += f" ({100 * row.fail:g} % fail)"
        groups.setdefault((name, row.method), []).append(row)
    for (name, method), group in groups.items():
        unflagged = [row.mmtv for row in group if not row.flagged]
        worst = f"{max(unflagged):.3f}" if unflagged else "-"

        def median(column: str, group: list[Row] = group) -> float:
            return float(np.median([getattr(row, column) for row in group]))

        lines.append(
            f"| {name} | {method} | {len(group)} | {median('runs'):.0f} "
            f"| {median('batches'):.0f} | {median('cpu'):.1f} | {median('mmtv'):.3f} "
            f"| {max(row.mmtv for row in group):.3f} | {worst} "
            f"| {median('largest_tv'):.3f} | {median('gskl'):.3f} "
            f"| {sum(row.flagged for row in group)} of {len(group)} |"
        )
    return "\n".join(lines)
