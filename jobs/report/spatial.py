"""The section of the validation at left-out sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.config.process_model import units_of
from jobs.errors import ConfigError
from jobs.report.parts import Section, add_pictures, link, table_of
from jobs.stages.spatial_validation import open_spatial

if TYPE_CHECKING:
    from jobs.run.run import Run


def section_of_spatial(run: Run) -> Section:
    """Return methods side by side, parameters, and which sites were learned from.

    Empty until ``masm spatial`` has been done with the present calibrations.
    """
    section = Section("Validation at left-out sites", "spatial", "spatial")
    try:
        found = open_spatial(run)
    except ConfigError:
        return section
    folder, units = run.folder.path / "spatial", units_of(run.config)
    section.notes += found.sentences
    section.notes.append(
        "Each site is left out in turn, with its neighbours, and predicted in its "
        "validation years. Nothing observed at the target enters, except in the rows "
        "that say so."
    )
    for stream in dict.fromkeys(found.methods["stream"]):
        part = found.methods[found.methods["stream"] == stream]
        unit = "" if units[stream] == "1" else f" [{units[stream]}]"
        frame = part[
            ["method", "meaning", "n_sites", "rmse", "diso", "better_than_default",
             "better_than_mean", "coverage"]
        ].set_axis(
            ["name", "method", "sites", "RMSE", "DISO", "better than default",
             "better than mean of sites", "90 % interval holds"],
            axis=1,
        )  # fmt: skip
        frame["name"] = frame["name"].str.replace("_", " ")
        section.tables.append(
            table_of(
                frame,
                f"{stream.upper()}: mean over left-out sites, RMSE{unit}. Better: "
                "fraction of sites.",
                [link(run, folder / "methods.csv"), link(run, folder / "scores.csv")],
                {"sites": "d", "RMSE": "#.3g", "DISO": ".3f"}
                | dict.fromkeys(
                    ("better than default", "better than mean of sites",
                     "90 % interval holds"), ".0%",
                ),
            )
        )  # fmt: skip
    section.tables.append(
        table_of(
            found.sites.drop(columns="pixel")
            .assign(learned_from=found.sites["learned_from"].map({1: "yes", 0: "no"}))
            .rename(columns={"learned_from": "used for training"}),
            "Sites, their years and blocks of neighbours.",
            [link(run, folder / "sites.csv")],
            {"block": "d"},
        )
    )
    if len(found.mapped):
        section.tables.append(
            table_of(
                found.mapped.drop(columns="pixel"),
                "Parameters of places without a calibration of their own; low and high "
                "are the ends of the central 90 %.",
                [link(run, folder / "mapped.csv")],
                dict.fromkeys(("mean", "sd", "low", "high"), ".3g")
                | dict.fromkeys(("latitude", "longitude"), ".2f"),
            )
        )
    add_pictures(
        run,
        section,
        "spatial.png",
        "RMSE of each method at each left-out site",
        "Error at left-out sites in validation years.",
    )
    return section
