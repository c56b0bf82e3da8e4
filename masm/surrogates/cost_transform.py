"""Costs as a surrogate of them sees them: far ones flattened, and believed less."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from masm.types import Array


@dataclass(frozen=True)
class View:
    """How the process sees far runs, in costs beyond the best.

    Attributes
    ----------
    bend : float
        Times the scale (the number of parameters, times the temperature): from here
        on the logarithm of the cost is seen, so that a far run says "bad" but not
        how bad. Infinite for never.
    start, share : float
        Noise is added to what is seen beyond ``start`` times the scale, with this
        share of it as standard deviation.
    """

    bend: float
    start: float
    share: float

    def seen(self, excess: Array, scale: float) -> Array:
        """Costs as the process sees them, (n,); straight and then bent."""
        bend = self.bend * scale
        if not np.isfinite(bend):
            return excess
        beyond = np.maximum(excess / bend, 1.0)
        return np.where(excess < bend, excess, bend * (1.0 + np.log(beyond)))

    def variance(self, seen: Array, scale: float) -> Array:
        """Noise variance of what is seen, (n,)."""
        return (self.share * np.maximum(seen - self.start * scale, 0.0)) ** 2

    def log_slope(self, excess: Array, scale: float) -> float:
        """Sum of log d(seen)/d(excess), to compare evidences of different views."""
        return -float(np.sum(np.log(np.maximum(excess / (self.bend * scale), 1.0))))


def temperature(excess: Array, d: int) -> float:
    """How many times the posterior's width in cost the good runs still span.

    1 once there are more runs within the posterior's reach (an excess of twice the
    number of parameters) than parameters; before that, what is to be learned is the
    bowl that the good runs lie in, and all that is measured in costs is scaled up.
    """
    nth = np.partition(excess, min(d + 1, len(excess) - 1))[min(d + 1, len(excess) - 1)]
    return max(1.0, float(nth) / (2.0 * d))


VIEWS = (View(np.inf, 5.0, 0.1), View(10.0, 2.0, 0.1), View(3.0, 2.0, 0.1))
