"""One step, and the loops over steps and lanes (specification, sections 3.1 and 4)."""

import math
from pathlib import Path

from landmodels.kernels.compile import entry_point, equation, routine, source_digest
from landmodels.sipnet.physics import (
    growth,
    management,
    photosynthesis,
    respiration,
    update,
    water,
    window,
)
from landmodels.sipnet.physics.constants import (
    DEGREE_DAYS,
    TILLAGE_DAYS,
    TILLAGE_LEAST,
    WINDOW_DAYS,
)

_FOLDER = Path(__file__).parent
_DIGEST = source_digest(_FOLDER)


@routine
def start(p, s, d, o):
    """Write the state before the first step, with the flags of its record."""
    s.wood = p.initial_wood
    s.unallocated = 0.0
    s.leaf = p.initial_leaf
    s.coarse_root = p.initial_coarse
    s.fine_root = p.initial_fine
    s.soil = p.initial_soil
    s.litter = p.initial_litter
    s.water = p.initial_water
    s.snow = p.initial_snow
    s.degree_days = 0.0
    s.degree_days_year = d.year
    s.flag_year = d.year
    s.tillage = 0.0
    window.reset(s, 0.0, 0.0)
    come = growth.leaves_come(p, s, d, o)
    fell = growth.leaves_fall(p, d, o)
    s.leaf_off = 1.0 if fell else 0.0
    s.leaf_on = 1.0 if come or fell else 0.0


@equation
def fluxes(p, s, d, o, f):
    """All fluxes from the pools at the start of the step (sections 4 to 6)."""
    f.mean_npp = s.queue_sum / WINDOW_DAYS
    f.snow_before = s.snow
    f.water_before = s.water
    water.precipitation(p, s, d, o, f)
    photosynthesis.potential_photosynthesis(p, s, d, f)
    photosynthesis.transpiration(p, s, d, o, f)
    water.snow_pack(p, s, d, f)
    water.soil_water(p, s, d, o, f)
    respiration.plant_respiration(p, s, d, o, f)
    respiration.decomposition(p, s, d, o, f)
    growth.creation(p, o, f)
    growth.turnover(p, s, o, f)
    growth.phenology(p, s, d, o, f)
    if o.legacy == 0:
        growth.correct_negative_growth(p, s, d, f)


@equation
def new_pools(p, s, d, o, f):
    """Pools at the end of the step (section 8): events, fluxes, death, clamps."""
    management.apply_events(s, f)
    f.legacy_carbon = 0.0
    if o.legacy != 0:
        f.legacy_carbon = f.wood_creation * d.dt
        update.plant_pools_legacy(s, d, f)
    else:
        update.plant_pools(s, d, f)
    update.ground_pools(p, s, d, o, f)
    update.water_pools(s, d, f)
    alive = update.is_alive(s)
    if o.legacy == 0 and f.was_alive != 0.0 and not alive:
        update.die(s, o)
        f.mean_npp = 0.0
    update.clamp(s, f)
    f.alive = 1.0 if alive else 0.0


@equation
def degree_days(s, d, o):
    """Sum of degree days of the year (section 8.5)."""
    if s.degree_days_year != d.year:
        s.degree_days = 0.0
        s.degree_days_year = d.year
    if o.phenology == DEGREE_DAYS:
        s.degree_days += d.degree_days
    else:
        s.degree_days = 0.0


@equation
def tillage_fades(s, d):
    """Exponential decay of the effect of tillage (section 9)."""
    if s.tillage > 0.0:
        s.tillage *= math.exp(-d.dt / TILLAGE_DAYS)
        if s.tillage < TILLAGE_LEAST:
            s.tillage = 0.0


@equation
def reported(p, s, d, f):
    """Amounts of the step and values at its end (section 8.6)."""
    dt = d.dt
    f.gpp = f.gpp_rate * dt
    f.ra = f.ra_rate * dt
    f.rh = f.rh_rate * dt
    f.er = f.ra + f.rh
    f.npp = f.gpp - f.ra
    f.nee = -(f.gpp - f.ra - f.rh)
    vapour = f.transpiration + f.interception + f.evaporation + f.sublimation
    f.et = vapour * dt + f.event_evaporation
    f.out_transpiration = f.transpiration * dt
    f.out_interception = f.interception * dt
    f.out_evaporation = f.evaporation * dt
    f.out_sublimation = f.sublimation * dt
    f.out_drainage = f.drainage * dt
    f.out_fast_flow = f.fast_flow * dt
    f.out_melt = f.melt * dt
    f.out_snowfall = f.snowfall * dt
    f.out_rain = f.rain * dt
    roots = f.coarse_respiration + f.fine_respiration
    f.above_respiration = (f.ra_rate - roots) * dt
    f.total_soil_respiration = (f.rh_rate + roots) * dt
    f.methane = (f.methane_soil + f.methane_litter) * dt
    f.lai = s.leaf / p.leafCSpWt
    f.above_ground_wood = s.wood + s.unallocated
    f.above_ground_biomass = f.above_ground_wood + s.leaf
    f.total_soil_carbon = s.soil + s.litter
    f.wetness = (f.water_before + s.water) / (2.0 * p.soilWHC)


@equation
def step(p, s, d, o, f):
    """One step after its events have been read (section 4, order of a step)."""
    fluxes(p, s, d, o, f)
    new_pools(p, s, d, o, f)
    reported(p, s, d, f)
    degree_days(s, d, o)
    tillage_fades(s, d)
    if o.legacy != 0 or f.alive != 0.0:
        window.add(s, f.gpp_rate - f.ra_rate, f.gpp_rate, d.dt)


@equation
def keep(columns, flat_state, flat_flux, buffer, b):
    """Write what is asked for into column ``b`` of the buffer."""
    n_flux = flat_flux.size
    for k in range(columns.size):
        c = columns[k]
        buffer[k, b] = flat_flux[c] if c < n_flux else flat_state[c - n_flux]


@equation
def flush(buffer, out, first, n):
    """Copy ``n`` columns of the buffer to the output from step ``first`` on."""
    for k in range(out.shape[0]):
        for b in range(n):
            out[k, first + b] = buffer[k, b]


@routine
def run_lane(
    p, s, o, f, drivers, events, columns, flat_state, flat_flux, buffer, out, end
):
    """Run one lane over all steps.

    ``columns`` chooses what is kept: numbers of fluxes, and behind the last flux
    numbers of state. ``out`` has dims (column, step); ``end`` is the summary. Values
    go through a small buffer, (column, step), as writing to many far places in turn
    takes as long as the physics.
    """
    i_event = 0
    end.death_step = -1
    end.alive_at_end = 0
    end.last_gpp_step = -1
    management.no_events(f)
    for t in range(drivers.size):
        d = drivers[t]
        f.was_alive = 1.0 if update.is_alive(s) else 0.0
        any_event = i_event < events.size and events[i_event].step == t
        while i_event < events.size and events[i_event].step == t:
            management.manage(p, s, o, f, events[i_event])
            i_event += 1
        step(p, s, d, o, f)
        b = t % buffer.shape[1]
        keep(columns, flat_state, flat_flux, buffer, b)
        if b == buffer.shape[1] - 1 or t == drivers.size - 1:
            flush(buffer, out, t - b, b + 1)
        if f.alive == 0.0 and f.was_alive != 0.0 and end.death_step < 0:
            end.death_step = t
        if f.gpp > 0.0:
            end.last_gpp_step = t
        if any_event:
            management.no_events(f)
    end.alive_at_end = 1 if update.is_alive(s) else 0


def _run_lanes(
    first, last, parameters, states, fresh, options, scratch, flat_flux, flat_states,
    drivers, lane_site, events, event_start, columns, buffer, out, summary, spare,
):  # fmt: skip
    """Run the lanes from ``first`` to before ``last``, one after the other.

    Lanes share nothing, so their number changes no bit of any of them.
    """
    o = options[0]
    f = scratch[0]
    for lane in range(first, last):
        site = lane_site[lane]
        p = parameters[lane]
        s = states[lane]
        if fresh:
            start(p, s, drivers[site, 0], o)
        run_lane(
            p, s, o, f, drivers[site],
            events[event_start[site] : event_start[site + 1]], columns,
            flat_states[lane], flat_flux, buffer, out[lane], summary[lane],
        )  # fmt: skip
        window.oldest_first(s, spare)


run_lanes = entry_point(_run_lanes, _FOLDER, _DIGEST)
