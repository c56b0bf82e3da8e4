"""Tiny files in the providers' own formats, for tests, tutorials and benchmarks.

Each writer takes a function of day, latitude and longitude and writes it on the
provider's grid, packed, stamped and named as the provider does. What is written is
made up, whatever the file's name says: every file carries a title that says so
where its format has room for one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from regions.grid import Grid
from regions.layout import days_of

# (days or hours as datetime64, lat, lon) -> values; the three broadcast.
Values = Callable[[NDArray, NDArray, NDArray], NDArray]

MADE_UP = "made-up values in the provider's format, not the provider's data"

DAYMET_MAPPING: dict[str, Any] = {
    "grid_mapping_name": "lambert_conformal_conic",
    "longitude_of_central_meridian": -100.0,
    "latitude_of_projection_origin": 42.5,
    "false_easting": 0.0,
    "false_northing": 0.0,
    "standard_parallel": np.array([25.0, 60.0]),
    "semi_major_axis": 6378137.0,
    "inverse_flattening": 298.257223563,
}
NARR_MAPPING: dict[str, Any] = {
    "grid_mapping_name": "lambert_conformal_conic",
    "standard_parallel": np.array([50.0, 50.0]),
    "longitude_of_central_meridian": -107.0,
    "latitude_of_projection_origin": 50.0,
    "false_easting": 5632642.22547,
    "false_northing": 4612545.65137,
}
_DAYMET_UNITS = {
    "tmin": "degrees C",
    "tmax": "degrees C",
    "prcp": "mm/day",
    "vp": "Pa",
    "srad": "W/m2",
    "dayl": "s/day",
    "swe": "kg/m2",
}
# File: variable inside, units, scale, offset.
_GRIDMET = {
    "tmmn": ("air_temperature", "K", 0.1, 210.0),
    "tmmx": ("air_temperature", "K", 0.1, 220.0),
    "pr": ("precipitation_amount", "mm", 0.1, 0.0),
    "vs": ("wind_speed", "m/s", 0.1, 0.0),
    "sph": ("specific_humidity", "kg/kg", 1.0e-5, 0.0),
    "vpd": ("mean_vapor_pressure_deficit", "kPa", 0.01, 0.0),
    "srad": ("surface_downwelling_shortwave_flux_in_air", "W m-2", 0.1, 0.0),
}
_NLDAS_UNITS = {
    "Tair": "K",
    "Qair": "kg kg-1",
    "PSurf": "Pa",
    "Wind_E": "m s-1",
    "Wind_N": "m s-1",
    "SWdown": "W m-2",
    "Rainf": "kg m-2",
}


def write_daymet(
    folder: Path, variable: str, year: int, grid: Grid, values: Values
) -> Path:
    """A Daymet V4 file of one variable and year that covers a grid."""
    crs = CRS.from_cf(DAYMET_MAPPING)
    x, y = _even_axes(crs, grid, 1000.0, margin=2)
    lon, lat = _places(crs, x, y)
    days = days_of((year, year))[:365]
    content = np.broadcast_to(
        values(days[:, None, None], lat, lon), (365, y.size, x.size)
    )
    dataset = xr.Dataset(
        {
            variable: (
                ("time", "y", "x"),
                content.astype(np.float32),
                {
                    "units": _DAYMET_UNITS[variable],
                    "grid_mapping": "lambert_conformal_conic",
                },
            ),
            "lat": (("y", "x"), lat.astype(np.float32), {"units": "degrees_north"}),
            "lon": (("y", "x"), lon.astype(np.float32), {"units": "degrees_east"}),
            "lambert_conformal_conic": ((), np.int16(0), DAYMET_MAPPING),
        },
        coords={
            "time": days.astype("datetime64[ns]") + np.timedelta64(12, "h"),
            "y": ("y", y[::-1].copy(), {"units": "m"}),
            "x": ("x", x, {"units": "m"}),
        },
        attrs={"title": MADE_UP},
    )
    # Daymet's rows run from north to south.
    for name in ("lat", "lon", variable):
        axis = dataset[name].dims.index("y")
        dataset[name] = dataset[name].copy(data=np.flip(dataset[name].values, axis))
    path = folder / f"daymet_v4_daily_na_{variable}_{year}.nc"
    return _write(dataset, path, {variable: {"_FillValue": -9999.0}}, "1950-01-01")


def write_gridmet(
    folder: Path, kind: str, year: int, grid: Grid, values: Values
) -> Path:
    """A gridMET file (``kind`` such as tmmx) of one year that covers a grid."""
    name, units, scale, offset = _GRIDMET[kind]
    lat, lon = _degree_axes(grid, 1.0 / 24.0)
    days = days_of((year, year))
    content = values(days[:, None, None], lat[:, None], lon[None, :])
    dataset = xr.Dataset(
        {
            name: (
                ("day", "lat", "lon"),
                np.broadcast_to(content, (days.size, lat.size, lon.size)),
                {"units": units},
            ),
            "crs": ((), np.int16(0), {"grid_mapping_name": "latitude_longitude"}),
        },
        coords={
            "day": days.astype("datetime64[ns]"),
            "lat": ("lat", lat, {"units": "degrees_north"}),
            "lon": ("lon", lon, {"units": "degrees_east"}),
        },
        attrs={"title": MADE_UP},
    )
    packing = {
        "dtype": "uint16",
        "scale_factor": scale,
        "add_offset": offset,
        "_FillValue": np.uint16(32767),
    }
    path = folder / f"{kind}_{year}.nc"
    return _write(dataset, path, {name: packing}, "1900-01-01", time="day")


def write_nldas(
    folder: Path, day: np.datetime64, grid: Grid, values: Mapping[str, Values]
) -> list[Path]:
    """The 24 hourly NLDAS-2 files of a UTC day."""
    lat, lon = _degree_axes(grid, 0.125, falling=False)
    paths = []
    for hour in range(24):
        time = day.astype("datetime64[D]") + np.timedelta64(hour, "h")
        dataset = xr.Dataset(
            {
                name: (
                    ("time", "lat", "lon"),
                    np.broadcast_to(
                        value(
                            np.array([time])[:, None, None], lat[:, None], lon[None, :]
                        ),
                        (1, lat.size, lon.size),
                    ).astype(np.float32),
                    {"units": _NLDAS_UNITS[name]},
                )
                for name, value in values.items()
            },
            coords={
                "time": np.array([time]).astype("datetime64[ns]"),
                "lat": ("lat", lat, {"units": "degrees_north"}),
                "lon": ("lon", lon, {"units": "degrees_east"}),
            },
            attrs={"title": MADE_UP},
        )
        stamp = str(day.astype("datetime64[D]")).replace("-", "")
        path = folder / f"NLDAS_FORA0125_H.A{stamp}.{hour:02d}00.020.nc"
        encoding = {name: {"_FillValue": -9999.0} for name in values}
        paths.append(_write(dataset, path, encoding, "1979-01-01", step="hours"))
    return paths


def write_narr(
    folder: Path,
    year: int,
    grid: Grid,
    values: Values,
    *,
    times: NDArray | None = None,
) -> Path:
    """A NARR file of three-hourly cloud cover (percent, packed) that covers a grid."""
    crs = CRS.from_cf({**NARR_MAPPING, "earth_radius": 6371200.0})
    x, y = _even_axes(crs, grid, 32463.41, margin=2)
    lon, lat = _places(crs, x, y)
    if times is None:
        first = np.datetime64(f"{year}-01-01T00")
        times = np.arange(first, np.datetime64(f"{year + 1}-01-01T00"), 3)
    content = values(times[:, None, None], lat, lon)
    dataset = xr.Dataset(
        {
            "tcdc": (
                ("time", "y", "x"),
                np.broadcast_to(content, (times.size, y.size, x.size)),
                {"units": "%", "grid_mapping": "Lambert_Conformal"},
            ),
            "lat": (("y", "x"), lat.astype(np.float32), {"units": "degrees_north"}),
            "lon": (("y", "x"), lon.astype(np.float32), {"units": "degrees_east"}),
            "Lambert_Conformal": ((), np.int32(0), NARR_MAPPING),
        },
        coords={
            "time": times.astype("datetime64[ns]"),
            "y": ("y", y, {"units": "m"}),
            "x": ("x", x, {"units": "m"}),
        },
        attrs={"title": MADE_UP},
    )
    packing = {
        "dtype": "int16",
        "scale_factor": 0.01,
        "add_offset": 0.0,
        "_FillValue": np.int16(32766),
    }
    path = folder / f"tcdc.{year}.nc"
    return _write(dataset, path, {"tcdc": packing}, "1800-01-01", step="hours")


def write_gsde(
    folder: Path, kind: str, grid: Grid, values: Callable[..., NDArray]
) -> list[Path]:
    """Both files of SAND or CLAY; ``values(layer, lat, lon)`` in percent."""
    from regions.soil import BOTTOMS

    lat, lon = _degree_axes(grid, 1.0 / 120.0)
    paths = []
    for number, layers in enumerate((range(4), range(4, 8)), start=1):
        content = np.stack(
            [
                np.broadcast_to(
                    values(layer, lat[:, None], lon[None, :]), (lat.size, lon.size)
                )
                for layer in layers
            ]
        )
        dataset = xr.Dataset(
            {
                kind: (
                    ("depth", "lat", "lon"),
                    np.where(np.isnan(content), -100, np.rint(content)).astype(np.int8),
                    {"units": "% of weight", "_FillValue": np.int8(-100)},
                )
            },
            coords={
                "depth": (
                    "depth",
                    np.array([BOTTOMS[layer] for layer in layers], dtype=np.float32),
                    {"units": "centimeter"},
                ),
                "lat": ("lat", lat, {"units": "degrees_north"}),
                "lon": ("lon", lon, {"units": "degrees_east"}),
            },
            attrs={"title": MADE_UP},
        )
        paths.append(folder / f"{kind}{number}.nc")
        _write(dataset, paths[-1], {kind: {}}, None)
    return paths


def write_raster(
    path: Path,
    grid: Grid,
    values: Callable[[NDArray, NDArray], NDArray],
    *,
    pixel: float = 300.0,
    dtype: str = "uint8",
    nodata: float | None = 0,
    crs: str = "EPSG:5070",
) -> Path:
    """A GeoTIFF in Albers equal-area (NLCD's projection) that covers a grid.

    Parameters
    ----------
    values : callable
        (lat, lon) to classes or heights.
    pixel : float
        m; NLCD has 30.
    """
    import rasterio
    from rasterio.transform import Affine

    projection = CRS(crs)
    x, y = _even_axes(projection, grid, pixel, margin=3)
    y = y[::-1]
    lon, lat = _places(projection, x, y)
    content = values(lat, lon).astype(dtype)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=x.size,
        height=y.size,
        count=1,
        dtype=dtype,
        crs=crs,
        transform=Affine(pixel, 0.0, x[0] - pixel / 2, 0.0, -pixel, y[0] + pixel / 2),
        nodata=nodata,
        compress="deflate",
    ) as raster:
        raster.write(content, 1)
        raster.update_tags(title=MADE_UP)
    return path


def write_glass(
    folder: Path,
    stream: str,
    day: np.datetime64,
    grid: Grid,
    values: Values,
    *,
    attributes: Mapping[str, Any] | None = None,
) -> Path:
    """A GLASS composite on a part of its global grid; NaN becomes the fill value.

    Parameters
    ----------
    attributes : mapping, optional
        To set (or, with None, to leave out): scale_factor, _FillValue, valid_range,
        units.
    """
    from pyhdf.SD import SD, SDC

    products = {"lai": ("GLASS01B01", SDC.UINT8), "gpp": ("GLASS12B01", SDC.INT16)}
    product, kind = products[stream]
    chosen: dict[str, Any] = {
        "lai": {"scale_factor": 0.1, "_FillValue": 255, "valid_range": (0, 100)},
        "gpp": {
            "scale_factor": 0.01,
            "_FillValue": -1,
            "valid_range": (0, 3000),
            "units": "gC m-2 d-1",
        },
    }[stream] | dict(attributes or {})
    scale = chosen["scale_factor"] or 0.1
    fill = chosen["_FillValue"] if chosen["_FillValue"] is not None else 0
    field = np.broadcast_to(
        values(np.array([day])[:, None, None], grid.lat[:, None], grid.lon[None, :]),
        (1, *grid.shape),
    )[0]
    raw = np.where(np.isnan(field), fill, np.rint(np.nan_to_num(field) / scale))
    date = day.astype("datetime64[D]")
    year = int(str(date)[:4])
    of_year = int((date - np.datetime64(f"{year}-01-01")).astype(int)) + 1
    path = folder / f"{product}.V60.A{year}{of_year:03d}.2022138.hdf"
    content = SD(str(path), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    data = content.create(stream.upper(), kind, grid.shape)
    data.setcompress(SDC.COMP_DEFLATE, 5)
    data[:] = raw.astype(np.uint8 if stream == "lai" else np.int16)
    for name, value in chosen.items():
        if value is None:
            continue
        if name in ("_FillValue", "valid_range"):
            data.attr(name).set(kind, list(np.atleast_1d(value).tolist()))
        elif isinstance(value, str):
            data.attr(name).set(SDC.CHAR, value)
        else:
            data.attr(name).set(SDC.FLOAT64, value)
    data.endaccess()
    content.attr("StructMetadata.0").set(SDC.CHAR, _structure(product, grid))
    content.attr("title").set(SDC.CHAR, MADE_UP)
    content.end()
    return path


def _structure(product: str, grid: Grid) -> str:
    west, south, east, north = grid.bounds

    def packed(degrees: float) -> str:
        total = round(abs(degrees) * 3600.0)
        whole, rest = divmod(total, 3600)
        minutes, seconds = divmod(rest, 60)
        return f"{np.sign(degrees) * (whole * 1e6 + minutes * 1e3 + seconds):.6f}"

    return (
        "GROUP=SwathStructure\nEND_GROUP=SwathStructure\nGROUP=GridStructure\n"
        f'\tGROUP=GRID_1\n\t\tGridName="{product}"\n\t\tXDim={grid.n_columns}\n'
        f"\t\tYDim={grid.n_rows}\n"
        f"\t\tUpperLeftPointMtrs=({packed(west)},{packed(north)})\n"
        f"\t\tLowerRightMtrs=({packed(east)},{packed(south)})\n"
        "\t\tProjection=GCTP_GEO\n\tEND_GROUP=GRID_1\nEND_GROUP=GridStructure\nEND\n"
    )


def _degree_axes(
    grid: Grid, step: float, *, falling: bool = True
) -> tuple[NDArray, NDArray]:
    """Middles of a latitude-longitude grid that covers another with two to spare."""
    west, south, east, north = grid.bounds
    n_columns, n_rows = round((east - west) / step), round((north - south) / step)
    lon = (np.floor(west / step) - 2 + np.arange(n_columns + 5)) * step
    lat = (np.floor(south / step) - 2 + np.arange(n_rows + 5)) * step
    lat, lon = lat + 0.5 * step, lon + 0.5 * step
    return (lat[::-1].copy() if falling else lat), lon


def _even_axes(
    crs: CRS, grid: Grid, step: float, *, margin: int
) -> tuple[NDArray, NDArray]:
    west, south, east, north = grid.bounds
    ring = np.linspace(0.0, 1.0, 21)
    lon = np.r_[west + ring * (east - west), west + ring * (east - west)]
    lat = np.r_[np.full(21, south), np.full(21, north)]
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    axes = []
    for values in (np.asarray(x), np.asarray(y)):
        first = np.floor(values.min() / step) - margin
        last = np.ceil(values.max() / step) + margin
        axes.append((np.arange(first, last + 1) + 0.5) * step)
    return axes[0], axes[1]


def _places(crs: CRS, x: NDArray, y: NDArray) -> tuple[NDArray, NDArray]:
    """Longitudes and latitudes (row, column) of even axes."""
    back = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    across, along = np.meshgrid(x, y)
    lon, lat = back.transform(across, along)
    return np.asarray(lon), np.asarray(lat)


def _write(
    dataset: xr.Dataset,
    path: Path,
    encoding: dict[str, dict[str, Any]],
    epoch: str | None,
    *,
    step: str = "days",
    time: str = "time",
) -> Path:
    full: dict[str, dict[str, Any]] = {
        name: {"zlib": True, "complevel": 4, "fletcher32": True, **options}
        for name, options in encoding.items()
    }
    if epoch is not None:
        full[time] = {"units": f"{step} since {epoch}", "dtype": "float64"}
    dataset.to_netcdf(path, engine="h5netcdf", encoding=full)
    return path
