"""Run the model over all pixels of a region, block by block, lanes being pixels."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jobs.config.process_model import model_of
from jobs.executors.tasks import do_units, minutes_for
from jobs.run.region_sample import open_region
from jobs.run.run import Run, open_run
from jobs.stages.region_parameters import Fields, fields_of
from jobs.stages.region_store import (
    BLOCK_PIXELS,
    FLUXES,
    WINDOWS,
    Store,
    groups_of,
    prepare_store,
    window_bounds,
    write_block,
)

if TYPE_CHECKING:
    import xarray as xr

logger = logging.getLogger(__name__)


def simulate_region(run: Run, parameter_set: str, executor: str | None = None) -> bool:
    """Run a region with a parameter set, going on from what is done.

    Parameters
    ----------
    run : Run
        A started run of a region.
    parameter_set : str
        One of ``jobs.stages.region_parameters.REGIONAL``.
    executor : str, optional
        In place of the configuration's.

    Returns
    -------
    bool
        Whether all of it is done; False when it was submitted to Slurm.
    """
    fields = fields_of(run, parameter_set)
    store = prepare_store(run, parameter_set, fields)
    years = run.config.periods.whole
    return do_units(
        run,
        partial(simulate_block, parameter_set=parameter_set),
        store.left,
        command=["simulate", "--parameters", parameter_set],
        unit="blocks of pixels",
        executor=executor,
        minutes=minutes_for(run, BLOCK_PIXELS, years.last - years.first + 1),
    )


def simulate_block(path: Path, number: int, *, parameter_set: str) -> None:
    """Run one block of pixels with one draw of parameters, and write it."""
    run = open_run(path)
    fields = fields_of(run, parameter_set)
    store = prepare_store(run, parameter_set, fields)
    means = block_means(run, store, fields, number, groups_of(parameter_set))
    write_block(store, number, means)


def block_means(
    run: Run, store: Store, fields: Fields, number: int, groups: Any
) -> dict[str, dict[str, NDArray[np.float32]]]:
    """Simulate a block and average it to the windows of the groups.

    Returns
    -------
    dict
        Group to flux to (pixel, window), in the flux's unit.
    """
    draw, pixels = store.where(number)
    weather = _weather(run, fields.ids[pixels])
    values = fields.values[draw, pixels]
    (simulated,) = model_of(run.config).simulate_pixels(
        weather, _parameters(fields, values), list(FLUXES), BLOCK_PIXELS
    )
    kept = simulated.sel(time=run.config.periods.observed.years)
    days = kept["time"].to_numpy().astype("datetime64[D]")
    means: dict[str, dict[str, Any]] = {name: {} for name in groups}
    for flux in FLUXES:
        daily = kept[flux].transpose("pixel", "time").to_numpy()
        for name in groups:
            means[name][flux] = window_means(daily, days, WINDOWS[name])
    return means


def window_means(
    daily: NDArray[np.float64], days: NDArray[np.datetime64], windows: str
) -> NDArray[np.float32]:
    """Means of (pixel, day) over calendar windows, (pixel, window)."""
    starts, bounds = window_bounds(days, windows)
    sums = np.add.reduceat(daily, starts, axis=1)
    return (sums / np.diff(bounds, axis=1)[:, 0]).astype(np.float32)


def _weather(run: Run, ids: NDArray[np.int64]) -> xr.Dataset:
    cube = open_region(run.cube)
    whole = cube.weather(ids.tolist())
    return whole.sel(time=run.config.periods.whole.years)


def _parameters(fields: Fields, values: NDArray[np.float64]) -> xr.Dataset:
    import xarray as xr

    return xr.Dataset(
        {name: ("pixel", values[:, j]) for j, name in enumerate(fields.names)}
    )
