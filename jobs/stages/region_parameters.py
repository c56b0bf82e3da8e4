"""Which parameters each pixel of a region is run with, from the files that say so."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.config.priors import calibrated_parameters
from jobs.config.process_model import model_of
from jobs.errors import ConfigError, Problem
from jobs.netcdf_files import read_netcdf
from jobs.run.pixel_state import FINISHED
from jobs.run.pixel_summary import posterior_means
from jobs.run.region_sample import draw_sample, open_region
from jobs.run.run import Run
from jobs.run.states import states_of

if TYPE_CHECKING:
    import xarray as xr

REGIONAL = ("default", "calibrated", "upscaled", "ensemble")
"""Parameter sets a region can be run with."""


@dataclass(frozen=True, eq=False)
class Fields:
    """Parameters over the pixels of a region.

    Attributes
    ----------
    ids : ndarray (pixel,)
        Of the pixels to run.
    names : tuple of str
        Parameters; the rest of the model's takes its default.
    values : ndarray (draw, pixel, parameter)
        In the parameters' units; one draw but for an ensemble.
    """

    ids: NDArray[np.int64]
    names: tuple[str, ...]
    values: NDArray[np.float64]

    @property
    def digest(self) -> str:
        """What fixes the run's parameters, in few characters."""
        whole = hashlib.sha256(self.ids.tobytes())
        whole.update("\n".join(self.names).encode())
        whole.update(np.ascontiguousarray(self.values).tobytes())
        return whole.hexdigest()[:16]


def region_ids(run: Run) -> NDArray[np.int64]:
    """Return the pixels of the mask that have weather."""
    cube = open_region(run.cube)
    masked = draw_sample(run.config, run.folder.path).masked
    weather = cube.states[np.searchsorted(cube.cells.ids, masked)] != 1
    return masked[weather]


def fields_of(run: Run, parameter_set: str) -> Fields:
    """Return the parameters of a set.

    Parameters
    ----------
    run : Run
        Of a region.
    parameter_set : str
        One of ``REGIONAL``.

    Raises
    ------
    ConfigError
        If what the set rests on is not there yet.
    """
    names = tuple(calibrated_parameters(run.config))
    if parameter_set == "calibrated":
        return _calibrated(run, names)
    ids = region_ids(run)
    if parameter_set == "default":
        table = model_of(run.config).parameters
        defaults = np.array([table[name].default for name in names])
        return Fields(ids, names, np.tile(defaults, (1, ids.size, 1)))
    path = upscaled_file(run, "draws" if parameter_set == "ensemble" else "parameters")
    found = _open(path, run)
    values = found["draw_value"] if parameter_set == "ensemble" else found["mean"]
    if "draw" not in values.dims:
        values = values.expand_dims("draw")
    values = values.transpose("draw", "pixel", "parameter").sel(pixel=ids)
    order = tuple(str(name) for name in values["parameter"].to_numpy())
    return Fields(ids, order, values.to_numpy().astype(np.float64))


def upscaled_file(run: Run, what: str) -> Path:
    """Return ``upscaling/parameters.nc`` or ``upscaling/draws.nc``."""
    return run.folder.path / "upscaling" / f"{what}.nc"


def _calibrated(run: Run, names: tuple[str, ...]) -> Fields:
    done = [p for p, s in states_of(run.folder, run.pixels) if s.state in FINISHED]
    if not done:
        raise ConfigError(
            Problem(
                str(run.folder.path / "pixels"),
                "no pixel has been calibrated",
                hint=f"masm calibrate {run.folder.path}",
            )
        )
    rows = [posterior_means(run, pixel) for pixel in done]
    values = np.array([[[row[name] for name in names] for row in rows]])
    return Fields(np.array([pixel.id for pixel in done], np.int64), names, values)


def _open(path: Path, run: Run) -> xr.Dataset:
    if not path.exists():
        raise ConfigError(
            Problem(
                str(path.relative_to(run.folder.path)),
                "the region has not been upscaled",
                hint=f"masm upscale {run.folder.path}",
            )
        )
    return read_netcdf(path)
