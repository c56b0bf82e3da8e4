"""The observation operator of a filter from names of sites and states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from masm.errors import InputError

Array = NDArray[np.float64]


def observation_operator(
    sites: Sequence[str], states: Sequence[str], observed: Sequence[tuple[str, str]]
) -> Array:
    """Say which state of which site each observation is of.

    Parameters
    ----------
    sites : sequence of str, (n_sites,)
    states : sequence of str, (q,)
        States that the model gives at every site.
    observed : sequence of (site, state), (n_obs,)

    Returns
    -------
    ndarray, (n_obs, n_sites * q)
        Rows with a single one. All states of a site are side by side.

    Raises
    ------
    InputError
        A name that is given twice, or an observation of a site or state that is not
        there.

    Examples
    --------
    >>> observation_operator(["a", "b"], ["wood", "lai"], [("b", "lai")])
    array([[0., 0., 0., 1.]])
    """
    places = {
        "site": {str(name): i for i, name in enumerate(sites)},
        "state": {str(name): i for i, name in enumerate(states)},
    }
    for kind, names in (("site", sites), ("state", states)):
        if len(places[kind]) != len(names) or not len(names):
            raise InputError(
                f"names of {kind}s",
                found=", ".join(map(str, names)) or "none",
                wanted="at least one, each once",
            )
    operator = np.zeros((len(observed), len(sites) * len(states)))
    for row, (site, state) in enumerate(observed):
        for kind, name in (("site", site), ("state", state)):
            if str(name) not in places[kind]:
                raise InputError(
                    f"observation {row} is of a {kind} that no model gives",
                    found=repr(name),
                    wanted=f"one of {', '.join(places[kind])}",
                )
        column = places["site"][str(site)] * len(states) + places["state"][str(state)]
        operator[row, column] = 1.0
    return operator
