"""Six-layer soil: conductivity, evaporation split, water, heat, freezing.

Specification, section 11; after IBIS ``setsoi`` and ``soilctl``. The interface
with index ``k`` is the top of layer ``k``; fluxes of water are positive downward
unless said otherwise.
"""

import math

from ibis_dalec.physics.compile import equation, routine
from ibis_dalec.physics.constants import (
    C_SOLID,
    CH2O,
    CICE,
    EPS,
    HSOI,
    RHO_SOLID,
    RHOW,
    TMELT,
    WPUDMAX,
    ZWPMAX,
)
from ibis_dalec.physics.saturation import latent_sublimation, latent_vaporisation
from ibis_dalec.physics.vector_math import clip, exp, integer_power

_LN56 = math.log(56.0)
_LN224 = math.log(224.0)


@equation
def layer_heat_capacity(h, poros, wsoi, wisoi):
    """Heat capacity (J m-2 K-1) of a layer of thickness ``h`` (m)."""
    return h * (
        (1.0 - poros) * RHO_SOLID * C_SOLID
        + poros * (1.0 - wisoi) * wsoi * RHOW * CH2O
        + poros * wisoi * RHOW * CICE
    )


@equation
def layer_water(h, poros, wsoi, wisoi):
    """Water and ice (kg m-2) of a layer."""
    return RHOW * h * poros * (wisoi + (1.0 - wisoi) * wsoi)


@equation
def layer_conductivity(w, k):
    """Heat conductivity of layer ``k``."""
    for lane in range(w.lai.shape[0]):
        ice = w.wisoi[k, lane]
        w.consoi[k, lane] = w.consol[lane] * exp(
            w.poros[lane] * (_LN56 * w.wsoi[k, lane] * (1.0 - ice) + _LN224 * ice)
        )


@routine
def start_soil(w):
    """Conductivity, evaporation split and latent heats of the hour."""
    # Written out: a constant layer lets the loop over lanes vectorise.
    layer_conductivity(w, 0)
    layer_conductivity(w, 1)
    layer_conductivity(w, 2)
    layer_conductivity(w, 3)
    layer_conductivity(w, 4)
    layer_conductivity(w, 5)
    for lane in range(w.lai.shape[0]):
        wsoi = w.wsoi[0, lane]
        wisoi = w.wisoi[0, lane]
        wpud = w.wpud[lane]
        wipud = w.wipud[lane]
        t1 = w.tsoi[0, lane]
        zp = clip(ZWPMAX * (wpud + wipud) * (1.0 / WPUDMAX), 0.0, ZWPMAX)
        zp = zp if zp >= EPS else 0.0
        zw = (1.0 - wisoi) * wsoi + wisoi
        moist = zw >= EPS
        over_zw = (1.0 - zp) / (zw if moist else 1.0)
        soil_liq = over_zw * (1.0 - wisoi) * wsoi if moist else 0.0
        soil_ice = over_zw * wisoi if moist else 0.0
        puddle = wpud + wipud
        has_puddle = zp > 0.0
        liquid_fraction = wpud / (puddle if has_puddle else 1.0)
        pud_liq = zp * liquid_fraction if has_puddle else 0.0
        pud_ice = zp * (1.0 - liquid_fraction) if has_puddle else 0.0
        bare = not moist and not has_puddle
        pud_liq = (1.0 if t1 >= TMELT else 0.0) if bare else pud_liq
        pud_ice = (0.0 if t1 >= TMELT else 1.0) if bare else pud_ice
        w.fraction_soil_liq[lane] = soil_liq
        w.fraction_soil_ice[lane] = soil_ice
        w.fraction_pud_liq[lane] = pud_liq
        w.fraction_pud_ice[lane] = pud_ice
        ta = w.ta[lane]
        w.lat_ground[lane] = (soil_liq + pud_liq) * latent_vaporisation(t1, ta) + (
            soil_ice + pud_ice
        ) * latent_sublimation(t1, ta)
        w.lat_snow[lane] = latent_sublimation(w.tsno[0, lane], ta)
        w.heat_capacity1[lane] = layer_heat_capacity(
            HSOI[0], w.poros[lane], wsoi, wisoi
        )


@equation
def interface_terms(w1, w2, wm, wp, per_hm, ks, psi_b, nint_b, ice1, ice2):
    """Coefficients E, F, G of the upward flux between two layers.

    One soil type in the column, so the weights act on the wetness alone. ``wm``
    and ``wp`` weigh the upper and the lower layer (the original's convention).
    """
    wet = min(1.0, wm * w1 + wp * w2)
    grad = (w2 - w1) * per_hm
    m = 2.0 * nint_b + 3.0
    n = nint_b + 2.0
    wet_n1 = integer_power(wet, nint_b + 1.0)  # wet**(n - 1)
    diffusivity = psi_b * wet_n1 * wet
    d1 = 0.0 if diffusivity < 1e-9 else psi_b * wet_n1
    diffusivity = max(diffusivity, 1e-9)
    wet_m1 = wet_n1 * wet_n1  # wet**(m - 1)
    open_pores = 1.0 - max(ice1, ice2)
    frost = open_pores * open_pores
    e = (m - 1.0) * ks * wet_m1 * wet - n * d1 * wet * grad
    f = -m * ks * wet_m1 + n * d1 * grad
    return e * frost, f * frost, diffusivity * frost


@equation
def tridiagonal6(sub, diag, sup, rhs):
    """Solve a tridiagonal system of six unknowns."""
    d0, d1, d2, d3, d4, d5 = diag
    r0, r1, r2, r3, r4, r5 = rhs
    _, l1, l2, l3, l4, l5 = sub
    u0, u1, u2, u3, u4, _ = sup
    i0 = 1.0 / d0
    f = l1 * i0
    d1 -= f * u0
    r1 -= f * r0
    i1 = 1.0 / d1
    f = l2 * i1
    d2 -= f * u1
    r2 -= f * r1
    i2 = 1.0 / d2
    f = l3 * i2
    d3 -= f * u2
    r3 -= f * r2
    i3 = 1.0 / d3
    f = l4 * i3
    d4 -= f * u3
    r4 -= f * r3
    i4 = 1.0 / d4
    f = l5 * i4
    d5 -= f * u4
    r5 -= f * r4
    x5 = r5 / d5
    x4 = (r4 - u4 * x5) * i4
    x3 = (r3 - u3 * x4) * i3
    x2 = (r2 - u2 * x3) * i2
    x1 = (r1 - u1 * x2) * i1
    x0 = (r0 - u0 * x1) * i0
    return x0, x1, x2, x3, x4, x5
