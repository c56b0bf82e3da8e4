"""Rain and snow on the canopy: interception, drip, phase change, evaporation.

Specification, section 8; after IBIS ``cascade``, ``steph2o``, ``cascad2``.
"""

from ibis_dalec.physics.compile import equation, routine
from ibis_dalec.physics.constants import (
    CH2O,
    CHS,
    CHU,
    CICE,
    DT,
    EPS,
    FU,
    FWET_MAX,
    HFUS,
    TBLOW,
    TDRIP,
    TMELT,
    W_MIN,
    WLIQ_MAX_LEAF,
    WLIQ_MAX_STEM,
    WSNO_MAX_LEAF,
    WSNO_MAX_STEM,
)
from ibis_dalec.physics.saturation import latent_sublimation, latent_vaporisation
from ibis_dalec.physics.vector_math import exp


@equation
def mix(rate1, t1, rate2, t2):
    """Mix two water flows; a total below EPS (kg m-2 s-1) is dropped.

    Returns the total rate, its temperature (K) and the dropped rate.
    """
    total = rate1 + rate2
    kept = total >= EPS
    t = (rate1 * t1 + rate2 * t2) / (total if kept else 1.0)
    return (
        total if kept else 0.0,
        t if kept else TMELT,
        0.0 if kept else total,
    )


@equation
def intercept_phase(store, store_max, residence, area, capture, flow, t, tflow, c):
    """Drip, catch and cap one phase of one element's water.

    Returns the store (kg m-2 of element), the flow passed on, the drip (both
    kg m-2 s-1) and the heat brought by the caught flow (W m-2 of element).
    """
    drip = area * store * (1.0 / residence)
    store = store * (1.0 - DT / residence) + DT * flow * capture
    heat = flow * capture * (t - tflow) * c
    flow = flow * (1.0 - area * capture)
    capped = min(store, store_max)
    capped = 0.0 if capped < W_MIN else capped
    drip = drip + area * (store - capped) * (1.0 / DT)
    return capped, flow, drip, heat


@equation
def intercept_element(
    wliq, wsno, liq_max, sno_max, area_one_sided, t, rain, train, snow, tsnow
):
    """Pass rain and snow through leaves or stems at temperature ``t`` (K).

    Returns the two stores, rain and snow below with their temperatures, the heat
    flux into the element and the water dropped by the mixing rule.
    """
    area = 2.0 * area_one_sided
    capture = (1.0 - exp(-0.5 * area)) / max(area, EPS) if area >= EPS else 0.5
    wliq, rain, drip, heat_rain = intercept_phase(
        wliq, liq_max, TDRIP, area, capture, rain, t, train, CH2O
    )
    wsno, snow, blow, heat_snow = intercept_phase(
        wsno, sno_max, TBLOW, area, capture, snow, t, tsnow, CICE
    )
    heat = heat_rain + heat_snow
    freeze = wliq if t < TMELT else 0.0
    melt = wsno if t > TMELT else 0.0
    heat = heat + freeze * ((CH2O - CICE) * (TMELT - t) - HFUS) * (1.0 / DT)
    heat = heat + melt * ((CH2O - CICE) * (t - TMELT) + HFUS) * (1.0 / DT)
    wliq = wliq - freeze + melt
    wsno = wsno + freeze - melt
    rain, train, lost_rain = mix(rain, train, drip, t)
    snow, tsnow, lost_snow = mix(snow, tsnow, blow, t)
    return wliq, wsno, rain, train, snow, tsnow, heat, lost_rain + lost_snow


@routine
def intercept(w):
    """Precipitation through the canopy to the ground."""
    for lane in range(w.lai.shape[0]):
        rain0, train0, lost_rain = mix(w.rain[lane], w.train[lane], 0.0, TMELT)
        snow0, tsnow0, lost_snow = mix(w.snow[lane], w.tsnow[lane], 0.0, TMELT)
        lost = lost_rain + lost_snow
        wliqu, wsnou, rain, train, snow, tsnow, heat_u, lost_u = intercept_element(
            w.wliqu[lane], w.wsnou[lane], WLIQ_MAX_LEAF, WSNO_MAX_LEAF,
            w.lai[lane], w.tu[lane], rain0, train0, snow0, tsnow0,
        )  # fmt: skip
        wliqs, wsnos, rain, train, snow, tsnow, heat_s, lost_s = intercept_element(
            w.wliqs[lane], w.wsnos[lane], WLIQ_MAX_STEM, WSNO_MAX_STEM,
            w.sai[lane], w.ts[lane], rain, train, snow, tsnow,
        )  # fmt: skip
        raing, traing, lost_raing = mix(FU * rain, train, (1.0 - FU) * rain0, train0)
        snowg, tsnowg, lost_snowg = mix(FU * snow, tsnow, (1.0 - FU) * snow0, tsnow0)
        lost = lost + FU * (lost_u + lost_s) + lost_raing + lost_snowg
        w.wliqu[lane] = wliqu
        w.wsnou[lane] = wsnou
        w.wliqs[lane] = wliqs
        w.wsnos[lane] = wsnos
        w.pfluxu[lane] = heat_u
        w.pfluxs[lane] = heat_s
        w.raing[lane] = raing
        w.traing[lane] = traing
        w.snowg[lane] = snowg
        w.tsnowg[lane] = tsnowg
        w.mix_loss[lane] += DT * lost


@equation
def wet_fraction(wliq, wsno, liq_max, sno_max, t):
    """Wet fraction of an element and the liquid fraction of its water."""
    liquid = wliq * (1.0 / liq_max)
    total = liquid + wsno * (1.0 / sno_max)
    wet = min(FWET_MAX, total)
    bare = 1.0 if t >= TMELT else 0.0
    return wet, (liquid / max(total, EPS) if wet > 0.0 else bare)


@routine
def wet_fractions(w):
    """Wet fractions of leaves and stems."""
    for lane in range(w.lai.shape[0]):
        w.fwetu[lane], w.rliqu[lane] = wet_fraction(
            w.wliqu[lane], w.wsnou[lane], WLIQ_MAX_LEAF, WSNO_MAX_LEAF, w.tu[lane]
        )
        w.fwets[lane], w.rliqs[lane] = wet_fraction(
            w.wliqs[lane], w.wsnos[lane], WLIQ_MAX_STEM, WSNO_MAX_STEM, w.ts[lane]
        )


@equation
def evaporate_element(wliq, wsno, rliq, evaporation, heat_capacity, t, ta):
    """Evaporate an element's water, then let its phase agree with ``t``.

    Returns the stores, the temperature (K), the water taken back from the air
    (kg m-2 of element) where a store would be negative, and its heat (J m-2).
    """
    wliq = wliq - DT * rliq * evaporation
    wsno = wsno - DT * (1.0 - rliq) * evaporation
    deficit_liq = max(0.0, -wliq)
    deficit_sno = max(0.0, -wsno)
    wliq = max(0.0, wliq)
    wsno = max(0.0, wsno)
    heat = deficit_liq * latent_vaporisation(t, ta) + deficit_sno * latent_sublimation(
        t, ta
    )
    capacity = heat_capacity + CH2O * wliq + CICE * wsno
    excess = capacity * (t - TMELT)
    freeze = min(wliq, max(0.0, -excess * (1.0 / HFUS)))
    melt = min(wsno, max(0.0, excess * (1.0 / HFUS)))
    change = melt - freeze
    wliq = wliq + change
    wsno = wsno - change
    capacity = heat_capacity + CH2O * wliq + CICE * wsno
    changed = TMELT + (excess - HFUS * change) / capacity
    return (
        wliq,
        wsno,
        changed if change != 0.0 else t,
        deficit_liq + deficit_sno,
        heat,
    )


@routine
def evaporate_intercepted(w):
    """Evaporation of canopy water after the energy solution.

    ``suw`` and ``ssw`` hold the evaporation per element area on entry. What a
    store cannot give is taken back from the flux to the atmosphere.
    """
    for lane in range(w.lai.shape[0]):
        ta = w.ta[lane]
        wliqu, wsnou, tu, deficit_u, heat_u = evaporate_element(
            w.wliqu[lane], w.wsnou[lane], w.rliqu[lane], w.suw[lane], CHU,
            w.tu[lane], ta,
        )  # fmt: skip
        wliqs, wsnos, ts, deficit_s, heat_s = evaporate_element(
            w.wliqs[lane], w.wsnos[lane], w.rliqs[lane], w.ssw[lane], CHS,
            w.ts[lane], ta,
        )  # fmt: skip
        area_u = 2.0 * FU * w.lai[lane]
        area_s = 2.0 * FU * w.sai[lane]
        taken = area_u * deficit_u + area_s * deficit_s
        w.negative_store[lane] = taken
        w.fvapa[lane] += taken * (1.0 / DT)
        heat = (area_u * heat_u + area_s * heat_s) * (1.0 / DT)
        w.fsena[lane] -= heat
        w.latent_hour[lane] -= heat
        # Without leaves (stems) their temperature is that of the ground.
        fi = w.fi[lane]
        skin = (1.0 - fi) * w.tg[lane] + fi * w.ti[lane]
        no_leaf = w.lai[lane] <= 0.0
        no_stem = w.sai[lane] <= 0.0
        w.tu[lane] = skin if no_leaf else tu
        w.wliqu[lane] = 0.0 if no_leaf else wliqu
        w.wsnou[lane] = 0.0 if no_leaf else wsnou
        w.ts[lane] = skin if no_stem else ts
        w.wliqs[lane] = 0.0 if no_stem else wliqs
        w.wsnos[lane] = 0.0 if no_stem else wsnos
