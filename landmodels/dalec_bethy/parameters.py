"""The table of parameters, and the priors of each vegetation type.

``parameters.csv`` says what a parameter is; ``priors.csv`` holds prior mean, standard
deviation and transform of each type. The means of TmEv, EvCn, EShr and C3Gr are those
printed in a published course on the authors' program; those of TmSg are ours.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landmodels.dalec_bethy.control import Control, transform
from landmodels.dalec_bethy.equations.day import PARAMETERS, STATES
from landmodels.errors import InputError

Array = NDArray[np.float64]

#: Initial carbon pools, in the order of the states.
POOLS = tuple(f"{name}0" for name in STATES[:6])
#: What is calibrated in a tile: 17 process parameters and 6 initial pools.
CALIBRATED = (*PARAMETERS, *POOLS)
#: Bounds of a control, in prior standard deviations.
BOUND = 4.0
DEFAULT_TYPE = "TmSg"


@cache
def _read(name: str) -> pd.DataFrame:
    with files("landmodels.dalec_bethy").joinpath(name).open(encoding="utf-8") as f:
        return pd.read_csv(f, keep_default_na=False)


def vegetation_types() -> tuple[str, ...]:
    """Vegetation types that have priors.

    Examples
    --------
    >>> vegetation_types()
    ('TmEv', 'EvCn', 'EShr', 'C3Gr', 'TmSg')
    """
    return tuple(dict.fromkeys(_read("priors.csv")["type"]))


def check_type(vegetation_type: str) -> None:
    """Refuse a vegetation type that has no priors."""
    if vegetation_type not in vegetation_types():
        raise InputError(
            "vegetation_type",
            found=repr(vegetation_type),
            wanted=f"one of {', '.join(vegetation_types())}",
        )


def parameter_table(vegetation_type: str = DEFAULT_TYPE) -> pd.DataFrame:
    """Parameters, one row each, indexed by id.

    Parameters
    ----------
    vegetation_type : str
        One of :func:`vegetation_types`.

    Returns
    -------
    pandas.DataFrame
        Columns ``name, module, description, unit, kind ("process", "pool" or
        "fixed"), default, sd, transform, min, max``; numbers are in the row's unit.
        ``min`` and ``max`` are 4 standard deviations from the prior mean, through the
        transform.

    Raises
    ------
    InputError
        Where the type has no priors.

    Examples
    --------
    >>> float(parameter_table("EvCn").loc["vm", "default"])
    2.9e-05
    """
    check_type(vegetation_type)
    table = _read("parameters.csv").set_index("id")
    priors = _read("priors.csv")
    own = priors[priors["type"] == vegetation_type].set_index("id").loc[table.index]
    table["default"] = own["prior"]
    table["sd"] = own["sd"]
    table["transform"] = own["transform"]
    table["min"] = table["max"] = own["prior"]
    free = [i for i in table.index if table.loc[i, "kind"] != "fixed"]
    controls = priors_of(vegetation_type)
    for column, x in (("min", -BOUND), ("max", BOUND)):
        values, _ = transform(controls, np.full(len(controls), x))
        table.loc[free, column] = values
    return table


@cache
def plausible_range(name: str) -> tuple[float, float]:
    """Range that no value of a parameter can leave; wide, to catch a wrong unit.

    A hundred times beyond the extremes of all types for what is positive, 0 to 1 for
    a fraction, a year around the calendar for a day. A pool may be 0.
    """
    rows = _read("priors.csv")
    rows = rows[rows["id"] == name]
    kind = str(rows["transform"].iloc[0])
    if kind == "logit":
        return 1e-6, 1.0 - 1e-6
    if kind == "gauss":
        return -366.0, 732.0
    prior = rows["prior"].to_numpy(float)
    low = 0.0 if name in POOLS else float(prior.min()) / 100.0
    return low, float(prior.max()) * 100.0


def priors_of(vegetation_type: str) -> list[Control]:
    """Priors of the 17 process parameters and 6 initial pools of a type."""
    check_type(vegetation_type)
    priors = _read("priors.csv")
    own = priors[priors["type"] == vegetation_type].set_index("id")
    own = own.loc[list(CALIBRATED)]
    columns = (own["prior"].to_numpy(float), own["sd"].to_numpy(float))
    return [
        Control(name, float(prior), float(sd), str(kind))
        for name, prior, sd, kind in zip(
            CALIBRATED, *columns, own["transform"], strict=True
        )
    ]


def fixed_of(vegetation_type: str) -> tuple[float, float]:
    """Electron transport ratio (1) and aerodynamic conductance (m s-1) of a type."""
    check_type(vegetation_type)
    priors = _read("priors.csv")
    own = priors[priors["type"] == vegetation_type].set_index("id")["prior"]
    return float(own["jv"]), float(own["ga"])
