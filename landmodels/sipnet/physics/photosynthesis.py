"""Photosynthesis and transpiration (specification, sections 4.2 and 4.3).

Braswell et al. (2005), appendix, equations A5 to A17, with the changes of the
public program that the specification lists.
"""

import math

from landmodels.kernels.compile import equation
from landmodels.sipnet.physics.constants import CO2_PER_CARBON, TINY


@equation
def temperature_factor(tair, lowest, highest, scale):
    """Parabola in air temperature, 1 at the optimum (A9).

    ``scale`` is ``(2 / (highest - lowest))**2``.
    """
    return max(0.0, (highest - tair) * (tair - lowest) * scale)


@equation
def humidity_factor(log_vpd, slope, exponent):
    """Reduction by the vapour pressure deficit (A10); takes its logarithm."""
    return max(0.0, 1.0 - slope * math.exp(exponent * log_vpd))


@equation
def light_factor(par, lai, attenuation, light_exponent):
    """Mean of the light response over the canopy (A11, A12), Simpson's rule.

    Parameters
    ----------
    par : float
        Light above the canopy, mol m-2 d-1.
    lai : float
        Leaf area index.
    attenuation : float
        Extinction coefficient.
    light_exponent : float
        ``-ln 2`` divided by the light of half saturation.
    """
    if lai <= 0.0 or par <= 0.0:
        return 0.0
    x0 = par * light_exponent
    # The light of a level is a power of that of the level above it.
    t = math.exp(-attenuation * lai / 6.0)
    t2 = t * t
    t3 = t2 * t
    e0 = 1.0 - math.exp(x0)
    e1 = 1.0 - math.exp(x0 * t)
    e2 = 1.0 - math.exp(x0 * t2)
    e3 = 1.0 - math.exp(x0 * t3)
    e4 = 1.0 - math.exp(x0 * (t2 * t2))
    e5 = 1.0 - math.exp(x0 * (t3 * t2))
    e6 = 1.0 - math.exp(x0 * (t3 * t3))
    ends = e0 + e6
    return (ends + 4.0 * (e1 + e3 + e5) + 2.0 * (e2 + e4)) / 18.0


@equation
def potential_photosynthesis(p, s, d, f):
    """GPP without water stress and respiration of foliage at 0 degC."""
    lai = s.leaf / p.leafCSpWt
    conversion = p.carbon_conversion * lai
    f.foliar_base = p.foliar_respiration * conversion
    heat = temperature_factor(d.tair, p.psnTMin, p.psnTMax, p.temperature_scale)
    light = 0.0
    if heat > 0.0:
        light = light_factor(d.par, lai, p.attenuation, p.light_exponent)
    if light > 0.0:
        air = humidity_factor(d.log_vpd, p.dVpdSlope, p.dVpdExp)
        f.potential_gpp = p.gross_maximum * heat * air * light * conversion
    else:
        f.potential_gpp = 0.0


@equation
def transpiration(p, s, d, o, f):
    """Water stress: GPP and transpiration limited by soil water (A13 to A17)."""
    if f.potential_gpp < TINY:
        f.transpiration = 0.0
        f.gpp_rate = f.potential_gpp
        return
    efficiency = p.wueConst / d.vpd  # mg CO2 g-1 H2O
    wanted = f.potential_gpp / efficiency * 1000.0 * CO2_PER_CARBON * 1e-4  # cm d-1
    water = s.water
    if o.legacy == 0:
        water = min(water, p.soilWHC)
    available = water * p.waterRemoveFrac
    if d.tsoil < p.frozenSoilThreshold:
        available *= p.frozenSoilEff
    f.transpiration = min(available, wanted)
    f.gpp_rate = f.potential_gpp * (f.transpiration / wanted)
