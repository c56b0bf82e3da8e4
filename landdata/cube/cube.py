"""The region cube, read: a pixel's weather and observations in a few milliseconds.

Every pixel's chunk carries a checksum of its own, so damage shows when the pixel is
read; ``Cube.verify`` compares whole files with the list made at the end of the
build.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from landdata.cube.cf_attributes import (
    CONVENTIONS,
    DAY_ATTRS,
    WINDOW_ATTRS,
    map_dataset,
    series_coords,
    squared,
)
from landdata.cube.declared_sizes import require_declared_sizes, require_small_metadata
from landdata.cube.layout import STATES
from landdata.cube.measured_weather import as_weather
from landdata.cube.verify import CHECKSUMS, verify_files
from landdata.errors import InputError
from landdata.files.provider_files import reading
from landdata.grid.grid import CRS, Cells, Grid
from landdata.meteorology.drivers import with_drivers
from landdata.variables import DAILY, FLUXES, SITE

BUILDING = "building"
FORMAT = 2


@dataclass(frozen=True, eq=False)
class PixelData:
    """One pixel of a cube.

    Attributes
    ----------
    id : int
        Of the cell on the global grid.
    lat, lon, elevation, area, forest_fraction : float
        degrees north and east, m, m2, 1.
    state : str
        "ok", or why it is to be skipped: "no_forcing", "no_observations".
    weather : xarray.Dataset (time,)
        What was measured, with place and soil.
    forcing : xarray.Dataset (time,)
        The same, with what follows from it: valid input of ``ibis_dalec.simulate``.
    observations : xarray.Dataset (time,)
        Each stream and ``<stream>_variance``, NaN where nothing was observed; time
        is the first day of each 8-day window.

    Examples
    --------
    >>> from dataclasses import fields
    >>> from landdata import PixelData
    >>> [one.name for one in fields(PixelData)][-3:]
    ['weather', 'forcing', 'observations']
    """

    id: int
    lat: float
    lon: float
    elevation: float
    area: float
    forest_fraction: float
    state: str
    weather: xr.Dataset
    forcing: xr.Dataset
    observations: xr.Dataset


class Cube:
    """A finished cube, opened by ``open_cube``.

    Attributes
    ----------
    path : pathlib.Path
        Its folder.
    cells : Cells
        Its pixels, in order.
    time, observed_time : pandas.DatetimeIndex
        Days of the weather; first days of the observations' windows.
    streams : tuple of str
        Observation streams.
    variables : tuple of str
        Measured weather, by the names of ``landdata.variables.RAW``.
    states : numpy.ndarray (pixel,)
        Codes of ``landdata.cube.layout.STATES``.

    Examples
    --------
    >>> from landdata import SyntheticSource, build_cube, synthetic_block
    >>> grid = synthetic_block(2, 1)
    >>> source = SyntheticSource(1, grid, (2003, 2003), forest_only=False)
    >>> cube = build_cube("small.zarr", source)
    >>> len(cube), cube.streams
    (2, ('lai', 'gpp'))
    """

    def __init__(self, path: Path):
        import zarr

        self.path = path
        with reading(path, "a region cube"):
            require_small_metadata(path)
            group: Any = zarr.open_group(path, mode="r", zarr_format=3)
            self._group = group
            self.attrs: dict[str, Any] = dict(group.attrs)
            if self.attrs.get("region_cube_format") != FORMAT:
                raise _other_format(path, self.attrs)
            require_declared_sizes(path, group)
            self.cells = Cells(self._values("pixel"))
            self.time = _dates(self._values("time"))
            self.observed_time = _dates(self._values("observed_time"))
            self.states: NDArray[np.uint8] = self._values("state")
            self._weather = group["forcing"]
            self.variables = tuple(str(v) for v in self._weather.attrs["variables"])
            self._observations = group["observations"]
            self._variances = group["variances"]
            self.streams = tuple(str(s) for s in self._observations.attrs["streams"])
            self._co2 = self._values("co2").astype(np.float64)
        self._index = {int(id_): i for i, id_ in enumerate(self.cells.ids)}

    def __len__(self) -> int:
        return len(self.cells)

    def __repr__(self) -> str:
        kind = "synthetic region" if self.synthetic else "region"
        return (
            f"<Cube of a {kind}: {len(self)} pixels, {self.time[0]:%Y-%m-%d} to "
            f"{self.time[-1]:%Y-%m-%d}, observed {', '.join(self.streams)}>"
        )

    @property
    def synthetic(self) -> bool:
        """Whether it was generated and not observed."""
        return bool(self.attrs.get("synthetic", 0))

    @property
    def grid(self) -> Grid:
        """The rectangle that holds all pixels."""
        return Grid(**self.attrs["grid"])

    @cached_property
    def static(self) -> xr.Dataset:
        """What does not change, over (pixel,).

        elevation, sand, clay, forest_fraction, area and state; in a synthetic region
        the true parameters as ``true_<id>``.
        """
        names = [n for n in self._group.attrs["static"] if n in self._group]
        data = {
            name: ("pixel", self._values(name), self._cf_attrs(name)) for name in names
        }
        return xr.Dataset(data, coords=self.cells.coords(), attrs=self._label())

    @cached_property
    def maps(self) -> xr.Dataset:
        """Over the whole rectangle (lat, lon): mask and forest_fraction_map."""
        data = {
            name: (self._values(name), self._cf_attrs(name))
            for name in self._group.attrs["maps"]
        }
        return map_dataset(data, self.grid, {**self._label(), "crs": CRS})

    def pixel(self, pixel_id: int) -> PixelData:
        """One pixel's weather and observations.

        Raises
        ------
        InputError
            If there is no such pixel, or what is stored of it is damaged.
        """
        position = self._position(pixel_id)

        def static(name: str) -> float:
            return float(self.static[name].values[position])

        weather = self.weather([pixel_id])
        return PixelData(
            id=int(pixel_id),
            lat=static("lat"),
            lon=static("lon"),
            elevation=static("elevation"),
            area=static("area"),
            forest_fraction=static("forest_fraction"),
            state=STATES[int(self.states[position])],
            weather=weather.isel(pixel=0, drop=True),
            forcing=with_drivers(weather).isel(pixel=0, drop=True),
            observations=self.observations([pixel_id]).isel(pixel=0, drop=True),
        )

    def weather(self, pixel_ids: Sequence[int]) -> xr.Dataset:
        """Weather of some pixels as it was measured.

        Returns
        -------
        xarray.Dataset
            The variables of the cube over (pixel, time), in the units of
            ``landdata.variables.RAW``; co2 over (pixel, time); lat, elevation, sand and
            clay over (pixel,); float64. NaN all through where a pixel has no weather.
        """
        positions = [self._position(one) for one in pixel_ids]
        stored = self._read(self._weather, positions)
        data = as_weather(
            stored,
            self.variables,
            self.time,
            self.cells.lat[positions],
            self.static["elevation"].to_numpy()[positions],
        )
        data["co2"] = (
            ("pixel", "time"),
            np.broadcast_to(self._co2, (len(positions), self._co2.size)),
            DAILY["co2"].attrs,
        )
        for name in ("sand", "clay"):
            values = self.static[name].to_numpy()[positions].astype(np.float64)
            data[name] = ("pixel", values, SITE[name].attrs)
        data["lat"].attrs.update(SITE["lat"].attrs)
        coords = series_coords(self.cells.ids[positions], self.time, DAY_ATTRS)
        return data.assign_coords(coords).assign_attrs(self._label())

    def forcing(self, pixel_ids: Sequence[int]) -> xr.Dataset:
        """Weather of some pixels with the drivers that follow from it.

        Returns
        -------
        xarray.Dataset
            As `weather`, with pressure, specific humidity and cloud cover by the rules
            of ``landdata.meteorology.drivers``: valid input of
            ``ibis_dalec.simulate_pixels``.
        """
        return with_drivers(self.weather(pixel_ids), str(self.path))

    def observations(self, pixel_ids: Sequence[int]) -> xr.Dataset:
        """Observations of some pixels, over (pixel, time)."""
        positions = [self._position(one) for one in pixel_ids]
        values = self._read(self._observations, positions).astype(np.float64)
        variances = self._read(self._variances, positions).astype(np.float64)
        rules = self._variances.attrs["rules"]
        data = {}
        for index, name in enumerate(self.streams):
            attrs = FLUXES[name].attrs
            data[name] = (("pixel", "time"), values[:, index], attrs)
            data[f"{name}_variance"] = (
                ("pixel", "time"),
                variances[:, index],
                {
                    "units": squared(attrs["units"]),
                    "long_name": f"error variance of {name}",
                    "rule": rules.get(name, ""),
                },
            )
        return xr.Dataset(
            data,
            coords=series_coords(
                self.cells.ids[positions], self.observed_time, WINDOW_ATTRS
            ),
            attrs=self._label(),
        )

    @cached_property
    def true_parameters(self) -> xr.Dataset:
        """True parameters of a synthetic region, over (pixel,), with their units.

        Raises
        ------
        InputError
            If the region is not synthetic: nobody knows them.
        """
        names = [str(name) for name in self.attrs.get("true_parameters", [])]
        if not names:
            raise self._no_truth()
        data = {
            name: (
                "pixel",
                self._values(f"true_{name}"),
                self._cf_attrs(f"true_{name}"),
            )
            for name in names
        }
        return xr.Dataset(data, coords=self.cells.coords(), attrs=self._label())

    def true_series(self, pixel_ids: Sequence[int]) -> xr.Dataset:
        """What a synthetic region's products would say without error.

        Returns
        -------
        xarray.Dataset
            lai (1), gpp, er, nee (g m-2 d-1 of carbon) over (pixel, time): means
            over the windows of ``observed_time``, without gaps.

        Raises
        ------
        InputError
            If the region is not synthetic.
        """
        if "true_series" not in self._group:
            raise self._no_truth()
        array: Any = self._group["true_series"]
        positions = [self._position(one) for one in pixel_ids]
        values = self._read(array, positions)
        data = {
            str(name): (
                ("pixel", "time"),
                values[:, index].astype(np.float64),
                {**FLUXES[name].attrs, "comment": self.attrs.get("title", "")},
            )
            for index, name in enumerate(array.attrs["streams"])
        }
        return xr.Dataset(
            data,
            coords=series_coords(
                self.cells.ids[positions], self.observed_time, WINDOW_ATTRS
            ),
            attrs=self._label(),
        )

    def _no_truth(self) -> InputError:
        return InputError(
            str(self.path),
            found="a region without a known truth",
            wanted="a synthetic region, as landdata.SyntheticSource makes it",
        )

    def filled(self) -> NDArray[np.uint16]:
        """Days filled or brought to a limit, (pixel, variable)."""
        return self._values("filled")

    def verify(self) -> None:
        """Compare every file of the cube with its checksum.

        Raises
        ------
        InputError
            At the first file that differs, is missing or is too much.
        """
        verify_files(self.path)

    def _label(self) -> dict[str, Any]:
        return {
            "Conventions": CONVENTIONS,
            "title": self.attrs.get("title", ""),
            "source": self.attrs.get("source", ""),
            "synthetic": int(self.synthetic),
        }

    def _position(self, pixel_id: int) -> int:
        position = self._index.get(int(pixel_id))
        if position is None:
            raise InputError(
                f"{self.path}  pixel {pixel_id}",
                found="no such pixel",
                wanted=f"one of {len(self)}, such as {int(self.cells.ids[0])}",
            )
        return position

    def _read(self, array: Any, positions: list[int]) -> NDArray:
        if not positions:
            return np.empty((0, *array.shape[1:]), dtype=np.float32)
        where = f"{self.path / array.path}  pixel {self.cells.ids[positions[0]]}"
        with reading(where, "what was written when the cube was built"):
            if positions == list(range(positions[0], positions[0] + len(positions))):
                return np.asarray(array[positions[0] : positions[-1] + 1])
            return np.stack([np.asarray(array[one]) for one in positions])

    def _values(self, name: str) -> NDArray:
        return np.asarray(self._group[name][...])

    def _cf_attrs(self, name: str) -> dict[str, Any]:
        attrs = dict(self._group[name].attrs)
        if "flag_values" in attrs:  # JSON has forgotten their type
            attrs["flag_values"] = np.asarray(
                attrs["flag_values"], dtype=self._group[name].dtype
            )
        return attrs


def open_cube(path: str | Path, *, verify: bool = False) -> Cube:
    """Open a finished cube.

    Parameters
    ----------
    path : path
        Its folder.
    verify : bool
        Compare all its files with their checksums first (reads all of it).

    Raises
    ------
    InputError
        If there is no cube, or it is not finished, or its files differ.

    Examples
    --------
    >>> from landdata import SyntheticSource, build_cube, open_cube, synthetic_block
    >>> source = SyntheticSource(
    ...     grid=synthetic_block(2, 1), years=(2003, 2003), forest_only=False
    ... )
    >>> _ = build_cube("small.zarr", source)
    >>> cube = open_cube("small.zarr", verify=True)
    >>> cube.states.tolist(), cube.pixel(int(cube.cells.ids[0])).state
    ([0, 0], 'ok')
    """
    path = Path(path)
    if not (path / "zarr.json").is_file():
        raise InputError(
            str(path),
            found="no cube",
            wanted="a folder written by landdata.build_cube",
        )
    if not (path / CHECKSUMS).is_file():
        done = len(list((path / BUILDING / "shards").glob("*.json")))
        raise InputError(
            str(path),
            found=f"a cube that is not finished ({done} shards done)",
            wanted="a finished one",
            hint="Build it again with the same inputs: it goes on where it stopped.",
        )
    cube = Cube(path)
    if verify:
        cube.verify()
    return cube


def _other_format(path: Path, attrs: Mapping[str, Any]) -> InputError:
    """Refuse a cube of another version, and say with which command it is built anew."""
    found = attrs.get("region_cube_format")
    plan = attrs.get("plan")
    kind = str(plan.get("kind", "")) if isinstance(plan, Mapping) else ""
    command = f"masm region build CATALOGUE {path} --bounds=... --years ..."
    if kind.startswith("SYNTHETIC"):
        command = f"masm region synthetic {path} ..."
    held = ": it holds the drivers of one model, not what was measured"
    return InputError(
        f"{path}  region_cube_format",
        found=f"format {found!r}" + (held if found == 1 else ""),
        wanted=f"a region cube of format {FORMAT}",
        hint="Move the old folder away and build the cube again from the same files, "
        f"with the options that you gave then: {command}",
    )


def _dates(days: NDArray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(days.astype("datetime64[D]").astype("datetime64[ns]"))
