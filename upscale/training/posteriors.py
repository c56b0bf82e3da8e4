"""What posteriors of the training pixels say of errors, on the unit scale of the prior.

A posterior mean errs in two ways (Rodgers 2000, Inverse Methods for Atmospheric
Sounding, sections 2.4 and 3.2). Noise of the observations is each pixel's own. What the
observations do not determine is filled in from the prior, and that error is alike in
all pixels, since they share the prior and what their observations leave open: it
does not average out over a region, and held-out pixels do not show it, since their
means all lean the same way. With the posterior's covariance S and the prior's S_a it
is the part S S_a^-1 S of S.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from upscale.types import Floats

N_POINTS = 49
_PRIOR_VARIANCE = 1.0 / 12.0  # of a uniform prior of width one


@dataclass(frozen=True, eq=False)
class Posteriors:
    """Posteriors of pixels, 0 to 1 within the prior.

    Attributes
    ----------
    mean : numpy.ndarray (pixel, parameter)
    points : numpy.ndarray (pixel, parameter, point)
        Equally likely values.
    covariance : numpy.ndarray (pixel, parameter, parameter)
        Without draws it is known on the diagonal alone and zero elsewhere.
    """

    mean: Floats
    points: Floats
    covariance: Floats

    @property
    def sd(self) -> Floats:
        """Standard deviations (pixel, parameter)."""
        return np.sqrt(np.einsum("ipp->ip", self.covariance))


def from_draws(draws: Floats) -> Posteriors:
    """Summarise draws (pixel, draw, parameter)."""
    levels = (np.arange(N_POINTS) + 0.5) / N_POINTS
    points = np.moveaxis(np.quantile(draws, levels, axis=1, method="hazen"), 0, 2)
    mean = draws.mean(axis=1)
    from_mean = draws - mean[:, None]
    covariance = np.einsum("idp,idq->ipq", from_mean, from_mean) / draws.shape[1]
    return Posteriors(mean, points, covariance)


def from_sd(mean: Floats, sd: Floats) -> Posteriors:
    """Take normal posteriors of known means and sd (pixel, parameter)."""
    covariance = np.square(sd)[:, :, None] * np.eye(sd.shape[1])
    return Posteriors(mean, normal_points(mean, sd), covariance)


def normal_points(mean: Floats, sd: Floats, n: int = N_POINTS) -> Floats:
    """Equally likely points (..., point) of normal posteriors, kept from 0 to 1."""
    point = ndtri((np.arange(n) + 0.5) / n)
    point = point / point.std()  # their spread is that of the posterior
    return np.clip(mean[..., None] + sd[..., None] * point, 0.0, 1.0)


def split_covariance(covariance: Floats) -> tuple[Floats, Floats]:
    """Split S into what pixels share and what is noise of their own.

    Parameters
    ----------
    covariance : numpy.ndarray (..., parameter, parameter)
        Of posteriors, on the unit scale of a uniform prior.

    Returns
    -------
    shared, own : numpy.ndarray
        As the input; they sum to it, and neither has a negative variance. A direction
        in which a posterior is wider than its prior is shared as a whole.
    """
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 0.0)
    kept = values * np.minimum(values / _PRIOR_VARIANCE, 1.0)
    turned = np.swapaxes(vectors, -1, -2)
    shared = (vectors * kept[..., None, :]) @ turned
    own = (vectors * (values - kept)[..., None, :]) @ turned
    return shared, own
