"""Saturation vapour pressure, humidity, latent heats and the wet bulb.

Specification: saturation functions (Lowe 1977) and section 8 (wet bulb).
"""

from ibis_dalec.physics.compile import equation
from ibis_dalec.physics.constants import CAIR, CH2O, CICE, CVAP, HSUB, HVAP, TMELT
from ibis_dalec.physics.vector_math import clip, fma


@equation
def _phase(t):
    """Whether ``t`` (K) is over water, and its clipped Celsius value."""
    over_water = t >= TMELT
    x = t - TMELT
    return over_water, clip(x, 0.0 if over_water else -60.0, 100.0)


@equation
def esat(t):
    """Saturation vapour pressure (Pa) at ``t`` (K), over water or over ice."""
    water, x = _phase(t)
    # One polynomial with the coefficients of the phase (powers ascending).
    p = 6.1368209e-11 if water else 1.8388269e-10
    p = fma(p, x, 2.0340809e-8 if water else 4.8388032e-8)
    p = fma(p, x, 3.0312404e-6 if water else 5.8247203e-6)
    p = fma(p, x, 2.6506485e-4 if water else 4.1762237e-4)
    p = fma(p, x, 1.4289458e-2 if water else 1.8860134e-2)
    p = fma(p, x, 4.4365185e-1 if water else 5.0346990e-1)
    return 100.0 * fma(p, x, 6.1078 if water else 6.109178)


@equation
def desat(t):
    """Derivative of :func:`esat` (Pa K-1) at ``t`` (K)."""
    water, x = _phase(t)
    p = -7.0902448e-13 if water else 7.1310977e-12
    p = fma(p, x, 3.5324218e-10 if water else 2.1585425e-9)
    p = fma(p, x, 1.0365614e-7 if water else 3.0056931e-7)
    p = fma(p, x, 1.2152151e-5 if water else 2.4775631e-5)
    p = fma(p, x, 7.938054e-4 if water else 1.2679954e-3)
    p = fma(p, x, 2.8570026e-2 if water else 3.773255e-2)
    return 100.0 * fma(p, x, 4.4381e-1 if water else 5.0303052e-1)


@equation
def qsat(e, p):
    """Saturation specific humidity (kg kg-1) for pressures in Pa."""
    return 0.622 * e / max(p - 0.378 * e, 0.622 * e)


@equation
def dqsat(t, q, e):
    """Derivative of :func:`qsat` (kg kg-1 K-1) from ``e = esat(t)`` and its ``q``."""
    return desat(t) / e * q * (1.0 + q * (1.0 / 0.622 - 1.0))


@equation
def qsat_and_slope(t, p):
    """:func:`qsat` and :func:`dqsat` at ``t`` (K) with one division."""
    e = esat(t)
    per_e = 0.622 / max(p - 0.378 * e, 0.622 * e)
    q = per_e * e
    return q, desat(t) * per_e * (1.0 + q * (1.0 / 0.622 - 1.0))


@equation
def latent_vaporisation(t, ta):
    """Heat of vaporisation (J kg-1) of water at ``t`` into air at ``ta`` (K)."""
    return HVAP + CVAP * (ta - TMELT) - CH2O * (t - TMELT)


@equation
def latent_sublimation(t, ta):
    """Heat of sublimation (J kg-1) of ice at ``t`` into air at ``ta`` (K)."""
    return HSUB + CVAP * (ta - TMELT) - CICE * (t - TMELT)


@equation
def wet_bulb(ta, q, p):
    """Wet-bulb temperature (K) by at most 20 damped steps, as the original's twet3.

    The last iterate is returned also when the steps did not converge.
    """
    celsius = ta - TMELT
    t = celsius * q / qsat(esat(ta), p) + TMELT
    for _ in range(20):
        target = ta - latent_vaporisation(t, ta) / CAIR * (qsat(esat(t), p) - q)
        change = 0.2 * (target - t)
        t = t + change
        if abs(change) < 0.02:
            break
    return t
