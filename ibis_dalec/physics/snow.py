"""Three-layer snow with a variable cover fraction.

Specification, section 12; after IBIS ``snow``. Rates are per unit ground, heat
``heati`` and ``fvapi`` per unit snow cover; ``h`` is the thickness where there is
snow, so the mass is ``fi * 250 * sum(h)``.
"""

import numpy as np

from ibis_dalec.physics.compile import equation, routine
from ibis_dalec.physics.constants import (
    CH2O,
    CICE,
    CONSNO,
    DT,
    FIMIN,
    HFUS,
    HMIN_CONDUCTION,
    HRUF,
    HSNOMIN,
    HSNOTOP,
    HSOI,
    RHOS,
    TMELT,
)
from ibis_dalec.physics.interception import mix
from ibis_dalec.physics.vector_math import clip

LAYER_HEAT = RHOS * CICE


@equation
def conduct(h1, h2, h3, t1, t2, t3, flux, t_soil, consoi):
    """Implicit conduction through the layers and into the soil.

    Returns the new temperatures (K) and the flux into the soil (W m-2).
    """
    m1 = max(h1, HMIN_CONDUCTION)
    m2 = max(h2, HMIN_CONDUCTION)
    m3 = max(h3, HMIN_CONDUCTION)
    g1 = CONSNO * 2.0 / (m1 + m2)
    g2 = CONSNO * 2.0 / (m2 + m3)
    g3 = CONSNO * 2.0 * consoi / (m3 * consoi + CONSNO * HSOI[0])
    c1 = LAYER_HEAT / DT * m1
    c2 = LAYER_HEAT / DT * m2
    c3 = LAYER_HEAT / DT * m3
    d1 = c1 + g1
    d2 = c2 + g1 + g2
    d3 = c3 + g2 + g3
    r1 = c1 * t1 + flux
    r2 = c2 * t2
    r3 = c3 * t3 + g3 * t_soil
    i1 = 1.0 / d1
    f = g1 * i1
    d2 = d2 - f * g1
    r2 = r2 + f * r1
    i2 = 1.0 / d2
    f = g2 * i2
    d3 = d3 - f * g2
    r3 = r3 + f * r2
    x3 = r3 / d3
    x2 = (r2 + g2 * x3) * i2
    x1 = (r1 + g1 * x2) * i1
    stored = LAYER_HEAT / DT * (h1 * (x1 - t1) + h2 * (x2 - t2) + h3 * (x3 - t3))
    return x1, x2, x3, flux - stored


@equation
def melt_layer(h, t):
    """Melt what is above freezing.

    Returns the thickness (m), temperature (K), melt (kg m-2) and surplus heat
    (J m-2), the last two per unit snow cover.
    """
    heat = LAYER_HEAT * h * max(0.0, t - TMELT)
    mass = RHOS * h
    melt = min(mass, heat * (1.0 / HFUS))
    surplus = heat - HFUS * melt
    return h - melt * (1.0 / RHOS), min(t, TMELT), melt, surplus


@equation
def cover(volume):
    """Cover fraction of a snow volume per area (m)."""
    half = 0.5 * HSNOMIN
    rise = HRUF - HSNOMIN
    return clip(
        (-half + np.sqrt(half * half + rise * max(0.0, volume))) * (1.0 / rise),
        0.0,
        1.0,
    )


@equation
def overlap(low1, high1, low2, high2):
    """Length shared by two intervals."""
    return max(0.0, min(high1, high2) - max(low1, low2))


@equation
def redivide(h1, h2, h3, t1, t2, t3):
    """New layers of the same snow: top 5 cm and two equal ones, heat conserved.

    Returns the new top and the new lower thickness (m) and the temperatures (K).
    """
    total = h1 + h2 + h3
    shallow = total < HSNOMIN
    top = total * (1.0 / 3.0) if shallow else HSNOTOP
    rest = total * (1.0 / 3.0) if shallow else 0.5 * (total - HSNOTOP)
    old1 = h1
    old2 = h1 + h2
    new1 = top
    new2 = top + rest
    o11 = overlap(0.0, old1, 0.0, new1)
    o12 = overlap(old1, old2, 0.0, new1)
    o13 = overlap(old2, total, 0.0, new1)
    o21 = overlap(0.0, old1, new1, new2)
    o22 = overlap(old1, old2, new1, new2)
    o23 = overlap(old2, total, new1, new2)
    o31 = overlap(0.0, old1, new2, total)
    o32 = overlap(old1, old2, new2, total)
    o33 = overlap(old2, total, new2, total)
    some = total > 0.0
    a = 1.0 / (top if some else 1.0)
    b = 1.0 / (rest if some else 1.0)
    x1 = (o11 * t1 + o12 * t2 + o13 * t3) * a if some else t1
    x2 = (o21 * t1 + o22 * t2 + o23 * t3) * b if some else t2
    x3 = (o31 * t1 + o32 * t2 + o33 * t3) * b if some else t3
    return top, rest, x1, x2, x3


@equation
def snow_column(
    fi, h1, h2, h3, t1, t2, t3, heati, fvapi, rain, train, snow, tsnow, t_soil, consoi
):
    """One hour of snow.

    Returns cover, thicknesses, temperatures, melt water (kg m-2 of ground), the
    flux into the soil under the old cover (W m-2) and extra heat (J m-2 of
    ground).
    """
    has = fi > 0.0
    flux = (
        heati
        + rain * (CH2O * (train - TMELT) + HFUS + CICE * (TMELT - t1))
        + snow * CICE * (tsnow - t1)
    )
    grown = h1 + (rain + snow - fvapi) * (DT / RHOS)
    x1, x2, x3, into = conduct(grown, h2, h3, t1, t2, t3, flux, t_soil, consoi)
    h1 = grown if has else 0.0
    h2 = h2 if has else 0.0
    h3 = h3 if has else 0.0
    t1 = x1 if has else tsnow
    t2 = x2 if has else tsnow
    t3 = x3 if has else tsnow
    into = into if has else 0.0

    # Snowfall on bare ground widens the cover.
    falls = snow > 0.0
    h1 = HSNOTOP if falls & (fi <= 0.0) else h1
    h2 = HSNOTOP if falls & (fi <= 0.0) else h2
    h3 = HSNOTOP if falls & (fi <= 0.0) else h3
    depth = h1 + h2 + h3
    wider = min(1.0 - fi, (1.0 - fi) * (DT / RHOS) * snow / (depth if falls else 1.0))
    wider = wider if falls else 0.0
    wide = fi + wider
    covered = wide > 0.0
    per_wide = 1.0 / (wide if covered else 1.0)
    t1 = (fi * t1 + wider * tsnow) * per_wide if covered else t1
    t2 = (fi * t2 + wider * tsnow) * per_wide if covered else t2
    t3 = (fi * t3 + wider * tsnow) * per_wide if covered else t3

    h1, t1, melt1, surplus1 = melt_layer(h1, t1)
    h2, t2, melt2, surplus2 = melt_layer(h2, t2)
    h3, t3, melt3, surplus3 = melt_layer(h3, t3)
    melt = wide * (melt1 + melt2 + melt3)
    extra = wide * (surplus1 + surplus2 + surplus3)

    new = cover(wide * (h1 + h2 + h3))
    ratio = wide / (new if new > 0.0 else 1.0)
    h1, h2, t1, t2, t3 = redivide(h1 * ratio, h2 * ratio, h3 * ratio, t1, t2, t3)
    h3 = h2

    gone = new < FIMIN
    left = new * RHOS
    melt_all = left * (h1 + h2 + h3)
    heat_all = left * (
        h1 * (HFUS + CICE * (TMELT - t1))
        + h2 * (HFUS + CICE * (TMELT - t2))
        + h3 * (HFUS + CICE * (TMELT - t3))
    )
    melt = melt + (melt_all if gone else 0.0)
    extra = extra - (heat_all if gone else 0.0)
    new = 0.0 if gone else new
    h1 = 0.0 if gone else h1
    h2 = 0.0 if gone else h2
    h3 = 0.0 if gone else h3
    t1 = TMELT if gone else t1
    t2 = TMELT if gone else t2
    t3 = TMELT if gone else t3
    return new, h1, h2, h3, t1, t2, t3, melt, into, extra


@routine
def snow_and_ground(w):
    """Snow of the hour, and what heat and water then reach the soil."""
    any_snow = False
    for lane in range(w.lai.shape[0]):
        any_snow = any_snow or w.fi[lane] > 0.0 or w.snowg[lane] > 0.0
    if not any_snow:
        return
    for lane in range(w.lai.shape[0]):
        fi = w.fi[lane]
        fvapg = w.fvapg[lane]
        heatg = w.heatg[lane]
        rain = w.raing[lane]
        train = w.traing[lane]
        snow = w.snowg[lane]
        h1 = w.hsno[0, lane]
        h2 = w.hsno[1, lane]
        h3 = w.hsno[2, lane]
        t1 = w.tsno[0, lane]
        t2 = w.tsno[1, lane]
        t3 = w.tsno[2, lane]
        mix_loss = w.mix_loss[lane]
        new, x1, x2, x3, y1, y2, y3, melt, into, extra = snow_column(
            fi, h1, h2, h3, t1, t2, t3, w.heati[lane], w.fvapi[lane], rain,
            train, snow, w.tsnowg[lane], w.tsoi[0, lane], w.consoi[0, lane],
        )  # fmt: skip
        water, twater, lost = mix((1.0 - fi) * rain, train, melt * (1.0 / DT), TMELT)
        ground = (1.0 - fi) * heatg + fi * into + extra * (1.0 / DT)
        acts = (fi > 0.0) | (snow > 0.0)
        w.fi[lane] = new if acts else fi
        w.hsno[0, lane] = x1 if acts else h1
        w.hsno[1, lane] = x2 if acts else h2
        w.hsno[2, lane] = x3 if acts else h3
        w.tsno[0, lane] = y1 if acts else t1
        w.tsno[1, lane] = y2 if acts else t2
        w.tsno[2, lane] = y3 if acts else t3
        w.heatg[lane] = ground if acts else heatg
        w.fvapg[lane] = (1.0 - fi) * fvapg if acts else fvapg
        w.raing[lane] = water if acts else rain
        w.traing[lane] = twater if acts else train
        w.mix_loss[lane] = mix_loss + DT * lost if acts else mix_loss
