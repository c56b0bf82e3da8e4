"""The time loop: days of hours, the daily carbon step, and what is recorded.

One compiled function for any number of lanes. Forcing is shared by the lanes (one
pixel, many parameter vectors) or given for each lane (a block of pixels).
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ibis_dalec.physics.compile import entry_point, routine
from ibis_dalec.physics.constants import FU, HSOI, NSNO, NSOI, RHOS, TMELT
from ibis_dalec.physics.dalec import canopy_area, dalec_day, leaf_area, slow_pools_day
from ibis_dalec.physics.hourly_step import step_hour
from ibis_dalec.physics.hourly_weather import (
    COS_HOUR_ANGLE,
    TEMPERATURE_SHAPE,
    share_weather,
    start_weather_day,
    sun_of_day,
    weather_hour,
)
from ibis_dalec.physics.soil_carbon import (
    decomposition_hour,
    npp_hour,
    soil_carbon_day,
    start_maintenance,
)
from ibis_dalec.physics.soil_layers import layer_water
from ibis_dalec.physics.workspace import DAY

#: Order of the forcing variables in the forcing array.
DRIVERS = ("tmin", "tmax", "prec", "wind", "specific_humidity", "pressure",
           "cloud_cover", "co2")  # fmt: skip
#: Flags of the kernel, by position.
SOIL_CARBON, IBIS_RESPIRATION, FREE_LAI, FIXED_BIOMASS = 0, 1, 2, 3
N_FLAGS = 4
#: Fields that carbon-only spin-up cycles replay, in this order.
SERIES = ("trate", "litter_leaf", "to_root", "to_wood", "decompl", "decomps")


@routine
def read_forcing(w, day, n):
    """Copy a day of forcing, (driver, pixel), into the first ``n`` lanes."""
    for lane in range(n):
        w.tmin_k[lane] = day[0, lane] + TMELT
        w.tmax_k[lane] = day[1, lane] + TMELT
        w.prec_day[lane] = day[2, lane]
        w.wind_day[lane] = day[3, lane]
        w.q_day[lane] = day[4, lane]
        w.psurf[lane] = day[5, lane]
        w.cloud[lane] = day[6, lane]
        w.co2[lane] = day[7, lane] * 1e-6


@routine
def start_day(w, flat, first, last):
    """Set the day's sums to zero."""
    for i in range(first, last):
        flat[i] = 0.0


@routine
def finish_day(w):
    """Water storage, snow water and the evaporation that does not add up."""
    lanes = w.lai.shape[0]
    for lane in range(lanes):
        depth = 0.0
        for k in range(NSNO):
            depth += w.hsno[k, lane]
        swe = w.fi[lane] * RHOS * depth
        leaves = w.lai[lane] * (w.wliqu[lane] + w.wsnou[lane])
        stems = w.sai[lane] * (w.wliqs[lane] + w.wsnos[lane])
        w.swe[lane] = swe
        w.soil_water_top[lane] = layer_water(
            HSOI[0], w.poros[lane], w.wsoi[0, lane], w.wisoi[0, lane]
        )
        w.storage[lane] = (
            w.wpud[lane] + w.wipud[lane] + swe + 2.0 * FU * (leaves + stems)
        )
        w.evaporation_mismatch[lane] += (
            w.transpiration[lane]
            + w.interception_evaporation[lane]
            + w.surface_evaporation[lane]
            - w.et[lane]
        )
    for k in range(NSOI):
        for lane in range(lanes):
            water = layer_water(
                HSOI[k], w.poros[lane], w.wsoi[k, lane], w.wisoi[k, lane]
            )
            w.soil_water[lane] += water
            w.storage[lane] += water


@routine
def remember_decomposition(w):
    """Today's mean decomposition factors, for tomorrow."""
    for lane in range(w.lai.shape[0]):
        w.decompl_sum[lane] /= 24.0
        w.decomps_sum[lane] /= 24.0
        w.decompl[lane] = w.decompl_sum[lane]
        w.decomps[lane] = w.decomps_sum[lane]


@routine
def run_day(w, flat, first, last, forcing, doy, year_days, lai, n_forcing, flags):
    """One day: 24 hours of physics, then carbon."""
    lanes = w.lai.shape[0]
    start_day(w, flat, first, last)
    shared = n_forcing == 1
    read_forcing(w, forcing, n_forcing)
    if shared:
        for lane in range(1, lanes):
            w.tmin_k[lane] = w.tmin_k[0]
            w.tmax_k[lane] = w.tmax_k[0]
    if flags[FREE_LAI] != 0:
        leaf_area(w)
    else:
        for lane in range(lanes):
            w.lai_ground[lane] = lai[lane if lai.shape[0] > 1 else 0]
    canopy_area(w)
    if flags[IBIS_RESPIRATION] != 0 and flags[FIXED_BIOMASS] == 0:
        start_maintenance(w, year_days)
    start_weather_day(w, n_forcing)
    if shared:
        share_weather(w, False)
    solar, sin_dec, cos_dec = sun_of_day(doy)
    for hour in range(24):
        weather_hour(
            w, hour, TEMPERATURE_SHAPE[hour], COS_HOUR_ANGLE[hour], solar, sin_dec,
            cos_dec, n_forcing,
        )  # fmt: skip
        if shared:
            share_weather(w, True)
        step_hour(w)
        if flags[SOIL_CARBON] != 0:
            decomposition_hour(w)
        if flags[IBIS_RESPIRATION] != 0:
            npp_hour(w)
    dalec_day(w, doy)
    if flags[SOIL_CARBON] != 0:
        soil_carbon_day(w)
        remember_decomposition(w)
    finish_day(w)


@routine
def record(flat, lanes, columns, out):
    """Add the fields at ``columns`` to ``out``, (column, lane)."""
    for c in range(columns.shape[0]):
        base = columns[c]
        for lane in range(lanes):
            out[c, lane] += flat[base + lane]


def _run(w, flat, first, last, forcing, doy, year_days, lai, flags, columns, slot, out):
    """Run all days.

    ``forcing`` (time, driver, pixel), ``doy`` and ``year_days`` (time), ``lai``
    (time, 1 or lane), ``slot`` (time): row of ``out`` (slot, column, lane) to which
    a day is added, or -1.
    """
    lanes = w.lai.shape[0]
    for t in range(forcing.shape[0]):
        run_day(
            w, flat, first, last, forcing[t], doy[t], year_days[t], lai[t],
            forcing.shape[2], flags,
        )  # fmt: skip
        if slot[t] >= 0:
            record(flat, lanes, columns, out[slot[t]])


def _run_slow_pools(w, flat, series, columns, flags, cycles):
    """Replay a year's series (day, column, lane) on the slow carbon pools."""
    lanes = w.lai.shape[0]
    for _ in range(cycles):
        for day in range(series.shape[0]):
            for c in range(columns.shape[0]):
                for lane in range(lanes):
                    flat[columns[c] + lane] = series[day, c, lane]
            slow_pools_day(w)
            if flags[SOIL_CARBON] != 0:
                soil_carbon_day(w)


@cache
def entry_points(lanes: int) -> tuple[Callable[..., None], Callable[..., None]]:
    """Compiled ``run`` and ``run_slow_pools`` for a number of lanes."""
    return entry_point(_run, lanes), entry_point(_run_slow_pools, lanes)


def run(w: np.void, *arguments: Any) -> None:
    """Run all days: see ``_run`` for the arguments."""
    entry_points(w["tu"].shape[-1])[0](w, *arguments)


def run_slow_pools(w: np.void, *arguments: Any) -> None:
    """Replay a year on the slow carbon pools: see ``_run_slow_pools``."""
    entry_points(w["tu"].shape[-1])[1](w, *arguments)


def field_columns(dtype: np.dtype, name: str) -> list[int]:
    """Positions of a field's layers in the flat view of a workspace."""
    base, offset = dtype.fields[name][:2]  # type: ignore[index]
    start = offset // 8
    lanes = base.shape[-1]
    layers = base.shape[0] if len(base.shape) > 1 else 1
    return [start + k * lanes for k in range(layers)]


def day_range(dtype: np.dtype) -> tuple[int, int]:
    """First and last (exclusive) position of the day's fields in the flat view."""
    first = field_columns(dtype, DAY[0][0])[0]
    last_name = DAY[-1][0]
    columns = field_columns(dtype, last_name)
    return first, columns[-1] + dtype.fields[last_name][0].shape[-1]  # type: ignore[index]
