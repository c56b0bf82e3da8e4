"""Photosynthesis and respiration of a leaf (BETHY; Farquhar et al. 1980)."""

from landmodels.dalec_bethy.equations.smooth import positive_part, smooth_minimum

#: Gas constant (J mol-1 K-1).
GAS_CONSTANT = 8.314
#: Reference temperature of the kinetics (K) and the zero that goes with it.
_REFERENCE = 298.16
_ZERO = 273.16
#: Fraction of the absorbed photons that drives electron transport.
_QUANTUM_YIELD = 0.28
#: Leaf respiration at 25 degC as a fraction of the carboxylation rate.
_RESPIRATION_FRACTION = 0.011


def _arrhenius(m, temperature, energy):
    """Factor of a rate relative to 25 degC (1); energy in J mol-1."""
    return m.exp(
        energy
        * (temperature - 25.0)
        / (_REFERENCE * GAS_CONSTANT * (temperature + _ZERO))
    )


def kinetics(m, temperature):
    """Temperature dependence of the rates, leaf temperature in degC.

    Returns
    -------
    tuple
        CO2 compensation point (mol mol-1), effective Michaelis-Menten constant
        (mol mol-1), and the factors of carboxylation, of electron transport, of dark
        respiration and of inhibition by heat (1).
    """
    compensation = 1.7e-6 * positive_part(m, temperature, 2.0)
    michaelis = (
        460e-6
        * _arrhenius(m, temperature, 59356.0)
        * (1.0 + 0.21 / (0.330 * _arrhenius(m, temperature, 35948.0)))
    )
    carboxylation = _arrhenius(m, temperature, 58520.0)
    transport = 0.04 * positive_part(m, temperature, 2.0)
    heat = 1.0 / (1.0 + m.exp(1.3 * (temperature - 55.0)))
    respiration = _arrhenius(m, temperature, 45000.0) * heat
    return compensation, michaelis, carboxylation, transport, respiration, heat


def electron_transport(m, photons, maximum):
    """Electron transport (mol m-2 s-1) of absorbed photons per leaf area."""
    absorbed = _QUANTUM_YIELD * photons
    return absorbed * maximum / m.sqrt(maximum * maximum + absorbed * absorbed + 1e-24)


def dark_respiration(vcmax, temperature_factor, light_factor):
    """Leaf respiration (mol m-2 s-1)."""
    return _RESPIRATION_FRACTION * vcmax * temperature_factor * light_factor


def assimilation_at_ci(m, transport, carboxylation, ci, compensation, michaelis):
    """Gross assimilation at a given internal CO2 (mol m-2 s-1)."""
    light = transport * (ci - compensation) / (4.0 * (ci + 2.0 * compensation))
    rubisco = carboxylation * (ci - compensation) / (ci + michaelis)
    return smooth_minimum(m, light, rubisco)


def _rate_at_conductance(m, rate, constant, conductance, ca, compensation, dark):
    """Gross rate where diffusion and demand meet.

    The smaller root of ``x^2 - b x + c = 0``, written without cancellation.
    """
    b = dark + rate + conductance * (ca + constant)
    c = rate * (conductance * (ca - compensation) + dark)
    half = 0.5 * b
    return c / (half + m.sqrt(half * half - c + 1e-24))


def assimilation_at_conductance(
    m, transport, carboxylation, conductance, ca, compensation, michaelis, dark, heat
):
    """Gross assimilation at a given conductance to CO2 (mol m-2 s-1)."""
    light = _rate_at_conductance(
        m, 0.25 * transport, 2.0 * compensation, conductance, ca, compensation, dark
    )
    rubisco = _rate_at_conductance(
        m, carboxylation, michaelis, conductance, ca, compensation, dark
    )
    return smooth_minimum(m, light, rubisco) * heat
