"""Soil profiles as observations: horizons to a fixed depth, and carbon density.

Horizons are turned into a continuous depth function by the equal-area smoothing
spline (Bishop et al. 1999; Malone et al. 2009) and averaged over the wanted depth.
Carbon density follows Zhao et al. (2022, eq. 1), whose term for rock fragments is
misprinted: ``(1 - Rv) / 100`` stands for ``(1 - Rv / 100) / 100``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from landmodels.errors import InputError

#: Smoothing that Malone et al. (2009) found best for soil carbon.
SMOOTHING = 0.1


@dataclass(frozen=True)
class DepthFunction:
    """A quadratic spline over depth.

    Attributes
    ----------
    edges : ndarray (piece + 1,)
        Depths (cm) between which the function is one polynomial.
    coefficients : ndarray (piece, 3)
        Value, slope and half the curvature at the upper edge of each piece.
    """

    edges: np.ndarray
    coefficients: np.ndarray

    def __call__(self, depth: Any) -> np.ndarray:
        """Value at a depth (cm) within the profile; NaN outside it."""
        depth = np.asarray(depth, float)
        piece = np.searchsorted(self.edges, depth, side="right") - 1
        piece = np.clip(piece, 0, len(self.coefficients) - 1)
        x = depth - self.edges[piece]
        a, b, c = self.coefficients[piece].T
        inside = (depth >= self.edges[0]) & (depth <= self.edges[-1])
        return np.where(inside, a.T + x * (b.T + x * c.T), np.nan)

    def mean(self, top: float, bottom: float) -> float:
        """Mean between two depths (cm).

        Raises
        ------
        InputError
            If the profile does not reach from ``top`` to ``bottom``.
        """
        if not (self.edges[0] <= top < bottom <= self.edges[-1]):
            raise InputError(
                "profile", found=f"{self.edges[0]:g} to {self.edges[-1]:g} cm",
                wanted=f"observations from {top:g} to {bottom:g} cm",
                hint="A profile that ends above this depth says nothing of the rest.",
            )  # fmt: skip
        lower, upper = self.edges[:-1], self.edges[1:]
        start = np.clip(lower, top, bottom) - lower
        end = np.clip(upper, top, bottom) - lower
        powers = np.array([1.0, 2.0, 3.0])
        area = (end[:, None] ** powers - start[:, None] ** powers) / powers
        return float((self.coefficients * area).sum() / (bottom - top))


def equal_area_spline(
    top: Any, bottom: Any, value: Any, *, smoothing: float = SMOOTHING
) -> DepthFunction:
    """Fit the equal-area smoothing spline to the horizons of a profile.

    The function ``f`` minimises ``mean((y_i - mean of f in horizon i)^2) + smoothing *
    integral of f'^2``. It is quadratic within horizons and linear between them, and
    its slope is continuous and 0 at both ends.

    Parameters
    ----------
    top, bottom : array (horizon,)
        Depths (cm), downwards, without overlap; gaps are allowed.
    value : array (horizon,)
        Mean of each horizon.
    smoothing : float
        The smaller, the closer horizon means are kept.

    Returns
    -------
    DepthFunction

    Raises
    ------
    InputError
        If a depth or value is missing, or horizons are empty or overlap.

    Examples
    --------
    >>> f = equal_area_spline([0, 10], [10, 40], [30.0, 10.0], smoothing=1e-8)
    >>> round(f.mean(0, 10), 3)
    30.0
    """
    top, bottom, value = _horizons(top, bottom, value)
    if not 0.0 < smoothing < np.inf:
        raise InputError("smoothing", found=str(smoothing), wanted="above 0")
    n = len(value)
    # The residual of horizon i is r_i; the slope falls by r_i / (n smoothing) in it.
    # Every number of the function is linear in the unknowns (r_1 .. r_n, f(top)).
    drop = 1.0 / (n * smoothing)
    unknowns = n + 1
    level = np.zeros(unknowns)
    level[-1] = 1.0
    slope = np.zeros(unknowns)
    rows, pieces, edges = np.zeros((unknowns, unknowns)), [], [top[0]]
    for i in range(n):
        if i > 0 and top[i] > bottom[i - 1]:
            pieces.append((level, slope, np.zeros(unknowns)))
            edges.append(top[i])
            level = level + slope * (top[i] - bottom[i - 1])
        thick = bottom[i] - top[i]
        half = np.zeros(unknowns)
        half[i] = -0.5 * drop / thick
        pieces.append((level, slope, half))
        edges.append(bottom[i])
        rows[i] = level + slope * thick / 2.0 + half * thick**2 / 3.0
        rows[i, i] += 1.0
        level = level + slope * thick + half * thick**2
        slope = slope + 2.0 * half * thick
    rows[n, :n] = 1.0
    # In units of drop the system is well scaled for any smoothing.
    scale = np.append(np.full(n, min(1.0, 1.0 / drop)), 1.0)
    solution = scale * np.linalg.solve(rows * scale, np.append(value, 0.0))
    coefficients = np.array([[part @ solution for part in piece] for piece in pieces])
    return DepthFunction(np.array(edges), coefficients)


def _horizons(top: Any, bottom: Any, value: Any) -> tuple[np.ndarray, ...]:
    arrays = [np.atleast_1d(np.asarray(a, float)) for a in (top, bottom, value)]
    if len({a.shape for a in arrays}) != 1 or arrays[0].ndim != 1 or not len(arrays[0]):
        raise InputError(
            "profile", found=f"shapes {[a.shape for a in arrays]}",
            wanted="a top, a bottom and a value for each horizon",
        )  # fmt: skip
    for name, array in zip(("top", "bottom", "value"), arrays, strict=True):
        if not np.isfinite(array).all():
            at = int(np.argmin(np.isfinite(array)))
            raise InputError(
                f"profile, horizon {at}, {name}", found=str(array[at]),
                wanted="a number", hint="A stock without a depth cannot be used.",
            )  # fmt: skip
    upper, lower = arrays[0], arrays[1]
    for i in range(len(upper)):
        if not 0.0 <= upper[i] < lower[i]:
            raise InputError(
                f"profile, horizon {i}", found=f"{upper[i]:g} to {lower[i]:g} cm",
                wanted="a bottom below the top, depths from 0 downwards",
            )  # fmt: skip
        if i > 0 and upper[i] < lower[i - 1] - 1e-9:
            raise InputError(
                f"profile, horizon {i}",
                found=f"top at {upper[i]:g}, above {lower[i - 1]:g} cm",
                wanted="horizons from the top downwards, without overlap",
            )
    return arrays[0], arrays[1], arrays[2]


def carbon_density(
    carbon: Any, bulk_density: Any, thickness: Any, rock_fragments: Any
) -> np.ndarray:
    """Soil organic carbon of a layer (kg m-2).

    Parameters
    ----------
    carbon : array
        Organic carbon of the fine earth (g kg-1).
    bulk_density : array
        Dry bulk density (g cm-3).
    thickness : array
        Thickness of the layer (cm).
    rock_fragments : array
        Volume of rock fragments (%).

    Returns
    -------
    ndarray

    Raises
    ------
    InputError
        If a value is missing or not possible: a stock without a depth, rock fragments
        over 100 %.

    References
    ----------
    Zhao et al. 2022, eq. 1, with the misprint of the last term put right.

    Examples
    --------
    >>> float(carbon_density(20.0, 1.2, 30.0, 25.0).round(3))
    5.4
    """
    checked = [
        _within("carbon", carbon, 0.0, 600.0, "g kg-1"),
        _within("bulk_density", bulk_density, 0.01, 2.7, "g cm-3"),
        _within("thickness", thickness, 1e-6, 2000.0, "cm",
                "A stock without a depth cannot be used."),
        _within("rock_fragments", rock_fragments, 0.0, 100.0, "%",
                "A fraction of 1 is 100 %."),
    ]  # fmt: skip
    soc, density, thick, rock = np.broadcast_arrays(*checked)
    return soc * density * thick * (1.0 - rock / 100.0) / 100.0


def _within(
    name: str, value: Any, low: float, high: float, unit: str, hint: str | None = None
) -> np.ndarray:
    if value is None:
        raise InputError(name, found="nothing", wanted=f"a number [{unit}]", hint=hint)
    array = np.asarray(value, float)
    bad = ~((array >= low) & (array <= high))
    if bad.any():
        at = int(np.argmax(np.atleast_1d(bad)))
        raise InputError(
            f"{name}, sample {at}" if array.ndim else name,
            found=f"{np.atleast_1d(array).ravel()[at]:g} {unit}",
            wanted=f"{low:g} to {high:g} {unit}", hint=hint,
        )  # fmt: skip
    return array


def profile_carbon_density(
    profile: Mapping[str, Any], *, depth: float = 30.0, smoothing: float = SMOOTHING
) -> float:
    """Carbon density of a profile from the surface to a depth (kg m-2).

    Carbon, bulk density and rock fragments are averaged to the depth by the spline,
    each for itself, and then multiplied, as Zhao et al. (2022) describe.

    Parameters
    ----------
    profile : mapping
        ``top``, ``bottom`` [cm], ``carbon`` [g kg-1], ``bulk_density`` [g cm-3] and
        ``rock_fragments`` [%] of each horizon.
    depth : float
        Depth (cm).
    smoothing : float
        Of :func:`equal_area_spline`.

    Raises
    ------
    InputError
        If a column is missing, the profile does not reach the depth, or a value is
        not possible.

    Examples
    --------
    >>> profile = {"top": [0, 15], "bottom": [15, 40], "carbon": [30, 10],
    ...            "bulk_density": [1.1, 1.3], "rock_fragments": [0, 0]}
    >>> round(profile_carbon_density(profile, smoothing=1e-6), 2)
    7.72
    """
    for name in ("top", "bottom", "carbon", "bulk_density", "rock_fragments"):
        if name not in profile:
            raise InputError(
                f"profile.{name}", found="nothing", wanted="a value for each horizon"
            )
    if not 0.0 < float(depth) < np.inf:
        raise InputError("depth", found=str(depth), wanted="a depth in cm, above 0")
    carbon_density(
        profile["carbon"], profile["bulk_density"], depth, profile["rock_fragments"]
    )
    means = {}
    for name in ("carbon", "bulk_density", "rock_fragments"):
        spline = equal_area_spline(
            profile["top"], profile["bottom"], profile[name], smoothing=smoothing
        )
        means[name] = spline.mean(0.0, float(depth))
    # A spline may pass 0 or 100 where a horizon sits at that limit.
    means["carbon"] = max(means["carbon"], 0.0)
    means["rock_fragments"] = min(max(means["rock_fragments"], 0.0), 100.0)
    return float(
        carbon_density(
            means["carbon"], means["bulk_density"], depth, means["rock_fragments"]
        )
    )
