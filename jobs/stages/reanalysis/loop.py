"""Forecast, analyse, and again: the whole reanalysis, going on from what is done."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from jobs.console import progress, show
from jobs.errors import ConfigError, Problem
from jobs.executors import slurm
from jobs.executors.tasks import do_units
from jobs.files import lexists, put_aside, sweep
from jobs.netcdf_files import read_netcdf
from jobs.run.reanalysis_run import CycleDates, ReanalysisRun, start_reanalysis
from jobs.stages.reanalysis.analysis import analyse
from jobs.stages.reanalysis.forecast import BLOCKS, forecast_unit, n_blocks
from jobs.stages.reanalysis.prepare import prepare, read_inputs

logger = logging.getLogger(__name__)

COMMAND = ("reanalyse",)
# Member years that one core runs in a minute, drivers and files included.
_MEMBER_YEARS_PER_MINUTE = 1500.0
_POLL_SECONDS = 5.0


class Left(NamedTuple):
    """What is left to do."""

    analyses: int
    forecasts: int


def steps_left(run: ReanalysisRun, n_sites: int) -> Left:
    """Count analyses and forecast steps that are not done."""
    open_cycles = [one for one in run.cycles if not lexists(run.analysis(one.number))]
    forecasts = sum(len(_blocks_left(run, one, n_sites)) for one in open_cycles)
    return Left(len(open_cycles), forecasts)


def reanalyse(
    run: ReanalysisRun, executor: str | None = None, *, wait: bool = False
) -> bool:
    """Do what is left; return whether all is done.

    Parameters
    ----------
    run : ReanalysisRun
    executor : str, optional
        In place of the configuration's. With ``slurm`` a cycle's forecast steps are
        submitted, and the answer is False.
    wait : bool
        With ``slurm``: wait for the queue, analyse, and submit the next cycle.

    Raises
    ------
    ConfigError
        If an input cannot be used, or changed since the start. Nothing has run then.
    """
    inputs = read_inputs(run)
    for doubt in inputs.doubts:
        logger.warning("%s", doubt)
    start_reanalysis(run, inputs.files)
    n_sites = len(inputs.sites.names)
    if n_blocks(run, n_sites) > BLOCKS:
        raise ConfigError(
            run.problem(
                ["reanalysis", "sites_per_task"],
                found=f"{n_blocks(run, n_sites)} blocks of sites",
                wanted=f"at most {BLOCKS}",
            )
        )
    if not lexists(run.prepared):
        with progress("prepare", n_sites, "sites") as advance:
            prepare(run, inputs, advance)
    for dates in run.cycles:
        if lexists(run.analysis(dates.number)) and _whole(run, dates):
            continue
        if not _forecasts(run, dates, n_sites, executor, wait):
            return False
        _analyse(run, dates, n_sites)
    return True


def _blocks_left(run: ReanalysisRun, dates: CycleDates, n_sites: int) -> list[int]:
    return [
        block
        for block in range(n_blocks(run, n_sites))
        if not lexists(run.forecast(dates.number, block))
    ]


def _forecasts(
    run: ReanalysisRun,
    dates: CycleDates,
    n_sites: int,
    executor: str | None,
    wait: bool,
) -> bool:
    """Run the forecast steps of a cycle that are left."""
    left = _blocks_left(run, dates, n_sites)
    if not left:
        return True
    days = int((dates.last - dates.first).astype(int)) + 1
    lanes = min(run.section.sites_per_task, n_sites) * run.section.members
    done = do_units(
        run,
        forecast_unit,
        [dates.number * BLOCKS + block for block in left],
        command=COMMAND,
        unit=f"forecasts to {dates.last}",
        executor=executor,
        minutes=max(0.02, lanes * days / 365.0 / _MEMBER_YEARS_PER_MINUTE),
    )
    if done or not wait:
        return done
    return _waited(run, lambda: _blocks_left(run, dates, n_sites))


def _waited(run: ReanalysisRun, left: Callable[[], list[int]]) -> bool:
    """Wait until nothing of this run is in the queue; return whether nothing is left.

    A task is in the queue for a while after its result is there.
    """
    while slurm.queued_jobs(run.folder):
        time.sleep(_POLL_SECONDS)
    if lacking := left():
        show(
            f"{len(lacking)} forecast steps ended without a result: see the logs "
            f"in {run.folder.path / 'slurm'}; the same command submits them again"
        )
    return not lacking


def _analyse(run: ReanalysisRun, dates: CycleDates, n_sites: int) -> None:
    began = time.monotonic()
    sweep(run.cycle(dates.number))  # its forecasts are done, nobody else writes there
    for block in range(n_blocks(run, n_sites)):
        path = run.forecast(dates.number, block)
        try:
            read_netcdf(path)
        except ValueError as exc:
            aside = put_aside(path)
            logger.warning("%s: %s; it is now %s", path.name, exc, aside.name)
            forecast_unit(run.folder.path, dates.number * BLOCKS + block)
    analyse(run, dates)
    logger.info("analysis of %s: %.1f s", dates.last, time.monotonic() - began)


def _whole(run: ReanalysisRun, dates: CycleDates) -> bool:
    """Whether an analysis can be read; a damaged one is put aside and made again."""
    path = run.analysis(dates.number)
    try:
        read_netcdf(path)
    except ValueError as exc:
        later = [
            one for one in run.cycles[dates.number + 1 :]
            if lexists(run.analysis(one.number))
        ]  # fmt: skip
        if later:
            raise ConfigError(
                Problem(
                    str(path),
                    "the analysis is damaged, and later ones rest on it",
                    found=str(exc),
                    wanted="a whole file",
                    hint=f"Delete {run.path / 'cycles'} from {path.parent.name} on; "
                    "the same command makes them again.",
                )
            ) from exc
        aside = put_aside(path)
        logger.warning("%s: %s; it is now %s", path.name, exc, aside.name)
        return False
    return True
