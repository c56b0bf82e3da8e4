"""What a reanalysis of 493 sites, 20 members and 34 years takes: time and memory.

``python -m benchmarks.reanalysis_scale --folder FOLDER [--sites 493 --analyses 1]``.
Analyses are run for real, all sites and three states at once, with the default options
of the filter. Forecasts are sampled: a few sites are run through whole cycles, files
and drivers included, each member with weather of its own and with the same weather, and
the rest is in proportion. Written: ``scale.csv``.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.reanalysis_twin import _CONFIG, _WEATHER, _cpu, _size
from jobs.run.reanalysis_run import open_reanalysis
from jobs.stages.reanalysis import reanalyse
from jobs.stages.reanalysis.results import analyses_of
from jobs.stages.reanalysis.twin import Network, write_twin
from masm.filters import Carried, CycleOptions, analyse_cycle, chord_km

SD = np.array([150.0, 0.2, 150.0])


def main() -> None:
    """Sample forecasts, run analyses, print what the whole takes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--sites", type=int, default=493)
    parser.add_argument("--members", type=int, default=20)
    parser.add_argument("--years", type=int, default=34)
    parser.add_argument("--analyses", type=int, default=1, help="run for real")
    parser.add_argument("--sampled-sites", type=int, default=4)
    parser.add_argument("--sampled-years", type=int, default=3)
    chosen = parser.parse_args()
    if chosen.analyses < 1:
        parser.error("--analyses: at least one is run")
    chosen.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for weather in ("shared", "own"):
        rate, disk, members = forecasts(chosen, weather == "own")
        wanted = chosen.sites * chosen.members * chosen.years
        rows += [
            (f"forecasts, {weather} weather", "s a member year", rate, "sampled"),
            (f"forecasts, {weather} weather", "core-hours", rate * wanted / 3600,
             "in proportion"),
            (f"forecasts, {weather} weather", "GB on disk", disk * wanted / 2**30,
             "in proportion"),
        ]  # fmt: skip
    seconds, wall = analyses(chosen, members)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rows += [
        ("one analysis", "CPU minutes", seconds / 60.0, "run"),
        ("one analysis", "minutes", wall / 60.0, "run, machine as busy as it is"),
        (f"{chosen.years} analyses", "core-hours", seconds * chosen.years / 3600.0,
         "in proportion"),
        ("one analysis", "GB of memory, peak", peak, "run"),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["of", "what", "value", "how"])
    table.to_csv(chosen.folder / "scale.csv", index=False, float_format="%.4g")
    print(table.to_string(index=False))


def forecasts(chosen: argparse.Namespace, own: bool) -> tuple[float, float, np.ndarray]:
    """CPU seconds and bytes of a member year, and the members of the last forecast."""
    folder = chosen.folder / ("own" if own else "shared")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    text = _CONFIG.format(
        seed=1, first=2001, last=2000 + chosen.sampled_years, members=chosen.members,
        filter="letkf", options="", radius=500.0, per_task=chosen.sampled_sites,
        weather=_WEATHER if own else "{}", executor="serial", workers=1,
    )  # fmt: skip
    (folder / "config.yaml").write_text(text)
    run = open_reanalysis(folder)
    write_twin(run, Network(n_sites=chosen.sampled_sites))
    before = _cpu()
    reanalyse(run)
    done = chosen.sampled_sites * chosen.members * chosen.sampled_years
    members = analyses_of(run)["forecast"].isel(time=-1)
    return (
        (_cpu() - before) / done,
        _size(run.path) / done,
        members.transpose("member", "site", "state").to_numpy(),
    )


def analyses(chosen: argparse.Namespace, members: np.ndarray) -> tuple[float, float]:
    """CPU and wall seconds of one analysis of all sites."""
    rng = np.random.default_rng(1)
    options = CycleOptions(SD, radius=500.0)
    carried = Carried.first(options, chosen.members)
    lat, lon = rng.uniform(30, 48, chosen.sites), rng.uniform(-120, -70, chosen.sites)
    distance = chord_km(lat, lon)
    mean, sd = members.mean(axis=(0, 1)), members.std(axis=0).mean(axis=0)
    shape = (chosen.members, chosen.sites, 3)
    shared = rng.standard_normal((chosen.members, 1, 3))
    z = 0.6 * shared + 0.8 * rng.standard_normal(shape)
    ran = np.maximum(mean + sd * z, 0.0)
    error = np.array([0.08, 0.1, np.nan]) * mean
    seen = ran.mean(axis=0) + error * rng.standard_normal(shape[1:])
    before, began = _cpu(), time.perf_counter()
    for k in range(chosen.analyses):
        found = analyse_cycle(
            ran, seen, np.broadcast_to(error, seen.shape), options=replace(options),
            carried=carried, distance=distance, seed=[1, k],
        )  # fmt: skip
        carried = found.carried
        reported = {name: round(v, 3) for name, v in found.diagnostics.items()}
        print(f"analysis {k + 1}: {time.perf_counter() - began:.0f} s, {reported}")
    n = chosen.analyses
    return (_cpu() - before) / n, (time.perf_counter() - began) / n


if __name__ == "__main__":
    main()
