"""An exponential that vectorises inside compiled loops, as libm's does not."""

from __future__ import annotations

from numba import njit

#: What compiled sums over runs may do: reorder and contract, but keep NaN and inf.
FAST = {"reassoc", "nsz", "contract"}


@njit(cache=True, fastmath=FAST)
def exp_minus(y):  # pragma: no cover - compiled
    """exp(-y) for y >= 0, to 1e-12 where it matters.

    (exp(-y / 1024))^1024, the root by its series. Its coefficients are constants: with
    divisions in the loop it takes seven times as long.
    """
    r = -min(y, 600.0) * (1.0 / 1024.0)
    p = 1.0 / 5040.0 + r * (1.0 / 40320.0 + r * (1.0 / 362880.0))
    p = 1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * p))
    p = 1.0 + r * (1.0 + r * (1.0 / 2.0 + r * (1.0 / 6.0 + r * p)))
    for _ in range(10):
        p = p * p
    return p
