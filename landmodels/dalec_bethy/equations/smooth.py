"""Smooth stand-ins for minimum, positive part and switch (ours)."""

#: Curvature of the smooth minimum; 1 would be the hard minimum.
CURVATURE = 0.99


def smooth_minimum(m, x, y):
    """Smaller root of ``0.99 z^2 - (x + y) z + x y = 0``, for x, y >= 0.

    Never above ``min(x, y)``. The root is written without cancellation; the tiny
    constant keeps its derivative finite at zero.
    """
    total = x + y
    product = x * y
    root = m.sqrt(total * total - 4.0 * CURVATURE * product + 1e-24)
    return 2.0 * product / (total + root)


def positive_part(m, x, width):
    """``max(x, 0)``, rounded over about ``width``; always above zero."""
    return 0.5 * (x + m.sqrt(x * x + width * width))


def logistic(m, x):
    """``1 / (1 + exp(-x))``, a switch from 0 to 1."""
    return 1.0 / (1.0 + m.exp(-x))


def bounded(m, store, demand, margin):
    """What a demand takes from a store: never more than the store holds.

    ``store (1 - exp(-demand / (store + margin)))``, close to the demand where it is
    small.
    """
    return store * (1.0 - m.exp(-demand / (store + margin)))
