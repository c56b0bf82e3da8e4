"""What the 90 % intervals of maps and of totals hold, over many synthetic regions.

    python -m benchmarks.coverage [--regions 12] [--sizes 32 100 400] [--first 1]

Each region has four parameters, with uniform priors from 0 to 1, and three smooth
fluxes of them. GPP and two of the parameters are observed with noise: one of these
follows the covariates, the other nothing. Of the last two parameters only the sum is
known: their posteriors are as wide as the prior lets them be, while their truths hardly
vary. Posteriors are exact (importance sampling of the prior). Maps are trained on
pixels of three quarters of the blocks and asked about the other quarter; totals are of
the mean over the whole region. Everything is SYNTHETIC.
"""

from __future__ import annotations

import argparse
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

import upscale
from upscale.prediction.error_fields import ErrorCopula
from upscale.training.splits import block_ids, fold_ids, plane, sphere

NAMES = ("mapped", "local", "first", "second")
SIDE = 40  # cells of 0.05 degree
NOISE = 0.05  # of an observation, fraction of the range of a parameter
_PRIOR_DRAWS, _KEPT = 20_000, 200
_MAP_DRAWS = 60
Target = Literal["parameter", "calibrated"]
TARGETS: tuple[Target, ...] = ("parameter", "calibrated")


def main() -> None:
    """Print fractions held, by size of the training and by target."""
    asked = _arguments()
    maps, totals = [], []
    for n in asked.sizes:
        for seed in range(asked.first, asked.first + asked.regions):
            found = hold(n, seed)
            maps.append(found[0])
            totals.append(found[1])
    by = ["pixels", "of"]
    for title, table, keys in (
        (
            "fraction of held-out blocks in p05 to p95",
            pd.concat(maps),
            [*by, "parameter"],
        ),
        ("fraction of regions whose mean lies in its interval", pd.concat(totals), by),
    ):
        print(f"\n{title}, {asked.regions} regions")
        print(table.groupby(keys, sort=False).mean().round(3).to_string())


def make(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Make covariates (pixel, covariate) and true parameters (pixel, parameter)."""
    row, column = np.divmod(np.arange(SIDE**2), SIDE)
    lat, lon = 43.0 - 0.05 * row, -73.0 + 0.05 * column
    places, pixels = sphere(lat, lon), np.arange(SIDE**2)
    smooth = ErrorCopula.intrinsic(np.eye(4), 60.0, 0.05)
    rough = ErrorCopula.intrinsic(np.eye(4), 20.0, 0.3)
    z = smooth.scores(places, pixels, 1, [seed, 1])[0]
    own = rough.scores(places, pixels, 1, [seed, 2])[0]
    # Where the region lies within the prior is random.
    level = np.random.default_rng([seed, 3]).uniform(0.25, 0.75, 4)
    spread = np.stack(
        [0.10 * z[0] + 0.05 * own[0], 0.08 * own[1], 0.02 * z[1], 0.02 * own[3]]
    )
    truth = np.clip(level[:, None] + spread, 0.01, 0.99).T
    names = ("temperature", "sand", "elevation", "rain")
    table = {"latitude": lat, "longitude": lon, **dict(zip(names, z, strict=True))}
    return pd.DataFrame(table, index=pd.Index(pixels, name="pixel")), truth


def fluxes(theta: np.ndarray) -> dict[str, np.ndarray]:
    """Smooth fluxes of parameters (..., parameter); NEE is ER less GPP."""
    mapped, local, first, second = np.moveaxis(theta, -1, 0)
    gpp = mapped + 0.3 * local * mapped + 0.5 * (first + second)
    er = 0.4 * gpp + 0.5 * local + 0.6 * first
    return {"gpp": gpp, "er": er, "nee": er - gpp}


def posterior(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw from each pixel's posterior (pixel, draw, parameter)."""
    prior = rng.random((_PRIOR_DRAWS, 4))

    def seen(theta: np.ndarray) -> np.ndarray:
        local = theta[..., 1]
        return np.stack([fluxes(theta)["gpp"], local, theta[..., 0]], axis=-1)

    at_prior = seen(prior) / NOISE
    draws = np.empty((len(truth), _KEPT, 4))
    for row, one in enumerate(truth):
        data = seen(one) / NOISE + rng.standard_normal(3)
        cost = np.square(at_prior - data).sum(axis=1)
        weight = np.exp(-0.5 * (cost - cost.min()))
        chosen = rng.choice(_PRIOR_DRAWS, _KEPT, p=weight / weight.sum())
        draws[row] = prior[chosen]
    return draws


def hold(n: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train on n pixels of a region, and say what its intervals hold."""
    covariates, truth = make(seed)
    rng = np.random.default_rng([seed, n])
    places = covariates[["latitude", "longitude"]].to_numpy().T
    blocks = block_ids(plane(*places), 25.0)
    held = np.flatnonzero(fold_ids(blocks, 4, rng) == 0)
    maps, totals = [], []
    for unseen in (True, False):
        pool = np.setdiff1d(covariates.index, held) if unseen else covariates.index
        rows = np.sort(rng.choice(pool, n, replace=False))
        for target in TARGETS:
            upscaler = _train(covariates, truth, rows, target, seed)
            if unseen:
                there = rng.choice(held, 60, replace=False)
                maps.append(_held(upscaler, covariates, truth, there, rng))
                maps[-1].insert(0, "of", target)
            else:
                totals.append(_totals(upscaler, covariates, truth, seed))
                totals[-1].insert(0, "of", target)
    frames = pd.concat(maps), pd.concat(totals)
    for frame in frames:
        frame.insert(0, "pixels", n)
    return frames


def _train(
    covariates: pd.DataFrame,
    truth: np.ndarray,
    rows: np.ndarray,
    target: Target,
    seed: int,
) -> upscale.Upscaler:
    draws = posterior(truth[rows], np.random.default_rng([seed, 7]))
    calibrated = pd.DataFrame(draws.mean(axis=1), index=rows, columns=list(NAMES))
    return upscale.train(
        calibrated,
        covariates,
        draws=xr.DataArray(
            draws,
            dims=("pixel", "draw", "parameter"),
            coords={"pixel": rows, "parameter": list(NAMES)},
        ),
        bounds=dict.fromkeys(NAMES, (0.0, 1.0)),
        seed=seed,
        rules=upscale.TrainingRules(
            n_candidates=1, max_trees=100, intervals_for=target
        ),
    )


def _held(
    upscaler: upscale.Upscaler,
    covariates: pd.DataFrame,
    truth: np.ndarray,
    rows: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    maps = upscaler.predict(covariates.loc[rows])
    low, high = (maps[end].to_numpy().T for end in ("p05", "p95"))
    draws = posterior(truth[rows], rng)

    def fraction(values: np.ndarray) -> np.ndarray:
        inside = (low[:, None] <= values) & (values <= high[:, None])
        return inside.mean(axis=(0, 1))

    return pd.DataFrame(
        {
            "parameter": NAMES,
            "posterior_draws": fraction(draws),
            "calibrated_means": fraction(draws.mean(axis=1)[:, None]),
            "truths": fraction(truth[rows][:, None]),
            "width": (high - low).mean(axis=0),
        }
    )


def _totals(
    upscaler: upscale.Upscaler, covariates: pd.DataFrame, truth: np.ndarray, seed: int
) -> pd.DataFrame:
    drawn = upscaler.draw(covariates, _MAP_DRAWS, seed)
    theta = np.stack([drawn[name].to_numpy() for name in NAMES], axis=-1)
    true, row = fluxes(truth), {}
    for name, values in fluxes(theta).items():
        means = values.mean(axis=1)
        low, high = np.quantile(means, [0.05, 0.95])
        row[name] = float(low <= true[name].mean() <= high)
        row[f"{name}_width"] = high - low
    return pd.DataFrame([row])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--regions", type=int, default=12)
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 100, 400])
    parser.add_argument("--first", type=int, default=1, help="seed of the first")
    return parser.parse_args()


if __name__ == "__main__":
    main()
