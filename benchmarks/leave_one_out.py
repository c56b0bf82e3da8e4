"""What each stream and year is worth at two forests, and how far one factor goes.

    python -m benchmarks.leave_one_out --sites harvard hainich --runs 180 --csv loo.csv

Weather, GPP and LAI of towers are optional data beside the repository
(``../shared/data``); without them the benchmark says so and ends. Each experiment is a
configuration of a run (`calibration.leave_out`, `model.scaling`), calibrated by one
method with the same model runs:

* ``all``: ten parameters on GPP and LAI of 2002 to 2005;
* ``without gpp``, ``without lai``, ``without 2003``: these are not shown to it;
* ``two factors``: two scaling factors are calibrated in the place of the ten
  parameters, one of ``vmax`` and ``alpha3``, one of ``p17`` and ``p18``; the other six
  stay at their defaults.

Scores are those of ``masm evaluate`` at the posterior mean: DISO (0 is perfect) of
8-day means, by stream, in the calibration years, in what was left out of them, and in
the validation years 2006 and 2007.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import pandas as pd

from benchmarks.sites import DATA, PARAMETERS, SITES, config

FACTORS = {"photosynthesis": ("vmax", "alpha3"), "canopy": ("p17", "p18")}


def experiments() -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Name to options of the model, options of the calibration, and parameters."""
    scaling = ", ".join(
        f"{name}: {{parameters: [{', '.join(group)}]}}"
        for name, group in FACTORS.items()
    )
    return {
        "all": ("", "", PARAMETERS),
        "without gpp": ("", "leave_out: {streams: [gpp]}", PARAMETERS),
        "without lai": ("", "leave_out: {streams: [lai]}", PARAMETERS),
        "without 2003": ("", "leave_out: {years: [2003]}", PARAMETERS),
        "two factors": (f", scaling: {{{scaling}}}", "", tuple(FACTORS)),
    }


def configuration(site: str, seed: int, name: str, method: str, runs: int) -> str:
    """Return the text of a run's configuration for an experiment."""
    import masm

    model, calibration, parameters = experiments()[name]
    options = masm.method_of(method).with_budget(runs, len(parameters))
    said = ", ".join(f"{key}: {value}" for key, value in options.items())
    text = config(site, seed)
    text = text.replace("spinup_cycles: 10}", f"spinup_cycles: 10{model}}}")
    text = text.replace(", ".join(PARAMETERS), ", ".join(parameters))
    more = f"  method: {method}\n  options: {{{said}}}\n"
    if calibration:
        more += f"  {calibration}\n"
    return text.replace("calibration:\n  blocks", f"calibration:\n{more}  blocks")


def run_experiment(
    site: str, seed: int, name: str, method: str, runs: int
) -> pd.DataFrame:
    """Calibrate, simulate and score one experiment; a row for each score."""
    from jobs.run.run import open_run, start
    from jobs.stages.calibrate_pixel import calibrate_pixel
    from jobs.stages.evaluate import PARAMETERS as SETS
    from jobs.stages.evaluate import evaluate_pixel, simulate_pixel

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        text = configuration(site, seed, name, method, runs)
        (path / "config.yaml").write_text(text)
        run = open_run(path)
        start(run)
        pixel = run.pixels[0]
        state = calibrate_pixel(run, pixel)
        if state.state not in ("done", "suspect"):
            raise SystemExit(f"{site}, {name}: {state.state} {state.reason}")
        for chosen in SETS:
            run.folder.simulation(pixel.id, chosen).parent.mkdir(
                parents=True, exist_ok=True
            )
            simulate_pixel(run, pixel, chosen)
        run.folder.comparison(pixel.id).parent.mkdir(parents=True, exist_ok=True)
        run.folder.scores(pixel.id).parent.mkdir(parents=True, exist_ok=True)
        _, scores = evaluate_pixel(run, pixel)
    found = scores[["stream", "period", "parameters", "n", "diso"]].copy()
    found.insert(0, "site", site)
    found.insert(1, "experiment", name)
    found["verdict"] = f"{state.state} {state.reason}".strip()
    return found


def main() -> None:
    """Command line."""
    names = tuple(experiments())
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", nargs="+", choices=SITES, default=list(SITES))
    parser.add_argument("--experiments", nargs="+", choices=names, default=list(names))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=180)
    parser.add_argument("--method", default="emulator")
    parser.add_argument("--csv", type=Path)
    asked = parser.parse_args()
    if not (DATA / "towers").exists():
        raise SystemExit(f"skipped: no tower data in {DATA}")
    tables = []
    for site in asked.sites:
        for name in asked.experiments:
            found = run_experiment(site, asked.seed, name, asked.method, asked.runs)
            tables.append(found)
            shown = found.pivot_table(
                index=["stream", "period"], columns="parameters", values="diso"
            )
            print(f"{site}, {name}: {found['verdict'].iloc[0]}")
            print(shown.round(3).to_string(), flush=True)
            if asked.csv:
                pd.concat(tables).to_csv(asked.csv, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
