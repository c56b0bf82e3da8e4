"""58 real Daymet pixels with twin observations: parameters recovered, workers' gain.

Weather is that of 58 deciduous PhenoCam pixels (Daymet v3, collected by the phenor
package). Each pixel's observations are the model's own 8-day LAI and GPP at random
parameters, with stated noise, so the truth is known and only the calibration is
tested. What the table lacks is derived, and said in each pixel's forcing:

* sunlight from the temperature range (Thornton and Running 1999);
* height and soil from the nearest CAMELS basin, pressure from the height;
* wind from the monthly normals of Harvard Forest; CO2 from Mauna Loa;
* years: 2012 to 2015; a site that lacks one of them has another year of its own
  under that date.

    python -m benchmarks.daymet_pixels RUN prepare
    python -m benchmarks.daymet_pixels RUN calibrate [--workers 2] [--stop-after 5]
    python -m benchmarks.daymet_pixels RUN coverage
    python -m benchmarks.daymet_pixels RUN references [--pixels 6] [--runs 5000]
    python -m benchmarks.daymet_pixels RUN efficiency [--pixels 6]

``calibrate`` goes on from whatever is done. ``references`` takes the first pixels that
are calibrated, samples their posteriors by importance sampling of the model itself, in
a folder beside RUN, and prints how far ours are off beside the error that they
estimate. ``efficiency`` times the same pixels with one and with two workers,
alternating, each worker started and warm beforehand.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import landdata as inputs
import masm
from benchmarks.metrics import distance
from jobs.executors.workers import run_local
from jobs.inputs.twin import truth_of
from jobs.process_models.base import Settings
from jobs.process_models.registry import DEFAULT_MODEL, open_model
from jobs.run.folder import PixelFolder
from jobs.run.pixel_files import read_summary
from jobs.run.pixel_state import FINISHED, state_of
from jobs.run.run import Run, open_run, start
from jobs.stages.calibrate_pixel import calibrate_pixel
from jobs.stages.calibrate_pixels import calibrate_pixels, calibration_work

DATA = Path(__file__).parents[1].parent / "shared" / "data"
TABLE = DATA / "products" / "daymet_phenocam_deciduous_daily.csv.gz"

YEARS = range(2012, 2016)
_LIMIT = 0.10  # MMTV beyond which a posterior is wrong
CONFIG = """\
name: 58 Daymet pixels, twin observations
seed: 58
pixels: {source: table, table: places.csv, forcing: "forcing/{id}.nc"}
periods: {spinup: 2012, calibration: 2013-2014, validation: 2015}
model: {spinup_cycles: 5}
streams: {gpp: {variance: given}, lai: {variance: given}}
twin:
  truth: random
  noise: {gpp: {fraction: 0.10, floor: 0.30}, lai: {fraction: 0.10, floor: 0.20}}
calibration:
  method: emulator
  blocks: [{streams: [gpp, lai], parameters: [vmax, p5, p14, p18, p20]}]
execution: {executor: local, workers: 2}
"""


def site_years(record: xr.Dataset) -> dict[int, int]:
    """Give each year of ``YEARS`` a year of the site: itself, or another."""
    counts = record["tmin"].to_series().groupby(record.indexes["time"].year).count()
    own = [int(year) for year, days in counts.items() if days >= 360]
    others = [year for year in own if year not in YEARS][::-1] or own
    spare = iter(others * len(YEARS))
    return {year: year if year in own else next(spare) for year in YEARS}


def under_other_dates(record: xr.Dataset, years: dict[int, int]) -> xr.Dataset:
    """Lay years of a record under other dates, by the day of the year."""
    parts = []
    for year, source in years.items():
        part = record.sel(time=str(source))
        part = part.sel(time=~part.indexes["time"].duplicated())
        days = pd.date_range(f"{year}-01-01", f"{year}-12-31")
        # A leap year's last day repeats the one before.
        place = np.minimum(np.arange(days.size), part.sizes["time"] - 1)
        parts.append(part.isel(time=place).assign_coords(time=days))
    return xr.concat(parts, "time").assign_attrs(record.attrs)


def nearest_basin(basins: pd.DataFrame, lat: float, lon: float) -> pd.Series:
    """Return the CAMELS basin whose gauge is nearest, with its distance in km."""
    north = 111.2 * (basins["lat"] - lat)
    east = 111.2 * np.cos(np.radians(lat)) * (basins["lon"] - lon)
    distance = np.hypot(north, east)
    name = distance.idxmin()
    return (
        basins.loc[name]
        .rename(name)[["elevation", "sand", "clay"]]
        .astype(float)
        .pipe(lambda row: pd.concat([row, pd.Series({"km": distance[name]})]))
    )


def prepare(path: Path) -> None:
    """Write the run folder: weather of each pixel, places and configuration."""
    if not TABLE.exists():
        raise SystemExit(f"no {TABLE}: this benchmark needs the Daymet table")
    (path / "forcing").mkdir(parents=True, exist_ok=True)
    basins = inputs.read_camels(DATA / "camels", ("topo", "soil")).dropna(
        subset=["lat", "lon", "elevation", "sand", "clay"]
    )
    sites = pd.read_csv(TABLE, usecols=["site", "lat", "lon"]).drop_duplicates("site")
    normals = inputs.harvard_normals()
    rows, n_other, clipped, distances = [], 0, [], []
    for number, site in enumerate(sites.itertuples(index=False)):
        record = inputs.read_daymet_table(TABLE, site.site, drop_inverted=True)
        basin = nearest_basin(basins, site.lat, site.lon)
        years = site_years(record)
        n_other += sum(year != source for year, source in years.items())
        record = under_other_dates(record, years)
        record = inputs.with_estimated_shortwave(
            record, lat=site.lat, elevation=basin["elevation"]
        )
        wind = inputs.usual_wind(normals, record["time"].to_numpy())
        forcing = inputs.assemble_forcing(
            [record, wind],
            lat=site.lat,
            elevation=basin["elevation"],
            sand=basin["sand"],
            clay=basin["clay"],
            years=(YEARS[0], YEARS[-1]),
        )
        cloud = forcing["cloud_cover"].attrs
        clipped.append(cloud["n_clipped_dark"] + cloud["n_clipped_bright"])
        distances.append(basin["km"])
        forcing.to_netcdf(path / "forcing" / f"{number}.nc", engine="h5netcdf")
        rows.append(
            [number, site.site, site.lat, site.lon]
            + [round(float(basin[name]), 2) for name in ("elevation", "sand", "clay")]
        )
    with (path / "places.csv").open("w", newline="") as opened:
        writer = csv.writer(opened)
        names = ["id", "name", "latitude", "longitude", "elevation", "sand", "clay"]
        writer.writerows([names, *rows])
    (path / "config.yaml").write_text(CONFIG)
    print(
        f"{len(rows)} pixels; {n_other} of {len(rows) * len(YEARS)} years are other "
        f"years of the site; cloud cover brought to a limit on "
        f"{np.mean(clipped) / 1461:.0%} of days; nearest basin "
        f"{np.median(distances):.0f} km away (median), {np.max(distances):.0f} at most"
    )


def calibrate(path: Path, workers: int, stop_after: int | None) -> None:
    """Calibrate what is left, all of it or a few pixels."""
    run = open_run(path)
    start(run)
    left = [
        p for p in run.pixels if state_of(run.folder.pixel(p.id)).state == "waiting"
    ]
    chosen = left if stop_after is None else left[:stop_after]
    begin = time.perf_counter()
    if workers == 1:
        open_model(DEFAULT_MODEL, Settings()).warm_up()
        calibrate_pixels(run, chosen, "serial")
    else:
        list(
            run_local(path, calibration_work(), [pixel.id for pixel in chosen], workers)
        )
    passed = time.perf_counter() - begin
    print(f"{len(chosen)} pixels in {passed:.0f} s; {len(left) - len(chosen)} left")


def coverage(path: Path) -> None:
    """Print how often the truth lies in the central 90 % interval, by parameter."""
    run = open_run(path)
    rows, reasons = [], []
    for pixel in run.pixels:
        folder = run.folder.pixel(pixel.id)
        state = state_of(folder)
        reasons.append(f"{state.state} {state.reason}".strip())
        if state.state not in FINISHED:
            continue
        truth = truth_of(run.config, pixel)
        for name, found in read_summary(folder)["parameters"].items():
            rows.append(
                {
                    "pixel": pixel.id,
                    "state": state.state,
                    "parameter": name,
                    "inside": found["q05"] <= truth[name] <= found["q95"],
                    "z": (found["mean"] - truth[name]) / found["sd"],
                }
            )
    table = pd.DataFrame(rows)
    print(pd.Series(reasons).value_counts().to_string())
    table.to_csv(path / "coverage.csv", index=False)
    for label, part in [*table.groupby("parameter"), ("all", table)]:
        print(_line(str(label), part))
    for state, part in table.groupby("state"):
        print(_line(f"all, {state}", part))
    # Parameters of a pixel share their noise: the error of the whole by pixels.
    by_pixel = table.groupby("pixel")["inside"].mean()
    print(f"all, error from pixels: {by_pixel.std() / np.sqrt(len(by_pixel)):.3f}")


def _line(label: str, part: pd.DataFrame) -> str:
    n, fraction = len(part), part["inside"].mean()
    error = np.sqrt(fraction * (1.0 - fraction) / n)
    z = part["z"]
    return (
        f"{label:<16} {fraction:6.3f} +- {error:.3f} (binomial, n = {n}); z mean "
        f"{z.mean():+.2f}, sd {z.std():.2f}, largest {z.abs().max():.1f}"
    )


def efficiency(path: Path, n_pixels: int, rounds: int = 1) -> None:
    """Time the same pixels with two workers and with one."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    busy: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers in (2, 1):
            fresh = path.with_name(f"{path.name}-{workers}-workers")
            shutil.rmtree(fresh, ignore_errors=True)
            run = _copy(path, fresh)
            ids = [pixel.id for pixel in run.pixels]
            # Workers are kept from one call to the next: the first one starts them.
            list(run_local(fresh, calibration_work(), ids[-workers:], workers))
            begin, spent = time.perf_counter(), _core_seconds()
            list(run_local(fresh, calibration_work(), ids[:n_pixels], workers))
            seconds[workers].append(time.perf_counter() - begin)
            busy[workers].append(_core_seconds() - spent)
            print(
                f"{workers} workers: {seconds[workers][-1]:.1f} s, "
                f"{busy[workers][-1]:.1f} s of cores",
                flush=True,
            )
    one, two = min(seconds[1]), min(seconds[2])
    print(json.dumps({"one_worker_s": one, "two_workers_s": two}))
    print(f"efficiency of two workers: {one / (2.0 * two):.3f}")
    fraction = min(busy[1]) / min(busy[2])
    print(f"core seconds of one worker over those of two: {fraction:.3f}")


def _core_seconds() -> float:
    """Return the core seconds of this process and its living children so far."""
    me, total = str(os.getpid()), 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            facts = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if me in (facts[1], stat.parent.name):
            total += int(facts[11]) + int(facts[12])
    return total / os.sysconf("SC_CLK_TCK")


def references(path: Path, n_pixels: int, n_runs: int) -> None:
    """Compare posteriors with those of the model itself."""
    run = open_run(path)
    chosen = [
        p for p in run.pixels if state_of(run.folder.pixel(p.id)).state in FINISHED
    ]
    beside = path.with_name(f"{path.name}-references")
    if not beside.exists():
        _copy(path, beside, f"method: importance\n  options: {{max_runs: {n_runs}}}")
    direct = open_run(beside)
    rows = []
    for pixel in chosen[:n_pixels]:
        folder = direct.folder.pixel(pixel.id)
        if state_of(folder).state not in FINISHED:
            calibrate_pixel(direct, pixel)
        rows.append(_against(run.folder.pixel(pixel.id), folder) | {"pixel": pixel.id})
        table = pd.DataFrame(rows).set_index("pixel")
        table.to_csv(path / "references.csv", float_format="%.4g")
        print(table.tail(1).to_string(header=len(rows) == 1), flush=True)
    far = table["mmtv"] > np.maximum(_LIMIT, table["by_chance"])
    silent = (far & (table["state"] == "done")).sum()
    print(
        f"{len(table)} pixels, MMTV {table['mmtv'].median():.3f} in the median, "
        f"{table['mmtv'].max():.3f} at most; {silent} "
        f"not flagged and beyond both {_LIMIT} and what chance alone gives"
    )


def _against(found: PixelFolder, reference: PixelFolder) -> dict[str, object]:
    """Distances of one posterior from its reference, and what it says of itself."""
    result, direct = (masm.open_result(one.posterior) for one in (found, reference))
    names = list(result.posterior.data_vars)
    ours, theirs = (
        np.column_stack([one.posterior[name].to_numpy().ravel() for name in names])
        for one in (result, direct)
    )
    off, size = distance(ours, theirs), float(direct.attrs["ess_weights"])
    return {
        "state": result.status,
        "runs": result.n_model_runs,
        "error": float(result.attrs["error"]),
        "mmtv": off.mmtv,
        "by_chance": _by_chance(ours.shape, theirs.shape[0], size),
        "largest_tv": off.largest_tv,
        "reference": direct.status,
        "reference_ess": size,
    }


def _by_chance(ours: tuple[int, ...], n_reference: int, size: float) -> float:
    """MMTV of two samples of one normal law, the reference worth ``size`` draws."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(10):
        few = rng.standard_normal((int(size), ours[1]))
        reference = few[rng.integers(0, len(few), n_reference)]
        found.append(distance(rng.standard_normal(ours), reference).mmtv)
    return float(np.mean(found))


def _copy(path: Path, fresh: Path, method: str = "method: emulator") -> Run:
    fresh.mkdir()
    shutil.copy(path / "places.csv", fresh)
    text = (path / "config.yaml").read_text().replace("method: emulator", method)
    (fresh / "config.yaml").write_text(text)
    shutil.copytree(path / "forcing", fresh / "forcing")
    run = open_run(fresh)
    start(run)
    return run


def main() -> None:
    """Do one step."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument(
        "step",
        choices=["prepare", "calibrate", "coverage", "references", "efficiency"],
    )
    parser.add_argument("--runs", type=int, default=5000, help="of a reference")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--stop-after", type=int)
    parser.add_argument("--pixels", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    if asked.step == "prepare":
        prepare(asked.run)
    elif asked.step == "calibrate":
        calibrate(asked.run, asked.workers, asked.stop_after)
    elif asked.step == "coverage":
        coverage(asked.run)
    elif asked.step == "references":
        references(asked.run, asked.pixels, asked.runs)
    else:
        efficiency(asked.run, asked.pixels, asked.rounds)


if __name__ == "__main__":
    main()
