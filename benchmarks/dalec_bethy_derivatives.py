"""The derivatives of DALEC-BETHY against each other and against differences.

    python -m benchmarks.dalec_bethy_derivatives [--place boreal] [--seed 1]

A twin of seven years (see `benchmarks.dalec_bethy_twins`). Printed are the largest
deviations: adjoint against tangent through operators and transforms, the remainder of
Taylor's series, the gradient against central differences, the tangent of a year
against a complex step, and the Gauss-Newton Hessian against differences of gradients
at a perfect fit. Exits 1 where one is larger than the specification allows.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from benchmarks.dalec_bethy_twins import CELLS, YEARS, make_twin
from benchmarks.dalec_bethy_weather import place_drivers
from landmodels.dalec_bethy import cell_problem
from landmodels.dalec_bethy.control import transform
from landmodels.dalec_bethy.parameters import fixed_of, priors_of
from landmodels.dalec_bethy.plain import plain_run
from landmodels.dalec_bethy.problem import Problem
from landmodels.dalec_bethy.tile import Tile, start_state


def dot_product(problem: Problem, rng: np.random.Generator) -> float:
    """Relative difference of <Mv, w> and <v, M'w>, worst of three points."""
    worst = 0.0
    for _ in range(3):
        x, v = 0.5 * rng.standard_normal((2, problem.n))
        w = rng.standard_normal(problem.observations.n)
        forward, backward = w @ problem.jvp(x, v), problem.vjp(x, w) @ v
        worst = max(worst, abs(forward - backward) / abs(forward))
    return worst


def taylor(problem: Problem, rng: np.random.Generator) -> tuple[float, float]:
    """How far the remainder's order is from 2, and the best central difference."""
    x, v = 0.3 * rng.standard_normal((2, problem.n))
    cost, gradient = problem.cost(x)
    slope = float(gradient @ v)
    steps = 10.0 ** -np.arange(2, 6)
    up, down = (np.array([problem.cost(x + s * e * v)[0] for e in steps])
                for s in (1.0, -1.0))  # fmt: skip
    rest = np.abs(up - cost - steps * slope)
    order = np.log10(rest[:-1] / rest[1:])
    good = rest[1:] > 1e-11 * cost  # beyond, the rounding of the cost shows
    central = np.abs((up - down) / (2.0 * steps) - slope) / abs(slope)
    return float(np.abs(order[good] - 2.0).max()), float(central.min())


def complex_step(place: str, rng: np.random.Generator) -> float:
    """Tangent of a year of the first type, relative to the largest of each column."""
    kind = CELLS[place][0][0][0]
    tile = Tile(place_drivers(place, 1, 1), *fixed_of(kind))
    values, _ = transform(priors_of(kind), 0.3 * rng.standard_normal(23))
    parameters, state = values[:17], start_state(values[17:])
    along = parameters * rng.standard_normal(17), state * rng.standard_normal(10)
    moved = plain_run(tile, parameters + 1e-30j * along[0], state + 1e-30j * along[1])
    slope = tile.tangent(parameters, state, *along)
    worst = 0.0
    for part in ("states", "daily", "hourly"):
        exact = getattr(moved, part).imag / 1e-30
        scale = np.max(np.abs(exact), axis=0) + 1e-30
        worst = max(worst, float(np.max(np.abs(getattr(slope, part) - exact) / scale)))
    return worst


def gauss_newton(place: str, problem: Problem, truth: np.ndarray, seed: int) -> float:
    """Rows of S'S against differences of gradients, relative to its largest element."""
    perfect = cell_problem(
        place_drivers(place, YEARS, seed), CELLS[place][0],
        problem.observations.with_values(problem.observe(truth)),
    )  # fmt: skip
    s = perfect.jacobian(truth) / np.sqrt(problem.observations.variance)[:, None]
    hessian, worst = s.T @ s, 0.0
    for j in range(0, perfect.n, 5):
        e = 1e-4 * np.eye(perfect.n)[j]
        up, down = perfect.cost(truth + e)[1], perfect.cost(truth - e)[1]
        row = (up - down) / 2e-4
        row[j] -= 1.0  # of the prior
        worst = max(worst, float(np.abs(row - hessian[j]).max()))
    return worst / float(np.abs(hessian).max())


def main() -> int:
    """Print the deviations, and judge."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.dalec_bethy_derivatives"
    )
    parser.add_argument("--place", choices=list(CELLS), default="boreal")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    place, seed = arguments.place, arguments.seed
    problem, truth = make_twin(place, seed)
    rng = np.random.default_rng([seed, 5])
    order, central = taylor(problem, rng)
    rows = (
        ("adjoint against tangent", dot_product(problem, rng), 1e-10),
        ("order of Taylor's remainder less 2", order, 0.15),
        ("gradient against central differences", central, 1e-6),
        ("tangent against complex step, a year", complex_step(place, rng), 1e-9),
        ("Gauss-Newton against differences",
         gauss_newton(place, problem, truth, seed), 1e-6),
    )  # fmt: skip
    print(f"{place}: {problem.n} unknowns, {problem.observations.n} observations")
    for name, found, wanted in rows:
        word = "" if found <= wanted else "  TOO LARGE"
        print(f"{name:<40}{found:10.1e}  (at most {wanted:g}){word}")
    return 0 if all(found <= wanted for _, found, wanted in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
