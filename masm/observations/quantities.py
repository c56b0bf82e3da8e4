"""What is known of the quantities that ecosystems are observed by: units and limits.

A stream whose name is known and whose unit is known can be compared with what nature
allows. Limits are wide: they catch fill codes, wrong units and wrong columns, not
unusual sites. A stream of any other name has no limits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CARBON_FLUX = "g m-2 d-1"
CARBON_STOCK = "g m-2"
FLUORESCENCE = "mW m-2 sr-1 nm-1"
_GRAMS_PER_MOL = 12.011  # of carbon
_CARBON_IN_CO2 = 12.011 / 44.009  # by mass


@dataclass(frozen=True)
class Quantity:
    """A quantity that a stream may hold.

    Attributes
    ----------
    name : str
        As the field writes it, in lower case.
    units : str
        In which the limits are.
    low, high : float
        Beyond them no value of a day or of a longer mean is possible, nor with the
        noise of an estimate, which takes LAI a little below zero.
    least : float
        A series whose values all lie nearer to zero (and are not all zero) is in
        another unit.
    usual : tuple of float
        Between them lies the mean of nearly every site; beyond is suspicious.
    """

    name: str
    units: str
    low: float
    high: float
    least: float
    usual: tuple[float, float]


QUANTITIES: dict[str, Quantity] = {
    one.name: one
    for one in (
        Quantity("lai", "1", -2.0, 15.0, 1e-4, (0.02, 7.0)),
        Quantity("fapar", "1", -0.3, 1.3, 1e-5, (0.005, 0.97)),
        Quantity("gpp", CARBON_FLUX, -30.0, 60.0, 1e-4, (0.0, 20.0)),
        Quantity("npp", CARBON_FLUX, -30.0, 60.0, 1e-4, (-1.0, 12.0)),
        Quantity("er", CARBON_FLUX, -30.0, 60.0, 1e-4, (0.0, 20.0)),
        Quantity("ra", CARBON_FLUX, -30.0, 60.0, 1e-4, (0.0, 15.0)),
        Quantity("rh", CARBON_FLUX, -30.0, 60.0, 1e-4, (0.0, 15.0)),
        Quantity("nee", CARBON_FLUX, -60.0, 60.0, 1e-5, (-12.0, 8.0)),
        Quantity("nep", CARBON_FLUX, -60.0, 60.0, 1e-5, (-8.0, 12.0)),
        Quantity("et", "mm d-1", -10.0, 30.0, 1e-4, (0.0, 8.0)),
        # Single soundings of a satellite are noisy: -3 is met.
        Quantity("sif", FLUORESCENCE, -10.0, 20.0, 1e-3, (-0.3, 5.0)),
        Quantity("ssm", "m3 m-3", -0.1, 1.0, 1e-3, (0.02, 0.8)),
        Quantity("lvod", "1", -0.5, 5.0, 1e-3, (0.005, 2.0)),
        # The mean of nearly every place; the oldest stands reach 150 kg m-2, bogs 300.
        Quantity("wood", CARBON_STOCK, 0.0, 3e5, 1.0, (200.0, 6e4)),
        Quantity("vegetation_carbon", CARBON_STOCK, 0.0, 3e5, 1.0, (50.0, 6e4)),
        Quantity("soil_carbon", CARBON_STOCK, 0.0, 5e5, 100.0, (600.0, 8e4)),
    )
}
"""By name; upper limits as in ``landdata.variables``, which a test holds equal."""

_OTHER_NAMES = {
    "leaf_area_index": "lai", "fpar": "fapar", "reco": "er", "ter": "er",
    "evapotranspiration": "et", "gross_primary_productivity": "gpp",
    "net_ecosystem_exchange": "nee", "ecosystem_respiration": "er",
    "above_ground_wood": "wood", "above_ground_biomass": "wood", "agb": "wood",
    "swc": "ssm", "vod": "lvod",
}  # fmt: skip
_STANDARD_NAMES = {
    "leaf_area_index": "lai",
    "gross_primary_productivity_of_biomass_expressed_as_carbon": "gpp",
    "net_primary_productivity_of_biomass_expressed_as_carbon": "npp",
    "fraction_of_surface_downwelling_photosynthetic_radiative_flux_absorbed_by_"
    "vegetation": "fapar",
    "lwe_water_evaporation_rate": "et",
    "air_temperature": "temperature",
    "soil_temperature": "temperature",
    "surface_downwelling_shortwave_flux_in_air": "shortwave",
}
_NO_UNIT = {"1", "-", "m2 m-2", "dimensionless", "none", "unitless", "fraction"}
_MASS = {
    "g": 1.0, "gc": 1.0, "kg": 1e3, "kgc": 1e3, "mg": 1e-3, "mgc": 1e-3,
    "umol": 1e-6 * _GRAMS_PER_MOL, "umolco2": 1e-6 * _GRAMS_PER_MOL,
    "mol": _GRAMS_PER_MOL, "molco2": _GRAMS_PER_MOL,
    "mmol": 1e-3 * _GRAMS_PER_MOL,
    "gco2": _CARBON_IN_CO2, "kgco2": 1e3 * _CARBON_IN_CO2,
    "mgco2": 1e-3 * _CARBON_IN_CO2,
}  # fmt: skip
_AREAS = {"m-2": 1.0, "ha-1": 1e-4, "cm-2": 1e4, "km-2": 1e-6}
_MASS_OF_STOCK = {"g": 1.0, "gc": 1.0, "kg": 1e3, "kgc": 1e3, "t": 1e6, "tc": 1e6,
                  "mg": 1e6, "mgc": 1e6}  # fmt: skip
_LIGHT = {"mw m-2 sr-1 nm-1", "w m-2 sr-1 um-1", "mw m-2 nm-1 sr-1", "w m-2 um-1 sr-1"}
_DEPTH = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
_DAYS = {"s": 1.0 / 86400.0, "h": 1.0 / 24.0, "d": 1.0, "month": 30.4375, "yr": 365.25}
_WORDS = (
    (r"µ|μ", "u"), (r"\*\*|\^", ""), (r"[·*.]", " "), (r"\bmicromol", "umol"),
    (r"days?\b", "d"), (r"hours?\b|hr\b", "h"), (r"seconds?\b|sec\b", "s"),
    (r"years?\b|\ba\b", "yr"), (r"\bmonths?\b|\bmon\b", "month"),
    (r"day(?=-)", "d"), (r"year(?=-)", "yr"), (r"mon(?:th)?(?=-)", "month"),
    (r"(?<=g)\s+co2\b", "co2"), (r"\bc\b|\bco2\b", ""),
)  # fmt: skip


def quantity_of(name: str) -> Quantity | None:
    """Return the quantity that a stream's name means, None for an unknown name.

    Examples
    --------
    >>> quantity_of("Reco").name
    'er'
    >>> quantity_of("soil_moisture") is None
    True
    """
    plain = name.strip().lower()
    return QUANTITIES.get(_OTHER_NAMES.get(plain, plain))


def name_of_standard_name(standard_name: str) -> str | None:
    """Return what a CF standard name says that a variable is, None if not known."""
    return _STANDARD_NAMES.get(standard_name.strip())


def factor_to_limits(units: str, quantity: Quantity) -> float | None:
    """Return what turns a unit into that of a quantity's limits, None if not known.

    Examples
    --------
    >>> factor_to_limits("gC m-2 day-1", QUANTITIES["gpp"])
    1.0
    >>> round(factor_to_limits("kg m-2 s-1", QUANTITIES["gpp"]))
    86400000
    >>> factor_to_limits("g m-2 8d-1", QUANTITIES["gpp"])
    0.125
    >>> round(factor_to_limits("g CO2 m-2 d-1", QUANTITIES["gpp"]), 4)
    0.2729
    >>> factor_to_limits("Mg C ha-1", QUANTITIES["soil_carbon"])
    100.0
    """
    words = plain_units(units)
    if quantity.units == "1":
        if words in ("%", "percent"):
            return 0.01
        return 1.0 if words in _NO_UNIT else None
    if quantity.units == "m3 m-3":
        if words in ("%", "percent", "m3 m-3 %"):
            return 0.01
        return 1.0 if words in _NO_UNIT | {"m3 m-3", "cm3 cm-3"} else None
    if quantity.units == FLUORESCENCE:
        return 1.0 if words in _LIGHT else None
    if quantity.units == CARBON_STOCK:
        return _factor_of_stock(units, words.split())
    parts = words.split()
    rates = [re.fullmatch(r"(\d*)(s|h|d|month|yr)-1", part) for part in parts]
    found = [rate for rate in rates if rate is not None]
    rest = [part for part, rate in zip(parts, rates, strict=True) if rate is None]
    if len(found) != 1:
        return None
    days = float(found[0].group(1) or 1) * _DAYS[found[0].group(2)]
    if quantity.units == CARBON_FLUX and len(rest) == 2 and "m-2" in rest:
        rest.remove("m-2")
        mass = _MASS.get(rest[0])
        if "co2" in units.lower() and rest[0] in ("g", "kg", "mg"):
            return None  # grams of CO2 or of its carbon: the words do not say
        return None if mass is None else mass / days
    if quantity.name == "et":
        if len(rest) == 1 and rest[0] in _DEPTH:
            return _DEPTH[rest[0]] / days
        if sorted(rest) == ["kg", "m-2"]:
            return 1.0 / days
    return None


def _factor_of_stock(units: str, parts: list[str]) -> float | None:
    """What turns a unit into g m-2 of carbon; "Mg" of a stock is a tonne."""
    if len(parts) != 2 or "co2" in units.lower():
        return None
    area = next((one for one in parts if one in _AREAS), None)
    if area is None:
        return None
    parts.remove(area)
    if units.strip().startswith("mg"):
        return None
    mass = _MASS_OF_STOCK.get(parts[0])
    return None if mass is None else mass * _AREAS[area]


def plain_units(units: str) -> str:
    """Return a unit in one spelling: lower case, powers as ``m-2``, no slash.

    Examples
    --------
    >>> plain_units("gC/m2/day"), plain_units("µmol m^-2 s^-1")
    ('gc m-2 d-1', 'umol m-2 s-1')
    """
    text = units.strip().lower()
    for pattern, word in _WORDS:
        text = re.sub(pattern, word, text)
    first, *below = text.split("/")
    powers = []
    for part in below:
        match = re.fullmatch(r"\s*\(?\s*([0-9]*[a-z]+)(\d*)\s*\)?\s*", part)
        if match is None:
            return " ".join(units.split())
        powers.append(f"{match.group(1)}-{match.group(2) or 1}")
    return " ".join([*first.split(), *powers])
