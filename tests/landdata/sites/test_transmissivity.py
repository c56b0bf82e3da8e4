"""Sunlight from the temperature range: limits, directions, and Daymet's own srad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from landdata import (
    climatological_wind,
    harvard_normals,
    read_daymet,
    with_estimated_shortwave,
)
from landdata.meteorology.transmissivity import (
    clear_sky_transmissivity,
    cloud_transmissivity,
)

SHARED = Path(__file__).parents[3].parent / "shared"
OAK_RIDGE = SHARED / "data" / "products" / "daymet_v3_oak_ridge_daily.csv"

YEAR = np.arange("2003-01-01", "2004-01-01", dtype="datetime64[D]")


def test_a_day_without_a_range_is_dark_and_a_wide_one_is_clear():
    tmin = np.full(365, 5.0)
    assert cloud_transmissivity(tmin, tmin, 0.0 * tmin) == pytest.approx(0.1)
    wide = cloud_transmissivity(tmin, tmin + 60.0, 0.0 * tmin)
    assert wide == pytest.approx(1.0, abs=0.01)
    narrow = cloud_transmissivity(tmin, tmin + 6.0, 0.0 * tmin)
    assert np.all((narrow > 0.1) & (narrow < wide))


def test_rain_takes_a_quarter_of_the_light():
    tmin, tmax = np.full(60, 5.0), np.full(60, 17.0)
    dry = cloud_transmissivity(tmin, tmax, np.zeros(60))
    np.testing.assert_allclose(
        cloud_transmissivity(tmin, tmax, np.full(60, 3.0)), 0.75 * dry
    )


def test_a_clear_sky_is_clearer_high_up_in_dry_air_and_under_a_high_sun():
    low = clear_sky_transmissivity(YEAR, 42.5, 0.0, 1000.0)
    assert np.all(clear_sky_transmissivity(YEAR, 42.5, 2000.0, 1000.0) > low)
    assert np.all(clear_sky_transmissivity(YEAR, 42.5, 0.0, 2000.0) < low)
    assert low[171] > low[354]  # June against December
    # Nothing takes more than the dry atmosphere straight above leaves.
    assert clear_sky_transmissivity(YEAR, 0.0, 0.0, 0.0).max() < 0.870


@pytest.mark.skipif(not OAK_RIDGE.exists(), reason="no Daymet file of Oak Ridge here")
def test_daymets_own_radiation_comes_back():
    record = read_daymet(OAK_RIDGE)
    theirs = record["shortwave"].to_numpy()
    ours = with_estimated_shortwave(
        record.drop_vars("shortwave"),
        lat=record.attrs["lat"],
        elevation=record.attrs["elevation"],
    )
    assert "estimated" in ours.attrs["source"]
    light = ours["shortwave"].to_numpy()
    assert abs(light.mean() / theirs.mean() - 1.0) < 0.01
    # Daymet v3 averages over grid cells and hours of its own.
    assert np.corrcoef(light, theirs)[0, 1] > 0.98
    assert np.sqrt(np.mean((light - theirs) ** 2)) < 0.08 * theirs.mean()


def test_the_climatological_wind_lies_between_that_of_dry_and_of_wet_days():
    normals = harvard_normals()
    wind = climatological_wind(normals, YEAR)
    month = normals.monthly.iloc[6]
    july = float(wind["wind"].sel(time="2003-07-15"))
    ends = sorted([month["wind_mean_dry"], month["wind_mean_wet"]])
    assert ends[0] <= july <= ends[1]
    assert "normals" in wind.attrs["source"]
