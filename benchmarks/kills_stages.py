"""Kill stages of a run at random moments, go on with them, and compare every number.

    python -m benchmarks.kills_stages FOLDER --of reanalysis --kills 50
    python -m benchmarks.kills_stages FOLDER --of pixels --kills 100 --reach 0.3

``pixels`` are calibrated and collected; a ``region`` is upscaled, simulated and
exported; ``soil_carbon`` is calibrated, predicted and mapped; then there are a
``reanalysis`` and a ``hierarchical`` run.

The run is first done undisturbed. Copies of its inputs are then done by processes that
are killed with -9 after a random time and begun again, until a copy is through; then
another copy is begun, until there were enough kills. At the end every number of every
file of results is compared with the undisturbed run, for equality. A difference exits
with 1. Processes are forked, so that the time before a kill is spent in the run and not
in imports; `benchmarks.kills` kills the command line and its workers.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from benchmarks import kills
from benchmarks.kills_judged import OF_ITS_OWN, read_store, same
from benchmarks.made_up_run import linear_model
from benchmarks.reanalysis_twin import _WEATHER
from jobs.cli.run_all import run_everything
from jobs.run.reanalysis_run import open_reanalysis
from jobs.stages.reanalysis import reanalyse
from jobs.stages.reanalysis.twin import Network, write_twin

_REANALYSIS = f"""\
name: killed
seed: 5
model: {{name: sipnet}}
reanalysis:
  years: 2001-2003
  members: 5
  outputs: [nee, gpp]
  drivers: {{perturbation: {_WEATHER}}}
  parameters: {{prior: {{aMax: [14.0, 22.0], baseSoilResp: [0.02, 0.045]}}}}
  initial_pools: initial_pools.csv
  filter:
    name: tobit_wishart
    process_error: {{above_ground_wood: 150, lai: 0.2, soil_carbon: 150}}
    draws: 60
    warm_up: 40
  sites_per_task: 1
  truth: truth.csv
"""
_HIERARCHICAL = "sites: hierarchical\nexecution: {executor: serial}\n"
_MEASURED = ("seconds", "made", "date_created", "history")
"""Variables that say when and how long, and are no results."""


@dataclass(frozen=True)
class Kind:
    """What is killed.

    Attributes
    ----------
    make : callable
        Writes the folder of the run.
    go_on : callable
        Goes on from what is done.
    ready : callable
        Puts a model of two lines in the place of the process model, in this process.
    results : tuple of str
        Patterns of the files whose numbers are compared.
    """

    make: Callable[[Path], None]
    go_on: Callable[[Path], object]
    results: tuple[str, ...]
    ready: Callable[[], object] = lambda: None


def _make_reanalysis(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "config.yaml").write_text(_REANALYSIS)
    write_twin(open_reanalysis(path), Network(n_sites=3))


def _make_pixels(path: Path) -> None:
    kills.make_run(path, 4, 1)


def _calibrate_and_collect(path: Path) -> None:
    from jobs.cli.app import app

    words = (["calibrate", "--executor", "serial", "--resume"], ["collect"])
    for verb, *options in words:
        code = app([verb, str(path), *options], standalone_mode=False) or 0
        if code not in (0, 3):
            raise RuntimeError(f"{verb} ended with {code}")


_STACK = ExitStack()  # of what stays as long as this process


def _ready_region() -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "jobs" / "workers"))
    import linear_region

    _STACK.enter_context(linear_region.linear_models())


def _make_region(path: Path) -> None:
    """Write a region of the tests' linear model, its pixels calibrated."""
    import linear_region

    from jobs.run.run import open_run, start
    from jobs.stages.calibrate_pixel import calibrate_pixel

    made = linear_region.make_run(path.parent, sample="{calibration: 0.33}")
    made.rename(path)
    run = open_run(path)
    start(run)
    for pixel in run.pixels:
        calibrate_pixel(run, pixel)


def _map_region(path: Path) -> None:
    from jobs.run.run import open_run
    from jobs.stages.region_export import export_region
    from jobs.stages.region_simulate import simulate_region
    from jobs.stages.upscale import upscale_region

    run = open_run(path)
    upscale_region(run, lambda n: None)
    for name in ("default", "upscaled"):
        simulate_region(run, name)
    list(export_region(run))


_SMALLER = (
    ("ecosystems: [meadow, steppe]", "ecosystems: [steppe]"),
    (
        "[prdx_1, ppdf_1, ppdf_2, ppdf_3, dec5_2, teff_1, teff_2, teff_3]",
        "[prdx_1, dec5_2]",
    ),
    ("max_runs: 300", "max_runs: 40"),
    ("cells: 20 ", "cells: 2 "),
    ("draws: 10 ", "draws: 3 "),
    (
        "  # window: {west: 97, east: 98.5, south: 32.5, north: 33.5}",
        "  window: {west: 97, east: 97.15, south: 32.5, north: 32.6}",
    ),
)
"""What makes the template of a soil-carbon run a matter of seconds."""


def _make_soil_carbon(path: Path) -> None:
    from jobs.cli.init import Template, initialise

    initialise(path, Template.PLATEAU)
    text = (path / "config.yaml").read_text()
    for before, after in _SMALLER:
        if before not in text:
            raise RuntimeError(f"the template has no {before}")
        text = text.replace(before, after)
    (path / "config.yaml").write_text(text)
    for name in ("soil_samples.csv", "flux_months.csv"):
        lines = (path / name).read_text().splitlines()
        (path / name).write_text("\n".join([*lines[:2], *lines[2::12]]) + "\n")


def _run_soil_carbon(path: Path) -> None:
    from jobs.cli.soil_carbon import run_soil_carbon

    run_soil_carbon(path, "serial")


def _make_hierarchical(path: Path) -> None:
    kills.make_run(path, 3, 1)
    text = kills.CONFIG.replace("parameters: [vmax, p18]", "parameters: [vmax]")
    (path / "config.yaml").write_text(text + _HIERARCHICAL)


KINDS = {
    "pixels": Kind(
        _make_pixels,
        _calibrate_and_collect,
        ("pixels/**/posterior.nc", "pixels.csv", "prior.nc", "posteriors.zarr"),
        linear_model,
    ),
    "region": Kind(
        _make_region,
        _map_region,
        ("upscaling/*.csv", "upscaling/*.nc", "maps/*.tif", "maps/*.csv", "maps/*.nc"),
        _ready_region,
    ),
    "soil_carbon": Kind(
        _make_soil_carbon,
        _run_soil_carbon,
        ("soil_carbon/*.nc", "soil_carbon/*.csv", "maps/*.tif"),
    ),
    "reanalysis": Kind(
        _make_reanalysis,
        lambda path: reanalyse(open_reanalysis(path)),
        ("reanalysis/**/*.nc",),
    ),
    "hierarchical": Kind(
        _make_hierarchical,
        lambda path: run_everything(path, None),
        ("pixels/**/posterior.nc", "sites/*.nc", "sites/*.csv", "simulations/**/*.nc"),
    ),
}


def _begun(kind: Kind, path: Path, log: Path) -> int:
    """Start a process that goes on with a run; returns its id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        reported = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(reported, 1)
        os.dup2(reported, 2)
        kind.go_on(path)
        code = 0
    except BaseException as exc:
        print(repr(exc), file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _ended(child: int, seconds: float) -> int | None:
    """Wait so long for a process; its exit code, or None if it is still there."""
    deadline = time.monotonic() + seconds
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            return None
        time.sleep(0.01)


def disturb(
    kind: Kind, path: Path, log: Path, left: int, rng: np.random.Generator, most: float
) -> int:
    """Go on with a run, kill it, and again until it is through; returns the kills.

    Raises
    ------
    SystemExit
        If it ends with an error, which no kill may bring about.
    """
    done = 0
    while True:
        child = _begun(kind, path, log)
        code = _ended(child, rng.uniform(0.0, most) if done < left else np.inf)
        if code is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            done += 1
        elif code:
            raise SystemExit(f"{path} ended with {code}: see {log}")
        else:
            return done


def differences(calm: Path, other: Path, patterns: Sequence[str]) -> list[str]:
    """Names of what differs between two runs in any number, or is only in one."""
    found = []
    names = {
        str(one.relative_to(root))
        for root in (calm, other)
        for pattern in patterns
        for one in root.glob(pattern)
        if not one.name.startswith(".")  # half written, when it was killed
    }
    for name in sorted(names):
        if not ((calm / name).exists() and (other / name).exists()):
            found.append(f"{name}: only in one")
        elif not _equal(calm / name, other / name):
            found.append(f"{name}: other numbers")
    return found if names else ["no results at all"]


def _equal(one: Path, two: Path) -> bool:
    if one.suffix == ".zarr":
        a, b = read_store(one.parent), read_store(two.parent)
        return a.keys() == b.keys() and all(
            same(a[name], b[name]) for name in a if name not in OF_ITS_OWN
        )
    if one.suffix == ".tif":
        return one.read_bytes() == two.read_bytes()
    if one.suffix == ".csv":
        return pd.read_csv(one).equals(pd.read_csv(two))
    with (
        xr.open_datatree(one, engine="h5netcdf") as a,
        xr.open_datatree(two, engine="h5netcdf") as b,
    ):
        return {n.path for n in a.subtree} == {n.path for n in b.subtree} and all(
            _plain(node.to_dataset()).equals(_plain(b[node.path].to_dataset()))
            for node in a.subtree
        )


def _plain(data: xr.Dataset) -> xr.Dataset:
    timed = [
        str(n) for n in data.variables if any(word in str(n) for word in _MEASURED)
    ]
    return data.load().drop_vars(timed)


def main(words: Sequence[str] | None = None) -> int:
    """Make the run, kill, finish, compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--of", choices=list(KINDS), required=True)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--reach", type=float, default=1.0,
        help="longest time before a kill, in that of the undisturbed run",
    )  # fmt: skip
    given = parser.parse_args(words)
    kind, rng = KINDS[given.of], np.random.default_rng(given.seed)
    calm, log = given.folder / "undisturbed", given.folder / "log.txt"
    if calm.exists():
        raise SystemExit(f"{calm} is there already: name a folder that is not")
    given.folder.mkdir(parents=True, exist_ok=True)
    kind.ready()
    kind.make(calm)
    inputs = given.folder / "inputs"
    shutil.copytree(calm, inputs)
    warm = given.folder / "warm"
    shutil.copytree(inputs, warm)
    kind.go_on(warm)  # imports and compiled code, which forked processes then have
    began = time.monotonic()
    if _ended(_begun(kind, calm, log), np.inf):
        raise SystemExit(f"the undisturbed run failed: see {log}")
    most = given.reach * (time.monotonic() - began)
    wrong = differences(calm, warm, kind.results)
    done, copy = 0, 0
    while done < given.kills:
        copy += 1
        path = given.folder / f"killed_{copy}"
        shutil.copytree(inputs, path)
        done += disturb(kind, path, log, given.kills - done, rng, most)
        wrong += [f"{path.name}/{w}" for w in differences(calm, path, kind.results)]
        print(
            f"{given.of}: {done} kills within {most:.1f} s each, {copy} copies, "
            f"{len(wrong)} differences",
            flush=True,
        )
    for one in wrong:
        print(one, file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
