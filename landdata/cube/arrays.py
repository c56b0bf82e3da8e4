"""The arrays of a region cube, and everything in them that is small.

Weather, observations and variances get a chunk for each pixel and a file for each
shard; their values come later, from one worker for each shard.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from landdata.cube.cube import FORMAT
from landdata.cube.layout import SHARD_PIXELS, STATES, STATIC_ATTRS, Layout
from landdata.cube.measured_weather import KNOWN
from landdata.grid.grid import LAT_ATTRS, LON_ATTRS
from landdata.variables import DAILY


def create_arrays(path: Path, layout: Layout, plan: dict[str, Any]) -> None:
    """All arrays, and everything in them that is small; done again on resuming."""
    import zarr
    from zarr.codecs import BloscCodec, Crc32cCodec

    group: Any = zarr.open_group(path, mode="a", zarr_format=3)
    cells, days = layout.cells, layout.days
    n, n_time, n_seen = len(cells), days.size, layout.observed.size
    packed: Any = (BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"), Crc32cCodec())

    def small(name: str, values: Any, dims: tuple[str, ...], **attrs: Any) -> None:
        values = np.ascontiguousarray(values)
        if name in group:
            group[name][...] = values  # a killed build may have left it empty
            return
        array = group.create_array(
            name,
            data=values,
            chunks=values.shape or "auto",
            compressors=packed,
            dimension_names=dims,
        )
        array.attrs.update(attrs)

    def sharded(name: str, *inner: int, dims: tuple[str, ...], **attrs: Any) -> None:
        if name in group:
            return
        array = group.create_array(
            name,
            shape=(n, *inner),
            chunks=(1, *(max(size, 1) for size in inner)),
            shards=(SHARD_PIXELS, *(max(size, 1) for size in inner)),
            dtype="float32",
            fill_value=np.nan,
            compressors=packed,
            dimension_names=dims,
        )
        array.attrs.update(attrs)

    def by_shard(name: str, *inner: int, dims: tuple[str, ...], **attrs: Any) -> None:
        if name in group:
            return
        array = group.create_array(
            name,
            shape=(n, *inner),
            chunks=(SHARD_PIXELS, *inner),
            dtype="uint8" if not inner else "uint16",
            compressors=packed,
            dimension_names=dims,
        )
        array.attrs.update(attrs)

    since = "days since 1970-01-01"
    small("pixel", cells.ids, ("pixel",), long_name="cell of the global grid")
    small("lat", cells.lat, ("pixel",), **LAT_ATTRS)
    small("lon", cells.lon, ("pixel",), **LON_ATTRS)
    small(
        "area", cells.area, ("pixel",), units="m2", standard_name="cell_area",
        long_name="area on the ellipsoid",
    )  # fmt: skip
    for name, attrs in STATIC_ATTRS.items():
        small(name, np.asarray(layout.static[name], "f4"), ("pixel",), **attrs)
    for name, (values, attrs) in layout.truth.items():
        small(f"true_{name}", values, ("pixel",), **attrs)
    for name, (values, attrs) in layout.maps.items():
        small(name, values, ("lat_map", "lon_map"), **attrs)
    small(
        "time", days.astype(np.int64), ("time",), units=since, calendar="standard",
        standard_name="time",
    )  # fmt: skip
    small("co2", layout.co2.astype("f8"), ("time",), **DAILY["co2"].attrs)
    small(
        "observed_time", layout.observed.astype("datetime64[D]").astype(np.int64),
        ("observed_time",), units=since, calendar="standard",
        long_name="first day of the 8-day window",
    )  # fmt: skip
    sharded(
        "forcing", len(layout.variables), n_time, dims=("pixel", "variable", "time"),
        variables=list(layout.variables), optional=layout.optional,
        units=[KNOWN[name].units for name in layout.variables],
        long_name="daily weather as measured, one variable after the other",
    )  # fmt: skip
    seen = ("pixel", "stream", "observed_time")
    streams = list(layout.streams)
    sharded(
        "observations", len(streams), n_seen, dims=seen, streams=streams,
        units=list(layout.streams.values()),
    )  # fmt: skip
    sharded(
        "variances", len(streams), n_seen, dims=seen, streams=streams,
        rules=dict(layout.attrs.get("variance_rules", {})),
        long_name="error variance of the observations",
    )  # fmt: skip
    if layout.true_streams:
        names = list(layout.true_streams)
        sharded(
            "true_series", len(names), n_seen,
            dims=("pixel", "true_stream", "observed_time"), streams=names,
            units=list(layout.true_streams.values()),
            long_name="what the model gives at the true parameters, without noise",
        )  # fmt: skip
    by_shard("state", dims=("pixel",), long_name="whether the pixel can be calibrated",
             flag_values=list(range(len(STATES))),
             flag_meanings=" ".join(STATES))  # fmt: skip
    by_shard("filled", len(layout.variables), dims=("pixel", "variable"),
             long_name="days filled or set to a limit")  # fmt: skip
    grid = layout.grid
    group.attrs.update(
        {
            **layout.attrs,
            "Conventions": "CF-1.11",
            "region_cube_format": FORMAT,
            "grid": {
                "row": grid.row,
                "column": grid.column,
                "n_rows": grid.n_rows,
                "n_columns": grid.n_columns,
            },
            "static": [
                *STATIC_ATTRS, "area", "state",
                *(f"true_{name}" for name in layout.truth),
            ],
            "true_parameters": list(layout.truth),
            "maps": list(layout.maps),
            "plan": plan,
        }
    )  # fmt: skip
