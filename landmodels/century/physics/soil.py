"""Constants of a soil and of a parameter vector, found once for each lane."""

from math import atan, pi

from landmodels.century.physics.layout import (
    MAX_LAYERS,
    METAB1,
    METAB2,
    SOM3,
    SOM11,
    SOM12,
    SOM21,
    SOM22,
    STEP_YR,
    STRUC1,
    STRUC2,
)
from landmodels.kernels.compile import equation

#: Soil carbon (g m-2) from which the water-holding regression takes organic matter.
START_SOIL_C_46 = 3500.0
START_SOIL_C_45 = 3600.0


@equation
def ph_effect(ph, middle, height, slope):
    """Effect of acidity on decomposition (1), an arctangent from 0 to 1."""
    effect = height + slope / pi * atan(0.7 * pi * (ph - middle))
    return min(max(effect, 0.0), 1.0)


@equation
def temperature_curve(temperature, p):
    """Arctangent of surface temperature (degC) before it is scaled (section 6)."""
    return p.teff_2 + p.teff_3 / pi * atan(pi * p.teff_4 * (temperature - p.teff_1))


@equation
def field_capacity(s, organic):
    """Volumetric water content at field capacity (Gupta and Larson 1979)."""
    return (0.3075 * s.sand + 0.5886 * s.silt + 0.8039 * s.clay + 2.208e-3 * organic
            - 0.1434 * s.bd)  # fmt: skip


@equation
def wilting_point(s, organic):
    """Volumetric water content at the wilting point (Gupta and Larson 1979)."""
    return (-0.0059 * s.sand + 0.1142 * s.silt + 0.5766 * s.clay + 2.228e-3 * organic
            + 0.02671 * s.bd)  # fmt: skip


@equation
def set_water_constants(w, p, s, variant45):
    """Water held by each layer.

    The regression wants organic matter in percent and gets a fraction. The original
    program does so, and its parameters were fitted with it.
    """
    soil_c = START_SOIL_C_45 if variant45 else START_SOIL_C_46
    organic = 1.724 * soil_c / (10000.0 * s.bd * 0.2)
    for k in range(MAX_LAYERS):
        w.fc[k] = field_capacity(s, organic)
        w.wp[k] = wilting_point(s, organic)
        organic = 0.85 * organic
    w.water_capacity = w.fc[0] - w.wp[0]
    w.moisture_foot = p.pprpts_1 + p.pprpts_2 * w.water_capacity


@equation
def set_constants(w, p, s, variant45, surface_texture_co2):
    """Everything that a lane keeps for the whole run (section 2.3)."""
    set_water_constants(w, p, s, variant45)
    w.eftext = p.peftxa + p.peftxb * s.sand
    w.co2_fraction1 = p.p1co2a_1
    if surface_texture_co2:
        w.co2_fraction1 = p.p1co2a_1 + p.p1co2b_1 * s.sand
    w.co2_fraction2 = p.p1co2a_2 + p.p1co2b_2 * s.sand
    w.to_passive1 = p.ps1s3_1 + p.ps1s3_2 * s.clay
    w.to_passive2 = p.ps2s3_1 + p.ps2s3_2 * s.clay
    w.orglch = p.omlech_1 + p.omlech_2 * s.sand
    w.frlech = (p.fleach_1 + p.fleach_2 * s.sand) * p.fleach_3
    if s.clay < 0.10:
        loss = 0.03
    elif s.clay > 0.30:
        loss = 0.01
    else:
        loss = 0.03 - 0.1 * (s.clay - 0.10)
    w.gas_loss = loss * p.vlossg
    w.a30 = temperature_curve(30.0, p)
    structural = 1.0 / (2.5 * p.rcestr)
    w.ra1 = p.pcemic_1 + structural * (p.pcemic_2 - p.pcemic_1) / p.pcemic_3
    w.ra2 = max(p.rad1p_3, w.ra1 + p.rad1p_1 + p.rad1p_2 * (w.ra1 - p.pcemic_2))
    set_rates(w, p, s, variant45)


@equation
def set_rates(w, p, s, variant45):
    """Shares of each pool that leave in a step before climate acts (section 7)."""
    e4 = ph_effect(s.ph, 4.0, 0.5, 1.1)
    e48 = ph_effect(s.ph, 4.8, 0.5, 1.14)
    e3 = ph_effect(s.ph, 3.0, 0.5, 1.1)
    w.base_rate[STRUC1] = p.dec1_1 * STEP_YR * e4
    w.base_rate[STRUC2] = p.dec1_2 * STEP_YR * e4
    w.base_rate[METAB1] = p.dec2_1 * STEP_YR * e48
    w.base_rate[METAB2] = p.dec2_2 * STEP_YR * e48
    w.base_rate[SOM11] = p.dec3_1 * STEP_YR * e4
    w.base_rate[SOM12] = p.dec3_2 * w.eftext * STEP_YR * e48
    w.base_rate[SOM21] = 0.0 if variant45 else p.dec5_1 * STEP_YR * e4
    w.base_rate[SOM22] = p.dec5_2 * STEP_YR * e3
    w.base_rate[SOM3] = p.dec4 * STEP_YR * e3
