"""Where a regional run is kept: one Zarr store for each parameter set.

Three groups, ``8day``, ``monthly`` and ``annual`` (an ensemble has the last two), each
over (pixel, time) or (draw, pixel, time), with chunks of whole blocks of pixels: a
worker writes the chunks of its own block and no other. A block counts as done when its
mark is beside the store, so a block that was broken off is simply done again. A
store of other parameters, years or settings is made anew.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jobs.disk_errors import system_fault
from jobs.files import is_file, make_folder, read_json, write_text
from jobs.run.run import Run
from jobs.stages.region_parameters import Fields

if TYPE_CHECKING:
    import xarray as xr

logger = logging.getLogger(__name__)

BLOCK_PIXELS = 256
"""Pixels of a block; as in a shard of the cube."""
FLUXES = ("lai", "gpp", "er", "nee")
WINDOWS = {"8day": "8-day", "monthly": "month", "annual": "year"}
"""Groups of a store, and what ``masm.observations.windows`` calls their windows."""


@dataclass(frozen=True, eq=False)
class Store:
    """The regional run of one parameter set.

    Attributes
    ----------
    path : Path
        The Zarr store.
    n_pixels, n_draws : int
        Its size.
    """

    path: Path
    n_pixels: int
    n_draws: int

    @property
    def n_blocks(self) -> int:
        """Blocks of pixels."""
        return -(-self.n_pixels // BLOCK_PIXELS)

    @property
    def left(self) -> list[int]:
        """Units without a mark: ``draw * n_blocks + block``."""
        every = range(self.n_draws * self.n_blocks)
        return [number for number in every if not self.mark(number).exists()]

    def mark(self, number: int) -> Path:
        """Return the file that says that a unit is done."""
        return self.path.with_suffix(".done") / f"{number:05d}"

    def where(self, number: int) -> tuple[int, slice]:
        """Return the draw and the pixels of a unit."""
        draw, block = divmod(number, self.n_blocks)
        first = block * BLOCK_PIXELS
        return draw, slice(first, min(first + BLOCK_PIXELS, self.n_pixels))


def store_path(run: Run, parameter_set: str) -> Path:
    """Return where the run with a parameter set is kept."""
    return run.folder.path / "simulations" / "region" / f"{parameter_set}.zarr"


def prepare_store(run: Run, parameter_set: str, fields: Fields) -> Store:
    """Open the store of a parameter set, or make it if there is none that fits."""
    path = store_path(run, parameter_set)
    store = Store(path, fields.ids.size, len(fields.values))
    years = run.config.periods.observed
    plan = {
        "parameters": fields.digest,
        "years": str(years),
        "spinup": str(run.config.periods.spinup),
        "spinup_cycles": run.config.model.spinup_cycles,
    }
    stamp = path.with_suffix(".json")
    if _read_plan(stamp) == plan:
        return store
    if path.exists():
        logger.info("%s is of other parameters or years: made anew", path.name)
    stamp.unlink(missing_ok=True)
    for old in (path, path.with_suffix(".done")):
        shutil.rmtree(old, ignore_errors=True)
    _create(run, parameter_set, fields, path)
    make_folder(path.with_suffix(".done"))
    write_text(stamp, json.dumps(plan, indent=1) + "\n")
    return store


def _read_plan(stamp: Path) -> object:
    """Read what a store was made for; None if that is not there, or no longer whole."""
    try:
        return read_json(stamp)
    except (FileNotFoundError, ValueError):
        return None


def groups_of(parameter_set: str) -> Sequence[str]:
    """Return the groups of a store."""
    return ("monthly", "annual") if parameter_set == "ensemble" else tuple(WINDOWS)


def write_block(store: Store, number: int, means: dict[str, dict[str, Any]]) -> None:
    """Write the chunks of one unit to the disk, then its mark.

    Parameters
    ----------
    store : Store
        Where.
    number : int
        The unit.
    means : dict
        Group to flux to (pixel, time).
    """
    import zarr

    from jobs.stages.synced_store import EVERY_CHUNK, SyncedStore, sync

    draw, pixels = store.where(number)
    written = {f"array.{name}": on for name, on in EVERY_CHUNK.items()}
    for group, fluxes in means.items():
        opened = zarr.open_group(SyncedStore(store.path / group), mode="r+")
        for name, values in fluxes.items():
            with zarr.config.set(written):
                array: Any = opened[name]
            if array.ndim == 3:
                array[draw, pixels] = values
            else:
                array[pixels] = values
        sync(opened)
    write_text(store.mark(number), "")


def open_group(run: Run, parameter_set: str, group: str) -> xr.Dataset:
    """Open a group of a store, lazily.

    Raises
    ------
    ConfigError
        If the run with this parameter set has not been made, or is not finished, or
        what is there is not of the region's size.
    """
    import xarray as xr
    import zarr

    from jobs.errors import ConfigError, Problem
    from jobs.stages.synced_store import CheckedStore, SyncedStore, is_sealed

    path = store_path(run, parameter_set)
    hint = f"masm simulate {run.folder.path} --parameters {parameter_set}"

    def refused(problem: str, hint: str) -> ConfigError:
        return ConfigError(
            Problem(
                str(path.relative_to(run.folder.path)),
                f"the region with {parameter_set} parameters {problem}",
                hint=hint,
            )
        )

    again = f"Take {path.with_suffix('.json')} away, then {hint}"
    if not is_file(path.with_suffix(".json")):
        problem = "has not been simulated"
    elif damage := _damage(run, path / group, group):
        problem = f"is damaged ({damage})"
        hint = again
    else:
        plain = SyncedStore(path / group, read_only=True)
        arrays = zarr.open_group(plain, mode="r", use_consolidated=False).arrays()
        stored = CheckedStore(
            path / group,
            [name for name, array in arrays if is_sealed(array)],
            lambda chunk: refused(f"is damaged ({group}/{chunk})", again),
        )
        found = xr.open_zarr(stored, chunks=None, consolidated=False)
        store = Store(path, found.sizes["pixel"], found.sizes.get("draw", 1))
        if not store.left:
            return found
        problem = f"is not finished: {len(store.left)} blocks are left"
    raise refused(problem, hint)


def _damage(run: Run, path: Path, group: str) -> str:
    """Say what is wrong with a group's arrays, before memory is taken for them."""
    import zarr

    from jobs.run.region_sample import open_region
    from jobs.stages.synced_store import SyncedStore

    times = window_bounds(_days(run), WINDOWS[group])[0].size
    most = {
        "pixel": open_region(run.cube).cells.ids.size,
        "time": times,
        "draw": max(1, run.config.upscaling.draws),
        "bound": 2,
    }
    try:
        stored = SyncedStore(path, read_only=True)
        opened = zarr.open_group(stored, mode="r", use_consolidated=False)
        arrays: dict[str, Any] = dict(opened.arrays())
        for name, array in arrays.items():
            dims = array.metadata.dimension_names or ()
            sizes = dict(zip(dims, array.shape, strict=True))
            for dim, n in sizes.items():
                if n > most.get(str(dim), -1) or (dim == "time" and n != times):
                    return f"{name} is {n} long over {dim}"
            if any(
                c > max(n, 1) for c, n in zip(array.chunks, array.shape, strict=True)
            ):
                return f"{name} has chunks of {array.chunks}"
            if array.dtype.kind not in "if":
                return f"{name} holds no numbers"
        missing = {*FLUXES, "pixel", "time"} - set(arrays)
        return f"no {', '.join(sorted(missing))}" if missing else ""
    except Exception as exc:  # whatever damaged metadata make of the reader
        if isinstance(exc, MemoryError) or system_fault(exc):
            raise
        return str(exc)[:200]


def _create(run: Run, parameter_set: str, fields: Fields, path: Path) -> None:
    import zarr

    from jobs.run.region_sample import open_region
    from jobs.stages.synced_store import SyncedStore, sync

    cube = open_region(run.cube)
    static = cube.static.sel(pixel=fields.ids)
    days, packed = _days(run), _packed()
    root = zarr.open_group(SyncedStore(path), mode="w")
    root.attrs.update(_attrs(run, parameter_set, synthetic=cube.synthetic))
    for name in groups_of(parameter_set):
        group = root.create_group(name, attributes=dict(root.attrs))
        starts, bounds = window_bounds(days, WINDOWS[name])
        _coordinates(group, fields.ids, static, starts, bounds)
        ensemble = parameter_set == "ensemble"
        lead = ((len(fields.values), "draw", 1),) if ensemble else ()
        axes = (
            *lead,
            (fields.ids.size, "pixel", min(BLOCK_PIXELS, fields.ids.size)),
            (starts.size, "time", starts.size),
        )
        for flux in FLUXES:
            group.create_array(
                flux,
                shape=tuple(axis[0] for axis in axes),
                chunks=tuple(axis[2] for axis in axes),
                dimension_names=[axis[1] for axis in axes],
                dtype="f4",
                compressors=packed,
                fill_value=float("nan"),
                attributes={
                    **flux_attrs(flux),
                    "cell_methods": "time: mean area: mean",
                    "coordinates": "lat lon",
                },
            )
    sync(root)


def _packed() -> list[Any]:
    """Return how chunks are packed: Zarr's own way, with a checksum behind."""
    from zarr.codecs import Crc32cCodec, ZstdCodec

    return [ZstdCodec(), Crc32cCodec()]


def flux_attrs(name: str) -> dict[str, str]:
    """Return the CF attributes of a flux."""
    from landdata.variables import FLUXES as TABLE

    return {key: str(value) for key, value in TABLE[name].attrs.items()}


def window_bounds(
    days: NDArray[np.datetime64], windows: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where windows start among the days, and their bounds.

    Parameters
    ----------
    days : ndarray (time,)
        datetime64[D], every day.
    windows : str
        As `masm.observations.windows.window_keys` knows them.

    Returns
    -------
    starts : ndarray (window,)
        Position of each window's first day.
    bounds : ndarray (window, 2)
        First day, and the day after the last, in days since 1970.
    """
    from masm.observations.windows import window_keys

    keys = window_keys(days.astype("datetime64[ns]"), windows)
    starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
    first = days[starts].astype(np.int64)
    last = np.append(first[1:], days[-1].astype(np.int64) + 1)
    return starts, np.stack([first, last], axis=1)


def _days(run: Run) -> NDArray[np.datetime64]:
    years = run.config.periods.observed
    return np.arange(
        np.datetime64(f"{years.first}-01-01"), np.datetime64(f"{years.last + 1}-01-01")
    )


def _coordinates(
    group: Any, ids: Any, static: xr.Dataset, starts: Any, bounds: Any
) -> None:
    from jobs.stages.synced_store import EVERY_CHUNK

    def add(name: str, values: Any, dims: list[str], **attrs: Any) -> None:
        array = group.create_array(
            name, shape=values.shape, chunks=values.shape, dtype=values.dtype,
            dimension_names=dims, attributes=attrs, compressors=_packed(),
            config=EVERY_CHUNK,
        )  # fmt: skip
        array[...] = values

    since = {"units": "days since 1970-01-01", "calendar": "standard"}
    add("pixel", ids, ["pixel"], long_name="id of the cell on the global grid")
    add("time", bounds[:, 0], ["time"], standard_name="time", axis="T",
        bounds="time_bounds", **since)  # fmt: skip
    add("time_bounds", bounds, ["time", "bound"], **since)
    for name in ("lat", "lon"):
        values = static[name].to_numpy().astype(np.float64)
        add(name, values, ["pixel"], **dict(static[name].attrs))
    for name in ("area", "forest_fraction"):
        values = static[name].to_numpy().astype(np.float64)
        add(name, values, ["pixel"], **dict(static[name].attrs))


def _attrs(run: Run, parameter_set: str, *, synthetic: bool) -> dict[str, Any]:
    title = f"{run.config.name}: region with {parameter_set} parameters"
    return {
        "title": title + (" (SYNTHETIC region)" if synthetic else ""),
        "parameters": parameter_set,
        "synthetic": int(synthetic),
        "Conventions": "CF-1.11",
    }
