"""Regression of calibrated parameters on covariates, for few sites.

Each parameter, on the logit of its prior's range, is at site i

    z_i = mean + f(x_i) + u_i + e_i,    u ~ N(0, tau^2),    e_i ~ N(0, s_i^2),

where ``f`` is a Gaussian process of the covariates, ``u`` what a site has of its own
and ``e`` the posterior's own spread there, so that sharp posteriors count for more and
none is taken for the truth. With a linear kernel ``f`` is the regression ``x . beta``
with a normal prior on its coefficients: the hierarchical model (Gelman and Hill 2006,
chapter 12) with the posteriors as its data. With a squared exponential it is kriging in
the space of covariates. Variances maximise the marginal likelihood over a grid, under
priors that keep few sites from overfitting; the mean is integrated out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import linalg

from upscale.types import Floats

_SD_OF_F = (0.0, 0.2, 0.4, 0.8, 1.6)
_SD_OF_SITE = (0.1, 0.2, 0.4, 0.8, 1.6)
_PRIOR_SD = 0.7  # half-normal, of both standard deviations, in logits
_LENGTHS = (0.7, 1.4, 2.8)  # times the square root of the number of covariates
_PRIOR_MEAN_SD = 3.0
_JITTER = 1e-8

Kernel = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class Fitted:
    """A fitted regression of one parameter.

    Attributes
    ----------
    x : ndarray (site, covariate)
        Standardised; a missing one is 0, the mean.
    z, noise : ndarray (site,)
        Logits and the variance of each.
    sd_of_f, sd_of_site : float
        Spread that covariates explain, and what a site has of its own.
    kernel : callable
        Of unit variance.
    """

    x: Floats
    z: Floats
    noise: Floats
    sd_of_f: float
    sd_of_site: float
    kernel: Kernel

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Mean and variance of the logit at new sites, (site,) each."""
        factor, weights = self._solved
        across = self.sd_of_f**2 * self.kernel(x, self.x) + _PRIOR_MEAN_SD**2
        mean = across @ weights
        own = self.sd_of_f**2 * np.diag(self.kernel(x, x)) + _PRIOR_MEAN_SD**2
        explained = np.sum(across.T * linalg.cho_solve(factor, across.T), axis=0)
        variance = own - explained + self.sd_of_site**2
        return mean, np.maximum(variance, _JITTER)

    @property
    def log_likelihood(self) -> float:
        """Marginal log likelihood with the prior of both spreads, up to a constant."""
        (lower, _), weights = self._solved
        fit = -0.5 * self.z @ weights - np.sum(np.log(np.diag(lower)))
        prior = -0.5 * (self.sd_of_f**2 + self.sd_of_site**2) / _PRIOR_SD**2
        return float(fit + prior)

    @property
    def _solved(self) -> tuple[tuple[Floats, bool], Floats]:
        covariance = self.sd_of_f**2 * self.kernel(self.x, self.x) + _PRIOR_MEAN_SD**2
        diagonal = self.noise + self.sd_of_site**2 + _JITTER
        factor = linalg.cho_factor(covariance + np.diag(diagonal), lower=True)
        return factor, linalg.cho_solve(factor, self.z)


def linear_kernel(a: Floats, b: Floats) -> Floats:
    """Covariance of ``x . beta`` with independent coefficients; unit mean variance."""
    return np.asarray(a @ b.T / max(1, a.shape[1]))


def squared_exponential(length: float) -> Kernel:
    """Kernel of a smooth function, ``length`` in standardised covariates."""

    def kernel(a: Floats, b: Floats) -> Floats:
        square = ((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=-1)
        return np.asarray(np.exp(-0.5 * square / length**2))

    return kernel


def fit_linear(x: Floats, z: Floats, noise: Floats) -> Fitted:
    """Fit the hierarchical regression of one parameter.

    Parameters
    ----------
    x : ndarray (site, covariate)
        Standardised.
    z, noise : ndarray (site,)
        Logits of posterior means, and their variances.
    """
    return _best(x, z, noise, [linear_kernel])


def fit_process(x: Floats, z: Floats, noise: Floats) -> Fitted:
    """Fit the Gaussian process of one parameter; arguments as of `fit_linear`."""
    root = np.sqrt(max(1, x.shape[1]))
    return _best(x, z, noise, [squared_exponential(one * root) for one in _LENGTHS])


def _best(x: Floats, z: Floats, noise: Floats, kernels: list[Kernel]) -> Fitted:
    tried = [
        Fitted(x, z, noise, of_f, of_site, kernel)
        for kernel, of_f, of_site in product(kernels, _SD_OF_F, _SD_OF_SITE)
    ]
    return max(tried, key=lambda one: one.log_likelihood)
