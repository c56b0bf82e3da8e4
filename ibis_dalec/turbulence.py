"""Wind profile and transfer coefficients between leaves, air and ground.

Specification, section 9; after IBIS ``canini``, ``turcof`` and ``fstrat``. The
lower layer is empty (``fl = 0``), so its geometry is a set of constants.
"""

import math

import numpy as np

from ibis_dalec._compile import equation, routine
from ibis_dalec.constants import (
    ALAI,
    CAIR,
    CAPPA,
    CLEAF,
    CVAP,
    DLEAF,
    DT,
    FU,
    GRAV,
    RAIR,
    RVAP,
    VONK,
    Z0SNOW,
    Z0SOIL,
    ZBOT1,
    ZBOT2,
    ZTOP1,
    ZTOP2,
)
from ibis_dalec.maths import clip, exp, log

SIGMA = 0.999
TFAC = SIGMA ** (-CAPPA)

# The empty lower layer: density 0, so top and bottom coincide.
Z3 = max(Z0SOIL, Z0SNOW) + 0.01
Z4 = Z3
Z34 = 0.5 * (Z3 + Z4)
_HEIGHT1 = max(ZTOP1 - ZBOT1, 0.01)
_CVL = 0.4 / _HEIGHT1 * 1e-5
_DVL = 0.1 * _HEIGHT1 / 1e-5
BDL = 0.5 * math.sqrt(2.0 * _CVL / _DVL) * _DVL
DIL = 1.0 / _DVL
EXPHL = 1.0  # the layer has no depth
EXPL = 1.0
LOG3 = math.log(Z3)
LOG4 = math.log(max(Z4, 1.1 * Z0SOIL))
LOGL_START = math.log(max(0.01, 0.1 * (Z3 - Z4)))
_HEIGHT2 = max(ZTOP2 - ZBOT2, 0.01)


@equation
def profile(x, e):
    """Ratio y of the wind solution from the surface term ``x`` and factor ``e``."""
    return ((x + 1.0) * e + (x - 1.0) / e) / ((x + 1.0) * e - (x - 1.0) / e)


@equation
def stability(tb, qb, zb, tt, qt, zt, factor, u, log_bottom, log_top):
    """Stability factors of momentum and heat between two heights.

    Temperatures in K, humidities in kg kg-1, heights in m, wind in m s-1;
    ``factor`` refers the upper temperature to the lower pressure.
    """
    theta_t = tt * factor * (1.0 + 0.622 * qt)
    theta_b = tb * (1.0 + 0.622 * qb)
    richardson = clip(
        GRAV
        * max(zt - zb, 0.0)
        * (theta_t - theta_b)
        / (0.5 * (theta_t + theta_b) * u * u),
        -2.0,
        1.0,
    )
    x = max(log_top - log_bottom, 0.5)
    root = np.sqrt(max(-richardson, 0.0))
    y = (VONK / x) * (VONK / x) * exp(0.5 * x) * root
    unstable_m = 1.0 - 10.0 * richardson / (1.0 + 75.0 * y)
    unstable_h = 1.0 - 15.0 * richardson / (1.0 + 75.0 * y)
    z = np.sqrt(1.0 + 5.0 * max(richardson, 0.0))
    stable_m = 1.0 / (1.0 + 10.0 * richardson / z)
    stable_h = 1.0 / (1.0 + 15.0 * richardson * z)
    stable = richardson > 0.0
    return stable_m if stable else unstable_m, stable_h if stable else unstable_h


@routine
def start_turbulence(w):
    """Air density, canopy geometry and first guesses of the hour."""
    for lane in range(w.lai.shape[0]):
        p = w.psurf[lane]
        ta = w.ta[lane]
        qa = w.qa[lane]
        above = SIGMA * p
        rhoa = above / (RAIR * ta * (1.0 + (RVAP / RAIR - 1.0) * qa))
        za = max((p - above) / (rhoa * GRAV), ZTOP2 + 1.0)
        x = min(2.0 * FU * (w.lai[lane] + w.sai[lane]) / ALAI, 3.0)
        x1 = min(x, 1.0)
        cv = 0.4 / _HEIGHT2 * max(1e-5, x)
        dv = 0.1 * _HEIGHT2 / max(1e-5, max(x, x * x))
        bv = np.sqrt(2.0 * cv / dv)
        z1 = x1 * ZTOP2 + (1.0 - x1) * (Z3 + 0.01)
        z2 = x1 * ZBOT2 + (1.0 - x1) * (Z3 + 0.01)
        dispu = 0.7 * x1 * z1
        exphu = exp(0.5 * bv * (z1 - z2))
        fi = w.fi[lane]
        logav = (1.0 - fi) * math.log(Z0SOIL) + fi * math.log(Z0SNOW)
        ratio = (LOG4 - logav) / VONK
        w.rhoa[lane] = rhoa
        w.cp[lane] = CAIR * (1.0 + (CVAP / CAIR - 1.0) * qa)
        w.za[lane] = za
        w.z1[lane] = z1
        w.z2[lane] = z2
        w.dispu[lane] = dispu
        w.bdu[lane] = 0.5 * bv * dv
        w.diu[lane] = 1.0 / dv
        w.exphu[lane] = exphu
        w.expu[lane] = exphu * exphu
        w.log1[lane] = log(z1 - dispu)
        w.log2[lane] = log(z2)
        w.loga[lane] = log(za - dispu)
        w.wind_l[lane] = profile(ratio * ratio * BDL, EXPL)
        w.u2[lane] = w.ua[lane] / exphu
        w.logu[lane] = log(max(0.01, 0.1 * (z1 - z2)))
        w.logl[lane] = LOGL_START


@equation
def wind(a, b, e):
    """Wind speed (m s-1) inside a canopy, at least 1 cm s-1."""
    return max(0.01, np.sqrt(max(0.0, a * e + b / e)))


@routine
def transfer_coefficients(w, first):
    """Transfer coefficients of one canopy iteration."""
    for lane in range(w.lai.shape[0]):
        ua = w.ua[lane]
        rhoa = w.rhoa[lane]
        z1 = w.z1[lane]
        z2 = w.z2[lane]
        log1 = w.log1[lane]
        log2 = w.log2[lane]
        loga = w.loga[lane]
        fml, fhl = stability(
            w.t34[lane], w.q34[lane], Z3, w.t12[lane], w.q12[lane], z2, 1.0,
            w.u2[lane], w.logl[lane], log2,
        )  # fmt: skip
        fmu, fhu = stability(
            w.t12[lane], w.q12[lane], z1, w.ta[lane], w.qa[lane], w.za[lane], TFAC,
            ua, w.logu[lane], loga,
        )  # fmt: skip
        fml = fml if first else 0.5 * (fml + w.fml[lane])
        fhl = fhl if first else 0.5 * (fhl + w.fhl[lane])
        fmu = fmu if first else 0.5 * (fmu + w.fmu[lane])
        fhu = fhu if first else 0.5 * (fhu + w.fhu[lane])
        w.fml[lane] = fml
        w.fhl[lane] = fhl
        w.fmu[lane] = fmu
        w.fhu[lane] = fhu

        bdu = w.bdu[lane]
        diu = w.diu[lane]
        expu = w.expu[lane]
        exphu = w.exphu[lane]
        yl = w.wind_l[lane]
        logl = LOG3 - VONK * np.sqrt(yl / BDL)
        ratio = (log2 - logl) / VONK
        yu = profile(ratio * ratio * bdu / fml, expu)
        logu = log1 - VONK * np.sqrt(yu / bdu)
        w.logl[lane] = logl
        w.logu[lane] = logu
        friction = ua * VONK / (loga - logu)
        tauu = friction * friction * fmu
        a = 0.5 * tauu * (yu + 1.0) / bdu
        b = 0.5 * tauu * (yu - 1.0) / bdu
        taul = bdu * (a / expu - b * expu)
        c = 0.5 * taul * (yl + 1.0) / BDL
        d = 0.5 * taul * (yl - 1.0) / BDL
        u1 = wind(a, b, 1.0)
        u12 = wind(b, a, exphu)
        u2 = wind(b, a, expu)
        u3 = wind(c, d, 1.0)
        u34 = wind(d, c, EXPHL)
        u4 = wind(d, c, EXPL)
        w.u2[lane] = u2
        w.u12[lane] = u12

        z12 = 0.5 * (z1 + z2)
        ca = min(
            300.0 / (2.0 * DT),
            ua * fhu * VONK * VONK / ((loga - logu) * (loga - log1)),
        )
        w.cu[lane] = 1.0 / (
            1.0 / (rhoa * ca) + diu * (z1 - z12) / (rhoa * 0.5 * (u1 + u12))
        )
        w.cl[lane] = 1.0 / (
            diu * (z12 - z2) / (rhoa * 0.5 * (u12 + u2))
            + (log2 - logl) * (log2 - LOG3) / (rhoa * u2 * fhl * VONK * VONK)
            + DIL * (Z3 - Z34) / (rhoa * 0.5 * (u3 + u34))
        )
        w.su[lane] = rhoa * CLEAF * np.sqrt(u12 / DLEAF)
        cf = DIL * (Z34 - Z4) / (rhoa * 0.5 * (u34 + u4))
        w.sg[lane] = 1.0 / (cf + 1.0 / (rhoa * (0.004 + 0.012 * u4)))
        w.si[lane] = 1.0 / (cf + 1.0 / (rhoa * (0.003 + 0.010 * u4)))
