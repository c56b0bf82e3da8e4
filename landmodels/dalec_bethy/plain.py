"""The equations run by numpy, day by day, on real or complex numbers.

Slow, and free of everything that is generated: with complex parameters it gives
derivatives that owe nothing to :mod:`.trace` (Squire and Trapp 1998).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from landmodels.dalec_bethy.equations import day
from landmodels.dalec_bethy.tile import Run, Tile


def plain_run(tile: Tile, parameters: NDArray, state: NDArray) -> Run:
    """Run all days; complex where parameters or state are.

    Parameters
    ----------
    tile : Tile
    parameters : ndarray (17,)
    state : ndarray (10,)

    Returns
    -------
    Run
        Its arrays are complex where the input was.
    """
    n = tile.drivers.n_days
    kind = np.result_type(parameters, state)
    states: Any = np.empty((n + 1, len(day.STATES)), dtype=kind)
    reported: Any = np.empty((n, len(day.DAILY_OUTPUTS)), dtype=kind)
    hourly: Any = np.empty((n, len(day.HOURLY_OUTPUTS), 24), dtype=kind)
    states[0] = state
    held: dict[str, Any] = dict(zip(day.PARAMETERS, parameters, strict=True))
    held |= dict(zip(day.FIXED, tile.fixed, strict=True))
    for d in range(n):
        v = dict(held)
        v |= dict(zip(day.STATES, states[d], strict=True))
        v |= dict(zip(day.DAILY_DRIVERS, tile.drivers.daily[d], strict=True))
        v |= day.slow(np, v)
        drivers = tile.drivers.hourly[d]
        noon = dict(zip(day.HOURLY_DRIVERS, drivers[:, day.NOON], strict=True))
        v |= day.noon(np, {**v, **noon})
        hours = dict(zip(day.HOURLY_DRIVERS, drivers, strict=True))
        fluxes = day.hour(np, {**v, **hours})
        v |= {f"s_{name}": fluxes[name].sum() for name in day.SUMS}
        v |= day.daily(np, v)
        states[d + 1] = [v[f"n_{name}"] for name in day.STATES]
        reported[d] = [v[name] for name in day.DAILY_OUTPUTS]
        hourly[d] = [fluxes[name] for name in day.HOURLY_OUTPUTS]
    return Run(states, reported, hourly)
