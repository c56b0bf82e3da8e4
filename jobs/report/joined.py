"""The section of sites that were calibrated together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobs.figures.labels import span
from jobs.files import OddFile, read_json
from jobs.report.parts import MAX_ROWS, Section, add_pictures, link, table_of
from jobs.run.site_results import is_joined, sites_folder
from jobs.run_tables import read_run_table

if TYPE_CHECKING:
    import pandas as pd

    from jobs.run.run import Run

_WAYS = ("separate", "pooled", "hierarchical")
_WRITTEN = {
    "group": (
        ["parameter", "unit", "belongs_to"],
        ["new_site_mean", "new_site_q05", "new_site_q95", "within_sd", "between_sd",
         "share_between", "share_between_other", "p"],
    ),
    "parameters": (
        ["name", "parameter"],
        [f"{way}_{of}" for way in (*_WAYS, "other") for of in ("mean", "sd")],
    ),
    "verdicts": (["name", "reason"], ["right", "r_hat", "model_runs"]),
    "scores": (["stream", "period", "sites"], ["nse"]),
}  # fmt: skip
"""Columns of each table that are shown here: those of words, those of numbers."""


def section_of_sites(run: Run) -> Section:
    """Return the group, the parameters of sites by each way, verdicts and scores.

    Empty until the joint step of the present calibrations is done.
    """
    section = Section("Sites together", "sites", "sites")
    if not is_joined(run):
        return section
    folder = sites_folder(run)
    tables = {
        name: read_run_table(folder / f"{name}.csv", columns, numbers)
        for name, (columns, numbers) in _WRITTEN.items()
    }
    section.notes += _notes(run, tables)
    source = {name: [link(run, folder / f"{name}.csv")] for name in tables}
    section.tables += [
        table_of(
            _group(tables["group"]),
            "Parameters of the group. Spread within and between sites is in standard "
            "deviations of the prior (of its standard normal transform); p is the "
            "chance of sites that differ as much where all are the same (Cochran's Q).",
            source["group"],
            dict.fromkeys(
                ("new site", "within", "between", "share between", "other prior"),
                ".3g",
            )
            | {"p": ".3f"},
        ),
        table_of(
            _parameters(tables["parameters"]),
            "Mean ± standard deviation at each site. Other prior: hierarchical, with "
            "less variance between sites in the prior.",
            source["parameters"],
        ),
        table_of(
            _scores(tables["scores"]),
            "Nash-Sutcliffe efficiency of the mean parameters, mean of sites.",
            source["scores"],
            dict.fromkeys(_WAYS, ".3f"),
        ),
        table_of(
            tables["verdicts"][
                ["name", "right", "r_hat", "model_runs", "reason"]
            ].assign(right=tables["verdicts"]["right"].map({1: "yes", 0: "no"})),
            "Whether the joint posterior of a site can be trusted.",
            source["verdicts"],
            {"r_hat": ".3f", "model_runs": "d"},
        ),
    ]
    add_pictures(
        run,
        section,
        "sites.png",
        "Mean and standard deviation of each parameter at each site, by each way",
        "Parameters of sites: separate, pooled and hierarchical.",
    )
    return section


def _notes(run: Run, tables: dict[str, pd.DataFrame]) -> list[str]:
    path = sites_folder(run) / "stamp.json"
    try:
        first, other = (
            {key: float(prior[key]) for key in ("share_between", "degrees_of_freedom")}
            for prior in read_json(path)["group_prior"]
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise OddFile(f"{path.name}: no priors of a group") from exc
    found = [
        f"The calibrated parameters of this run are the {run.config.sites} ones.",
        "In the prior of the group "
        f"{first['share_between']:.0%} of a parameter's variance is between sites "
        f"({first['degrees_of_freedom']:g} degrees of freedom); with few sites the "
        f"answer depends on it, so a second prior with {other['share_between']:.0%} "
        "is beside it.",
    ]
    unseen = tables["verdicts"].loc[tables["verdicts"]["model_runs"] == 0, "name"]
    if len(unseen):
        found.append(
            f"Without observations, predicted from the group: {', '.join(unseen)}."
        )
    wrong = tables["verdicts"].loc[tables["verdicts"]["right"] == 0, "name"]
    if len(wrong):
        found.append(f"Not to be trusted, see the verdicts: {', '.join(wrong)}.")
    return found


def _group(table: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "parameter": table["parameter"],
            "unit": table["unit"],
            "new site": table["new_site_mean"],
            "90 % interval": [
                span(low, high, ".3g")
                for low, high in zip(
                    table["new_site_q05"], table["new_site_q95"], strict=True
                )
            ],
            "within": table["within_sd"],
            "between": table["between_sd"],
            "share between": table["share_between"],
            "other prior": table["share_between_other"],
            "p": table["p"],
            "belongs to": table["belongs_to"],
        }
    )


def _parameters(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each site and parameter, the first of them where there are many."""
    import pandas as pd

    columns: dict[str, Any] = {"site": table["name"], "parameter": table["parameter"]}
    labels = dict(zip(_WAYS, _WAYS, strict=True)) | {"other": "other prior"}
    for way, label in labels.items():
        pairs = zip(table[f"{way}_mean"], table[f"{way}_sd"], strict=True)
        columns[label] = [
            "–" if mean != mean else f"{mean:.4g} ± {sd:.2g}" for mean, sd in pairs
        ]
    return pd.DataFrame(columns).head(4 * MAX_ROWS)


def _scores(table: pd.DataFrame) -> pd.DataFrame:
    means = table.groupby(["stream", "period", "sites"], sort=False)["nse"].mean()
    return means.unstack("sites")[list(_WAYS)].reset_index()
