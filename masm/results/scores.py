"""Agreement of a simulated series with an observed one.

R, RMSE and average error (AE) as in Ma et al. (2022), eqs. 10-12. Their DISO
(eq. 13) divides squares by an unsquared mean and so carries units; the definition
of Hu et al. (2019), which they cite, is used here.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike


def scores(simulated: ArrayLike, observed: ArrayLike) -> dict[str, float]:
    """R, RMSE, AE, DISO and R2 over the pairs where both values are finite.

    Parameters
    ----------
    simulated, observed : array_like, (n,)
        In the same unit.

    Returns
    -------
    dict
        ``r`` (Pearson), ``rmse`` and ``ae`` (simulated minus observed; in the
        series' unit), ``diso`` (no unit, 0 is perfect), ``r2`` (the square of
        ``r``) and ``n``, the number of pairs. NaN where not defined: no correlation
        with a constant, no DISO about a mean of zero, nothing from no pairs.

    References
    ----------
    Hu, Z., Chen, X., Zhou, Q., Chen, D., Li, J. (2019). DISO: A rethink of Taylor
    diagram. International Journal of Climatology 39, 2825-2832.

    Examples
    --------
    >>> round(scores([2.0, 3.0, 4.0], [1.0, 2.0, 3.0])["diso"], 3)
    0.707
    """
    s = np.asarray(simulated, float).ravel()
    o = np.asarray(observed, float).ravel()
    if s.shape != o.shape:
        raise ValueError(f"{s.size} simulated and {o.size} observed values")
    both = np.isfinite(s) & np.isfinite(o)
    s, o = s[both], o[both]
    if s.size == 0:
        nothing = dict.fromkeys(("r", "rmse", "ae", "diso", "r2"), math.nan)
        return {**nothing, "n": 0}
    r = _correlation(s, o)
    rmse = float(np.sqrt(np.mean((s - o) ** 2)))
    ae = float(np.mean(s - o))
    mean = float(o.mean())
    diso = math.nan
    if mean != 0.0:
        diso = math.hypot(r - 1.0, ae / mean, rmse / mean)
    return {"r": r, "rmse": rmse, "ae": ae, "diso": diso, "r2": r**2, "n": s.size}


def _correlation(s: np.ndarray, o: np.ndarray) -> float:
    ds, do = s - s.mean(), o - o.mean()
    spread = math.sqrt(float(ds @ ds)) * math.sqrt(float(do @ do))
    # A constant series leaves only rounding, which would pass for a correlation.
    tiny = s.size * np.finfo(float).eps ** 2 * float(np.abs(s).max() * np.abs(o).max())
    if spread <= tiny or np.ptp(s) == 0.0 or np.ptp(o) == 0.0:
        return math.nan
    return float(np.clip(ds @ do / spread, -1.0, 1.0))
