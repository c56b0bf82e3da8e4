"""AppEEARS area files (netCDF): MODIS and VIIRS LAI, fAPAR, GPP and ET.

``MCD15A3H.061_500m_aid0001.nc``: composites on latitude and longitude, with quality
flags beside the values. Their calendar is called "julian" and is the real one; the
declared fill is 255, but 249 to 254 are codes too: only ``valid_max`` separates them.
GPP and ET are sums over a composite, whose last one of a year has five or six days.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.files.composite_days import refuse_other_days
from landdata.files.daily import read_daily
from landdata.files.modis_quality import LAYERS, STREAMS, Counted, Layer
from landdata.files.netcdf_fields import Field, delivered, target
from landdata.files.notes import Notes
from landdata.files.provider_files import matching_files, open_netcdf
from landdata.grid.grid import Cells, Grid
from landdata.grid.regrid import LEAST_COVER

_UNITS = {
    "1": ("", "1", "m2/m2", "m2m-2", "none", "percent"),
    "gpp": ("kgc/m2", "kgcm-2", "kgc/m2/8day", "kg/m2", "kgc/m2/8d"),
    "et": ("kg/m2/8day", "kg/m2", "kg/m2/8d", "kgm-2", "mm/8day"),
}


def read_appeears(
    files: str | Path | Iterable[str | Path],
    where: Grid | Cells,
    *,
    stream: str,
    error: bool = False,
    years: tuple[int, int] | None = None,
    least_cover: float = LEAST_COVER,
    screened: bool = True,
) -> xr.Dataset:
    """One stream of an area order on the model grid, good values only.

    Parameters
    ----------
    files : path, pattern or several
        netCDF-4 files of one product.
    where : Grid or Cells
        Where values are wanted.
    stream : {"lai", "fapar", "gpp", "et"}
        What to read.
    error : bool
        Also the product's own standard deviation (LaiStdDev, FparStdDev).
    years : (first, last), optional
        Years wanted.
    least_cover : float
        Fraction of a cell that has to have good values.
    screened : bool
        False takes values of every quality, and says so.

    Returns
    -------
    xarray.Dataset
        Over (time, lat, lon), or (time, pixel) for cells; time is the first day of
        each composite. lai, fapar [1], gpp [g m-2 d-1, carbon] or et [mm d-1], daily
        means; ``error`` in the same unit where asked for. Attribute ``good_share``.

    Raises
    ------
    InputError
        Naming file and layer: another unit, no flag, a date at which no composite
        begins.
    """
    if stream not in STREAMS:
        raise InputError(
            f"stream {stream!r}",
            found="no stream of MODIS and VIIRS",
            wanted=f"one of {', '.join(STREAMS)}",
        )
    paths = matching_files(files)
    notes = Notes(paths[0])
    layer = _layer(paths[0], stream)
    rule = Counted(layer.rule)
    flags = (layer.flag, layer.extra) if layer.extra else (layer.flag,)
    source = Field(
        layer.name,
        layer.driver,
        units=layer.file_units,
        flags=flags if screened else (),
        screen=rule if screened else None,
        per_composite=layer.per_composite,
    )
    fields = {layer.name: source}
    if error:
        if not layer.error:
            raise InputError(
                f"{paths[0]}  {stream}",
                found="no standard deviation in this product",
                wanted="lai or fapar, or another rule of variance",
            )
        spread = replace(layer.driver, name="error", low=0.0, standard_name="")
        fields[layer.error] = replace(
            source, name=layer.error, variable=spread, screen=rule if screened else None
        )
        _require(paths, layer.error)
    if not screened:
        notes.add(f"{layer.name}: values of every quality")

    def check(days: NDArray, dataset: xr.Dataset, path: Path) -> NDArray:
        return _check_file(days, dataset, layer, path)

    dataset = read_daily(
        paths,
        target(where),
        fields,
        check_days=check,
        method="area",
        years=years,
        least_cover=least_cover,
    )
    return delivered(
        dataset,
        where,
        source=f"AppEEARS {layer.name}",
        quality=_words(rule) if screened else "not screened",
        good_share=rule.fraction,
        **notes.attrs,
    )


def _words(rule: Counted) -> str:
    return f"{rule.n_good} of {rule.n_asked} flags good ({100.0 * rule.fraction:.1f} %)"


def _layer(path: Path, stream: str) -> Layer:
    """The layer of a stream that a file has."""
    with open_netcdf(path) as dataset:
        names = set(map(str, dataset.variables))
    mine = [layer for layer in LAYERS if layer.stream == stream]
    here = [layer for layer in mine if layer.name in names]
    if not here:
        raise InputError(
            str(path),
            found=f"variables {', '.join(sorted(names))}",
            wanted=" or ".join(layer.name for layer in mine),
        )
    layer = here[0]
    for flag in filter(None, (layer.flag, layer.extra)):
        if flag not in names:
            raise InputError(
                f"{path}  {layer.name}",
                found=f"no quality layer {flag}",
                wanted=f"{flag} beside {layer.name}",
                hint="Order the quality layers together with the data layer.",
            )
    return layer


def _require(paths: list[Path], name: str) -> None:
    for path in paths:
        with open_netcdf(path) as dataset:
            if name not in dataset.variables:
                raise InputError(
                    f"{path}  {name}",
                    found=f"variables {', '.join(map(str, dataset.data_vars))}",
                    wanted=f"the layer {name}",
                    hint="Order it together with the data layer.",
                )


def _check_file(
    days: NDArray, dataset: xr.Dataset, layer: Layer, path: Path
) -> NDArray:
    """Units, packing and dates as the product has them."""
    if layer.name not in dataset.variables:
        return days
    variable = dataset[layer.name]
    stated = str(variable.attrs.get("units", ""))
    spelled = re.sub(r"[\s_^]|\*\*", "", stated).lower()
    kind = layer.stream if layer.per_composite else "1"
    if spelled not in _UNITS[kind]:
        raise InputError(
            f"{path}  {layer.name}.units",
            found=repr(stated),
            wanted=f"one of {', '.join(filter(None, _UNITS[kind]))}",
        )
    scale = variable.encoding.get("scale_factor")
    if scale is None or not np.isclose(
        float(np.asarray(scale).ravel()[0]), layer.scale
    ):
        raise InputError(
            f"{path}  {layer.name}.scale_factor",
            found="none"
            if scale is None
            else f"{float(np.asarray(scale).ravel()[0]):g}",
            wanted=f"{layer.scale:g}, as in collections 6 and 6.1",
            hint="Values that were unpacked before lose the codes of their range.",
        )
    if not {"valid_max", "valid_range"} & set(variable.attrs):
        raise InputError(
            f"{path}  {layer.name}",
            found="no valid_max",
            wanted=f"the range 0 to {layer.highest} that separates values from codes",
        )
    refuse_other_days(days, layer, path)
    return days
