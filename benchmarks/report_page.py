"""The report of thousands of pixels: how heavy the page is, and how long it takes.

A made-up result stands in for each pixel: posteriors of ten parameters (twenty files,
linked), scores and five years of 8-day means of GPP and LAI of its own.

    python -m benchmarks.report_page [--pixels 4200] [--keep FOLDER]

With Chromium at hand the page is opened from disk, and pixels of several files are
chosen as a reader would.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import masm
from jobs.process_models.base import Settings
from jobs.process_models.registry import DEFAULT_MODEL, open_model
from jobs.report import write_report
from jobs.run.run import Run, open_run, start

NAMES = (
    "alpha3", "theta3", "beta3", "vmax", "p5", "p14", "p15", "p17", "p18", "p20",
)  # fmt: skip
CONFIG = f"""\
name: made-up results, nothing was run
seed: 1
pixels: {{source: table, table: places.csv, forcing: "forcing/{{id}}.nc"}}
periods: {{spinup: 2001, calibration: 2002-2004, validation: 2005-2006}}
streams: {{gpp: {{}}, lai: {{}}}}
twin:
  truth: random
  noise: {{gpp: {{fraction: 0.1, floor: 0.2}}, lai: {{fraction: 0.1, floor: 0.2}}}}
calibration: {{blocks: [{{streams: [gpp, lai], parameters: [{", ".join(NAMES)}]}}]}}
"""
_N_POSTERIORS = 20
_NUMBERS = ("mean", "sd", "q05", "q50", "q95", "r_hat", "ess_bulk", "ess_tail")
CLICKS = """
<script>
  const pick = document.getElementById("pick"), rows = ROWS;
  const box = document.createElement("p"), count = (what) =>
    document.querySelectorAll("#detail " + what).length;
  box.id = "tried"; document.body.appendChild(box);
  function one(k) {
    if (k === rows.length) return;
    pick.value = String(rows[k]); pick.dispatchEvent(new Event("change"));
    setTimeout(() => {
      const shown = [rows[k], count(".thumbs rect"), count(".series path")];
      box.textContent += shown.join(" ") + "; ";
      one(k + 1);
    }, 1500);
  }
  one(0);
</script>
"""


def make_run(path: Path, n_pixels: int) -> Run:
    """Write a run whose pixels, but for one in a hundred, are done and evaluated."""
    path.mkdir(parents=True)
    (path / "config.yaml").write_text(CONFIG)
    n_columns = int(np.ceil(np.sqrt(n_pixels * 1.2)))
    rows = ["id,name,latitude,longitude,elevation,sand,clay"]
    rows += [
        f"{i},p{i},{43 - 0.05 * (i // n_columns):.3f},"
        f"{-76 + 0.05 * (i % n_columns):.3f},300,60,10"
        for i in range(n_pixels)
    ]
    (path / "places.csv").write_text("\n".join(rows) + "\n")
    run = open_run(path)
    start(run)
    rng = np.random.default_rng(1)
    made = [_posterior(path / f"made_{k}.nc", rng) for k in range(_N_POSTERIORS)]
    time_axis = pd.DatetimeIndex(
        [
            day
            for year in range(2002, 2007)
            for day in pd.date_range(f"{year}-01-01", periods=46, freq="8D")
        ]
    )
    run.folder.evaluation.mkdir()
    for i in range(n_pixels):
        if i % 100 == 99:
            continue
        folder, (posterior, summary) = run.folder.pixel(i), made[i % _N_POSTERIORS]
        folder.path.mkdir(parents=True)
        folder.summary.write_text(summary)
        os.link(posterior, folder.posterior)
        _evaluated(run, i, time_axis, rng)
    return run


def _posterior(path: Path, rng: np.random.Generator) -> tuple[Path, str]:
    draws, rows = {}, {}
    table = open_model(DEFAULT_MODEL, Settings()).parameters
    for name in NAMES:
        low, high = table[name].low, table[name].high
        values = low + (high - low) * rng.beta(rng.uniform(1, 9), 4, (4, 1000))
        draws[name] = (("chain", "draw"), values)
        mean, sd = float(values.mean()), float(values.std())
        q05, q50, q95 = np.quantile(values, [0.05, 0.5, 0.95])
        numbers = (mean, sd, q05, q50, q95, 1.0, 900.0, 900.0)
        rows[name] = {**dict(zip(_NUMBERS, numbers, strict=True)), "at_bound": ""}
    masm.Result({"posterior": xr.Dataset(draws)}).to_netcdf(path)
    summary = {
        "status": "done",
        "reason": "",
        "minutes": 0.5,
        "n_model_runs": 180,
        "n_failed_runs": 0,
        "surrogate_rmse": 0.1,
        "parameters": rows,
    }
    return path, json.dumps(summary)


def _evaluated(
    run: Run, pixel_id: int, time_axis: pd.DatetimeIndex, rng: np.random.Generator
) -> None:
    period = np.where(time_axis.year < 2005, "calibration", "validation")
    season = np.maximum(0, np.sin(2 * np.pi * (time_axis.day_of_year - 100) / 365))
    days = time_axis.strftime("%Y-%m-%d")
    lines, scores = ["stream,period,time,observed,observed_sd,default,calibrated"], []
    for stream, top in (("gpp", 10.0), ("lai", 5.0)):
        values = top * season.to_numpy()[:, None] * rng.uniform(0.8, 1.2, (1, 3))
        values += 0.1 * rng.standard_normal(values.shape)
        lines += [
            f"{stream},{which},{day},{row[0]:.6g},0.5,{row[1]:.6g},{row[2]:.6g}"
            for which, day, row in zip(period, days, values, strict=True)
        ]
        scores += [
            f"{pixel_id},{stream},{which},{name},"
            f"{rng.uniform(0.1, 0.9):.4f},0.9,0.8,1,0.1,40"
            for which in ("calibration", "validation")
            for name in ("default", "calibrated")
        ]
    head = "pixel,stream,period,parameters,diso,r,r2,rmse,ae,n"
    run.folder.comparison(pixel_id).write_text("\n".join(lines) + "\n")
    run.folder.scores(pixel_id).write_text("\n".join([head, *scores]) + "\n")


def clicked(page: Path, rows: list[int]) -> str:
    """Choose pixels in a browser; gives row, bars and curves shown of each."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return "no chromium on this machine"
    tried = page.with_name("tried.html")
    tried.write_text(page.read_text() + CLICKS.replace("ROWS", json.dumps(rows)))
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [browser, "--headless=new", "--no-sandbox", "--disable-gpu",
             f"--user-data-dir={profile}", "--enable-logging=stderr",
             "--virtual-time-budget=20000", "--dump-dom", tried.as_uri()],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    tried.unlink()
    found = re.search(r'<p id="tried">(.*?)</p>', done.stdout)
    errors = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    shown = html.unescape(found[1]) if found else "nothing was shown"
    return f"{shown} {len(errors)} console messages"


def main() -> None:
    """Make a run, write its page, and say how heavy both are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pixels", type=int, default=4200)
    parser.add_argument("--keep", type=Path, help="leave the run here")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        path = asked.keep or Path(scratch) / "run"
        run = open_run(path) if path.exists() else make_run(path, asked.pixels)
        for what in ("report", "report again"):
            begin, busy = time.perf_counter(), time.process_time()
            page = write_report(run)
            passed, busy = time.perf_counter() - begin, time.process_time() - busy
            print(f"{what:<16} {passed:7.1f} s, {busy:6.1f} s of a core")
        files = list((path / "report").glob("*.js"))
        size = sum(file.stat().st_size for file in files)
        largest = max((file.stat().st_size for file in files), default=0)
        payload = page.read_text().split('id="payload">')[1].split("</script>")[0]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(f"page             {page.stat().st_size / 1e6:.2f} MB, of which the map "
              f"{len(payload) / 1e6:.2f} MB\n"
              f"beside it        {len(files)} files, {size / 1e6:.1f} MB, the largest "
              f"{largest / 1e3:.0f} kB\npeak memory      {memory:.0f} MB")  # fmt: skip
        last = asked.pixels - 2
        print("chosen           " + clicked(page, [0, asked.pixels // 2, last]))


if __name__ == "__main__":
    main()
