"""DALEC deciduous: the daily step of foliage, labile, root, wood, litter and soil.

Specification, sections 14.1 and 14.2. Pools in g m-2, fluxes in g m-2 d-1 (carbon).
"""

from ibis_dalec.physics.compile import equation, routine
from ibis_dalec.physics.constants import FU, LAI_MAX, TMELT
from ibis_dalec.physics.vector_math import clip, exp


@equation
def season_day(doy, sin_lat):
    """Day of the season that phenology counts by: from 1 January, or 1 July [C].

    South of the equator the year of leaves begins on 1 July, so that ``p19`` and
    ``p20``, and their priors, mean the same stage of the season on both sides.
    """
    if sin_lat >= 0.0:
        return doy
    return doy - 181.0 if doy > 181.0 else doy + 184.0


@equation
def switches(doy, tavg, tmin, cf, gdd, maxfol, p12, p13, p17, p19, p20):
    """Growing degree days and the switches of leaf growth and leaf fall.

    Returns ``gdd, maxfol, multtf, multtl``.
    """
    early = doy <= p19
    gdd = (0.0 if early else gdd) + tavg
    maxfol = 1.0 if early else maxfol
    warm = not gdd < p12
    multtf = 0.0 if warm else 1.0
    multtl = 1.0 if warm and maxfol == 1.0 else 0.0
    full = cf >= p17 or doy >= p20
    maxfol = 0.0 if full else maxfol
    multtl = 0.0 if full else multtl
    multtf = 1.0 if doy >= p20 and tmin < p13 else multtf
    return gdd, maxfol, multtf, multtl


@equation
def temperature_rate(tavg, p10):
    """Rate factor of labile release, litter and soil."""
    return 0.5 * exp(p10 * tavg)


@equation
def litter_loss(clit, trate, p1, p8):
    """Respiration and decomposition of litter, together no more than there is [C].

    With ``p10`` near its upper bound the rate passes 1 per day above 23 degC.
    """
    rate = min(trate, 1.0 / (p1 + p8))
    decomposition = p1 * rate * clit
    return min(p8 * rate * clit, clit - decomposition), decomposition


@equation
def leaf_fluxes(gpp, cf, clab, trate, multtf, multtl, p2, p3, p5, p14, p15, p16, p17):
    """Fluxes of foliage and labile carbon.

    Returns leaf growth from NPP, the rest of NPP, labile release, leaf loss to
    litter and leaf loss to labile (before its respiration by ``p16``).
    """
    npp = (1.0 - p2) * gpp
    release = min(1.0, p15 * trate) * clab * multtl
    fall = p14 * p5 * cf * multtf
    back = (1.0 - p14) * p5 * cf * multtf * trate
    loss = fall + back
    # A leaf can fall only once [C].
    scale = cf / loss if loss > cf else 1.0
    fall = fall * scale
    back = back * scale
    growth = multtl * clip(npp * p3, 0.0, p17 - cf)
    return growth, npp - growth, release, fall, back


@routine
def dalec_day(w, doy):
    """One day of DALEC for every lane; ``w.gpp`` holds today's GPP."""
    for lane in range(w.lai.shape[0]):
        tmin = w.tmin_k[lane] - TMELT
        tavg = 0.5 * (w.tmax_k[lane] - TMELT + tmin)
        cf = w.cf[lane]
        clab = w.clab[lane]
        cr = w.cr[lane]
        cw = w.cw[lane]
        clit = w.clit[lane]
        csom = w.csom[lane]
        gpp = w.gpp[lane]
        p4 = w.p4[lane]
        p16 = w.p16[lane]
        day = season_day(doy, w.sin_lat[lane])
        gdd, maxfol, multtf, multtl = switches(
            day, tavg, tmin, cf, w.gdd[lane], w.maxfol[lane],
            w.p12[lane], w.p13[lane], w.p17[lane], w.p19[lane], w.p20[lane],
        )  # fmt: skip
        trate = temperature_rate(tavg, w.p10[lane])
        growth, rest, release, fall, back = leaf_fluxes(
            gpp, cf, clab, trate, multtf, multtl, w.p2[lane], w.p3[lane],
            w.p5[lane], w.p14[lane], w.p15[lane], p16, w.p17[lane],
        )  # fmt: skip
        litter_root = w.p7[lane] * cr
        litter_wood = w.p6[lane] * cw
        rh_litter, decomposition = litter_loss(clit, trate, w.p1[lane], w.p8[lane])
        rh_soil = w.p9[lane] * trate * csom
        to_root = p4 * rest
        to_wood = (1.0 - p4) * rest
        w.gdd[lane] = gdd
        w.maxfol[lane] = maxfol
        w.multtf[lane] = multtf
        w.multtl[lane] = multtl
        w.trate[lane] = trate
        foliage = cf + growth + (1.0 - p16) * release - fall - back
        # Where all leaves fall, rounding may leave less than nothing.
        w.cf[lane] = 0.0 if foliage < 0.0 else foliage
        w.clab[lane] = clab + (1.0 - p16) * back - release
        w.cr[lane] = cr + to_root - litter_root
        w.cw[lane] = cw + to_wood - litter_wood
        w.clit[lane] = clit + fall + litter_root - rh_litter - decomposition
        w.csom[lane] = csom + decomposition + litter_wood - rh_soil
        w.ra[lane] = w.p2[lane] * gpp + p16 * (release + back)
        w.rh[lane] = rh_litter + rh_soil
        w.litter_leaf[lane] = fall
        w.litter_root[lane] = litter_root
        w.litter_wood[lane] = litter_wood
        w.to_root[lane] = to_root
        w.to_wood[lane] = to_wood


@routine
def slow_pools_day(w):
    """One day of root, wood, litter and soil carbon alone.

    The leaf litter, the growth of roots and wood and the rate factor are those
    in the workspace; nothing here feeds back on leaves or on GPP.
    """
    for lane in range(w.lai.shape[0]):
        trate = w.trate[lane]
        cr = w.cr[lane]
        cw = w.cw[lane]
        clit = w.clit[lane]
        csom = w.csom[lane]
        litter_root = w.p7[lane] * cr
        litter_wood = w.p6[lane] * cw
        rh_litter, decomposition = litter_loss(clit, trate, w.p1[lane], w.p8[lane])
        rh_soil = w.p9[lane] * trate * csom
        w.cr[lane] = cr + w.to_root[lane] - litter_root
        w.cw[lane] = cw + w.to_wood[lane] - litter_wood
        w.clit[lane] = (
            clit + w.litter_leaf[lane] + litter_root - rh_litter - decomposition
        )
        w.csom[lane] = csom + decomposition + litter_wood - rh_soil
        w.litter_root[lane] = litter_root
        w.litter_wood[lane] = litter_wood


@routine
def leaf_area(w):
    """Leaf area of the day from foliage carbon at the end of the day before."""
    for lane in range(w.lai.shape[0]):
        w.lai_ground[lane] = w.cf[lane] / w.p18[lane]


@routine
def canopy_area(w):
    """Leaf area of the canopy-covered part, and canopy water lost with leaves."""
    for lane in range(w.lai.shape[0]):
        lai = clip(w.lai_ground[lane] / FU, 0.0, LAI_MAX)
        store = w.wliqu[lane] + w.wsnou[lane]
        w.canopy_adjust[lane] = 2.0 * FU * (w.lai_previous[lane] - lai) * store
        w.lai[lane] = lai
        w.lai_previous[lane] = lai
