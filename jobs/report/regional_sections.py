"""The sections that only some runs have: upscaling, towers, maps and totals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jobs.report.parts import Fact, Section, add_csv, add_pictures, link
from jobs.report.results import Results


def regional(results: Results) -> Iterator[Section]:
    """Yield what only a region has: upscaling, flux sites, maps, totals.

    Of another run the parts that have no content are left out.
    """
    path = results.run.folder.path
    for title, anchor, command, figures, tables in _REGIONAL:
        section = Section(title, anchor, command)
        for pattern, alt, caption in figures:
            add_pictures(results.run, section, pattern, alt, caption)
        for pattern, caption in tables:
            for file in sorted(path.glob(pattern)):
                add_csv(results.run, section, file, caption)
        maps = sorted((path / "maps").glob("*.tif")) if anchor == "maps" else []
        if maps:
            section.facts += [
                Fact(file.stem, "GeoTIFF", link(results.run, file)) for file in maps
            ]
        if results.run.source.is_region or not section.empty:
            yield section


_Items = Sequence[tuple[str, ...]]
_REGIONAL: list[tuple[str, str, str, _Items, _Items]] = [
    (
        "Upscaling",
        "upscaling",
        "upscale",
        [
            (
                "fig05*.png",
                "Scatter of upscaled against calibrated parameters",
                "Upscaled against calibrated parameters (Figure 5).",
            ),
            (
                "fig06*.png",
                "Scatter of scores with upscaled against calibrated parameters",
                "Scores with upscaled against calibrated parameters (Figure 6).",
            ),
            (
                "region_diso.png",
                "Curves of the fraction of pixels below each DISO, by parameter set",
                "Share of the region's pixels below each DISO.",
            ),
            (
                "*applicability*.png",
                "Map of where covariates are like those trained on",
                "Where the upscaling may be applied.",
            ),
        ],
        [
            (
                "upscaling/skill.csv",
                "Skill at random pixels and held-out blocks; coverage of intervals",
            ),
            ("upscaling/quality_control.csv", "Pixels that quality control dropped"),
            (
                "evaluation/region_summary.csv",
                "DISO over the region, default and others: fraction of pixels below "
                "0.3, fraction better than default, and decrease",
            ),
        ],
    ),
    (
        "Flux sites",
        "sites",
        "evaluate --flux-sites DIR",
        [
            (
                "fig10*.png",
                "Bars of the change of DISO at each flux site",
                "Fluxes at towers, before and after (Figure 10).",
            )
        ],
        [("evaluation/flux_sites.csv", "Scores at flux sites")],
    ),
    (
        "Maps",
        "maps",
        "export",
        [
            (
                "fig07*.png",
                "Maps of the mean and of the standard deviation of parameters",
                "Parameters: mean, and below it standard deviation (Figure 7).",
            ),
            (
                "fig09*.png",
                "Maps of absolute error, default and optimised",
                "Absolute error before and after (Figure 9).",
            ),
            (
                "fig11*.png",
                "Maps of mean annual fluxes, default and optimised",
                "Mean annual fluxes (Figure 11).",
            ),
        ],
        [],
    ),
    (
        "Regional totals",
        "totals",
        "evaluate",
        [
            (
                "fig12*.png",
                "Annual regional totals of fluxes",
                "Totals by year, and change by season (Figure 12).",
            ),
            (
                "region_totals.png",
                "Annual regional totals of each flux with intervals",
                "Totals by year, with the interval of the ensemble of maps.",
            ),
        ],
        [("evaluation/totals.csv", "Totals over the region, with 90 % intervals")],
    ),
]
