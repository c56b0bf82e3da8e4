"""Twins of DALEC-BETHY: 4DVar on observations made by the model itself.

``python -m benchmarks.dalec_bethy_twins`` runs seven years of three cells, draws a
truth from the prior, observes four streams in the last five years, minimises, and
prints the fit, the distance from the truth, how informative each stream is, and how
far the normal posterior can be trusted. Exits 1 where a cost is more than 5 % from half
the number of observations.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from benchmarks.dalec_bethy_weather import place_drivers
from landmodels.dalec_bethy import cell_observations, cell_problem
from landmodels.dalec_bethy.problem import SPIN_UP_DAYS, Problem
from masm.information import InformationContent, information_content
from masm.methods.variational import (
    Minimum,
    four_d_en_var,
    four_d_var,
    laplace_posterior,
)

#: Place, types with their fractions, and how far the truth lies from the prior (sd).
CELLS = {
    "boreal": ([("EvCn", 0.67), ("EShr", 0.33)], 1.0),
    "savanna": ([("TmEv", 0.3), ("C3Gr", 0.7)], 1.0),
    "temperate": ([("TmSg", 1.0)], 0.5),
}
#: Each stream's hour, days between observations, floor and fraction of the error.
STREAMS = {
    "sif": (13, 3, 0.08, 0.20),
    "lvod": (6, 2, 0.04, 0.20),
    "ssm": (6, 2, 0.03, 0.10),
    "fapar": (10, 8, 0.05, 0.10),
}
YEARS = 7


def make_twin(place: str, seed: int) -> tuple[Problem, np.ndarray]:
    """Make a problem whose observations come from a drawn truth, and that truth."""
    types, spread = CELLS[place]
    drivers = place_drivers(place, YEARS, seed)
    rng = np.random.default_rng([seed, len(place)])
    rows = [
        (stream, day, hour)
        for stream, (hour, every, _, _) in STREAMS.items()
        for day in range(SPIN_UP_DAYS, drivers.n_days, every)
    ]
    stream, day, hour = (list(column) for column in zip(*rows, strict=True))
    n = len(rows)
    empty = cell_observations(stream, day, hour, np.zeros(n), np.ones(n))
    blind = cell_problem(drivers, types, empty)
    truth = spread * rng.standard_normal(blind.n)
    truth = np.clip(truth, -4.0, 4.0)
    clean = blind.observe(truth)
    floor = np.array([STREAMS[s][2] for s in stream])
    fraction = np.array([STREAMS[s][3] for s in stream])
    variance = floor**2 + (fraction * clean) ** 2
    value = clean + np.sqrt(variance) * rng.standard_normal(n)
    observations = cell_observations(stream, day, hour, value, variance)
    return cell_problem(drivers, types, observations), truth


def judge(place: str, seed: int, n_draws: int, n_starts: int) -> bool:
    """Run one twin, print what came out, and say whether its cost is as it should."""
    problem, truth = make_twin(place, seed)
    start = time.process_time()
    found = four_d_var(
        problem.cost, np.zeros(problem.n), names=problem.names,
        collapsed=problem.collapsed, n_starts=n_starts,
        rng=np.random.default_rng([seed, 7]),
    )  # fmt: skip
    seconds = time.process_time() - start
    half = 0.5 * problem.observations.n
    print(f"\n{place}: n {problem.n}, {problem.observations.n} observations")
    print(f"{found.summary()}")
    print(f"half the observations {half:.0f}; cost at the truth "
          f"{problem.cost(truth)[0]:.1f}; {seconds:.1f} s of CPU")  # fmt: skip
    content = _information(problem, found)
    sd = np.sqrt(np.diag(content.covariance["all"]))
    z = (found.x - truth) / sd
    print(f"rms of (x - truth) / sd {np.sqrt(np.mean(z**2)):.2f}")
    _print_reductions(content)
    _print_posterior(problem, found, content, n_draws, seed)
    return abs(found.cost - half) <= 0.05 * half


def _information(problem: Problem, found: Minimum) -> InformationContent:
    linear = problem.linearise(found.x)
    return information_content(
        linear.jacobian, problem.observations.variance,
        problem.observations.stream.tolist(), names=problem.names,
        target_jacobian=linear.target_jacobian, target_names=problem.target_names,
    )  # fmt: skip


def _print_reductions(content: InformationContent) -> None:
    names = ("gpp", "nee", "et", "cwoo_final", "csom_final")
    at = [content.target_names.index(n) for n in names]
    print(f"{'uncertainty reduction':<22}" + "".join(f"{n:>12}" for n in names))
    for experiment, values in content.target_reduction.items():
        print(f"{experiment:<22}" + "".join(f"{values[i]:12.2f}" for i in at))


def _print_posterior(
    problem: Problem,
    found: Minimum,
    content: InformationContent,
    n_draws: int,
    seed: int,
) -> None:
    rng = np.random.default_rng([seed, 99])
    normal = laplace_posterior(
        problem.cost, found.x, content.covariance["all"], n_draws=n_draws, rng=rng,
        at_bound=found.at_bound, collapsed=found.collapsed,
    )  # fmt: skip
    print(f"Laplace: {normal.status}; {'; '.join(normal.reasons)}")
    ensemble = four_d_en_var(
        problem.observe, problem.observations.value, problem.observations.variance,
        np.zeros(problem.n), np.ones(problem.n), n_members=n_draws, n_rounds=3,
        rng=rng,
    )  # fmt: skip
    print(
        f"4DEnVar, {n_draws} members: cost {ensemble.cost:.0f} "
        f"(from {ensemble.cost_at_background:.0f}), mean sd {ensemble.sd.mean():.2f} "
        f"against {normal.sd.mean():.2f}"
    )


def main() -> int:
    """Run the twins that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dalec_bethy_twins")
    parser.add_argument("--places", nargs="*", choices=list(CELLS), default=list(CELLS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--starts", type=int, default=1)
    arguments = parser.parse_args()
    results = [
        judge(place, arguments.seed, arguments.draws, arguments.starts)
        for place in arguments.places
    ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
