"""A small run in every state, and commands on it in processes of their own."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

CONFIG = """\
name: made up
seed: 3
pixels: {source: table, table: places.csv, forcing: "forcing/{id}.nc"}
periods: {spinup: 2001, calibration: 2002, validation: 2003}
model: {spinup_cycles: 1}
streams: {gpp: {variance: given}}
twin: {truth: random, noise: {gpp: {fraction: 0.05, floor: 0.2}}}
calibration:
  method: published
  options: {n_iterations: 1, n_draws: 400, n_steps: 100, n_initial_per_parameter: 8}
  keep_draws: 50
  blocks: [{streams: [gpp], parameters: [vmax, p18]}]
execution: {max_failed_fraction: 1, pack_from: 1}
"""
PLACES = {0: 40, 1: 41, 3: 43, 4: 44, 100: 45}
"""Latitude of each pixel, by id: two hundreds, of which the second gets packed."""
FINISHED, FAILED, WAITING = (0, 1, 100), 3, 4


def linear_model() -> None:
    """Put two lines in the place of the process model, in this process."""
    import ibis_dalec

    def simulate_batch(
        forcing: xr.Dataset,
        parameters: Mapping[str, Any],
        *,
        outputs: Sequence[str] = ("gpp",),
        **options: Any,
    ) -> xr.Dataset:
        warm = np.clip(forcing["tmax"].to_numpy() / 25.0, 0.0, None)
        vmax = np.asarray(parameters.get("vmax", [3e-5]), float)[:, None]
        slope = np.asarray(parameters.get("p18", [60.0]), float)[:, None]
        values = 2e5 * vmax * warm + 0.01 * slope
        units = {"lai": "1", "et": "mm d-1"}
        return xr.Dataset(
            {
                name: (
                    ("sample", "time"),
                    np.broadcast_to(values, np.broadcast_shapes(values.shape)),
                    {"units": units.get(name, "g m-2 d-1")},
                )
                for name in outputs
            },
            coords={"time": forcing["time"]},
        )

    def simulate(
        forcing: xr.Dataset, parameters: Mapping[str, Any], **options: Any
    ) -> xr.Dataset:
        one = {name: [value] for name, value in parameters.items()}
        return simulate_batch(forcing, one, **options).isel(sample=0)

    ibis_dalec.simulate_batch = simulate_batch
    ibis_dalec.simulate = simulate


def make_up(path: Path) -> Path:
    """Write a run: pixels finished, packed, failed, and stopped half-way.

    Raises
    ------
    RuntimeError
        If it does not come out so: a study of it would show nothing.
    """
    from landdata import generate_weather, harvard_normals

    (path / "forcing").mkdir(parents=True)
    rows = ["id,name,latitude,longitude,elevation,sand,clay"]
    for i, latitude in PLACES.items():
        weather = generate_weather(
            replace(harvard_normals(), lat=latitude, sand=60, clay=10),
            (2001, 2003),
            np.random.default_rng(i),
        )
        weather.to_netcdf(path / "forcing" / f"{i}.nc", engine="h5netcdf")
        rows.append(f"{i},place {i},{latitude},-75,300,60,10")
    (path / "config.yaml").write_text(CONFIG)
    (path / "places.csv").write_text("\n".join(rows) + "\n")
    reported = path.with_name("told")
    # Here, so that forks find modules and kernels loaded.
    run_here(["calibrate", str(path), "--pixel", str(FINISHED[0])])
    for i in FINISHED[1:]:
        _succeed(["calibrate", str(path), "--pixel", str(i)], reported)
    failed = path / "pixels" / "000" / f"{FAILED:05d}"
    failed.mkdir(parents=True)
    (failed / "failure.json").write_text(json.dumps({"reason": "timed_out"}))
    words = ["calibrate", str(path), "--pixel", str(WAITING)]
    run_command(words, reported, {}, seconds=300, stopped_at="summary")
    for words in (["collect", str(path)], ["simulate", str(path)]):
        _succeed(words, reported)
    shutil.rmtree(path / "logs", ignore_errors=True)
    _require_states(path)
    return path


def _succeed(words: Sequence[str], reported: Path) -> None:
    if run_command(words, reported, {}, seconds=300) != 0:
        raise RuntimeError(f"{words}: {reported.read_text()}")


def _require_states(path: Path) -> None:
    from jobs.run.folder import RunFolder
    from jobs.run.pixel_state import FINISHED as DONE
    from jobs.run.pixel_state import state_of

    folder = RunFolder(path)
    wrong = [i for i in FINISHED if state_of(folder.pixel(i)).state not in DONE]
    if not folder.pixel(WAITING).checkpoint.exists():
        wrong.append(WAITING)
    if not folder.pixel(FINISHED[-1]).block.exists():
        wrong.append(FINISHED[-1])
    if wrong:
        raise RuntimeError(f"pixels {wrong} of {path} are not in the state wanted")


def run_here(words: Sequence[str], right: Sequence[int] = (0,)) -> None:
    """Run a command line in this process.

    Raises
    ------
    RuntimeError
        If it ends otherwise than it should.
    """
    import contextlib
    import io

    import zarr  # noqa: F401

    import jobs.stages.collect  # noqa: F401
    from jobs.cli.app import app

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = app(list(words), standalone_mode=False) or 0
        except BaseException as exc:
            code = getattr(exc, "exit_code", getattr(exc, "code", 1)) or 0
    if code not in right:
        raise RuntimeError(said.getvalue())


def run_command(
    words: Sequence[str],
    reported: Path,
    environment: Mapping[str, str],
    *,
    seconds: float,
    stopped_at: str = "",
    before: Any = None,
    used: dict[str, float] | None = None,
) -> int | str:
    """Run a command line in a fork of this process; return its exit code.

    Parameters
    ----------
    words : sequence of str
        Of the command line.
    reported : Path
        Gets what it prints.
    environment : mapping
        Variables to set there.
    seconds : float
        After which it is ended: "hang" is returned then.
    stopped_at : str
        Part of the name of the file at which it is killed, before that gets its name.
    before : callable, optional
        Called in the fork first.
    used : dict, optional
        Gets what the fork took: ``seconds``, ``cpu_seconds`` and ``peak_mb`` of memory.
    """
    from jobs.cli.app import app

    child = os.fork()
    if child == 0:
        code: Any = 99
        try:
            handle = os.open(reported, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
            os.environ.update(environment)
            if stopped_at:
                _kill_before(stopped_at)
            if before is not None:
                before()
            code = app(list(words), standalone_mode=False) or 0
        except SystemExit as end:
            code = end.code
        except BaseException as exc:
            print(f"{type(exc).__name__}: {exc}", file=sys.stderr)
            code = getattr(exc, "exit_code", 98)
        finally:
            with suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code if isinstance(code, int) else 97)
    began = time.monotonic()
    ended = os.pidfd_open(child)  # waited for without looking again and again
    is_over = bool(select.select([ended], [], [], seconds)[0])
    os.close(ended)
    if not is_over:
        os.kill(child, signal.SIGKILL)
    _, status, taken = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status) if is_over else "hang"
    if used is not None:
        used["seconds"] = time.monotonic() - began
        used["cpu_seconds"] = taken.ru_utime + taken.ru_stime
        used["peak_mb"] = taken.ru_maxrss / 1024  # Linux counts in kilobytes
    return code


def _kill_before(name: str) -> None:
    replace = os.replace

    def killed(source: Any, target: Any, **options: Any) -> None:
        if name in Path(target).name:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target, **options)

    os.replace = killed
