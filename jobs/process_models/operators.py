"""What satellites see, made of a model's own outputs: observation operators.

An operator has parameters of its own, which are calibrated like those of the model. A
run asks for it with ``model: {options: {operators: [fapar, sif, ssm, lvod]}}``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.errors import ConfigError, Problem, did_you_mean
from jobs.process_models.base import Output, Parameter

HIGHEST_FAPAR = 0.95
"""Of a closed canopy: leaves reflect and pass some of the light."""
VISIBLE_FRACTION = 0.5
"""Photosynthetically active part of the energy of sunlight (Monteith 1972)."""
MJ_PER_WATT_DAY = 0.0864
"""MJ m-2 d-1 in a mean of 1 W m-2."""
FREEZING = 273.15
"""K."""
FROZEN_FRACTION = 0.36
"""Part of the optical depth that is left in frozen vegetation; that of DALEC-BETHY."""


@dataclass(frozen=True)
class Operator:
    """One output that is computed from others.

    Attributes
    ----------
    output : Output
        Its unit and meaning.
    inputs : tuple of str
        Outputs of the model that it needs. Of an output with soil layers it gets the
        uppermost one.
    parameters : mapping
        Its own parameters.
    apply : callable
        Inputs by name and parameters by name to the output, element by element.
    """

    output: Output
    inputs: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    apply: Callable[[Mapping[str, Any], Mapping[str, Any]], Any]


def absorbed_fraction(lai: Any, background: Any, extinction: Any) -> Any:
    """Absorbed fraction of the light over a background that absorbs too (1).

    ``f0 + (0.95 - f0) (1 - exp(-k LAI))``: Beer's law (Monsi and Saeki 1953) from a
    background ``f0``, the fraction without leaves of the trees: bark, undergrowth and
    the product's own bias. Bare, it is ``f0``; closed, 0.95.

    Parameters
    ----------
    lai : array
        Leaf area index, 1.
    background, extinction : array
        1.

    Examples
    --------
    >>> bare, closed = absorbed_fraction(0.0, 0.3, 0.5), absorbed_fraction(99, 0.3, 1.0)
    >>> float(bare), round(float(closed), 3)
    (0.3, 0.95)
    """
    return background + (HIGHEST_FAPAR - background) * (1.0 - np.exp(-extinction * lai))


def fluorescence(
    gpp: Any, lai: Any, radiation: Any, of_gpp: Any, of_light: Any, extinction: Any
) -> Any:
    """Sun-induced fluorescence, daily mean at 740 nm (mW m-2 sr-1 nm-1).

    ``of_gpp GPP + of_light (1 - exp(-k LAI)) PAR``. Over days and weeks fluorescence
    is proportional to GPP (Frankenberg et al. 2011; Guanter et al. 2014); at shorter
    times and under stress it follows the light that leaves absorb (Yang et al. 2015).
    The sum of both terms is ours; with ``of_light`` 0 it is the first alone.

    Parameters
    ----------
    gpp : array
        g C m-2 d-1.
    lai : array
        1.
    radiation : array
        Solar radiation, mean of the day, W m-2.
    of_gpp : array
        mW m-2 sr-1 nm-1 per g C m-2 d-1.
    of_light : array
        mW m-2 sr-1 nm-1 per MJ m-2 d-1 of absorbed light.
    extinction : array
        1.

    Examples
    --------
    >>> round(float(fluorescence(10.0, 4.0, 250.0, 0.05, 0.0, 0.5)), 6)
    0.5
    >>> float(fluorescence(0.0, 0.0, 250.0, 0.05, 0.03, 0.5))
    0.0
    """
    light = VISIBLE_FRACTION * MJ_PER_WATT_DAY * radiation
    return of_gpp * gpp + of_light * (1.0 - np.exp(-extinction * lai)) * light


def surface_moisture(liquid: Any, ice: Any, residual: Any, saturated: Any) -> Any:
    """Liquid water of the uppermost soil layer (m3 m-3).

    ``residual + (saturated - residual) w (1 - i)``: water fills the fraction ``w`` of
    the pores that hold no ice, and ice, which a radiometer does not see, a fraction
    ``i`` of all. With ``residual`` 0 and ``saturated`` the porosity that is the
    model's own content; both take up the bias of a product (Reichle and Koster 2004
    match such a line).

    Parameters
    ----------
    liquid, ice : array
        1.
    residual, saturated : array
        m3 m-3.

    Examples
    --------
    >>> float(surface_moisture(0.5, 0.0, 0.0, 0.4))
    0.2
    >>> round(float(surface_moisture(1.0, 1.0, 0.05, 0.45)), 6)
    0.05
    """
    return residual + (saturated - residual) * liquid * (1.0 - ice)


def optical_depth(
    wood: Any, lai: Any, wetness: Any, temperature: Any, of_wood: Any, of_leaf: Any,
    dry: Any,
) -> Any:  # fmt: skip
    """Vegetation optical depth in L-band (1), of wood, leaves and their wetness.

    ``(a_w C_w + a_l LAI) (v0 + (1 - v0) s) (0.36 + 0.64 / (1 + exp(-t / 2)))``, as in
    DALEC-BETHY (`landmodels.dalec_bethy`, ours). ``s``, the soil moisture stress of
    the leaves (1 is none), stands for the wetness of the root zone, and ``t``, the
    leaf temperature in degC, for that of the day.

    Parameters
    ----------
    wood : array
        g C m-2.
    lai, wetness : array
        1.
    temperature : array
        K.
    of_wood : array
        m2 g-1 of carbon.
    of_leaf, dry : array
        1.

    Examples
    --------
    >>> warm = optical_depth(3000.0, 4.0, 1.0, 300.0, 2e-4, 0.05, 0.4)
    >>> round(float(warm), 2)
    0.8
    """
    thawed = 1.0 / (1.0 + np.exp(-(temperature - FREEZING) / 2.0))
    thaw = FROZEN_FRACTION + (1.0 - FROZEN_FRACTION) * thawed
    return (of_wood * wood + of_leaf * lai) * (dry + (1.0 - dry) * wetness) * thaw


FAPAR = Operator(
    Output("1", "absorbed fraction of the light"),
    ("lai",),
    {
        "fapar_background": Parameter(
            0.3, 0.0, 0.75, "1", "fAPAR without leaves of the trees"
        ),
        "fapar_extinction": Parameter(
            0.5, 0.2, 1.2, "1", "extinction of light by leaf area, for fAPAR"
        ),
    },
    lambda of, p: absorbed_fraction(
        of["lai"], p["fapar_background"], p["fapar_extinction"]
    ),
)

SIF = Operator(
    Output("mW m-2 sr-1 nm-1", "sun-induced fluorescence at 740 nm, mean of the day"),
    ("gpp", "lai", "sw_in"),
    {
        "sif_of_gpp": Parameter(
            0.05, 0.0, 0.2, "mW m-2 sr-1 nm-1 (g m-2 d-1)-1", "fluorescence per GPP"
        ),
        "sif_of_light": Parameter(
            0.0, 0.0, 0.3, "mW m-2 sr-1 nm-1 (MJ m-2 d-1)-1",
            "fluorescence per light that leaves absorb",
        ),
        "sif_extinction": Parameter(
            0.5, 0.2, 1.2, "1", "extinction of light by leaf area, for SIF"
        ),
    },
    lambda of, p: fluorescence(
        of["gpp"], of["lai"], of["sw_in"],
        p["sif_of_gpp"], p["sif_of_light"], p["sif_extinction"],
    ),
)  # fmt: skip

SSM = Operator(
    Output("m3 m-3", "liquid water of the uppermost soil layer"),
    ("soil_moisture", "soil_ice"),
    {
        "ssm_residual": Parameter(
            0.0, 0.0, 0.2, "m3 m-3", "surface soil moisture without water in the pores"
        ),
        "ssm_saturated": Parameter(
            0.45, 0.25, 0.8, "m3 m-3", "surface soil moisture of full pores"
        ),
    },
    lambda of, p: surface_moisture(
        of["soil_moisture"], of["soil_ice"], p["ssm_residual"], p["ssm_saturated"]
    ),
)

LVOD = Operator(
    Output("1", "vegetation optical depth in L-band"),
    ("cw", "lai", "moisture_stress", "leaf_temperature"),
    {
        "lvod_of_wood": Parameter(
            2e-4, 1e-5, 1e-3, "m2 g-1", "optical depth per wood carbon"
        ),
        "lvod_of_leaf": Parameter(0.05, 0.0, 0.3, "1", "optical depth per leaf area"),
        "lvod_dry": Parameter(
            0.4, 0.05, 0.95, "1", "part of the optical depth that is left when dry"
        ),
    },
    lambda of, p: optical_depth(
        of["cw"], of["lai"], of["moisture_stress"], of["leaf_temperature"],
        p["lvod_of_wood"], p["lvod_of_leaf"], p["lvod_dry"],
    ),
)  # fmt: skip

OPERATORS: dict[str, Operator] = {
    "fapar": FAPAR, "sif": SIF, "ssm": SSM, "lvod": LVOD,
}  # fmt: skip
"""Name of the output and how it is made. A further operator is one more entry."""


def chosen_operators(names: object) -> dict[str, Operator]:
    """Return the operators that ``model.options.operators`` names.

    Raises
    ------
    ConfigError
        If it is no list of known names.
    """
    if not isinstance(names, Collection) or isinstance(names, str):
        names = [names]
    found = {}
    for name in names:
        if name not in OPERATORS:
            raise ConfigError(
                Problem(
                    "config.yaml",
                    "model.options.operators",
                    found=f'"{name}"',
                    wanted=f"a list of: {', '.join(OPERATORS)}",
                    hint=did_you_mean(str(name), OPERATORS),
                )
            )
        found[str(name)] = OPERATORS[str(name)]
    return found
