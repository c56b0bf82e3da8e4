"""Spellings of units met in gridded products, and how they become the model's.

A closed table instead of a parser: what is not here is refused, because a
unit that is guessed is a number that is wrong.
"""

from __future__ import annotations

from landdata.errors import InputError

# Unit wanted -> spelling in the file -> (factor, offset): wanted = factor x + offset.
CONVERSIONS: dict[str, dict[str, tuple[float, float]]] = {
    "degC": {
        **dict.fromkeys(
            ("degC", "degrees C", "degree C", "deg C", "C", "celsius", "Celsius"),
            (1.0, 0.0),
        ),
        **dict.fromkeys(("degrees_celsius", "degree_Celsius"), (1.0, 0.0)),
        **dict.fromkeys(("K", "kelvin", "Kelvin", "degK"), (1.0, -273.15)),
    },
    "mm d-1": {
        **dict.fromkeys(
            ("mm d-1", "mm/day", "mm day-1", "mm/d", "kg m-2 d-1", "kg m-2 day-1"),
            (1.0, 0.0),
        ),
        **dict.fromkeys(("kg m-2 s-1", "mm s-1", "mm/s", "kg/m2/s"), (86400.0, 0.0)),
        "cm d-1": (10.0, 0.0),
        **dict.fromkeys(("m d-1", "m day-1", "m/day"), (1000.0, 0.0)),
        # Of a composite that begins at its date; its days divide it.
        "kg m-2 composite-1": (1.0, 0.0),
    },
    "m s-1": {
        **dict.fromkeys(("m s-1", "m/s", "m s**-1"), (1.0, 0.0)),
        "km h-1": (1.0 / 3.6, 0.0),
    },
    "kg kg-1": {
        **dict.fromkeys(("kg kg-1", "kg/kg", "kg kg**-1"), (1.0, 0.0)),
        **dict.fromkeys(("g kg-1", "g/kg"), (1.0e-3, 0.0)),
    },
    "Pa": {
        **dict.fromkeys(("Pa", "pascal", "N m-2"), (1.0, 0.0)),
        **dict.fromkeys(("hPa", "mbar", "mb", "millibars"), (100.0, 0.0)),
        "kPa": (1000.0, 0.0),
    },
    "1": {
        **dict.fromkeys(("1", "fraction", "0-1", "m2 m-2", "m2/m2"), (1.0, 0.0)),
        **dict.fromkeys(("m^2/m^2", "m2/m^2", "m^2 m^-2", "none"), (1.0, 0.0)),
        **dict.fromkeys(("%", "percent"), (0.01, 0.0)),
    },
    "%": {
        **dict.fromkeys(("%", "percent", "% of weight", "percent of weight"), (1, 0.0)),
        **dict.fromkeys(("1", "fraction"), (100.0, 0.0)),
    },
    "MJ m-2 d-1": {
        **dict.fromkeys(("MJ m-2 d-1", "MJ m-2 day-1", "MJ/m2/day"), (1.0, 0.0)),
        **dict.fromkeys(("W m-2", "W/m2", "W m**-2", "W/m^2"), (0.0864, 0.0)),
        **dict.fromkeys(("J m-2 d-1", "J m-2 day-1", "J m**-2 d**-1"), (1.0e-6, 0.0)),
    },
    "W m-2": dict.fromkeys(("W m-2", "W/m2", "W/m^2", "W m**-2"), (1.0, 0.0)),
    "s": dict.fromkeys(("s", "seconds", "s/day", "s d-1"), (1.0, 0.0)),
    "kg m-2": {
        **dict.fromkeys(("kg m-2", "kg/m2", "mm", "kg m^-2"), (1.0, 0.0)),
        "m of water": (1000.0, 0.0),
    },
    "MJ m-2": dict.fromkeys(("J m-2", "J m**-2", "J/m2"), (1.0e-6, 0.0)),
    "m": dict.fromkeys(("m", "metre", "meter", "metres", "meters"), (1.0, 0.0)),
    "ppm": dict.fromkeys(("ppm", "ppmv", "umol mol-1", "1e-6"), (1.0, 0.0)),
    "g m-2 d-1": {
        **dict.fromkeys(
            (
                "g m-2 d-1",
                "gC m-2 d-1",
                "g C m-2 d-1",
                "gC/m2/d",
                "gC/m2/day",
                "gC m-2 day-1",
                "g C m-2 day-1",
                "gC m^-2 d^-1",
                "gCm-2d-1",
                "g/m2/d",
            ),
            (1.0, 0.0),
        ),
        **dict.fromkeys(("kg m-2 s-1", "kgC m-2 s-1"), (8.64e7, 0.0)),
        "kg m-2 composite-1": (1000.0, 0.0),
    },
}

# The parameter table's units name what they are of; UDUNITS knows only how much.
_TABLE = {
    "-": "1",
    "unit": "1",
    "C": "degC",
    "C-1": "degC-1",
    "C d": "degC d",
    "day of year": "d",
    "gC m-2": "g m-2",
    "gC m-2 leaf": "g m-2",
    "mol CO2 m-2 s-1": "mol m-2 s-1",
    "mol CO2 mol-1 quanta": "mol mol-1",
}


def udunits(units: str) -> str:
    """A unit of the parameter table as UDUNITS, and so CF, spells it.

    Examples
    --------
    >>> udunits("gC m-2 leaf")
    'g m-2'
    """
    return _TABLE.get(units, units)


def conversion(units: str, wanted: str, where: str) -> tuple[float, float]:
    """Factor and offset from a file's unit to the one wanted, or a refusal.

    Parameters
    ----------
    units : str
        As the file says.
    wanted : str
        One of the keys of ``CONVERSIONS``.
    where : str
        File and variable, for the error.
    """
    table = CONVERSIONS[wanted]
    found = units.strip()
    if found in table:
        return table[found]
    raise InputError(
        f"{where}.units",
        found=repr(units),
        wanted=f"one of {', '.join(map(repr, table))}",
        hint=f"It has to become {wanted!r}. If the file is right and this spelling is "
        "only unknown, state the units in the catalogue.",
    )
