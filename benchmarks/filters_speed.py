"""Time one Tobit-Wishart analysis of many sites, and say how well it mixed.

    python -m benchmarks.filters_speed [--sites 493 --draws 2000 --censored 0.05]

Sites are at random over the contiguous United States; three states a site, two of
them observed, the forecast covariance localised with a radius of 500 km.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from masm.filters import chord_km, localise, tobit_wishart

_STATES = 3
_OBSERVED = 2
_MEMBERS = 20


def main() -> None:
    """Print seconds, R-hat and effective sample sizes."""
    asked = _arguments()
    forecast = _case(asked.sites, asked.censored, asked.seed)
    started, cpu = time.perf_counter(), time.process_time()
    found = tobit_wishart(
        *forecast, _STATES + 5.0, np.eye(_STATES),
        n_sites=asked.sites, n_draws=asked.draws, n_chains=asked.chains,
        sampler=asked.sampler, seed=asked.seed,
    )  # fmt: skip
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    reported = found.diagnostics
    print(f"{asked.sites} sites x {_STATES} states, {reported.n_observed} values, "
          f"{reported.n_censored} of them censored, sampler "
          f"{reported.sampler}")  # fmt: skip
    print(f"{seconds:.0f} s ({cpu:.0f} s of CPU), acceptance {reported.acceptance:.2f}")
    print(f"X: R-hat to {np.nanmax(reported.r_hat_state):.3f}, "
          f"effective draws from {np.nanmin(reported.ess_state):.0f} "
          f"of {asked.draws}")  # fmt: skip
    with np.printoptions(precision=3, suppress=True):
        print(f"Q: R-hat\n{reported.r_hat_process}\neffective draws")
        print(f"{reported.ess_process.round()}\nfrom {reported.process_from}")
        print(f"posterior mean of Q\n{found.process_mean}")


def _case(n_sites: int, censored: float, seed: int) -> tuple[object, ...]:
    """Forecast moments and observations of a network, by its own model."""
    rng = np.random.default_rng(seed)
    latitude, longitude = rng.uniform(25, 49, n_sites), rng.uniform(-124, -67, n_sites)
    distance = chord_km(latitude, longitude)
    p = n_sites * _STATES
    members = rng.normal(size=(_MEMBERS, p)) @ np.diag(rng.uniform(0.5, 1.5, p))
    covariance = localise(np.cov(members, rowvar=False), distance, 500.0)
    mean = rng.normal(4.0, 1.0, p)
    process = np.array([[0.5, 0.2, 0.1], [0.2, 0.8, 0.0], [0.1, 0.0, 0.6]])
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    noise = rng.multivariate_normal(np.zeros(_STATES), process, n_sites).ravel()
    state = mean + root @ rng.normal(size=p) + noise
    rows = [s * _STATES + k for s in range(n_sites) for k in range(_OBSERVED)]
    operator = np.eye(p)[rows]
    values = operator @ state + 0.5 * rng.normal(size=len(rows))
    lower = np.quantile(values, censored) if censored else -np.inf
    return mean, covariance, operator, values, np.full(len(rows), 0.25), lower


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, default=493)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--chains", type=int, default=3)
    parser.add_argument("--censored", type=float, default=0.05)
    parser.add_argument("--sampler", default="collapsed")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
