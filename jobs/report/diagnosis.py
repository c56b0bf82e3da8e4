"""The section that says why the calibrated model misses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.report.parts import Link, Section, add_pictures, link, table_of
from jobs.stages.diagnose import read_diagnosis

if TYPE_CHECKING:
    from jobs.run.run import Run

_MOST = 12
_ROWS = 5


def section_of_diagnosis(run: Run) -> Section:
    """Return sentences and scans of the pixels that ``masm diagnose`` has done."""
    import pandas as pd

    section = Section("Why the calibrated model misses", "diagnosis", "diagnose")
    folder = run.folder.path / "diagnosis"
    scans: list[pd.DataFrame] = []
    seasons: list[pd.DataFrame] = []
    sources: list[Link] = []
    for pixel in run.pixels:
        if len(scans) >= _MOST or not folder.is_dir():
            break
        found = read_diagnosis(run, pixel)
        if found is None:
            continue
        section.notes += [f"{pixel.name}: {one}" for one in found.sentences]
        scans.append(found.tables["scan"].head(_ROWS).assign(site=pixel.name))
        seasons.append(found.tables["seasons"].assign(site=pixel.name))
        sources.append(link(run, folder / f"{pixel.id:05d}_scan.csv"))
    if not scans:
        return section
    scan = pd.concat(scans, ignore_index=True)
    columns = {
        "site": "site",
        "parameter": "parameter",
        "default": "default",
        "best": "best",
        "unit": "unit",
        "lowered_adjusted": "estimate",
        "confirmed": "run in full",
        "validation": "validation years",
    }
    section.tables.append(
        table_of(
            scan[list(columns)].set_axis(list(columns.values()), axis=1),
            "Parameters that were not calibrated: fraction of the misfit that each "
            "would take away, with the calibrated ones adjusted.",
            sources,
            dict.fromkeys(("default", "best"), ".4g")
            | dict.fromkeys(("estimate", "run in full", "validation years"), ".0%"),
        )
    )
    shown = pd.concat(seasons, ignore_index=True)[
        ["site", "stream", "period", "season", "parameters", "rmse", "ae"]
    ].rename(columns={"rmse": "RMSE", "ae": "AE"})
    section.tables.append(
        table_of(
            shown,
            "Scores in and outside of the growing season.",
            [link(run, folder)],
            {"RMSE": ".3g", "AE": "+.3g"},
        )
    )
    add_pictures(
        run,
        section,
        "diagnosis_*.png",
        "Mean year, yearly residuals, scan of parameters, residuals against weather",
        "Residuals of the calibrated model.",
    )
    return section
