"""Round trips: what is written in a provider's format comes back on the grid."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landdata.errors import InputError
from landdata.files.subdaily import local_offset
from landdata.products.daymet import read_daymet_grid
from landdata.products.gridmet import read_gridmet
from landdata.products.narr import read_narr_cloud
from landdata.products.nldas import read_nldas
from landdata.products.user_netcdf import read_user_grid
from landdata.synthetic.product_writers import (
    write_daymet,
    write_gridmet,
    write_narr,
    write_nldas,
)

from ..conftest import at_cells, plane


def test_daymet_comes_back_with_its_lost_day(tmp_path, grid):
    field = plane(-3.0, north=-4.0, east=2.0, per_day=0.05)
    for year in (2003, 2004):
        write_daymet(tmp_path, "tmax", year, grid, field)
    found = read_daymet_grid(tmp_path / "*.nc", grid)
    days = pd.date_range("2003-01-01", "2004-12-31")
    assert list(found.indexes["time"]) == list(days)
    assert found.attrs["n_repeated"] == 1
    measured = days != pd.Timestamp("2004-12-31")
    expected = at_cells(field, days.to_numpy().astype("datetime64[D]"), grid)
    np.testing.assert_allclose(
        found["tmax"].values[measured], expected[measured], atol=2e-3
    )
    np.testing.assert_array_equal(
        found["tmax"].sel(time="2004-12-31"), found["tmax"].sel(time="2004-12-30")
    )
    assert found["tmax"].attrs["units"] == "degC"
    assert found["tmax"].dims == ("time", "lat", "lon")


def test_daymet_srad_is_a_daylight_mean(tmp_path, grid):
    write_daymet(tmp_path, "srad", 2003, grid, plane(400.0))
    with pytest.raises(InputError, match="dayl"):
        read_daymet_grid(tmp_path / "*.nc", grid)
    write_daymet(tmp_path, "dayl", 2003, grid, plane(36000.0))
    found = read_daymet_grid(tmp_path / "*.nc", grid)
    # 400 W m-2 through ten hours.
    np.testing.assert_allclose(found["shortwave"], 14.4, rtol=1e-5)
    assert found["shortwave"].attrs["units"] == "MJ m-2 d-1"


def test_daymet_tiles_make_one_field(tmp_path, grid):
    field = plane(5.0, north=3.0)
    whole = write_daymet(tmp_path, "tmin", 2003, grid, field)
    expected = read_daymet_grid(whole, grid)["tmin"]
    with xr.open_dataset(whole, engine="h5netcdf", decode_cf=False) as content:
        middle = content.sizes["x"] // 2
        for name, part in (("a", slice(0, middle)), ("b", slice(middle, None))):
            content.isel(x=part).load().to_netcdf(
                tmp_path / f"tile_{name}_tmin_2003.nc", engine="h5netcdf"
            )
    tiles = [tmp_path / f"tile_{name}_tmin_2003.nc" for name in "ab"]
    found = read_daymet_grid(tiles, grid)["tmin"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(InputError, match="same day and place"):
        read_daymet_grid([whole, *tiles], grid)


@pytest.mark.parametrize(
    ("kind", "ours", "written", "read"),
    [
        ("tmmx", "tmax", 293.1, 19.95),
        ("tmmn", "tmin", 273.2, 0.05),
        ("vs", "wind", 3.4, 3.4),
        ("sph", "specific_humidity", 0.0074, 0.0074),
        ("pr", "prec", 12.3, 12.3),
        ("vpd", "vpd", 0.85, 850.0),
        ("srad", "shortwave", 200.0, 17.28),  # W m-2 over 24 hours
    ],
)
def test_gridmet_comes_back_in_our_units(tmp_path, grid, kind, ours, written, read):
    write_gridmet(tmp_path, kind, 2004, grid, plane(written))
    found = read_gridmet(tmp_path / f"{kind}_2004.nc", grid)
    assert found.sizes["time"] == 366
    np.testing.assert_allclose(found[ours], read, rtol=2e-3, atol=1e-3)


def test_gridmet_is_bilinear(tmp_path, grid):
    field = plane(280.0, north=-8.0, east=4.0)
    path = write_gridmet(tmp_path, "tmmx", 2003, grid, field)
    found = read_gridmet(path, grid, years=(2003, 2003))["tmax"].isel(time=5)
    expected = at_cells(field, [np.datetime64("2003-01-06")], grid)[0] - 273.15
    np.testing.assert_allclose(found, expected, atol=0.06)  # packed to 0.1 K


def test_nldas_days_are_local(tmp_path, grid):
    """A value that is the hour of the UTC clock tells which hours make a day."""

    def hour(time, lat, lon):
        since = (time - np.datetime64("2003-06-01")) / np.timedelta64(1, "h")
        return 273.15 + 0.1 * since.astype(float) + 0.0 * lat * lon

    def rain(time, lat, lon):
        # Stamped local midnight of 2 June: it fell in the hour before.
        burst = time == np.datetime64("2003-06-03T05")
        return 1.0 + 9.0 * burst + 0.0 * lat * lon

    for day in ("2003-06-02", "2003-06-03"):
        write_nldas(
            tmp_path,
            np.datetime64(day),
            grid,
            {
                "Tair": hour,
                "Rainf": rain,
                "SWdown": plane(250.0),
                "PSurf": plane(98000.0),
                "Wind_E": plane(-3.0),
                "Wind_N": plane(4.0),
            },
        )
    found = read_nldas(tmp_path / "*.nc", grid)
    # 72 W is UTC-5: 2 June lasts from 05 UTC to 04 UTC of 3 June, and the files
    # hold no other whole day.
    assert [str(day)[:10] for day in found["time"].values] == ["2003-06-02"]
    day = found.isel(time=0, lat=0, lon=0)
    assert float(day["tmin"]) == pytest.approx(2.4 + 0.5, abs=1e-4)
    assert float(day["tmax"]) == pytest.approx(2.4 + 0.5 + 2.3, abs=1e-4)
    assert float(day["tmean"]) == pytest.approx(2.4 + 0.5 + 1.15, abs=1e-4)
    assert float(day["prec"]) == pytest.approx(24.0 + 9.0)
    assert float(day["wind"]) == pytest.approx(5.0)
    assert float(day["pressure"]) == pytest.approx(98000.0)
    assert float(day["shortwave"]) == pytest.approx(250.0 * 0.0864)
    assert found["prec"].attrs["units"] == "mm d-1"


def test_a_missing_hour_is_named(tmp_path, grid):
    paths = write_nldas(
        tmp_path, np.datetime64("2003-06-01"), grid, {"Tair": plane(290.0)}
    )
    paths[7].unlink()
    with pytest.raises(InputError, match="2003-06-01T06:00:00 and then 2003-06-01T08"):
        read_nldas(tmp_path / "*.nc", grid)


def test_narr_cloud_comes_back_by_local_day(tmp_path, grid):
    def cloud(time, lat, lon):
        hours = (time - np.datetime64("2003-01-01T00")) / np.timedelta64(1, "h")
        return (hours.astype(float) // 24 % 2) * 80.0 + 0.0 * lat * lon

    write_narr(tmp_path, 2003, grid, cloud)
    found = read_narr_cloud(tmp_path / "tcdc.2003.nc", grid, years=(2003, 2003))
    # A local day has 19 hours of one UTC day and 5 of the next: 6 and 2 of 8 values.
    values = found["cloud_cover"].isel(lat=0, lon=0).values
    np.testing.assert_allclose(values[0], 0.8 * 2 / 8, atol=1e-4)
    np.testing.assert_allclose(values[1], 0.8 * 6 / 8, atol=1e-4)
    assert np.isnan(values[-1])
    assert found["cloud_cover"].attrs["units"] == "1"


def test_narr_is_bilinear_in_its_own_projection(tmp_path, grid):
    field = plane(50.0, north=10.0, east=-6.0)
    write_narr(tmp_path, 2003, grid, field)
    found = read_narr_cloud(tmp_path / "tcdc.2003.nc", grid, years=(2003, 2003))
    expected = at_cells(field, [np.datetime64("2003-03-01")], grid)[0] / 100.0
    np.testing.assert_allclose(
        found["cloud_cover"].sel(time="2003-03-01"), expected, atol=2e-3
    )


@pytest.mark.parametrize(("lon", "hours"), [(-72.2, -5), (-82.4, -5), (-82.6, -6)])
def test_the_solar_day_is_the_nearest_whole_hour(lon, hours):
    assert local_offset([lon])[0] == hours


def test_a_product_of_ones_own(tmp_path, grid):
    path = write_gridmet(tmp_path, "vs", 2003, grid, plane(3.0))
    found = read_user_grid(path, grid, {"wind": "wind_speed"})
    np.testing.assert_allclose(found["wind"], 3.0, atol=1e-6)
    with pytest.raises(InputError, match=r"wind_speed\.units"):
        read_user_grid(path, grid, {"tmax": "wind_speed"})
    with pytest.raises(InputError, match="unknown variable"):
        read_user_grid(path, grid, {"wnd": "wind_speed"})


def changed(path, change):
    """Rewrite a file with its dataset changed, undecoded."""
    with xr.open_dataset(path, engine="h5netcdf", decode_cf=False) as content:
        dataset = change(content.load())
    dataset.to_netcdf(path, engine="h5netcdf")
    return path


def _units(dataset):
    dataset["tmax"].attrs["units"] = "furlongs"
    return dataset


def _no_projection(dataset):
    del dataset["tmax"].attrs["grid_mapping"]
    return dataset


def _other_projection(dataset):
    dataset["lambert_conformal_conic"].attrs["longitude_of_central_meridian"] = -96.0
    return dataset


def _out_of_order(dataset):
    order = np.arange(365)
    order[[9, 10]] = order[[10, 9]]
    return dataset.isel(time=order)


def _twice(dataset):
    return dataset.isel(time=np.r_[0:100, 99:364])


def _short(dataset):
    return dataset.isel(time=slice(0, 300))


def _code(dataset):
    values = dataset["tmax"].values
    values[17, 12, 12] = -8888.0
    return dataset


def _calendar(dataset):
    dataset["time"].attrs["calendar"] = "lunar"
    return dataset


def _noleap(dataset):
    dataset["time"].attrs["calendar"] = "noleap"
    return dataset


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        (_noleap, "calendar 'noleap'"),
        (_units, "furlongs"),
        (_no_projection, "grid_mapping"),
        (_other_projection, "misses the file's own latitudes"),
        (_out_of_order, "rise"),
        (_twice, "rise"),
        (_short, "cut short"),
        (_code, "2003-01-18"),
        (_calendar, "netCDF"),
    ],
)
def test_a_wrong_daymet_file_is_refused_by_name(tmp_path, grid, change, reported):
    path = changed(write_daymet(tmp_path, "tmax", 2003, grid, plane(10.0)), change)
    with pytest.raises(InputError, match=reported) as caught:
        read_daymet_grid(path, grid)
    assert path.name in str(caught.value)


def test_an_empty_file_is_refused(tmp_path, grid):
    path = tmp_path / "daymet_v4_daily_na_tmax_2003.nc"
    path.write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        read_daymet_grid(path, grid)


def test_no_file_is_reported_with_the_nearest_name(tmp_path, grid):
    write_gridmet(tmp_path, "vs", 2003, grid, plane(3.0))
    with pytest.raises(InputError, match=r"vs_2003\.nc"):
        read_gridmet(tmp_path / "vs_2030.nc", grid)
    with pytest.raises(InputError, match="no file matches"):
        read_gridmet(tmp_path / "zz*.nc", grid)


def test_a_region_elsewhere_is_refused(tmp_path, grid):
    from landdata.grid.grid import Grid

    path = write_gridmet(tmp_path, "vs", 2003, grid, plane(3.0))
    with pytest.raises(InputError, match="covers the region"):
        read_gridmet(path, Grid.from_bounds(10.0, 50.0, 10.2, 50.2))
