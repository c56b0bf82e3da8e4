"""One day of a tile, in the order in which it is computed.

``slow`` once from the states at midnight, ``noon`` for the water stress of the day,
``hour`` for each of the 24 hours, ``daily`` for water and carbon from their sums. A
function here takes the maths namespace and a mapping of named values.
"""

from landmodels.dalec_bethy.equations import canopy, fluorescence, leaf
from landmodels.dalec_bethy.equations.carbon import carbon
from landmodels.dalec_bethy.equations.smooth import logistic
from landmodels.dalec_bethy.equations.water import water

#: States at midnight: carbon pools (gC m-2), then water stores (mm).
STATES = (
    "clab", "cfol", "croo", "cwoo", "clit", "csom", "wc", "ws", "wr", "snow",
)  # fmt: skip
#: Process parameters, in the order of the control vector.
PARAMETERS = (
    "vm", "fwmax", "p_l2s", "p_fol", "p_roo", "life1", "tor_w", "tor_r", "tor_lit",
    "tor_som", "p_t", "bday", "p_lab", "rper", "fday", "fper", "lma",
)  # fmt: skip
#: What is fixed for a type or a site: electron transport relative to carboxylation,
#: aerodynamic conductance (m s-1), capacities of the soil layers (mm).
FIXED = ("jv", "ga", "wsmax", "wrmax")
#: Drivers of a day and of an hour; the units are in :mod:`..drivers`.
DAILY_DRIVERS = ("doy", "tday", "k12", "tsoil", "rain", "snowf", "ca")
HOURLY_DRIVERS = (
    "mu", "fdir", "par", "sw", "ta", "de", "lwnet", "gam", "kk", "fv", "fj", "fr",
    "dark", "rtp", "s", "gamma", "rhocp", "lam",
)  # fmt: skip
#: Reported once a day and once an hour.
DAILY_OUTPUTS = (
    "gpp", "ra", "rh", "nee", "lai", "trans", "ec", "es", "runoff", "drain", "fw_s",
    "fw_r", "fapar_white",
)  # fmt: skip
HOURLY_OUTPUTS = ("sif", "fapar")
#: Hourly values that are summed over the day.
SUMS = ("gpp", "rd", "demand", "pcan", "psoil")
#: Hour whose drivers set the water stress of the day (12.5 h).
NOON = 12
#: Internal CO2 relative to that of the air, without water stress.
_CI_FRACTION = 0.65
_CARBON_PER_DAY = 3600.0 * 12.0


def slow(m, v):
    """What stays the same all day, from the states at midnight."""
    lai = canopy.leaf_area_index(v["cfol"], v["lma"])
    surface_moisture = v["ws"] / v["wsmax"]
    snow_cover, albedo, par_albedo, transmissivity = canopy.ground(
        m, lai, surface_moisture, v["snow"]
    )
    _, n2, n3 = canopy.nitrogen(m, lai, v["k12"])
    capacity = v["wrmax"] * v["fwmax"]
    e1, e2, e3 = fluorescence.escape(m, lai, par_albedo)
    # Under a white sky the sun's height has no effect.
    white = canopy.canopy_light(m, lai, 1.0, 0.0, par_albedo)
    return {
        "lai": lai,
        "fw_s": surface_moisture,
        "fw_r": v["wr"] / capacity,
        "fsn": snow_cover,
        "rho": albedo,
        "rp": par_albedo,
        "tau": transmissivity,
        "n2": n2,
        "n3": n3,
        "supply": canopy.water_supply(m, v["wr"], capacity, v["tsoil"]),
        "capacity": capacity,
        "e1": e1,
        "e2": e2,
        "e3": e3,
        "fapar_white": white[0] + white[1] + white[2],
    }


def _unstressed(m, v):
    """Light, conductance without stress and radiation of an hour."""
    third = v["lai"] / 3.0
    ca, gam = v["ca"], v["gam"]
    ci = _CI_FRACTION * ca
    light = canopy.canopy_light(m, v["lai"], v["mu"], v["fdir"], v["rp"])
    layers = []
    for absorbed, fraction in zip(light, (1.0, v["n2"], v["n3"]), strict=True):
        vcmax = v["vm"] * fraction
        photons = absorbed * v["par"] / third
        transport = leaf.electron_transport(m, photons, vcmax * v["jv"] * v["fj"])
        gross = leaf.assimilation_at_ci(m, transport, vcmax * v["fv"], ci, gam, v["kk"])
        dark = leaf.dark_respiration(vcmax, v["fr"], v["dark"])
        conductance = canopy.stomatal_conductance(m, gross - dark, ca, ci, v["rtp"])
        layers.append((vcmax, photons, conductance))
    fapar = light[0] + light[1] + light[2]
    net_canopy, net_soil = canopy.radiation_balance(
        fapar, v["rho"], v["tau"], v["lwnet"], v["sw"]
    )
    conductance = third * (layers[0][2] + layers[1][2] + layers[2][2])
    power = canopy.evaporative_power(net_canopy, v["s"], v["rhocp"], v["de"], v["ga"])
    return layers, fapar, net_canopy, net_soil, conductance, power


def noon(m, v):
    """Sensitivity of the stomata to the deficit, which holds all day."""
    _, _, _, _, conductance, power = _unstressed(m, v)
    stress = canopy.water_stress(
        m, power, v["s"], v["gamma"], v["lam"], v["ga"], conductance, v["de"],
        v["supply"],
    )  # fmt: skip
    return {"be": stress}


def energy(m, v):
    """Water and heat of an hour, with what the assimilation needs of them.

    Returns
    -------
    dict
        ``demand``, ``pcan``, ``psoil`` (kg m-2 s-1), ``net_canopy`` and ``sensible``
        (W m-2), ``leaf_temperature`` (degC), ``fapar`` (1), and of each layer
        carboxylation, absorbed photons and stressed conductance.
    """
    layers, fapar, net_canopy, net_soil, _, power = _unstressed(m, v)
    closing = 1.0 + v["be"] * v["de"]
    layers = [(vcmax, photons, g / closing) for vcmax, photons, g in layers]
    conductance = v["lai"] / 3.0 * (layers[0][2] + layers[1][2] + layers[2][2])
    s, gamma, lam, ga = v["s"], v["gamma"], v["lam"], v["ga"]
    demand = canopy.transpiration(m, power, s, gamma, lam, ga, conductance)
    wet = s + gamma
    sensible = net_canopy - lam * demand
    return {
        "demand": demand,
        "pcan": canopy.positive_part(m, power / wet / lam, 1e-7),
        "psoil": canopy.positive_part(m, s * net_soil / wet / lam, 1e-7),
        "net_canopy": net_canopy,
        "sensible": sensible,
        "leaf_temperature": v["ta"] + sensible / (v["rhocp"] * ga),
        "fapar": fapar,
        "layers": layers,
    }


def hour(m, v):
    """One hour: assimilation and respiration (mol m-2 s-1), water, SIF and FAPAR."""
    balance = energy(m, v)
    temperature = balance["leaf_temperature"]
    gam, kk, fv, fj, fr, heat = leaf.kinetics(m, temperature)
    warm = logistic(m, 2.0 * temperature)
    third = v["lai"] / 3.0
    ca = v["ca"]
    gpp = respiration = emission = 0.0
    escapes = (v["e1"], v["e2"], v["e3"])
    for (vcmax, photons, g), escape in zip(balance["layers"], escapes, strict=True):
        q = g / (1.6 * v["rtp"])
        dark = leaf.dark_respiration(vcmax, fr, v["dark"])
        transport = leaf.electron_transport(m, photons, vcmax * v["jv"] * fj)
        gross = leaf.assimilation_at_conductance(
            m, transport, vcmax * fv, q, ca, gam, kk, dark, heat
        )
        ci = ca - (gross - dark) / q
        gpp = gpp + gross
        respiration = respiration + dark
        emission = emission + fluorescence.leaf_emission(m, gross, ci, gam) * escape
    scale = third * warm
    return {
        "gpp": gpp * scale,
        "rd": respiration * scale,
        "demand": balance["demand"],
        "pcan": balance["pcan"],
        "psoil": balance["psoil"],
        "sif": emission * scale * fluorescence.RADIANCE,
        "fapar": balance["fapar"],
    }


def daily(m, v):
    """Water and carbon of the day from the sums ``s_NAME`` over its hours."""
    gpp = v["s_gpp"] * _CARBON_PER_DAY
    maintenance = v["s_rd"] * (_CARBON_PER_DAY / 0.40)
    wc, ws, wr, snow, trans, ec, es, runoff, drain, _ = water(
        m, v["lai"], v["fw_s"], v["fsn"], v["wc"], v["ws"], v["wr"], v["snow"],
        v["wsmax"], v["capacity"], v["rain"], v["snowf"], v["tday"],
        3600.0 * v["s_demand"], 3600.0 * v["s_pcan"], 3600.0 * v["s_psoil"],
    )  # fmt: skip
    pools = [v[name] for name in STATES[:6]]
    process = [v[name] for name in PARAMETERS[2:16]]
    *pools, ra, rh = carbon(m, v["doy"], v["tday"], gpp, maintenance, *pools, *process)
    ends = dict(zip(STATES, (*pools, wc, ws, wr, snow), strict=True))
    return {f"n_{name}": value for name, value in ends.items()} | {
        "gpp": gpp,
        "ra": ra,
        "rh": rh,
        "nee": ra + rh - gpp,
        "trans": trans,
        "ec": ec,
        "es": es,
        "runoff": runoff,
        "drain": drain,
    }
