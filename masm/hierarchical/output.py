"""Draws of a hierarchical calibration as a labelled dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from masm.errors import InputError
from masm.hierarchical.sampler import HierarchicalDraws

if TYPE_CHECKING:
    import xarray as xr


def to_dataset(draws: HierarchicalDraws, names: Sequence[str]) -> xr.Dataset:
    """Label draws; written as the group ``posterior`` of a file, ArviZ opens it.

    Parameters
    ----------
    draws : HierarchicalDraws
    names : sequence of str, (p,)
        Names of the parameters.

    Returns
    -------
    xarray.Dataset
        Over (chain, draw): a variable for each parameter, also over site;
        ``group_mean`` over parameter, ``group_covariance`` over parameter and
        parameter_2; ``from_group`` says which sites had no observations. Values are
        those of the unbounded transform.

    Raises
    ------
    InputError
        Another number of names, or a name that is given twice.

    Examples
    --------
    >>> from masm.hierarchical import GroupPrior, sample_hierarchy
    >>> import numpy as np
    >>> prior = GroupPrior(np.zeros(1), np.eye(1), 5.0, np.eye(1))
    >>> draws = sample_hierarchy({"a": None}, prior, seed=1, n_draws=5, n_warm=0)
    >>> dict(to_dataset(draws, ["q10"])["q10"].sizes)
    {'chain': 8, 'draw': 5, 'site': 1}
    """
    import xarray as xr

    p = draws.mean.shape[-1]
    taken = {"group_mean", "group_covariance", "from_group"}
    if len(names) != p or len(set(names) - taken) != p:
        raise InputError(
            "names of parameters", found=", ".join(names), wanted=f"{p} different ones"
        )
    data = {
        name: (("chain", "draw", "site"), draws.theta[..., j])
        for j, name in enumerate(names)
    }
    group = {
        "group_mean": (("chain", "draw", "parameter"), draws.mean),
        "group_covariance": (
            ("chain", "draw", "parameter", "parameter_2"), draws.covariance,
        ),
        "from_group": (("site",), draws.from_group),
    }  # fmt: skip
    coords = {
        "site": list(draws.sites),
        "parameter": list(names),
        "parameter_2": list(names),
    }
    note = "parameters in the unbounded transform of their priors"
    return xr.Dataset({**data, **group}, coords, {"comment": note})
