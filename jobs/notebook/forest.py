"""Posterior intervals of many pixels side by side, drawn in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jobs.config.process_model import model_of
from jobs.errors import ConfigError, Problem, did_you_mean
from jobs.report.results import Results

_MOST_ROWS = 50
_BLUE, _GREY = "#0072B2", "#9AA5AE"


def plot_forest(
    results: Results, parameter: str | None, pixels: Sequence[int] | None
) -> Any:
    """Draw a parameter's mean and 90 % interval of each pixel, within its prior.

    See `jobs.notebook.opened_run.OpenedRun.plot_forest`.
    """
    import matplotlib.pyplot as plt

    bounds = results.run.bounds
    names = list(bounds) if parameter is None else [parameter]
    if names[0] not in bounds:
        raise ConfigError(
            Problem(
                "",
                f"parameter {names[0]}",
                "not calibrated in this run",
                ", ".join(bounds),
                did_you_mean(names[0], bounds),
            )
        )
    finished = [pixel.id for pixel in results.finished]
    wanted = finished[:_MOST_ROWS] if pixels is None else list(pixels)
    unknown = [one for one in wanted if one not in set(finished)]
    if unknown or not wanted:
        raise ConfigError(
            Problem(
                str(results.run.folder.path),
                "no posterior" + (f" of pixel {unknown[0]}" if unknown else ""),
                wanted="finished pixels",
                hint=f"masm calibrate {results.run.folder.path}",
            )
        )
    table = results.estimates.set_index(["parameter", "pixel"])
    labels = {pixel.id: pixel.name for pixel in results.run.pixels}
    known = model_of(results.run.config).parameters
    rows = np.arange(len(wanted))[::-1]
    _, axes = plt.subplots(
        1, len(names), figsize=(1.5 + 2.4 * len(names), 1.2 + 0.22 * len(wanted)),
        sharey=True, squeeze=False, layout="constrained",
    )  # fmt: skip
    for axis, name in zip(axes[0], names, strict=True):
        part = table.loc[name].loc[wanted]
        low, high = bounds[name]
        axis.axvspan(low, high, color=_GREY, alpha=0.2, label="prior")
        axis.hlines(rows, part["q05"].astype(float), part["q95"].astype(float),
                    color=_BLUE, label="90 % interval")  # fmt: skip
        axis.plot(part["mean"], rows, "o", ms=4, color=_BLUE, label="mean")
        unit = known[name].unit
        axis.set_xlabel(name if unit in ("", "-", "1") else f"{name} ({unit})")
        axis.set_yticks(rows, [labels[one] for one in wanted], fontsize=7)
        axis.tick_params(axis="x", labelsize=7)
    axes[0, 0].legend(fontsize=7)
    return axes[0]
