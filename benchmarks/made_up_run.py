"""A small run in every state, and commands on it in processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
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
execution: {max_failed_fraction: 1}
"""
N_FINISHED = 3
N_PIXELS = 5


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
    """Write a run: three pixels finished, one failed, one stopped half-way."""
    from landdata import generate_weather, harvard_normals

    (path / "forcing").mkdir(parents=True)
    for i in range(N_PIXELS):
        weather = generate_weather(
            harvard_normals(), (2001, 2003), np.random.default_rng(i)
        )
        weather.to_netcdf(path / "forcing" / f"{i}.nc", engine="h5netcdf")
    (path / "config.yaml").write_text(CONFIG)
    rows = ["id,name,latitude,longitude,elevation,sand,clay"]
    rows += [f"{i},place {i},{40 + i},-75,300,60,10" for i in range(N_PIXELS)]
    (path / "places.csv").write_text("\n".join(rows) + "\n")
    told = path.with_name("told")
    _calibrate_here(path, 0)  # so that forks find all modules and kernels loaded
    for i in range(1, N_FINISHED):
        words = ["calibrate", str(path), "--pixel", str(i)]
        code = run_command(words, told, {}, seconds=300)
        if code != 0:
            raise RuntimeError(told.read_text())
    failed = path / "pixels" / "000" / "00003"
    failed.mkdir(parents=True)
    (failed / "failure.json").write_text(json.dumps({"reason": "timed_out"}))
    words = ["calibrate", str(path), "--pixel", "4"]
    run_command(words, told, {}, seconds=300, stopped_at="summary")
    if run_command(["collect", str(path)], told, {}, seconds=300) != 0:
        raise RuntimeError(told.read_text())
    shutil.rmtree(path / "logs")
    return path


def _calibrate_here(path: Path, pixel: int) -> None:
    import contextlib
    import io

    import zarr  # noqa: F401

    import jobs.stages.collect  # noqa: F401
    from jobs.cli.app import app

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            app(["calibrate", str(path), "--pixel", str(pixel)], standalone_mode=False)
        except BaseException as exc:
            if getattr(exc, "exit_code", 0) or getattr(exc, "code", 0):
                raise RuntimeError(said.getvalue()) from exc


def run_command(
    words: Sequence[str],
    told: Path,
    environment: Mapping[str, str],
    *,
    seconds: float,
    stopped_at: str = "",
    before: Any = None,
) -> int | str:
    """Run a command line in a fork of this process; return its exit code.

    Parameters
    ----------
    words : sequence of str
        Of the command line.
    told : Path
        Gets what it prints.
    environment : mapping
        Variables to set there.
    seconds : float
        After which it is ended: "hang" is returned then.
    stopped_at : str
        Part of the name of the file at which it is killed, before that gets its name.
    before : callable, optional
        Called in the fork first.
    """
    from jobs.cli.app import app

    child = os.fork()
    if child == 0:
        code: Any = 99
        try:
            handle = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
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
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hang"


def _kill_before(name: str) -> None:
    replace = os.replace

    def killed(source: Any, target: Any, **options: Any) -> None:
        if name in Path(target).name:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target, **options)

    os.replace = killed
