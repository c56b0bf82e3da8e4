"""Surface temperature, potential production and its allocation (sections 4 and 5)."""

from math import exp

from landmodels.century.physics.layout import METAB1, STRUC1
from landmodels.kernels.compile import equation


@equation
def set_biomass(w):
    """Live, dead and litter biomass of the start of the month (g m-2)."""
    w.aliv = 2.5 * w.aglivc
    w.lit = 2.5 * (w.dead_c[STRUC1] + w.dead_c[METAB1])
    w.dead = 2.5 * w.stdedc


@equation
def surface_temperature(w, p, d):
    """Mean temperature of the soil surface (degC), before snow counts."""
    shade = min(w.aliv + w.dead + p.elitst * w.lit, p.pmxbio)
    warmest = d.tmax + d.heat * (exp(p.pmxtmp * shade) - 0.13)
    coldest = d.tmin + p.pmntmp * shade - 1.78
    return (1.0 - d.night) * warmest + d.night * coldest


@equation
def canopy_temperature(w, p, d):
    """Plain mean of the surface extremes under live shoots (degC)."""
    shade = min(w.aliv, p.pmxbio)
    warmest = d.tmax + d.heat * (exp(p.pmxtmp * shade) - 0.13)
    coldest = d.tmin + p.pmntmp * shade - 1.78
    return (warmest + coldest) / 2.0


@equation
def temperature_effect(temperature, p):
    """Generalised Poisson density: 1 at the optimum, 0 from the maximum on."""
    f = (p.ppdf_2 - temperature) / (p.ppdf_2 - p.ppdf_1)
    if f <= 0.0:
        return 0.0
    return exp(p.ppdf_3 / p.ppdf_4 * (1.0 - f**p.ppdf_4)) * f**p.ppdf_3


@equation
def moisture_effect(w, p, d):
    """Effect of water on production (1), from last month's water and this rain."""
    x = (w.avh2o1 + d.prec) / w.pet
    slope = 1.0 / (p.pprpts_3 - w.moisture_foot)
    return min(max(1.0 + slope * (x - p.pprpts_3), 0.01), 1.0)


@equation
def obstruction(w, p):
    """Effect of standing dead and old litter on production (1).

    Carbon is compared with a constant in biomass, as in the original program.
    """
    q = w.stdedc + 0.1 * w.dead_c[STRUC1]
    if q <= 0.0:
        q = 0.01
    q = min(q, p.pmxbio)
    bp = 1.0 - q / (p.biok5 + q)
    ratio = w.aglivc / q
    if ratio <= 1.0:
        return bp + 0.75 * (1.0 - bp) * ratio
    if ratio <= 2.0:
        return bp + 0.75 * (1.0 - bp) + 0.25 * (1.0 - bp) * (ratio - 1.0)
    return 1.0


@equation
def root_nitrogen_effect(w, p):
    """Share of mineral nitrogen that roots can reach (1)."""
    x = p.rictrl * 2.5 * w.bglivc
    return 1.0 if x > 33.0 else 1.0 - p.riint * exp(-x)


@equation
def soil_nitrogen(w, p):
    """Mineral nitrogen of the layers with roots (g m-2)."""
    total = 0.0
    for k in range(int(p.nlaypg)):
        total += w.minerl[k]
    return total


@equation
def set_ratio_limits(w, p):
    """C:N limits of new shoots and roots."""
    fraction = w.aliv / p.biomax
    w.amin = (
        min(p.pramn_1 + (p.pramn_2 - p.pramn_1) * fraction, p.pramn_2) * w.co2_ratio
    )
    w.amax = (
        min(p.pramx_1 + (p.pramx_2 - p.pramx_1) * fraction, p.pramx_2) * w.co2_ratio
    )
    w.bmin = p.prbmn_1 + p.prbmn_2 * w.season_prec
    w.bmax = p.prbmx_1 + p.prbmx_2 * w.season_prec


@equation
def set_root_fraction(w, p, growth):
    """Share of production that goes below ground; ``growth`` in g C m-2."""
    available = p.favail * root_nitrogen_effect(w, p) * soil_nitrogen(w, p) + w.crpstg
    trial = (p.cfrtcn_1 + p.cfrtcn_2 + p.cfrtcw_1 + p.cfrtcw_2) / 4.0
    demand = growth * ((1.0 - trial) / w.amin + trial / w.bmin)
    met = min(max(available / demand, 0.0), 1.0)
    by_water = p.cfrtcw_1 + (p.cfrtcw_2 - p.cfrtcw_1) * w.h2ogef
    by_nitrogen = p.cfrtcn_1 + (p.cfrtcn_2 - p.cfrtcn_1) * met
    w.root_fraction = min(0.99, max(by_water, by_nitrogen))


@equation
def potential_production(w, p, d):
    """Potential ``production`` of the month (g C m-2), and its fractions."""
    w.production = 0.0
    if w.growing == 0.0:
        return
    w.h2ogef = moisture_effect(w, p, d)
    if w.stemp > 0.0:
        biomass = (
            d.radiation * p.prdx_1 * temperature_effect(canopy_temperature(w, p, d), p)
            * w.h2ogef * obstruction(w, p) * w.co2_production
        )  # fmt: skip
        if biomass > 0.0:
            w.production = biomass / 2.5
            set_ratio_limits(w, p)
            set_root_fraction(w, p, w.production)
    w.tgprod = w.production
    w.agp = (1.0 - w.root_fraction) * w.production if w.production > 0.0 else 0.0
    w.aliv += 0.25 * w.production * 2.5
