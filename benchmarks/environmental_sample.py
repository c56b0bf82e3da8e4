"""How well an environmental sample of a region covers it, against random samples.

``python -m benchmarks.environmental_sample CUBE`` chooses places of a region cube
(``masm region synthetic CUBE`` makes one) with 20 seeds and prints the mean distance of
a pixel to its nearest place in the space of climate and land, in standard deviations,
beside that of random samples of the same size.
"""

import argparse
from pathlib import Path

import numpy as np

from jobs.run.environmental_sample import covariates_of
from landdata import open_cube
from masm.hierarchical import choose_sites


def distances(
    environment: np.ndarray, n: int, seeds: range, **options: object
) -> tuple[np.ndarray, np.ndarray, int]:
    """Mean distances of each seed: environmental, random; and the most clusters."""
    region = np.zeros(len(environment))
    found = [
        choose_sites(environment, region, n, seed=seed, **options) for seed in seeds
    ]
    return (
        np.array([choice.distance.mean() for choice in found]),
        np.array([choice.random_distance for choice in found]),
        max(choice.n_clusters[0.0] for choice in found),
    )


def main() -> None:
    """Print a row for each rule and number of places."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.environmental_sample")
    parser.add_argument("cube", type=Path)
    parser.add_argument("--n", type=int, nargs="+", default=[10, 30])
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    cube = open_cube(arguments.cube)
    names, table = covariates_of(cube)
    environment = table[np.isfinite(table).all(axis=1)]
    environment = environment[:, environment.std(axis=0) > 0.0]
    print(f"{cube}\n{', '.join(names)}\n{arguments.seeds} seeds")
    print(f"{'rule':<12}{'within':<9}{'places':>7}{'clusters':>9}", end="")
    print(f"{'environment':>13}{'random':>9}{'ratio':>8}")
    for criterion in ("separation", "silhouette"):
        for within in ("spread", "random"):
            for n in arguments.n:
                own, random, clusters = distances(
                    environment, n, range(arguments.seeds), criterion=criterion,
                    within=within,
                )  # fmt: skip
                ratio = own.mean() / random.mean()
                print(
                    f"{criterion:<12}{within:<9}{n:>7}{clusters:>9}"
                    f"{own.mean():>13.3f}{random.mean():>9.3f}{ratio:>8.3f}"
                )


if __name__ == "__main__":
    main()
