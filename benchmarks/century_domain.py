"""The synthetic twin domain of CENTURY: truth and observations of its files.

Weather and soil are those of `landmodels.century.synthetic.plateau`. Everything here
is synthetic.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xarray as xr

from landmodels import century
from landmodels.century import plateau_forcing, plateau_truth

truth = plateau_truth


def calibrated() -> list[str]:
    """Ids of the 24 calibrated parameters."""
    table = century.parameter_table()
    return list(table.index[table["calibrated"] == "yes"])


def domain_forcing(folder: Path) -> xr.Dataset:
    """Monthly forcing of all 600 cells, 1961-2020, with the folder's anomalies."""
    return plateau_forcing(folder / "anomalies.csv")


def read_cells(folder: Path) -> pd.DataFrame:
    """Truth and default results of each cell, one row each."""
    return pd.read_csv(folder / "cells.csv", comment="#")


def read_soil_samples(folder: Path) -> pd.DataFrame:
    """Synthetic soil samples: cell, truth and obs (kg m-2)."""
    return pd.read_csv(folder / "soil_samples.csv", comment="#")


def read_flux_months(folder: Path) -> pd.DataFrame:
    """Synthetic months of NEP: site, cell, year, month, truth and obs (g m-2)."""
    return pd.read_csv(folder / "flux_months.csv", comment="#")
