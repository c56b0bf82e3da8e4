"""What is left to map of a parameter once others are set to their means.

Observations often settle a combination of parameters and leave each of them open: their
posterior means then scatter along a ridge, from pixel to pixel at random, and trees can
learn little from any of them. A parameter that cannot be mapped is set to the region's
mean everywhere, so what the others should be is no longer their posterior mean but
their mean given that value, which has lost the scatter along the ridge; and fluxes,
which depend on the combination, come out right. With a pixel's posterior mean m and
covariance S it is the conditional mean of a normal distribution,

    m_a + S_ab S_bb^-1 (value - m_b)        with variance  S_aa - S_ab S_bb^-1 S_ba.

Parameters are gone through from the least mappable to the most.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from upscale.training.posteriors import Posteriors
from upscale.types import Floats

_LEAST_FRACTION = 1e-6  # of a variance, added so that no set of parameters is singular


def given(
    known: Posteriors, y: Floats, column: int, values: Mapping[int, float]
) -> tuple[Floats, Floats]:
    """Mean and sd (pixel,) of one parameter where others have these values.

    Parameters
    ----------
    known : Posteriors
        Of all pixels.
    y : numpy.ndarray (pixel,)
        Posterior mean of the parameter.
    column : int
        Which it is.
    values : mapping
        Of other parameters, by column; 0 to 1.
    """
    variance = known.covariance[:, column, column]
    if not values:
        return y, np.sqrt(variance)
    others = list(values)
    covariance = known.covariance[:, others][:, :, others]
    floor = _LEAST_FRACTION * np.einsum("ipp->ip", covariance) + 1e-12
    covariance = covariance + floor[:, :, None] * np.eye(len(others))
    with_it = known.covariance[:, others, column]
    gain = np.linalg.solve(covariance, with_it[:, :, None])[:, :, 0]
    away = np.array([values[other] for other in others]) - known.mean[:, others]
    mean = np.clip(y + np.einsum("ip,ip->i", gain, away), 0.0, 1.0)
    left = variance - np.einsum("ip,ip->i", gain, with_it)
    return mean, np.sqrt(np.maximum(left, 1e-6 * variance))
