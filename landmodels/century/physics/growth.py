"""Growth limited by nitrogen (section 9)."""

from landmodels.century.physics.production import root_nitrogen_effect, soil_nitrogen
from landmodels.kernels.compile import equation


@equation
def nitrogen_contents(w, available, above, below):
    """N:C of new shoots and roots for the nitrogen that is available."""
    demand = w.production * (above / w.amin + below / w.bmin)
    if available > demand:
        return 1.0 / w.amin, 1.0 / w.bmin
    met = available / demand
    shoots = 1.0 / w.amax + (1.0 / w.amin - 1.0 / w.amax) * met
    roots = 1.0 / w.bmax + (1.0 / w.bmin - 1.0 / w.bmax) * met
    return shoots, roots


@equation
def take_nitrogen(w, p, uptake, shoots, roots, in_soil):
    """Move ``uptake`` (g N m-2) from storage, then from the soil, into the plant."""
    stored = min(w.crpstg, uptake) if w.crpstg > 0.0 else 0.0
    w.crpstg -= stored * (shoots + roots)
    from_soil = uptake - stored
    if from_soil > 0.0:
        for k in range(int(p.nlaypg)):
            if w.minerl[k] > 1e-30:
                w.minerl[k] -= from_soil * (w.minerl[k] / in_soil) * (shoots + roots)
    w.aglive += uptake * shoots
    w.bglive += uptake * roots


@equation
def grow_month(w, p, senescence):
    """Growth of shoots and roots."""
    w.npp = 0.0
    w.eprodc = 0.0
    if w.growing == 0.0 or w.production <= 0.0 or senescence:
        return
    in_soil = soil_nitrogen(w, p)
    if in_soil <= 1e-4:
        return
    available = p.favail * root_nitrogen_effect(w, p) * in_soil + w.crpstg
    below = w.root_fraction
    above = 1.0 - below
    shoots, roots = nitrogen_contents(w, available, above, below)
    content = above * shoots + below * roots
    w.npp = min(w.production, available / content)
    shoot_n = w.npp * above * shoots
    root_n = w.npp * below * roots
    uptake = min(w.npp * content, available)
    w.eprodc = uptake
    w.aglivc += above * w.npp
    w.bglivc += below * w.npp
    take_nitrogen(w, p, uptake, shoot_n / uptake, root_n / uptake, in_soil)
