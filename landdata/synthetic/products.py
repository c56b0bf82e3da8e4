"""What a satellite would have made of the synthetic region: noise and gaps.

An 8-day product's error is a fraction of the value with a floor, partly lasting from
one composite to the next; its values are never negative; weeks under cloud are
missing, in winter snow hides the ground, and now and then a composite is missing
everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landdata.synthetic.land import NOISE

Floats = NDArray[np.float64]

_LEAST_RELATIVE = 0.4  # noise dies out with the value, so that few are cut off at 0


@dataclass(frozen=True)
class Noise:
    """Errors of a synthetic product.

    Attributes
    ----------
    fraction, floor : float
        Stated standard error: max(fraction * truth, floor), in the stream's unit.
        The error drawn is that one, but never more than 0.4 of the truth, so that a
        value that cannot be negative stays unbiased: the stated error is too
        careful in winter, as products' errors are.
    persistence : float
        Correlation of the errors of two composites in a row, 0 to below 1.
    lost : float
        Fraction of composites missing for reasons of the product's own.
    """

    fraction: float
    floor: float
    persistence: float = 0.3
    lost: float = 0.01

    def stated(self, truth: Floats) -> Floats:
        """Standard error that the product states."""
        return np.maximum(self.fraction * np.abs(truth), self.floor)

    def drawn(self, truth: Floats) -> Floats:
        """Standard deviation of the error that is added."""
        return np.minimum(self.stated(truth), _LEAST_RELATIVE * np.abs(truth))


def outages(seed: int, windows: NDArray) -> NDArray[np.bool_]:
    """Composites missing in the whole region, about one in two years.

    Parameters
    ----------
    windows : numpy.ndarray (window,)
        First days, datetime64.
    """
    days = windows.astype("datetime64[D]").astype(np.int64)
    uniform = [np.random.default_rng([seed, NOISE, day]).random() for day in days]
    return np.array(uniform) < 1.0 / 92.0


def hidden(
    cloud: Floats, tmin: Floats, everywhere: NDArray, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Composites of a pixel that no product has, (window,).

    Parameters
    ----------
    cloud, tmin : numpy.ndarray (window,)
        Mean cloud cover (1) and mean daily minimum temperature (degC).
    everywhere : numpy.ndarray (window,)
        As ``outages`` gives it.
    """
    probability = 0.02 + 0.5 * np.maximum(cloud - 0.65, 0.0)
    snow = np.clip((-4.0 - tmin) / 10.0, 0.0, 1.0)
    return everywhere | (rng.random(cloud.size) < probability + 0.2 * snow)


def observe(
    truth: Floats, noise: Noise, missing: NDArray, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """A product of one pixel and the variance it states, (window,) each.

    Parameters
    ----------
    truth : numpy.ndarray (window,)
        In the stream's unit.
    missing : numpy.ndarray (window,)
        As ``hidden`` gives it.
    """
    fresh = rng.standard_normal(truth.size)
    score = np.empty_like(fresh)
    score[0] = fresh[0]
    keep = noise.persistence
    for window in range(1, truth.size):
        score[window] = (
            keep * score[window - 1] + np.sqrt(1.0 - keep**2) * fresh[window]
        )
    gone = missing | (rng.random(truth.size) < noise.lost)
    seen = np.maximum(truth + noise.drawn(truth) * score, 0.0)
    variance = noise.stated(truth) ** 2
    return np.where(gone, np.nan, seen), np.where(gone, np.nan, variance)
