"""Saturation and latent heats written again from the specification, in numpy.

The tests of the energy balance rebuild the model's equations from these, so that
they do not check the model against itself.
"""

import numpy as np

STEF, GRAV, TMELT = 5.67e-8, 9.80616, 273.16
HVAP, HFUS = 2.5104e6, 0.3336e6
CH2O, CICE, CVAP = 4218.0, 2106.0, 1810.0
RHOW, RVAP, EPS = 1000.0, 461.0, 1e-7
DT, FU = 3600.0, 0.975
TFAC = 0.999 ** (-287.04 / 1004.64)
HSOI = np.array([0.10, 0.15, 0.25, 0.50, 1.00, 2.00])
RHO_SNOW = 250.0

_WATER = (6.1078, 4.4365185e-1, 1.4289458e-2, 2.6506485e-4, 3.0312404e-6,
          2.0340809e-8, 6.1368209e-11)  # fmt: skip
_ICE = (6.109178, 5.0346990e-1, 1.8860134e-2, 4.1762237e-4, 5.8247203e-6,
        4.8388032e-8, 1.8388269e-10)  # fmt: skip
_SLOPE_WATER = (4.4381e-1, 2.8570026e-2, 7.938054e-4, 1.2152151e-5, 1.0365614e-7,
                3.5324218e-10, -7.0902448e-13)  # fmt: skip
_SLOPE_ICE = (5.0303052e-1, 3.773255e-2, 1.2679954e-3, 2.4775631e-5, 3.0056931e-7,
              2.1585425e-9, 7.1310977e-12)  # fmt: skip


def _lowe(t, water, ice):
    celsius = np.asarray(t, float) - TMELT
    over_water = np.polynomial.polynomial.polyval(np.clip(celsius, 0, 100), water)
    over_ice = np.polynomial.polynomial.polyval(np.clip(celsius, -60, 0), ice)
    return 100.0 * np.where(np.asarray(t) >= TMELT, over_water, over_ice)


def esat(t):
    """Saturation vapour pressure (Pa)."""
    return _lowe(t, _WATER, _ICE)


def qsat(t, p):
    """Saturation specific humidity (kg kg-1)."""
    e = esat(t)
    return 0.622 * e / np.maximum(p - 0.378 * e, 0.622 * e)


def dqsat(t, p):
    """Slope of ``qsat`` (kg kg-1 K-1)."""
    q = qsat(t, p)
    return _lowe(t, _SLOPE_WATER, _SLOPE_ICE) / esat(t) * q * (1 + q * (1 / 0.622 - 1))


def limited_slope(t, p):
    """Slope of ``qsat``, at most a tenth of it per kelvin."""
    return np.minimum(dqsat(t, p), 0.1 * qsat(t, p))


def latent_v(t, ta):
    """Heat of vaporisation (J kg-1)."""
    return HVAP + CVAP * (ta - TMELT) - CH2O * (t - TMELT)


def latent_s(t, ta):
    """Heat of sublimation (J kg-1)."""
    return HVAP + HFUS + CVAP * (ta - TMELT) - CICE * (t - TMELT)


def liquid_heat(t):
    """Enthalpy of water (J kg-1), zero when liquid at the melting point."""
    return CH2O * (t - TMELT)


def ice_heat(t):
    """Enthalpy of ice (J kg-1) on the same scale."""
    return CICE * (t - TMELT) - HFUS


def soil_water(hours, poros):
    """Liquid and frozen water of each soil layer (kg m-2), layers last."""
    pores = RHOW * HSOI * np.asarray(poros)[..., None]
    return pores * (1 - hours.wisoi) * hours.wsoi, pores * hours.wisoi


def soil_heat(hours, poros):
    """Enthalpy of soil and puddles (J m-2)."""
    solid = (2650 * 0.99 + 1300 * 0.01) * (870 * 0.99 + 1920 * 0.01)
    liquid, frozen = soil_water(hours, poros)
    t = hours.tsoi
    dry = (1 - np.asarray(poros)[..., None]) * HSOI * solid * (t - TMELT)
    layers = (dry + liquid * liquid_heat(t) + frozen * ice_heat(t)).sum(-1)
    top = t[..., 0]
    return layers + hours.wpud * liquid_heat(top) + hours.wipud * ice_heat(top)
