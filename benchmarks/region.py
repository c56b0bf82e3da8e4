"""The regional chain against a known truth: maps, fits, totals, speed and memory.

    python -m benchmarks.region FOLDER [--columns 40 --rows 30 --calibration 0.1]

Makes a synthetic region and a run of it with the commands that a user would give
(``masm region synthetic``, ``masm init --template region``, ``masm run``), then holds
what came out against the truth that the region keeps. Broken off, it goes on where it
stopped; when all is done it only prints. Everything is SYNTHETIC: it shows whether the
method finds what was put in, and nothing about real forests.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr


def main() -> None:
    """Run what is left, then print the tables."""
    asked = _arguments()
    cube, run = asked.folder / "region.zarr", asked.folder
    _masm("init", run, "--template", "region", unless=run / "config.yaml")
    _configure(run / "config.yaml", asked)
    _masm(
        "region", "synthetic", cube, "--rows", asked.rows, "--columns", asked.columns,
        "--years", asked.years, "--seed", asked.seed,
        unless=cube / "checksums.json",
    )  # fmt: skip
    _masm("run", run, "--executor", asked.executor, unless=run / "maps" / "status.tif")
    for title, table in (
        ("maps against the truth, pixels that were not calibrated", truth_table(run)),
        ("skill on calibrated pixels", _read(run, "upscaling/skill.csv")),
        ("DISO of 8-day means", _read(run, "evaluation/region_summary.csv")),
        ("the same against the truth without its noise, all years", fit_table(run)),
        ("paper's levels", level_table(run)),
        ("totals and the truth, Pg yr-1", total_table(run)),
        ("speed of a block of the region, one core", speed_table(run)),
    ):
        print(f"\n{title}")
        print(table.to_string(index=False, float_format=lambda x: f"{x:.4g}"))


def truth_table(run: Path) -> pd.DataFrame:
    """Hold maps against true parameters where nothing was calibrated.

    Returns
    -------
    pandas.DataFrame
        For each parameter: R2 against the truth of the map, of the calibrated pixels'
        own posterior means, and the fraction of truths within the 90 % interval.
    """
    from jobs.run.region_sample import open_region
    from jobs.run.run import open_run

    opened = open_run(run)
    with xr.open_dataset(run / "upscaling" / "parameters.nc") as file:
        maps = file.load()
    truth = open_region(opened.cube).true_parameters
    trained = {pixel.id for pixel in opened.pixels}
    new = np.array([int(i) not in trained for i in maps["pixel"].to_numpy()])
    posteriors = _read(run, "upscaling/posteriors.csv")
    rows = []
    for name in maps["parameter"].to_numpy():
        one = maps.sel(parameter=name).isel(pixel=new)
        true = truth[str(name)].sel(pixel=one["pixel"].to_numpy()).to_numpy()
        mapped = one["mean"].to_numpy()
        inside = (one["p05"].to_numpy() <= true) & (true <= one["p95"].to_numpy())
        mine = posteriors[posteriors["parameter"] == name]
        theirs = truth[str(name)].sel(pixel=mine["pixel"].to_numpy()).to_numpy()
        rows.append(
            {
                "parameter": name,
                "n": true.size,
                "r2_map": _r2(mapped, true),
                "r2_calibrated": _r2(mine["mean"].to_numpy(), theirs),
                "truth_inside": inside.mean(),
            }
        )
    return pd.DataFrame(rows)


def fit_table(run: Path) -> pd.DataFrame:
    """Score runs against the LAI and GPP that the region had before noise was added.

    Returns
    -------
    pandas.DataFrame
        For each stream and parameter set: mean DISO of 8-day means against the truth,
        the fraction of pixels better than the default, and ``noise``, the DISO of the
        truth itself against the observations: what no parameters can go below.
    """
    from jobs.run.region_sample import open_region
    from jobs.run.run import open_run
    from jobs.stages.region_evaluate import simulated_sets
    from jobs.stages.region_store import open_group
    from masm.results.scores import scores

    opened = open_run(run)
    cube = open_region(opened.cube)
    rows = []
    found: dict[tuple[str, str], pd.Series] = {}
    for name in simulated_sets(opened):
        simulated = open_group(opened, name, "8day").load()
        ids, time = simulated["pixel"].to_numpy().tolist(), simulated["time"]
        truth = cube.true_series(ids).reindex(time=time)
        seen = cube.observations(ids).reindex(time=time)
        for stream in opened.config.streams:
            series = [
                data[stream].transpose("pixel", "time").to_numpy()
                for data in (simulated, truth, seen)
            ]
            found[stream, name] = pd.Series(
                [scores(a, b)["diso"] for a, b, _ in zip(*series, strict=True)], ids
            )
            noise = [scores(b, c)["diso"] for _, b, c in zip(*series, strict=True)]
            before = found[stream, "default"].loc[ids]
            rows.append(
                {
                    "stream": stream,
                    "parameters": name,
                    "n_pixels": len(ids),
                    "diso_of_truth": found[stream, name].mean(),
                    "better": (found[stream, name] < before).mean(),
                    "noise": np.mean(noise),
                }
            )
    return pd.DataFrame(rows)


def level_table(run: Path) -> pd.DataFrame:
    """Put the paper's levels beside what was reached in the validation years."""
    table = _read(run, "evaluation/region_summary.csv")
    at = table.set_index(["stream", "period", "parameters"])

    def of(stream: str, name: str, parameters: str = "upscaled") -> float:
        return float(at[name].to_dict()[(stream, "validation", parameters)])

    return pd.DataFrame(
        [
            ("LAI DISO below 0.3, calibrated", 0.90, of("lai", "below_0.3",
             "calibrated")),
            ("LAI DISO below 0.3, upscaled", 0.90, of("lai", "below_0.3")),
            ("GPP DISO lowered, upscaled", 0.16, of("gpp", "lowered")),
            ("LAI better than default, upscaled", 0.90, of("lai", "better")),
            ("GPP better than default, upscaled", 0.90, of("gpp", "better")),
        ],
        columns=["what", "wanted at least", "reached"],
    )  # fmt: skip


def total_table(run: Path) -> pd.DataFrame:
    """Return whether the region's true totals lie within the ensemble's interval."""
    table = _read(run, "evaluation/totals.csv")
    wide = table.pivot_table(
        index=["flux", "year"], columns="parameters", values="total", sort=False
    )
    ends = table[table["parameters"] == "ensemble"].set_index(["flux", "year"])
    wide[["low", "high"]] = ends[["low", "high"]]
    wide["inside"] = (wide["low"] <= wide["truth"]) & (wide["truth"] <= wide["high"])
    return wide.reset_index()


def speed_table(run: Path) -> pd.DataFrame:
    """Time a block of the region beside the same years of one pixel in lanes.

    Returns
    -------
    pandas.DataFrame
        Simulated years, spin-up included, per CPU second of this process; memory is
        the largest that the process has held.
    """
    import ibis_dalec
    from jobs.run.region_sample import open_region
    from jobs.run.run import open_run
    from jobs.stages.region_parameters import fields_of
    from jobs.stages.region_simulate import block_means
    from jobs.stages.region_store import Store, groups_of, store_path

    opened = open_run(run)
    fields = fields_of(opened, "upscaled")
    store = Store(store_path(opened, "upscaled"), fields.ids.size, 1)
    _, block = store.where(0)
    n = block.stop - block.start
    periods = opened.config.periods
    years = periods.whole.last - periods.whole.first + 1
    years += opened.config.model.spinup_cycles
    forcing = open_region(opened.cube).forcing(fields.ids[:1].tolist())
    forcing = forcing.isel(pixel=0, drop=True).sel(time=periods.whole.years)
    values = {name: fields.values[0, block, j] for j, name in enumerate(fields.names)}

    def region() -> None:
        block_means(opened, store, fields, 0, groups_of("upscaled"))

    def lanes() -> None:
        ibis_dalec.simulate_batch(
            forcing, values, outputs=["lai", "gpp", "er", "nee"],
            spinup_cycles=opened.config.model.spinup_cycles,
        )  # fmt: skip

    rows = []
    for what, work in (("region, lanes are pixels", region),
                       ("one pixel, lanes are parameters", lanes)):  # fmt: skip
        work()
        started = time.process_time()
        work()
        seconds = time.process_time() - started
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        rows.append((what, n, n * years / seconds, memory))
    found = pd.DataFrame(
        rows, columns=["what", "lanes", "years per CPU s", "peak memory MB"]
    )
    rate = found["years per CPU s"]
    found["ratio"] = rate / rate.iloc[-1]
    return found


def _r2(predicted: np.ndarray, true: np.ndarray) -> float:
    return float(1.0 - np.mean((predicted - true) ** 2) / np.var(true))


def _read(run: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(run / name)


def _masm(*words: object, unless: Path) -> None:
    if unless.exists():
        return
    done = subprocess.run([sys.executable, "-m", "jobs", *map(str, words)], check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.returncode)


def _configure(path: Path, asked: argparse.Namespace) -> None:
    """Set sample, years and size of the ensemble, once."""
    text = path.read_text(encoding="utf-8")
    if "# of the benchmark" in text:
        return
    first, last = (int(year) for year in asked.years.split("-"))
    middle = first + max(1, round(0.6 * (last - first)))
    for key, value in (
        ("spinup", f"{first}"),
        ("calibration", f"{first + 1}-{middle}"),
        ("validation", f"{middle + 1}-{last}"),
    ):
        text = re.sub(rf"(?m)^(  {key}:) \d{{4}}(-\d{{4}})?", rf"\1 {value}", text)
    text = re.sub(r"(?m)^(    calibration:) [\d.]+", rf"\1 {asked.calibration}", text)
    text = re.sub(r"(?m)^(    screening:) [\d.]+", rf"\1 {asked.screening}", text)
    text = text.replace("\nupscaling:", f"\nupscaling:\n  folds: {asked.folds}")
    text = re.sub(r"(?m)^(  draws:) \d+", rf"\1 {asked.draws}", text)
    text += "# of the benchmark\n"
    path.write_text(text, encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the run folder, made if need be")
    parser.add_argument("--columns", type=int, default=40)
    parser.add_argument("--rows", type=int, default=30)
    parser.add_argument("--years", default="2001-2006", metavar="FIRST-LAST")
    parser.add_argument("--seed", type=int, default=1, help="of the region")
    parser.add_argument("--calibration", type=float, default=0.1, help="fraction")
    parser.add_argument("--screening", type=float, default=0.01, help="fraction")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--executor", default="serial", choices=("serial", "local"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
