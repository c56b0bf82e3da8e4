"""Snow, runoff, soil water, evaporation and transpiration (section 6). All in cm."""

from math import exp

from landmodels.kernels.compile import equation


@equation
def snow_month(w, p, d, mean_temperature, variant45):
    """Snowfall, evaporation of snow and melt; returns water for the soil, energy left.

    The quotient of the evaporation is formed after the product: in the 4.5 variant
    the rounding residues of an evaporated pack decide whether snow remains.
    """
    inflow = d.prec
    energy = w.pet
    if mean_temperature <= 0.0:
        w.snow += d.prec
        inflow = 0.0
    if w.snow > 0.0:
        w.snlq += inflow
        inflow = 0.0
        total = w.snow + w.snlq
        evaporated = min(0.87 * energy, total)
        if evaporated == total and not variant45:
            w.snow = 0.0
            w.snlq = 0.0
        else:
            w.snow -= evaporated * (w.snow / total)
            w.snlq -= evaporated * (w.snlq / total)
        w.evap += evaporated
        energy = max(0.0, energy - evaporated / 0.87)
    w.melt = 0.0
    if w.snow > 0.0 and mean_temperature >= p.tmelt_1:
        melted = max(0.0, p.tmelt_2 * (mean_temperature - p.tmelt_1) * d.radiation)
        if w.snow - melted > 0.0:
            w.snow -= melted
        else:
            melted = w.snow
            w.snow = 0.0
        w.snlq += melted
        w.melt = melted
        if w.snlq > 0.5 * w.snow:
            drained = w.snlq - 0.5 * w.snow
            w.snlq -= drained
            inflow += drained
            w.melt = inflow
    return inflow, energy


@equation
def bare_and_litter_loss(w, p, inflow, energy):
    """Evaporation of rain held by plants and litter; sets the loss from bare soil."""
    standing = min(w.aliv + w.dead, 800.0)
    litter = min(w.lit, 400.0)
    held = (0.0003 * litter + 0.0006 * standing) * p.fwloss_1
    w.bare_loss = 0.5 * exp(-0.002 * litter - 0.004 * standing) * p.fwloss_2
    return min((w.bare_loss + held) * inflow, 0.4 * energy)


@equation
def fill_layers(w, p, n, inflow):
    """Fill the layers from above to field capacity; sets the flow out of each."""
    for k in range(n):
        w.asmos[k] += inflow
        capacity = p.adep[k] * w.fc[k]
        w.amov[k] = 0.0
        if w.asmos[k] > capacity:
            w.amov[k] = w.asmos[k] - capacity
            w.asmos[k] = capacity
        inflow = w.amov[k]
    storm = p.stormf * w.amov[n - 1]
    w.asmos[n] += inflow - storm
    base = p.basef * w.asmos[n]
    w.asmos[n] -= base
    w.stream_h2o = storm + base + w.runoff


@equation
def layer_available(w, p, k):
    """Water of a layer above the wilting point."""
    return max(0.0, w.asmos[k] - p.adep[k] * w.wp[k])


@equation
def relative_content(w, p):
    """Relative water content of the top layer (1)."""
    return (w.asmos[0] / p.adep[0] - w.wp[0]) / (w.fc[0] - w.wp[0])


@equation
def take_up(w, p, n, transpiration):
    """Transpiration from the layers with roots, weighted by depth."""
    total = 0.0
    weighted = 0.0
    for k in range(n):
        available = layer_available(w, p, k)
        total += available
        weighted += available * p.awtl[k]
    transpiration = min(total, transpiration)
    w.avh2o1 = 0.0
    w.avh2o3 = 0.0
    if weighted > 0.0:
        for k in range(int(p.nlaypg)):
            available = layer_available(w, p, k)
            taken = min(transpiration * available * p.awtl[k] / weighted, available)
            w.asmos[k] -= taken
            w.tran += taken
            w.avh2o1 += available - taken
            if k < 2:
                w.avh2o3 += available - taken
        w.rwcf1 = relative_content(w, p)


@equation
def evaporate_top_layer(w, p, energy):
    """Evaporation of the top layer from the energy that is left."""
    moist = max(0.01, (w.rwcf1 - 0.25) / 0.75)
    loss = min(0.10 * moist * energy * w.bare_loss, layer_available(w, p, 0))
    w.asmos[0] -= loss
    w.evap += loss
    w.avh2o1 -= loss
    w.avh2o3 -= loss
    w.rwcf1 = relative_content(w, p)


@equation
def water_month(w, p, d, mean_temperature, variant45):
    """The water budget of a month."""
    n = int(p.nlayer)
    w.evap = 0.0
    w.tran = 0.0
    inflow, energy = snow_month(w, p, d, mean_temperature, variant45)
    w.runoff = max(0.0, p.fracro * (inflow - p.precro))
    inflow -= w.runoff
    litter_loss = 0.0
    demand = energy
    w.bare_loss = 0.0
    if w.snow == 0.0:
        litter_loss = bare_and_litter_loss(w, p, inflow, energy)
        w.evap += litter_loss
        inflow -= litter_loss
        demand = energy - litter_loss
    elif variant45:
        # The original program drops drained melt water while snow remains.
        inflow = 0.0
        demand = 0.01
    potential = 0.0
    if mean_temperature >= 2.0:
        potential = 0.65 * energy * (1.0 - exp(-0.020 * w.aliv)) * w.co2_transpiration
    demand = min(demand, potential)
    if demand <= 0.0:
        demand = 0.01
    soil_energy = max(0.0, energy - demand - litter_loss)
    direct = min(demand - 0.01, inflow)
    demand -= direct
    inflow -= direct
    w.tran = direct
    fill_layers(w, p, n, inflow)
    take_up(w, p, n, demand)
    evaporate_top_layer(w, p, soil_energy)
    w.annet += w.evap + w.tran
