"""An exponential that vectorises inside compiled loops, as libm's does not."""

from __future__ import annotations

from numba import njit

#: What compiled sums over runs may do: reorder and contract, but keep NaN and inf.
FAST = {"reassoc", "nsz", "contract"}


@njit(cache=True, fastmath=FAST)
def exp_minus(y):  # pragma: no cover - compiled
    """exp(-y) for y >= 0, to 1e-12 where it matters.

    (exp(-y / 1024))^1024, the root by its series.
    """
    r = -min(y, 600.0) / 1024.0
    p = 1.0 + r / 9.0
    p = 1.0 + r / 8.0 * p
    p = 1.0 + r / 7.0 * p
    p = 1.0 + r / 6.0 * p
    p = 1.0 + r / 5.0 * p
    p = 1.0 + r / 4.0 * p
    p = 1.0 + r / 3.0 * p
    p = 1.0 + r / 2.0 * p
    p = 1.0 + r * p
    for _ in range(10):
        p = p * p
    return p
