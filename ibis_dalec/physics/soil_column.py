"""One hour of the soil column, in the order of specification, section 11.

Surface water first, then uptake, the implicit water step, the implicit heat step
and the changes of phase.
"""

from itertools import pairwise

from ibis_dalec.physics.compile import equation, routine
from ibis_dalec.physics.constants import (
    BPERM,
    CH2O,
    CICE,
    DT,
    EPS,
    HFUS,
    HSOI,
    RHOW,
    TMELT,
    WPUDMAX,
)
from ibis_dalec.physics.soil_layers import (
    interface_terms,
    layer_heat_capacity,
    layer_water,
    tridiagonal6,
)
from ibis_dalec.physics.vector_math import clip, integer_power

# Geometry of the interfaces between layers k-1 and k, k = 1..5.
HM = (0.0, *(0.5 * (a + b) for a, b in pairwise(HSOI)))
WP = (0.0, *(0.5 * h / m for h, m in zip(HSOI[1:], HM[1:], strict=True)))
H0, H1, H2, H3, H4, H5 = HSOI
# Weights of the flux terms in the implicit water step.
PER_HM = (0.0, *(1.0 / m for m in HM[1:]))
UP = (0.0, *(0.5 * a / m for a, m in zip(HSOI, HM[1:], strict=False)))  # h(k-1)
DOWN = WP  # h(k) / (2 hm(k))
PER_DT = 1.0 / DT


@equation
def surface_water(wpud, wipud, wsoi1, wisoi1, t1, rain, train, fvapg, heatg, fractions,
                  inv_poros, ksat):  # fmt: skip
    """Puddle, runoff, evaporation and infiltration potential.

    Returns the puddles, the first layer, runoff (kg m-2), the top water flux and
    the infiltration (kg m-2 s-1), the heat of the puddle (J m-2 K-1), the heat
    flux into the soil (W m-2) and the evaporation that no store gave (kg m-2).
    """
    fraction_liq, fraction_ice, fraction_pud, fraction_pud_ice = fractions
    runoff = min(wpud, max(0.0, wpud + wipud - WPUDMAX))
    wpud = wpud - runoff
    spill = clip(2.0 * (t1 - TMELT + 0.5), 0.0, 1.0) * clip(
        (wpud + wipud) * (1.0 / WPUDMAX), 0.0, 1.0
    )
    runoff = runoff + spill * rain * DT
    wpud = wpud + (1.0 - spill) * rain * DT

    evaporates = fvapg >= 0.0
    top = -fraction_liq * fvapg if evaporates else 0.0
    pud_liq = fraction_pud if evaporates else fraction_liq + fraction_pud
    pud_ice = fraction_pud_ice if evaporates else fraction_ice + fraction_pud_ice
    wpud = wpud - DT * pud_liq * fvapg
    wipud = wipud - DT * pud_ice * fvapg
    left = wisoi1 - DT * fraction_ice * fvapg * inv_poros * (1.0 / (RHOW * H0))
    new_ice = max(0.0, left) if evaporates else wisoi1
    # Fractions of a dry layer do not add up to 1, and its ice may not suffice.
    missed = (
        (1.0 - (fraction_liq + fraction_ice + fraction_pud + fraction_pud_ice))
        * fvapg
        * DT
    )
    missed = missed + (max(0.0, -left) * (RHOW * H0) / inv_poros if evaporates else 0.0)
    wsoi1 = wsoi1 * (1.0 - wisoi1) / max(1.0 - new_ice, EPS) if evaporates else wsoi1
    wisoi1 = new_ice

    potential = RHOW * DT * (1.0 - wisoi1) * (1.0 - wisoi1) * ksat
    infiltration = max(0.0, min(wpud, potential)) * PER_DT
    puddle_heat = CH2O * wpud + CICE * wipud
    heat = (
        heatg
        + rain * CH2O * (train - t1)
        - runoff * PER_DT * CH2O * max(TMELT - t1, 0.0)
    )
    return (
        wpud, wipud, wsoi1, wisoi1, runoff, top, infiltration, puddle_heat, heat, missed
    )  # fmt: skip


@equation
def water_step(w0, wi, per_pores, top, ks, psi_b, nint_b):
    """Implicit soil water: new wetness before squeezing, and drainage.

    ``w0`` and ``wi`` are the six wetness and ice fractions, ``per_pores`` the time
    step over the water capacities ``poros max(eps, 1 - ice) h`` (s m-1); ``top`` is
    the flux into the first layer (kg m-2 s-1). Drainage is in kg m-2 s-1.
    """
    a0, a1, a2, a3, a4, a5 = w0
    i0, i1, i2, i3, i4, i5 = wi
    e1, f1, g1 = interface_terms(
        a0, a1, 1.0 - WP[1], WP[1], PER_HM[1], ks, psi_b, nint_b, i0, i1
    )
    e2, f2, g2 = interface_terms(
        a1, a2, 1.0 - WP[2], WP[2], PER_HM[2], ks, psi_b, nint_b, i1, i2
    )
    e3, f3, g3 = interface_terms(
        a2, a3, 1.0 - WP[3], WP[3], PER_HM[3], ks, psi_b, nint_b, i2, i3
    )
    e4, f4, g4 = interface_terms(
        a3, a4, 1.0 - WP[4], WP[4], PER_HM[4], ks, psi_b, nint_b, i3, i4
    )
    e5, f5, g5 = interface_terms(
        a4, a5, 1.0 - WP[5], WP[5], PER_HM[5], ks, psi_b, nint_b, i4, i5
    )
    wet_n1 = integer_power(a5, nint_b + 1.0)
    e6 = -ks * wet_n1 * wet_n1 * a5 * BPERM * (1.0 - i5) * (1.0 - i5)
    t0, t1, t2, t3, t4, t5 = per_pores
    # The weights of F use the opposite thickness to wm, wp: the original's quirk.
    # fk * DOWN[k] = f h(k)/(2 hm), fk * UP[k] = f h(k-1)/(2 hm), gk = G/hm.
    g1 = g1 * PER_HM[1]
    g2 = g2 * PER_HM[2]
    g3 = g3 * PER_HM[3]
    g4 = g4 * PER_HM[4]
    g5 = g5 * PER_HM[5]
    diag = (
        1.0 + t0 * (-f1 * DOWN[1] + g1),
        1.0 + t1 * (-f2 * DOWN[2] + f1 * UP[1] + g2 + g1),
        1.0 + t2 * (-f3 * DOWN[3] + f2 * UP[2] + g3 + g2),
        1.0 + t3 * (-f4 * DOWN[4] + f3 * UP[3] + g4 + g3),
        1.0 + t4 * (-f5 * DOWN[5] + f4 * UP[4] + g5 + g4),
        1.0 + t5 * (f5 * UP[5] + g5),
    )
    sub = (
        0.0,
        t1 * (f1 * DOWN[1] - g1),
        t2 * (f2 * DOWN[2] - g2),
        t3 * (f3 * DOWN[3] - g3),
        t4 * (f4 * DOWN[4] - g4),
        t5 * (f5 * DOWN[5] - g5),
    )
    sup = (
        t0 * (-f1 * UP[1] - g1),
        t1 * (-f2 * UP[2] - g2),
        t2 * (-f3 * UP[3] - g3),
        t3 * (-f4 * UP[4] - g4),
        t4 * (-f5 * UP[5] - g5),
        0.0,
    )
    rhs = (
        a0 + t0 * e1 + t0 * top * (1.0 / RHOW),
        a1 + t1 * (e2 - e1),
        a2 + t2 * (e3 - e2),
        a3 + t3 * (e4 - e3),
        a4 + t4 * (e5 - e4),
        a5 + t5 * (e6 - e5),
    )
    return tridiagonal6(sub, diag, sup, rhs), -RHOW * e6


@equation
def squeeze(w1, pores, per_pores):
    """Push what a layer cannot hold upward; returns the wetness and the excess (m)."""
    x0, x1, x2, x3, x4, x5 = w1
    over = max(0.0, x5 - 1.0)
    x5 = x5 - over
    x4 = x4 + over * pores[5] * per_pores[4] * PER_DT
    over = max(0.0, x4 - 1.0)
    x4 = x4 - over
    x3 = x3 + over * pores[4] * per_pores[3] * PER_DT
    over = max(0.0, x3 - 1.0)
    x3 = x3 - over
    x2 = x2 + over * pores[3] * per_pores[2] * PER_DT
    over = max(0.0, x2 - 1.0)
    x2 = x2 - over
    x1 = x1 + over * pores[2] * per_pores[1] * PER_DT
    over = max(0.0, x1 - 1.0)
    x1 = x1 - over
    x0 = x0 + over * pores[1] * per_pores[0] * PER_DT
    over = max(0.0, x0 - 1.0)
    return (x0 - over, x1, x2, x3, x4, x5), over * pores[0]


@equation
def heat_step(t, c0, c1, k, flow, external, drainage, fhtop):
    """Implicit conduction and explicit advection of heat; new temperatures (K).

    ``c0`` and ``c1`` are the old and new heat capacities (J m-2 K-1), ``k`` the
    conductivities, ``flow`` the water through the top of layers 1..5.
    """
    t0, t1, t2, t3, t4, t5 = t
    g1 = 2.0 * k[0] * k[1] / (H0 * k[1] + H1 * k[0])
    g2 = 2.0 * k[1] * k[2] / (H1 * k[2] + H2 * k[1])
    g3 = 2.0 * k[2] * k[3] / (H2 * k[3] + H3 * k[2])
    g4 = 2.0 * k[3] * k[4] / (H3 * k[4] + H4 * k[3])
    g5 = 2.0 * k[4] * k[5] / (H4 * k[5] + H5 * k[4])
    a0 = external * CH2O * t0
    a1 = flow[0] * CH2O * ((H1 * t0 + H0 * t1) * (1.0 / (H0 + H1)))
    a2 = flow[1] * CH2O * ((H2 * t1 + H1 * t2) * (1.0 / (H1 + H2)))
    a3 = flow[2] * CH2O * ((H3 * t2 + H2 * t3) * (1.0 / (H2 + H3)))
    a4 = flow[3] * CH2O * ((H4 * t3 + H3 * t4) * (1.0 / (H3 + H4)))
    a5 = flow[4] * CH2O * ((H5 * t4 + H4 * t5) * (1.0 / (H4 + H5)))
    a6 = drainage * CH2O * t5
    diag = (
        c1[0] * PER_DT + g1,
        c1[1] * PER_DT + g1 + g2,
        c1[2] * PER_DT + g2 + g3,
        c1[3] * PER_DT + g3 + g4,
        c1[4] * PER_DT + g4 + g5,
        c1[5] * PER_DT + g5,
    )
    rhs = (
        c0[0] * PER_DT * t0 + a0 - a1 + fhtop,
        c0[1] * PER_DT * t1 + a1 - a2,
        c0[2] * PER_DT * t2 + a2 - a3,
        c0[3] * PER_DT * t3 + a3 - a4,
        c0[4] * PER_DT * t4 + a4 - a5,
        c0[5] * PER_DT * t5 + a5 - a6,
    )
    return tridiagonal6(
        (0.0, -g1, -g2, -g3, -g4, -g5), diag, (-g1, -g2, -g3, -g4, -g5, 0.0), rhs
    )


@routine
def soil_surface_and_water(w):
    """Steps 0 to 7: surface, uptake, water and heat."""
    for lane in range(w.lai.shape[0]):
        poros = w.poros[lane]
        (wpud, wipud, wsoi1, wisoi1, runoff, top, infiltration, heat0, fhtop,
         missed) = (
            surface_water(
                w.wpud[lane], w.wipud[lane], w.wsoi[0, lane], w.wisoi[0, lane],
                w.tsoi[0, lane], w.raing[lane], w.traing[lane], w.fvapg[lane],
                w.heatg[lane],
                (w.fraction_soil_liq[lane], w.fraction_soil_ice[lane],
                 w.fraction_pud_liq[lane], w.fraction_pud_ice[lane]),
                w.inv_poros[lane], w.ksat[lane],
            )
        )  # fmt: skip
        wi = (
            wisoi1, w.wisoi[1, lane], w.wisoi[2, lane],
            w.wisoi[3, lane], w.wisoi[4, lane], w.wisoi[5, lane],
        )  # fmt: skip
        pores = (
            poros * max(EPS, 1.0 - wi[0]) * H0,
            poros * max(EPS, 1.0 - wi[1]) * H1,
            poros * max(EPS, 1.0 - wi[2]) * H2,
            poros * max(EPS, 1.0 - wi[3]) * H3,
            poros * max(EPS, 1.0 - wi[4]) * H4,
            poros * max(EPS, 1.0 - wi[5]) * H5,
        )
        transpiration = w.transpiration_hour[lane]
        per_pores = (
            DT / pores[0],
            DT / pores[1],
            DT / pores[2],
            DT / pores[3],
            DT / pores[4],
            DT / pores[5],
        )
        up = (
            transpiration * w.stress_layer[0, lane],
            transpiration * w.stress_layer[1, lane],
            transpiration * w.stress_layer[2, lane],
            transpiration * w.stress_layer[3, lane],
            transpiration * w.stress_layer[4, lane],
            transpiration * w.stress_layer[5, lane],
        )
        # A soil too dry to stress the canopy by layers gives nothing to its leaves.
        taken = up[0] + up[1] + up[2] + up[3] + up[4] + up[5]
        w.soil_shortfall[lane] += missed + DT * (transpiration - taken)
        w0 = (
            wsoi1 - up[0] * per_pores[0] * (1.0 / RHOW),
            w.wsoi[1, lane] - up[1] * per_pores[1] * (1.0 / RHOW),
            w.wsoi[2, lane] - up[2] * per_pores[2] * (1.0 / RHOW),
            w.wsoi[3, lane] - up[3] * per_pores[3] * (1.0 / RHOW),
            w.wsoi[4, lane] - up[4] * per_pores[4] * (1.0 / RHOW),
            w.wsoi[5, lane] - up[5] * per_pores[5] * (1.0 / RHOW),
        )
        c0 = (
            layer_heat_capacity(H0, poros, w0[0], wi[0]) + heat0,
            layer_heat_capacity(H1, poros, w0[1], wi[1]),
            layer_heat_capacity(H2, poros, w0[2], wi[2]),
            layer_heat_capacity(H3, poros, w0[3], wi[3]),
            layer_heat_capacity(H4, poros, w0[4], wi[4]),
            layer_heat_capacity(H5, poros, w0[5], wi[5]),
        )
        tu = w.tu[lane]
        t = (
            warmed(w.tsoi[0, lane], tu, up[0], c0[0]),
            warmed(w.tsoi[1, lane], tu, up[1], c0[1]),
            warmed(w.tsoi[2, lane], tu, up[2], c0[2]),
            warmed(w.tsoi[3, lane], tu, up[3], c0[3]),
            warmed(w.tsoi[4, lane], tu, up[4], c0[4]),
            warmed(w.tsoi[5, lane], tu, up[5], c0[5]),
        )
        ks = w.ksat[lane]
        solved, drainage = water_step(
            w0, wi, per_pores, top + infiltration, ks,
            ks * w.suction[lane] * w.bex[lane], w.nint_b[lane],
        )  # fmt: skip
        w1, excess = squeeze(solved, pores, per_pores)
        excess = RHOW * PER_DT * excess
        wpud = wpud + (excess - infiltration) * DT
        heat1 = CH2O * wpud + CICE * wipud
        flow5 = drainage + (w1[5] - w0[5]) * pores[5] * (RHOW * PER_DT)
        flow4 = flow5 + (w1[4] - w0[4]) * pores[4] * (RHOW * PER_DT)
        flow3 = flow4 + (w1[3] - w0[3]) * pores[3] * (RHOW * PER_DT)
        flow2 = flow3 + (w1[2] - w0[2]) * pores[2] * (RHOW * PER_DT)
        flow1 = flow2 + (w1[1] - w0[1]) * pores[1] * (RHOW * PER_DT)
        flow0 = flow1 + (w1[0] - w0[0]) * pores[0] * (RHOW * PER_DT)
        c1 = (
            layer_heat_capacity(H0, poros, w1[0], wi[0]) + heat1,
            layer_heat_capacity(H1, poros, w1[1], wi[1]),
            layer_heat_capacity(H2, poros, w1[2], wi[2]),
            layer_heat_capacity(H3, poros, w1[3], wi[3]),
            layer_heat_capacity(H4, poros, w1[4], wi[4]),
            layer_heat_capacity(H5, poros, w1[5], wi[5]),
        )
        k = (
            w.consoi[0, lane], w.consoi[1, lane], w.consoi[2, lane],
            w.consoi[3, lane], w.consoi[4, lane], w.consoi[5, lane],
        )  # fmt: skip
        x = heat_step(
            t, c0, c1, k, (flow1, flow2, flow3, flow4, flow5),
            flow0 + excess - infiltration, drainage, fhtop,
        )  # fmt: skip
        w.wpud[lane] = wpud
        w.wipud[lane] = wipud
        w.runoff_hour[lane] = runoff
        w.drainage_hour[lane] = drainage * DT
        w.wisoi[0, lane] = wisoi1
        w.wsoi[0, lane] = w1[0]
        w.wsoi[1, lane] = w1[1]
        w.wsoi[2, lane] = w1[2]
        w.wsoi[3, lane] = w1[3]
        w.wsoi[4, lane] = w1[4]
        w.wsoi[5, lane] = w1[5]
        w.tsoi[0, lane] = x[0]
        w.tsoi[1, lane] = x[1]
        w.tsoi[2, lane] = x[2]
        w.tsoi[3, lane] = x[3]
        w.tsoi[4, lane] = x[4]
        w.tsoi[5, lane] = x[5]


@equation
def warmed(t, tu, uptake, capacity):
    """Temperature (K) of a layer after water at it left at leaf temperature."""
    return t - DT * CH2O * uptake * (tu - t) / capacity


@equation
def clean(wsoi, wisoi):
    """Reset wetness and ice that are negative, tiny or too large."""
    wsoi = 0.0 if wsoi < EPS else wsoi
    wisoi = 0.0 if wisoi < EPS else wisoi
    wsoi = min(1.0, wsoi)
    wisoi = min(1.0, wisoi)
    return 0.0 if wisoi >= 1.0 - EPS else wsoi, wisoi


@equation
def layer_phase(wsoi, wisoi, t, h, poros, inv_poros, puddle_heat):
    """Freeze or melt a layer's water as far as its heat allows."""
    per_volume = HFUS * RHOW * h
    inv_volume = 1.0 / per_volume
    capacity = layer_heat_capacity(h, poros, wsoi, wisoi) + puddle_heat
    excess = capacity * (t - TMELT)
    freeze = (
        min(poros * (1.0 - wisoi) * min(1.0, wsoi), -excess * inv_volume)
        if t < TMELT
        else 0.0
    )
    melt = min(poros * wisoi, excess * inv_volume) if t > TMELT else 0.0
    change = freeze - melt
    new_ice = wisoi + change * inv_poros
    new_wet = wsoi - change * inv_poros * (1.0 - wsoi) / max(EPS, 1.0 - new_ice)
    capacity = layer_heat_capacity(h, poros, new_wet, new_ice) + puddle_heat
    changed = TMELT + (excess + per_volume * change) / capacity
    moved = change != 0.0
    return (
        new_wet if moved else wsoi,
        new_ice if moved else wisoi,
        changed if moved else t,
    )


@equation
def puddle_phase(wpud, wipud, t, capacity1):
    """Freeze, then melt the puddle together with the first layer."""
    excess = (capacity1 + CH2O * wpud + CICE * wipud) * (t - TMELT)
    freeze = min(wpud, max(0.0, -excess * (1.0 / HFUS)))
    wpud = wpud - freeze
    wipud = wipud + freeze
    capacity = capacity1 + CH2O * wpud + CICE * wipud
    frozen = TMELT + (excess + HFUS * freeze) / capacity
    t = frozen if freeze != 0.0 else t
    excess = capacity * (t - TMELT)
    melt = min(wipud, max(0.0, excess * (1.0 / HFUS)))
    wpud = wpud + melt
    wipud = wipud - melt
    capacity = capacity1 + CH2O * wpud + CICE * wipud
    melted = TMELT + (excess - HFUS * melt) / capacity
    return wpud, wipud, melted if melt != 0.0 else t


@equation
def settle_layer(w, k):
    """Clean-up, phase change and clean-up of layer ``k``."""
    h = HSOI[k]
    for lane in range(w.lai.shape[0]):
        poros = w.poros[lane]
        wsoi = w.wsoi[k, lane]
        wisoi = w.wisoi[k, lane]
        puddle = CH2O * w.wpud[lane] + CICE * w.wipud[lane] if k == 0 else 0.0
        before = layer_water(h, poros, wsoi, wisoi)
        wsoi, wisoi = clean(wsoi, wisoi)
        wsoi, wisoi, t = layer_phase(
            wsoi, wisoi, w.tsoi[k, lane], h, poros, w.inv_poros[lane], puddle
        )
        wsoi, wisoi = clean(wsoi, wisoi)
        w.gadjust[lane] += layer_water(h, poros, wsoi, wisoi) - before
        w.wsoi[k, lane] = wsoi
        w.wisoi[k, lane] = wisoi
        w.tsoi[k, lane] = t


@routine
def soil_phase(w):
    """Steps 8 and 9: clean-up, phase change, clean-up, puddle."""
    # Written out: a constant layer lets the loop over lanes vectorise.
    settle_layer(w, 0)
    settle_layer(w, 1)
    settle_layer(w, 2)
    settle_layer(w, 3)
    settle_layer(w, 4)
    settle_layer(w, 5)
    for lane in range(w.lai.shape[0]):
        capacity1 = layer_heat_capacity(
            HSOI[0], w.poros[lane], w.wsoi[0, lane], w.wisoi[0, lane]
        )
        w.wpud[lane], w.wipud[lane], w.tsoi[0, lane] = puddle_phase(
            w.wpud[lane], w.wipud[lane], w.tsoi[0, lane], capacity1
        )


@routine
def soil_column(w):
    """One hour of the soil column; forcing is in raing, fvapg, heatg and uptake."""
    soil_surface_and_water(w)
    soil_phase(w)
