"""Fill a workspace: parameters, soil, site and the cold start.

Specification, sections 3, 7, 11, 13 and 14.2.
"""

from collections.abc import Mapping

import numpy as np

from ibis_dalec.physics.constants import HSOI, LAI_MAX, STEM_FRACTION, TMELT
from ibis_dalec.physics.soil_carbon import INITIAL, leaching_fraction
from ibis_dalec.physics.workspace import PARAMETERS, STATE
from ibis_dalec.run.soil_properties import round_half_away, soil_properties

#: Turnover and allocation that Table 2 of the paper does not list (d-1).
P1, P8, P9 = 4.41e-6, 2.28e-2, 2.65e-6
#: Root fraction of the remaining NPP, wood and root turnover of mapping "M2".
M2 = {"p4": 0.434, "p6": 2.06e-6, "p7": 2.48e-3}
#: Carbon pools of the cold start (g m-2), section 14.2.
INITIAL_POOLS = {
    "clab": 60.0, "cf": 58.0, "cr": 102.0, "cw": 770.0, "clit": 40.0, "csom": 9897.0
}  # fmt: skip
_COLD_START = {
    "tu": 283.16, "ts": 283.16, "t12": 283.16, "t34": 283.16, "tg": 278.13,
    "ti": 273.13, "cs": 350e-6, "ci": 350e-6, "gs": 0.5, "scale_a": 2.5,
    "scale_b": 5.0, "tsno": TMELT, "wsoi": 0.5, "tsoi": 278.13, "maxfol": 1.0,
}  # fmt: skip


def root_fractions(beta: np.ndarray) -> np.ndarray:
    """Root fraction of each layer, (layer, lane), for the profile ``beta``."""
    depth = 100.0 * np.concatenate([[0.0], np.cumsum(HSOI)])
    left = np.asarray(beta)[None, :] ** depth[:, None]
    return (left[:-1] - left[1:]) / (1.0 - left[-1])


def set_parameters(w: np.ndarray, values: Mapping[str, np.ndarray], mapping: str):
    """Write parameters, shape (lane,) each, and what follows from them."""
    record = w[0]
    for name in PARAMETERS:
        record[name][:] = values[name]
    v = {name: np.array(record[name]) for name in PARAMETERS}
    record["p1"][:] = P1
    record["p8"][:] = P8
    record["p9"][:] = P9
    if mapping == "M1":
        record["p4"][:] = v["aroot"] / (1.0 - v["aleaf"])
        record["p6"][:] = 1.0 / (365.25 * v["tauwood0"])
        record["p7"][:] = 1.0 / (365.25 * v["tauroot"])
    else:
        for name, value in M2.items():
            record[name][:] = value
    record["sai"][:] = STEM_FRACTION * np.minimum(LAI_MAX, v["p17"] / v["p18"])
    root1 = root_fractions(v["beta1"])
    root2 = root_fractions(v["beta2"])
    record["root2"][:] = root2
    record["troot_weight"][:] = 0.5 * (root1 + root2)
    record["inv_theta3"][:] = 1.0 / v["theta3"]
    record["inv_beta3"][:] = 1.0 / v["beta3"]
    record["stress_scale"][:] = 1.0 / (1.0 - np.exp(v["stressfac"]))


def set_site(w: np.ndarray, lanes: slice | int, lat: float, sand: float, clay: float):
    """Write soil (sand, clay in %) and latitude (degrees north) of some lanes."""
    record = w[0]
    soil = soil_properties(sand, clay)
    for name, value in {
        "poros": soil.porosity,
        "field_capacity": soil.field_capacity,
        "wilt": soil.wilting_point,
        "inv_available": 1.0 / (soil.field_capacity - soil.wilting_point),
        "inv_poros": 1.0 / soil.porosity,
        "bex": soil.campbell_b,
        "suction": soil.suction,
        "ksat": soil.conductivity,
        "nint_b": float(round_half_away(soil.campbell_b)),
        "consol": soil.solid_conductivity,
        "albsav": soil.albedo_visible,
        "albsan": soil.albedo_near_infrared,
        "leach": leaching_fraction(soil.sand),
        "sin_lat": np.sin(np.deg2rad(lat)),
        "cos_lat": np.cos(np.deg2rad(lat)),
    }.items():
        record[name][lanes] = value


def cold_start(w: np.ndarray, pools: Mapping[str, float]) -> None:
    """Write the cold start of section 13 and the carbon pools (g m-2)."""
    record = w[0]
    for name, _layers, _unit, _meaning in STATE:
        record[name][...] = _COLD_START.get(name, 0.0)
    for k, value in enumerate(INITIAL):
        record["soilc"][k] = value
    for name, value in {**INITIAL_POOLS, **pools}.items():
        record[name][:] = value
