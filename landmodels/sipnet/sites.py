"""Drivers of several sites side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from landmodels.sipnet.drivers import stamp, validate_forcing
from landmodels.sipnet.errors import InputError


def join_sites(sites: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Put the drivers of several sites side by side, for `simulate_batch`.

    Parameters
    ----------
    sites : mapping of str to xarray.Dataset
        Name of each site and its drivers, as for `validate_forcing`. All have the
        same number of steps on the same dates; hours and lengths may differ.

    Returns
    -------
    xarray.Dataset
        The drivers over (site, time); ``time`` holds the starts at the first site.

    Raises
    ------
    InputError
        If a site's drivers cannot be used, or the sites do not go together.

    Examples
    --------
    >>> join_sites({})
    Traceback (most recent call last):
        ...
    landmodels.errors.InputError: forcing
      found   no site
      wanted  at least one site
    """
    if not sites:
        raise InputError("forcing", found="no site", wanted="at least one site")
    clean = {
        str(name): validate_forcing(one, where=f"forcing, site {name}")
        for name, one in sites.items()
    }
    check_sites(clean)
    first = next(iter(clean.values()))
    variables = {
        name: (
            ("site", "time"),
            np.stack([one[name].values for one in clean.values()]),
            first[name].attrs,
        )
        for name in first
    }
    coords = {"site": list(clean), "time": first["time"]}
    return xr.Dataset(variables, coords=coords, attrs=first.attrs)


def check_sites(clean: Mapping[str, xr.Dataset]) -> None:
    """Refuse sites whose steps are not the same in number and date."""
    names = list(clean)
    first = clean[names[0]]
    for name in names[1:]:
        other = clean[name]
        if other.sizes["time"] != first.sizes["time"]:
            raise InputError(
                f"forcing, site {name}  time",
                found=f"{other.sizes['time']} steps, but {first.sizes['time']} at "
                f"site {names[0]}",
                wanted="the same number of steps at all sites",
                hint="Cut them to a common period, or run the sites one by one.",
            )
        same = (other["year"].values == first["year"].values) & (
            other["day"].values == first["day"].values
        )
        if not same.all():
            step = int(np.argmin(same))
            raise InputError(
                f"forcing, site {name}  time, step {step}",
                found=f"{stamp(other['time'].values[step])}, but "
                f"{stamp(first['time'].values[step])} at site {names[0]}",
                wanted="the same date at all sites",
                hint="Cut them to a common period, or run the sites one by one.",
            )


def split_sites(forcing: xr.Dataset) -> dict[str, xr.Dataset]:
    """Drivers of each site of a Dataset with a dimension ``site``, checked."""
    labels = (
        [str(v) for v in forcing["site"].values]
        if "site" in forcing.coords
        else [str(i) for i in range(forcing.sizes["site"])]
    )
    if not labels:
        raise InputError("forcing", found="no site", wanted="at least one site")
    clean = {}
    for i, label in enumerate(labels):
        one = forcing.isel(site=i, drop=True)
        _check_padding(one, label)
        if "hour" in forcing.variables and "site" in forcing["hour"].dims:
            one = one.drop_vars("time", errors="ignore")  # the first site's starts
        clean[label] = validate_forcing(one, where=f"forcing, site {label}")
    if len(clean) < len(labels):
        raise InputError(
            "forcing.site", found=", ".join(labels), wanted="each site once"
        )
    check_sites(clean)
    return clean


def _check_padding(one: xr.Dataset, label: str) -> None:
    """Sites of different lengths, joined by xarray, have NaN at an end."""
    if "tair" not in one or one["tair"].dtype.kind != "f":
        return
    known = np.isfinite(one["tair"].values)
    n = known.size
    if known.ndim == 1 and n and known.any() and not (known[0] and known[-1]):
        raise InputError(
            f"forcing, site {label}  tair",
            found=f"values from step {int(np.argmax(known))} to "
            f"{n - 1 - int(np.argmax(known[::-1]))} of {n} steps",
            wanted="the same number of steps at all sites, each with values",
            hint="Cut the sites to a common period, or run them one by one.",
        )
