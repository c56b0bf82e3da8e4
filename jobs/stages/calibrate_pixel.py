"""Calibrate one pixel: from its inputs to ``posterior.nc``, or a reason why not."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from jobs.config.process_model import units_of
from jobs.config.schema import Config
from jobs.disk_errors import full_disk, is_refused_in, system_fault
from jobs.errors import NothingObserved, OutOfTime, Stopped, SystemFault
from jobs.executors.base import OnRuns
from jobs.files import (
    is_file,
    is_folder,
    kind_of,
    lexists,
    make_folder,
    put_aside,
    read_text,
    sweep,
    write_text,
)
from jobs.inputs.digests import input_digests
from jobs.inputs.judgement import judge_forcing, judge_streams
from jobs.inputs.pixel_data import drivers_of, observations_of, weather_of
from jobs.inputs.simulate import calibration_model
from jobs.inputs.streams import make_streams
from jobs.run.event_log import EventLog
from jobs.run.folder import PixelFolder
from jobs.run.neighbours import NeighboursUnfinished
from jobs.run.periods import pixel_periods
from jobs.run.pixel import Pixel
from jobs.run.pixel_state import (
    REASONS,
    STALE_AFTER,
    PixelState,
    Reason,
    State,
    claimant,
    is_being_leased,
    is_leased,
    write_failure,
)
from jobs.run.run import Run, open_run
from jobs.stages.borrowed_start import DIGEST, borrowed_start
from jobs.stages.from_checkpoint import from_checkpoint
from jobs.stages.slim_result import slim

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    import masm

logger = logging.getLogger(__name__)

_N_CHAINS = 4  # that keep_draws is meant for
_INPUT = "input_"  # how a result calls the digests of its inputs
# What a variational method says of its search.
_MINIMUM = (
    "derivatives",
    "n_gradients",
    "n_tangents",
    "minimum_cost",
    "minimum_converged",
    "minimum_report",
    "minimum_at_bound",
    "n_starts_agreeing",
    "collapsed",
    "effective_fraction",
    "reliability",
)
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
    _put_odd_aside(folder)
    make_folder(folder.path)
    if not is_leased(folder.lease):
        sweep(folder.path, keep=is_being_leased)
    events = EventLog(run.folder.event_log)
    events.write("started", pixel=pixel.id)
    started = time.monotonic()
    with _leased(folder.lease) as lease:

        def watched(n: int) -> None:
            try:
                lease.require_held()  # before the runs are written down
            except OSError as exc:  # would be taken for model runs that failed
                _stop_for_the_system(exc, run.folder.path)
                raise
            if on_runs is not None:
                on_runs(n)

        try:
            with _time_limit(run.config.execution.pixel_minutes):
                result = from_checkpoint(
                    lambda: _calibrate(run, pixel, folder.checkpoint, watched),
                    folder.checkpoint,
                )
            lease.require_held()
        except KeyboardInterrupt as stop:
            events.write("stopped", pixel=pixel.id, by=str(stop) or "interrupt")
            raise
        except (Exception, OutOfTime) as exc:
            lease.require_held()
            if is_refused_in(exc, folder.path) or isinstance(exc, NeighboursUnfinished):
                raise  # the pixel is not to blame
            _stop_for_the_system(exc, folder.path)
            reason = _reason(exc)
            logger.warning("pixel %d failed: %s: %s", pixel.id, reason, exc)
            write_failure(folder.failure, reason, str(exc), traceback.format_exc())
            events.write("failed", pixel=pixel.id, reason=reason)
            without: State = "skipped" if reason == "no_observations" else "failed"
            return as_found(run.config, PixelState(without, reason))
        minutes = (time.monotonic() - started) / 60
        summary = summarise(result, minutes)
        thinned = thin(result, run.config.calibration.keep_draws)
        kept = slim(thinned, with_prior=len(run.pixels) == 1)
        try:
            write_text(folder.summary, json.dumps(summary, indent=1) + "\n")
            kept.to_netcdf(folder.posterior)  # written aside, then put in place
        except Exception as exc:
            if not is_refused_in(exc, folder.path):
                _stop_for_the_system(exc, folder.path)
            raise
        folder.failure.unlink(missing_ok=True)
        folder.checkpoint.unlink(missing_ok=True)
    events.write(result.status, pixel=pixel.id, minutes=round(minutes, 2))
    state: State = "suspect" if result.status == "suspect" else "done"
    return PixelState(state, str(summary["reason"]), minutes)


def as_found(config: Config, state: PixelState) -> PixelState:
    """Return what the call that found a pixel's state makes of it.

    A pixel without observations is skipped by later calls. The
    call that finds it out counts it as failed, and says so by its exit code; where
    sites are joined there is nothing to do for it, and it is skipped at once.
    """
    if state.state == "skipped" and config.sites == "separate":
        return replace(state, state="failed")
    return state


def _put_odd_aside(folder: PixelFolder) -> None:
    """Move out of the way what is at our names and is not what we write there."""
    if lexists(folder.path) and not is_folder(folder.path):
        logger.warning("%s is not ours: now %s", folder.path, put_aside(folder.path))
    for path in (
        folder.posterior,
        folder.summary,
        folder.checkpoint,
        folder.failure,
        folder.lease,
    ):
        if lexists(path) and not is_file(path):
            kind = kind_of(path)
            logger.warning("%s was %s: now %s", path, kind, put_aside(path))


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
        "parameters": _rows(result.summary().drop(columns="unit")),
        **({"doubts": doubts} if doubts else {}),
    }
    minimum = {
        key: _plain(result.attrs[key]) for key in _MINIMUM if key in result.attrs
    }
    if minimum:
        summary["minimum"] = minimum
    inputs = {
        str(name).removeprefix(_INPUT): str(digest)
        for name, digest in result.attrs.items()
        if str(name).startswith(_INPUT)
    }
    borrowed = {
        name.removeprefix(DIGEST): inputs.pop(name)
        for name in list(inputs)
        if name.startswith(DIGEST)
    }
    if borrowed:
        summary["neighbours"] = borrowed
    if inputs:
        summary["inputs"] = inputs
    errors = result.summary_of_errors()
    return (
        summary
        if errors.empty
        else {**summary, "error_scale": _rows(errors.drop(columns="unit"))}
    )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


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


@dataclass(frozen=True)
class PixelInputs:
    """What a pixel is calibrated with.

    Attributes
    ----------
    forcing : xarray.Dataset
        The model's drivers.
    observations : xarray.Dataset
    streams : mapping of str to masm.Stream
        Of the calibration years.
    doubts : list of str
        What is suspicious about weather and observations.
    """

    forcing: xr.Dataset
    observations: xr.Dataset
    streams: Mapping[str, masm.Stream]
    doubts: list[str]


def read_inputs(run: Run, pixel: Pixel) -> PixelInputs:
    """Read and judge what a pixel is calibrated with.

    Raises
    ------
    PixelError
        If weather or observations cannot be used.
    """
    config = run.config
    try:
        weather = weather_of(run, pixel)
        forcing = drivers_of(run, pixel, weather)
        doubts = judge_forcing(weather, pixel, pixel.name)
    except MemoryError as exc:
        raise SystemFault("too little memory to read the forcing") from exc
    except ValueError as exc:
        if fault := system_fault(exc):
            raise fault from exc
        raise PixelError("no_forcing", str(exc)) from exc
    try:
        observations = observations_of(run, pixel, forcing)
        years = pixel_periods(config, forcing).calibration
        streams = make_streams(
            observations,
            config.streams,
            years,
            units=units_of(config),
            without_years=config.calibration.leave_out.years,
        )
        for stream in streams.values():
            stream.aggregate()  # refuses a variance of zero, too few values
        doubts += judge_streams(streams, weather)
    except ValueError as exc:
        if fault := system_fault(exc):
            raise fault from exc
        raise PixelError(_why_not_observed(exc), str(exc)) from exc
    for doubt in doubts:
        logger.warning("pixel %d: suspicious: %s", pixel.id, doubt)
    return PixelInputs(forcing, observations, streams, doubts)


def _why_not_observed(exc: ValueError) -> Reason:
    """Whether nothing was there to fit, or what was there was found wrong."""
    import masm.errors

    nothing = (NothingObserved, masm.errors.NothingObserved)
    return "no_observations" if isinstance(exc, nothing) else "observations_refused"


def _calibrate(
    run: Run, pixel: Pixel, checkpoint: Path, on_runs: OnRuns | None
) -> masm.Result:
    import masm

    config = run.config
    read = read_inputs(run, pixel)
    doubts = list(read.doubts)
    model = calibration_model(config, read.forcing)

    chosen = config.calibration
    borrowed = borrowed_start(run, pixel)
    options: dict[str, Any] = dict(chosen.options) | borrowed.options
    with model_runs(model, config.execution.run_seconds, on_runs) as running:
        result = masm.calibrate(
            observations=read.streams,
            priors=run.priors,
            seed=[config.seed, pixel.id],
            inputs=input_digests(run, pixel, read.forcing, read.observations)
            | borrowed.digests,
            start=borrowed.start,
            blocks=[
                masm.Block(fitted_streams(config, b.streams), b.parameters)
                for b in chosen.blocks
            ],
            sweeps=chosen.sweeps,
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


def fitted_streams(config: Config, names: Sequence[str]) -> list[str]:
    """Return the streams of a block that the calibration sees, in their order."""
    left_out = config.calibration.leave_out.streams
    return [name for name in names if name not in left_out]


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
        Called with the number of runs of each call.
    """
    from masm import ProcessMap, with_derivatives

    count = on_runs or (lambda n: None)
    if seconds is None:

        def counted(theta: Any) -> Any:
            simulated = model(theta)
            count(len(theta))
            return simulated

        yield {"model": with_derivatives(counted, model, count)}
        return
    with ProcessMap(1, timeout=seconds) as process:

        def counted_map(function: Callable[[Any], Any], items: Any) -> list[Any]:
            calls = list(items)
            results = process(function, calls)
            count(sum(map(len, calls)))
            return results

        yield {"model": model, "map": counted_map, "samples_per_call": _N_LANES}


class PixelError(Exception):
    """Why a pixel's inputs cannot be used, with its reason of the closed list."""

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


def _stop_for_the_system(exc: BaseException, folder: Path) -> None:
    """Turn what the system could not do into a stop: no pixel is to blame.

    Too little memory is reported as the pixel's where it came of computing: another try
    would end the same way.
    """
    if full := full_disk(exc, folder):
        raise full from exc
    computing = isinstance(exc, MemoryError | OutOfTime)
    if not computing and (fault := system_fault(exc)):
        raise fault from exc


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


@dataclass(frozen=True)
class _Lease:
    """That this process works on a pixel, as long as nobody else says so.

    Attributes
    ----------
    path : Path
        Of the claim.
    text : str
        What this process wrote there; no other writes the same.
    """

    path: Path
    text: str

    def is_held(self) -> bool:
        """Return whether the claim is as it was written."""
        try:
            return read_text(self.path) == self.text
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return False

    def require_held(self) -> None:
        """Stop without a mark if the pixel is another's now, or the run was moved.

        Raises
        ------
        Stopped
            After a machine slept, or its network disk was away, for so long that
            another process took the pixel over.
        """
        if not self.is_held():
            moved = not self.path.parent.is_dir()
            raise Stopped(
                "a run folder that is no longer where it was"
                if moved
                else "another process that has taken the pixel over"
            )


@contextmanager
def _leased(path: Path) -> Iterator[_Lease]:
    """Say, while it lasts, that this process works on a pixel.

    The claim is for people, for ``masm status``, and for an owner that slept: it marks
    nothing once the claim is another's.
    """
    facts = claimant() | {"token": uuid4().hex}
    lease = _Lease(path, json.dumps(facts))
    write_text(path, lease.text)
    over = threading.Event()

    def heartbeat() -> None:
        while not over.wait(STALE_AFTER / 6):
            with suppress(OSError):  # another process may have taken it away
                if lease.is_held():
                    os.utime(path, follow_symlinks=False)

    thread = threading.Thread(target=heartbeat, daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        over.set()
        thread.join()
        with suppress(OSError):
            if lease.is_held():
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
