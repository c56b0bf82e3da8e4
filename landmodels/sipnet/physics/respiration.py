"""Respiration of plant, soil and litter (specification, sections 5 and 10).

Braswell et al. (2005) A18 to A20, Sacks et al. (2006), Zobitz et al. (2008).
"""

import math

from landmodels.kernels.compile import equation
from landmodels.sipnet.physics.maths import clip01


@equation
def plant_respiration(p, s, d, o, f):
    """Maintenance of leaves, wood and roots, and growth respiration."""
    by_air = math.exp(p.log_veg_q10 * d.tair)
    f.leaf_respiration = f.foliar_base * by_air
    if d.tsoil < p.frozenSoilThreshold:
        f.leaf_respiration *= p.frozenSoilFolREff
    f.wood_respiration = p.baseVegResp * (s.wood + s.unallocated) * by_air
    f.growth_respiration = 0.0
    if o.growth_respiration != 0:
        f.growth_respiration = max(0.0, p.growthRespFrac * f.mean_npp)
    by_coarse = math.exp(p.log_coarse_q10 * d.tsoil)
    by_fine = math.exp(p.log_fine_q10 * d.tsoil)
    f.coarse_respiration = p.baseCoarseRootResp * s.coarse_root * by_coarse
    f.fine_respiration = p.baseFineRootResp * s.fine_root * by_fine
    above = f.leaf_respiration + f.wood_respiration + f.growth_respiration
    f.ra_rate = above + f.coarse_respiration + f.fine_respiration


@equation
def anoxia(wetness, threshold):
    """Share of the soil without oxygen: 0 at the threshold, 1 when saturated."""
    return clip01((clip01(wetness) - threshold) / (1.0 - threshold))


@equation
def moisture_factor(p, s, d, o):
    """Effect of soil water on decomposition; none while the soil is below 0 degC."""
    if o.water_respiration == 0 or d.tsoil < 0.0:
        return 1.0
    wetness = s.water / p.soilWHC
    if o.anaerobic != 0:
        no_oxygen = anoxia(wetness, p.fAnoxia)
        with_oxygen = (1.0 - no_oxygen) * clip01(clip01(wetness) / p.fAnoxia)
        return with_oxygen + p.anaerobicDecompRate * no_oxygen
    if o.legacy == 0:
        wetness = clip01(wetness)
    if p.soilRespMoistEffect == 1.0:
        return wetness
    return wetness**p.soilRespMoistEffect


@equation
def decomposition(p, s, d, o, f):
    """Respiration of soil and litter, breakdown of litter, methane."""
    moist = moisture_factor(p, s, d, o)
    warm = math.exp(p.log_soil_q10 * d.tsoil)
    tilled = 1.0 + s.tillage
    f.soil_respiration = s.soil * p.baseSoilResp * moist * warm * tilled
    f.litter_respiration = 0.0
    f.litter_to_soil = 0.0
    if o.litter_pool != 0:
        broken = s.litter * p.litterBreakdownRate * warm * moist * tilled
        f.litter_respiration = p.fracLitterRespired * broken
        f.litter_to_soil = (1.0 - p.fracLitterRespired) * broken
    f.rh_rate = f.soil_respiration + f.litter_respiration
    f.methane_soil = 0.0
    f.methane_litter = 0.0
    if o.anaerobic != 0:
        no_oxygen = anoxia(s.water / p.soilWHC, p.fAnoxia)
        rate = warm * no_oxygen**p.anaerobicTransExp
        f.methane_soil = p.soilMethaneRate * s.soil * rate
        if o.litter_pool != 0:
            f.methane_litter = p.litterMethaneRate * s.litter * rate
