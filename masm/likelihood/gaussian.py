"""Misfit between aggregated model series and observations, Gaussian by default.

The errors of the source paper (Ma et al. 2022, eq. 5) are independent and normal.
Its printed normaliser carries the number of parameters; the number of
observations is meant and used here. With a fixed variance the normaliser is a
constant and is left out of the cost that is calibrated. As an option the errors of
a stream are correlated in time, or share an unknown bias or one of each year, or
have an unknown size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from masm.errors import InputError
from masm.likelihood.correlation import correlation_of
from masm.observations.error_scale import ErrorScale
from masm.observations.stream import ObservedSeries
from masm.observations.treatments import NONLINEAR, treated
from masm.types import Array


@dataclass(frozen=True)
class GaussianLikelihood:
    """Normal errors on one or more observed series, independent between series.

    The series are laid end to end in one vector of ``n_obs`` numbers, in the
    order of ``observed``; ``slices`` says which part is whose.

    Attributes
    ----------
    observed : tuple of ObservedSeries
        The aggregated observations with their error variances, the correlation of
        these errors, and what of the series is compared.
    """

    observed: tuple[ObservedSeries, ...]

    @cached_property
    def value(self) -> Array:
        """Observations of all series end to end, (n_obs,)."""
        return np.concatenate([series.value for series in self.observed])

    @cached_property
    def variance(self) -> Array:
        """Error variance of each observation, (n_obs,)."""
        return np.concatenate([series.variance for series in self.observed])

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each stream is among the ``n_obs`` entries."""
        stops = np.cumsum([series.n_obs for series in self.observed])
        return {
            series.name: slice(int(stop) - series.n_obs, int(stop))
            for series, stop in zip(self.observed, stops, strict=True)
        }

    @property
    def n_obs(self) -> int:
        """Number of observations of all streams together."""
        return int(self.value.size)

    @cached_property
    def _factors(self) -> dict[str, Array]:
        """Cholesky factors of the errors' correlation, for streams that have any."""
        return {
            series.name: np.asarray(np.linalg.cholesky(correlation_of(series)), float)
            for series in self.observed
            if not series.errors.plain
        }

    @cached_property
    def _drawn_factors(self) -> dict[str, Array]:
        """The same without what a treatment leaves out, which is no error."""
        return {
            series.name: self._factors[series.name]
            if series.errors.treatment == "none"
            else np.asarray(np.linalg.cholesky(correlation_of(series, treated=False)))
            for series in self.observed
            if not series.errors.plain
        }

    @cached_property
    def is_linear(self) -> bool:
        """Whether whitened residuals are linear in the model's series."""
        treated = any(s.errors.treatment in NONLINEAR for s in self.observed)
        return not treated and not self._shaped

    @cached_property
    def _shaped(self) -> dict[str, ObservedSeries]:
        """Streams whose errors are not normal, or that have censored values."""
        return {s.name: s for s in self.observed if not s.errors.shape.is_normal}

    @property
    def normaliser(self) -> float:
        """Add this to a cost to get the complete -2 log likelihood."""
        total = np.sum(np.log(2.0 * np.pi * self.variance))
        for one in self._shaped.values():
            total -= np.sum(np.log(2.0 * np.pi * one.variance))
            total += one.errors.shape.normaliser(one.value, one.variance)
        for factor in self._factors.values():
            total += 2.0 * np.sum(np.log(np.diag(factor)))
        for one in self.observed:
            if one.name in self._weights:
                total -= (1.0 - one.errors.effective_share) * self._constant_of(one)
        return float(total)

    def _constant_of(self, one: ObservedSeries) -> float:
        """Part of the normaliser that is a stream's."""
        total = one.errors.shape.normaliser(one.value, one.variance)
        if one.name in self._factors:
            total += 2.0 * float(np.sum(np.log(np.diag(self._factors[one.name]))))
        return total

    def whiten(self, series: Array) -> Array:
        """Residuals scaled to unit variance and freed of correlation and bias.

        Parameters
        ----------
        series : ndarray, (sample, n_obs)
            Aggregated model output.

        Returns
        -------
        ndarray, (sample, n_obs)
            Its squares sum to `cost`. Rows with NaN stay NaN. Of errors that are not
            normal they are the signed roots of each value's part in it.
        """
        white = self._whitened(self.treated(series) - self.value)
        for name, one in self._shaped.items():
            at = self.slices[name]
            roots = one.errors.shape.roots(
                np.asarray(series, float)[..., at], one.value, one.variance
            )
            white[..., at] = roots * self._weights.get(name, 1.0)
        return white

    @cached_property
    def _weights(self) -> dict[str, float]:
        """Roots of the fractions by which streams count, where they are not one."""
        fractions = {s.name: s.errors.effective_share for s in self.observed}
        return {name: float(np.sqrt(s)) for name, s in fractions.items() if s != 1.0}

    def treated(self, series: Array) -> Array:
        """Model output as treatments that are not linear make it, (sample, n_obs).

        Linear ones leave it as it is: they are in the errors' correlation.
        """
        made = np.array(series, float)
        for one in self.observed:
            if one.errors.treatment in NONLINEAR:
                at = self.slices[one.name]
                made[..., at] = treated(one.errors.treatment, made[..., at], one.value)
        return made

    def whiten_slopes(self, slopes: Array) -> Array:
        """Differences of series in units of their errors: the linear part of `whiten`.

        Parameters
        ----------
        slopes : ndarray, (..., n_obs)

        Raises
        ------
        InputError
            If a stream is treated in a way that is not linear, or has errors that are
            not normal.
        """
        if not self.is_linear:
            raise InputError(
                "exact derivatives of a treatment that is not linear, or of errors "
                "that are not normal",
                found="; ".join(f"{s.name}: {s.errors.name}" for s in self.observed),
                wanted="derivatives: auto or differences",
            )
        return self._whitened(slopes)

    def _whitened(self, slopes: Array) -> Array:
        white = np.array(slopes / np.sqrt(self.variance))
        for name, factor in self._factors.items():
            at = self.slices[name]
            white[..., at] = linalg.solve_triangular(
                factor, white[..., at].T, lower=True, check_finite=False
            ).T
        for name, weight in self._weights.items():
            white[..., self.slices[name]] *= weight
        return white

    def whiten_back(self, weights: Array) -> Array:
        """Apply the transpose of `whiten_slopes` to weights, (n_obs,)."""
        back = np.array(weights, dtype=float)
        for name, weight in self._weights.items():
            back[self.slices[name]] *= weight
        for name, factor in self._factors.items():
            at = self.slices[name]
            back[at] = linalg.solve_triangular(
                factor, back[at], lower=True, trans="T", check_finite=False
            )
        return np.asarray(back / np.sqrt(self.variance))

    def unwhiten(self, white: Array) -> Array:
        """Return the series that have these whitened residuals, (sample, n_obs).

        The inverse of `whiten` for normal errors. Of a treatment that is not linear
        they are the treated series. What a treatment leaves out is stretched by some
        thousands: of an approximation, such as an emulator's, it is not known.
        """
        residuals = np.array(white, float)
        for name, weight in self._weights.items():
            residuals[..., self.slices[name]] /= weight
        for name, factor in self._factors.items():
            at = self.slices[name]
            residuals[..., at] = residuals[..., at] @ factor.T
        return np.asarray(self.value + residuals * np.sqrt(self.variance))

    def draw_errors(
        self, rng: np.random.Generator, factors: Mapping[str, float] | None = None
    ) -> Array:
        """Observation errors as this likelihood has them, (n_obs,).

        Parameters
        ----------
        rng : numpy.random.Generator
            Random numbers.
        factors : mapping of str to float, optional
            Unknown factors on the errors of streams; drawn from their priors if not
            given.
        """
        error = rng.standard_normal(self.n_obs)
        for series in self.observed:
            at = self.slices[series.name]
            if series.name in self._drawn_factors:
                error[at] = self._drawn_factors[series.name] @ error[at]
            if series.scale is not None and factors is not None:
                error[at] *= factors[series.name]
            elif series.scale is not None:
                low, high = np.log([series.scale.low, series.scale.high])
                error[at] *= np.exp(rng.uniform(low, high))
        return np.asarray(error * np.sqrt(self.variance))

    def replicate(
        self,
        series: Array,
        rng: np.random.Generator,
        factors: Mapping[str, float] | None = None,
    ) -> Array:
        """Observations of a model series, with errors as this likelihood has them.

        Parameters
        ----------
        series : ndarray, (n_obs,)
            Aggregated model output.
        rng, factors
            As for `draw_errors`. As many random numbers are drawn.

        Returns
        -------
        ndarray, (n_obs,)
            Values of a stream with limits lie within them.
        """
        errors = self.draw_errors(rng, factors)
        made = np.asarray(series + errors)
        for name, one in self._shaped.items():
            at = self.slices[name]
            white = errors[at] / np.sqrt(one.variance)
            made[at] = one.errors.shape.replicated(
                np.asarray(series)[at], white, one.value, one.variance
            )
        return made

    def log_densities(
        self, series: Array, factors: Sequence[Mapping[str, float]] | None = None
    ) -> Array:
        """Log density of each observation, (sample, n_obs).

        With correlated errors or a bias it is the density given the earlier
        observations of the stream. Each row sums to the whole log likelihood, which
        is ``-0.5 * (cost + normaliser)`` where no factor is unknown and all values
        count.

        Parameters
        ----------
        series : ndarray, (sample, n_obs)
            Aggregated model output.
        factors : sequence of mapping of str to float, optional
            Of each row, the unknown factor on the errors of each stream that has one.

        Examples
        --------
        >>> from masm import streams_from_dataset
        >>> import numpy as np, xarray as xr
        >>> days = np.arange("2001-01-01", "2001-01-04", dtype="datetime64[D]")
        >>> seen = xr.Dataset(
        ...     {"y": ("time", [1.0, 2.0, 3.0], {"units": "1"}),
        ...      "y_variance": ("time", [4.0, 4.0, 4.0], {"units": "1"})},
        ...     {"time": days},
        ... )
        >>> stream = streams_from_dataset(seen, windows=None)["y"]
        >>> GaussianLikelihood((stream.aggregate(),)).log_densities(
        ...     np.array([[1.0, 2.0, 5.0]])
        ... ).round(3)
        array([[-1.612, -1.612, -2.112]])
        """
        sd = np.broadcast_to(np.sqrt(self.variance), series.shape).copy()
        white = self.whiten(series)
        for name, weight in self._weights.items():
            white[:, self.slices[name]] /= weight
        for name, factor in self._factors.items():
            sd[:, self.slices[name]] *= np.diag(factor)
        scaled = {name: self._scaled_values(name) for name in self.scales}
        for row, known in enumerate(factors or ()):
            for name, scale in known.items():
                sd[row, scaled[name]] *= scale
                white[row, scaled[name]] /= scale
        density = -0.5 * white**2 - np.log(sd) - 0.5 * np.log(2.0 * np.pi)
        for name, one in self._shaped.items():
            at = self.slices[name]
            density[:, at] = one.errors.shape.log_densities(
                series[:, at], one.value, one.variance
            )
        return np.asarray(density)

    def cost(self, series: Array) -> Array:
        """-2 log likelihood up to a constant, (sample,); NaN where the run failed.

        Without the unknown factors on errors, which are integrated out.
        """
        white = self.whiten(series)
        if not self.scales:
            return np.sum(white**2, axis=-1)
        return self.cost_of_squares(self.squares(white))

    @cached_property
    def scales(self) -> dict[str, ErrorScale]:
        """Unknown factors on the errors, of the streams that have one."""
        return {s.name: s.scale for s in self.observed if s.scale is not None}

    def _scaled_values(self, name: str) -> NDArray[np.intp]:
        """Places of a stream's values whose errors an unknown factor multiplies.

        Not those that a treatment leaves free: given the earlier ones they may be
        anything, whatever the factor.
        """
        at = self.slices[name]
        places = np.arange(at.start, at.stop)
        n_free = self.scales[name].n_left_out
        if not n_free:
            return places
        wider = np.diag(self._factors[name]) / np.diag(self._drawn_factors[name])
        return np.sort(places[np.argsort(wider, kind="stable")[: len(places) - n_free]])

    def squares(self, whitened: Array) -> dict[str, Array]:
        """Squared length of each stream's whitened residuals, (sample,) each."""
        return {
            name: np.sum(whitened[..., at] ** 2, axis=-1)
            for name, at in self.slices.items()
        }

    def cost_of_squares(self, squares: Mapping[str, Array]) -> Array:
        """Cost of squared lengths as `squares` gives them."""
        parts = [
            self.scales[name].cost(value) if name in self.scales else value
            for name, value in squares.items()
        ]
        return np.asarray(np.sum(parts, axis=0))

    @cached_property
    def least_cost(self) -> float:
        """Cost of a perfect fit."""
        if not self.scales:
            return 0.0
        return float(self.cost_of_squares({n: np.zeros(()) for n in self.slices}))
