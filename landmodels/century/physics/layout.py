"""What a lane holds in memory: parameters, site, weather, state, work.

Every record is made of float64 alone, so that an array of records is also a plain
two-dimensional array of numbers, one row for each lane.
"""

import numpy as np

from landmodels.kernels.compile import name_record

#: Layers that the water budget can have; the holding tank follows the last one used.
MAX_LAYERS = 5
#: Days of the month do not enter: a month is a twelfth of a year, a step a quarter.
STEPS_PER_MONTH = 4
STEP_YR = 1.0 / 48.0

# Dead organic pools, in the order of the arrays dead_c and dead_n.
STRUC1, STRUC2, METAB1, METAB2, SOM11, SOM12, SOM21, SOM22, SOM3 = range(9)
#: Names of the dead pools; c or e (carbon or nitrogen) goes before the layer.
DEAD_POOLS = (
    ("struc", "1"), ("struc", "2"), ("metab", "1"), ("metab", "2"), ("som1", "1"),
    ("som1", "2"), ("som2", "1"), ("som2", "2"), ("som3", ""),
)  # fmt: skip

#: Parameters, in the order of the parameter table; 24 calibrated ones first.
PARAMETERS = (
    "prdx_1", "ppdf_1", "ppdf_2", "ppdf_3", "ppdf_4", "pprpts_3", "fsdeth_1", "fallrt",
    "rdr", "dec3_1", "dec3_2", "dec4", "dec5_1", "dec5_2", "teff_1", "teff_2", "teff_3",
    "p1co2a_1", "p1co2a_2", "p1co2b_1", "p1co2b_2", "p2co2_1", "p2co2_2", "p3co2",
    "nlayer", "nlaypg", "adep_1", "adep_2", "adep_3", "adep_4", "adep_5",
    "awtl_1", "awtl_2", "awtl_3", "awtl_4", "awtl_5", "drain", "basef", "stormf",
    "precro", "fracro", "tmelt_1", "tmelt_2", "fwloss_1", "fwloss_2", "fwloss_4",
    "elitst", "pmxtmp", "pmntmp", "pmxbio", "pprpts_1", "pprpts_2", "biok5",
    "cfrtcn_1", "cfrtcn_2", "cfrtcw_1", "cfrtcw_2", "biomax", "pramn_1", "pramn_2",
    "pramx_1", "pramx_2", "prbmn_1", "prbmn_2", "prbmx_1", "prbmx_2",
    "fligni_1_1", "fligni_2_1", "fligni_1_2", "fligni_2_2", "vlossp", "fsdeth_2",
    "fsdeth_3", "fsdeth_4", "rtdtmp", "crprtf", "favail", "riint", "rictrl", "deck5",
    "damr_1", "damr_2", "damrmn", "pabres", "rcestr", "spl_1", "spl_2", "strmax",
    "pligst_1", "pligst_2", "ps1co2_1", "ps1co2_2", "pmco2_1", "pmco2_2", "rsplig",
    "dec1_1", "dec1_2", "dec2_1", "dec2_2", "teff_4", "aneref_1", "aneref_2",
    "aneref_3", "animpt", "peftxa", "peftxb", "ps1s3_1", "ps1s3_2", "ps2s3_1",
    "ps2s3_2", "omlech_1", "omlech_2", "omlech_3", "pcemic_1", "pcemic_2", "pcemic_3",
    "rad1p_1", "rad1p_2", "rad1p_3", "varat1_1", "varat1_2", "varat1_3", "varat2_1",
    "varat2_2", "varat2_3", "varat3_1", "varat3_2", "varat3_3", "cmix", "fleach_1",
    "fleach_2", "fleach_3", "minlch", "vlosse", "vlossg", "epnfa_1", "epnfa_2",
    "epnfs_1", "epnfs_2", "frst", "senm", "last", "co2ipr", "co2itr", "co2ice",
)  # fmt: skip
#: Parameters that the record keeps as an array over layers.
_LAYERED = ("adep", "awtl")

#: What is carried from month to month, with the number of entries.
STATE = (
    ("dead_c", 9), ("aglivc", 1), ("stdedc", 1), ("bglivc", 1),
    ("dead_n", 9), ("aglive", 1), ("stdede", 1), ("bglive", 1), ("crpstg", 1),
    ("strlig", 2), ("minerl", 6), ("asmos", 6), ("snow", 1), ("snlq", 1),
    ("avh2o1", 1), ("avh2o3", 1), ("rwcf1", 1), ("melt", 1), ("annet", 1),
    ("growing", 1), ("season_prec", 1), ("h2ogef", 1), ("agp", 1), ("tgprod", 1),
)  # fmt: skip
#: Numbers of the month that can be reported.
MONTH = (
    ("stemp", 1), ("pet", 1), ("evap", 1), ("tran", 1), ("runoff", 1),
    ("stream_h2o", 1), ("stream_minn", 1), ("stream_orgc", 1), ("stream_orgn", 1),
    ("defac", 1), ("anerb", 1), ("moisture_effect", 1), ("npp", 1), ("eprodc", 1),
    ("rh", 1), ("nep", 1), ("gromin", 1), ("volgm", 1), ("volex", 1), ("volpl", 1),
    ("wdfxma", 1), ("wdfxms", 1), ("amov", 5), ("litter_c", 4), ("soc", 1),
    ("soc_total", 1), ("clipped_c", 1),
)  # fmt: skip
#: Helpers of a step, and constants of the lane that are found once.
WORK = (
    ("prcann", 1), ("deposition", 1), ("fixation", 1), ("lignin", 2),
    ("co2_production", 1), ("co2_transpiration", 1), ("co2_ratio", 1),
    ("aliv", 1), ("lit", 1), ("dead", 1), ("root_fraction", 1), ("amin", 1),
    ("amax", 1), ("bmin", 1), ("bmax", 1), ("production", 1), ("bare_loss", 1),
    ("rate", 9), ("mix_rate", 1), ("doc_fraction", 1), ("passive_gain", 1),
    ("d_c", 9), ("d_n", 9), ("d_minerl", 1), ("d_rh", 1), ("d_gromin", 1),
    ("fc", 5), ("wp", 5), ("water_capacity", 1), ("moisture_foot", 1),
    ("eftext", 1), ("co2_fraction1", 1), ("co2_fraction2", 1), ("to_passive1", 1),
    ("to_passive2", 1), ("orglch", 1), ("frlech", 1), ("gas_loss", 1),
    ("a30", 1), ("base_rate", 9), ("ra1", 1), ("ra2", 1),
)  # fmt: skip
#: A month of weather and what follows from it and the latitude alone.
WEATHER = ("tmin", "tmax", "prec", "co2_doublings", "prec_year", "radiation",
           "pet", "heat", "night")  # fmt: skip
SITE = ("lat", "sand", "silt", "clay", "bd", "ph", "mean_prec")


def _parameter_fields() -> list[tuple[str, str] | tuple[str, str, tuple[int]]]:
    fields: list = []
    for name in PARAMETERS:
        stem = name.split("_")[0]
        if stem in _LAYERED:
            if name.endswith("_1"):
                fields.append((stem, "f8", (MAX_LAYERS,)))
        else:
            fields.append((name, "f8"))
    return fields


def _fields(table: tuple[tuple[str, int], ...]) -> list:
    return [(n, "f8") if size == 1 else (n, "f8", (size,)) for n, size in table]


PARAMETER_TYPE = np.dtype(_parameter_fields())
SITE_TYPE = np.dtype([(name, "f8") for name in SITE])
WEATHER_TYPE = np.dtype([(name, "f8") for name in WEATHER])
LANE_TYPE = np.dtype(_fields(STATE) + _fields(MONTH) + _fields(WORK))
for _type, _name in (
    (PARAMETER_TYPE, "century_parameters"), (SITE_TYPE, "century_site"),
    (WEATHER_TYPE, "century_weather"), (LANE_TYPE, "century_lane"),
):  # fmt: skip
    name_record(_type, _name)
#: Entries of the state at the head of a lane.
N_STATE = sum(size for _, size in STATE)


def columns(name: str) -> list[int]:
    """Positions of a field of the lane in its row of numbers."""
    base, offset = LANE_TYPE.fields[name][:2]  # type: ignore[index]
    size = int(np.prod(base.shape, dtype=int))
    return list(range(offset // 8, offset // 8 + size))
