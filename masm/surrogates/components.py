"""Principal components of whitened series, and the likelihood in their terms.

A `Components` object says what the outputs of the emulated processes are (scores of
components, and the truncation residual: what the components leave out), and what the
likelihood of such outputs is. `KnownErrors` is the one for errors of known size; that
for errors of unknown size is `masm.surrogates.series_unknown_scale.UnknownErrors`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from masm.types import Array

LogLikelihood = Callable[[Array, Array], Array]
"""From means and variances of all outputs, (n_outputs, n_points), to (n_points,)."""

# Components are added until the plausible runs miss this much of their cost.
TRUNCATION = 0.02


@dataclass(frozen=True)
class Basis:
    """Principal components of whitened series.

    Attributes
    ----------
    mean : (n_obs,)
    vectors : (n_components, n_obs), orthonormal
    """

    mean: Array
    vectors: Array

    @classmethod
    def of(
        cls, whitened: Array, weight: Array, most: int, truncation: float = TRUNCATION
    ) -> Basis:
        """Weighted principal components, as many as the plausible runs need."""
        weight = weight / weight.sum()
        mean = weight @ whitened
        scaled = (whitened - mean) * np.sqrt(weight)[:, None]
        _, singular, vectors = np.linalg.svd(scaled, full_matrices=False)
        missed = np.append(np.cumsum(singular[::-1] ** 2)[::-1], 0.0)
        n = int(np.argmax(missed <= truncation)) if missed[-1] <= truncation else 0
        n = min(max(n, 1), most, len(vectors))
        return cls(mean, vectors[:n])

    def scores(self, whitened: Array) -> Array:
        """Coordinates of residuals, with the observations at zero, (n, k)."""
        return whitened @ self.vectors.T

    def restore(self, scores: Array) -> Array:
        """Residuals (n, n_obs) with these coordinates (n, k), else as the mean."""
        return self.mean + (scores - self.scores(self.mean)) @ self.vectors


@dataclass(frozen=True)
class ErrorOfVariance:
    """How the variance of an emulated output widens the likelihood.

    Attributes
    ----------
    most_variance : float
        It widens it up to that of so many observations: without a limit, places
        where nothing is known would become likely.
    known_sd : float
        Where the standard deviation of the cost is larger than this nothing is known.
    """

    most_variance: float = 1.0
    known_sd: float = 15.0

    def uncertainty_penalty(self, mean: Array, variance: Array) -> Array:
        """Cost of what is not known, (n_points,); zero where the cost is known."""
        sd = np.sqrt(np.sum(4.0 * mean**2 * variance + 2.0 * variance**2, axis=0))
        return np.asarray(np.maximum(sd - self.known_sd, 0.0))


class Components(Protocol):
    """Outputs to emulate, and the likelihood in their terms.

    The outputs are scores first, those that vary most before others, and
    ``n_residuals`` truncation residuals last.
    """

    n_residuals: int

    @property
    def unknown_scales(self) -> bool:
        """Whether the size of any stream's errors is unknown."""

    def in_units(self, cost: Array, whitened: Array) -> tuple[Array, Array]:
        """Squared lengths and whitened residuals in the unit of the outputs."""

    def change_units(self, cost: Array, whitened: Array) -> tuple[Array, Array]:
        """Choose the unit by these runs; costs and residuals in the new one."""

    def fit(self, whitened: Array, weight: Array) -> None:
        """Find the components of the weighted runs."""

    def outputs(self, cost: Array, whitened: Array) -> Array:
        """Scores and truncation residuals, (n_samples, n_outputs)."""

    def restore(self, outputs: Array) -> Array:
        """Whitened residuals of outputs (n_outputs, n), in the likelihood's unit."""

    def cost(self, squared: Array) -> Array:
        """-2 log likelihood of squared outputs, (n_outputs, ...) -> (...)."""

    def log_likelihood(self, *, optimistic: bool) -> LogLikelihood:
        """With the variance as a further error; as of now, whatever is fitted later.

        If ``optimistic`` it is not lowered for being unknown.
        """

    def largest_likelihood(self) -> LogLikelihood | None:
        """Bound of either, from means and the least variance that each output has.

        None where there is none that is quickly found.
        """

    def approximation(self, weight: Array) -> Callable[[Array], tuple[Array, Array]]:
        """Approximate log likelihood of means, and its gradient with minus sign.

        From means (n_outputs, n_points) to (n_points,) and (n_outputs, n_points).
        ``weight`` (n_outputs,) is one over the typical total variance of each.
        """

    def draw_scales(
        self, mean: Array, variance: Array, rng: np.random.Generator
    ) -> dict[str, Array]:
        """Draw each unknown factor on a stream's errors, (n_points,) each."""


class KnownErrors:
    """Components of all streams together; the cost is the squared length.

    Parameters
    ----------
    most_components : largest number of components
    truncation : how much of the plausible runs' cost may be left out
    weighted : whether plausible runs count more
    widening : how variance widens the likelihood
    """

    n_residuals = 1
    unknown_scales = False

    def __init__(
        self,
        most_components: int,
        truncation: float,
        widening: ErrorOfVariance,
        *,
        weighted: bool = True,
    ):
        self.most_components, self.truncation = most_components, truncation
        self.widening, self.weighted = widening, weighted

    def in_units(self, cost: Array, whitened: Array) -> tuple[Array, Array]:
        """As they are."""
        return cost, whitened

    def change_units(self, cost: Array, whitened: Array) -> tuple[Array, Array]:
        """As they are: the unit is the standard deviation of an observation."""
        return cost, whitened

    def fit(self, whitened: Array, weight: Array) -> None:
        """Find the components of the weighted runs."""
        if not self.weighted:
            weight = np.ones_like(weight)
        self.basis = Basis.of(whitened, weight, self.most_components, self.truncation)

    def outputs(self, cost: Array, whitened: Array) -> Array:
        """Scores and, last, the square root of the cost they leave out."""
        scores = self.basis.scores(whitened)
        residual = np.maximum(cost - np.sum(scores**2, axis=1), 0.0)
        return np.column_stack([scores, np.sqrt(residual)])

    def restore(self, outputs: Array) -> Array:
        """Whitened residuals of outputs."""
        return self.basis.restore(outputs[: -self.n_residuals].T)

    def cost(self, squared: Array) -> Array:
        """Sum of squared outputs."""
        return np.asarray(np.sum(squared, axis=0))

    def log_likelihood(self, *, optimistic: bool) -> LogLikelihood:
        """Widened up to a limit, and lowered without one unless optimistic.

        Else places where nothing is known, and the mean happens to fit, would be as
        likely as those that are known to fit.
        """
        widening = self.widening

        def log_likelihood(mean: Array, variance: Array) -> Array:
            limited = variance / (1.0 + variance / widening.most_variance)
            size = np.log1p(limited if optimistic else variance)
            cost = np.sum(mean**2 / (1.0 + limited) + size, axis=0)
            if not optimistic:
                cost += widening.uncertainty_penalty(mean, variance)
            return np.asarray(-0.5 * cost)

        return log_likelihood

    def largest_likelihood(self) -> LogLikelihood | None:
        """Each output with the variance that suits it best, at least the given one.

        ``m^2 / (1 + v) + log(1 + v)`` is least at ``1 + v = m^2``, and ``v``, once
        limited, is at most ``most_variance``. What else counts only adds to it.
        """
        most = self.widening.most_variance

        def largest_likelihood(mean: Array, least_variance: Array) -> Array:
            squared = mean**2
            least = least_variance / (1.0 + least_variance / most)
            total = 1.0 + np.clip(squared - 1.0, least, most)
            return np.asarray(-0.5 * np.sum(squared / total + np.log(total), axis=0))

        return largest_likelihood

    def approximation(self, weight: Array) -> Callable[[Array], tuple[Array, Array]]:
        """With a variance that is the same everywhere."""

        def approximate(mean: Array) -> tuple[Array, Array]:
            return -0.5 * weight @ mean**2, weight[:, None] * mean

        return approximate

    def draw_scales(
        self, mean: Array, variance: Array, rng: np.random.Generator
    ) -> dict[str, Array]:
        """None is unknown."""
        return {}
