"""SIPNET at several towers: separate, pooled and hierarchical calibrations compared.

``python -m benchmarks.sites_study DATA [--group evergreen] [--one-year RU-Fyo]`` with a
folder of daily tower tables (``<site>_daily.csv.gz``) and ``sites.csv``. NEE of years 2
to 6 is calibrated, in 8-day means. Three studies are made of the same model runs:

- all sites with their five years, scored in the last three years
- the same where one site has its first calibration year alone
- each site left out in turn and predicted from the others, scored in years 2 to 9;
  with two sites there is no group left, and this one is not made

Scores are of the mean over posterior draws (efficiency of daily NEE) and of what the
90 % intervals of 8-day means hold, errors included. ``--out`` writes them as a table.
Wind is not in the tables, so ``rdConst`` is among the parameters.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import masm
from benchmarks.sites_towers import GROUPS, Group, Tower, observed, read_tower, score
from masm.hierarchical import (
    CalibratedSite,
    Together,
    calibrate_together,
    site_problem,
)

Array = NDArray[np.float64]
N_DRAWS = 120  # that a score is of


@dataclass(frozen=True)
class Study:
    """What all parts share: towers, their group, and the sites' own calibrations."""

    chosen: argparse.Namespace
    group: Group
    towers: dict[str, Tower]
    rows: list[dict[str, object]]

    def calibrate(self, name: str, last: int) -> tuple[CalibratedSite, Array]:
        """Calibrate a site alone: its runs, and posterior draws in their own units."""
        tower, priors = self.towers[name], self.group.priors
        streams = observed(tower, last)
        result = masm.calibrate(
            tower.model, streams, priors,
            seed=[self.chosen.seed, list(self.towers).index(name), last],
            max_runs=self.chosen.max_runs,
        )  # fmt: skip
        problem = site_problem(tower.model, streams, priors)
        runs = result.groups["runs"]
        theta = np.column_stack([runs[one] for one in priors.names])
        made = problem.run(problem.unit(theta))
        least = made.cost[made.ok].min()
        print(
            f"{name}, years 2 to {last}: {result.n_model_runs} runs, "
            f"{result.n_failed_runs} failed, least cost {least:.1f}, "
            f"{result.status} {result.reason}",
            flush=True,
        )
        draws = [result.posterior[one].to_numpy().ravel() for one in priors.names]
        return CalibratedSite(problem, made), np.column_stack(draws)

    def join(self, sites: Mapping[str, CalibratedSite | None], number: int) -> Together:
        """Sample the group and the pooled vector."""
        found = calibrate_together(
            sites, seed=[self.chosen.seed, 1000, number], n_draws=self.chosen.draws,
            n_warm=2 * self.chosen.draws, most_rounds=self.chosen.rounds,
        )  # fmt: skip
        for name, verdict in found.verdicts.items():
            print(f"  joined {name}: {verdict.reason}", flush=True)
        return found

    def note(
        self, study: str, name: str, way: str, theta: Array, years: tuple[int, int]
    ) -> None:
        """Score draws, (..., p) in their own units, and keep and print the row."""
        flat = theta.reshape(-1, theta.shape[-1])
        rng = np.random.default_rng([self.chosen.seed, len(self.rows)])
        pick = rng.choice(len(flat), min(N_DRAWS, len(flat)), replace=False)
        found = score(self.towers[name], self.group, flat[pick], years, rng)
        self.rows.append({"study": study, "site": name, "way": way, **found})
        shown = ", ".join(f"{what} {value:.3f}" for what, value in found.items())
        print(f"{study:<10}{name:<8}{way:<22}{shown}", flush=True)


def main() -> None:
    """Calibrate, join, and print a row for each study, tower and way."""
    chosen = _arguments()
    group = GROUPS[chosen.group]
    towers = {name: read_tower(chosen.folder, name, group) for name in group.sites}
    study, started = Study(chosen, group, towers, []), time.process_time()
    sites, alone = {}, {}
    for name in towers:
        sites[name], alone[name] = study.calibrate(name, 6)
    print(f"calibrated: {time.process_time() - started:.0f} s of CPU", flush=True)
    sites = all_sites(study, sites, alone)
    one_year(study, sites)
    if len(sites) > 2:
        left_out(study, sites)
    table = pd.DataFrame(study.rows)
    if chosen.out is not None:
        table.to_csv(chosen.out, index=False, float_format="%.4g")
    numbers = ["nse", "held", "width"]
    print(table.groupby(["study", "way"], sort=False)[numbers].mean().round(3))
    print(f"{time.process_time() - started:.0f} s of CPU")


def all_sites(
    study: Study, sites: Mapping[str, CalibratedSite], alone: Mapping[str, Array]
) -> dict[str, CalibratedSite]:
    """All sites with all their years; returns them with the runs that were added."""
    found = study.join(sites, 0)
    for k, name in enumerate(sites):
        ways = {"separate": alone[name]} | ways_of(study, found, k)
        for way, theta in ways.items():
            study.note("all", name, way, theta, (7, 9))
    shares = zip(found.parameters, found.share_between, strict=True)
    print("between sites: " + ", ".join(f"{n} {share:.2f}" for n, share in shares))
    return dict(found.sites)


def one_year(study: Study, sites: Mapping[str, CalibratedSite]) -> None:
    """One site with one year of data, the others with five."""
    name = study.chosen.one_year or list(sites)[1]
    short, own = study.calibrate(name, 2)
    found = study.join({**sites, name: short}, 1)
    ways = {"separate": own} | ways_of(study, found, list(sites).index(name))
    for way, theta in ways.items():
        study.note("one year", name, way, theta, (7, 9))


def left_out(study: Study, sites: Mapping[str, CalibratedSite]) -> None:
    """Each site in turn without its observations."""
    rng = np.random.default_rng([study.chosen.seed, 7])
    u = rng.random((N_DRAWS, len(study.group.priors.names)))
    prior = np.asarray(study.group.priors.from_unit(u))
    for k, name in enumerate(sites):
        found = study.join({**sites, name: None}, 2 + k)
        ways = {"prior": prior} | ways_of(study, found, k)
        for way, theta in ways.items():
            study.note("left out", name, way, theta, (2, 9))


def ways_of(study: Study, found: Together, k: int) -> dict[str, Array]:
    """Draws of the k-th site by each joint way, in their own units."""
    joint = {
        "pooled": found.pooled.theta[:, :, 0],
        "hierarchical": found.hierarchical.theta[:, :, k],
        "hierarchical, other": found.other.theta[:, :, k],
    }
    return {way: found.theta(z, study.group.priors) for way, z in joint.items()}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sites_study")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--group", choices=sorted(GROUPS), default="evergreen")
    parser.add_argument("--one-year", default="", help="site; the second by default")
    parser.add_argument("--max-runs", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=6, help="of joint model runs")
    parser.add_argument("--draws", type=int, default=200, help="of each of 24 chains")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a csv of the scores")
    return parser.parse_args()


if __name__ == "__main__":
    main()
