"""Solar radiation in the canopy (two streams) and longwave exchange.

Specification, sections 4 and 5; after IBIS ``radiation``. Everything here uses
the state at the start of the hour.
"""

import numpy as np

from ibis_dalec.physics.compile import equation, routine
from ibis_dalec.physics.constants import EMISSIVITY, EPS, FU, STEF, TMELT
from ibis_dalec.physics.vector_math import clip, exp

#: Leaf reflectance, transmittance and canopy snow albedo; visible, near infrared.
REFLECTANCE = (0.10, 0.40)
TRANSMITTANCE = (0.05, 0.20)
CANOPY_SNOW = (0.9, 0.7)
G = 0.5  # projection of randomly oriented leaves


@equation
def leaf_angle_term(coszen):
    """``0.5 - coszen/3`` through the original's table of 101 rounded entries."""
    n = np.floor(100.0 * coszen + 0.5)
    return np.floor(5000.5 - n * (100.0 / 3.0)) * 1e-4


@equation
def snow_albedo(t, warm, cold, coszen):
    """Direct and diffuse albedo of snow with top temperature ``t`` (K)."""
    fraction = clip((t - 258.16) * (1.0 / (TMELT - 258.16)), 0.0, 1.0)
    diffuse = cold + (warm - cold) * fraction
    low_sun = max(0.0, 1.5 / (1.0 + 4.0 * coszen) - 0.5)
    return min(0.99, diffuse + (1.0 - diffuse) * low_sun), diffuse


@equation
def two_stream(coszen, rho, tau, snow_fraction, snow_omega, area, ad, ai):
    """Two-stream solution of one band for unit incident radiation.

    Parameters are the cosine of the zenith angle, leaf reflectance and
    transmittance, the snow-covered fraction of the elements and its scattering,
    leaf and stem area, and the direct and diffuse albedo below the canopy.

    Returns absorbed (direct, diffuse), reflected (direct, diffuse), transmitted
    (direct as direct, direct as diffuse, diffuse), the extinction ``k`` and ``h``
    and the five coefficients ``t1`` to ``t5`` of the light profile.
    """
    omega_dry = rho + tau
    zt = leaf_angle_term(coszen)
    betad_dry = ((1.0 - zt) * rho + zt * tau) * (1.0 / omega_dry)
    betai_dry = (2.0 * rho + tau) * (1.0 / (3.0 * omega_dry))
    y = snow_fraction
    omega = (1.0 - y) * omega_dry + y * snow_omega
    inv_omega = 1.0 / omega
    betad = ((1.0 - y) * omega_dry * betad_dry + y * snow_omega * 0.5) * inv_omega
    betai = ((1.0 - y) * omega_dry * betai_dry + y * snow_omega * 0.5) * inv_omega

    b = 1.0 - omega * (1.0 - betai)
    c = omega * betai
    q = np.sqrt(max(0.0, b * b - c * c))
    k = G / max(coszen, 0.01)
    near = abs(k - q) < 0.001 * k
    p = (k * 1.001 if k >= q else k * 0.999) if near else k
    d = omega * p * betad
    f = omega * p * (1.0 - betad)
    h = q
    sig = p * p - b * b + c * c

    u1d = b - c / ad
    u1i = b - c / ai
    u2d = b - c * ad
    u2i = b - c * ai
    u3 = f + c * ad
    s1 = exp(-h * area)
    s2 = exp(-k * area)
    p1 = b + q
    p2 = b - q
    p3 = b + p
    p4 = b - p

    inv_s1 = 1.0 / s1
    inv_sig = 1.0 / sig
    inv_d1_d = 1.0 / (p1 * (u1d - q) * inv_s1 - p2 * (u1d + q) * s1)
    inv_d1_i = 1.0 / (p1 * (u1i - q) * inv_s1 - p2 * (u1i + q) * s1)
    inv_d2_d = 1.0 / ((u2d + q) * inv_s1 - (u2d - q) * s1)
    inv_d2_i = 1.0 / ((u2i + q) * inv_s1 - (u2i - q) * s1)

    h1 = -d * p4 - c * f
    r1 = s2 * (d - c - h1 * (u1d + p) * inv_sig)
    d3 = d - h1 * p3 * inv_sig
    h2 = (d3 * (u1d - q) * inv_s1 - p2 * r1) * inv_d1_d
    h3 = -(d3 * (u1d + q) * s1 - p1 * r1) * inv_d1_d
    h4 = -f * p3 - c * d
    r2 = s2 * (u3 - h4 * (u2d - p) * inv_sig)
    h5 = -(h4 * (u2d + q) * inv_sig * inv_s1 + r2) * inv_d2_d
    h6 = (h4 * s1 * (u2d - q) * inv_sig + r2) * inv_d2_d
    h7 = c * (u1i - q) * inv_d1_i * inv_s1
    h8 = -c * s1 * (u1i + q) * inv_d1_i
    h9 = (u2i + q) * inv_d2_i * inv_s1
    h10 = -s1 * (u2i - q) * inv_d2_i

    through_dd = s2
    through_di = h4 * s2 * inv_sig + h5 * s1 + h6 * inv_s1
    through_ii = h9 * s1 + h10 * inv_s1
    back_d = h1 * inv_sig + h2 + h3
    back_i = h7 + h8
    absorbed_d = max(
        0.0, 1.0 - back_d - (1.0 - ad) * through_dd - (1.0 - ai) * through_di
    )
    absorbed_i = max(0.0, 1.0 - back_i - (1.0 - ai) * through_ii)
    t1 = k * (1.0 + (h4 - h1) * inv_sig)
    t2 = h * (h5 - h2)
    t3 = h * (h9 - h7)
    t4 = h * (h3 - h6)
    t5 = h * (h8 - h10)
    return (
        absorbed_d,
        absorbed_i,
        back_d,
        back_i,
        through_dd,
        through_di,
        through_ii,
        k,
        h,
        t1,
        t2,
        t3,
        t4,
        t5,
    )


@equation
def canopy_snow_cover(t):
    """Albedo factor of snow on an element at ``t`` (K): melting snow is darker."""
    return min(1.0, max(0.6, (TMELT - t) * 10.0))


@equation
def solar_band(w, band, rho, tau, os, soil_max, snow_warm, snow_cold):
    """Solar radiation of one band, added to the hour's absorbed fluxes.

    Inlined, so that ``band`` is a constant and the loop over lanes vectorises.
    """
    for lane in range(w.lai.shape[0]):
        coszen = w.coszen[lane]
        lai = w.lai[lane]
        sai = w.sai[lane]
        fi = w.fi[lane]
        dry = w.albsav[lane] if band == 0 else w.albsan[lane]
        moist = w.wsoi[0, lane] * (1.0 - w.wisoi[0, lane])
        soil = min(soil_max, dry * (1.0 + clip(1.0 - moist * 2.0, 0.0, 1.0)))
        snow_d, snow_i = snow_albedo(w.tsno[0, lane], snow_warm, snow_cold, coszen)
        ad = (1.0 - fi) * soil + fi * snow_d
        ai = (1.0 - fi) * soil + fi * snow_i

        area = max(lai + sai, EPS)
        x = lai / area
        snow_fraction = x * w.fwetu[lane] * (1.0 - w.rliqu[lane]) + (1.0 - x) * w.fwets[
            lane
        ] * (1.0 - w.rliqs[lane])
        snow_omega = os * (
            x * canopy_snow_cover(w.tu[lane])
            + (1.0 - x) * canopy_snow_cover(w.ts[lane])
        )
        (abs_d, abs_i, back_d, back_i, dd, di, ii, k, h, t1, t2, t3, t4, t5) = (
            two_stream(coszen, rho, tau, snow_fraction, snow_omega, area, ad, ai)
        )
        direct = w.sol_dir[band, lane]
        diffuse = w.sol_dif[band, lane]
        absorbed = direct * abs_d + diffuse * abs_i
        below_dir = FU * direct * dd + (1.0 - FU) * direct
        below_dif = FU * (direct * di + diffuse * ii) + (1.0 - FU) * diffuse
        sunlit = coszen > 0.0
        albedo_dir = FU * back_d + (1.0 - FU) * ad
        albedo_dif = FU * back_i + (1.0 - FU) * ai
        w.albedo_dir[band, lane] = albedo_dir if sunlit else 0.0
        w.albedo_dif[band, lane] = albedo_dif if sunlit else 0.0
        solu = absorbed * x
        sols = absorbed * (1.0 - x)
        solg = (1.0 - soil) * (below_dir + below_dif)
        soli = (1.0 - snow_d) * below_dir + (1.0 - snow_i) * below_dif
        w.solu[lane] += solu if sunlit else 0.0
        w.sols[lane] += sols if sunlit else 0.0
        w.solg[lane] += solg if sunlit else 0.0
        w.soli[lane] += soli if sunlit else 0.0
        reflected = direct * albedo_dir + diffuse * albedo_dif
        w.reflected[lane] += reflected if sunlit else 0.0
        if band == 0:
            s1 = t1 * direct
            s2 = t2 * direct + t3 * diffuse
            s3 = t4 * direct + t5 * diffuse
            s4 = s1 + s2 + s3
            toppar = s4 * x
            w.toppar[lane] = toppar if sunlit else 0.0
            w.extinction[lane] = clip(
                (k * s1 + h * s2 - h * s3) / max(s4, EPS), 0.1, 10.0
            )


@routine
def night(w):
    """No sun: nothing absorbed, nothing reflected."""
    for lane in range(w.lai.shape[0]):
        w.solu[lane] = 0.0
        w.sols[lane] = 0.0
        w.solg[lane] = 0.0
        w.soli[lane] = 0.0
        w.reflected[lane] = 0.0
        w.toppar[lane] = 0.0
        w.extinction[lane] = 0.1
        for band in range(2):
            w.albedo_dir[band, lane] = 0.0
            w.albedo_dif[band, lane] = 0.0


@routine
def solar(w):
    """Solar radiation of the hour; the night branch is taken by all lanes."""
    night(w)
    sunlit = False
    for lane in range(w.lai.shape[0]):
        sunlit = sunlit or w.coszen[lane] > 0.0
    if sunlit:
        solar_band(
            w, 0, REFLECTANCE[0], TRANSMITTANCE[0], CANOPY_SNOW[0], 0.80, 0.70, 0.90
        )
        solar_band(
            w, 1, REFLECTANCE[1], TRANSMITTANCE[1], CANOPY_SNOW[1], 0.80, 0.40, 0.60
        )


@equation
def black_body(t):
    """Emission (W m-2) of a black body at ``t`` (K)."""
    return STEF * t * t * t * t


@routine
def longwave(w):
    """Net infrared of leaves, stems, soil and snow, and the upward flux."""
    for lane in range(w.lai.shape[0]):
        fira = w.fira[lane]
        fi = w.fi[lane]
        emu = 1.0 - exp(-w.lai[lane])
        ems = 1.0 - exp(-w.sai[lane])
        leaf = black_body(w.tu[lane])
        stem = black_body(w.ts[lane])
        w.infrared_gap[lane] = (1.0 - FU) + FU * (1.0 - emu) * (1.0 - ems)
        down = (1.0 - FU) * fira + FU * (
            (1.0 - emu) * (1.0 - ems) * fira + emu * (1.0 - ems) * leaf + ems * stem
        )
        up_soil = (1.0 - EMISSIVITY) * down + EMISSIVITY * black_body(w.tg[lane])
        up_snow = (1.0 - EMISSIVITY) * down + EMISSIVITY * black_body(w.ti[lane])
        up = (1.0 - fi) * up_soil + fi * up_snow
        w.firb[lane] = (1.0 - FU) * up + FU * (
            (1.0 - emu) * (1.0 - ems) * up + emu * leaf + ems * (1.0 - emu) * stem
        )
        w.firu[lane] = (
            emu * ems * stem + emu * (1.0 - ems) * up + emu * fira - 2.0 * emu * leaf
        )
        w.firs[lane] = (
            ems * emu * leaf + ems * up + ems * (1.0 - emu) * fira - 2.0 * ems * stem
        )
        w.firg[lane] = down - up_soil
        w.firi[lane] = down - up_snow
