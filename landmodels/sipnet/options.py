"""The switches of the program and their named sets (specification, section 0)."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping

import numpy as np

from landmodels.sipnet.errors import InputError
from landmodels.sipnet.physics.constants import CALENDAR, DEGREE_DAYS, SOIL_TEMPERATURE
from landmodels.sipnet.physics.records import OPTION_RECORD

#: Names of the triggers of leaf-on and their numbers in the kernel.
PHENOLOGY = {
    "gdd": DEGREE_DAYS,
    "soil_temperature": SOIL_TEMPERATURE,
    "calendar": CALENDAR,
}


@dataclasses.dataclass(frozen=True)
class Options:
    """Switches of a run; the defaults are the set named ``reanalysis``.

    Attributes
    ----------
    growth_respiration : bool
        A fraction of the recent mean NPP is respired (section 5.2).
    litter_pool : bool
        Dead leaves and wood go through a litter pool (section 5.5).
    leaf_water : bool
        The leaf area limits interception (section 4.1).
    water_respiration : bool
        Soil water limits decomposition (section 5.4).
    phenology : {"gdd", "soil_temperature", "calendar"}
        What makes leaves come out (section 6.2).
    flooding, anaerobic, carbon_saturation : bool
        The optional moisture modules (section 10).
    legacy : bool
        The program of the years 2020 to 2024 (section 12). It creates carbon, which
        is booked as ``legacy_carbon``.

    Raises
    ------
    InputError
        If the switches do not go together.

    Examples
    --------
    >>> Options(litter_pool=True).phenology
    'gdd'
    """

    growth_respiration: bool = True
    litter_pool: bool = False
    leaf_water: bool = False
    water_respiration: bool = True
    phenology: str = "gdd"
    flooding: bool = False
    anaerobic: bool = False
    carbon_saturation: bool = False
    legacy: bool = False

    def __post_init__(self) -> None:
        _check_types(self)
        if self.anaerobic and not self.water_respiration:
            raise InputError(
                "options.anaerobic", found="on, with water_respiration off",
                wanted="both on: it replaces the effect of soil water",
            )  # fmt: skip
        if self.carbon_saturation and not self.litter_pool:
            raise InputError(
                "options.carbon_saturation", found="on, with litter_pool off",
                wanted="both on: what the soil does not take stays in the litter",
            )  # fmt: skip
        for name in ("litter_pool", "flooding", "anaerobic", "carbon_saturation"):
            if self.legacy and getattr(self, name):
                raise InputError(
                    f"options.{name}", found="on, with legacy on",
                    wanted="one of them: the old program has no working "
                    + name.replace("_", " "),
                )  # fmt: skip

    def record(self) -> np.ndarray:
        """The switches as the kernel takes them, one record."""
        record = np.zeros(1, dtype=OPTION_RECORD)
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            record[field.name] = (
                PHENOLOGY[value] if field.name == "phenology" else value
            )
        return record

    def __str__(self) -> str:
        """The switches in one line, as results carry them."""
        return ", ".join(
            f"{k}={v if isinstance(v, str) else str(v).lower()}"
            for k, v in dataclasses.asdict(self).items()
        )


def _unknown(where: str, name: str, known: list[str]) -> InputError:
    close = difflib.get_close_matches(name, known, 1)
    return InputError(
        where, found=f"{name!r}, which is unknown", wanted="any of " + ", ".join(known),
        hint=f"Did you mean {close[0]!r}?" if close else None,
    )  # fmt: skip


def _check_types(options: Options) -> None:
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if field.name == "phenology":
            if not isinstance(value, str) or value not in PHENOLOGY:
                raise _unknown("options.phenology", str(value), list(PHENOLOGY))
        elif not isinstance(value, (bool, np.bool_)):
            raise InputError(
                f"options.{field.name}", found=repr(value), wanted="true or false"
            )


#: Sets of options by name.
OPTION_SETS = {
    "reanalysis": Options(),
    "default": Options(growth_respiration=False),
    "legacy": Options(growth_respiration=False, legacy=True),
    "legacy_reanalysis": Options(growth_respiration=True, legacy=True),
}


def choose_options(options: str | Mapping[str, object] | Options) -> Options:
    """Turn what a user gives as options into checked options.

    Parameters
    ----------
    options : str, mapping or Options
        The name of a set, or what differs from the set ``reanalysis``.

    Returns
    -------
    Options

    Raises
    ------
    InputError
        If a name is unknown, a value is of the wrong kind, or switches do not go
        together.

    Examples
    --------
    >>> choose_options({"phenology": "calendar"}).phenology
    'calendar'
    """
    if isinstance(options, Options):
        return options
    if isinstance(options, str):
        if options in OPTION_SETS:
            return OPTION_SETS[options]
        raise _unknown("options", options, list(OPTION_SETS))
    if not isinstance(options, Mapping):
        raise InputError(
            "options", found=f"a {type(options).__name__}",
            wanted="the name of a set, or a mapping of switches",
        )  # fmt: skip
    names = [field.name for field in dataclasses.fields(Options)]
    for name in options:
        if name not in names:
            raise _unknown(f"options.{name}", str(name), names)
    return Options(**{str(k): v for k, v in options.items()})  # type: ignore[arg-type]
