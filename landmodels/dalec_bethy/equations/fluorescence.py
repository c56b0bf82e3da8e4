"""Fluorescence of leaves and its escape from the canopy (Gu et al. 2019)."""

import math

from landmodels.dalec_bethy.equations.smooth import positive_part

#: Fraction of the photons that an open photosystem II turns into chemistry, and the
#: ratio of constitutive heat loss to fluorescence (Gu et al. 2019).
_MAXIMUM_YIELD = 0.83
_HEAT_RATIO = 19.0
#: Reflectance and transmittance of leaves at 743 nm (ours).
_REFLECTANCE = 0.45
_TRANSMITTANCE = 0.45
#: Radiance at 743 nm (mW m-2 sr-1 nm-1) of 1 mol m-2 s-1 of escaping photons.
RADIANCE = 360528.344


def leaf_emission(m, assimilation, ci, compensation):
    """Fluorescence of a leaf (mol m-2 s-1) from the electron transport it uses."""
    used = (
        4.0
        * assimilation
        * (ci + 2.0 * compensation)
        / positive_part(m, ci - compensation, 1e-5)
    )
    return used * (1.0 - _MAXIMUM_YIELD) / (0.8 * _MAXIMUM_YIELD * (1.0 + _HEAT_RATIO))


def _layer(m, leaf_area):
    """Reflectance and transmittance of a layer for diffuse light (two streams)."""
    single = _REFLECTANCE + _TRANSMITTANCE
    back = 0.5 * (single + (_REFLECTANCE - _TRANSMITTANCE) / 3.0) / single
    g1 = 2.0 * (1.0 - (1.0 - back) * single)
    g2 = 2.0 * single * back
    k = math.sqrt(g1 * g1 - g2 * g2)
    e = m.exp(-0.5 * k * leaf_area)
    denominator = k + g1 + (k - g1) * e * e
    return g2 * (1.0 - e * e) / denominator, 2.0 * k * e / denominator


def escape(m, lai, albedo):
    """Share of the emission of each third of the canopy that leaves it upward."""

    def from_depth(fraction):
        above, through = _layer(m, fraction * lai)
        below, down = _layer(m, (1.0 - fraction) * lai)
        below = below + down * down * albedo / (1.0 - below * albedo)
        return 0.5 * through * (1.0 + below) / (1.0 - above * below)

    return from_depth(1.0 / 6.0), from_depth(0.5), from_depth(5.0 / 6.0)
