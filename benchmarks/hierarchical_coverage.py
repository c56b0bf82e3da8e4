"""How often intervals of site and group parameters hold the truth, over twins.

    python -m benchmarks.hierarchical_coverage [--twins 100 --sites 6]

Truth is drawn from the prior itself: group mean, group covariance, site vectors of two
parameters, normal observations of them. The 90 % intervals of a correct sampler hold
it in 90 % of the twins, up to binomial chance.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from masm.hierarchical import GroupPrior, sample_hierarchy, sample_separate

Array = NDArray[np.float64]

_DEGREES = 7
_ERROR = 0.5
_PRIOR = GroupPrior(np.zeros(2), np.eye(2), float(_DEGREES), 0.25 * np.eye(2))


def main() -> None:
    """Print rates of coverage and errors against separate calibrations."""
    asked = _arguments()
    started = time.process_time()
    found = np.array([_twin(i, asked.sites, asked.seed) for i in range(asked.twins)])
    names = ("site parameters", "group mean", "log variance of the group",
             "site without observations")  # fmt: skip
    numbers = (2 * asked.sites, 2, 2, 2)
    for name, fraction, n in zip(
        names, found[:, :4].mean(axis=0), numbers, strict=True
    ):
        chance = np.sqrt(0.9 * 0.1 / (asked.twins * n))
        print(f"{name}: {fraction:.3f} of 90 % intervals hold the truth "
              f"(binomial sd {chance:.3f})")  # fmt: skip
    together, alone = np.sqrt(found[:, 4:].mean(axis=0))
    print(f"rmse of site parameters: hierarchical {together:.3f}, separate {alone:.3f}")
    print(f"{asked.twins} twins, {time.process_time() - started:.0f} s of CPU")


def _twin(index: int, n_sites: int, seed: int) -> list[float]:
    rng = np.random.default_rng([seed, index])
    half = rng.normal(size=(_DEGREES, 2)) @ np.linalg.cholesky(_PRIOR.scale).T
    mean, covariance = rng.normal(size=2), np.linalg.inv(half.T @ half)
    theta = rng.multivariate_normal(mean, covariance, n_sites + 1)
    seen = theta[:-1] + _ERROR * rng.normal(size=(n_sites, 2))
    sites = {str(k): _log_likelihood(value) for k, value in enumerate(seen)}
    found = sample_hierarchy(
        {**sites, "unseen": None}, _PRIOR, seed=[seed, index, 1],
        n_chains=16, n_draws=80, n_warm=120, thin=3,
    )  # fmt: skip
    alone = sample_separate(
        sites, _PRIOR, seed=[seed, index, 2], n_chains=16, n_draws=40, n_warm=80
    )
    variance = np.diagonal(found.covariance, axis1=2, axis2=3)
    return [
        _fraction(found.theta[:, :, :-1], theta[:-1]),
        _fraction(found.mean, mean),
        _fraction(variance, np.diag(covariance)),
        _fraction(found.theta[:, :, -1], theta[-1]),
        float(np.mean((found.theta[:, :, :-1].mean(axis=(0, 1)) - theta[:-1]) ** 2)),
        float(np.mean((alone.theta.mean(axis=(0, 1)) - theta[:-1]) ** 2)),
    ]


def _log_likelihood(value: Array) -> Callable[[Array], Array]:
    return lambda theta: -0.5 * np.sum((theta - value) ** 2, axis=1) / _ERROR**2


def _fraction(draws: Array, truth: Array) -> float:
    low, high = np.quantile(draws, [0.05, 0.95], axis=(0, 1))
    return float(np.mean((low < truth) & (truth < high)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--twins", type=int, default=100)
    parser.add_argument("--sites", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
