"""Every fault in every kind of file: refused, reported, or proven harmless.

A small good file of each kind is made, read, broken in one way and read again. The
second reading may be refused; it may come with a word (``corrections``) that the first
had not; or it must not hold one number that the first had not at the same place and
time. There is no fourth: a wrong number without a word fails.
"""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landdata import read_callmip_fluxes, read_fluxnet, read_tower
from landdata.errors import InputError
from landdata.grid.grid import Grid
from landdata.products.appeears import read_appeears
from landdata.products.era5_land import read_era5_land
from landdata.products.user_netcdf import read_user_grid
from landdata.sites.ameriflux import read_ameriflux_base
from landdata.sites.modis_point import read_modis_point

from .products.delivered import appeears, era5_land

GRID = Grid.from_bounds(-72.3, 42.5, -72.2, 42.6)
DAYS = pd.date_range("2010-07-01", periods=60)
SEASON = np.sin(np.arange(60) / 9.0)
FAULTS = (
    "fill code", "unit changed", "unit lost", "sign", "0-360", "descending axes",
    "interval", "missing half", "duplicated day", "wrong variable", "swapped min/max",
)  # fmt: skip


# netCDF: a dataset as it is stored is broken and written again.


class Cube:
    """A kind of netCDF file: what it is made of, and its reader."""

    def __init__(self, make, read, names, unit, code, time, lat="lat", lon="lon"):
        self.make, self.read, self.names = make, read, names
        self.unit, self.code = unit, code
        self.time, self.lat, self.lon = time, lat, lon

    def good(self, folder):
        return self.make(folder / "good.nc")

    def broken(self, path, fault):
        with xr.open_dataset(
            path, decode_times=False, mask_and_scale=False, decode_coords=False
        ) as opened:
            content = opened.load()
        content = self.break_it(content, fault)
        if content is None:
            return None
        for name in content.variables:
            content[name].encoding = {}
        target = path.with_name("broken.nc")
        content.to_netcdf(target, engine="h5netcdf")
        return target

    def break_it(self, content, fault):
        first, time = self.names[0], self.time
        n = content.sizes.get(time, 0)
        if fault == "fill code":
            content[first][{time: 1}] = self.code
        elif fault == "unit changed":
            content[first] = (
                content[first].astype(float) * 10.0 + 273.15
            ).assign_attrs(content[first].attrs)
        elif fault == "unit lost":
            del content[first].attrs["units"]
        elif fault == "sign":
            for name in self.names:
                content[name] = (-content[name]).assign_attrs(content[name].attrs)
        elif fault == "0-360":
            if self.lon not in content.coords:
                return None
            attrs = content[self.lon].attrs
            content[self.lon] = (content[self.lon] + 360.0).assign_attrs(attrs)
        elif fault == "descending axes":
            if self.lon not in content.coords:
                return None
            content = content.isel(
                {self.lat: slice(None, None, -1), self.lon: slice(None, None, -1)}
            )
        elif fault == "interval":
            attrs = content[time].attrs
            content[time] = (content[time] / 2).assign_attrs(attrs)
        elif fault == "missing half":
            content = content.isel({time: slice(0, n // 2)})
        elif fault == "duplicated day":
            order = [0, 1, *range(1, n)]
            content = content.isel({time: order})
        elif fault == "wrong variable":
            content = content.rename({first: "somethingelse"})
        elif fault == "swapped min/max":
            if len(self.names) < 2:
                return None
            one, other = self.names[:2]
            content = content.rename({one: other, other: one})
        return content


def user_file(path):
    lat, lon = np.arange(42.0, 43.1, 0.125), np.arange(-73.0, -71.4, 0.125)
    plane = 10.0 + 0.0 * lat[:, None] * lon
    low = plane[None] + 8.0 * SEASON[:, None, None]
    xr.Dataset(
        {
            "tn": (("time", "lat", "lon"), low, {"units": "degC"}),
            "tx": (("time", "lat", "lon"), low + 9.0, {"units": "degC"}),
        },
        {
            "time": ("time", np.arange(60.0), {"units": "days since 2010-07-01"}),
            "lat": ("lat", lat, {"units": "degrees_north"}),
            "lon": ("lon", lon, {"units": "degrees_east"}),
        },
    ).to_netcdf(path, engine="h5netcdf")
    return path


def callmip_file(path):
    flux = {"NEE": -1.0 - 4.0 * SEASON, "Qle": 60.0 + 40.0 * SEASON, "Qh": 40 + SEASON}
    content = xr.Dataset(
        coords={"time": ("time", np.arange(60.0), {"units": "days since 2010-07-01"})}
    )
    for name, values in flux.items():
        units = {"units": "gC/m2/d" if name == "NEE" else "W/m2"}
        content[f"{name}_daily"] = ("time", values, units)
        content[f"{name}_uc_daily"] = ("time", np.full(60, 0.4), units)
    content["latitude"] = ("y", [51.08], {"units": "degrees_north"})
    content["longitude"] = ("x", [10.45], {"units": "degrees_east"})
    content.to_netcdf(path, engine="h5netcdf")
    return path


# Tables: a DataFrame is broken and written again.


class Table:
    """A kind of text table: its columns, and its reader."""

    def __init__(self, make, read, names, time, before="", warm=None):
        self.make, self.read, self.names = make, read, names
        self.time, self.before = time, before
        self.warm = warm or names[0]

    def write(self, table, path):
        path.write_text(self.before + table.to_csv(index=False))
        return path

    def good(self, folder):
        return self.write(self.make(), folder / "good.csv")

    def broken(self, path, fault):
        table = self.make()
        first, n = self.names[0], len(table)
        if fault == "fill code":
            table.loc[n // 2 :, first] = -999.0
        elif fault == "unit changed":
            table[self.warm] = table[self.warm] * 10.0 + 273.15
        elif fault == "unit lost":
            return None  # a column's name is its unit
        elif fault == "sign":
            table[first] = -table[first]
        elif fault in ("0-360", "descending axes"):
            if fault == "0-360":
                return None
            table = table.iloc[::-1]
        elif fault == "interval":
            stamps = table[self.time]
            table[self.time] = [*stamps[: n // 2], *stamps[: n - n // 2]]
        elif fault == "missing half":
            table = table.iloc[: n // 2]
        elif fault == "duplicated day":
            table = table.iloc[[0, 1, *range(1, n)]]
        elif fault == "wrong variable":
            table = table.rename(columns={first: "somethingelse"})
        elif fault == "swapped min/max":
            pair = [name for name in ("tmin", "tmax") if name in table]
            if len(pair) < 2:
                return None
            table = table.rename(columns={"tmin": "tmax", "tmax": "tmin"})
        return self.write(table, path.with_name("broken.csv"))


def tower_rows():
    return pd.DataFrame(
        {
            "date": DAYS.strftime("%Y-%m-%d"),
            "gpp": 8.0 + 4.0 * SEASON,
            "er": 5.0 + SEASON,
            "nee": -3.0 - 3.0 * SEASON,
            "tmin": 8.0 + SEASON,
            "tmax": 20.0 + SEASON,
            "prec": 1.0,
        }
    )


def fluxnet_rows():
    rows = tower_rows()
    return pd.DataFrame(
        {
            "TIMESTAMP": DAYS.strftime("%Y%m%d"),
            "GPP_NT_VUT_REF": rows["gpp"],
            "RECO_NT_VUT_REF": rows["er"],
            "NEE_VUT_REF": rows["nee"],
            "NEE_VUT_REF_QC": 1.0,
            "TA_F": rows["tmax"],
        }
    )


def base_rows():
    begin = pd.date_range("2010-07-01", periods=48 * 40, freq="30min")
    slow = np.sin(np.arange(begin.size) / 400.0)
    return pd.DataFrame(
        {
            "TIMESTAMP_START": begin.strftime("%Y%m%d%H%M"),
            "TIMESTAMP_END": (begin + pd.Timedelta(30, "min")).strftime("%Y%m%d%H%M"),
            "GPP_PI": 8.0 + 4.0 * slow,
            "RECO_PI": 5.0 + slow,
            "FC": -3.0 - 3.0 * slow,
            "TA": 15.0 + slow,
        }
    )


def composite_rows():
    days = pd.date_range("2010-01-01", periods=40, freq="8D")
    return pd.DataFrame(
        {
            "Date": days.strftime("%Y-%m-%d"),
            "ID": "a",
            "MOD15A2H_061_Lai_500m": np.round(3.0 + 2.0 * np.sin(np.arange(40)), 1),
            "MOD15A2H_061_FparLai_QC": 0,
        }
    )


KINDS = {
    "user netCDF": Cube(
        user_file, lambda p: read_user_grid(p, GRID, {"tmin": "tn", "tmax": "tx"}),
        ("tn", "tx"), "degC", -9999.0, "time",
    ),
    "AppEEARS area": Cube(
        appeears, lambda p: read_appeears(p, GRID, stream="lai"),
        ("Lai_500m",), "m^2/m^2", 253, "time",
    ),
    "ERA5-Land": Cube(
        lambda p: era5_land(p, n_days=2),
        lambda p: read_era5_land(p, GRID, variables=("tmin", "tmax", "prec")),
        ("t2m",), "K", -9999.0, "valid_time", "latitude", "longitude",
    ),
    "CalLMIP": Cube(
        callmip_file, read_callmip_fluxes, ("NEE_daily",), "gC/m2/d", -9999.0, "time"
    ),
    "tower table": Table(tower_rows, read_tower, ("gpp",), "date", warm="tmax"),
    "FLUXNET": Table(
        fluxnet_rows, read_fluxnet, ("GPP_NT_VUT_REF",), "TIMESTAMP", warm="TA_F"
    ),
    "AmeriFlux BASE": Table(
        base_rows, read_ameriflux_base, ("GPP_PI",), "TIMESTAMP_START",
        "# Site: US-Zzz\n# Version: 1-5\n", warm="TA",
    ),
    "AppEEARS points": Table(
        composite_rows, lambda p: read_modis_point(p, "lai"),
        ("MOD15A2H_061_Lai_500m",), "Date",
    ),
}  # fmt: skip


def judge(good, kind, path):
    """Which of the three it is; raises where it is none."""
    try:
        read = kind.read(path)
    except InputError:
        return "refused"
    if read.attrs.get("corrections", "") != good.attrs.get("corrections", ""):
        return "told"
    for name in read.data_vars:
        if name not in good:
            raise AssertionError(f"{name} is new")
        before, after = good[name], read[name]
        if "time" in after.dims:
            assert after.indexes["time"].is_unique
            before = before.reindex(time=after["time"])
        same = np.isclose(before, after, rtol=1e-5, atol=1e-6)
        wrong = np.isfinite(after.to_numpy()) & ~same
        if wrong.any():
            raise AssertionError(f"{name}: {int(wrong.sum())} numbers without a word")
    return "harmless"


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    """What became of every fault in every kind of file."""
    found = {}
    for name, kind in KINDS.items():
        folder = tmp_path_factory.mktemp("kind")
        path = kind.good(folder)
        good = kind.read(path)
        for fault in FAULTS:
            broken = kind.broken(path, fault)
            if broken is None:
                continue
            try:
                found[name, fault] = judge(good, kind, broken)
            except AssertionError as exc:
                found[name, fault] = f"SILENT: {exc}"
    return found


def test_no_fault_gives_a_wrong_number_without_a_word(matrix):
    silent = {key: word for key, word in matrix.items() if word.startswith("SILENT")}
    assert silent == {}
    assert len(matrix) >= 60


@pytest.mark.parametrize("fault", ["duplicated day", "wrong variable", "fill code"])
def test_these_faults_never_pass_as_values(matrix, fault):
    words = {kind: word for (kind, one), word in matrix.items() if one == fault}
    assert set(words) == set(KINDS)
    if fault == "duplicated day":
        assert set(words.values()) == {"refused"}


@pytest.mark.parametrize("kind", ["user netCDF", "AppEEARS area", "ERA5-Land"])
def test_axes_of_any_order_are_harmless(matrix, kind):
    assert matrix[kind, "0-360"] == "harmless"
    assert matrix[kind, "descending axes"] == "harmless"
