"""Effects of temperature, water and lack of oxygen on decomposition (section 6)."""

from math import exp

from landmodels.century.physics.soil import temperature_curve
from landmodels.kernels.compile import equation


@equation
def water_ratio(w, d, melt, available_before):
    """Water in proportion to evapotranspiration (1): melt, or store and rain."""
    if melt > 0.0:
        return melt / w.pet
    return (available_before + d.prec) / w.pet


@equation
def set_abiotic(w, p, ratio):
    """Decomposition factor, its moisture part, and the anaerobic factor (all 1)."""
    if w.snow > 0.0:
        w.stemp = 0.0
    temperature = max(0.01, temperature_curve(w.stemp, p) / w.a30)
    w.moisture_effect = 1.0 if ratio > 9.0 else 1.0 / (1.0 + 30.0 * exp(-8.5 * ratio))
    w.defac = temperature * w.moisture_effect
    w.anerb = 1.0
    if ratio > p.aneref_1 and p.drain < 1.0:
        excess = (ratio - p.aneref_1) * w.pet * (1.0 - p.drain)
        slope = (1.0 - p.aneref_3) / (p.aneref_1 - p.aneref_2)
        w.anerb = max(p.aneref_3, 1.0 + slope * excess / w.pet)
