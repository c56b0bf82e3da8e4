"""State of each stage of a run, read from the files it leaves."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from jobs.errors import ConfigError
from jobs.run.run import Run
from jobs.run.status import Status
from jobs.stages.region_parameters import REGIONAL
from jobs.stages.region_store import open_group
from jobs.stages.screen import TITLES as METHODS

_DONE, _PART, _LEFT = "done", "in part", "not yet"


def stages_of(run: Run, status: Status) -> dict[str, str]:
    """Say of every stage, in order, whether it is done.

    Parameters
    ----------
    run : Run
        Which run.
    status : Status
        Of its pixels.

    Returns
    -------
    dict
        Stage to "done", "in part" or "not yet". That files are there is looked at,
        and not whether they are of the present configuration.
    """
    path = run.folder.path
    n_done = status.states["done"] + status.states["suspect"]
    n_left = status.states["waiting"] + status.states["running"]
    calibrated = _fraction(status.n_pixels - n_left, status.n_pixels)
    report = _word(run.folder.report.exists())
    if not run.source.is_region:
        scored = _n_there(run, [run.folder.scores])
        simulated = _n_there(
            run,
            [
                partial(run.folder.simulation, parameters=name)
                for name in ("default", "calibrated")
            ],
        )
        return {
            "screen": _screened(path, "not asked for"),
            "calibrate": calibrated,
            **(
                {"sites": _word((path / "sites" / "stamp.json").exists())}
                if run.config.sites != "separate"
                else {}
            ),
            "simulate": _fraction(simulated, n_done),
            "evaluate": _fraction(scored, n_done),
            "report": report,
        }
    n_sets = sum(_is_whole(run, name) for name in REGIONAL)
    return {
        "screen": _screened(path, _LEFT),
        "calibrate": calibrated,
        "upscale": _word((path / "upscaling" / "stamp.json").exists()),
        "simulate": _fraction(n_sets, len(REGIONAL)),
        "evaluate": _word((run.folder.evaluation / "region_summary.csv").exists()),
        "export": _word(any((path / "maps").glob("*.nc"))),
        "report": report,
    }


def _n_there(run: Run, files: Sequence[Callable[[int], Path]]) -> int:
    """Return how many pixels have all of some files; each folder is listed once."""
    listed = []
    for file in files:
        folder = file(0).parent
        listed.append(set(os.listdir(folder)) if folder.is_dir() else set())
    if not all(listed):
        return 0
    return sum(
        all(
            file(pixel.id).name in names
            for file, names in zip(files, listed, strict=True)
        )
        for pixel in run.pixels
    )


def _is_whole(run: Run, parameter_set: str) -> bool:
    try:
        open_group(run, parameter_set, "annual").close()
    except (ConfigError, OSError, KeyError, ValueError):  # not there, not whole
        return False
    return True


def _screened(path: Path, otherwise: str) -> str:
    folder = path / "screening"
    if any((folder / f"{name}.nc").exists() for name in METHODS):
        return _DONE
    return _PART if folder.is_dir() and any(folder.iterdir()) else otherwise


def _word(is_done: bool) -> str:
    return _DONE if is_done else _LEFT


def _fraction(n_done: int, n: int) -> str:
    if n_done == 0:
        return _LEFT
    return _DONE if n_done >= n else _PART
