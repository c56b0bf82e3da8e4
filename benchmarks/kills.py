"""Kill a long run at random moments, go on each time, and see whether it noticed.

    python -m benchmarks.kills FOLDER --kills 200 --csv kills.csv

A run of many small pixels is first computed undisturbed, one pixel after another.
Then a copy of it is calibrated by worker processes while processes of its tree are
killed with -9 at random moments: a worker, the parent of all, a helper that joblib
starts, or `masm collect` while it writes. After each kill every result file is opened
and compared with the undisturbed run (`benchmarks.kills_judged`). A run whose parent
was killed is gone on with by ``--resume``, failed pixels by ``masm retry``. At the end
everything is finished and collected, and every number compared. A loss exits with 1.

Kills in the CSV count: the same command goes on from there. Should a run be finished
before enough kills were done, the rest is done to another copy of it.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.kills_judged import Judge
from benchmarks.kills_storm import Storm
from benchmarks.rows import append, read
from landdata import generate_weather, harvard_normals

CONFIG = """\
name: killed
seed: 11
pixels: {source: table, table: places.csv, forcing: "forcing/{id}.nc"}
periods: {spinup: 2001, calibration: 2002, validation: 2003}
model: {spinup_cycles: 1}
streams: {gpp: {variance: given}, lai: {variance: given}}
twin:
  truth: random
  noise: {gpp: {fraction: 0.05, floor: 0.2}, lai: {fraction: 0.05, floor: 0.1}}
calibration:
  method: published
  options: {n_iterations: 2, n_draws: 1000, n_steps: 200, n_initial_per_parameter: 10}
  keep_draws: 100
  blocks: [{streams: [gpp, lai], parameters: [vmax, p18]}]
"""
EXECUTION = "execution: {workers: WORKERS, max_failed_fraction: 1}\n"
SHARES = {"worker": 0.6, "parent": 0.25, "helper": 0.05, "collector": 0.1}


@dataclass(frozen=True)
class Kill:
    """One kill.

    Attributes
    ----------
    number : in order
    copy : which copy of the run
    verb : what the command line was at
    target : which process of its tree was killed
    waited : seconds that were waited for the moment, mostly from when work had begun
    finished : pixels finished at the time
    failed : pixels failed at the time
    faults : what the judge found afterwards
    """

    number: int
    copy: int
    verb: str
    target: str
    waited: float
    finished: int
    failed: int
    faults: int


def make_run(path: Path, n_pixels: int, n_workers: int) -> None:
    """Write a run folder with its inputs, each pixel with a weather of its own."""
    (path / "forcing").mkdir(parents=True)
    rows = ["id,name,latitude,longitude,elevation,sand,clay"]
    for i in range(n_pixels):
        latitude = 30 + i % 20
        weather = generate_weather(
            replace(harvard_normals(), lat=latitude, sand=60, clay=10),
            (2001, 2003),
            np.random.default_rng(i),
        )
        weather.to_netcdf(path / "forcing" / f"{i}.nc", engine="h5netcdf")
        rows.append(f"{i},place {i},{latitude},-75,300,60,10")
    (path / "places.csv").write_text("\n".join(rows) + "\n")
    execution = EXECUTION.replace("WORKERS", str(n_workers))
    (path / "config.yaml").write_text(CONFIG + execution)


def copy_inputs(path: Path, to: Path) -> None:
    """Copy a run without what it computed."""
    shutil.copytree(path / "forcing", to / "forcing", dirs_exist_ok=True)
    for name in ("places.csv", "config.yaml"):
        shutil.copy(path / name, to / name)


def compute(path: Path) -> None:
    """Calibrate and collect a run in one process, undisturbed."""
    for words in (["calibrate", "--executor", "serial", "--resume"], ["collect"]):
        command = [sys.executable, "-m", "jobs", words[0], str(path), *words[1:]]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def draw_target(rng: np.random.Generator, finished: int) -> str:
    """Draw which process is killed next; nothing is collected before there is any."""
    target = rng.choice(list(SHARES), p=list(SHARES.values()))
    return str(target) if finished or target != "collector" else "worker"


def rage(
    storm: Storm, kills: list[Kill], copy: int, wanted: int, seed: int, table: Path
) -> None:
    """Kill until there were enough kills or the run is finished."""
    n_pixels = len(storm.judge.expected.ids)
    horizon = 4.0
    attempt = 0
    while len(kills) < wanted:
        rng = np.random.default_rng([seed, len(kills), attempt])
        states = storm.states()
        finished = states["done"] + states["suspect"]
        target = draw_target(rng, finished)
        waited = storm.strike(target, rng, horizon)
        if np.isnan(waited):
            if not storm.go_on():
                return
            attempt += 1
            continue
        attempt = 0
        faults = storm.judge.look()
        for fault in faults:
            print(f"kill {len(kills) + 1} ({target}): {fault}", file=sys.stderr)
        kill = Kill(
            len(kills) + 1, copy, storm.verb, target, round(waited, 2),
            finished, states["failed"], len(faults),
        )  # fmt: skip
        append(table, kill)
        kills.append(kill)
        # Sooner where the run gets ahead of the kills, so that one run lasts for all.
        ahead = finished / n_pixels - len(kills) / wanted
        horizon = float(np.clip(horizon * (0.8 if ahead > 0 else 1.25), 0.2, 60.0))


def row(
    kills: Sequence[Kill], storms: Sequence[Storm], n_pixels: int, lost: int
) -> str:
    """Return the row of the table: what was done, and what it cost."""
    targets = Counter(kill.target for kill in kills)
    faults = sum(kill.faults for kill in kills)
    exits = [code for storm in storms for code in storm.wrong_exits]
    left = sum(storm.judge.left_overs() for storm in storms)
    failed = max((kill.failed for kill in kills), default=0)
    cells = {
        "kills": len(kills),
        **{name: targets[name] for name in SHARES},
        "pixels": n_pixels,
        "copies": len({kill.copy for kill in kills}),
        "failed for now": failed,
        "faults after a kill": faults,
        "losses at the end": lost,
        "wrong exits": exits or 0,
        "files left over": left,
    }
    lines = (cells.keys(), ["---"] * len(cells), cells.values())
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def main(words: Sequence[str] | None = None) -> int:
    """Make the run, kill, finish, compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--pixels", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--csv", type=Path)
    given = parser.parse_args(words)
    table = given.csv or given.folder / "kills.csv"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what it started
    calm = given.folder / "undisturbed"
    if not (calm / "config.yaml").exists():
        make_run(calm, given.pixels, given.workers)
    compute(calm)
    kills, storms = read(table, Kill) if table.exists() else [], []
    copy = kills[-1].copy if kills else 1
    while True:
        path = given.folder / f"killed_{copy}"
        copy_inputs(calm, path)
        storm = Storm(path, Judge(calm, path), given.folder / "log.txt")
        storms.append(storm)
        try:
            rage(storm, kills, copy, given.kills, given.seed, table)
            storm.finish()
        finally:
            storm.end()
        if len(kills) >= given.kills:
            break
        copy += 1
    lost = [fault for storm in storms for fault in storm.judge.look_at_everything()]
    print(row(kills, storms, given.pixels, len(lost)))
    for fault in lost:
        print(fault, file=sys.stderr)
    bad = bool(lost) or any(kill.faults for kill in kills)
    return int(bad or any(storm.wrong_exits for storm in storms))


if __name__ == "__main__":
    sys.exit(main())
