"""Wind profile and transfer coefficients between leaves, air and ground.

Specification, section 9; after IBIS ``canini``, ``turcof`` and ``fstrat``. The
lower layer is empty (``fl = 0``): its geometry is a set of constants, its depth is
zero, and the terms of the original that hold that depth vanish.
"""

import math

import numpy as np

from ibis_dalec.physics.compile import equation, routine
from ibis_dalec.physics.constants import (
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
from ibis_dalec.physics.vector_math import clip, exp, log

SIGMA = 0.999
TFAC = SIGMA ** (-CAPPA)

# The empty lower layer: density 0, so top and bottom coincide.
Z3 = max(Z0SOIL, Z0SNOW) + 0.01
Z4 = Z3
_HEIGHT1 = max(ZTOP1 - ZBOT1, 0.01)
_CVL = 0.4 / _HEIGHT1 * 1e-5
_DVL = 0.1 * _HEIGHT1 / 1e-5
BDL = 0.5 * math.sqrt(2.0 * _CVL / _DVL) * _DVL
LOG3 = math.log(Z3)
LOG4 = math.log(max(Z4, 1.1 * Z0SOIL))
LOGL_START = math.log(max(0.01, 0.1 * (Z3 - Z4)))
_HEIGHT2 = max(ZTOP2 - ZBOT2, 0.01)


@equation
def profile(x, e):
    """Ratio y of the wind solution from the surface term ``x`` and factor ``e``."""
    up = (x + 1.0) * e * e
    down = x - 1.0
    return (up + down) / (up - down)


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
    stable = richardson > 0.0
    root = np.sqrt(1.0 + 5.0 * richardson if stable else -richardson)
    unstable = 1.0 + 75.0 * (VONK * VONK) * exp(0.5 * x) * root / (x * x)
    z = root
    # Momentum: 1/(1 + 10 Ri/z) or 1 - 10 Ri/(1 + 75 y); heat: 1/(1 + 15 Ri z) or
    # 1 - 15 Ri/(1 + 75 y). The choice is made before the division.
    fm = (z if stable else unstable - 10.0 * richardson) / (
        z + 10.0 * richardson if stable else unstable
    )
    fh = (1.0 if stable else unstable - 15.0 * richardson) / (
        1.0 + 15.0 * richardson * z if stable else unstable
    )
    return fm, fh


@routine
def start_turbulence(w):
    """Air density, canopy geometry and first guesses of the hour."""
    for lane in range(w.lai.shape[0]):
        p = w.psurf[lane]
        ta = w.ta[lane]
        qa = w.qa[lane]
        above = SIGMA * p
        virtual = ta * (1.0 + (RVAP / RAIR - 1.0) * qa)
        rhoa = above / (RAIR * virtual)
        za = max((1.0 - SIGMA) / SIGMA * RAIR / GRAV * virtual, ZTOP2 + 1.0)
        x = min(2.0 * FU * (w.lai[lane] + w.sai[lane]) / ALAI, 3.0)
        x1 = min(x, 1.0)
        # cv = 0.4 x/H, dv = 0.1 H/max(x, x^2), bv = sqrt(2 cv/dv), bd = bv dv/2
        dense = max(1e-5, max(x, x * x))
        diu = dense * (1.0 / (0.1 * _HEIGHT2))
        bv = np.sqrt(2.0 * (0.4 / _HEIGHT2) * max(1e-5, x) * diu)
        bdu = 0.5 * bv * (0.1 * _HEIGHT2) / dense
        z1 = x1 * ZTOP2 + (1.0 - x1) * (Z3 + 0.01)
        z2 = x1 * ZBOT2 + (1.0 - x1) * (Z3 + 0.01)
        dispu = 0.7 * x1 * z1
        exphu = exp(0.5 * bv * (z1 - z2))
        fi = w.fi[lane]
        logav = (1.0 - fi) * math.log(Z0SOIL) + fi * math.log(Z0SNOW)
        ratio = (LOG4 - logav) * (1.0 / VONK)
        w.rhoa[lane] = rhoa
        w.cp[lane] = CAIR * (1.0 + (CVAP / CAIR - 1.0) * qa)
        w.za[lane] = za
        w.z1[lane] = z1
        w.z2[lane] = z2
        w.dispu[lane] = dispu
        w.bdu[lane] = bdu
        w.diu[lane] = diu
        w.inv_bdu[lane] = 1.0 / bdu
        w.inv_exphu[lane] = 1.0 / exphu
        w.exphu[lane] = exphu
        w.log1[lane] = log(z1 - dispu)
        log2 = log(z2)
        w.log2[lane] = log2
        w.loga[lane] = log(za - dispu)
        yl = profile(ratio * ratio * BDL, 1.0)
        w.wind_l[lane] = yl
        logl = LOG3 - VONK * np.sqrt(yl * (1.0 / BDL))
        rise = (log2 - logl) * (1.0 / VONK)
        w.logl_wind[lane] = logl
        w.surface[lane] = rise * rise * bdu
        w.u2[lane] = w.ua[lane] * w.inv_exphu[lane]
        w.logu[lane] = log(max(0.01, 0.1 * (z1 - z2)))
        w.logl[lane] = LOGL_START


@equation
def wind(squared):
    """Wind speed (m s-1) inside a canopy from its square, at least 1 cm s-1."""
    return max(0.01, np.sqrt(max(0.0, squared)))


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
        inv_bdu = w.inv_bdu[lane]
        exphu = w.exphu[lane]
        inv_exphu = w.inv_exphu[lane]
        expu = exphu * exphu
        inv_expu = inv_exphu * inv_exphu
        yl = w.wind_l[lane]
        logl = w.logl_wind[lane]
        yu = profile(w.surface[lane] / fml, expu)
        logu = log1 - VONK * np.sqrt(yu * inv_bdu)
        w.logl[lane] = logl
        w.logu[lane] = logu
        gradient = VONK / (loga - logu)
        friction = ua * gradient
        tauu = friction * friction * fmu
        a = 0.5 * tauu * (yu + 1.0) * inv_bdu
        b = 0.5 * tauu * (yu - 1.0) * inv_bdu
        taul = bdu * (a * inv_expu - b * expu)
        # The empty lower layer has no depth: its winds u3, u34 and u4 are one.
        c_plus_d = taul * yl * (1.0 / BDL)
        u1 = wind(a + b)
        u12 = wind(a * inv_exphu + b * exphu)
        u2 = wind(a * inv_expu + b * expu)
        u4 = wind(c_plus_d)
        w.u2[lane] = u2
        w.u12[lane] = u12

        z12 = 0.5 * (z1 + z2)
        ca = min(300.0 / (2.0 * DT), ua * fhu * VONK * gradient / (loga - log1))
        # 1/cu = 1/(rhoa ca) + diu (z1 - z12)/(rhoa (u1 + u12)/2)
        upper = 0.5 * (u1 + u12)
        w.cu[lane] = rhoa * ca * upper / (upper + diu * (z1 - z12) * ca)
        # 1/cl = diu (z12 - z2)/(rhoa (u12 + u2)/2)
        #        + (log2 - logl)(log2 - log3)/(rhoa u2 fhl vonk^2)
        middle = 0.5 * (u12 + u2)
        ground = u2 * fhl * (VONK * VONK)
        w.cl[lane] = (
            rhoa
            * middle
            * ground
            / (diu * (z12 - z2) * ground + (log2 - logl) * (log2 - LOG3) * middle)
        )
        w.su[lane] = rhoa * CLEAF * np.sqrt(u12 * (1.0 / DLEAF))
        w.sg[lane] = rhoa * (0.004 + 0.012 * u4)
        w.si[lane] = rhoa * (0.003 + 0.010 * u4)
