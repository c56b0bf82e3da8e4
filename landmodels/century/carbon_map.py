"""Dead carbon as a linear map over a forcing cycle (section 14.2).

With litter, climate factors, lignin and the dissolved fraction given, the nine dead
carbon pools follow ``c -> (I + B K) c`` in each step, because a refused nitrogen
transfer does not stop the carbon. This module builds that map from a run. It tells
what a change of turnover does to the equilibrium, and it checks the stepped model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from landmodels.century.drivers import validate_forcing
from landmodels.century.physics.layout import (
    METAB1,
    METAB2,
    SOM3,
    SOM11,
    SOM12,
    SOM21,
    SOM22,
    STEPS_PER_MONTH,
    STRUC1,
    STRUC2,
    columns,
)
from landmodels.century.run.equilibrium import annual_precipitation
from landmodels.century.run.task import advance, make_task, make_weather, state_array
from landmodels.errors import InputError

_FIELDS = ("rate", "mix_rate", "doc_fraction", "passive_gain", "anerb", "litter_c",
           "strlig", "co2_fraction1", "co2_fraction2", "to_passive1",
           "to_passive2")  # fmt: skip


def carbon_map(
    forcing: xr.Dataset,
    parameters: Mapping[str, float] | None = None,
    *,
    initial_state: xr.Dataset | xr.DataArray,
    variant: int | str = 46,
    ecosystem: str | None = None,
    co2_effect: bool = False,
    surface_texture_co2: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Linear map of the dead carbon pools over one pass through the forcing.

    Parameters
    ----------
    forcing, parameters, variant, ecosystem, co2_effect, surface_texture_co2
        As for :func:`landmodels.century.simulate`, one cell.
    initial_state : xarray.Dataset or xarray.DataArray
        State at the start of the pass.

    Returns
    -------
    phi : ndarray (9, 9)
        Carbon of pool j at the start that is in pool i at the end (1), in the order
        of ``landmodels.century.physics.layout.DEAD_POOLS``.
    g : ndarray (9,)
        What the litter of the pass leaves in each pool (g m-2).

    Raises
    ------
    InputError
        If the input cannot be used, or if so little mineral nitrogen is left that
        pools rest: the map is then not linear.
    """
    clean = validate_forcing(forcing, co2=co2_effect)
    if "cell" in clean.dims:
        raise InputError("forcing", found="a dimension cell", wanted="one cell")
    task = make_task(
        clean, annual_precipitation(clean), parameters, variant, ecosystem,
        surface_texture_co2,
    )  # fmt: skip
    if task.n_lanes != 1:
        raise InputError("parameters", found=f"{task.n_lanes} samples", wanted="one")
    where = {name: columns(name) for name in (*_FIELDS, "minerl")}
    recorded = np.concatenate([where[n] for n in where]).astype(np.int64)
    n = clean.sizes["time"]
    state = state_array(initial_state, task)
    if state is None:
        raise InputError("initial_state", found="nothing", wanted="a state")
    _, out = advance(
        task, make_weather(clean, co2_effect), state, 1, recorded, np.arange(n), n
    )
    months = {}
    at = 0
    for name, places in where.items():
        months[name] = out[0, :, at : at + len(places)]
        at += len(places)
    if not (months["minerl"][:, 0] > 1e-6).all():
        raise InputError(
            "initial_state", found="months without mineral nitrogen",
            wanted="a state from which decomposition never rests",
        )  # fmt: skip
    lignin = state[0, columns("strlig")]
    phi, g = np.eye(9), np.zeros(9)
    for t in range(n):
        values = {name: series[t] for name, series in months.items()}
        step = np.eye(9) + transfer_matrix(
            values, lignin, task.parameters[0], task.variant45
        )
        month = np.linalg.matrix_power(step, STEPS_PER_MONTH)
        phi, g = month @ phi, month @ g
        g[[STRUC1, STRUC2, METAB1, METAB2]] += values["litter_c"]
        lignin = values["strlig"]
    return phi, g


def transfer_matrix(
    month: Mapping[str, np.ndarray], lignin: np.ndarray, p: Any, variant45: bool
) -> np.ndarray:
    """Matrix ``B K`` of one step: what each pool loses and where it goes.

    Parameters
    ----------
    month : mapping
        Numbers of the month, by name of the lane's field.
    lignin : ndarray (2,)
        Lignin fraction of structural litter at the start of the month.
    p : record
        Parameters, as in the kernel.
    variant45 : bool

    Returns
    -------
    ndarray (9, 9)
        ``dc = matrix @ c`` of one step, a quarter of a month.
    """
    slow1 = SOM22 if variant45 else SOM21
    fraction2, gain = month["co2_fraction2"][0], month["passive_gain"][0]
    passive1 = month["to_passive1"][0] * gain
    passive2 = month["to_passive2"][0] * gain
    rest = max(1.0 - fraction2 - passive1 - month["doc_fraction"][0], 0.0)
    fractions = {
        STRUC1: {slow1: lignin[0] * (1 - p["rsplig"]),
                 SOM11: (1 - lignin[0]) * (1 - p["ps1co2_1"])},
        STRUC2: {SOM22: lignin[1] * (1 - p["rsplig"]),
                 SOM12: (1 - lignin[1]) * (1 - p["ps1co2_2"])},
        METAB1: {SOM11: 1 - p["pmco2_1"]},
        METAB2: {SOM12: 1 - p["pmco2_2"]},
        SOM11: {slow1: 1 - month["co2_fraction1"][0]},
        SOM12: {SOM3: passive1, SOM22: rest},
        SOM21: {SOM11: 1 - p["p2co2_1"]},
        SOM22: {SOM3: passive2, SOM12: 1 - p["p2co2_2"] - passive2},
        SOM3: {SOM12: 1 - p["p3co2"] * month["anerb"][0]},
    }  # fmt: skip
    matrix = np.zeros((9, 9))
    for a, targets in fractions.items():
        matrix[a, a] -= month["rate"][a]
        for b, fraction in targets.items():
            matrix[b, a] += fraction * month["rate"][a]
    matrix[SOM21, SOM21] -= month["mix_rate"][0]
    matrix[SOM22, SOM21] += month["mix_rate"][0]
    return matrix
