"""Records that the equations read and write: one of each for every lane.

All fields are float64 except those of the options, so that a state or a set of fluxes
is also a flat array. The names of the parameters are those of the parameter table.
"""

import numpy as np

from landmodels.kernels.compile import name_record
from landmodels.sipnet.physics.constants import WINDOW_ENTRIES

#: Parameters that the equations use as the table gives them.
GIVEN = (
    "aMaxFrac", "baseFolRespFrac", "psnTMin", "psnTOpt", "dVpdSlope", "dVpdExp",
    "attenuation", "leafOnDay", "gddLeafOn", "soilTempLeafOn", "leafOffDay",
    "leafGrowth", "fracLeafFall", "leafOnReallocFrac", "leafAllocation",
    "woodAllocation", "fineRootAllocation", "growthRespFrac", "frozenSoilFolREff",
    "frozenSoilThreshold", "soilRespMoistEffect", "fracLitterRespired",
    "waterRemoveFrac", "frozenSoilEff", "wueConst", "immedEvapFrac", "fastFlowFrac",
    "leafPoolDepth", "snowMelt", "rdConst", "rSoilConst1", "rSoilConst2",
    "waterDrainFrac", "anaerobicTransExp", "soilMethaneRate", "litterMethaneRate",
    "soilCSaturation", "fineRootExudation", "coarseRootExudation",
)  # fmt: skip
#: Parameters with a floor or another limit (section 3.1 and 10).
LIMITED = (
    "halfSatPar", "soilWHC", "leafCSpWt", "cFracLeaf", "fAnoxia",
    "anaerobicDecompRate",
)  # fmt: skip
#: Annual rates of the table, per day here.
DAILY = (
    "baseVegResp", "baseSoilResp", "baseFineRootResp", "baseCoarseRootResp",
    "litterBreakdownRate", "woodTurnoverRate", "leafTurnoverRate",
    "fineRootTurnoverRate", "coarseRootTurnoverRate",
)  # fmt: skip
#: What follows from parameters alone: greatest photosynthesis, and respiration of
#: foliage at 0 degC (nmol CO2 g-1 s-1), logarithms of the Q10 divided by ten, ...
DERIVED = (
    "psnTMax", "coarseRootAllocation", "foliar_respiration", "gross_maximum",
    "temperature_scale", "carbon_conversion", "light_exponent", "log_veg_q10",
    "log_fine_q10", "log_coarse_q10", "log_soil_q10",
)  # fmt: skip
#: The pools and the other state at the start of a run (section 3.1).
INITIAL = (
    "initial_wood", "initial_leaf", "initial_coarse", "initial_fine", "initial_soil",
    "initial_litter", "initial_water", "initial_snow",
)  # fmt: skip

#: Drivers of a step in the model's units: cm, kPa, mol m-2 d-1, degC, m s-1, d.
DRIVERS = (
    "year", "day", "hour", "dt", "tair", "tsoil", "par", "precip", "vpd", "log_vpd",
    "vpdsoil", "vpress", "wspd", "degree_days",
)  # fmt: skip

#: The whole state besides the window (section 11).
STATE = (
    "wood", "unallocated", "leaf", "coarse_root", "fine_root", "soil", "litter",
    "water", "snow", "leaf_on", "leaf_off", "flag_year", "degree_days",
    "degree_days_year", "tillage", "queue_sum", "gpp_queue_sum", "queue_start",
    "queue_length",
)  # fmt: skip
QUEUES = ("queue_value", "queue_weight", "gpp_queue_value")

#: What a step works out. Fluxes are rates per day unless the name or a note says so.
FLUXES = (
    # water (cm d-1)
    "rain", "snowfall", "interception", "melt", "sublimation", "fast_flow",
    "evaporation", "drainage", "transpiration",
    # photosynthesis and respiration (g C m-2 d-1)
    "potential_gpp", "foliar_base", "gpp_rate", "leaf_respiration",
    "wood_respiration", "growth_respiration", "coarse_respiration",
    "fine_respiration", "soil_respiration", "litter_respiration",
    "litter_to_soil", "methane_soil", "methane_litter", "ra_rate", "rh_rate",
    # growth and turnover (g C m-2 d-1)
    "mean_npp", "leaf_creation", "wood_creation", "coarse_creation",
    "fine_creation", "leaf_litter", "wood_litter", "coarse_loss", "fine_loss",
    "leaf_on_transfer", "leaf_on_from_wood",
    # events: amounts of the step (g C m-2, cm)
    "event_leaf", "event_wood", "event_coarse", "event_fine", "event_soil",
    "event_litter", "event_water", "event_evaporation", "event_input",
    "event_export", "irrigation",
    # scratch
    "was_alive", "alive", "snow_before", "water_before",
    # outputs: amounts of the step or values at its end
    "nee", "gpp", "ra", "rh", "er", "npp", "et", "out_transpiration",
    "out_interception", "out_evaporation", "out_sublimation", "out_drainage",
    "out_fast_flow", "out_melt", "out_snowfall", "out_rain", "above_respiration",
    "total_soil_respiration", "methane", "lai", "above_ground_biomass",
    "above_ground_wood", "total_soil_carbon", "wetness", "clamp_carbon",
    "clamp_water", "legacy_carbon",
)  # fmt: skip

#: Choices of a run (whole numbers).
OPTIONS = (
    "growth_respiration", "litter_pool", "leaf_water", "water_respiration",
    "phenology", "flooding", "anaerobic", "carbon_saturation", "legacy",
)  # fmt: skip

#: What is known of a lane only after its last step: first step at whose end the plant
#: had died, whether it is alive at the end, last step with photosynthesis.
SUMMARY = ("death_step", "alive_at_end", "last_gpp_step")


def _floats(*groups: tuple[str, ...]) -> np.dtype:
    return np.dtype([(name, np.float64) for group in groups for name in group])


def _whole(names: tuple[str, ...]) -> np.dtype:
    return np.dtype([(name, np.int64) for name in names])


PARAMETER_RECORD = _floats(GIVEN, LIMITED, DAILY, DERIVED, INITIAL)
DRIVER_RECORD = _floats(DRIVERS)
STATE_RECORD = np.dtype(
    [(name, np.float64) for name in STATE]
    + [(name, np.float64, (WINDOW_ENTRIES,)) for name in QUEUES]
)
FLUX_RECORD = _floats(FLUXES)
OPTION_RECORD = _whole(OPTIONS)
SUMMARY_RECORD = _whole(SUMMARY)
EVENT_RECORD = np.dtype(
    [("step", np.int64), ("kind", np.int64)]
    + [(name, np.float64) for name in ("a", "b", "c", "d")]
)

name_record(PARAMETER_RECORD, "sipnet_parameters")
name_record(DRIVER_RECORD, "sipnet_drivers")
name_record(STATE_RECORD, "sipnet_state")
name_record(FLUX_RECORD, "sipnet_fluxes")
name_record(OPTION_RECORD, "sipnet_options")
name_record(SUMMARY_RECORD, "sipnet_summary")
name_record(EVENT_RECORD, "sipnet_event")
