"""Emulator of series whose errors have an unknown size.

Each stream has principal components of its own and a process of its own for what they
leave out, so that the squared length of its residuals is known at any point of the
cube, and with it how likely each size of its errors is
(`masm.observations.error_scale`). The size is integrated out over a grid with the
emulator's variance in place:

    mean over log k of  k^-(n - K) exp(-r^2 / 2 k^2)  prod_j N(0 | m_j, k^2 + v_j)

with means m_j and variances v_j of the K components, and the truncation residual r.

The model is emulated in units of the size that the best run suggests, so that what
`masm.surrogates.series` measures in standard deviations of an observation stays
measured so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from masm.likelihood.gaussian import GaussianLikelihood
from masm.observations.error_scale import ErrorScale, draw_from_grid
from masm.surrogates.components import Basis, ErrorOfVariance, LogLikelihood
from masm.surrogates.integer_inputs import IntegerInputs
from masm.surrogates.series import SeriesEmulator, Settings
from masm.types import Array


class ScaledEmulator(SeriesEmulator):
    """The model's cost through its emulated series, errors of unknown size.

    Parameters
    ----------
    likelihood : with at least one stream of unknown scale
    n_parameters : of the problem
    integer_inputs, settings : as of `SeriesEmulator`
    """

    def __init__(
        self,
        likelihood: GaussianLikelihood,
        n_parameters: int,
        integer_inputs: IntegerInputs | None = None,
        settings: Settings | None = None,
    ):
        settings = settings or Settings()
        components = UnknownErrors(
            likelihood,
            settings.most_components,
            settings.truncation,
            settings.widening,
            weighted=settings.weighted_components,
        )
        super().__init__(likelihood, n_parameters, integer_inputs, settings, components)


class UnknownErrors:
    """Components of each stream, and the likelihood with its size of errors unknown.

    Parameters
    ----------
    likelihood : with at least one stream of unknown scale
    most_components, truncation, widening, weighted : as of
        `masm.surrogates.components.KnownErrors`, for each stream

    Attributes
    ----------
    unit : (n_streams,)
        Size of each stream's errors at the best run.
    """

    def __init__(
        self,
        likelihood: GaussianLikelihood,
        most_components: int,
        truncation: float,
        widening: ErrorOfVariance,
        *,
        weighted: bool = True,
    ):
        self.likelihood = likelihood
        self.most_components, self.truncation = most_components, truncation
        self.widening, self.weighted = widening, weighted
        self.n_residuals = len(likelihood.observed)
        self.scales = [
            series.scale or ErrorScale(1.0, 1.0, series.n_obs)
            for series in likelihood.observed
        ]
        self.unit = np.ones(self.n_residuals)
        self._of = np.repeat(
            np.arange(self.n_residuals), [s.n_obs for s in self.scales]
        )
        self._owner = np.empty(0, int)

    @property
    def unknown_scales(self) -> bool:
        """Whether the size of any stream's errors is unknown."""
        return not all(scale.known for scale in self.scales)

    # -- training -----------------------------------------------------------

    def in_units(self, cost: Array, whitened: Array) -> tuple[Array, Array]:
        """Squared lengths and residuals in units of the size of errors."""
        whitened = whitened / self.unit[self._of]
        return np.sum(whitened**2, axis=1), whitened

    def change_units(self, cost: Array, whitened: Array) -> tuple[Array, Array]:
        """Take the size of errors at the best of these runs as unit."""
        whitened = whitened * self.unit[self._of]
        squares = self.likelihood.squares(whitened)
        best = int(np.argmin(self.likelihood.cost_of_squares(squares)))
        for j, (scale, of_stream) in enumerate(
            zip(self.scales, squares.values(), strict=True)
        ):
            size = np.sqrt(of_stream[best] / scale.freedom)
            self.unit[j] = np.clip(size, scale.low, scale.high)
        return self.in_units(cost, whitened)

    def fit(self, whitened: Array, weight: Array) -> None:
        """Find components of each stream, zero in the other streams."""
        if not self.weighted:
            weight = np.ones_like(weight)
        mean = np.empty(whitened.shape[1])
        vectors, owner = [], []
        for j in range(self.n_residuals):
            columns = self._of == j
            part = Basis.of(
                whitened[:, columns], weight, self.most_components, self.truncation
            )
            mean[columns] = part.mean
            padded = np.zeros((len(part.vectors), whitened.shape[1]))
            padded[:, columns] = part.vectors
            vectors.append(padded)
            owner.extend([j] * len(padded))
        # Those that vary most first, as of the series emulator.
        both = np.vstack(vectors)
        spread = (weight / weight.sum()) @ ((whitened - mean) @ both.T) ** 2
        order = np.argsort(-spread, kind="stable")
        self._owner = np.array([*np.array(owner)[order], *range(self.n_residuals)])
        self.basis = Basis(mean, both[order])

    def outputs(self, cost: Array, whitened: Array) -> Array:
        """Scores and, last, the square root of what they leave of each stream."""
        scores = self.basis.scores(whitened)
        squares = self.likelihood.squares(whitened)
        residuals = []
        for j, of_stream in enumerate(squares.values()):
            mine = scores[:, self._owner[: -self.n_residuals] == j]
            left = np.maximum(of_stream - np.sum(mine**2, axis=1), 0.0)
            residuals.append(np.sqrt(left))
        return np.column_stack([scores, *residuals])

    # -- use ----------------------------------------------------------------

    def restore(self, outputs: Array) -> Array:
        """Whitened residuals of outputs, in the unit of the stated errors."""
        white = self.basis.restore(outputs[: -self.n_residuals].T)
        return np.asarray(white * self.unit[self._of])

    def cost(self, squared: Array) -> Array:
        """Cost of squared outputs of the processes, (n_outputs, ...)."""
        return self.likelihood.cost_of_squares(
            {
                series.name: squared[self._owner == j].sum(axis=0) * self.unit[j] ** 2
                for j, series in enumerate(self.likelihood.observed)
            }
        )

    def log_likelihood(self, *, optimistic: bool) -> LogLikelihood:
        """Integrated over the sizes, with the variance as a further error."""
        widening = self.widening
        parts = [
            _StreamDensity(scale, unit, self._owner == j, widening, optimistic)
            for j, (scale, unit) in enumerate(
                zip(self.scales, self.unit.tolist(), strict=True)
            )
        ]

        def log_likelihood(mean: Array, variance: Array) -> Array:
            total = np.zeros(mean.shape[1])
            for part in parts:
                total += part(mean, variance)
            if not optimistic:
                total -= 0.5 * widening.uncertainty_penalty(mean, variance)
            return total

        return log_likelihood

    def largest_likelihood(self) -> LogLikelihood | None:
        """None: the size of the errors is integrated out."""
        return None

    def approximation(self, weight: Array) -> Callable[[Array], tuple[Array, Array]]:
        """Any size of errors is as likely; the variance is the same everywhere."""
        owned = [
            (self._owner == j, None if scale.known else scale.freedom)
            for j, scale in enumerate(self.scales)
        ]

        def approximate(mean: Array) -> tuple[Array, Array]:
            pull = weight[:, None] * mean
            value = np.zeros(mean.shape[1])
            for mine, freedom in owned:
                squares = np.sum(pull[mine] * mean[mine], axis=0)
                if freedom is None:
                    value -= 0.5 * squares
                else:
                    value -= 0.5 * freedom * np.log(squares + 1e-300)
                    pull[mine] *= freedom / (squares + 1e-300)
            return value, pull

        return approximate

    def draw_scales(
        self, mean: Array, variance: Array, rng: np.random.Generator
    ) -> dict[str, Array]:
        """Draw each unknown factor given the outputs, one for each point."""
        found = {}
        for j, (series, scale) in enumerate(
            zip(self.likelihood.observed, self.scales, strict=True)
        ):
            if scale.known:
                continue
            density = _StreamDensity(
                scale, float(self.unit[j]), self._owner == j, self.widening, fine=True
            )

            def log_density(at: slice, of: _StreamDensity = density) -> Array:
                return of.over_grid(mean[:, at], variance[:, at])

            found[series.name] = draw_from_grid(
                density.log_scale, log_density, mean.shape[1], rng
            )
        return found


class _StreamDensity:
    """Log likelihood of one stream, from its processes' means and variances.

    Parameters
    ----------
    scale, unit : of its errors; the size in which the processes are measured
    rows : (n_outputs,), which are this stream's, the truncation residual last
    widening : how variance widens the likelihood
    optimistic : whether the variance lowers the likelihood only up to a limit
    fine : whether draws are to be made from it
    """

    def __init__(
        self,
        scale: ErrorScale,
        unit: float,
        rows: NDArray[np.bool_],
        widening: ErrorOfVariance,
        optimistic: bool = False,
        fine: bool = False,
    ):
        self.optimistic, self.widening = optimistic, widening
        self.rows = np.flatnonzero(rows)
        self.log_scale, self.log_weight = scale.grid(0.3) if fine else scale.grid()
        self._squared = np.exp(2.0 * self.log_scale)[:, None] / unit**2
        n_rest = scale.freedom - (len(self.rows) - 1)
        self._constant = n_rest * np.log(self._squared)
        self._constant += 2.0 * scale.freedom * np.log(unit)

    def __call__(self, mean: Array, variance: Array) -> Array:
        value = self.over_grid(mean, variance) + self.log_weight[:, None]
        return np.asarray(special.logsumexp(value, axis=0))

    def over_grid(self, mean: Array, variance: Array) -> Array:
        """Log likelihood for each size of the errors, (n_grid, n_points)."""
        squared = self._squared
        *components, residual = self.rows
        cost = self._constant + mean[residual] ** 2 / squared
        # One logarithm of a product: a dozen factors do not overflow.
        product = np.ones_like(cost)
        most = self.widening.most_variance * squared
        for j in components:
            limited = variance[j] / (1.0 + variance[j] / most)
            cost += mean[j] ** 2 / (squared + limited)
            product *= squared + (limited if self.optimistic else variance[j])
        return np.asarray(-0.5 * (cost + np.log(product)))
