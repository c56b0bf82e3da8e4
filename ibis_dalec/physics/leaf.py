"""Leaf photosynthesis, stomata and the scaling from leaf to canopy.

Specification, section 6; after IBIS ``stomata`` (Farquhar with a sucrose limit,
Ball-Berry with relative humidity), with the original's damped memory.
"""

import numpy as np

from ibis_dalec.physics.compile import equation, routine
from ibis_dalec.physics.constants import EPS, O2, TMELT
from ibis_dalec.physics.saturation import esat
from ibis_dalec.physics.vector_math import clip, exp

QUANTA = 4.59e-6  # mol J-1, quanta per absorbed visible radiation
CI_MAX = 2000e-6  # mol mol-1
MEMORY = float(np.exp(-1.0 / 240.0))  # of the night's canopy scale, per call
_EXP_COLD = float(np.exp(0.40 * 5.0))
_EXP_HOT = float(np.exp(-0.40 * 50.0))
DAYLIGHT = 10.0  # W m-2, light above which the canopy scale is renewed


@equation
def colimited_rate(light_rate, rubisco_rate, curvature, inverse):
    """Smooth minimum of two assimilation rates (mol m-2 s-1).

    The smaller root of ``curvature x^2 - (a + b) x + a b = 0``, in the original's
    form. As ``curvature`` nears 1 it becomes ``min(a, b)``. ``inverse`` is
    ``1 / curvature``, which the callers know.
    """
    total = light_rate + rubisco_rate
    product = light_rate * rubisco_rate
    root = (
        0.5 * (total + np.sqrt(max(total * total - 4.0 * curvature * product, 0.0)))
        + 1e-15
    )
    return min(root * inverse, product / root)


@equation
def biochemistry(tu, tempvm):
    """CO2 compensation point, Michaelis term (mol mol-1), temperature factor."""
    rw = 3.47e-3 - 1.0 / tu
    # tau = 4500 exp(-4500 rw), Kc = 1.5e-4 exp(6000 rw), Ko = 0.25 exp(1500 rw):
    # all are powers of one exponential. compensation = O2/(2 tau) and
    # michaelis = Kc (1 + O2/Ko).
    e = exp(1500.0 * rw)
    cube = e * e * e
    compensation = O2 / 9000.0 * cube
    michaelis = 1.5e-4 * cube * (e + O2 / 0.25)
    # 1/[(1 + exp(0.4 (5 - T))) (1 + exp(0.4 (T - 50)))] with w = exp(0.4 T)
    w = exp(0.40 * (tu - TMELT))
    bounds = w / ((w + _EXP_COLD) * (1.0 + _EXP_HOT * w))
    return compensation, michaelis, exp(tempvm * rw) * bounds


@equation
def gross_assimilation(
    toppar,
    ci,
    compensation,
    michaelis,
    vm,
    alpha3,
    theta3,
    beta3,
    inv_theta3,
    inv_beta3,
):
    """Gross assimilation of the top leaf (mol m-2 s-1) from the three limits."""
    je = QUANTA * toppar * alpha3 * (ci - compensation) / (ci + 2.0 * compensation)
    jc = vm * (ci - compensation) / (ci + michaelis)
    js = vm * (1.0 / 2.2)
    jp = colimited_rate(je, jc, theta3, inv_theta3)
    return colimited_rate(jp, js, beta3, inv_beta3)


@equation
def stomata(cs, gs, ci, an, rh, co2, gb, compensation, stress, coefm, coefb):
    """One damped update of surface CO2, conductance and internal CO2."""
    floor = 1.05 * compensation
    cs = max(floor, 0.5 * (cs + co2 - an / gb))
    gs = max(
        1e-5,
        max(coefb * stress, 0.5 * (gs + coefm * an * rh / cs + coefb * stress)),
    )
    ci = clip(0.5 * (ci + cs - 1.6 * an / gs), floor, CI_MAX)
    return cs, gs, ci


@equation
def leaf(
    toppar, tu, rh, co2, stress, su, cs, gs, ci,
    vmax, alpha3, theta3, beta3, inv_theta3, inv_beta3, gammaub, tempvm, coefm, coefb,
):  # fmt: skip
    """One call of the leaf model: gross and net assimilation, then the stomata.

    Returns ``ag, an, cs, gs, ci, compensation, gb``.
    """
    compensation, michaelis, factor = biochemistry(tu, tempvm)
    vm = vmax * factor * stress
    ci = clip(ci, 1.05 * compensation, CI_MAX)
    ag = gross_assimilation(
        toppar, ci, compensation, michaelis, vm, alpha3, theta3, beta3,
        inv_theta3, inv_beta3,
    )  # fmt: skip
    an = ag - gammaub * vmax * factor
    gb = clip(25.5 * su, 0.1, 10.0)
    cs, gs, ci = stomata(
        cs, gs, ci, an, rh, co2, gb, compensation, stress, coefm, coefb
    )
    return ag, an, cs, gs, ci, compensation, gb


@equation
def daylight_scale(extinction, lai, sai):
    """Canopy mean over top leaf in daylight."""
    return (1.0 - exp(-extinction * (lai + sai))) / (extinction * max(lai, 1e-30))


@equation
def canopy_scale(toppar, day_scale, lai, scale_a, scale_b):
    """Canopy mean over top leaf, and its running sums (renewed in daylight)."""
    bright = toppar > DAYLIGHT
    leafy = lai > 0.0
    new_a = MEMORY * scale_a + (1.0 - MEMORY) * day_scale * toppar
    new_b = MEMORY * scale_b + (1.0 - MEMORY) * toppar
    scale = day_scale if bright else scale_a / scale_b
    renew = bright & leafy
    return (
        scale if leafy else 0.0,
        new_a if renew else scale_a,
        new_b if renew else scale_b,
    )


@equation
def canopy_conductance(anc, rh, co2, gb, compensation, stress, su, coefm, coefb):
    """Conductance of canopy and boundary layer for vapour (kg m-2 s-1)."""
    csc = max(1.05 * compensation, co2 - anc / gb)
    ball_berry = coefm * anc * rh / csc + coefb * stress
    gsc = max(1e-5, max(coefb * stress, ball_berry))
    # 1/(1/su + (1/0.029)/gsc)
    return su * gsc / (gsc + su * (1.0 / 0.029))


@equation
def relative_humidity(q, t, p):
    """Humidity over its saturation, with one division."""
    e = esat(t)
    return q * max(p - 0.378 * e, 0.622 * e) / (0.622 * e)


@routine
def canopy_physiology(w):
    """Stomata and assimilation of every lane, once per canopy iteration."""
    for lane in range(w.lai.shape[0]):
        rh = max(0.30, relative_humidity(w.q12[lane], w.t12[lane], w.psurf[lane]))
        co2 = w.co2[lane]
        stress = w.stress[lane]
        su = w.su[lane]
        toppar = w.toppar[lane]
        coefm = w.coefmub[lane]
        coefb = w.coefbub[lane]
        ag, an, cs, gs, ci, compensation, gb = leaf(
            toppar, w.tu[lane], rh, co2, stress, su, w.cs[lane], w.gs[lane],
            w.ci[lane], w.vmax[lane], w.alpha3[lane], w.theta3[lane],
            w.beta3[lane], w.inv_theta3[lane], w.inv_beta3[lane],
            w.gammaub[lane], w.tempvm[lane], coefm, coefb,
        )  # fmt: skip
        scale, scale_a, scale_b = canopy_scale(
            toppar, w.day_scale[lane], w.lai[lane], w.scale_a[lane], w.scale_b[lane]
        )
        agc = scale * ag
        anc = scale * an
        w.totcond[lane] = canopy_conductance(
            anc, rh, co2, gb, compensation, stress, su, coefm, coefb
        )
        dry = 1.0 - w.fwetu[lane]
        w.agc[lane] = agc * dry
        w.anc[lane] = anc * dry
        w.cs[lane] = cs
        w.gs[lane] = gs
        w.ci[lane] = ci
        w.scale_a[lane] = scale_a
        w.scale_b[lane] = scale_b


@equation
def layer_stress(w, k):
    """Stress of layer ``k``, added to the canopy's."""
    for lane in range(w.lai.shape[0]):
        available = clip(
            (w.wsoi[k, lane] * (1.0 - w.wisoi[k, lane]) - w.wilt[lane])
            * w.inv_available[lane],
            0.0,
            1.0,
        )
        relief = 1.0 - exp(w.stressfac[lane] * available)
        fraction = w.root2[k, lane] * relief * w.stress_scale[lane]
        w.stress_layer[k, lane] = fraction
        w.stress[lane] += fraction


@routine
def moisture_stress(w):
    """Stress of the canopy and fraction of each layer (section 7)."""
    lanes = w.lai.shape[0]
    for lane in range(lanes):
        w.stress[lane] = 0.0
    # Written out: a constant layer lets the loop over lanes vectorise.
    layer_stress(w, 0)
    layer_stress(w, 1)
    layer_stress(w, 2)
    layer_stress(w, 3)
    layer_stress(w, 4)
    layer_stress(w, 5)
    for lane in range(lanes):
        per_stress = 1.0 / max(w.stress[lane], EPS)
        w.stress_layer[0, lane] *= per_stress
        w.stress_layer[1, lane] *= per_stress
        w.stress_layer[2, lane] *= per_stress
        w.stress_layer[3, lane] *= per_stress
        w.stress_layer[4, lane] *= per_stress
        w.stress_layer[5, lane] *= per_stress
