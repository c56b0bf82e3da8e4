"""Sums of squares beside Sobol indices on SIPNET: where they agree, and where not.

``python -m benchmarks.shares_sipnet [--widths 0.15 0.5]``. Eight parameters are varied
by a fraction of their default, mean NEE of the last year of two is the output, weather
is generated. Total fractions of variance of both are printed side by side, and the
adjusted R2, which shows whether the sums of squares describe the model.
"""

from __future__ import annotations

import argparse

import numpy as np
import xarray as xr
from scipy import stats

import masm
from jobs.process_models.base import Settings
from jobs.process_models.registry import open_model
from landdata import (
    generate_weather,
    harvard_normals,
    shortwave_of,
    vapour_pressure_deficit_of,
)
from masm.sensitivity.sobol import total_effects
from masm.sensitivity.sums_of_squares import sums_of_squares

NAMES = (
    "aMax", "baseVegResp", "baseSoilResp", "soilRespQ10", "vegRespQ10", "halfSatPar",
    "dVpdSlope", "psnTOpt",
)  # fmt: skip


def main() -> None:
    """Print the fractions for each width of the priors."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--widths", type=float, nargs="+", default=[0.15, 0.5])
    parser.add_argument(
        "--base", type=int, default=256, help="Sobol points, power of 2"
    )
    parser.add_argument("--draws", type=int, default=1024, help="power of 2")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    sipnet = open_model("sipnet", Settings())
    drivers = sipnet.drivers(_weather(), "generated weather")
    model = sipnet.calibration_model(drivers, ["nee"], slice("2002", "2002"))
    for width in chosen.widths:
        priors = _priors(sipnet.parameters, width)
        sobol = total_effects(
            model, priors, seed=chosen.seed, streams=["nee"], n_base=chosen.base
        )
        index = sobol["total"].sel(stream="nee", statistic="annual")
        u = stats.qmc.Sobol(len(NAMES), seed=chosen.seed).random(chosen.draws)
        theta = np.asarray(priors.from_unit(u))
        nee = model({name: theta[:, k] for k, name in enumerate(NAMES)})["nee"]
        output = nee.mean("time", skipna=False).to_numpy()
        found = sums_of_squares(theta, output, names=NAMES)
        less = (found.total - found.total_by_chance)[0]
        print(f"\nwidth {width:g}: adjusted R2 {found.adjusted_r2[0]:.3f}, "
              f"describes the model: {bool(found.describes[0])}")  # fmt: skip
        print(f"{'parameter':<14}{'Sobol total':>12}{'+-':>7}{'sums of squares':>17}")
        conf = sobol["total_conf"].sel(stream="nee", statistic="annual")
        for k, name in enumerate(NAMES):
            one, half = (float(x.sel(parameter=name)) for x in (index, conf))
            print(f"{name:<14}{one:12.3f}{half:7.3f}{less[k]:17.3f}")
        off = np.abs(index.sel(parameter=list(NAMES)).to_numpy() - less).max()
        print(f"largest difference {off:.3f}", flush=True)


def _priors(table: object, width: float) -> masm.Priors:
    """Uniform priors around the defaults, within the table."""
    found = {}
    for name in NAMES:
        row = table[name]  # type: ignore[index]
        low, high = ((1.0 + s * width) * row.default for s in (-1, 1))
        found[name] = masm.Uniform(max(low, row.low), min(high, row.high))
    return masm.Priors(found)


def _weather() -> xr.Dataset:
    found = generate_weather(harvard_normals(), (2000, 2002), np.random.default_rng(1))
    light = shortwave_of(found, "generated weather")
    deficit = vapour_pressure_deficit_of(found, "generated weather")
    return found[["tmin", "tmax", "prec"]].assign(
        shortwave=("time", light, {"units": "MJ m-2 d-1"}),
        vpd=("time", deficit, {"units": "Pa"}),
        lat=harvard_normals().lat,
    )


if __name__ == "__main__":
    main()
