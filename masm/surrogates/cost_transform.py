"""Output transform of the cost: compress large values and add noise to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masm.types import Array


@dataclass(frozen=True)
class OutputTransform:
    """How the process is given far runs, in costs beyond the best.

    Attributes
    ----------
    knee : float
        Times the scale (the number of parameters, times the temperature): from here
        on the process is given the logarithm of the cost, so that a far run says "bad"
        but not how bad. Infinite for never.
    start, fraction : float
        Noise is added to transformed costs beyond ``start`` times the scale, with this
        fraction of the excess as standard deviation (noise shaping).
    """

    knee: float
    start: float
    fraction: float

    def __call__(self, excess: Array, scale: float) -> Array:
        """Transformed costs, (n,): linear, and logarithmic beyond the knee."""
        knee = self.knee * scale
        if not np.isfinite(knee):
            return excess
        beyond = np.maximum(excess / knee, 1.0)
        return np.where(excess < knee, excess, knee * (1.0 + np.log(beyond)))

    def noise_variance(self, transformed: Array, scale: float) -> Array:
        """Variance of the noise added to transformed costs, (n,)."""
        return (self.fraction * np.maximum(transformed - self.start * scale, 0.0)) ** 2

    def log_jacobian(self, excess: Array, scale: float) -> float:
        """Sum of log d(transformed)/d(excess), to compare evidences of transforms."""
        return -float(np.sum(np.log(np.maximum(excess / (self.knee * scale), 1.0))))


def temperature(excess: Array, d: int) -> float:
    """How many times the posterior's width in cost the good runs still span.

    1 once there are more runs within the posterior's reach (an excess of twice the
    number of parameters) than parameters; before that, what is to be learned is the
    bowl that the good runs lie in, and all that is measured in costs is scaled up.
    """
    nth = np.partition(excess, min(d + 1, len(excess) - 1))[min(d + 1, len(excess) - 1)]
    return max(1.0, float(nth) / (2.0 * d))


TRANSFORMS = (
    OutputTransform(np.inf, 5.0, 0.1),
    OutputTransform(10.0, 2.0, 0.1),
    OutputTransform(3.0, 2.0, 0.1),
)
