"""Hold Morris screening against Sobol total indices on pixels of a region's run.

    python -m benchmarks.sobol RUN [--pixels 1 --base 256 --spinup 4] [--csv FILE]

Of the parameters that Morris finds any effect of, the first ``--parameters`` by either
stream are varied over their priors, the rest stay at their defaults, so that base
points are not spent on what does nothing. LAI and GPP of the first calibration year
after a short spin-up, no observations.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import masm

_STREAMS = ("lai", "gpp")


def main() -> None:
    """Print ranks and indices, by stream and statistic."""
    asked = _arguments()
    parts = [
        part.assign(pixel=pixel)
        for pixel, part in measure(
            asked.run, asked.pixels, asked.base, asked.spinup, asked.parameters
        )
    ]
    table = pd.concat(parts, ignore_index=True)
    if asked.csv:
        table.to_csv(asked.csv, index=False, float_format="%.5g")
    shown = table[table["statistic"].isin(["annual", "JJA"])]
    shown = shown[(shown["rank_sobol"] <= 10) | (shown["rank_morris"] <= 10)]
    keys = ["pixel", "stream", "statistic", "rank_sobol"]
    print(shown.sort_values(keys).round(3).to_string(index=False))


def measure(
    path: Path, n_pixels: int, n_base: int, spinup: int, n_parameters: int
) -> list[tuple[int, pd.DataFrame]]:
    """Screen pixels by both methods, with the same model and priors.

    Returns
    -------
    list of (int, pandas.DataFrame)
        Pixel and what `masm.sensitivity.sobol.compare` says.
    """
    from jobs.inputs.pixel_data import forcing_of
    from jobs.process_models.ibis_dalec import CalibrationModel
    from jobs.run.run import open_run
    from jobs.stages.screen import every_prior, screening_pixels
    from masm.sensitivity.sobol import compare

    run = open_run(path)
    first = run.config.periods.calibration.first
    found = []
    for pixel in (screening_pixels(run) + run.pixels)[:n_pixels]:
        weather = forcing_of(run, pixel).sel(time=slice(str(first - 1), str(first)))
        year = slice(f"{first}-01-01", f"{first}-12-31")
        model = CalibrationModel(weather, _STREAMS, year, spinup)
        started = time.process_time()
        effects = masm.screen(
            model,
            every_prior(run.config),
            seed=pixel.id,
            streams=_STREAMS,
            n_trajectories=20,
        )
        names = _largest(effects, n_parameters)
        screened = time.process_time()
        priors = every_prior(run.config).subset(names)
        totals = masm.total_effects(
            model, priors, seed=pixel.id, streams=_STREAMS, n_base=n_base
        )
        seconds = screened - started, time.process_time() - screened
        print(f"pixel {pixel.id}: Morris {seconds[0]:.0f} s, Sobol {seconds[1]:.0f} s "
              f"of CPU; {int(totals['n_dropped'])} base points dropped")  # fmt: skip
        found.append((pixel.id, compare(effects.sel(parameter=names), totals)))
    return found


def _largest(effects: xr.Dataset, n: int) -> list[str]:
    """Parameters with the largest fraction of mu* in any statistic."""
    mu = effects["mu_star"].drop_sel(statistic="cost", errors="ignore")
    fraction = (mu / mu.sum("parameter")).max(["stream", "statistic"])
    order = np.argsort(-fraction.fillna(0.0).to_numpy(), kind="stable")[:n]
    chosen = np.sort(order)
    return [str(name) for name in effects["parameter"].to_numpy()[chosen]]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a region's run folder")
    parser.add_argument("--pixels", type=int, default=1)
    parser.add_argument("--base", type=int, default=256, help="a power of two")
    parser.add_argument("--spinup", type=int, default=4, help="cycles")
    parser.add_argument("--parameters", type=int, default=16)
    parser.add_argument("--csv", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
