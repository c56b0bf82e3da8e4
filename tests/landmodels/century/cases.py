"""Sites and weather that the tests of CENTURY share."""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landmodels import century

KEPT = Path(__file__).parent / "data"
SHARED = Path(__file__).parents[3].parent / "shared"
WHOLE = SHARED / "reference" / "century"


def alpine(years=12, seed=1, cells=None, first=1961):
    """Random weather of alpine grassland: frost, snow, wet summers."""
    rng = np.random.default_rng(seed)
    n = cells or 1
    month = np.tile(np.arange(12), years)
    wave = -np.cos(2 * np.pi * month / 12)
    mean = rng.uniform(-2.0, 3.0, (n, 1)) + 12.0 * wave
    mean = mean + rng.normal(0, 1, (n, month.size))
    prec = rng.uniform(250, 600, (n, 1)) * np.exp(1.5 * wave) / 19.0
    prec = prec * np.exp(rng.normal(0, 0.4, (n, month.size)))
    sand = rng.uniform(0.2, 0.6, n)
    clay = rng.uniform(0.1, 0.3, n)
    site = {
        "lat": rng.uniform(30, 38, n), "sand": sand, "silt": 1 - sand - clay,
        "clay": clay, "bulk_density": rng.uniform(0.9, 1.4, n),
        "ph": rng.uniform(6.5, 8.3, n),
    }  # fmt: skip
    time = pd.date_range(f"{first}-01-01", periods=month.size, freq="MS")
    forcing = xr.Dataset(
        {
            "tmin": (("cell", "time"), mean - 7.0),
            "tmax": (("cell", "time"), mean + 7.0),
            "prec": (("cell", "time"), prec, {"units": "mm month-1"}),
            **{name: ("cell", values) for name, values in site.items()},
        },
        coords={"time": time},
    )
    return forcing if cells else forcing.isel(cell=0)


def prior_samples(n, seed=3):
    """Draws of the calibrated parameters from their prior, inside the model."""
    table = century.parameter_table().query("calibrated == 'yes'")
    rng = np.random.default_rng(seed)
    draws = {k: rng.uniform(table["min"][k], table["max"][k], n) for k in table.index}
    draws["ppdf_2"] = np.maximum(draws["ppdf_2"], draws["ppdf_1"] + 1.0)
    return draws


def assert_same(one, other, names=None):
    """Every variable bit for bit, NaN where NaN."""
    for name in names or one.data_vars:
        np.testing.assert_array_equal(one[name].values, other[name].values, name)
