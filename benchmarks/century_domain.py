"""The synthetic twin domain of CENTURY: its weather, soils, samples and flux months.

Weather and soil follow from a cell's place; anomalies, truth and observations are
read from the files of the domain. Everything here is synthetic.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landmodels import century

N_X, N_Y = 30, 20
#: Share of the annual precipitation that falls in each month.
_RAIN = np.array([0.005, 0.008, 0.02, 0.05, 0.11, 0.18, 0.21, 0.20, 0.14, 0.05, 0.02,
                  0.007])  # fmt: skip
#: Synthetic truth, by class, in the order of the 24 calibrated parameters.
_TRUTH = {
    "meadow": (0.44, 18.59, 42.44, 1.04, 3.16, 0.81, 0.16, 0.16, 0.19, 6.02, 7.32,
               0.006, 0.2, 0.2, 14.83, 12.06, 29.9, 0.57, 0.17, 0.09, 0.68, 0.53,
               0.56, 0.55),
    "steppe": (0.53, 19.08, 34.87, 0.97, 4.01, 0.81, 0.15, 0.14, 0.16, 6.56, 7.53,
               0.0057, 0.17, 0.24, 15.38, 11.95, 31.09, 0.62, 0.17, 0.11, 0.67, 0.56,
               0.55, 0.55),
}  # fmt: skip


def calibrated() -> list[str]:
    """Ids of the 24 calibrated parameters."""
    table = century.parameter_table()
    return list(table.index[table["calibrated"] == "yes"])


def truth() -> dict[str, dict[str, float]]:
    """Parameters that made the synthetic observations, by class."""
    return {c: dict(zip(calibrated(), v, strict=True)) for c, v in _TRUTH.items()}


def domain_forcing(folder: Path) -> xr.Dataset:
    """Monthly forcing of all 600 cells, 1961-2020.

    Parameters
    ----------
    folder : Path
        Holds ``anomalies.csv``.
    """
    i, j = np.meshgrid(np.arange(N_X), np.arange(N_Y))
    x, y = ((i + 0.5) / N_X).ravel(), ((j + 0.5) / N_Y).ravel()
    lat = 32.5 + 0.05 * (j.ravel() + 0.5)
    pi = np.pi
    height = (4700.0 - 1300.0 * x
              + 250.0 * np.sin(4 * pi * x + 1.3) * np.sin(3 * pi * y + 0.4)
              + 150.0 * np.cos(3 * pi * y))  # fmt: skip
    mean = -0.006 * (height - 4000.0) - 0.9 * (lat - 33.0)
    rain = 180.0 + 520.0 * x - 0.03 * (height - 4000.0)
    anomalies = pd.read_csv(folder / "anomalies.csv", comment="#")
    month = anomalies["month"].to_numpy()
    wave = np.cos(2 * pi * (month - 1) / 12.0)
    middle = mean[:, None] - 11.5 * wave + anomalies["dt"].to_numpy()
    half = (13.0 + 3.0 * wave) / 2.0
    prec = rain[:, None] * _RAIN[month - 1] * anomalies["fp"].to_numpy()
    months = (anomalies["year"].to_numpy() - 1970) * 12 + month - 1
    sand = 0.62 - 0.30 * x + 0.10 * np.sin(5 * pi * y)
    clay = 0.08 + 0.14 * x + 0.04 * np.cos(4 * pi * y)
    site = {
        "lat": lat, "sand": sand, "silt": 1.0 - sand - clay, "clay": clay,
        "bulk_density": 1.40 - 0.45 * x, "ph": 8.4 - 1.6 * x,
        "ecosystem": np.where(rain >= 430.0, "meadow", "steppe"),
    }  # fmt: skip
    time = months.astype("datetime64[M]").astype("datetime64[ns]")
    return xr.Dataset(
        {
            "tmin": (("cell", "time"), middle - half),
            "tmax": (("cell", "time"), middle + half),
            "prec": (("cell", "time"), prec, {"units": "mm month-1"}),
            **{name: ("cell", values) for name, values in site.items()},
        },
        coords={"time": time, "cell": np.arange(x.size)},
    )


def read_cells(folder: Path) -> pd.DataFrame:
    """Truth and default results of each cell, one row each."""
    return pd.read_csv(folder / "cells.csv", comment="#")


def read_soil_samples(folder: Path) -> pd.DataFrame:
    """Synthetic soil samples: cell, truth and obs (kg m-2)."""
    return pd.read_csv(folder / "soil_samples.csv", comment="#")


def read_flux_months(folder: Path) -> pd.DataFrame:
    """Synthetic months of NEP: site, cell, year, month, truth and obs (g m-2)."""
    return pd.read_csv(folder / "flux_months.csv", comment="#")
