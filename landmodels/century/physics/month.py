"""The order of a month (section 12)."""

from landmodels.century.physics.abiotic import set_abiotic, water_ratio
from landmodels.century.physics.decomposition import decompose_month, set_month_rates
from landmodels.century.physics.growth import grow_month
from landmodels.century.physics.layout import METAB2, SOM3, SOM12, SOM22, STRUC2
from landmodels.century.physics.litter import litter_month
from landmodels.century.physics.nitrogen import leach_month, month_input, start_year
from landmodels.century.physics.production import (
    potential_production,
    set_biomass,
    surface_temperature,
)
from landmodels.century.physics.water import water_month
from landmodels.kernels.compile import equation, routine


@equation
def set_calendar(w, p, month, season_prec):
    """Switch growth off after the last month and on at the first."""
    if month == int(p.last) % 12 + 1:
        w.growing = 0.0
    if month == int(p.frst):
        w.growing = 1.0
        w.season_prec = season_prec


@equation
def set_sums(w):
    """Reported sums of the month's pools and fluxes."""
    w.nep = w.npp - w.rh
    w.soc = w.dead_c[SOM12] + w.dead_c[SOM22] + w.dead_c[SOM3]
    w.soc_total = w.soc + w.dead_c[STRUC2] + w.dead_c[METAB2]


@routine
def run_month(w, p, d, month, season_prec, variant45):
    """One month, 1 to 12, of one lane."""
    if month == 1:
        start_year(w, p, d)
    set_calendar(w, p, month, season_prec)
    senescence = month == int(p.senm)
    mean_temperature = (d.tmax + d.tmin) / 2.0
    w.pet = p.fwloss_4 * d.pet
    set_biomass(w)
    w.stemp = surface_temperature(w, p, d)
    potential_production(w, p, d)
    available_before = w.avh2o3
    melt_before = w.melt
    water_month(w, p, d, mean_temperature, variant45)
    melt = melt_before if variant45 else w.melt
    set_abiotic(w, p, water_ratio(w, d, melt, available_before))
    set_month_rates(w, p, variant45)
    decompose_month(w, p, month_input(w, d), variant45)
    litter_month(w, p, senescence)
    grow_month(w, p, senescence)
    leach_month(w, p)
    set_sums(w)
