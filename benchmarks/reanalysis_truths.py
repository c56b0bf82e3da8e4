"""Whether members and truth of a synthetic network are draws of one distribution.

``python -m benchmarks.reanalysis_truths FOLDER [--truths 40]``, FOLDER that of a free
run that ``benchmarks.reanalysis_twin`` has left. All sites share a truth's parameters,
so that one truth is one draw of them: its error says little of the members' spread,
however many sites there are. Here the free run is judged against many truths of other
seeds, in the same weather. The ratio of rms spread times sqrt((n + 1) / n) to the rms
error over all truths is 1 where truth and members are drawn alike.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.reanalysis_twin import network_of
from jobs.run.reanalysis_run import open_reanalysis
from jobs.stages.reanalysis.results import analyses_of
from jobs.stages.reanalysis.twin import other_truths

_FIRST = 1000  # seed of the first further truth


def main() -> None:
    """Print the ratio of each state, over all truths and over single ones."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="of a free run: seed1_none")
    parser.add_argument("--truths", type=int, default=40)
    chosen = parser.parse_args()
    run = open_reanalysis(chosen.folder)
    if run.section.filter.name != "none" or any(
        run.section.drivers.perturbation.model_dump().values()
    ):
        raise SystemExit("wanted a free run whose members share their weather")
    found = analyses_of(run)
    mean = found["forecast_mean"].transpose("site", "time", "state").to_numpy()
    sd = found["forecast_sd"].transpose("site", "time", "state").to_numpy()
    n, network = found.sizes["member"], network_of(len(mean))
    seeds = range(_FIRST, _FIRST + chosen.truths)
    truths = other_truths(run, network, seeds)
    square = (truths - mean) ** 2
    spread = np.sqrt((sd**2).mean((0, 1)) * (n + 1) / n)
    of_each = spread / np.sqrt(square.mean((1, 2)))
    table = pd.DataFrame(
        {
            "state": run.states,
            "spread": spread,
            "rms error, all truths": np.sqrt(square.mean((0, 1, 2))),
            "ratio, all truths": spread / np.sqrt(square.mean((0, 1, 2))),
            "one truth, 10 %": np.quantile(of_each, 0.1, axis=0),
            "one truth, 90 %": np.quantile(of_each, 0.9, axis=0),
        }
    )
    print(f"{chosen.truths} truths, {n} members")
    print(table.to_string(index=False, float_format="%.4g"))


if __name__ == "__main__":
    main()
