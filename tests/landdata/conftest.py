"""A small piece of the grid, and plain fields that a reader has to give back."""

import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

from landdata.grid.grid import Grid

REAL_DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_data():
    if not REAL_DATA.is_dir():
        pytest.skip(f"the real data are not beside the repository ({REAL_DATA})")
    return REAL_DATA


@pytest.fixture(scope="session")
def grid():
    """Four by five cells at Harvard Forest."""
    return Grid.from_bounds(-72.3, 42.4, -72.05, 42.6)


def plane(middle, north=0.0, east=0.0, per_day=0.0):
    """A plane in space that rises by a step each day: area means and bilinear
    interpolation both give back its value at the middle of a cell."""

    def values(day, lat, lon):
        days = (day - day.astype("datetime64[Y]")) / np.timedelta64(1, "D")
        return middle + north * (lat - 42.5) + east * (lon + 72.2) + per_day * days

    return values


def at_cells(values, days, grid):
    """The same field at the middles of the cells, (day, lat, lon)."""
    return values(np.asarray(days)[:, None, None], grid.lat[:, None], grid.lon[None, :])
