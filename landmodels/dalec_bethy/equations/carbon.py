"""Carbon pools, allocation and phenology of a day (DALEC2; Bloom and Williams 2015).

The rule for days on which respiration exceeds photosynthesis is ours: the deficit is
paid from labile carbon, as far as that reaches.
"""

import math

from landmodels.dalec_bethy.equations.smooth import positive_part

#: Offset of the leaf-fall and labile-release curves, highest power first (DALEC2).
_OFFSET = (
    2.3599784710e-5,
    3.32730053021e-4,
    9.01865258885e-4,
    -5.437736864888e-3,
    -2.0836027517787e-2,
    0.126972018064287,
    -0.188459767342504,
)
_DAYS = 365.25 / math.pi
#: Lifespan of labile carbon minus 1 (years): all of it is released in a season.
_LABILE_LIFE = 0.001


def release(m, doy, life, day, period):
    """Share of a pool that is released in a day (d-1).

    A bell of width ``period`` (d) around day ``day`` of the year, for a pool that
    lives ``life`` + 1 years.
    """
    log_life = m.log(life)
    factor = (m.log(1.0 + life) - log_life) / 2.0
    width = period * (math.sqrt(2.0) / 2.0)
    offset = _OFFSET[0]
    for coefficient in _OFFSET[1:]:
        offset = offset * log_life + coefficient
    z = m.sin((doy - day + width * offset) / _DAYS) * _DAYS / width
    return (2.0 / math.sqrt(math.pi)) * factor / width * m.exp(-z * z)


def carbon(
    m,
    doy,
    temperature,
    gpp,
    maintenance,
    labile,
    foliage,
    roots,
    wood,
    litter,
    soil,
    litter_to_soil,
    to_foliage,
    to_roots,
    leaf_life,
    wood_turnover,
    root_turnover,
    litter_turnover,
    soil_turnover,
    temperature_factor,
    onset_day,
    to_labile,
    onset_period,
    fall_day,
    fall_period,
):
    """One day of carbon; pools in gC m-2, fluxes in gC m-2 d-1.

    Returns
    -------
    tuple
        Labile, foliage, root, wood, litter and soil carbon at the end of the day,
        autotrophic and heterotrophic respiration.
    """
    onset = release(m, doy, _LABILE_LIFE, onset_day, onset_period)
    fall = release(m, doy, leaf_life, fall_day, fall_period)

    net = gpp - maintenance
    growth = positive_part(m, net, 0.05)
    npp = growth / 1.25  # a quarter of what grows is respired
    deficit = growth - net

    foliage_growth = to_foliage * npp
    labile_growth = to_labile * (npp - foliage_growth)
    root_growth = to_roots * (npp - foliage_growth - labile_growth)
    wood_growth = npp - foliage_growth - labile_growth - root_growth

    flush = labile * onset
    left = labile - flush
    paid = left * (1.0 - m.exp(-deficit / (left + 1e-3)))

    rate = m.exp(temperature_factor * temperature)
    litter_respired = litter * (1.0 - m.exp(-rate * litter_turnover))
    soil_respired = soil * (1.0 - m.exp(-rate * soil_turnover))
    decomposed = litter * (1.0 - m.exp(-rate * litter_to_soil))
    leaf_litter = foliage * fall
    root_litter = roots * root_turnover
    wood_litter = wood * wood_turnover
    return (
        left + labile_growth - paid,
        foliage + foliage_growth + flush - leaf_litter,
        roots + root_growth - root_litter,
        wood + wood_growth - wood_litter,
        litter + leaf_litter + root_litter - litter_respired - decomposed,
        soil + wood_litter + decomposed - soil_respired,
        gpp - npp + paid,
        litter_respired + soil_respired,
    )
