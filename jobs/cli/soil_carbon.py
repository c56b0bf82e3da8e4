"""``masm check``, ``run``, ``status`` and ``report`` of a soil-carbon run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.console import logged, show, table
from jobs.exit_codes import Exit
from jobs.figures.labels import readable_totals
from jobs.files import sweep
from jobs.run.file_lock import alone
from jobs.run.folder import RunFolder
from jobs.stages.soil_carbon_tasks import open_soil_carbon

if TYPE_CHECKING:
    from jobs.stages.soil_carbon import SoilCarbonRun

logger = logging.getLogger(__name__)

_SCORES = {"n": ".0f", "r2": ".2f", "mae": ".3g", "bias": ".3g", "correlation": ".2f"}
_TOTALS = {"default": ".4g", "mean": ".4g", "p05": ".4g", "p95": ".4g",
           "share_of_area": ".3f", "share_periodic": ".2f"}  # fmt: skip


def describe(path: Path, doubts: list[str] | None = None) -> Iterator[str]:
    """Open every input and say what the run would do; for ``masm check``.

    What is suspicious is put into ``doubts``.
    """
    from jobs.inputs.soil_carbon_judgement import judge_soil_carbon
    from jobs.stages.soil_carbon import chosen_observations

    run = open_soil_carbon(path)
    if doubts is not None:
        doubts += judge_soil_carbon(run.config, run.inputs)
    observed = run.inputs.observed
    yield f"{run.config.name}: soil carbon, {run.statement['model']}"
    for key, value in run.statement.items():
        yield f"  {key.replace('_', ' '):<15} {value}"
    kinds = run.inputs.forcing["ecosystem"].to_numpy().astype(str)
    for one in run.config.model.ecosystems:
        here = observed.ecosystem == one
        stocks, fluxes = (int((here & k).sum()) for k in
                          (observed.is_stock, ~observed.is_stock))  # fmt: skip
        yield (
            f"{one}: {int((kinds == one).sum())} cells, {stocks} stocks, "
            f"{fluxes} months of NEP; {observed.fitted[here].mean():.0%} inform"
        )
    for ecosystem, strategy in run.pairs:
        seen = chosen_observations(run, ecosystem, strategy)
        n_cells = np.unique(seen.targets.cell).size
        yield (f"calibrate {ecosystem} {strategy}: {seen.value.size} values in "
               f"{n_cells} cells, method {run.config.calibration.method}")  # fmt: skip
    n_sets = run.config.prediction.draws + 1
    yield f"predict {run.inputs.mapped.size} cells with {n_sets} parameter sets"


def show_report(path: Path) -> None:
    """Write the report and say where."""
    show(f"wrote {report_soil_carbon(path)}")


def run_soil_carbon(path: Path, executor: str | None = None) -> Exit:
    """Do what is left of a run, then tables, maps, figures and the report.

    Returns
    -------
    Exit
        `Exit.DONE`, also where a calibration is suspect, which is shown, and where
        the work is in a queue.
    """
    from threadpoolctl import threadpool_limits

    from jobs.inputs.soil_carbon_judgement import judge_soil_carbon
    from jobs.process_models.century_domain import warm_up
    from jobs.stages.soil_carbon import start

    run = open_soil_carbon(path)
    folder = RunFolder(path)
    folder.require_writable()
    with alone(path, "calibrating"), logged(path, "run"), threadpool_limits(limits=1):
        for doubt in judge_soil_carbon(run.config, run.inputs):
            logger.warning("%s", doubt)
        start(run)
        warm_up()
        if _work(run, executor):
            sweep(run.folder)  # no task is left that could be writing
            _tables(run)
            _show_outputs(run)
    return Exit.DONE


def _work(run: SoilCarbonRun, executor: str | None) -> bool:
    """Do the steps in turn; return whether all are through, and not in a queue."""
    from jobs.executors.tasks import do_units
    from jobs.stages.soil_carbon_tasks import STEPS, unit_run

    return all(
        do_units(
            unit_run(run),
            step.work,
            step.left(run),
            command=["soil-carbon", "--step", name],
            unit=step.unit,
            executor=executor,
            minutes=step.minutes,
            title=step.title,
        )
        for name, step in STEPS.items()
    )


def _tables(run: SoilCarbonRun) -> None:
    from jobs.stages import soil_carbon as stages

    found = stages.calibration_rows(run)
    show(table(found, "calibrations", {}))
    for row in found[found["status"] != "done"].itertuples():
        show(f"{row.ecosystem} {row.strategy} is {row.status}: {row.reason}. Do not "
             "trust its intervals; give its method more runs.")  # fmt: skip
    stages.parameter_rows(run)
    stages.error_correlations(run)
    scores = stages.score(run)
    columns = ["parameters", "ecosystem", "stream", *_SCORES, "unit"]
    show(table(scores[columns], "withheld observations", _SCORES))
    columns = ["ecosystem", "quantity", *_TOTALS, "unit"]
    found = stages.totals(run)
    show(table(readable_totals(found)[columns], "totals of carbon", _TOTALS))
    fraction = float(found["share_of_area"].min())
    if fraction < 1.0:
        show(
            f"totals leave out cells without a steady state in some draw: at least "
            f"{fraction:.1%} of the area is summed"
        )


def _show_outputs(run: SoilCarbonRun) -> None:
    from jobs.report.soil_carbon import draw_figures, write_soil_carbon_report
    from jobs.stages.soil_carbon_maps import write_geotiffs

    for path in write_geotiffs(run):
        show(f"map      {path}")
    draw_figures(run)
    show(f"report   {write_soil_carbon_report(run)}")
    if run.inputs.synthetic:
        show("All of this is synthetic: it says nothing about a real place.")


def report_soil_carbon(path: Path) -> Path:
    """Write the report again, of a run that is through."""
    from jobs.errors import ConfigError, Problem
    from jobs.report.soil_carbon import draw_figures, write_soil_carbon_report
    from jobs.stages.soil_carbon import calibrations_left, chunks_left, errors_left

    run = open_soil_carbon(path)
    if calibrations_left(run) or chunks_left(run) or errors_left(run):
        raise ConfigError(
            Problem(str(path), "the run is not through", wanted="a finished run",
                    hint=f"masm run {path}")
        )  # fmt: skip
    draw_figures(run)
    return write_soil_carbon_report(run)


def status_soil_carbon(path: Path) -> Iterator[str]:
    """Say what is done, one line each; for ``masm status``."""
    from jobs.stages.soil_carbon import calibrations_left, chunks_left

    run = open_soil_carbon(path)
    left = calibrations_left(run)
    for pair in run.pairs:
        yield f"calibrate {' '.join(pair)}: {'waiting' if pair in left else 'done'}"
    n, n_left = len(run.chunks), len(chunks_left(run))
    yield f"predict: {n - n_left} of {n} chunks done"
