"""A landscape whose parameters are known functions of its climate and soil."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

import upscale
from upscale.prediction.error_fields import ErrorCopula
from upscale.training.splits import sphere

BOUNDS = {"vmax": (2e-5, 8e-5), "p18": (10.0, 200.0), "p20": (200.0, 365.0)}
QUICK = upscale.TrainingRules(n_candidates=1, max_trees=120)


@dataclass(frozen=True)
class Landscape:
    """Pixels 0 to n - 1 in a square of some degrees.

    vmax follows temperature and soil, with an error that grows with sand; p18 follows
    temperature; p20 follows nothing that is known.
    """

    covariates: pd.DataFrame
    truth: pd.DataFrame
    calibrated: pd.DataFrame
    sd: pd.DataFrame


def make_landscape(n, seed, *, degrees=8.0, own=0.03, sd=0.01, own_km=40.0):
    rng = np.random.default_rng(seed)
    lat = 36.0 + degrees * rng.random(n)
    lon = -84.0 + degrees * rng.random(n)
    places, pixels = sphere(lat, lon), np.arange(n)
    smooth = ErrorCopula.intrinsic(np.eye(4), 80.0, 0.1).scores(
        places, pixels, 1, [seed, 1]
    )[0]
    rough = ErrorCopula.intrinsic(np.eye(3), own_km, 0.2).scores(
        places, pixels, 1, [seed, 2]
    )[0]
    elevation = 300.0 + 200.0 * smooth[0]
    temperature = 10.0 - 0.9 * (lat - 40.0) - 6.5e-3 * (elevation - 300.0)
    warm, sandy = (temperature - 10.0) / 2.0, smooth[2]
    fraction = {
        "vmax": 0.4 + 0.09 * warm - 0.05 * sandy + own * np.exp(0.6 * sandy) * rough[0],
        "p18": 0.35 + 0.08 * np.tanh(warm) + 0.04 * sandy + own * rough[1],
        "p20": 0.5 + 2.0 * own * rough[2],
    }
    index = pd.Index(pixels, name="pixel")
    covariates = pd.DataFrame(
        {
            "temperature_mean": temperature,
            "precipitation_annual": 1000.0 + 100.0 * smooth[3],
            "sand": 50.0 + 10.0 * sandy,
            "elevation": elevation,
            "latitude": lat,
            "longitude": lon,
        },
        index=index,
    )
    unit = pd.DataFrame(fraction, index=index).clip(0.0, 1.0)
    seen = (unit + sd * rng.standard_normal(unit.shape)).clip(0.0, 1.0)
    low = pd.Series({name: ends[0] for name, ends in BOUNDS.items()})
    width = pd.Series({name: ends[1] - ends[0] for name, ends in BOUNDS.items()})
    return Landscape(
        covariates,
        truth=low + unit * width,
        calibrated=low + seen * width,
        sd=pd.DataFrame(sd, index=index, columns=list(BOUNDS)) * width,
    )


def train(land, rows=None, *, seed=1, rules=QUICK, **options):
    rows = slice(None) if rows is None else rows
    return upscale.train(
        land.calibrated.loc[rows],
        land.covariates,
        bounds=BOUNDS,
        sd=land.sd,
        seed=seed,
        rules=rules,
        defaults={"vmax": 3e-5, "p18": 60.0, "p20": 270.0},
        units={"vmax": "mol m-2 s-1", "p18": "g m-2", "p20": "d"},
        **options,
    )
