"""Errors of each stream where sites are joined: Gaussian, Student-t or Laplace.

A site alone is calibrated with normal errors. The joint step samples on emulators of
the series, so that other errors need no other model runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from masm.errors import InputError
from masm.hierarchical.emulators import SeriesEmulator
from masm.hierarchical.likelihoods import (
    RULES,
    GaussianErrors,
    LaplaceErrors,
    StudentErrors,
    effective_size,
)
from masm.likelihood.gaussian import GaussianLikelihood
from masm.observations.stream import ObservedSeries
from masm.problem.problem import Runs
from masm.types import Array

KINDS = ("gaussian", "student", "laplace")


@dataclass(frozen=True)
class StreamErrors:
    """How the errors of a stream are distributed.

    Attributes
    ----------
    kind : {"gaussian", "student", "laplace"}
        The first two have the variance of the observations.
    degrees : float, above 2
        Of Student's distribution.
    a0, a1, a2 : float, above 0
        Of the Laplace scale, see `LaplaceErrors`; a0 in the units of the stream.
    count : {"residuals", "latent", "all"}
        By which correlation the effective number of values is found, at the best of
        the site's own model runs: of the residuals, or (the source's) of the modelled
        flux; "all" counts every value.
    correction : {"factor", "wider_scale"}
        Of Laplace errors, see `LaplaceErrors`.

    Examples
    --------
    >>> from masm.hierarchical import StreamErrors
    >>> errors = {"nee": StreamErrors("student", degrees=4.0), "lai": StreamErrors()}
    >>> errors["lai"].kind
    'gaussian'
    """

    kind: str = "gaussian"
    degrees: float = 4.0
    a0: float = 1.0
    a1: float = 0.2
    a2: float = 0.1
    count: str = "residuals"
    correction: str = "factor"

    def of(self, observed: ObservedSeries, fitted: Array) -> Any:
        """Return the errors of an observed series, given a good fit, (n_obs,).

        Raises
        ------
        InputError
            An unknown kind; parameters of it out of range; a correlation that cannot
            be known.
        """
        for value, names, what in (
            (self.kind, KINDS, "kind of errors"),
            (self.count, (*RULES, "all"), "count of values"),
        ):
            if value not in names:
                raise InputError(what, found=repr(value), wanted=" or ".join(names))
        n = (
            None
            if self.count == "all"
            else effective_size(observed.value, fitted, rule=self.count)
        )
        if n is not None and n <= 0.0:
            raise InputError(
                f"residuals of {observed.name}", found="a correlation of one",
                wanted="values that are not all the same",
            )  # fmt: skip
        if self.kind == "gaussian":
            return GaussianErrors(observed.value, observed.variance, n_effective=n)
        if self.kind == "student":
            if not (np.isfinite(self.degrees) and self.degrees > 2.0):
                raise InputError("degrees", found=self.degrees, wanted="above 2")
            # A scale for which the variance is that of the observations.
            scale = np.sqrt(observed.variance * (self.degrees - 2.0) / self.degrees)
            return StudentErrors(observed.value, scale, self.degrees, n_effective=n)
        return LaplaceErrors(
            observed.value, self.a0, self.a1, self.a2, self.correction, n_effective=n
        )


class StreamsLikelihood:
    """Log-likelihood of the series of a site, laid end to end.

    Parameters
    ----------
    known : GaussianLikelihood
        Observations; streams that ``errors`` does not name keep its normal errors.
    errors : mapping of stream to StreamErrors
    fitted : (n_obs,)
        Series of a good fit; the effective numbers of values are those at it.

    Raises
    ------
    InputError
        A stream that there is not; a stream whose errors are not independent, are of
        unknown size or have other parts than the variance, or that is treated.

    Examples
    --------
    >>> import xarray as xr
    >>> from masm import streams_from_dataset
    >>> days = np.arange("2001-01-01", "2001-01-04", dtype="datetime64[D]")
    >>> seen = xr.Dataset(
    ...     {"nee": ("time", [1.0, 2.0, 9.0], {"units": "1"}),
    ...      "nee_variance": ("time", [1.0, 1.0, 1.0], {"units": "1"})},
    ...     {"time": days.astype("datetime64[ns]")},
    ... )
    >>> stream = streams_from_dataset(seen, windows=None)["nee"]
    >>> known = GaussianLikelihood((stream.aggregate(),))
    >>> errors = {"nee": StreamErrors("student", count="all")}
    >>> at = StreamsLikelihood(known, errors, np.array([1.0, 2.0, 3.0]))
    >>> at(np.array([[1.0, 2.0, 3.0]])).round(2)
    array([-9.26])
    """

    def __init__(
        self,
        known: GaussianLikelihood,
        errors: Mapping[str, StreamErrors],
        fitted: Array,
    ) -> None:
        names = [series.name for series in known.observed]
        for name in errors:
            if name not in names:
                raise InputError("errors of a stream", found=name, wanted=names)
        self.parts = []
        for series in known.observed:
            _refuse_other_errors(series)
            at = known.slices[series.name]
            one = errors.get(series.name, StreamErrors(count="all"))
            self.parts.append((at, one.of(series, np.asarray(fitted, float)[at])))

    def __call__(
        self, predicted: Array, emulator_variance: Array | None = None
    ) -> Array:
        """Predictions, (n_samples, n_obs), to log-likelihoods, (n_samples,)."""
        total = np.zeros(len(predicted))
        for at, errors in self.parts:
            variance = None if emulator_variance is None else emulator_variance[:, at]
            total = total + errors(predicted[:, at], variance)
        return total

    def fractions(self) -> list[float]:
        """``n_eff / n`` of each stream."""
        return [float(errors.fraction) for _, errors in self.parts]


def _refuse_other_errors(series: ObservedSeries) -> None:
    known = series.errors
    usual = known.plain and known.shape.is_normal and known.effective_share == 1.0
    if series.scale is None and usual:
        return
    raise InputError(
        f"errors of stream {series.name}",
        found=known.name + ("" if series.scale is None else ", of unknown size"),
        wanted="independent errors of known variance and values as they are, where "
        "another kind of errors is asked for",
        hint="Correlated residuals count by their effective number of values.",
    )


class OtherErrors:
    """Emulator of a site's series, whose log-likelihood has other errors.

    Parameters
    ----------
    known, errors
        As for `StreamsLikelihood`.
    to_z : callable
        From the unit cube to what the emulator is fitted in.
    """

    def __init__(
        self, known: GaussianLikelihood, errors: Mapping[str, StreamErrors], to_z: Any
    ) -> None:
        self._known, self._errors, self._to_z = known, errors, to_z
        self.likelihood: StreamsLikelihood | None = None

    def refit(self, runs: Runs) -> None:
        """Fit the emulator; the effective numbers stay those of the first fit."""
        series = runs.series
        if series is None:
            raise InputError("model runs", found="costs", wanted="series")
        if self.likelihood is None:
            best = int(np.argmin(np.where(runs.ok, runs.cost, np.inf)))
            self.likelihood = StreamsLikelihood(self._known, self._errors, series[best])
        self._emulator = SeriesEmulator(self._to_z(runs.u), series, self.likelihood)

    def density_now(self) -> Callable[[Array], Array]:
        """Emulated log-likelihood of points of the cube; a later fit changes it not."""
        emulator, to_z = self._emulator, self._to_z
        return lambda u: emulator(to_z(u))

    def of_runs(self, runs: Runs) -> Array:
        """Log-likelihood of model runs."""
        if self.likelihood is None or runs.series is None:
            raise InputError("model runs", found="no series, or no emulator yet")
        return self.likelihood(runs.series)
