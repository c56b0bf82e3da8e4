"""Cloud cover of days whose sun is too low to derive it from light.

Cloud cover is made of the light that comes through. In the polar night nothing comes
in above, and for some days around it so little that a sensor's own error is larger.
What the clouds were on such days cannot be known from light. Models still want a
value, because clouds also send longwave radiation down. The stated substitute is a
straight line from the mean of the last lit days before to the mean of the first after.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landdata.meteorology.radiation import transmissivity

Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]

LEAST_LIGHT = 0.5
"""Least light above the atmosphere to derive cloud cover [MJ m-2 d-1], some 6 W m-2.

The zero of a good pyranometer is known to 2 to 5 W m-2 (ISO 9060). Of days south of
64 degrees none has less.
"""

MEANS_OVER = 15  # lit days on each side of the night


def bridged(cloud: Floats, above: Floats) -> tuple[Floats, Marks]:
    """Put a substitute for the cloud cover of days with too little sun.

    Parameters
    ----------
    cloud : numpy.ndarray (time,) or (pixel, time)
        Cloud cover of consecutive days [1], 0 to 1; what dim days have is not used.
    above : numpy.ndarray, of the same shape
        Shortwave above the atmosphere [MJ m-2 d-1].

    Returns
    -------
    cloud : numpy.ndarray
        On a run of days with less than ``LEAST_LIGHT``: the line between the means of
        the 15 nearest known days before and after it. At an end of the record the one
        mean that there is; NaN where no lit day has a value at all.
    dim : numpy.ndarray of bool
        Those days.

    Examples
    --------
    >>> light = np.array([9.0, 9.0, 0.0, 0.0, 0.0, 9.0])
    >>> bridged(np.array([0.1, 0.3, np.nan, np.nan, np.nan, 0.6]), light)[0]
    array([0.1, 0.3, 0.3, 0.4, 0.5, 0.6])
    """
    dim = above < LEAST_LIGHT
    if not dim.any():
        return cloud, dim
    found = np.where(dim, np.nan, cloud)
    rows = found.reshape(-1, found.shape[-1])
    marks = dim.reshape(rows.shape)
    for k in np.flatnonzero(marks.any(axis=1)):
        _bridge_row(rows[k], marks[k])
    return rows.reshape(found.shape), dim


def _bridge_row(row: Floats, dim: Marks) -> None:
    """Fill the dim days of one place in place."""
    edges = np.flatnonzero(np.diff(np.r_[False, dim, False].astype(np.int8)))
    known = np.flatnonzero(np.isfinite(row))
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        at = int(np.searchsorted(known, first))
        before = row[known[max(at - MEANS_OVER, 0) : at]]
        after = row[known[at : at + MEANS_OVER]]
        if not (before.size or after.size):
            continue
        start = float(before.mean()) if before.size else float(after.mean())
        end = float(after.mean()) if after.size else start
        row[first:stop] = np.linspace(start, end, stop - first + 2)[1:-1]


def lit_through(cloud: Floats, above: Floats, light: Floats) -> tuple[Floats, Marks]:
    """Light on dim days that have none measured: none at night, little at dusk.

    Parameters
    ----------
    cloud, above : numpy.ndarray
        As ``bridged`` takes them.
    light : numpy.ndarray
        Shortwave at the ground [MJ m-2 d-1]; NaN where it was not measured.

    Returns
    -------
    light : numpy.ndarray
        With the missing dim days as the bridged cloud cover lets light through.
    filled : numpy.ndarray of bool
        Those days.

    Examples
    --------
    >>> above = np.array([9.0, 0.0, 9.0])
    >>> cloud = np.array([0.5, np.nan, 0.5])
    >>> lit_through(cloud, above, np.array([4.5, np.nan, np.nan]))[0]
    array([4.5, 0. , nan])
    """
    whole, dim = bridged(cloud, above)
    filled = dim & np.isnan(light) & np.isfinite(whole)
    return np.where(filled, transmissivity(whole) * above, light), filled
