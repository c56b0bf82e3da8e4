"""Rain, snow, soil evaporation and drainage (specification, 4.1, 4.4, 4.5, 10).

Sacks et al. (2006).
"""

import math

from landmodels.kernels.compile import equation
from landmodels.sipnet.physics.constants import (
    EVAPORATION_FACTOR,
    SNOW_VAPOUR_PRESSURE,
    SUBLIMATION_FACTOR,
    TINY,
)
from landmodels.sipnet.physics.maths import clip01


@equation
def precipitation(p, s, d, o, f):
    """Rain or snow by air temperature, and what the canopy intercepts."""
    rate = d.precip / d.dt
    f.rain = 0.0
    f.snowfall = 0.0
    if d.tair <= 0.0:
        f.snowfall = rate
    else:
        f.rain = rate
    f.interception = p.immedEvapFrac * f.rain
    if o.leaf_water != 0:
        cap = s.leaf / p.leafCSpWt * p.leafPoolDepth
        f.interception = min(f.interception, cap)


@equation
def snow_pack(p, s, d, f):
    """Sublimation and melt of a pack that is there at the start of the step."""
    f.sublimation = 0.0
    f.melt = 0.0
    if s.snow <= 0.0:
        return
    resistance = p.rdConst / d.wspd
    deficit = SNOW_VAPOUR_PRESSURE - d.vpress
    f.sublimation = max(0.0, SUBLIMATION_FACTOR * deficit / resistance)
    left = s.snow + f.snowfall * d.dt
    if left - f.sublimation * d.dt < 0.0:
        f.sublimation = left / d.dt
        left = 0.0
    else:
        left -= f.sublimation * d.dt
    if d.tair > 0.0:
        f.melt = p.snowMelt * d.tair
        if left - f.melt * d.dt < 0.0:
            f.melt = left / d.dt


@equation
def soil_water(p, s, d, o, f):
    """Fast flow, soil evaporation and drainage."""
    inflow = f.rain - f.interception + f.melt
    f.fast_flow = p.fastFlowFrac * inflow
    inflow -= f.fast_flow
    left = s.water + inflow * d.dt - f.transpiration * d.dt
    f.evaporation = 0.0
    if s.snow <= 0.0:
        wetness = s.water / p.soilWHC
        if o.legacy == 0:
            wetness = clip01(wetness)
        soil = math.exp(p.rSoilConst1 - p.rSoilConst2 * wetness)
        air = p.rdConst / d.wspd
        f.evaporation = max(0.0, EVAPORATION_FACTOR * d.vpdsoil / (air + soil))
        if left - f.evaporation * d.dt < TINY:
            f.evaporation = (left - TINY) / d.dt
            left = 0.0
        else:
            left -= f.evaporation * d.dt
    excess = left - p.soilWHC
    f.drainage = max(0.0, excess) / d.dt
    if o.flooding != 0 and excess > 0.0:
        f.drainage = min(excess * p.waterDrainFrac, excess / d.dt)
