"""GLASS composites, HDF4."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from landdata.grid.grid import Grid
from landdata.synthetic.product_writers.common import MADE_UP, Values


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
