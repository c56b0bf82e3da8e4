"""Death of plant parts and the split of litter (section 8)."""

from landmodels.century.physics.layout import METAB1, STRUC1
from landmodels.kernels.compile import equation


@equation
def clip_lignin(fraction):
    """Keep the lignin fraction of a litter within 0.02 and 0.5."""
    return min(max(fraction, 0.02), 0.5)


@equation
def add_litter(w, p, layer, carbon, nitrogen, lignin, minerl, damr):
    """Split litter into structural and metabolic; returns the nitrogen it absorbs.

    ``minerl`` is the mineral nitrogen before any litter of the month came (g m-2).
    """
    if carbon < 1e-7:
        return 0.0
    absorbed = damr * minerl * max(carbon / p.pabres, 1.0) if minerl >= 0.0 else 0.0
    if carbon < p.damrmn * (nitrogen + absorbed):
        absorbed = carbon / p.damrmn - nitrogen
    absorbed = max(absorbed, 0.0)
    content = (nitrogen + absorbed) / (2.5 * carbon)
    metabolic = p.spl_1 - p.spl_2 * lignin / content
    if lignin > 1.0 - metabolic:
        metabolic = 1.0 - lignin
    metabolic = max(metabolic, 0.20)
    new_m = metabolic * carbon
    new_s = carbon - new_m
    fraction = min(1.0, lignin * carbon / new_s)
    s = STRUC1 + layer
    m = METAB1 + layer
    w.strlig[layer] = (w.strlig[layer] * w.dead_c[s] + fraction * new_s) / (
        w.dead_c[s] + new_s
    )
    bound = new_s / p.rcestr
    w.dead_c[s] += new_s
    w.dead_c[m] += new_m
    w.dead_n[s] += bound
    w.dead_n[m] += nitrogen + absorbed - bound
    w.litter_c[layer] = new_s
    w.litter_c[2 + layer] = new_m
    return absorbed


@equation
def shoot_death(w, p, senescence):
    """Share of the shoots that dies this month (1)."""
    base = p.fsdeth_2 if senescence else p.fsdeth_1
    rate = base if senescence else base * (1.0 - w.moisture_effect)
    if w.aglivc > p.fsdeth_4 and base < 0.4:
        rate += p.fsdeth_3
    return min(rate, 1.0)


@equation
def root_death(w, p):
    """Roots that die this month (g C m-2)."""
    if w.bglivc <= 0.0 or w.stemp < p.rtdtmp:
        return 0.0
    dry = 1.0 - w.avh2o1 / (p.deck5 + w.avh2o1)
    return w.bglivc * min(0.95, p.rdr * dry)


@equation
def litter_month(w, p, senescence):
    """Fall of standing dead, death of roots and shoots, all from the same pools."""
    for k in range(4):
        w.litter_c[k] = 0.0
    minerl = w.minerl[0]
    w.volpl = 0.0
    fall_c = p.fallrt * w.stdedc
    fall_n = p.fallrt * w.stdede
    root_c = root_death(w, p)
    root_n = w.bglive * (root_c / w.bglivc) if root_c > 0.0 else 0.0
    paid = add_litter(w, p, 0, fall_c, fall_n, w.lignin[0], minerl, p.damr_1)
    paid += add_litter(w, p, 1, root_c, root_n, w.lignin[1], minerl, p.damr_2)
    w.minerl[0] -= paid
    if fall_c >= 1e-7:
        w.stdedc -= fall_c
        w.stdede -= fall_n
    if root_c >= 1e-7:
        w.bglivc -= root_c
        w.bglive -= root_n
    if w.aglivc > 0.0:
        fraction = shoot_death(w, p, senescence)
        dead_c = fraction * w.aglivc
        dead_n = fraction * w.aglive
        w.volpl = p.vlossp * dead_n
        stored = p.crprtf * (dead_n - w.volpl)
        w.aglivc -= dead_c
        w.aglive -= dead_n
        w.crpstg += stored
        w.stdedc += dead_c
        w.stdede += dead_n - w.volpl - stored
