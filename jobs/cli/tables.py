"""Tables that the command line shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jobs.console import table
from jobs.figures.labels import shown_unit
from jobs.process_models.base import Parameter
from jobs.text_tables import TextTable

if TYPE_CHECKING:
    import pandas as pd


def score_table(
    scores: pd.DataFrame, label: str, units: Mapping[str, str]
) -> TextTable:
    """Show R, RMSE, AE and DISO of each stream, period and parameter set."""
    unit = [shown_unit(units[stream]) for stream in scores["stream"]]
    shown = scores.drop(columns=["pixel", "r2"]).assign(unit=unit)
    shown = shown[
        ["stream", "period", "parameters", "r", "rmse", "ae", "unit", "diso", "n"]
    ].rename(columns={"r": "R", "rmse": "RMSE", "ae": "AE", "diso": "DISO"})
    formats = {"R": ".3f", "RMSE": ".3f", "AE": "+.3f", "DISO": ".3f", "n": "d"}
    return table(shown, f"{label}: fit of window means", formats)


def parameter_table(
    summary: dict[str, Any],
    label: str,
    truth: Mapping[str, float] | None,
    rows: Mapping[str, Parameter],
) -> TextTable:
    """Show posterior beside default, with R-hat and, in a twin, the truth.

    Parameters
    ----------
    summary : dict
        As ``summary.json`` of the pixel.
    label : str
        What it is.
    truth : mapping or None
        Known parameters of a twin.
    rows : mapping
        The model's parameter table.
    """
    import pandas as pd

    found = pd.DataFrame.from_dict(summary["parameters"], orient="index")
    names = list(found.index)
    shown = found.reset_index(names="parameter").rename(columns={"ess_bulk": "ess"})
    shown["default"] = [rows[name].default for name in names]
    columns = ["parameter", "default", "mean", "sd", "q05", "q95", "r_hat", "ess"]
    if truth is not None:
        shown["truth"] = [truth.get(name, rows[name].default) for name in names]
        inside = (shown["q05"] <= shown["truth"]) & (shown["truth"] <= shown["q95"])
        shown["in 90 %"] = inside.map({True: "yes", False: "no"})
        shown.loc[shown["q05"].isna(), "in 90 %"] = ""  # an optimiser's point
        columns[1:1] = ["truth"]
        columns.append("in 90 %")
    columns.append("at_bound")
    shown["unit"] = [shown_unit(rows[name].unit) for name in names]
    numbers = dict.fromkeys(("truth", "default", "mean", "sd", "q05", "q95"), ".3g")
    formats = {**numbers, "r_hat": ".3f", "ess": ".0f"}
    reason = summary["reason"]
    title = (
        f"{label}: {summary['n_model_runs']} model runs "
        f"({summary['n_failed_runs']} failed), {summary['minutes']:.1f} min, "
        f"{summary['status']}{f' ({reason})' if reason else ''}"
    )
    return table(shown[[*columns, "unit"]], title, formats)
