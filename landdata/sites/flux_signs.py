"""Signs of a tower's carbon fluxes, compared with each other.

gpp and er are losses and gains of one kind each; nee is er - gpp, positive for
release. A column with the other sign lies well within its limits: only the others
show it.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from landdata.errors import InputError

_LEAST = 30  # values below which nothing is said
_MOSTLY = 0.9


def refuse_other_signs(dataset: xr.Dataset, where: str) -> None:
    """Refuse gpp or er that is below zero nearly always, or nee of the other sign.

    Parameters
    ----------
    dataset : xarray.Dataset
        Over ``time``; those of gpp, er and nee that it has.
    where : str
        File, for the error.

    Raises
    ------
    InputError
        Naming the flux.
    """
    for name in ("gpp", "er"):
        if name not in dataset:
            continue
        known = dataset[name].to_numpy()
        known = known[np.isfinite(known)]
        if known.size >= _LEAST and (known < 0.0).mean() > _MOSTLY:
            raise InputError(
                f"{where}  {name}",
                found=f"{100 * (known < 0).mean():.0f} % of the values below zero, "
                f"mean {known.mean():.2f}",
                wanted=f"{name} above zero",
                hint="The sign is the other: multiply the column by -1.",
            )
    if not {"gpp", "er", "nee"} <= set(dataset.data_vars):
        return
    balance = (dataset["er"] - dataset["gpp"]).to_numpy()
    nee = dataset["nee"].to_numpy()
    both = np.isfinite(balance) & np.isfinite(nee)
    if both.sum() < _LEAST or min(balance[both].std(), nee[both].std()) == 0.0:
        return
    r = float(np.corrcoef(balance[both], nee[both])[0, 1])
    if r < -0.5:
        raise InputError(
            f"{where}  nee",
            found=f"a correlation of {r:+.2f} with er - gpp",
            wanted="nee = er - gpp, positive for release",
            hint="It is the net uptake (nep): multiply the column by -1.",
        )
