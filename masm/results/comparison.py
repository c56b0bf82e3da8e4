"""What a comparison of calibration methods gives: a table, and which method to use."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from masm.files import replacing

if TYPE_CHECKING:
    import pandas as pd

#: Columns of `Comparison.table`, in order.
COLUMNS = (
    "method",
    "budget",
    "seed",
    "gives",
    "runs",
    "failed_runs",
    "model_seconds",
    "own_seconds",
    "best_cost",
    "distance",
    "worst_distance",
    "worst_parameter",
    "floor",
    "is_reference",
    "interval_mass",
    "coverage",
    "twins",
    "verdict",
    "reason",
)
_KEY = ["method", "budget"]
_WIDTH = 60  # of a verdict where a comparison is shown
_MEDIANS = (
    "runs", "model_seconds", "own_seconds", "best_cost", "distance", "interval_mass",
)  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Calibration methods side by side on one problem.

    Attributes
    ----------
    table : pandas.DataFrame
        A row for each method, budget and seed:

        ``method``, ``budget`` (most model runs), ``seed``
            Which calibration.
        ``gives``
            ``posterior``, ``point`` or ``region``.
        ``runs``, ``failed_runs``
            Model runs made, and how many of them failed.
        ``model_seconds``, ``own_seconds``
            Wall-clock seconds in the model; CPU seconds of this process beside it.
        ``best_cost``
            Lowest -2 log likelihood of any run.
        ``distance``, ``worst_distance``, ``worst_parameter``
            Wasserstein-1 distance of the marginals from those of the reference, in
            prior standard deviations: the mean over parameters, the largest, and
            whose it is. NaN without a posterior or a reference.
        ``floor``
            ``distance`` between the two halves of the reference.
        ``is_reference``
            Whether this chain is the reference; it has no distance.
        ``interval_mass``
            Fraction of the reference's draws in the 90 % intervals of the marginals,
            mean over parameters: 0.9 where intervals are right, less where they are
            too narrow or beside the posterior, more where they are too wide.
        ``coverage``, ``twins``
            Fraction of true parameters in the 90 % intervals, over so many synthetic
            twins, of the method at this budget.
        ``verdict``, ``reason``
            ``done``, ``suspect``, ``refused`` or ``failed``, and why.
    reference : str
        What distances are from; empty without a reference.
    floor : float
        Distance below which methods are not ranked; NaN without a reference.

    Examples
    --------
    >>> import pandas as pd, masm
    >>> row = {"method": "esmda", "budget": 200, "seed": 1, "verdict": "done"}
    >>> masm.Comparison(pd.DataFrame([row])).table["method"].tolist()
    ['esmda']
    """

    table: pd.DataFrame
    reference: str = ""
    floor: float = math.nan

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row for each method and budget: medians over seeds, worst verdict.

        Where there are distances, ``rank`` orders the results that can be trusted (all
        seeds done); those no farther than ``floor``, and the reference itself, share
        the first rank. Else NaN.
        """
        import pandas as pd

        rows = []
        for (method, budget), part in self.table.groupby(_KEY, sort=False):
            row: dict[str, Any] = {"method": method, "budget": budget}
            row["gives"] = part["gives"].iloc[0]
            row["seeds"] = len(part)
            row.update({name: _median(part[name]) for name in _MEDIANS})
            row["floor"] = self.floor
            row["is_reference"] = bool(part["is_reference"].any())
            row["coverage"] = part["coverage"].iloc[0]
            row["twins"] = int(part["twins"].iloc[0])
            row["verdict"] = _verdict(part)
            rows.append(row)
        made = pd.DataFrame(rows)
        trusted = (made["verdict"] == "done") & (made["gives"] == "posterior")
        distance = made["distance"].mask(made["is_reference"], self.floor)
        score = distance.clip(lower=self.floor).where(trusted)
        made.insert(len(made.columns) - 1, "rank", score.rank(method="min"))
        return made

    @property
    def recommendation(self) -> str:
        """One sentence: the method and budget to use, and why."""
        rows = self.summary
        trusted = rows[(rows["verdict"] == "done") & (rows["gives"] == "posterior")]
        if trusted.empty:
            return _without_posterior(rows)
        ranked = trusted[trusted["rank"].notna()]
        if ranked.empty:
            best = _cheapest(trusted)
            return (
                f"Use {_name(best)}: of {_count(len(trusted))} with a result to trust "
                f"it makes the fewest model runs ({best['runs']:.0f}); there is no "
                "reference to rank them by (reference=20000, or --reference 20000, "
                "makes one of 20,000 runs)."
            )
        first = ranked[ranked["rank"] == ranked["rank"].min()]
        best = _cheapest(first)
        halves = f"halves of the reference lie {self.floor:.3g} apart"
        if best["is_reference"]:
            return (
                f"Use {_name(best)}: it is the longest trusted chain, and nothing "
                f"cheaper comes as near to it as its own halves ({self.floor:.3g} "
                f"prior sd){_held(best)}."
            )
        lies = f"its marginals lie {best['distance']:.3g} prior sd from the reference"
        if best["distance"] > self.floor:
            of = "the nearest of" if len(ranked) > 1 else "the only one of"
            return (
                f"Use {_name(best)}: {lies}, {of} {_count(len(ranked))} with a result "
                f"to trust ({halves}){_held(best)}."
            )
        why = "the only one so near with a result to trust"
        if len(first) > 1:
            why = f"it makes the fewest model runs of {_count(len(first))} so near"
        return f"Use {_name(best)}: {lies}, where {halves}, and {why}{_held(best)}."

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table; a file with this name is always whole."""
        with replacing(path) as aside:
            self.table.to_csv(aside, index=False, float_format="%.6g")

    def __repr__(self) -> str:
        shown = self.summary.drop(columns=["is_reference", "floor"])
        if not self.table["twins"].any():
            shown = shown.drop(columns=["coverage", "twins"])
        shown = shown.dropna(axis=1, how="all")
        shown["verdict"] = shown["verdict"].map(_short)
        table = shown.to_string(index=False, float_format=lambda x: f"{x:.4g}")
        return f"{table}\n{self.recommendation}"


def _median(values: pd.Series) -> float:
    known = values.to_numpy(float)
    known = known[np.isfinite(known)]
    return float(np.median(known)) if len(known) else math.nan


def _verdict(part: pd.DataFrame) -> str:
    """The worst verdict of the seeds, with the reason and how many have it."""
    for verdict in ("failed", "refused", "suspect"):
        bad = part[part["verdict"] == verdict]
        if len(bad):
            few = "" if len(bad) == len(part) else f"; {len(bad)} of {len(part)} seeds"
            return f"{verdict}: {bad['reason'].iloc[0]}{few}"
    return "done"


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 4] + " ..."


def _cheapest(rows: pd.DataFrame) -> pd.Series:
    """The row of the fewest model runs, the first of equals."""
    return rows.iloc[int(np.argmin(rows["runs"].to_numpy(float)))]


def _name(row: pd.Series) -> str:
    return f"{row['method']} with a budget of {row['budget']} runs"


def _held(row: pd.Series) -> str:
    """What twins say of its intervals."""
    if not math.isfinite(row["coverage"]):
        return ""
    return (
        f"; its 90 % intervals held {row['coverage']:.0%} of the true parameters of "
        f"{row['twins']} twins"
    )


def _count(n: int) -> str:
    return f"{n} choice{'' if n == 1 else 's'}"


def _without_posterior(rows: pd.DataFrame) -> str:
    """The sentence where no posterior can be trusted."""
    found = rows[rows["best_cost"].notna()]
    if found.empty:
        return (
            "No method can be recommended: none gave a result; the reasons are in "
            "the table."
        )
    best = found.iloc[int(np.argmin(found["best_cost"].to_numpy(float)))]
    return (
        "No method gave a posterior to trust at these budgets, so raise the budget; "
        f"the lowest cost, {best['best_cost']:.4g}, is of {_name(best)}."
    )
