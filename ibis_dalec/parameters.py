"""The table of the model's 33 parameters: defaults, bounds, units and roles.

The table is data (``parameters.csv``; Table 2 of Ma et al. 2022 with the notes of
the specification). It drives priors, maps, plots and reports.
"""

from functools import cache
from importlib.resources import files

import pandas as pd


@cache
def _table() -> pd.DataFrame:
    with files("ibis_dalec").joinpath("parameters.csv").open(encoding="utf-8") as f:
        return pd.read_csv(f, keep_default_na=False).set_index("id")


def parameter_table() -> pd.DataFrame:
    """Parameters, one row each, indexed by id.

    Returns
    -------
    pandas.DataFrame
        Columns ``name, module, description, unit, default, min, max, calibrated
        ("yes"/"no"), constrained_by (streams joined by ";"),
        role_in_ibis_dalec, note``; ``default``, ``min`` and ``max`` are in the
        row's unit.

    Examples
    --------
    >>> from ibis_dalec import parameter_table
    >>> row = parameter_table().loc["vmax"]
    >>> row["unit"], float(row["min"]), float(row["max"])
    ('mol CO2 m-2 s-1', 2e-05, 8e-05)
    """
    return _table().copy()
