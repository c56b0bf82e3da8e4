"""Run the compiled kernel on the reference's terms, or hour by hour.

``Lane.trace`` is a day of the kernel that also keeps a copy of everything at each
stage of each hour; that it is the kernel's own day is tested in ``test_closure``.
"""

from functools import cache
from itertools import chain

import numpy as np

from ibis_dalec.parameters import parameter_table
from ibis_dalec.physics import time_loop as kernel
from ibis_dalec.physics.compile import entry_point
from ibis_dalec.physics.dalec import canopy_area, dalec_day, leaf_area
from ibis_dalec.physics.energy_balance import (
    canopy_fluxes,
    linearise,
    solve,
    start_canopy,
    update_weights,
)
from ibis_dalec.physics.hourly_step import add_canopy, add_ground
from ibis_dalec.physics.hourly_weather import (
    COS_HOUR_ANGLE,
    TEMPERATURE_SHAPE,
    start_weather_day,
    sun_of_day,
    weather_hour,
)
from ibis_dalec.physics.interception import (
    evaporate_intercepted,
    intercept,
    wet_fractions,
)
from ibis_dalec.physics.leaf import canopy_physiology, moisture_stress
from ibis_dalec.physics.radiation import longwave, solar
from ibis_dalec.physics.snow import snow_and_ground
from ibis_dalec.physics.soil_column import soil_column
from ibis_dalec.physics.soil_layers import start_soil
from ibis_dalec.physics.time_loop import finish_day, read_forcing, start_day
from ibis_dalec.physics.turbulence import start_turbulence, transfer_coefficients
from ibis_dalec.physics.workspace import new_workspace
from ibis_dalec.run import initialise as prepare

#: What the copies of an hour show: the hour's weather on the state before it, the
#: radiation, the coefficients of the last linear system, its solution, the fluxes
#: from it, and the state after canopy, snow and soil.
STAGES = ("weather", "light", "system", "solved", "fluxes", "canopy", "snow", "soil")


def _trace_day(w, flat, first, last, forcing, doy, lai, out):
    """One day; ``out`` (hour, stage, position); ``lai`` < 0 leaves it free."""
    start_day(w, flat, first, last)
    read_forcing(w, forcing, 1)
    if lai < 0.0:
        leaf_area(w)
    else:
        w.lai_ground[0] = lai
    canopy_area(w)
    start_weather_day(w, 1)
    sun, sin_dec, cos_dec = sun_of_day(doy)
    for hour in range(24):
        weather_hour(
            w, hour, TEMPERATURE_SHAPE[hour], COS_HOUR_ANGLE[hour], sun, sin_dec,
            cos_dec, 1,
        )  # fmt: skip
        out[hour, 0] = flat
        start_soil(w)
        wet_fractions(w)
        solar(w)
        longwave(w)
        out[hour, 1] = flat
        moisture_stress(w)
        intercept(w)
        wet_fractions(w)
        start_turbulence(w)
        start_canopy(w)
        for iteration in range(3):
            if iteration > 0:
                update_weights(w)
            transfer_coefficients(w, iteration == 0)
            canopy_physiology(w)
            linearise(w)
            out[hour, 2] = flat
            solve(w)
        out[hour, 3] = flat
        canopy_fluxes(w)
        out[hour, 4] = flat
        add_canopy(w)
        evaporate_intercepted(w)
        out[hour, 5] = flat
        snow_and_ground(w)
        out[hour, 6] = flat
        soil_column(w)
        out[hour, 7] = flat
        add_ground(w)
    dalec_day(w, doy)
    finish_day(w)


@cache
def _traced_day():
    return entry_point(_trace_day, 1)


def parameters_of(workspace, given=None, mapping="M1"):
    """Write parameters: defaults, and ``given`` values (scalars or one per lane)."""
    lanes = workspace["tu"].shape[-1]
    values = {**parameter_table().default, **(given or {})}
    prepare.set_parameters(
        workspace,
        {
            name: np.broadcast_to(np.asarray(values[name], float), (lanes,))
            for name in parameter_table().index
        },
        mapping,
    )


class Leaves:
    """Top leaves in still conditions, a lane each; ``call`` is the stomata's call.

    The canopy is its top leaf: all scales are one.
    """

    def __init__(self, lanes, parameters=None, **fields):
        self.workspace = new_workspace(lanes)
        parameters_of(self.workspace, parameters)
        still = {
            "lai": 1.0, "sai": 0.0, "day_scale": 1.0, "scale_a": 1.0, "scale_b": 1.0,
            "psurf": 98000.0, "co2": 370e-6, "cs": 350e-6, "ci": 350e-6, "gs": 0.5,
            "su": 0.05, "stress": 1.0, "tu": 293.16, "t12": 293.16, "q12": 0.010,
            "toppar": 100.0,
        }  # fmt: skip
        for name, value in {**still, **fields}.items():
            self[name] = value

    def __getitem__(self, name):
        return self.workspace[name][0]

    def __setitem__(self, name, value):
        self.workspace[name][0] = value

    def call(self, times=1):
        """Call ``times``; gross and net assimilation of the last (mol m-2 s-1)."""
        for _ in range(times):
            canopy_physiology(self.workspace[0])
        return self["agc"].copy(), self["anc"].copy()


class Lane:
    """One simulation that can be stepped, looked into and tampered with."""

    def __init__(self, weather, parameters=None, *, lai=None, mapping="M1"):
        self.weather = weather
        self.lai = lai
        self.workspace = new_workspace(1)
        self.flat = self.workspace.view(np.float64)
        self.first, self.last = kernel.day_range(self.workspace.dtype)
        parameters_of(self.workspace, parameters, mapping)
        prepare.set_site(
            self.workspace, slice(None), weather.lat, weather.sand, weather.clay
        )
        prepare.cold_start(self.workspace, {})
        self.flags = np.zeros(kernel.N_FLAGS, dtype=np.int64)
        self.flags[kernel.FREE_LAI] = lai is None
        self.forcing = weather.drivers()
        self.doy = weather.table.doy.to_numpy(float)
        self.year_days = np.where(weather.table.year % 4 == 0, 366.0, 365.0)

    def __getitem__(self, name):
        """Field of the workspace, without the lane's axis."""
        return self.workspace[name][0, ..., 0]

    def __setitem__(self, name, value):
        self.workspace[name][0, ..., 0] = value

    def run(self, days, fields=()):
        """Run days; returns each field's daily values, (time,) or (time, layer)."""
        days = range(days) if isinstance(days, int) else days
        rows = slice(days.start, days.stop)
        columns = [kernel.field_columns(self.workspace.dtype, n) for n in fields]
        flat_columns = np.array(list(chain.from_iterable(columns)), dtype=np.int64)
        out = np.zeros((len(days), flat_columns.size, 1))
        lai = np.zeros((len(days), 1)) if self.lai is None else self.lai[rows, None]
        kernel.run(
            self.workspace[0], self.flat, self.first, self.last, self.forcing[rows],
            self.doy[rows], self.year_days[rows], np.ascontiguousarray(lai),
            self.flags, flat_columns, np.arange(len(days)), out,
        )  # fmt: skip
        found, at = {}, 0
        for name, places in zip(fields, columns, strict=True):
            block = out[:, at : at + len(places), 0]
            found[name] = block[:, 0] if len(places) == 1 else block
            at += len(places)
        return found

    def trace(self, days):
        """Run days hour by hour; returns records of stages, (day, hour) each."""
        size = self.flat.size
        out = np.empty((len(days), 24, len(STAGES), size))
        trace_day = _traced_day()
        for i, day in enumerate(days):
            lai = -1.0 if self.lai is None else float(self.lai[day])
            trace_day(
                self.workspace[0], self.flat, self.first, self.last,
                self.forcing[day], self.doy[day], lai, out[i],
            )  # fmt: skip
        records = out.view(self.workspace.dtype)[..., 0]
        return {stage: Hours(records[:, :, i]) for i, stage in enumerate(STAGES)}


class Hours:
    """Fields of traced hours: ``hours.tu`` (day, hour), ``hours.tsoi`` (..., layer)."""

    def __init__(self, records):
        self.records = records

    def __getattr__(self, name):
        values = self.records[name]
        # The lanes' axis (one lane) is the last of the field.
        return values[..., 0]
