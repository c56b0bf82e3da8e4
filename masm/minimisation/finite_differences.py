"""Finite differences whose steps follow from the noise and the curvature of a function.

A one-sided difference of step ``h`` is off by ``h |f''| / 2`` for the curvature of the
function and by ``2 s / h`` for its noise ``s``; a central one by ``h^2 |f'''| / 6`` and
``s / h``. The step at which the two are equal, or least together, is near the best. The
noise is that of rounding, or of a model that writes few digits.

References
----------
Gill, P. E., Murray, W., Saunders, M. A. and Wright, M. H. (1983). Computing
forward-difference intervals for numerical optimization. SIAM Journal on Scientific and
Statistical Computing 4, 310-321.
Moré, J. J. and Wild, S. M. (2011). Estimating computational noise. SIAM Journal on
Scientific Computing 33, 1292-1314.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from masm.errors import InputError
from masm.types import Array

Scheme = Literal["forward", "central"]

_ORDERS = 6  # differences of the noise's table
_SPACINGS = (1e-6, 1e-4, 1e-2)  # of its points, the first that shows any change
_TRIAL = 0.03  # step at which the curvature is measured
_LEAST, _MOST = 1e-9, 0.1


def noise_of(function: Callable[[Array], Array], x: ArrayLike, along: Array) -> float:
    """Return the noise of a function at a point: root mean square of its outputs.

    Differences of higher order of a smooth function vanish, and what is left is noise
    (Moré and Wild 2011, equation 3.1). Where neighbouring values are equal, as of a
    model that writes few digits, the points are taken farther apart.

    Parameters
    ----------
    function : callable
        ``function(points) -> (n_points, n_outputs)``; it is called with seven points.
    x : array_like (n,)
    along : ndarray (n,)
        Direction of the points, of length one.

    Returns
    -------
    float
        In the unit of the outputs; at least that of their rounding. NaN where the
        function fails.
    """
    at = np.atleast_1d(np.asarray(x, float))
    steps = np.arange(_ORDERS + 1)[:, None]
    values = np.zeros((0, 0))
    for spacing in _SPACINGS:
        values = np.asarray(function(at + spacing * steps * along), float)
        if not np.isfinite(values).all():
            return float("nan")
        changing = np.ptp(values, axis=0) > 0.0
        still = np.mean(np.diff(values[:, changing], axis=0) == 0.0)
        if changing.any() and still < 0.5:
            break
    found, table = [], values
    for k in range(1, _ORDERS + 1):
        table = np.diff(table, axis=0)
        fraction = factorial(k) ** 2 / factorial(2 * k)
        if k >= 2:
            found.append(np.sqrt(fraction * np.mean(table**2)))
    least = np.finfo(float).eps * np.sqrt(np.mean(values**2))
    return float(max(min(found), least, np.finfo(float).tiny))


def steps_by_curvature(
    function: Callable[[Array], Array],
    x: ArrayLike,
    *,
    scheme: Scheme = "forward",
    noise: float | None = None,
) -> Array:
    """Choose a step for each argument from the function's noise and curvature.

    Parameters
    ----------
    function : callable
        ``function(points) -> (n_points, n_outputs)``: all points of a stage at once, so
        that it may run them side by side. Arguments are of a scale of about one.
    x : array_like (n,)
    scheme : {"forward", "central"}
    noise : float, optional
        Root mean square of the noise of the outputs; by itself it is estimated, with 7
        to 21 points.

    Returns
    -------
    ndarray (n,)
        Steps above zero. Two more points an argument are run, or four.

    Raises
    ------
    InputError
        If the scheme is unknown, or the function is not finite about the point.

    Examples
    --------
    >>> import masm
    >>> step = masm.steps_by_curvature(np.exp, [0.0])
    >>> bool(1e-9 < step[0] < 1e-6)
    True
    """
    if scheme not in ("forward", "central"):
        raise InputError("scheme", found=repr(scheme), wanted="forward or central")
    at = np.atleast_1d(np.asarray(x, float))
    n = at.size
    if noise is None:
        noise = noise_of(function, at, np.ones(n) / np.sqrt(n))
    moves = (1.0, -1.0) if scheme == "forward" else (1.0, -1.0, 2.0, -2.0)
    points = [at, *(at + move * _TRIAL * e for move in moves for e in np.eye(n))]
    values = np.asarray(function(np.array(points)), float)
    if not (np.isfinite(values).all() and np.isfinite(noise)):
        raise InputError(
            "function", found="values that are not finite", wanted="finite values",
            hint="Take a point farther from where the function fails.",
        )  # fmt: skip
    up, down = values[1 : n + 1], values[n + 1 : 2 * n + 1]
    if scheme == "forward":
        curvature = _size(up - 2.0 * values[0] + down) / _TRIAL**2
        curvature = np.maximum(curvature, np.sqrt(6.0) * noise / _TRIAL**2)
        return np.clip(2.0 * np.sqrt(noise / curvature), _LEAST, _MOST)
    far_up, far_down = values[2 * n + 1 : 3 * n + 1], values[3 * n + 1 :]
    curvature = _size(far_up - 2.0 * up + 2.0 * down - far_down) / (2.0 * _TRIAL**3)
    curvature = np.maximum(curvature, np.sqrt(10.0) * noise / (2.0 * _TRIAL**3))
    return np.clip(np.cbrt(3.0 * noise / curvature), _LEAST, _MOST)


def finite_differences(
    function: Callable[[Array], Array],
    x: ArrayLike,
    *,
    scheme: Scheme = "forward",
    steps: ArrayLike | None = None,
) -> Array:
    """Return the Jacobian of a function by finite differences, (n_outputs, n).

    Parameters
    ----------
    function : callable
        ``function(points) -> (n_points, n_outputs)``; NaN where it fails.
    x : array_like (n,)
    scheme : {"forward", "central"}
        One point an argument and one more, or two an argument.
    steps : array_like (n,), optional
        Above or below zero; by themselves chosen by `steps_by_curvature`.

    Raises
    ------
    InputError
        If the scheme is unknown, or a step is zero or no number.

    Examples
    --------
    >>> import masm
    >>> rows = masm.finite_differences(lambda x: x**3, [2.0], scheme="central")
    >>> bool(abs(rows[0, 0] - 12.0) < 1e-7)
    True
    """
    at = np.atleast_1d(np.asarray(x, float))
    if steps is None:
        steps = steps_by_curvature(function, at, scheme=scheme)
    h = np.broadcast_to(np.asarray(steps, float), at.shape)
    if not (np.isfinite(h).all() and (h != 0.0).all()):
        raise InputError("steps", found=f"{h}", wanted="numbers other than zero")
    if scheme == "forward":
        values = np.asarray(function(np.vstack([at, at + np.diag(h)])), float)
        return np.asarray(((values[1:] - values[0]) / h[:, None]).T)
    if scheme != "central":
        raise InputError("scheme", found=repr(scheme), wanted="forward or central")
    moved = np.vstack([at + np.diag(h), at - np.diag(h)])
    values = np.asarray(function(moved), float)
    return np.asarray(((values[: at.size] - values[at.size :]) / (2.0 * h[:, None])).T)


def _size(values: Array) -> Array:
    """Root mean square over outputs, (n_points,)."""
    return np.asarray(np.sqrt(np.mean(values**2, axis=1)))
