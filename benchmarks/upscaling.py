"""Measure the upscaling: training, prediction, draws, GeoTIFFs, memory; and CAMELS.

    python -m benchmarks.upscaling [--pixels 42000] [--training 2000] [--jobs 2]
    python -m benchmarks.upscaling --coverage 10     intervals on unseen blocks
    python -m benchmarks.upscaling --camels FOLDER   real covariates, synthetic targets

The region is synthetic: fields of climate and soil on 0.05 degree cells, and ten
parameters that follow them with an error of their own that is correlated in space.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import upscale
from upscale.prediction.error_fields import ErrorCopula
from upscale.training.splits import block_ids, fold_ids, plane, sphere

SHARED = Path(__file__).parents[1].parent / "shared"
NAMES = ("alpha3", "theta3", "beta3", "vmax", "p5", "p14", "p15", "p17", "p18", "p20")
N_FIELDS = 8


@dataclass(frozen=True)
class Region:
    """Covariates and parameters of every pixel; bounds are 0 and 1."""

    covariates: pd.DataFrame
    truth: pd.DataFrame

    @property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """Of the parameters."""
        return dict.fromkeys(self.truth.columns, (0.0, 1.0))


def make_region(
    n: int,
    seed: int,
    *,
    fraction_known: float = 0.7,
    own_km: float = 40.0,
    noise_grows: float = 0.5,
) -> Region:
    """Make a block of n cells.

    Parameters
    ----------
    fraction_known : float
        Of a parameter's variance that its covariates explain.
    own_km : float
        Correlation length of the rest.
    noise_grows : float
        How fast the rest grows with sand (per standard deviation, exponential).
    """
    side = int(np.ceil(np.sqrt(1.4 * n)))
    row, column = np.divmod(np.arange(n), side)
    lat, lon = 45.0 - 0.05 * (row + 0.5), -84.0 + 0.05 * (column + 0.5)
    places, pixels = sphere(lat, lon), np.arange(n)
    fields = ErrorCopula.intrinsic(np.eye(N_FIELDS), 150.0, 0.05)
    own = ErrorCopula.intrinsic(np.eye(len(NAMES)), own_km, 0.2)
    z = fields.scores(places, pixels, 1, [seed, 1])[0]
    rest = own.scores(places, pixels, 1, [seed, 2])[0]
    warm = -(lat - lat.mean()) / max(lat.std(), 1e-9) - 0.5 * z[0]
    rng = np.random.default_rng([seed, 3])
    columns = {
        "temperature_mean": 9.0 + 2.0 * warm,
        "elevation": 300.0 + 200.0 * z[0],
        "sand": 50.0 + 10.0 * z[1],
        "clay": 15.0 - 3.0 * z[1] + 2.0 * z[2],
        "vpd_growing_mean": 700.0 + 100.0 * (0.6 * warm + 0.8 * z[3]),
        "precipitation_annual": 1100.0 + 150.0 * z[4],
        "lai_mean": 2.5 + 0.4 * z[5],
        "gpp_mean": 4.0 + 0.5 * z[5] + 0.4 * z[6],
        "latitude": lat,
        "longitude": lon,
    }
    for index in range(18):  # what else a table of covariates holds: mixtures
        mixture = rng.standard_normal(N_FIELDS) @ z / np.sqrt(N_FIELDS)
        columns[f"other_{index}"] = mixture + 0.3 * rng.standard_normal(n)
    index = pd.Index(pixels, name="pixel")
    drivers = np.stack([warm, np.tanh(z[1]), z[3], z[5], z[5] * warm, z[6]])
    truth = {}
    for order, name in enumerate(NAMES):
        known = rng.standard_normal(len(drivers)) @ drivers
        known = (known - known.mean()) / known.std()
        grown = np.exp(noise_grows * z[1]) * rest[order]
        grown = grown / grown.std()
        mixed = np.sqrt(fraction_known) * known + np.sqrt(1.0 - fraction_known) * grown
        truth[name] = np.clip(0.45 + 0.08 * mixed, 0.02, 0.98)
    return Region(pd.DataFrame(columns, index=index), pd.DataFrame(truth, index=index))


@contextmanager
def clock(report: dict[str, float], name: str) -> Iterator[None]:
    """Put wall-clock and processor seconds of a block into a report."""
    start, busy = time.perf_counter(), time.process_time()
    yield
    report[f"{name}_s"] = round(time.perf_counter() - start, 2)
    report[f"{name}_cpu_s"] = round(time.process_time() - busy, 2)


def measure_speed(
    n: int, n_training: int, n_jobs: int, n_candidates: int
) -> dict[str, float]:
    """Seconds and peak memory of every step.

    On a machine that others use too, the processor's seconds say more.
    """
    report: dict[str, float] = {
        "pixels": n,
        "training_pixels": n_training,
        "candidates": n_candidates,
        "load_average": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count() or 0,
    }
    region = make_region(n, seed=1)
    rng = np.random.default_rng(1)
    chosen = np.sort(rng.permutation(n)[:n_training])
    calibrated = region.truth.iloc[chosen]
    seen = calibrated + 0.02 * rng.standard_normal(calibrated.shape)
    report["memory_of_data_gb"] = _peak_gb()
    with clock(report, "train"):
        upscaler = upscale.train(
            seen.clip(0.0, 1.0),
            region.covariates,
            bounds=region.bounds,
            sd=seen * 0.0 + 0.02,
            defaults=dict.fromkeys(NAMES, 0.5),
            seed=1,
            rules=upscale.TrainingRules(n_candidates=n_candidates),
            n_jobs=n_jobs,
        )
    report["memory_after_training_gb"] = _peak_gb()
    with clock(report, "predict"):
        maps = upscaler.predict(region.covariates)
    with tempfile.TemporaryDirectory() as folder:
        with clock(report, "maps"):
            files = upscale.write_maps(
                folder,
                maps,
                region.covariates[["latitude", "longitude"]],
                period=("2001-01-01", "2009-12-31"),
                status=upscale.status_of(maps, seen.index),
            )
        report["maps"] = len(files)
        report["maps_mb"] = round(sum(one.stat().st_size for one in files) / 1e6, 1)
    with clock(report, "draw_30"):
        upscaler.draw(region.covariates, 30, seed=1)
    report["peak_memory_gb"] = _peak_gb()
    summary = upscaler.summary()
    rest = region.covariates.index.difference(seen.index)
    one = maps.sel(pixel=rest)
    truth = region.truth.loc[rest].T.to_numpy()
    held = (truth >= one["p05"]) & (truth <= one["p95"])
    error = np.square(truth - one["mean"]).mean("pixel")
    report["n_upscaled"] = int(summary["upscaled"].sum())
    report["r2_of_truth"] = round(float((1.0 - error / truth.var(axis=1)).mean()), 3)
    report["r2_random"] = round(float(summary["r2_random"].mean()), 3)
    report["r2_blocked"] = round(float(summary["r2_blocked"].mean()), 3)
    report["coverage_of_truth"] = round(float(held.mean()), 3)
    report["coverage_blocked"] = round(float(summary["coverage_blocked"].mean()), 3)
    return report


def measure_coverage(
    n_regions: int, first: int = 100, n_training: int = 1500
) -> pd.DataFrame:
    """Coverage of intervals on blocks that no part of the training has seen."""
    rows = []
    rules = upscale.TrainingRules(n_candidates=2, max_trees=200)
    for seed in range(first, first + n_regions):
        region = make_region(20_000, seed)
        rng = np.random.default_rng(seed)
        lat, lon = (region.covariates[name].to_numpy() for name in
                    ("latitude", "longitude"))  # fmt: skip
        blocks = block_ids(plane(lat, lon), 100.0)
        unseen = fold_ids(blocks, 4, rng) == 0
        pool = np.flatnonzero(~unseen)
        chosen = region.truth.index[np.sort(rng.permutation(pool)[:n_training])]
        names = list(NAMES[:3])
        upscaler = upscale.train(
            region.truth.loc[chosen, names],
            region.covariates,
            bounds=region.bounds,
            seed=seed,
            rules=rules,
        )
        maps = upscaler.predict(region.covariates[unseen])
        truth = region.truth.loc[unseen, names].T.to_numpy()
        held = ((truth >= maps["p05"]) & (truth <= maps["p95"])).mean("pixel")
        row = {name: float(held.sel(parameter=name)) for name in names}
        row["claimed"] = float(upscaler.summary()["coverage_blocked"].mean())
        row["outside"] = float((maps["quality"] == 2).mean())
        rows.append({"region": seed, **row})
    return pd.DataFrame(rows).set_index("region")


def measure_camels(folder: Path) -> pd.DataFrame:
    """Train on deciduous basins of the east, and ask where the map may be used.

    The covariates are observed, the targets are SYNTHETIC functions of them.
    """
    from landdata.sites.camels import read_camels

    basins = read_camels(folder)
    columns = {
        "lat": "latitude",
        "lon": "longitude",
        "elevation": "elevation",
        "p_mean": "precipitation",
        "pet_mean": "potential_evapotranspiration",
        "p_seasonality": "precipitation_seasonality",
        "frac_snow": "snow_fraction",
        "sand": "sand",
        "clay": "clay",
        "lai_max": "lai_max",
    }
    covariates = basins[list(columns)].rename(columns=columns).astype(float).dropna()
    cover = basins.loc[covariates.index, "dom_land_cover"]
    deciduous = cover.eq("Deciduous Broadleaf Forest") & (covariates["longitude"] > -96)
    rng = np.random.default_rng(1)
    standard = (covariates - covariates[deciduous].mean()) / covariates[deciduous].std()
    fraction = 0.45 + 0.06 * standard["potential_evapotranspiration"]
    fraction = (
        fraction - 0.04 * standard["clay"] + 0.03 * rng.standard_normal(len(fraction))
    )
    target = fraction.clip(0.02, 0.98).to_frame("synthetic_vmax")
    upscaler = upscale.train(
        target[deciduous],
        covariates,
        bounds={"synthetic_vmax": (0.0, 1.0)},
        seed=1,
        rules=upscale.TrainingRules(n_candidates=4, max_trees=200),
    )
    maps = upscaler.predict(covariates).isel(parameter=0)
    outside = pd.Series(maps["quality"].to_numpy() == 2, index=covariates.index)
    far = standard.abs().max(axis=1) > 4.0
    groups = {
        "deciduous, east (training)": deciduous,
        "other cover, east": ~deciduous & (covariates["longitude"] > -96),
        "west of 96 W": covariates["longitude"] <= -96,
        "some covariate beyond 4 sd of the training": far,
    }
    rows = {
        name: {"basins": int(rows.sum()), "outside": float(outside[rows].mean())}
        for name, rows in groups.items()
    }
    print(upscaler.summary().drop(columns="statement").round(3).to_string())
    return pd.DataFrame.from_dict(rows, orient="index")


def _peak_gb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pixels", type=int, default=42_000)
    parser.add_argument("--training", type=int, default=2_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--candidates", type=int, default=8)
    parser.add_argument("--coverage", type=int, metavar="REGIONS")
    parser.add_argument("--first", type=int, default=100, help="seed of the first")
    parser.add_argument("--camels", type=Path, nargs="?", const=SHARED / "data/camels")
    options = parser.parse_args()
    if options.coverage:
        table = measure_coverage(options.coverage, options.first)
        print(table.round(3).to_string())
        print(table.mean().round(3).to_string())
    elif options.camels:
        print(measure_camels(options.camels).round(3).to_string())
    else:
        report = measure_speed(
            options.pixels, options.training, options.jobs, options.candidates
        )
        print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
