"""How far a sample of a posterior is from reference draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

# Histogram bins over the central 99.9 % of the truth; the two outer ones are open.
N_BINS = 40


@dataclass(frozen=True)
class Distance:
    """Distance of a sample from the truth.

    Attributes
    ----------
    mmtv : float
        Mean over parameters of the marginal total variation, 0 to 1.
    largest_tv : float
        The largest of those.
    gskl : float
        Symmetric Kullback-Leibler divergence of the normals with the same moments.
    """

    mmtv: float
    largest_tv: float
    gskl: float


def distance(sample: ArrayLike, truth: ArrayLike) -> Distance:
    """Compare draws (n_draws, n_parameters) with reference draws of the same."""
    s = np.asarray(sample, float)
    t = np.asarray(truth, float)
    variation = np.array(
        [_total_variation(a, b) for a, b in zip(s.T, t.T, strict=True)]
    )
    return Distance(
        float(variation.mean()), float(variation.max()), _gaussian_divergence(s, t)
    )


def _total_variation(sample: Array, truth: Array) -> float:
    low, high = np.quantile(truth, [0.0005, 0.9995])
    edges = np.concatenate([[-np.inf], np.linspace(low, high, N_BINS - 1), [np.inf]])
    fraction = np.histogram(sample, edges)[0] / len(sample)
    reference = np.histogram(truth, edges)[0] / len(truth)
    return float(0.5 * np.abs(fraction - reference).sum())


def _gaussian_divergence(sample: Array, truth: Array) -> float:
    # In units of the true sd, so that the small ridge is the same for all scales.
    scale = truth.std(axis=0)
    shift = (sample.mean(axis=0) - truth.mean(axis=0)) / scale
    ridge = 1e-10 * np.eye(truth.shape[1])
    a = np.cov((sample / scale).T) + ridge
    b = np.cov((truth / scale).T) + ridge
    inverse_a, inverse_b = np.linalg.inv(a), np.linalg.inv(b)
    d = len(shift)
    traces = np.trace(inverse_a @ b) + np.trace(inverse_b @ a) - 2 * d
    return float(0.25 * (traces + shift @ (inverse_a + inverse_b) @ shift))
