"""Small files in the providers' own formats, and the optional real ones."""

import numpy as np
import pandas as pd
import pytest


def tower_table(start="2001-01-01", stop="2002-12-31"):
    """Two plain years of a tower table, in the file's units."""
    days = pd.date_range(start, stop)
    season = np.cos(2 * np.pi * (days.day_of_year - 200) / 365.25)
    return pd.DataFrame(
        {
            "date": days.strftime("%Y-%m-%d"),
            "tmin": 2.0 + 10.0 * season,
            "tmax": 12.0 + 12.0 * season,
            "srad": 10.0 + 7.0 * season,
            "co2": 370.0,
            "vpd": 4.0 + 2.0 * season,
            "prec": np.where(np.arange(len(days)) % 3 == 0, 9.0, 0.0),
            "pressure": 98.0,
            "gpp": np.maximum(8.0 * season, -0.2),
            "gpp_sd": np.where(season > 0, 0.8, 0.0),
            "er": 3.0 + 2.0 * season,
            "er_sd": 0.4,
            "nee": 3.0 - 5.0 * season,
            "nee_sd": 0.3,
            "lai": 2.0 + 2.0 * season,
            "lai_sd": 0.2,
        }
    ).round(6)


def station_table(start="2001-01-20", stop="2003-12-31"):
    """A station beside the tower that began later, in the file's units."""
    days = pd.date_range(start, stop)
    season = np.cos(2 * np.pi * (days.day_of_year - 200) / 365.25)
    return pd.DataFrame(
        {
            "date": days.strftime("%Y-%m-%d"),
            "tmean": 7.0 + 11.0 * season,
            "tmin": 1.0 + 10.0 * season,
            "tmax": 13.5 + 12.0 * season,
            "rh": 70.0,
            "dewp": 1.0 + 11.0 * season,
            "prec": 2.0,
            "srad": 10.0 + 7.0 * season,
            "sea_level_pressure": 1015.0,
            "wind": 2.0 - 0.5 * season,
        }
    ).round(6)


@pytest.fixture
def write(tmp_path):
    """Write a table as CSV and return its path."""

    def _write(table, name="site.csv"):
        path = tmp_path / name
        table.to_csv(path, index=False)
        return path

    return _write


@pytest.fixture
def tower():
    return tower_table()


@pytest.fixture
def station():
    return station_table()
