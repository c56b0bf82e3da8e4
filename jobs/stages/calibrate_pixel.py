"""Calibrate one pixel: from its inputs to ``posterior.nc``, or a reason why not."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.priors import prior_bounds
from jobs.config.schema import Config
from jobs.disk_errors import full_disk, is_refused_in
from jobs.errors import OutOfTime
from jobs.executors.base import OnRuns
from jobs.files import put_aside, sweep, write_text
from jobs.inputs.judgement import judge_forcing, judge_streams
from jobs.inputs.periods import pixel_periods
from jobs.inputs.pixel_data import forcing_of, observations_of
from jobs.inputs.simulate import calibration_model
from jobs.inputs.streams import make_streams
from jobs.process_models.parameter_table import parameters
from jobs.run.event_log import Ledger
from jobs.run.folder import PixelFolder
from jobs.run.pixel import Pixel
from jobs.run.pixel_state import (
    REASONS,
    STALE_AFTER,
    PixelState,
    Reason,
    State,
    is_being_claimed,
    is_claimed,
    write_failure,
)
from jobs.run.run import Run, open_run

if TYPE_CHECKING:
    import pandas as pd

    import masm

logger = logging.getLogger(__name__)

_N_CHAINS = 4  # that keep_draws is meant for
_N_LANES = 16  # parameter sets in a call of the model in a process of its own


def calibrate_pixel(
    run: Run,
    pixel: Pixel,
    on_runs: OnRuns | None = None,
    folder: PixelFolder | None = None,
) -> PixelState:
    """Calibrate a pixel and write what came of it; a failed pixel is a result too.

    The posterior is the last file written. A calibration that was stopped goes on
    from its checkpoint and comes to the same numbers.

    Parameters
    ----------
    run : Run
        A started run.
    pixel : Pixel
        Which pixel.
    on_runs : callable, optional
        Called after each batch of model runs.
    folder : PixelFolder, optional
        Where to write, in place of the pixel's own folder.
    """
    folder = folder or run.folder.pixel(pixel.id)
    folder.path.mkdir(parents=True, exist_ok=True)
    if not is_claimed(folder.claim):
        sweep(folder.path, keep=is_being_claimed)
    ledger = Ledger(run.folder.ledger)
    ledger.write("started", pixel=pixel.id)
    started = time.monotonic()
    with _claimed(folder.claim):
        try:
            with _time_limit(run.config.execution.pixel_minutes):
                result = _calibrate_whole(run, pixel, folder.checkpoint, on_runs)
        except KeyboardInterrupt as stop:
            ledger.write("stopped", pixel=pixel.id, by=str(stop) or "interrupt")
            raise
        except (Exception, OutOfTime) as exc:
            _stop_if_disk_is_full(exc, folder.path)
            if is_refused_in(exc, folder.path):
                raise  # the pixel is not to blame
            reason = _reason(exc)
            logger.warning("pixel %d failed: %s: %s", pixel.id, reason, exc)
            write_failure(folder.failure, reason, str(exc), traceback.format_exc())
            ledger.write("failed", pixel=pixel.id, reason=reason)
            return PixelState("failed", reason)
        minutes = (time.monotonic() - started) / 60
        summary = summarise(result, minutes)
        thinned = thin(result, run.config.calibration.keep_draws)
        try:
            write_text(folder.summary, json.dumps(summary, indent=1) + "\n")
            thinned.to_netcdf(folder.posterior)  # written aside, then put in place
        except Exception as exc:
            _stop_if_disk_is_full(exc, folder.path)
            raise
        folder.failure.unlink(missing_ok=True)
        folder.checkpoint.unlink(missing_ok=True)
    ledger.write(result.status, pixel=pixel.id, minutes=round(minutes, 2))
    state: State = "suspect" if result.status == "suspect" else "done"
    return PixelState(state, str(summary["reason"]), minutes)


def priors_of(config: Config) -> masm.Priors:
    """Return uniform priors: the parameter table's bounds, or the configuration's."""
    from masm import Priors, Uniform

    priors = {}
    for name, (low, high) in prior_bounds(config).items():
        row = parameters()[name]
        default = min(max(row.default, low), high)
        priors[name] = Uniform(low, high, default=default, units=row.unit)
    return Priors(priors)


def summarise(result: masm.Result, minutes: float) -> dict[str, Any]:
    """Return what tables and ``masm status`` need, without opening the posterior."""
    doubts = [one for one in str(result.attrs.get("doubts", "")).split("; ") if one]
    reason = result.reason
    if doubts and reason == "surrogate_not_fitted":
        reason = "suspicious_data"  # what no model explains, no surrogate fits
    summary = {
        "status": result.status,
        "reason": reason,
        "minutes": round(minutes, 3),
        "n_model_runs": int(result.n_model_runs),
        "n_failed_runs": int(result.n_failed_runs),
        "surrogate_rmse": float(result.surrogate_rmse),
        "parameters": _rows(result.summary()),
        **({"doubts": doubts} if doubts else {}),
    }
    errors = result.summary_of_errors()
    return summary if errors.empty else {**summary, "error_scale": _rows(errors)}


def _rows(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    # NaN, where there is no such number, would be written as null by pandas.
    rows: dict[str, dict[str, Any]] = json.loads(
        table.to_json(orient="index", double_precision=15)
    )
    for row in rows.values():
        row.update({key: float("nan") for key, value in row.items() if value is None})
    return rows


def thin(result: masm.Result, n_draws: int) -> masm.Result:
    """Return a result with at most so many draws of four chains, evenly spaced.

    From a sampler with more chains each gives fewer draws. Diagnostics were computed
    before and stay as they are.
    """
    size, n_chains = (result.posterior.sizes[dim] for dim in ("draw", "chain"))
    n_kept = max(1, min(n_draws, _N_CHAINS * n_draws // n_chains))
    if size <= n_kept:
        return result
    kept = np.linspace(0, size - 1, n_kept).round().astype(int)
    groups = {
        name: group.isel(draw=kept) if group.sizes.get("draw") == size else group
        for name, group in result.groups.items()
    }
    return replace(result, groups=groups, attrs={**result.attrs, "n_draws_made": size})


def _calibrate_whole(
    run: Run, pixel: Pixel, checkpoint: Path, on_runs: OnRuns | None
) -> masm.Result:
    """Calibrate; a checkpoint that cannot be read is put aside, and costs its runs."""
    from masm import DamagedCheckpoint

    try:
        return _calibrate(run, pixel, checkpoint, on_runs)
    except DamagedCheckpoint as exc:
        logger.warning(
            "%s\n  It is now %s; starting afresh.", exc, put_aside(checkpoint)
        )
        return _calibrate(run, pixel, checkpoint, on_runs)


def _calibrate(
    run: Run, pixel: Pixel, checkpoint: Path, on_runs: OnRuns | None
) -> masm.Result:
    import masm

    config = run.config
    try:
        forcing = forcing_of(run, pixel)
        doubts = judge_forcing(forcing, pixel, pixel.name)
    except ValueError as exc:
        raise _PixelError("no_forcing", str(exc)) from exc
    try:
        observations = observations_of(run, pixel, forcing)
        years = pixel_periods(config, forcing).calibration
        streams = make_streams(observations, config.streams, years)
        for stream in streams.values():
            stream.aggregate()  # refuses a variance of zero, too few values
        doubts += judge_streams(streams, forcing)
    except ValueError as exc:
        raise _PixelError("no_observations", str(exc)) from exc
    for doubt in doubts:
        logger.warning("pixel %d: suspicious: %s", pixel.id, doubt)
    model = calibration_model(config, forcing)

    chosen = config.calibration
    options: dict[str, Any] = dict(chosen.options)
    with model_runs(model, config.execution.run_seconds, on_runs) as running:
        result = masm.calibrate(
            observations=streams,
            priors=priors_of(config),
            seed=[config.seed, pixel.id],
            blocks=[masm.Block(b.streams, b.parameters) for b in chosen.blocks],
            proposals=chosen.proposals,
            method=chosen.method,
            checkpoint=checkpoint,
            **running,
            **options,
        )
    # The model's runs may have raised further ones.
    said = [one for one in str(result.attrs.get("doubts", "")).split("; ") if one]
    known = " ".join(doubts)
    doubts += [one for one in said if one.split(": ", 1)[-1] not in known]
    return replace(result, attrs={**result.attrs, "doubts": "; ".join(doubts)})


@contextmanager
def model_runs(
    model: Callable[[Any], Any], seconds: float | None, on_runs: OnRuns | None
) -> Iterator[dict[str, Any]]:
    """Give the arguments of ``masm.calibrate`` that say how the model is run.

    Parameters
    ----------
    model : callable
    seconds : float, optional
        Limit for each parameter set; with one, runs go to a process of their own,
        which is ended when they take longer.
    on_runs : callable, optional
        Told the number of runs of each call.
    """
    from masm import ProcessMap

    count = on_runs or (lambda n: None)
    if seconds is None:

        def counted(theta: Any) -> Any:
            simulated = model(theta)
            count(len(theta))
            return simulated

        yield {"model": counted}
        return
    with ProcessMap(1, timeout=seconds) as process:

        def counted_map(function: Callable[[Any], Any], items: Any) -> list[Any]:
            calls = list(items)
            results = process(function, calls)
            count(sum(map(len, calls)))
            return results

        yield {"model": model, "map": counted_map, "samples_per_call": _N_LANES}


class _PixelError(Exception):
    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def _reason(exc: BaseException) -> Reason:
    """Put an exception into the closed list of reasons."""
    reason = getattr(exc, "reason", None)
    if reason in REASONS:
        return reason
    if isinstance(exc, MemoryError):
        return "out_of_memory"
    if isinstance(exc, OutOfTime):
        return "timed_out"
    return "bug"


def _stop_if_disk_is_full(exc: BaseException, folder: Path) -> None:
    """Turn a failed write into a stop: the pixel is not to blame, nor any other."""
    if full := full_disk(exc, folder):
        raise full from exc


@contextmanager
def _time_limit(minutes: float | None) -> Iterator[None]:
    """Raise `OutOfTime` in this process's main thread when time is up."""
    if minutes is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise OutOfTime(f"not finished after {minutes:g} minutes; see the checkpoint")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 60 * minutes)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _claimed(path: Path) -> Iterator[None]:
    """Say, while it lasts, that this process works on a pixel.

    The claim is for people and for ``masm status``. Two processes on one pixel do no
    harm: they write the same numbers, whole files at a time.
    """
    facts = json.dumps({"host": socket.gethostname(), "pid": os.getpid()})
    write_text(path, facts)
    over = threading.Event()

    def beat() -> None:
        while not over.wait(STALE_AFTER / 6):
            with suppress(OSError):  # another process may have taken it away
                os.utime(path)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        with suppress(OSError, UnicodeDecodeError):
            if path.read_text(encoding="utf-8") == facts:
                path.unlink()


def calibrate_here(
    path: Path, pixel_id: int, on_runs: OnRuns | None = None
) -> tuple[int, PixelState]:
    """Calibrate one pixel of a run in this process, on one thread."""
    from threadpoolctl import threadpool_limits

    run = _opened(path)
    pixel = next(pixel for pixel in run.pixels if pixel.id == pixel_id)
    # One thread in every executor: sums in another order would differ in rounding.
    with threadpool_limits(limits=1):
        return pixel_id, calibrate_pixel(run, pixel, on_runs)


@lru_cache(maxsize=1)
def _opened(path: Path) -> Run:
    # A worker calibrates many pixels of one run; its science keys cannot change.
    return open_run(path)
