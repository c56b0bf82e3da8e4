"""Files that a value goes through: a parameter, a pixel's observations, the seed.

    python -m benchmarks.walks
    PYTHONPATH=OTHER_TREE python -P benchmarks/walks.py

A small synthetic region is calibrated, upscaled and exported in this process, and calls
of the project's functions are traced. A call belongs to the walk of

- ``vmax``, from the parameter table to its GeoTIFF, if it is given or returns the name
  or what holds values by this name: a container, labelled data, priors;
- a pixel's observations, from the pixel's calibration to the likelihood, if it is given
  or returns the run or what holds a stream by its name;
- the seed, from the configuration to the generators, if it is given or returns the
  number, a list that holds it, or a ``SeedSequence`` of it.

Two numbers are printed for each: the files entered, and the returns, which are arrows
from one file of the walk to another that was entered before. An arrow counts once,
however often a loop follows it. The names of the command line and of the configuration
are all that is used, so that the script runs in trees of other versions.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

PACKAGES = (
    "masm",
    "jobs",
    "upscale",
    "landdata",
    "regions",
    "ibis_dalec",
    "landmodels",
)
NAME, STREAM, SEED = "vmax", "gpp", 7654321
CONFIG = f"""\
name: walks
seed: {SEED}
pixels:
  source: region
  cube: region.zarr
  sample: {{forest_above: 0.2, screening: 0.05, calibration: 0.9}}
periods: {{spinup: 2001, calibration: 2002, validation: 2003}}
model: {{spinup_cycles: 1}}
streams: {{gpp: {{variance: given}}, lai: {{variance: given}}}}
calibration:
  method: published
  options: {{n_iterations: 1, n_draws: 400, n_steps: 100, n_initial_per_parameter: 8}}
  keep_draws: 100
  blocks: [{{streams: [gpp, lai], parameters: [{NAME}, p18]}}]
upscaling: {{max_r_hat: null, max_diso: null, candidates: 1, draws: 2, folds: 3}}
execution: {{executor: serial, max_failed_fraction: 1}}
"""


class Walk:
    """Files in the order in which a value reaches them."""

    def __init__(
        self, holds: Callable[[Any], bool], *, since: str = "", until: str = ""
    ) -> None:
        self.holds, self.since, self.until = holds, since, until
        self.files: list[str] = []
        self.back: dict[tuple[str, str], None] = {}
        self._last = ""

    def visit(self, file: str) -> None:
        """Enter a file; from another one it may be a return."""
        if file == self._last:
            return
        if file not in self.files:
            self.files.append(file)
        else:
            self.back[self._last, file] = None
        self._last = file


def holds_name(name: str) -> Callable[[Any], bool]:
    """Return a test: whether a value is this name, or holds something by it."""

    def holds(value: Any) -> bool:
        if isinstance(value, str):
            return value == name
        if _labels(value, name):
            return True
        if type(value).__module__.split(".")[0] not in PACKAGES:
            return False
        if hasattr(type(value), "model_fields"):  # of a configuration, which has all
            return False
        parts = list(getattr(value, "__dict__", {}).values())
        return any(_same(part, name) or _labels(part, name) for part in parts)

    return holds


def _labels(value: Any, name: str) -> bool:
    """Whether a container, a table or labelled data has a part of this name."""
    if isinstance(value, xr.Dataset | xr.DataArray) and "parameter" in value.coords:
        return name in value["parameter"].values.ravel().tolist()
    if isinstance(value, xr.Dataset | pd.DataFrame):
        return name in list(value)
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "UO" and name in value.ravel().tolist()
    if isinstance(value, list | tuple | set | Mapping):
        with contextlib.suppress(AttributeError):  # it is being made
            return any(
                _same(part, name) or _same(getattr(part, "name", None), name)
                for part in value
            )
    return False


def _same(value: Any, name: str) -> bool:
    return isinstance(value, str) and value == name


def holds_observations(value: Any) -> bool:
    """Whether it is the run, or holds a stream by its name."""
    is_run = type(value).__name__ == "Run" and type(value).__module__.startswith("jobs")
    return is_run or holds_name(STREAM)(value)


def holds_seed(value: Any) -> bool:
    """Whether it is the seed, a list that begins with it, or its SeedSequence."""
    if isinstance(value, np.random.SeedSequence):
        return holds_seed(value.entropy)
    if isinstance(value, list | tuple):
        return any(type(part) is not list and holds_seed(part) for part in value)
    return isinstance(value, int | np.integer) and int(value) == SEED


@contextlib.contextmanager
def traced(walk: Walk) -> Iterator[None]:
    """Trace calls of the project's functions, from one of them to another."""
    files: dict[str, str] = {}

    def file_of(path: str) -> str:
        if path not in files:
            parts = Path(path).parts
            own = [i for i, part in enumerate(parts) if part in PACKAGES]
            inside = "site-packages" not in parts and "<" not in path
            files[path] = "/".join(parts[own[-1] :]) if own and inside else ""
        return files[path]

    def profile(frame: FrameType, event: str, value: Any) -> None:
        code = frame.f_code
        file = file_of(code.co_filename) if event in ("call", "return") else ""
        if not file:
            return
        if walk.since == code.co_name:
            walk.since = ""
        if walk.since:
            return
        if event == "return":
            met = walk.holds(value)
        else:
            given = code.co_varnames[: _arguments(frame)]
            met = any(walk.holds(frame.f_locals.get(name)) for name in given)
        if met:
            walk.visit(file)
        if walk.until and code.co_qualname.startswith(walk.until):
            sys.setprofile(None)

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


def _arguments(frame: FrameType) -> int:
    code = frame.f_code
    extra = bool(code.co_flags & 4) + bool(code.co_flags & 8)  # *args, **options
    return code.co_argcount + code.co_kwonlyargcount + extra


def command(*words: str | Path) -> None:
    """Do a command of the application in this process."""
    from jobs.cli import main

    before, sys.argv = sys.argv, ["masm", *map(str, words)]
    shown = io.StringIO()
    try:
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
            main()
    except SystemExit as end:
        if end.code not in (0, None, 3):
            raise RuntimeError(f"{words}: {end.code}\n{shown.getvalue()}") from end
    finally:
        sys.argv = before


def walks(folder: Path) -> dict[str, Walk]:
    """Make a small region, and follow the three values through it."""
    run = folder / "run"
    run.mkdir()
    cube = ("region", "synthetic", run / "region.zarr", "--years", "2001-2003")
    command(*cube, "--rows", "10", "--columns", "11")
    (run / "config.yaml").write_text(CONFIG, "utf-8")
    vmax = Walk(holds_name(NAME))
    observations = Walk(
        holds_observations, since="calibrate_pixel", until="GaussianLikelihood."
    )
    seed = Walk(holds_seed)
    command("calibrate", run)  # compiles, and imports what is imported once
    (pixel, *_) = (path.name for path in sorted(run.glob("pixels/*/*")))
    for walk in (observations, seed, vmax):
        with traced(walk):
            command("replay", run, "--pixel", pixel)
    with traced(vmax):
        for stage in ("collect", "upscale"):
            command(stage, run)
    for stage in ("simulate", "evaluate"):
        command(stage, run)
    with traced(vmax):
        command("export", run)
    return {
        "vmax, from the table to its map": vmax,
        "a pixel's observations, to the likelihood": observations,
        "the seed, to the generators": seed,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--files", action="store_true", help="print files and returns")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, walk in walks(Path(folder)).items():
            print(f"{name}: {len(walk.files)} files, {len(walk.back)} returns")
            if asked.files:
                print(*(f"    {file}" for file in walk.files), sep="\n")
                print(*(f"    {a} back to {b}" for a, b in walk.back), sep="\n")


if __name__ == "__main__":
    main()
