"""Tables of `benchmarks.compare` for the documentation, from its CSV files.

    python -m benchmarks.compare_tables methods.csv [more.csv ...]

prints two tables in Markdown: the distance of each method from the known posterior, and
the lowest cost that each optimiser found. A cell is the median over seeds. It is in
brackets where the method does not trust its result with any seed; ``[1/3]`` means that
one of three seeds is ``done``. ``-`` was not run.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

_NOTHING = "-"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", nargs="+", type=Path)
    rows = read(parser.parse_args().csv)
    print(distances(rows))
    print()
    print(lowest_costs(rows))


def read(paths: list[Path]) -> pd.DataFrame:
    """Rows of several files; targets without their variant."""
    parts = [pd.read_csv(p, keep_default_na=False, na_values=[""]) for p in paths]
    rows = pd.concat(parts, ignore_index=True)
    return rows.assign(target=rows["target"].str.replace(r"-\d+$", "", regex=True))


def distances(rows: pd.DataFrame) -> str:
    """Distance in prior sd by method, target and budget; the nearest methods first.

    The last columns are of all rows of a method: the median mass of the known posterior
    in its 90 % intervals, the mean coverage of twins with their number, and the median
    CPU seconds beside the model.
    """
    rows = rows[rows["gives"] == "posterior"]
    problems = _problems(rows)
    head = [f"{target} {budget:,}" for target, budget in problems]
    lines = _header(["method", *head, "interval mass", "coverage", "own CPU s"])
    for method in _nearest_first(rows):
        own = rows[rows["method"] == method]
        cells = [
            _cell(own[(own["target"] == t) & (own["budget"] == b)]) for t, b in problems
        ]
        told = [_number(own["interval_mass"].median()), _coverage(own)]
        lines.append(
            _row(f"`{method}`", *cells, *told, _number(own["own_seconds"].median()))
        )
    return "\n".join(lines)


def lowest_costs(rows: pd.DataFrame) -> str:
    """Lowest cost of each optimiser, less the lowest that any method found."""
    points = rows[rows["gives"] == "point"]
    problems = _problems(points)
    head = [f"{target} {budget:,}" for target, budget in problems]
    lines = _header(["optimiser", *head])
    lowest = rows.groupby("target")["best_cost"].min()
    for method in sorted(set(points["method"])):
        cells = []
        for target, budget in problems:
            same = (points["target"] == target) & (points["budget"] == budget)
            found = points[same & (points["method"] == method)]["best_cost"]
            cells.append(_number(found.median() - lowest[target]))
        lines.append(_row(f"`{method}`", *cells))
    return "\n".join(lines)


def _problems(rows: pd.DataFrame) -> list[tuple[str, int]]:
    """Targets in their order, each with its budgets from small to large."""
    return [
        (target, budget)
        for target in dict.fromkeys(rows["target"])
        for budget in sorted(set(rows["budget"][rows["target"] == target]))
    ]


def _nearest_first(rows: pd.DataFrame) -> list[str]:
    """Methods by the mean of their ranks over problems that they answered."""
    key = ["target", "budget", "method"]
    medians = rows.groupby(key)["distance"].median().dropna().reset_index()
    rank = medians.groupby(["target", "budget"])["distance"].rank(pct=True)
    order = medians.assign(rank=rank).groupby("method")["rank"].mean().sort_values()
    return [*order.index, *sorted(set(rows["method"]) - set(order.index))]


def _cell(rows: pd.DataFrame) -> str:
    if rows.empty:
        return _NOTHING
    if (rows["verdict"] == "refused").all():
        return "refused"
    if rows["reason"].astype(str).str.contains("TooLong").any():
        return "over time"
    if (rows["verdict"] == "failed").all():
        return "failed"
    median = _number(rows["distance"].median())
    n_done = int((rows["verdict"] == "done").sum())
    if n_done == 0:
        return f"({median})"
    return median if n_done == len(rows) else f"{median} [{n_done}/{len(rows)}]"


def _coverage(rows: pd.DataFrame) -> str:
    """Mean over all twins, and how many there were."""
    known = rows[rows["coverage"].notna() & (rows["twins"] > 0)]
    n = int(known["twins"].sum())
    if n == 0:
        return _NOTHING
    return f"{np.average(known['coverage'], weights=known['twins']):.2f} ({n})"


def _number(value: float) -> str:
    return f"{value:.2g}" if np.isfinite(value) else _NOTHING


def _header(names: list[str]) -> list[str]:
    return [_row(*names), "|" + "---|" * len(names)]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
