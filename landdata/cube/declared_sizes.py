"""What the arrays of a cube declare, compared with each other and with its files.

A few bytes of metadata can declare any shape, and a missing chunk is made up from its
fill value: whoever reads such an array asks for all of the memory that it declares.
So shapes are checked before a value is read.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landdata.cube.layout import SHARD_PIXELS
from landdata.cube.measured_weather import KNOWN
from landdata.errors import InputError
from landdata.grid.grid import Grid

_ALWAYS_ALLOWED = 2**20  # bytes of an axis
_MOST_PACKED = 1100  # times that numbers in order shrink at most
_MOST_CHUNK = 2**31  # bytes
_AXES = ("pixel", "time", "observed_time")
_CODECS = frozenset({"bytes", "blosc", "crc32c", "sharding_indexed", "zstd"})


_MOST_METADATA = 2**26
"""Bytes of a file of metadata: those of a cube have some thousands."""


def require_small_metadata(path: Path) -> None:
    """Refuse a cube whose files of metadata are of a size that cannot be meant.

    Zarr reads them whole, and a file can have any size without taking place.

    Raises
    ------
    InputError
        Naming the first such file.
    """
    for one in (path / "zarr.json", *sorted(path.glob("*/zarr.json"))):
        if one.is_file() and (size := one.stat().st_size) > _MOST_METADATA:
            raise InputError(
                str(one), found=f"{size} bytes", wanted="metadata of a cube"
            )


def require_declared_sizes(path: Path, group: Any) -> None:
    """Refuse a cube whose arrays do not have the shapes of one region.

    Parameters
    ----------
    path : path
        The cube's folder.
    group : zarr.Group
        Opened; its attributes are those of a cube.

    Raises
    ------
    InputError
        Naming the array, what it declares and what the cube's axes want.
    """
    sizes = {name: _axis(path, group, name) for name in _AXES}
    variables = _array(path, group, "forcing").attrs.get("variables")
    unknown = [one for one in variables or [None] if one not in KNOWN]
    if unknown or not isinstance(variables, list):
        raise InputError(
            str(path / "forcing"),
            found=f"variables {variables!r}",
            wanted=f"a list of some of {', '.join(KNOWN)}",
        )
    shapes = _shapes(path, group.attrs, sizes, len(variables))
    for name, wanted in shapes.items():
        if name not in group:
            continue  # asked for by name, and missed there
        array = _array(path, group, name)
        if not _agree(array.shape, wanted):
            raise InputError(
                str(path / name),
                found=f"shape {tuple(array.shape)}",
                wanted=f"shape {wanted} (pixels {sizes['pixel']}, days "
                f"{sizes['time']}, windows {sizes['observed_time']})",
            )
        _require_sane_chunks(path / name, array)


def _array(path: Path, group: Any, name: str) -> Any:
    """Return an array of a group by its name, without its values."""
    found = group.get(name)
    if not hasattr(found, "shape"):
        raise InputError(
            str(path / name), found="no such array", wanted="an array of the cube"
        )
    return found


def _axis(path: Path, group: Any, name: str) -> int:
    """Return the length of an axis, which its own files have to be able to hold."""
    array = _array(path, group, name)
    if len(array.shape) != 1 or array.dtype.kind not in "iu":
        raise InputError(
            str(path / name),
            found=f"{array.dtype} values of shape {tuple(array.shape)}",
            wanted="whole numbers along one axis",
        )
    n_bytes = array.shape[0] * array.dtype.itemsize
    stored = _bytes_in(path / name)
    if n_bytes > _ALWAYS_ALLOWED + _MOST_PACKED * stored:
        raise InputError(
            str(path / name),
            found=f"{array.shape[0]} values declared, {stored} bytes in its files",
            wanted="files that hold what is declared",
            hint="Copy the cube again, or build it again.",
        )
    return int(array.shape[0])


def _bytes_in(folder: Path) -> int:
    chunks = (folder / "c").rglob("*")
    return sum(os.stat(file).st_size for file in chunks if file.is_file())


def _shapes(
    path: Path, attrs: Mapping[str, Any], sizes: Mapping[str, int], n_variables: int
) -> dict[str, tuple[int | None, ...]]:
    """Return the shape that each array has to have; None is any number of streams."""
    pixels, days, windows = (sizes[name] for name in _AXES)
    try:
        grid = Grid(**attrs["grid"])
        static = [str(name) for name in attrs["static"]]
        static += [f"true_{name}" for name in attrs.get("true_parameters", [])]
        maps = [str(name) for name in attrs["maps"]]
    except (KeyError, TypeError, ValueError) as exc:
        raise InputError(
            str(path / "zarr.json"),
            found=f"attributes that are not a cube's ({exc})",
            wanted="grid, static and maps, as landdata.build_cube writes them",
        ) from exc
    if pixels > grid.n_rows * grid.n_columns:
        raise InputError(
            str(path / "pixel"),
            found=f"{pixels} pixels on a grid of {grid.n_rows} x {grid.n_columns}",
            wanted="at most one for each cell",
        )
    shapes: dict[str, tuple[int | None, ...]] = dict.fromkeys(
        (*static, "lat", "lon", "area", "state"), (pixels,)
    )
    shapes |= dict.fromkeys(maps, (grid.n_rows, grid.n_columns))
    return shapes | {
        "pixel": (pixels,),
        "time": (days,),
        "observed_time": (windows,),
        "co2": (days,),
        "filled": (pixels, n_variables),
        "forcing": (pixels, n_variables, days),
        "observations": (pixels, None, windows),
        "variances": (pixels, None, windows),
        "true_series": (pixels, None, windows),
    }


def _agree(found: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(found) == len(wanted) and all(
        there <= SHARD_PIXELS if size is None else there == size
        for there, size in zip(found, wanted, strict=True)
    )


def _require_sane_chunks(path: Path, array: Any) -> None:
    """Refuse a chunk larger than its array needs, and what packs it in another way."""
    first = max(array.shape[0], SHARD_PIXELS) if array.shape else 1
    most = (first, *(max(size, 1) for size in array.shape[1:]))
    for chunk in (array.chunks, array.shards):
        if chunk is None:
            continue
        n_bytes = math.prod(chunk) * array.dtype.itemsize
        fits = all(size <= limit for size, limit in zip(chunk, most, strict=True))
        if not fits or n_bytes > max(_MOST_CHUNK, 8 * math.prod(array.shape)):
            raise InputError(
                str(path),
                found=f"chunks of shape {tuple(chunk)}",
                wanted=f"chunks within {most}",
            )
    names = {str(codec["name"]) for codec in _codecs(array.metadata.to_dict())}
    if odd := names - _CODECS:
        raise InputError(
            str(path),
            found=f"packed with {', '.join(sorted(odd))}",
            wanted=f"what a cube is packed with: {', '.join(sorted(_CODECS))}",
        )


def _codecs(metadata: Any) -> list[Mapping[str, Any]]:
    """Return the codecs of an array, those inside of shards too."""
    found: list[Mapping[str, Any]] = []
    left = list(metadata.get("codecs", []))
    while left:
        codec = left.pop()
        found.append(codec)
        inner = codec.get("configuration") or {}
        left += [*inner.get("codecs", []), *inner.get("index_codecs", [])]
    return found
