"""Weather, observations and true parameters of a pixel of a region cube."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.config.section import Period
from jobs.errors import ConfigError, Problem
from jobs.run.pixel import Pixel

if TYPE_CHECKING:
    import xarray as xr

from jobs.run.region_sample import open_region


def region_forcing(path: Path, pixel: Pixel, years: Period) -> xr.Dataset:
    """Return the daily forcing of a pixel.

    Raises
    ------
    ConfigError
        If the cube has no weather there.
    """
    from ibis_dalec import validate_forcing

    cube = open_region(path)
    found = cube.pixel(pixel.id)
    if found.state == "no_forcing":
        raise ConfigError(
            Problem(
                f"{path}  pixel {pixel.id}",
                "no weather",
                found="a gap of more than three days, or impossible values",
                wanted="every day of every driver",
            )
        )
    return validate_forcing(
        found.forcing.sel(time=years.years), where=f"{path}  pixel {pixel.id}"
    )


def region_observations(path: Path, pixel: Pixel, years: Period) -> xr.Dataset:
    """Return a pixel's observed streams, each with its variance beside it."""
    observed = open_region(path).observations([pixel.id]).isel(pixel=0, drop=True)
    return observed.sel(time=years.years).assign_attrs(file=f"{path}  pixel {pixel.id}")


def region_truth(path: Path, pixel: Pixel) -> dict[str, float]:
    """Return the true parameters of a synthetic region's pixel; else nothing."""
    cube = open_region(path)
    row = int(np.searchsorted(cube.cells.ids, pixel.id))
    return {
        str(name).removeprefix("true_"): float(values[row])
        for name, values in cube.static.items()
        if str(name).startswith("true_")
    }
