"""Units as UDUNITS parses them, from units as models write them."""

from __future__ import annotations

import re

_SUBSTANCES = {"CO2", "H2O", "C", "N", "leaf", "quanta", "photons", "carbon", "water"}
_AMOUNTS = {"g", "kg", "mg", "ug", "Mg", "Pg", "Tg", "mol", "umol", "mmol", "nmol"}
_WHOLE = {"": "1", "-": "1", "day of year": "d", "doy": "d", "fraction": "1"}


def as_udunits(unit: str) -> str:
    """Return a unit without the substances it is of, as UDUNITS parses it.

    What is measured belongs in a name and not in a unit: ``mol CO2 m-2 s-1`` is
    ``mol m-2 s-1``, ``gC m-2`` is ``g m-2``. A lone ``C`` is a degree Celsius. A unit
    with a word that is not known here is returned as it is.

    Parameters
    ----------
    unit : str
        As a table of parameters has it.

    Examples
    --------
    >>> [as_udunits(one) for one in ("mol CO2 mol-1 quanta", "gC m-2 leaf", "C-1")]
    ['mol mol-1', 'g m-2', 'degC-1']
    >>> as_udunits("cm month-1 per langley d-1")
    'cm month-1 langley-1 d'
    """
    text = unit.strip()
    if text in _WHOLE:
        return _WHOLE[text]
    found: list[tuple[str, int]] = []
    sign, after_amount = 1, False
    for part in text.split():
        if part == "per":
            sign = -1
            continue
        if part in _SUBSTANCES and (after_amount or part != "C"):
            continue
        glued = re.fullmatch(r"([kmu]?g|[kM]?g|[PTM]g)(C|N)", part)
        name, power = (glued[1], 1) if glued else _split(part)
        if not name:
            return unit
        after_amount = name in _AMOUNTS
        found.append(("degC" if name == "C" else name, sign * power))
    return " ".join(name + ("" if n == 1 else str(n)) for name, n in found) or unit


def _split(part: str) -> tuple[str, int]:
    """Return the name and the power of one part of a unit; no name if it has none."""
    found = re.fullmatch(r"([A-Za-z%]+)\^?([+-]?\d+)?", part)
    if found is None:
        return ("1", 1) if part == "1" else ("", 0)
    return found[1], int(found[2] or 1)
