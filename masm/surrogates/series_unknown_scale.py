"""Emulator of series whose errors have an unknown size.

Each stream has principal components of its own and a process of its own for what they
leave out, so that the squared length of its residuals is known at any point of the
cube, and with it how likely each size of its errors is
(`masm.observations.error_scale`). The size is integrated out over a grid with the
emulator's variance in place:

    mean over log k of  k^-(n - K) exp(-r^2 / 2 k^2)  prod_j N(0 | m_j, k^2 + v_j)

with means m_j and variances v_j of the K components, and the left-out part r.

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
from masm.problem.problem import Runs
from masm.surrogates.integer_inputs import WholeUnits
from masm.surrogates.series import (
    _MOST_COMPONENTS,
    _MOST_VARIANCE,
    Basis,
    SeriesEmulator,
    _distrust,
)
from masm.types import Array


class ScaledEmulator(SeriesEmulator):
    """The model's cost through its emulated series, errors of unknown size.

    Parameters
    ----------
    likelihood : with at least one stream of unknown scale
    n_parameters : of the problem
    """

    def __init__(
        self,
        likelihood: GaussianLikelihood,
        n_parameters: int,
        units: WholeUnits | None = None,
    ):
        super().__init__(likelihood, n_parameters, units)
        self.n_rests = len(likelihood.observed)
        self.scales = [
            series.scale or ErrorScale(1.0, 1.0, series.n_obs)
            for series in likelihood.observed
        ]
        # Size of each stream's errors at the best run, and of which observation.
        self.unit = np.ones(self.n_rests)
        self._of = np.repeat(np.arange(self.n_rests), [s.n_obs for s in self.scales])
        self._owner = np.empty(0, int)

    # -- training -----------------------------------------------------------

    def _good(self, runs: Runs) -> tuple[Array, Array, Array]:
        """As of the series emulator, costs being squared lengths in units of size."""
        u, _, whitened = super()._good(runs)
        whitened = whitened / self.unit[self._of]
        return u, np.sum(whitened**2, axis=1), whitened

    def _fit(
        self, u: Array, cost: Array, whitened: Array, rng: np.random.Generator
    ) -> None:
        whitened = whitened * self.unit[self._of]
        squares = self.likelihood.squares(whitened)
        best = int(np.argmin(self.likelihood.cost_of_squares(squares)))
        for j, (scale, of_stream) in enumerate(
            zip(self.scales, squares.values(), strict=True)
        ):
            size = np.sqrt(of_stream[best] / scale.n_obs)
            self.unit[j] = np.clip(size, scale.low, scale.high)
        whitened = whitened / self.unit[self._of]
        super()._fit(u, np.sum(whitened**2, axis=1), whitened, rng)

    def _components(self, whitened: Array, weight: Array) -> Basis:
        """Components of each stream, zero in the other streams."""
        mean = np.empty(whitened.shape[1])
        vectors, owner = [], []
        for j in range(self.n_rests):
            columns = self._of == j
            part = Basis.of(whitened[:, columns], weight, _MOST_COMPONENTS)
            mean[columns] = part.mean
            padded = np.zeros((len(part.vectors), whitened.shape[1]))
            padded[:, columns] = part.vectors
            vectors.append(padded)
            owner.extend([j] * len(padded))
        # Those that vary most first, as of the series emulator.
        both = np.vstack(vectors)
        spread = (weight / weight.sum()) @ ((whitened - mean) @ both.T) ** 2
        order = np.argsort(-spread, kind="stable")
        self._owner = np.array([*np.array(owner)[order], *range(self.n_rests)])
        return Basis(mean, both[order])

    def _outputs(self, cost: Array, whitened: Array) -> Array:
        """Scores and, last, the square root of what they leave of each stream."""
        scores = self.basis.scores(whitened)
        squares = self.likelihood.squares(whitened)
        rests = []
        for j, of_stream in enumerate(squares.values()):
            mine = scores[:, self._owner[: -self.n_rests] == j]
            rests.append(np.sqrt(np.maximum(of_stream - np.sum(mine**2, axis=1), 0.0)))
        return np.column_stack([scores, *rests])

    # -- use ----------------------------------------------------------------

    def _density(self, *, hopeful: bool) -> Callable[[Array], Array]:
        moments = self._moments()
        parts = [
            _StreamDensity(scale, unit, self._owner == j, hopeful=hopeful)
            for j, (scale, unit) in enumerate(
                zip(self.scales, self.unit.tolist(), strict=True)
            )
        ]

        def log_density(u: Array) -> Array:
            mean, variance = moments(u)
            total = np.zeros(len(u))
            for part in parts:
                total += part(mean, variance)
            if not hopeful:
                total -= 0.5 * _distrust(mean, variance)
            return total

        return log_density

    def cost(self, u: Array) -> Array:
        """Best guess of -2 log likelihood, (n_points,)."""
        return self._cost_of(self._compiled.mean(self._inputs(u)) ** 2)

    def _cost_of(self, squared: Array) -> Array:
        """Cost of squared outputs of the processes, (n_processes, ...)."""
        return self.likelihood.cost_of_squares(
            {
                series.name: squared[self._owner == j].sum(axis=0) * self.unit[j] ** 2
                for j, series in enumerate(self.likelihood.observed)
            }
        )

    def expected_error(self, u: Array, n_draws: int, rng: np.random.Generator) -> Array:
        """Errors of `cost` at runs to be made that would be no surprise.

        Returns (n_draws, n_points), with the jumps of a jagged model.
        """
        return self.cost(u) - self._sampled(u, n_draws, rng, self.jagged)

    def sample_cost(self, u: Array, n_draws: int, rng: np.random.Generator) -> Array:
        """Costs by functions drawn from the emulator, (n_draws, n_points)."""
        return self._sampled(u, n_draws, rng, np.zeros(len(self.processes)))

    def _sampled(
        self, u: Array, n_draws: int, rng: np.random.Generator, noise: Array
    ) -> Array:
        x = self._inputs(u)
        drawn = np.stack([gp.sample(x, n_draws, rng) for gp in self.processes])
        drawn += np.sqrt(noise)[:, None, None] * rng.standard_normal(drawn.shape)
        return self._cost_of(drawn**2)

    # -- for the chains -----------------------------------------------------

    def rough(self, u: Array) -> Array:
        """Approximate log density: any size of errors, typical variance, (n,)."""
        mean = self._compiled.mean(self._inputs(u))
        return self._rough_and_pull(mean)[0]

    def slope(self, u: Array) -> tuple[Array, Array]:
        """`rough`, (n_points,), and its gradient, (n_points, n_parameters)."""
        mean, change = self._compiled.gradient(self._inputs(u))
        rough, pull = self._rough_and_pull(mean)
        total = np.einsum("kn,knj->nj", pull, change)
        return rough, np.asarray(-total * self.warp.gradient(u))

    def _rough_and_pull(self, mean: Array) -> tuple[Array, Array]:
        """`rough`, and how fast it falls with each process, (n_processes, n)."""
        pull = self._weight[:, None] * mean
        rough = np.zeros(mean.shape[1])
        for j, scale in enumerate(self.scales):
            mine = self._owner == j
            squares = np.sum(pull[mine] * mean[mine], axis=0)
            if scale.known:
                rough -= 0.5 * squares
            else:
                rough -= 0.5 * scale.n_obs * np.log(squares + 1e-300)
                pull[mine] *= scale.n_obs / (squares + 1e-300)
        return rough, pull

    def draw_scales(self, u: Array, rng: np.random.Generator) -> dict[str, Array]:
        """Draw each unknown factor given parameters, one for each point.

        Parameters
        ----------
        u : (..., n_parameters)
        rng : numpy.random.Generator

        Returns
        -------
        mapping of stream to ndarray (...)
        """
        points = u.reshape(-1, u.shape[-1])
        mean, variance = self._predict(points)
        variance += self.jagged[:, None]
        found = {}
        for j, (series, scale) in enumerate(
            zip(self.likelihood.observed, self.scales, strict=True)
        ):
            if scale.known:
                continue
            density = _StreamDensity(
                scale, float(self.unit[j]), self._owner == j, fine=True
            )

            def log_density(at: slice, of: _StreamDensity = density) -> Array:
                return of.over_grid(mean[:, at], variance[:, at])

            factor = draw_from_grid(density.log_scale, log_density, len(points), rng)
            found[series.name] = factor.reshape(u.shape[:-1])
        return found


class _StreamDensity:
    """Log likelihood of one stream, from its processes' means and variances.

    Parameters
    ----------
    scale, unit : of its errors; the size in which the processes are measured
    rows : (n_processes,), which are this stream's, the left-out part last
    fine : whether draws are to be made from it
    hopeful : whether the variance lowers the likelihood only up to a limit
    """

    def __init__(
        self,
        scale: ErrorScale,
        unit: float,
        rows: NDArray[np.bool_],
        fine: bool = False,
        hopeful: bool = False,
    ):
        self.hopeful = hopeful
        self.rows = np.flatnonzero(rows)
        self.log_scale, self.log_weight = scale.grid(0.3) if fine else scale.grid()
        self._squared = np.exp(2.0 * self.log_scale)[:, None] / unit**2
        n_rest = scale.n_obs - (len(self.rows) - 1)
        self._constant = n_rest * np.log(self._squared)
        self._constant += 2.0 * scale.n_obs * np.log(unit)

    def __call__(self, mean: Array, variance: Array) -> Array:
        value = self.over_grid(mean, variance) + self.log_weight[:, None]
        return np.asarray(special.logsumexp(value, axis=0))

    def over_grid(self, mean: Array, variance: Array) -> Array:
        """Log likelihood for each size of the errors, (n_grid, n_points)."""
        squared = self._squared
        *components, rest = self.rows
        cost = self._constant + mean[rest] ** 2 / squared
        # One logarithm of a product: a dozen factors do not overflow.
        product = np.ones_like(cost)
        for j in components:
            limited = variance[j] / (1.0 + variance[j] / (_MOST_VARIANCE * squared))
            cost += mean[j] ** 2 / (squared + limited)
            product *= squared + (limited if self.hopeful else variance[j])
        return np.asarray(-0.5 * (cost + np.log(product)))
