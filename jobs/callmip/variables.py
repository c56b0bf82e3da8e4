"""The variables of a CalLMIP file: exact names, exact units, plausible ranges."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """One variable of the protocol.

    Attributes
    ----------
    units : tuple of str
        Spellings that are accepted; the first is to be written.
    low, high : float
        Daily values outside are errors, in ``units``.
    is_pool : bool
        Whether it may stay the same over a whole record.
    optional : bool
        Whether a model may lack it.
    """

    units: tuple[str, ...]
    low: float
    high: float
    is_pool: bool = False
    optional: bool = False


_CARBON = ("kgC m-2 s-1",)
_WATER = ("kg m-2 s-1",)
_HEAT = ("W m-2",)
_STORE = ("kg m-2",)

VARIABLES = {
    "nep": Variable(_CARBON, -5e-7, 5e-7),
    "hfls": Variable(_HEAT, -400.0, 800.0),
    "hfss": Variable(_HEAT, -400.0, 800.0),
    "gpp": Variable(_CARBON, -1e-9, 1e-6),
    "reco": Variable(_CARBON, 0.0, 1e-6),
    "tran": Variable(_WATER, -5e-5, 5e-4),
    "evspsblsoi": Variable(_WATER, -5e-5, 5e-4),
    "hfg": Variable(_HEAT, -300.0, 300.0, optional=True),
    "ts": Variable(("K",), 200.0, 340.0),
    "lai": Variable(("1", "m2 m-2"), 0.0, 15.0),
    "cLiveBioAbove": Variable(_STORE, 0.0, 200.0, is_pool=True),
    "cSoil": Variable(_STORE, 0.0, 200.0, is_pool=True),
    "mrso": Variable(_STORE, 0.0, 10000.0),
    "mrsos": Variable(_STORE, 0.0, 100.0),
}

SCENARIOS = {
    "Scen1": ("nep", "hfls", "hfss"),
    "Scen2": ("nep",),
    "Scen3": ("hfls",),
    "Scen4": ("hfss",),
    "Scen5": ("nep", "hfls"),
    "Scen6": ("hfls", "hfss"),
}
"""The variables that a scenario's calibration is compared with."""

UNCERTAINTY = "_post_unc"
"""Ends the name of a variable's posterior uncertainty."""
