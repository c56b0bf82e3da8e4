"""The start state (section 14)."""

from landmodels.century.physics.layout import (
    N_STATE,
    SOM3,
    SOM11,
    SOM12,
    SOM21,
    SOM22,
)
from landmodels.century.physics.litter import add_litter
from landmodels.kernels.compile import equation


@equation
def set_pool(w, a, carbon, ratio):
    """Carbon of a pool (g m-2) and its nitrogen from the C:N ratio."""
    w.dead_c[a] = carbon
    w.dead_n[a] = carbon / ratio


@equation
def start_state(w, row, p, s, variant45):
    """Set the state of a lane from which a spin-up begins."""
    for i in range(N_STATE):
        row[i] = 0.0
    set_pool(w, SOM11, 20.0, 16.0)
    set_pool(w, SOM12, 100.0, 12.0)
    set_pool(w, SOM22, 2000.0 if variant45 else 1900.0, 17.0)
    set_pool(w, SOM21, 0.0 if variant45 else 100.0, 20.0)
    set_pool(w, SOM3, 1500.0, 8.0)
    w.bglivc = 150.0
    w.bglive = 3.0
    w.stdedc = 50.0
    w.stdede = 0.8
    w.minerl[0] = 0.25
    prec = min(s.mean_prec, 120.0)
    lignin1 = p.fligni_1_1 + p.fligni_2_1 * prec
    lignin2 = p.fligni_1_2 + p.fligni_2_2 * prec
    paid = add_litter(w, p, 0, 100.0, 100.0 / 66.0, lignin1, 0.25, p.damr_1)
    paid += add_litter(w, p, 1, 100.0, 100.0 / 66.0, lignin2, 0.25, p.damr_2)
    w.minerl[0] -= paid
    for k in range(int(p.nlayer)):
        w.asmos[k] = p.adep[k] * (w.fc[k] + w.wp[k]) / 2.0
    w.rwcf1 = 0.5
