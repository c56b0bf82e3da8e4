"""The table of the model's parameters, and the check of parameter values.

The table is data (``parameters.csv``): the 24 parameters of Table 1 of Zhao et al.
(2022) with their priors, then the fixed ones with the limits within which the
equations make sense.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from landmodels.century.physics.layout import PARAMETERS
from landmodels.errors import InputError

#: Classes of the parameter defaults.
ECOSYSTEMS = ("meadow", "steppe")
#: Parameters that are whole numbers.
_WHOLE = ("nlayer", "nlaypg", "frst", "senm", "last")


@cache
def _table() -> pd.DataFrame:
    source = files("landmodels.century").joinpath("parameters.csv")
    with source.open(encoding="utf-8") as f:
        return pd.read_csv(f, keep_default_na=False).set_index("id")


@cache
def _limits() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least and largest value of each parameter, and whether it is a whole number."""
    table = _table().loc[list(PARAMETERS)]
    return (
        table["min"].to_numpy(float), table["max"].to_numpy(float),
        np.isin(PARAMETERS, _WHOLE),
    )  # fmt: skip


def parameter_table() -> pd.DataFrame:
    """Parameters, one row each, indexed by id.

    Returns
    -------
    pandas.DataFrame
        Columns ``name`` (the label of CENTURY and of the paper), ``module,
        description, unit, default`` (meadow), ``default_steppe, min, max, calibrated``
        ("yes" for the 24 of the paper, whose ``min`` and ``max`` are its uniform
        prior), ``constrained_by`` (streams joined by ";"). Values are in the row's
        unit; all rates of decomposition are per year.

    Examples
    --------
    >>> table = parameter_table()
    >>> int((table["calibrated"] == "yes").sum())
    24
    >>> float(table.loc["ppdf_1", "default_steppe"])
    16.0
    """
    return _table().copy()


def defaults(ecosystem: str) -> pd.Series:
    """Default values of a class, by parameter id."""
    if ecosystem not in ECOSYSTEMS:
        raise InputError(
            "ecosystem", found=repr(ecosystem), wanted=" or ".join(ECOSYSTEMS)
        )
    return _table()["default" if ecosystem == "meadow" else "default_steppe"]


@cache
def _default_row(ecosystem: str) -> np.ndarray:
    """Default values of a class, in the kernel's order."""
    return defaults(ecosystem)[list(PARAMETERS)].to_numpy(float)


def parameters_by_class(
    ecosystem: xr.DataArray, values: Mapping[str, Mapping[str, float]]
) -> xr.Dataset:
    """Spread parameter values of ecosystem classes over cells.

    Parameters
    ----------
    ecosystem : xarray.DataArray (cell)
        Class of each cell, "meadow" or "steppe".
    values : mapping
        For a class, its values by parameter id. A class or parameter that is not
        named takes the class's default.

    Returns
    -------
    xarray.Dataset
        The named parameters over ``cell``.

    Raises
    ------
    InputError
        If a class is named that the model does not know or that no cell has.

    Examples
    --------
    >>> cells = xr.DataArray(["meadow", "steppe"], dims="cell")
    >>> parameters_by_class(cells, {"steppe": {"rdr": 0.1}})["rdr"].values
    array([0.2, 0.1])
    """
    present = sorted(set(map(str, np.atleast_1d(ecosystem.values))))
    for name in values:
        if name not in present:
            raise InputError(
                f"parameters of class {name!r}", found="no cell of this class",
                wanted="a class that cells have: " + ", ".join(present),
            )  # fmt: skip
    ids = list(dict.fromkeys(k for given in values.values() for k in given))
    for name in ids:
        _known(name)
    columns = {}
    for name in ids:
        by_class = {c: values.get(c, {}).get(name, defaults(c)[name]) for c in present}
        columns[name] = (
            ecosystem.dims,
            np.array([by_class[str(c)] for c in ecosystem.values], float),
        )
    return xr.Dataset(columns, coords=ecosystem.coords)


def _known(name: str) -> None:
    table = _table()
    if name in table.index:
        return
    labels = dict(zip(table["name"], table.index, strict=True))
    close = difflib.get_close_matches(name, table.index, 1)
    hint = None
    if name in labels:
        hint = f"{name} is the label of {labels[name]!r}."
    elif close:
        hint = f"Did you mean {close[0]!r}?"
    raise InputError(
        f"parameters.{name}", found="a name that the model does not know",
        wanted="an id of landmodels.century.parameter_table()", hint=hint,
    )  # fmt: skip


def parameter_array(
    parameters: xr.Dataset | Mapping[str, Any],
    ecosystems: Sequence[str],
    has_cells: bool,
) -> np.ndarray:
    """Checked values, (sample, cell, parameter), in the kernel's order.

    Plain arrays run over samples. What is missing takes the default of the cell's
    class.
    """
    given = {str(k): _labelled(v, str(k), has_cells) for k, v in parameters.items()}
    for name in given:
        _known(name)
    n_cells = len(ecosystems)
    n_samples = _common_size(given, "sample", 1)
    if _common_size(given, "cell", n_cells) != n_cells:
        raise InputError(
            "parameters", found=f"values of {_common_size(given, 'cell', 0)} cells",
            wanted=f"one for each of {n_cells} cells",
        )  # fmt: skip
    values = np.empty((n_samples, n_cells, len(PARAMETERS)))
    values[:] = np.stack([_default_row(e) for e in ecosystems])
    for j, name in enumerate(PARAMETERS):
        if name in given:
            array = given[name]
            order = [d for d in ("sample", "cell") if d in array.dims]
            numbers = array.transpose(*order).values
            if order == ["sample"]:
                numbers = numbers[:, None]
            values[:, :, j] = numbers
    check_values(values)
    return values


def _labelled(value: Any, name: str, has_cells: bool) -> xr.Variable:
    where = f"parameters.{name}"
    if isinstance(value, xr.DataArray):
        extra = set(value.dims) - ({"sample", "cell"} if has_cells else {"sample"})
        if extra:
            raise InputError(
                where, found=f"dimensions {value.dims}",
                wanted="sample" + (" or cell" if has_cells else ""),
            )  # fmt: skip
    try:
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as exc:
        raise InputError(
            where, found=repr(value), wanted="a number, or one for each sample"
        ) from exc
    if isinstance(value, xr.DataArray):
        return xr.Variable(value.dims, numbers)
    if numbers.ndim > 1:
        raise InputError(
            where, found=f"shape {numbers.shape}",
            wanted="a number, or one for each sample",
        )  # fmt: skip
    return xr.Variable(("sample",)[: numbers.ndim], numbers)


def _common_size(given: Mapping[str, xr.Variable], dim: str, absent: int) -> int:
    sizes = {a.sizes[dim] for a in given.values() if dim in a.dims}
    if len(sizes) > 1 or 0 in sizes:
        raise InputError(
            "parameters", found=f"arrays of {sorted(sizes)} values over {dim}",
            wanted=f"as many values of each parameter as there are {dim}s, at least 1",
        )  # fmt: skip
    return sizes.pop() if sizes else absent


def check_values(values: np.ndarray) -> None:
    """Refuse values, (sample, cell, parameter), that the model cannot run with."""
    low, high, whole = _limits()
    slack = 1e-9 * (high - low)
    inside = (values >= low - slack) & (values <= high + slack)
    inside &= ~whole | (values == np.round(values))
    if not inside.all():
        at = tuple(np.argwhere(~inside)[0])
        name = PARAMETERS[at[2]]
        row = _table().loc[name]
        word = "a whole number, " if name in _WHOLE else ""
        raise InputError(
            f"parameters.{name}, sample {at[0]}, cell {at[1]}",
            found=f"{values[at]:g} {row.unit}",
            wanted=f"{word}{row['min']:g} to {row['max']:g} {row.unit}",
            hint="The bounds are those of landmodels.century.parameter_table().",
        )
    for lower, upper in (("ppdf_1", "ppdf_2"), ("aneref_1", "aneref_2")):
        a = values[:, :, PARAMETERS.index(lower)]
        b = values[:, :, PARAMETERS.index(upper)]
        _order(a < b, a, b, f"{_label(upper)} above {_label(lower)}",
               f"parameters.{lower} and {upper}")  # fmt: skip
    a = values[:, :, PARAMETERS.index("nlaypg")]
    b = values[:, :, PARAMETERS.index("nlayer")]
    _order(a <= b, a, b, "nlaypg at most nlayer", "parameters.nlaypg and nlayer")


@cache
def _label(name: str) -> str:
    """A parameter as CENTURY writes it."""
    return str(_table().loc[name, "name"])


def _order(good, a, b, wanted, where) -> None:
    if not good.all():
        at = tuple(np.argwhere(~good)[0])
        raise InputError(
            f"{where}, sample {at[0]}, cell {at[1]}",
            found=f"{a[at]:g} and {b[at]:g}", wanted=wanted,
            hint="Such a proposal is outside the model: count it as rejected.",
        )  # fmt: skip
