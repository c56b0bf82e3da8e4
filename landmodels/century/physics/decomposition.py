"""Decomposition of litter and soil organic matter, four steps a month (section 7).

All flows of a step are found from the pools at its start and applied together.
"""

from math import exp

from landmodels.century.physics.layout import (
    METAB1,
    METAB2,
    SOM3,
    SOM11,
    SOM12,
    SOM21,
    SOM22,
    STEP_YR,
    STEPS_PER_MONTH,
    STRUC1,
    STRUC2,
)
from landmodels.kernels.compile import equation, routine

#: Averaged mineral nitrogen (g m-2) under which pools that need nitrogen rest.
GATE = 1e-7
#: Carbon (g m-2) at and under which a pool rests.
EMPTY = 1e-7


@equation
def ratio_below(am, v1, v2, v3):
    """C:N of new soil organic matter for the averaged mineral nitrogen ``am``."""
    if am <= 0.0:
        return v1
    if am > v3:
        return v2
    return v2 + (1.0 - am / v3) * (v1 - v2)


@equation
def ratio_above(carbon, nitrogen, p):
    """C:N of new surface microbes from the nitrogen content of what they eat."""
    biomass = 2.5 * carbon
    content = 0.0 if biomass <= 1e-10 else nitrogen / biomass
    if content > p.pcemic_3:
        return p.pcemic_2
    return p.pcemic_1 + content * (p.pcemic_2 - p.pcemic_1) / p.pcemic_3


@equation
def respire(w, a, carbon, nc):
    """Respire ``carbon`` of pool ``a`` and mineralise its nitrogen."""
    nitrogen = carbon * nc
    w.d_c[a] -= carbon
    w.d_n[a] -= nitrogen
    w.d_rh += carbon
    w.d_minerl += nitrogen
    w.d_gromin += nitrogen


@equation
def transfer(w, a, b, carbon, nc, ratio):
    """Move ``carbon`` from pool ``a`` to ``b``, whose new matter has C:N ``ratio``.

    Where the move would need more mineral nitrogen than there is, carbon moves alone.
    """
    w.d_c[a] -= carbon
    w.d_c[b] += carbon
    nitrogen = carbon * nc
    if carbon <= 0.0 or nitrogen <= 0.0:
        return
    wanted = carbon / ratio
    spare = nitrogen - wanted
    if spare < 0.0 and w.minerl[0] + spare < 0.0:
        return
    w.d_n[a] -= nitrogen
    w.d_n[b] += wanted
    w.d_minerl += spare
    w.d_gromin += max(spare, 0.0)


@equation
def active(w, a, am, gate_ratio):
    """Whether pool ``a`` decomposes in this step."""
    if w.dead_c[a] <= EMPTY:
        return False
    return am >= GATE or w.dead_c[a] <= gate_ratio * w.dead_n[a]


@equation
def structural(w, p, a, layer, microbes, slow, am, ratio, slow_ratio, fraction):
    """Structural litter: lignin to the slow pool, the rest to microbes."""
    if not active(w, a, am, ratio):
        return
    nc = w.dead_n[a] / w.dead_c[a]
    loss = min(w.dead_c[a], p.strmax) * w.rate[a]
    lignin = loss * w.strlig[layer]
    lost = p.rsplig * lignin
    respire(w, a, lost, nc)
    transfer(w, a, slow, lignin - lost, nc, slow_ratio)
    rest = loss - lignin
    lost = fraction * rest
    respire(w, a, lost, nc)
    transfer(w, a, microbes, rest - lost, nc, ratio)


@equation
def simple(w, a, b, am, ratio, fraction):
    """A pool that respires ``fraction`` of its loss and passes the rest to one pool."""
    if not active(w, a, am, ratio):
        return
    nc = w.dead_n[a] / w.dead_c[a]
    loss = min(w.dead_c[a], w.dead_c[a] * w.rate[a])
    lost = fraction * loss
    respire(w, a, lost, nc)
    transfer(w, a, b, loss - lost, nc, ratio)


@equation
def soil_active(w, am, slow_ratio, passive_ratio):
    """Soil microbes: to the passive pool, to the stream, the rest to the slow pool."""
    if not active(w, SOM12, am, slow_ratio):
        return
    nc = w.dead_n[SOM12] / w.dead_c[SOM12]
    loss = w.dead_c[SOM12] * w.rate[SOM12]
    lost = loss * w.co2_fraction2
    respire(w, SOM12, lost, nc)
    passive = loss * w.to_passive1 * w.passive_gain
    transfer(w, SOM12, SOM3, passive, nc, passive_ratio)
    dissolved = loss * w.doc_fraction
    nitrogen = dissolved * 0.5 * nc
    w.d_c[SOM12] -= dissolved
    w.d_n[SOM12] -= nitrogen
    w.stream_orgc += dissolved
    w.stream_orgn += nitrogen
    rest = loss - lost - passive - dissolved
    if rest < 0.0:
        w.clipped_c -= rest
        rest = 0.0
    transfer(w, SOM12, SOM22, rest, nc, slow_ratio)


@equation
def soil_slow(w, p, am, active_ratio, passive_ratio):
    """Slow soil pool: to the passive pool, the rest back to the active pool."""
    if not active(w, SOM22, am, active_ratio):
        return
    nc = w.dead_n[SOM22] / w.dead_c[SOM22]
    loss = w.dead_c[SOM22] * w.rate[SOM22]
    lost = loss * p.p2co2_2
    respire(w, SOM22, lost, nc)
    passive = loss * w.to_passive2 * w.passive_gain
    transfer(w, SOM22, SOM3, passive, nc, passive_ratio)
    transfer(w, SOM22, SOM12, loss - lost - passive, nc, active_ratio)


@equation
def surface_microbes(w, p, slow, am):
    """Surface microbes: their own C:N sets that of the slow matter they become."""
    if w.dead_c[SOM11] <= EMPTY:
        return
    cn = w.dead_c[SOM11] / w.dead_n[SOM11]
    ratio = max(p.rad1p_3, cn + p.rad1p_1 + p.rad1p_2 * (cn - p.pcemic_2))
    simple(w, SOM11, slow, am, ratio, w.co2_fraction1)


@equation
def mix_surface_slow(w):
    """Mixing of the surface slow pool into the soil, with its nitrogen."""
    if w.dead_c[SOM21] <= EMPTY:
        return
    carbon = w.dead_c[SOM21] * w.mix_rate
    nitrogen = carbon * (w.dead_n[SOM21] / w.dead_c[SOM21])
    w.d_c[SOM21] -= carbon
    w.d_c[SOM22] += carbon
    w.d_n[SOM21] -= nitrogen
    w.d_n[SOM22] += nitrogen


@equation
def set_month_rates(w, p, variant45):
    """Shares of the pools that leave in each step of this month."""
    soil = w.defac * w.anerb
    for a in (STRUC1, METAB1, SOM11, SOM21):
        w.rate[a] = w.base_rate[a] * w.defac
    for a in (STRUC2, METAB2, SOM12, SOM22, SOM3):
        w.rate[a] = w.base_rate[a] * soil
    w.rate[STRUC1] *= exp(-p.pligst_1 * w.strlig[0])
    w.rate[STRUC2] *= exp(-p.pligst_2 * w.strlig[1])
    w.mix_rate = 0.0 if variant45 else p.cmix * STEP_YR * w.defac
    w.passive_gain = 1.0 + p.animpt * (1.0 - w.anerb)
    w.doc_fraction = 0.0
    if w.amov[1] > 0.0:
        w.doc_fraction = w.orglch * min(w.amov[1] / p.omlech_3, 1.0)


@equation
def flows(w, p, am, variant45):
    """All flows of a step, from the pools at its start."""
    slow1 = SOM22 if variant45 else SOM21
    below1 = ratio_below(am, p.varat1_1, p.varat1_2, p.varat1_3)
    below2 = ratio_below(am, p.varat2_1, p.varat2_2, p.varat2_3)
    below3 = ratio_below(am, p.varat3_1, p.varat3_2, p.varat3_3)
    structural(w, p, STRUC1, 0, SOM11, slow1, am, w.ra1, w.ra2, p.ps1co2_1)
    structural(w, p, STRUC2, 1, SOM12, SOM22, am, p.varat1_1, p.varat2_1, p.ps1co2_2)
    above = ratio_above(w.dead_c[METAB1], w.dead_n[METAB1], p)
    simple(w, METAB1, SOM11, am, above, p.pmco2_1)
    simple(w, METAB2, SOM12, am, below1, p.pmco2_2)
    surface_microbes(w, p, slow1, am)
    soil_active(w, am, below2, below3)
    soil_slow(w, p, am, below1, below3)
    simple(w, SOM21, SOM11, am, below1, p.p2co2_1)
    simple(w, SOM3, SOM12, am, below1, p.p3co2 * w.anerb)
    mix_surface_slow(w)


@routine
def decompose_month(w, p, nitrogen_input, variant45):
    """Four steps of decomposition, then the gaseous loss of mineralised nitrogen.

    ``nitrogen_input`` (g m-2) arrives with the flows of the first step, which does
    not see it.
    """
    w.rh = 0.0
    w.gromin = 0.0
    w.stream_orgc = 0.0
    w.stream_orgn = 0.0
    w.clipped_c = 0.0
    am = w.minerl[0]
    w.d_minerl = nitrogen_input
    for _step in range(STEPS_PER_MONTH):
        for a in range(9):
            w.d_c[a] = 0.0
            w.d_n[a] = 0.0
        w.d_rh = 0.0
        w.d_gromin = 0.0
        flows(w, p, am, variant45)
        for a in range(9):
            w.dead_c[a] += w.d_c[a]
            w.dead_n[a] += w.d_n[a]
        w.minerl[0] += w.d_minerl
        w.rh += w.d_rh
        w.gromin += w.d_gromin
        am = (am + w.minerl[0]) / 2.0
        w.d_minerl = 0.0
    w.volgm = w.gas_loss * w.gromin
    w.minerl[0] -= w.volgm
