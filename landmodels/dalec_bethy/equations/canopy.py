"""Light, nitrogen, conductance and energy of the canopy (BETHY; Sellers 1985)."""

import math

from landmodels.dalec_bethy.equations.smooth import (
    logistic,
    positive_part,
    smooth_minimum,
)

#: Single-scattering albedo of leaves for photosynthetically active radiation.
SCATTERING = 0.12
_H = math.sqrt(1.0 - SCATTERING)
_P1 = (1.0 - SCATTERING / 2.0 + _H) * 2.0 / SCATTERING
_P0 = 1.0 / _P1


def leaf_area_index(foliage, leaf_mass_per_area):
    """Leaf area index (1); the small constant keeps an empty canopy regular."""
    return foliage / leaf_mass_per_area + 1e-4


def ground(m, lai, surface_moisture, snow):
    """Albedo and sky view of the ground.

    Returns
    -------
    tuple
        Snow cover (1), albedo of the ground (1), its albedo in photosynthetically
        active radiation (1), and transmissivity of the canopy to long waves (1).
    """
    snow_cover = snow / (snow + 10.0)
    bare = 0.20 - 0.10 * surface_moisture
    albedo = bare * (1.0 - snow_cover) + 0.60 * snow_cover
    return snow_cover, albedo, 0.92 * albedo - 0.015, m.exp(-lai)


def nitrogen(m, lai, noon_extinction):
    """Relative nitrogen at the tops of three layers of equal leaf area (1)."""
    excess = 3.0 + positive_part(m, lai - 3.0, 0.3)
    weight = smooth_minimum(m, (excess - 3.0) / 3.0, 1.0)
    step = m.exp(-noon_extinction * lai / 3.0)
    return 1.0, 1.0 - weight + weight * step, 1.0 - weight + weight * step * step


def water_supply(m, root_water, capacity, soil_temperature):
    """Largest uptake by roots (kg m-2 s-1), 0.5 mm h-1 from a full, warm soil."""
    return 0.5 / 3600.0 * (root_water / capacity) * logistic(m, soil_temperature)


def canopy_light(m, lai, mu, direct_fraction, albedo):
    """Light absorbed by each third of the canopy, as a fraction of the incoming light.

    Two streams through spherical leaves with a single-scattering albedo of 0.12 over
    ground of ``albedo``. The two amplitudes are written with ``exp(-h L)`` alone, so
    that a dense canopy does not overflow. Singular at ``mu = 0.5 / sqrt(0.88)``: the
    drivers keep away from it.
    """
    third = lai / 3.0
    up = m.exp(-_H * third)  # exp(-h L/3)
    beam = m.exp(-0.5 / mu * third)  # exp(-k L/3)
    eh = up * up * up
    x = 1.0 - 4.0 * mu * mu * _H * _H
    q1 = (1.0 + 2.0 * mu) * (SCATTERING / 2.0) / x
    q0 = (1.0 - 2.0 * mu) * (SCATTERING / 2.0) / x
    c = (albedo * (1.0 - q1) - q0) * (beam * beam * beam) * direct_fraction
    sky = 1.0 - direct_fraction + q1 * direct_fraction
    determinant = (_P1 - albedo) - (_P0 - albedo) * eh * eh
    # B1 exp(h L) and B0 of the specification.
    amplitude_up = (c - sky * (_P0 - albedo) * eh) / determinant
    amplitude_down = (sky * (_P1 - albedo) - eh * c) / determinant
    direct = (1.0 - q0 - q1) * direct_fraction

    def net(direct_left, up_left, down_left):
        return (
            direct * direct_left
            + (1.0 - _P1) * amplitude_up * up_left
            + (1.0 - _P0) * amplitude_down * down_left
        )

    top = net(1.0, eh, 1.0)
    first = net(beam, up * up, up)
    second = net(beam * beam, up, up * up)
    bottom = net(beam * beam * beam, 1.0, eh)
    return top - first, first - second, second - bottom


def radiation_balance(fapar, albedo, transmissivity, net_longwave, shortwave):
    """Net radiation of canopy and ground (W m-2)."""
    canopy_fraction = 0.80 * fapar
    soil_fraction = 1.0 - albedo - (1.0 - albedo - 0.05) * fapar
    heat_flux = 0.036 * (net_longwave + (canopy_fraction + soil_fraction) * shortwave)
    longwave = net_longwave - heat_flux
    canopy = (1.0 - transmissivity) * longwave + canopy_fraction * shortwave
    soil = transmissivity * longwave + soil_fraction * shortwave
    return canopy, soil


def stomatal_conductance(m, net_assimilation, ca, ci, molar_volume):
    """Conductance of leaves to water vapour (m s-1) without water stress."""
    wanted = 1.6 * net_assimilation / (ca - ci) * molar_volume
    return 4e-5 + positive_part(m, wanted - 4e-5, 2e-4)


def evaporative_power(canopy_radiation, slope, heat_capacity, deficit, aerodynamic):
    """Numerator of the Penman-Monteith equation."""
    return slope * canopy_radiation + heat_capacity * deficit * aerodynamic


def transpiration(m, power, slope, psychrometer, latent, aerodynamic, conductance):
    """Transpiration of a canopy of given conductance (kg m-2 s-1)."""
    resistance = slope + psychrometer * (1.0 + aerodynamic / conductance)
    return positive_part(m, power / resistance / latent, 1e-7)


def water_stress(
    m, power, slope, psychrometer, latent, aerodynamic, conductance, deficit, supply
):
    """Sensitivity of the stomata to the deficit (1/Pa) that fits demand to supply.

    Solved at noon in closed form and used all day (the idea is BETHY's, the closed
    form ours).
    """
    resistance = slope + psychrometer * (1.0 + aerodynamic / conductance)
    demand = positive_part(m, power / resistance / latent, 2e-6) + 1e-9
    fraction = smooth_minimum(m, demand, supply) / demand + 1e-4
    closing = (slope + psychrometer) * (1.0 / fraction - 1.0) * conductance / (
        psychrometer * aerodynamic
    ) + 1.0 / fraction
    return positive_part(m, closing - 1.0, 1e-3) / (deficit + 1.0)
