"""Tiles and problems on synthetic weather, shared by the tests."""

from functools import cache

import numpy as np

from benchmarks.dalec_bethy_weather import place_drivers
from landmodels.dalec_bethy.control import transform
from landmodels.dalec_bethy.observations import cell_observations
from landmodels.dalec_bethy.parameters import fixed_of, priors_of
from landmodels.dalec_bethy.problem import cell_problem
from landmodels.dalec_bethy.tile import Tile, start_state

FLOOR = {"sif": 0.08, "fapar": 0.05, "ssm": 0.03, "lvod": 0.04}
HOUR = {"sif": 13, "fapar": 10, "ssm": 6, "lvod": 6}
drivers_of_place = cache(place_drivers)


def tile_of(place, kind, n_years=1, seed=1):
    return Tile(drivers_of_place(place, n_years, seed), *fixed_of(kind))


def point(kind, x):
    """Process parameters and first state at controls ``x`` (23,)."""
    values, _ = transform(priors_of(kind), np.broadcast_to(x, 23))
    return values[:17], start_state(values[17:])


def four_streams(n_days, start=0, every=1):
    """Observations of all four streams without values, sigma at its floor."""
    days = np.arange(start, n_days, every)
    stream = np.repeat(list(FLOOR), days.size)
    return cell_observations(
        list(stream),
        np.tile(days, len(FLOOR)),
        [HOUR[s] for s in stream],
        np.zeros(stream.size),
        [FLOOR[s] ** 2 for s in stream],
    )


def cell(place, types, n_years=1, start=0, every=5, **keywords):
    """A cell's problem with observations whose values are all zero."""
    drivers = drivers_of_place(place, n_years, 1)
    observations = four_streams(drivers.n_days, start, every)
    return cell_problem(drivers, types, observations, **keywords)
