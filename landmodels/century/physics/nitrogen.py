"""Nitrogen inputs of the year, leaching and the last losses (sections 7 and 10)."""

from landmodels.century.physics.litter import clip_lignin
from landmodels.kernels.compile import equation


@equation
def start_year(w, p, d):
    """Deposition, fixation and litter lignin of the year, CO2 effects (January)."""
    w.prcann = d.prec_year
    w.deposition = max(0.0, p.epnfa_1 + p.epnfa_2 * min(w.prcann, 80.0))
    if w.annet == 0.0:
        w.fixation = max(0.0, p.epnfs_2 * min(w.prcann, 100.0))
    else:
        w.fixation = max(0.0, p.epnfs_2 * (w.annet - p.epnfs_1))
    w.annet = 0.0
    w.lignin[0] = clip_lignin(p.fligni_1_1 + p.fligni_2_1 * w.prcann)
    w.lignin[1] = clip_lignin(p.fligni_1_2 + p.fligni_2_2 * w.prcann)
    w.co2_production = 1.0 + (p.co2ipr - 1.0) * d.co2_doublings
    w.co2_transpiration = 1.0 + (p.co2itr - 1.0) * d.co2_doublings
    w.co2_ratio = 1.0 + (p.co2ice - 1.0) * d.co2_doublings


@equation
def month_input(w, d):
    """Deposition and fixation of the month (g N m-2), by its fraction of the rain."""
    fraction = d.prec / w.prcann if w.prcann != 0.0 else 0.0
    w.wdfxma = w.deposition * fraction
    w.wdfxms = w.fixation * fraction
    return w.wdfxma + w.wdfxms


@equation
def leach_month(w, p):
    """Leaching from layer to layer into the tank, base flow, and volatilisation."""
    n = int(p.nlayer)
    w.stream_minn = 0.0
    for k in range(n):
        if w.amov[k] > 0.0 and w.minerl[k] > 0.0:
            flow = min(max(w.amov[k] / p.minlch, 0.0), 1.0)
            moved = w.frlech * w.minerl[k] * flow
            w.minerl[k] -= moved
            if k == n - 1:
                storm = p.stormf * moved
                w.stream_minn += storm
                moved -= storm
            w.minerl[k + 1] += moved
    base = p.basef * w.minerl[n]
    w.minerl[n] -= base
    w.stream_minn += base
    w.volex = 0.0
    if w.minerl[0] > 0.0:
        w.volex = p.vlosse * w.minerl[0] / 12.0
        w.minerl[0] -= w.volex
