"""One step of each kind, for some thirty stocks, where calls of numpy cost the most.

Sums run in a fixed order, so that a result does not depend on the library of linear
algebra that numpy was built with.
"""

from pathlib import Path

import numpy as np

from landmodels.kernels.compile import entry_point, routine, source_digest

_FOLDER = Path(__file__).parent
_DIGEST = source_digest(_FOLDER)


def _relative_change(before, after, floor):
    """Largest relative change of the stocks above ``floor``; NaN without numbers."""
    most = 0.0
    for i in range(after.shape[0]):
        if not (np.isfinite(after[i]) and np.isfinite(before[i])):
            return np.nan
        size = abs(after[i])
        if size > floor:
            most = max(most, abs(after[i] - before[i]) / size)
    return most


_change = routine(_relative_change)


@routine
def _limited(before, after, wanted, least, most):
    """Keep a positive stock within multiples of its values before and after."""
    low, high = least * min(before, after), most * max(before, after)
    if low > 0.0 and wanted < low:
        return low
    if low > 0.0 and wanted > high:
        return high
    return wanted


@routine
def _times(matrix, vector):
    """Matrix times vector."""
    product = np.zeros(matrix.shape[0])
    for i in range(matrix.shape[0]):
        total = 0.0
        for j in range(matrix.shape[1]):
            total += matrix[i, j] * vector[j]
        product[i] = total
    return product


@routine
def _correct(inverse, step, drop):
    """Broyden's rank-one update of an inverse, in place, where it is well defined."""
    n = step.shape[0]
    image = _times(inverse, drop)
    weight, square = 0.0, 0.0
    for i in range(n):
        weight += step[i] * image[i]
        square += step[i] * step[i]
    if not abs(weight) > 1e-3 * square:
        return
    row = np.zeros(n)
    for i in range(n):
        for j in range(n):
            row[j] += step[i] * inverse[i, j]
    for i in range(n):
        along = (step[i] - image[i]) / weight
        for j in range(n):
            inverse[i, j] += along * row[j]


def _perturbed(y, unknowns, scale):
    """The state ``y`` and, below it, one copy for each unknown with that moved."""
    n = unknowns.shape[0]
    rows = np.empty((n + 1, y.shape[0]))
    for k in range(n + 1):
        rows[k] = y
    for k in range(n):
        rows[k + 1, unknowns[k]] += 1e-5 * scale[k]
    return rows


def _differences(rows, after, unknowns, scale):
    """Jacobian in scaled stocks from perturbed states and where they have gone."""
    n = unknowns.shape[0]
    phi = np.empty((n, n))
    for j in range(n):
        moved = rows[j + 1, unknowns[j]] - rows[0, unknowns[j]]
        for i in range(n):
            at = unknowns[i]
            phi[i, j] = (after[j + 1, at] - after[0, at]) / moved * scale[j] / scale[i]
    return phi


def _newton(y, after, inverse, scale, unknowns, floor):
    """Where a Newton step leads, and its relative size."""
    n = unknowns.shape[0]
    residual, before, reached = np.empty(n), np.empty(n), np.empty(n)
    for k in range(n):
        before[k] = y[unknowns[k]]
        residual[k] = (after[unknowns[k]] - before[k]) / scale[k]
    step = _times(inverse, residual)
    moved = after.copy()
    for k in range(n):
        wanted = before[k] + step[k] * scale[k]
        reached[k] = _limited(before[k], before[k], wanted, 0.2, 10.0)
        moved[unknowns[k]] = reached[k]
    return moved, _change(before, reached, floor)


def _chord(y, after, inverse, scale, unknowns, step, old, first):
    """Where a chord step leads; ``inverse``, ``step`` and ``old`` are renewed in place.

    ``old`` is the residual of the step before, in scaled stocks; ``first`` says that
    there was none.
    """
    n = unknowns.shape[0]
    residual = np.empty(n)
    for k in range(n):
        residual[k] = (after[unknowns[k]] - y[unknowns[k]]) / scale[k]
    if not first:
        _correct(inverse, step, old - residual)
    wished = _times(inverse, residual)
    moved = after.copy()
    for k in range(n):
        at = unknowns[k]
        moved[at] = _limited(y[at], after[at], y[at] + wished[k] * scale[k], 0.5, 2.0)
        step[k] = (moved[at] - y[at]) / scale[k]
        old[k] = residual[k]
    return moved


relative_change = entry_point(_relative_change, _FOLDER, _DIGEST)
perturbed = entry_point(_perturbed, _FOLDER, _DIGEST)
differences = entry_point(_differences, _FOLDER, _DIGEST)
newton = entry_point(_newton, _FOLDER, _DIGEST)
chord = entry_point(_chord, _FOLDER, _DIGEST)
