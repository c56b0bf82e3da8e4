"""Constants of SIPNET (specification, section 1)."""

#: Pools and water contents at or below this count as empty.
TINY = 1e-6
#: Natural logarithm of 2.
LN2 = 0.6931471805599453
#: Molar mass of carbon (g mol-1) as the model rounds it.
CARBON_MOLAR_MASS = 12.0
SECONDS_PER_DAY = 86400.0
#: Grams of CO2 per gram of carbon, with rounded molar masses.
CO2_PER_CARBON = 44.0 / 12.0

AIR_DENSITY = 1.3  # kg m-3
AIR_HEAT_CAPACITY = 1005.0  # J kg-1 K-1
PSYCHROMETRIC_CONSTANT = 66.0  # Pa K-1
VAPORISATION_HEAT = 2.501e6  # J kg-1
SUBLIMATION_HEAT = 2.835e6  # J kg-1
#: Vapour pressure of the snow surface (kPa).
SNOW_VAPOUR_PRESSURE = 0.6

_EXCHANGE = AIR_DENSITY * AIR_HEAT_CAPACITY / PSYCHROMETRIC_CONSTANT
#: Water flux per vapour pressure difference and conductance: evaporation
#: (cm s m-1 kPa-1 d-1).
EVAPORATION_FACTOR = _EXCHANGE / VAPORISATION_HEAT * 1e6 * 1e-4 * SECONDS_PER_DAY
#: The same for sublimation.
SUBLIMATION_FACTOR = _EXCHANGE / SUBLIMATION_HEAT * 1e6 * 1e-4 * SECONDS_PER_DAY

#: Length of the window over which net primary production is averaged (d).
WINDOW_DAYS = 5.0
#: Entries that the window can hold.
WINDOW_ENTRIES = 256
#: E-folding time of the effect of tillage (d), and the value that counts as none.
TILLAGE_DAYS = 30.0
TILLAGE_LEAST = 0.01

#: Phenology: what makes leaves come out.
DEGREE_DAYS, SOIL_TEMPERATURE, CALENDAR = 0, 1, 2

#: Kinds of management event.
IRRIGATION, PLANTING, HARVEST, FERTILISER, TILLAGE, LEAF_ON, LEAF_OFF = range(7)
