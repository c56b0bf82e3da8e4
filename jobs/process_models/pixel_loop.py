"""Many places one by one, for models that simulate a single place at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr


def run_places(
    weather: xr.Dataset,
    parameters: xr.Dataset,
    outputs: Sequence[str],
    chunk: int,
    simulate: Callable[[xr.Dataset, str, dict[str, float]], xr.Dataset],
) -> Iterator[xr.Dataset]:
    """Simulate places in order; yield ``chunk`` of them at a time.

    Parameters
    ----------
    weather : xarray.Dataset
        Over (pixel, time).
    parameters : xarray.Dataset
        Over (pixel,).
    outputs : sequence of str
        Outputs wanted; those that a model does not have are NaN.
    chunk : int
        Places of one answer.
    simulate : callable
        ``simulate(weather, where, parameters)`` of one place, over (time,).
    """
    import xarray as xr

    n = weather.sizes["pixel"]
    for start in range(0, n, chunk):
        rows = list(range(start, min(start + chunk, n)))
        found = []
        for row in rows:
            place = weather.isel(pixel=row)
            given = {str(k): float(v) for k, v in parameters.isel(pixel=row).items()}
            run = simulate(place, f"pixel {int(place['pixel'])}", given)
            lacking = {
                name: ("time", np.full(run.sizes["time"], np.nan))
                for name in outputs
                if name not in run
            }
            found.append(run.assign(lacking)[list(outputs)])
        yield xr.concat(found, weather["pixel"].isel(pixel=rows))
