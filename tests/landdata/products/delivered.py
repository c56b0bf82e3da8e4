"""Small files as services write them: packing, names, calendars and oddities."""

import numpy as np
import pandas as pd
import xarray as xr
from scipy.io import netcdf_file

REGION = (-72.3, 42.4, -72.05, 42.6)
DEGREES = ("degrees_north", "degrees_east")


def appeears(
    path, *, n=4, first="2010-07-04", good=None, codes=(), repair=None, **layer
):
    """An AppEEARS area file: LAI (or another layer) of a plane, flags, real packing.

    Pixels are those of the 1/240 degree grid over the region of the tests.
    """
    name = layer.get("name", "Lai_500m")
    flag = layer.get("flag", "FparLai_QC")
    scale, units = layer.get("scale", 0.1), layer.get("units", "m^2/m^2")
    lat = 42.6 - (np.arange(48) + 0.5) / 240.0
    lon = -72.3 + (np.arange(60) + 0.5) / 240.0
    start = np.datetime64(first)
    days = start + int(layer.get("step", 8)) * np.arange(n)
    value = layer.get("value", 3.0)
    packed = np.full((n, 48, 60), round(value / scale), dtype=np.int16)
    for at, code in codes:
        packed[at] = code
    flags = np.zeros_like(packed) if good is None else np.where(good, 0, 97)
    seconds = (days - np.datetime64("2000-01-01")).astype("timedelta64[s]").astype("i4")
    whole = {"_FillValue": np.int16(255), "grid_mapping": "crs"}
    content = xr.Dataset(
        {
            "crs": ((), np.int8(0), {"grid_mapping_name": "latitude_longitude"}),
            name: (
                ("time", "lat", "lon"),
                packed,
                {
                    **whole,
                    "units": units,
                    "scale_factor": scale,
                    "add_offset": 0.0,
                    "valid_min": np.int16(0),
                    "valid_max": np.int16(layer.get("highest", 100)),
                },
            ),
            flag: (("time", "lat", "lon"), flags.astype(np.int16), whole),
        },
        coords={
            "time": (
                "time",
                seconds,
                {"units": "seconds since 2000-01-01 00:00:00", "calendar": "julian"},
            ),
            "lat": ("lat", lat, {"units": DEGREES[0]}),
            "lon": ("lon", lon, {"units": DEGREES[1]}),
        },
    )
    for extra, values in layer.get("extra", {}).items():
        content[extra] = (("time", "lat", "lon"), np.full_like(packed, values), {
            **content[name].attrs
        } if "StdDev" in extra else whole)  # fmt: skip
    if repair is not None:
        content = repair(content)
    content.to_netcdf(path, engine="h5netcdf")
    return path


def service_gridmet(path, name, kelvin, *, described, repair=None):
    """A netCDF-3 file of gridMET's subset service, three days."""
    lat = 42.8 - np.arange(16) / 24.0
    lon = -72.6 + np.arange(24) / 24.0
    packed = np.full((3, 16, 24), round((kelvin - 220.0) / 0.1), dtype=np.int16)
    days = 40318.0 + np.arange(3)  # 2010-05-22
    parts = {
        "day": (("day",), days, {"units": b"days since 1900-01-01 00:00:00",
                                 "calendar": b"gregorian"}),
        "lat": (("lat",), lat, {"units": b"degrees_north"}),
        "lon": (("lon",), lon, {"units": b"degrees_east"}),
        name: (("day", "lat", "lon"), packed, {
            "_FillValue": np.int16(32767), "units": b"K",
            "scale_factor": np.float64(0.1), "add_offset": np.float64(220.0),
            "description": described.encode(), "_Unsigned": b"true",
            "dimensions": b"lon lat time",
        }),
    }  # fmt: skip
    if repair is not None:
        parts = repair(parts)
    with netcdf_file(str(path), "w") as content:
        for dim in ("day", "lat", "lon"):
            content.createDimension(dim, len(parts[dim][1]))
        for key, (dims, values, attrs) in parts.items():
            made = content.createVariable(key, values.dtype.str[1:], dims)
            made[:] = values
            # "dimensions" is a name of SciPy's own: only this way is it written.
            made._attributes.update(attrs)
    return path


def era5_land(path, *, n_days=4, east=False, name="valid_time", hourly=False):
    """Hourly ERA5-Land: 10 degC with a swing, 1 mm an hour, 0.5 MJ an hour."""
    time = pd.date_range("2010-07-01", periods=24 * n_days + 1, freq="h")
    lat = np.round(42.9 - 0.1 * np.arange(9), 1)
    lon = np.round(-72.7 + 0.1 * np.arange(12), 1)
    shape = (time.size, lat.size, lon.size)
    since = np.where(time.hour == 0, 24, time.hour).astype(float)
    if hourly:  # as ERA5 of single levels: each hour's own sum, brighter at noon
        since = 1.0 + np.cos(2.0 * np.pi * (np.asarray(time.hour) - 12) / 24.0)
    since[0] = 24.0 if not hourly else since[0]
    swing = 283.15 + 5.0 * np.cos(2.0 * np.pi * (time.hour - 20) / 24.0)

    def spread(series):
        return np.broadcast_to(np.asarray(series)[:, None, None], shape).astype("f4")

    dims = (name, "latitude", "longitude")
    xr.Dataset(
        {
            "t2m": (dims, spread(swing), {"units": "K"}),
            "d2m": (dims, spread(np.full(time.size, 278.15)), {"units": "K"}),
            "tp": (dims, spread(1e-3 * since), {"units": "m"}),
            "ssrd": (dims, spread(0.5e6 * since), {"units": "J m**-2"}),
            "u10": (dims, spread(np.full(time.size, 3.0)), {"units": "m s**-1"}),
            "v10": (dims, spread(np.full(time.size, -4.0)), {"units": "m s**-1"}),
            "sp": (dims, spread(np.full(time.size, 98000.0)), {"units": "Pa"}),
        },
        coords={
            name: time,
            "latitude": ("latitude", lat, {"units": DEGREES[0]}),
            "longitude": (
                "longitude",
                lon + 360.0 if east else lon,
                {"units": DEGREES[1]},
            ),
            "number": 0,
        },
    ).to_netcdf(path, engine="h5netcdf")
    return path


def modis_tile(path, *, value=30, flags=0, size=1200):
    """An HDF4 tile of h12v04 (or a tenth of its resolution), LAI and flags."""
    from pyhdf.SD import SD, SDC

    content = SD(str(path), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    fields = {"Lai_500m": value, "FparLai_QC": flags, "LaiStdDev_500m": 2}
    for name, number in fields.items():
        data = content.create(name, SDC.UINT8, (size, size))
        data.setcompress(SDC.COMP_DEFLATE, 5)
        data[:] = np.broadcast_to(np.asarray(number, np.uint8), (size, size)).copy()
        if name != "FparLai_QC":
            data.attr("scale_factor").set(SDC.FLOAT64, 0.1)
            data.attr("_FillValue").set(SDC.UINT8, 255)
            data.attr("valid_range").set(SDC.UINT8, [0, 100])
        data.endaccess()
    side = 1111950.519667
    west, north = -180.0 * 111195.0519667 + 12 * side, 90.0 * 111195.0519667 - 4 * side
    content.attr("StructMetadata.0").set(
        SDC.CHAR,
        "GROUP=GridStructure\n"
        f"\t\tUpperLeftPointMtrs=({west:.6f},{north:.6f})\n"
        f"\t\tLowerRightMtrs=({west + side:.6f},{north - side:.6f})\n"
        "\t\tProjection=GCTP_SNSOID\nEND_GROUP=GridStructure\n",
    )
    content.end()
    return path


def soilgrids(folder, layers, grams, *, epsg=4326):
    """GeoTIFF of sand and clay, one number a layer, on latitude and longitude."""
    import rasterio
    from rasterio.transform import from_origin

    for name in ("sand", "clay"):
        for (upper, lower), value in zip(layers, grams[name], strict=True):
            with rasterio.open(
                folder / f"{name}_{upper}-{lower}cm_mean.tif", "w", driver="GTiff",
                height=150, width=180, count=1, dtype="int16", nodata=-32768,
                crs=f"EPSG:{epsg}", transform=from_origin(-72.35, 42.65, 2e-3, 2e-3),
            ) as raster:  # fmt: skip
                raster.write(np.full((1, 150, 180), value, dtype=np.int16))
    return folder
