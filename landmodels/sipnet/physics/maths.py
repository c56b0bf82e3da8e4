"""Small functions of numbers that several equations use."""

from landmodels.kernels.compile import equation


@equation
def clip01(x):
    """``x`` limited to 0-1."""
    return min(max(x, 0.0), 1.0)
