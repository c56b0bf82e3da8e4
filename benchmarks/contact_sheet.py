"""Every figure of one or more runs on one sheet, to look at side by side.

    python -m benchmarks.contact_sheet RUN [RUN ...] OUT.png

Draws nothing anew: it takes the figures that ``masm report`` and the other commands
left, the first of each kind, and says which are not there and which command makes them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from jobs.figures.canvas import new_figure

FIGURES = (
    ("1 screening", "screening.png", "screen"),
    ("2 posteriors of ten pixels", "fig02_*.png", "report"),
    ("3 best parameters", "fig03_*.png", "report"),
    ("4 fit of the samples", "fig04_*.png", "report"),
    ("5 upscaled against calibrated", "fig05_*.png", "upscale"),
    ("6 scores with upscaled parameters", "fig06_*.png", "evaluate"),
    ("7 maps of parameters", "fig07_*.png", "upscale"),
    ("8 scores before and after", "fig08_*.png", "evaluate"),
    ("9 maps of errors", "fig09_*.png", "evaluate"),
    ("10 flux sites", "fig10_*.png", "evaluate --flux-sites DIR"),
    ("11 maps of fluxes", "fig11_*.png", "simulate"),
    ("12 years and seasons", "fig12_*.png", "evaluate"),
    ("traces and ranks", "chains_*.png", "report"),
    ("predictive check", "predictive_*.png", "report"),
    ("surrogate accuracy", "surrogate_*.png", "report"),
    ("calibration coverage", "coverage.png", "report, of a twin"),
    ("area of applicability", "applicability.png", "upscale"),
    ("posterior of a pixel", "posterior_*.png", "evaluate"),
    ("fit of a pixel", "fit_*.png", "evaluate"),
    ("regional DISO", "region_diso.png", "evaluate"),
    ("regional totals", "region_totals.png", "evaluate"),
)
_COLUMNS = 3


def found_in(runs: list[Path]) -> list[tuple[str, Path | None, str]]:
    """Return each kind of figure with its first file, None if no run has it."""
    rows = []
    for title, pattern, verb in FIGURES:
        files = [
            file for run in runs for file in sorted(run.glob(f"figures/{pattern}"))
        ]
        rows.append((title, files[0] if files else None, verb))
    return rows


def draw_sheet(rows: list[tuple[str, Path | None, str]], target: Path) -> None:
    """Put all figures on one sheet, three in a row."""
    from matplotlib.image import imread

    figure, axes = new_figure(-(-len(rows) // _COLUMNS), _COLUMNS, 5.2, width=24)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (title, file, verb) in zip(axes.flat, rows, strict=False):
        axis.set_title(title, fontsize=12)
        if file is None:
            axis.text(0.5, 0.5, f"not there: masm {verb}", ha="center", fontsize=12)
        else:
            axis.imshow(np.asarray(imread(file)), interpolation="antialiased")
    figure.savefig(target)


def main() -> None:
    """Make the sheet, and name what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("out", type=Path, metavar="OUT.png")
    asked = parser.parse_args()
    rows = found_in(asked.runs)
    draw_sheet(rows, asked.out)
    for title, file, verb in rows:
        print(f"{title:<36} {file or f'not there: masm {verb}'}")


if __name__ == "__main__":
    main()
