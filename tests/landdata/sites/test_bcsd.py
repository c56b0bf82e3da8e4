"""A monthly sum becomes a daily rate of its own month, and the sea stays empty."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landdata import read_bcsd
from landdata.errors import InputError


@pytest.fixture
def grid():
    time = pd.date_range("1999-01-31", periods=12, freq="ME")
    shape = (12, 3, 4)
    rain = np.broadcast_to(time.days_in_month.to_numpy()[:, None, None] * 3.0, shape)
    rain = rain.astype("float32").copy()
    rain[:, 0, 0] = np.nan
    warmth = np.full(shape, 15.0, dtype="float32")
    warmth[:, 0, 0] = np.nan
    dims = ("time", "latitude", "longitude")
    return xr.Dataset(
        {
            "pr": (dims, rain, {"units": "mm/m", "long_name": "monthly_sum_pr"}),
            "tas": (dims, warmth, {"units": "C"}),
        },
        coords={
            "time": time,
            "latitude": [33.0625, 33.1875, 33.3125],
            "longitude": [-84.9375, -84.8125, -84.6875, -84.5625],
        },
    )


def save(grid, tmp_path):
    path = tmp_path / "grid.nc"
    encoding = {name: {"_FillValue": np.float32(1e20)} for name in grid.data_vars}
    grid.to_netcdf(path, engine="scipy", encoding=encoding)
    return path


def test_a_sum_over_the_month_is_three_millimetres_a_day(grid, tmp_path):
    field = read_bcsd(save(grid, tmp_path))
    np.testing.assert_allclose(field["prec"][:, 1, 1], 3.0)
    assert field["prec"].attrs["units"] == "mm d-1"
    assert field["tmean"].attrs["units"] == "degC"
    assert field.indexes["time"][1] == pd.Timestamp("1999-02-01")


def test_the_sea_is_missing_and_marked(grid, tmp_path):
    field = read_bcsd(save(grid, tmp_path))
    assert np.isnan(field["prec"][:, 0, 0]).all()
    assert not field["land"][0, 0]
    assert int(field["land"].sum()) == 11


def test_rows_from_north_to_south_are_turned_with_their_latitudes(grid, tmp_path):
    turned = grid.isel(latitude=slice(None, None, -1))
    xr.testing.assert_identical(
        read_bcsd(save(turned, tmp_path)), read_bcsd(save(grid, tmp_path))
    )


def test_another_unit_or_order_is_refused(grid, tmp_path):
    with pytest.raises(InputError, match="dimensions"):
        read_bcsd(save(grid.transpose("time", "longitude", "latitude"), tmp_path))
    grid["pr"].attrs["units"] = "mm/day"
    with pytest.raises(InputError, match="mm/day"):
        read_bcsd(save(grid, tmp_path))


def test_an_undeclared_fill_value_is_refused(grid, tmp_path):
    grid["tas"] = grid["tas"].fillna(-99999.0)
    with pytest.raises(InputError, match="_FillValue"):
        read_bcsd(save(grid, tmp_path))


def test_north_carolina_1999(real_data):
    field = read_bcsd(real_data / "products/bcsd_obs_1999.nc")
    assert dict(field.sizes) == {"time": 12, "lat": 33, "lon": 81}
    assert 0.75 < float(field["land"].mean()) < 0.80
    july = field["tmean"].sel(time="1999-07-01").mean()
    assert 24.0 < float(july) < 28.0
    year = float(
        (field["prec"].mean(("lat", "lon")) * field.time.dt.days_in_month).sum()
    )
    assert 1000.0 < year < 1400.0
