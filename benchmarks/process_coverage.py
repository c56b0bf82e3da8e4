"""How often the 90 % interval of the process error Q holds it, over twins.

``python -m benchmarks.process_coverage [--twins 200]``. Q is drawn from its inverse
Wishart prior, and three sites of one state are observed with a known error.
"""

import argparse
import time

import numpy as np

from masm.filters import tobit_wishart

ALPHA, BETA, ERROR_SD, N_SITES = 8.0, 6.0, 0.5, 3


def is_held(rng: np.random.Generator, seed: list[int]) -> bool:
    """One twin: whether the interval holds the Q that made its observations."""
    process = BETA / rng.chisquare(ALPHA)
    forecast = rng.normal(size=N_SITES)
    state = forecast + process**0.5 * rng.normal(size=N_SITES)
    found = tobit_wishart(
        np.zeros(N_SITES), np.eye(N_SITES), np.eye(N_SITES),
        state + ERROR_SD * rng.normal(size=N_SITES), ERROR_SD**2, None, ALPHA, BETA,
        n_sites=N_SITES, n_draws=400, seed=seed,
    )  # fmt: skip
    low, high = np.quantile(found.draws.process, [0.05, 0.95])
    return bool(low < process < high)


def main() -> None:
    """Print the fraction of twins whose interval holds Q."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.process_coverage")
    parser.add_argument("--twins", type=int, default=200)
    parser.add_argument("--seed", type=int, default=8)
    chosen = parser.parse_args()
    rng, started = np.random.default_rng(chosen.seed), time.process_time()
    held = np.mean([is_held(rng, [chosen.seed, k]) for k in range(chosen.twins)])
    print(
        f"{held:.3f} of the 90 % intervals hold Q, {chosen.twins} twins, "
        f"{time.process_time() - started:.0f} s of CPU"
    )


if __name__ == "__main__":
    main()
