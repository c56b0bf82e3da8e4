"""Default calibration of two forests, with few runs: DISO in both periods.

    python -m benchmarks.sites --sites harvard hainich --runs 180 --seeds 1 2
    python -m benchmarks.sites --method differential_evolution --runs 960

Weather, GPP and LAI of towers are optional data beside the repository
(``../shared/data``); without them the benchmark says so and ends. One joint block of
ten parameters on GPP and LAI with the variance of the observed series; calibration
2002-2005, validation 2006-2007. Scored on 8-day means are the model with default
parameters, with the posterior mean, the best of the calibration's runs, and the mean
of model runs at posterior draws. Differential evolution looks for the best run alone,
by the same likelihood.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from jobs.run.run import Run

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"

PARAMETERS = (
    *("alpha3", "theta3", "beta3", "vmax", "p5"),
    *("p14", "p15", "p17", "p18", "p20"),
)
N_DRAWS = 32

SITES = {
    "harvard": f"""
  name: Harvard Forest (US-Ha1)
  latitude: 42.5378
  longitude: -72.1715
  elevation: 340
  sand: 66
  clay: 6
  tower: {DATA}/towers/US-Ha1_daily.csv
  station: {DATA}/stations/harvard_fisher_daily.csv
  modis_lai: {DATA}/products/mcd15a3h_lai_us_ha1.csv
  screen_summer_lai: true
  climatology: [wind]""",
    "hainich": f"""
  name: Hainich (DE-Hai)
  latitude: 51.0792
  longitude: 10.4522
  elevation: 430
  sand: 4
  clay: 40
  tower: {DATA}/towers/DE-Hai_daily.csv
  wind: 3.0""",
}


def config(site: str, seed: int) -> str:
    """Return the text of a run's configuration."""
    return f"""name: {site}
seed: {seed}
pixels:
  source: site{SITES[site]}
periods: {{spinup: 2001, calibration: 2002-2005, validation: 2006-2007}}
model: {{spinup_cycles: 10}}
streams: {{gpp: {{variance: series}}, lai: {{variance: series}}}}
calibration:
  blocks: [{{streams: [gpp, lai], parameters: [{", ".join(PARAMETERS)}]}}]
"""


def run_site(site: str, seed: int, runs: int, method: str) -> None:
    """Calibrate and print one line for each set of parameters."""
    import masm
    from jobs.config.process_model import units_of
    from jobs.inputs.pixel_data import forcing_of, observations_of
    from jobs.inputs.simulate import calibration_model
    from jobs.inputs.streams import make_streams
    from jobs.run.run import open_run

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.yaml").write_text(config(site, seed))
        run = open_run(Path(folder))
        pixel = run.pixels[0]
        forcing = forcing_of(run, pixel)
        observed = observations_of(run, pixel, forcing)
        streams = make_streams(
            observed,
            run.config.streams,
            run.config.periods.calibration,
            units=units_of(run.config),
        )
        start = time.process_time()
        result = masm.calibrate(
            calibration_model(run.config, forcing),
            streams,
            run.priors,
            seed=[seed, 0],
            method=method,
            max_runs=runs,
            n_predictive=0,
        )
        seconds = time.process_time() - start
        print(
            f"{site} seed {seed}: {result.n_model_runs} runs, {seconds:.0f} CPU s, "
            f"{result.status} {result.reason} error "
            f"{result.attrs.get('error', np.nan):.2f}, lowest cost "
            f"{float(result.groups['runs']['cost'].min()):.1f}"
        )
        for what, found in _scores(run, forcing, observed, result, seed).items():
            print(f"  {what:<16} {found}", flush=True)


def _scores(
    run: Run, forcing: xr.Dataset, observed: xr.Dataset, result: Any, seed: int
) -> dict[str, str]:
    import ibis_dalec
    from jobs.config.process_model import units_of
    from jobs.inputs.streams import make_streams, pair
    from masm.results.scores import scores

    draws = np.stack(
        [result.posterior[name].to_numpy().ravel() for name in PARAMETERS], axis=1
    )
    rng = np.random.default_rng(seed)
    chosen = draws[rng.choice(len(draws), N_DRAWS, replace=len(draws) < N_DRAWS)]
    best = [result.best[name] for name in PARAMETERS]
    theta = np.vstack([draws.mean(axis=0), best, chosen])
    settings = {
        "spinup_cycles": run.config.model.spinup_cycles,
        "outputs": ("gpp", "lai"),
    }
    default = ibis_dalec.simulate(forcing, {}, **settings)
    made = ibis_dalec.simulate_batch(
        forcing, dict(zip(PARAMETERS, theta.T, strict=True)), **settings
    )
    shown = {
        "default": default,
        "posterior mean": made.isel(sample=0),
        "best run": made.isel(sample=1),
        "mean of draws": made.isel(sample=slice(2, None)).mean("sample"),
    }
    lines = {}
    for what, simulated in shown.items():
        parts = []
        for name in ("gpp", "lai"):
            pair_of = []
            for period in ("calibration", "validation"):
                years = getattr(run.config.periods, period)
                stream = make_streams(
                    observed, run.config.streams, years, units=units_of(run.config)
                )[name]
                _, seen, _, means = pair(stream, simulated[name])
                pair_of.append(f"{scores(means, seen)['diso']:.3f}")
            parts.append(f"{name} {' / '.join(pair_of)}")
        lines[what] = "DISO " + ", ".join(parts)
    return lines


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", nargs="+", choices=SITES, default=list(SITES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--runs", type=int, default=180)
    parser.add_argument(
        "--method", choices=("emulator", "differential_evolution"), default="emulator"
    )
    asked = parser.parse_args()
    if not (DATA / "towers").exists():
        raise SystemExit(f"skipped: no tower data in {DATA}")
    for site in asked.sites:
        for seed in asked.seeds:
            run_site(site, seed, asked.runs, asked.method)


if __name__ == "__main__":
    main()
