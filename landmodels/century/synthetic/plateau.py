"""The synthetic plateau: weather and soils of 600 made-up cells of grassland.

Weather and soil follow from a cell's place; the anomalies of each month, common to all
cells, are in ``anomalies.csv``. The gradient of the real plateau is squeezed into
150 km. Everything here is synthetic and says so.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landmodels.century.parameters import parameter_table

N_X, N_Y = 30, 20
#: Fraction of the annual precipitation that falls in each month.
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


def plateau_truth() -> dict[str, dict[str, float]]:
    """Parameters that made the synthetic observations, by class.

    Returns
    -------
    dict
        Class to the values of the 24 calibrated parameters: the posterior means of
        Zhao et al. (2022), Table 1.

    Examples
    --------
    >>> from landmodels.century import plateau_truth
    >>> {name: len(values) for name, values in plateau_truth().items()}
    {'meadow': 24, 'steppe': 24}
    """
    table = parameter_table()
    names = list(table.index[table["calibrated"] == "yes"])
    return {c: dict(zip(names, v, strict=True)) for c, v in _TRUTH.items()}


def plateau_forcing(anomalies_csv: Path | None = None) -> xr.Dataset:
    """Monthly forcing of all 600 cells, 1961-2020.

    Parameters
    ----------
    anomalies_csv : Path, optional
        Anomalies of each month in place of those of the package: columns year, month,
        dt [K] and fp [1].

    Returns
    -------
    xarray.Dataset
        For `landmodels.century.validate_forcing`: tmin, tmax [degC] and prec [mm
        month-1] over (cell, time), the site over ``cell``, and the coordinate
        ``lon`` [degrees_east].

    Examples
    --------
    >>> forcing = plateau_forcing()
    >>> dict(forcing.sizes), forcing.attrs["synthetic"]
    ({'cell': 600, 'time': 720}, 'yes')
    """
    anomalies = _read_anomalies(anomalies_csv)
    i, j = np.meshgrid(np.arange(N_X), np.arange(N_Y))
    x, y = ((i + 0.5) / N_X).ravel(), ((j + 0.5) / N_Y).ravel()
    lat = 32.5 + 0.05 * (j.ravel() + 0.5)
    pi = np.pi
    height = (4700.0 - 1300.0 * x
              + 250.0 * np.sin(4 * pi * x + 1.3) * np.sin(3 * pi * y + 0.4)
              + 150.0 * np.cos(3 * pi * y))  # fmt: skip
    mean = -0.006 * (height - 4000.0) - 0.9 * (lat - 33.0)
    rain = 180.0 + 520.0 * x - 0.03 * (height - 4000.0)
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
        coords={
            "time": time, "cell": np.arange(x.size),
            "lon": ("cell", 97.0 + 0.05 * (i.ravel() + 0.5)),
        },
        attrs={"synthetic": "yes", "title": "synthetic plateau"},
    )  # fmt: skip


def _read_anomalies(path: Path | None) -> pd.DataFrame:
    if path is not None:
        return pd.read_csv(path, comment="#")
    with as_file(files(__package__) / "anomalies.csv") as packaged:
        return pd.read_csv(packaged, comment="#")
