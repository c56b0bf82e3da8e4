"""Compare calibration methods on one pixel of a run, and keep the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.errors import ConfigError, Problem
from jobs.files import lexists, put_aside, replacing
from jobs.inputs.simulate import calibration_model
from jobs.run.pixel import Pixel
from jobs.run.run import Run
from jobs.run_tables import read_run_table
from jobs.spreadsheets import safe_texts
from jobs.stages.calibrate_pixel import (
    PixelError,
    fitted_streams,
    model_runs,
    read_inputs,
)

if TYPE_CHECKING:
    import pandas as pd

    import masm


def compare_pixel(
    run: Run,
    pixel: Pixel,
    *,
    methods: Sequence[str],
    budgets: Sequence[int],
    n_seeds: int,
    reference: int | None,
    n_twins: int,
    on_row: Callable[[Mapping[str, Any]], None] | None = None,
) -> masm.Comparison:
    """Calibrate a pixel with several methods: all streams and parameters at once.

    The streams and parameters are those of the run's blocks; blocks that are steps
    are one problem here. The first seed is that of ``masm calibrate``.

    Raises
    ------
    ConfigError
        If the pixel's weather or observations cannot be used.
    """
    import masm

    config = run.config
    try:
        read = read_inputs(run, pixel)
    except PixelError as exc:
        raise ConfigError(
            Problem("", f"pixel {pixel.id} ({exc.reason})", found=str(exc))
        ) from exc
    used = {
        name
        for block in config.calibration.blocks
        for name in fitted_streams(config, block.streams)
    }
    streams = {name: one for name, one in read.streams.items() if name in used}
    seed = [config.seed, pixel.id]
    model = calibration_model(config, read.forcing)
    with model_runs(model, config.execution.run_seconds, None) as running:
        return masm.compare(
            observations=streams,
            priors=run.priors,
            methods=methods,
            budgets=budgets,
            seeds=[seed, *([*seed, k] for k in range(1, n_seeds))],
            reference=reference,
            n_twins=n_twins,
            on_row=on_row,
            **running,
        )


def write_comparison(comparison: masm.Comparison, pixel: Pixel, path: Path) -> None:
    """Write the table, with those of other pixels that are in the file already."""
    import pandas as pd

    table = comparison.table.copy()
    table.insert(0, "pixel", pixel.id)
    others = _others(path, pixel, list(table.columns))
    whole = table if others is None else pd.concat([others, table])
    with replacing(path) as aside:
        safe_texts(whole).to_csv(aside, index=False, float_format="%.6g")


def _others(path: Path, pixel: Pixel, columns: list[str]) -> pd.DataFrame | None:
    """Rows of other pixels; what is no such table is put aside."""
    if not lexists(path):
        return None
    try:
        known = read_run_table(path)
    except ValueError:  # also what pandas says of a damaged file
        known = None
    if known is None or list(known.columns) != columns:
        put_aside(path)
        return None
    others = known[known["pixel"] != pixel.id]
    return others if len(others) else None
