"""Errors of an observation that are not normal, and values known only to a limit.

Each stream has errors of one distribution, with the error variance of its values:
normal, Student-t (a few values far off do not rule the fit), Laplace, whose scale may
grow with the modelled value, or log-normal about the modelled value as the median. A
value at or beyond a limit of the instrument is censored: only the probability of lying
there counts (Tobin 1958).

The signed root of a value's part in -2 log likelihood takes the place of the
whitened residual of a normal error: its squares sum to the cost too. So every method
takes these errors as a model that is not linear.

References
----------
Tobin, J. (1958). Estimation of relationships for limited dependent variables.
Econometrica 26, 24-36.
Richardson, A. D. et al. (2006). A multi-site analysis of random error in tower-based
measurements of carbon and energy fluxes. Agricultural and Forest Meteorology 136, 1-18
(Laplace errors that grow with the flux).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import special

from masm.errors import InputError
from masm.types import Array

DISTRIBUTIONS = ("normal", "student", "laplace", "lognormal")
"""Names of the distributions."""


@dataclass(frozen=True)
class Distribution:
    """How the errors of a stream are distributed.

    Attributes
    ----------
    name : {"normal", "student", "laplace", "lognormal"}
        All but the last have the error variance of each value. The last has the
        modelled value as its median and the variance's ratio to the squared observation
        as that of a log-normal variable.
    degrees : float, above 2
        Of Student's distribution.
    growth_above, growth_below : float, 0 or above
        Of Laplace errors: the scale is that of the variance plus these times the
        modelled value where it is above zero, or below it.
    censored_below, censored_above : float or None
        Limits in the stream's units: an observation at or beyond one is known to lie
        there, and no more.

    Examples
    --------
    >>> wide = Distribution("student", degrees=4.0)
    >>> one = np.array([1.0])
    >>> float((wide.roots(one + 5.0, one, one) ** 2).round(1)[0])  # 25 if normal
    13.0
    """

    name: str = "normal"
    degrees: float = 4.0
    growth_above: float = 0.0
    growth_below: float = 0.0
    censored_below: float | None = None
    censored_above: float | None = None

    def __post_init__(self) -> None:
        if self.name not in DISTRIBUTIONS:
            raise InputError(
                "errors: distribution",
                found=repr(self.name),
                wanted=f"one of {', '.join(DISTRIBUTIONS)}",
            )
        if not 2.0 < self.degrees < np.inf:
            raise InputError("errors: degrees", found=self.degrees, wanted="above 2")
        for what in ("growth_above", "growth_below"):
            value = getattr(self, what)
            if not 0.0 <= value < np.inf:
                raise InputError(f"errors: {what}", found=value, wanted="0 or above")
            if value and self.name != "laplace":
                raise InputError(
                    f"errors: {what}",
                    found=f"{value:g} with {self.name} errors",
                    wanted="distribution laplace",
                )
        low, high = self.limits
        if np.isnan([low, high]).any() or not low < high:
            raise InputError(
                "errors: limits of censored values",
                found=f"below {self.censored_below}, above {self.censored_above}",
                wanted="numbers, the first below the second",
            )

    @property
    def is_normal(self) -> bool:
        """Whether errors are normal and no value is censored."""
        return self.name == "normal" and not self.is_censored

    @property
    def is_censored(self) -> bool:
        """Whether there is a limit."""
        return self.censored_below is not None or self.censored_above is not None

    @property
    def limits(self) -> tuple[float, float]:
        """Lower and upper limit, infinite where there is none."""
        low = -np.inf if self.censored_below is None else self.censored_below
        return low, np.inf if self.censored_above is None else self.censored_above

    @property
    def said(self) -> list[str]:
        """What is not usual, in words."""
        parts = []
        if self.name == "student":
            parts.append(f"Student-t of {self.degrees:g} degrees")
        elif self.name == "laplace":
            grows = ""
            if self.growth_above or self.growth_below:
                grows = (
                    f", scale growing by {self.growth_above:g} of the value above zero "
                    f"and {self.growth_below:g} below"
                )
            parts.append(f"Laplace{grows}")
        elif self.name == "lognormal":
            parts.append("log-normal")
        if self.censored_below is not None:
            parts.append(f"censored at and below {self.censored_below:g}")
        if self.censored_above is not None:
            parts.append(f"censored at and above {self.censored_above:g}")
        return parts

    def check(self, value: Array, where: str) -> None:
        """Refuse observations that cannot have this distribution.

        Raises
        ------
        InputError
            Log-normal values, or limits, of zero or less; observations that are all
            censored.
        """
        below, above = self._censored(value)
        if self.name == "lognormal":
            low, high = self.limits
            shown = np.where(below, low, np.where(above, high, value))
            if np.min(shown) <= 0.0:
                raise InputError(
                    f"{where}: log-normal errors",
                    found=f"a value or limit of {np.min(shown):g}",
                    wanted="values above zero",
                    hint="Zeros may be censored: give censored_below above zero.",
                )
        if np.all(below | above):
            raise InputError(
                f"{where}: every value is censored",
                found=f"{len(value)} values at or beyond a limit",
                wanted="one or more values between the limits",
            )

    def roots(self, series: Array, value: Array, variance: Array) -> Array:
        """Signed roots of each value's part in -2 log likelihood, as shaped as series.

        Parameters
        ----------
        series : ndarray (..., n_obs)
            Modelled values. NaN stays NaN; of log-normal errors zero or less is NaN.
        value, variance : ndarray (n_obs,)
            Observations and their error variances.
        """
        z, scale, shift = self._standard(series, value, variance)
        parts = self._parts(z)
        if self.name == "laplace":
            # The log of a scale that grows, less that of its least.
            parts = parts + 2.0 * np.log(scale / np.sqrt(0.5 * variance))
        roots = np.sign(z) * np.sqrt(np.maximum(parts, 0.0))
        below, above = self._censored(value)
        if below.any() or above.any():
            beyond = np.sqrt(np.maximum(-2.0 * self._log_beyond(z, below, above), 0.0))
            roots = np.where(below, beyond, np.where(above, -beyond, roots))
        return np.asarray(np.where(np.isfinite(series + shift), roots, np.nan))

    def log_densities(self, series: Array, value: Array, variance: Array) -> Array:
        """Log density of each value, or log probability of a censored one.

        Parameters
        ----------
        series, value, variance
            As for `roots`.
        """
        constant = self._constant(value, variance)
        return -0.5 * (self.roots(series, value, variance) ** 2 + constant)

    def normaliser(self, value: Array, variance: Array) -> float:
        """Add this to a stream's cost to get the complete -2 log likelihood."""
        return float(np.sum(self._constant(value, variance)))

    def replicated(
        self, series: Array, white: Array, value: Array, variance: Array
    ) -> Array:
        """Observations as this distribution has them, (n_obs,), within the limits.

        Parameters
        ----------
        series : ndarray (n_obs,)
            Modelled values.
        white : ndarray (n_obs,)
            Standard-normal numbers.
        value, variance : ndarray (n_obs,)
            As for `roots`.
        """
        low, high = self.limits
        if self.name == "lognormal":
            made = series * np.exp(self._log_sd(value, variance) * white)
        else:
            _, scale, _ = self._standard(series, value, variance)
            made = series + scale * self._quantile(special.ndtr(white))
        return np.asarray(np.clip(made, low, high))

    # -- parts -----------------------------------------------------------------

    def _censored(self, value: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        low, high = self.limits
        return value <= low, value >= high

    def _log_sd(self, value: Array, variance: Array) -> Array:
        low, high = self.limits
        shown = np.clip(value, low, high)
        return np.asarray(np.sqrt(np.log1p(variance / shown**2)))

    def _standard(
        self, series: Array, value: Array, variance: Array
    ) -> tuple[Array, Array, Array]:
        """Standard residuals, model less observation or limit; scale; NaN or zero."""
        low, high = self.limits
        shown = np.clip(value, low, high)
        nothing = np.zeros_like(series)
        if self.name == "lognormal":
            positive = series > 0.0
            log = np.log(np.where(positive, series, 1.0)) - np.log(shown)
            scale = self._log_sd(value, variance)
            return log / scale, scale, np.where(positive, 0.0, np.nan)
        if self.name == "student":
            scale = np.sqrt(variance * (self.degrees - 2.0) / self.degrees)
        elif self.name == "laplace":
            scale = np.sqrt(0.5 * variance)
            scale = scale + self.growth_above * np.maximum(series, 0.0)
            scale = scale + self.growth_below * np.maximum(-series, 0.0)
        else:
            scale = np.sqrt(variance)
        return (series - shown) / scale, np.asarray(scale), nothing

    def _parts(self, z: Array) -> Array:
        """-2 log density of standard residuals, zero at zero."""
        if self.name == "student":
            return (self.degrees + 1.0) * np.log1p(z**2 / self.degrees)
        if self.name == "laplace":
            return 2.0 * np.abs(z)
        return np.asarray(z**2)

    def _log_beyond(
        self, z: Array, below: NDArray[np.bool_], above: NDArray[np.bool_]
    ) -> Array:
        """Log probability of an observation beyond its limit."""
        # z is model less limit: below it lies what is under -z, above it over -z.
        at = np.where(above, z, -z)
        if self.name == "student":
            return np.asarray(scipy.stats.t.logcdf(at, self.degrees))
        if self.name == "laplace":
            return np.asarray(scipy.stats.laplace.logcdf(at))
        return np.asarray(special.log_ndtr(at))

    def _quantile(self, p: Array) -> Array:
        if self.name == "student":
            return np.asarray(special.stdtrit(self.degrees, p))
        if self.name == "laplace":
            return np.asarray(scipy.stats.laplace.ppf(p))
        return np.asarray(special.ndtri(p))

    def _constant(self, value: Array, variance: Array) -> Array:
        """What `roots` leaves out of -2 log density, (n_obs,); none of censored."""
        if self.name == "student":
            nu = self.degrees
            gammas = special.gammaln(0.5 * (nu + 1.0)) - special.gammaln(0.5 * nu)
            scale2 = variance * (nu - 2.0) / nu
            constant = np.log(nu * np.pi * scale2) - 2.0 * gammas
        elif self.name == "laplace":
            constant = 2.0 * np.log(2.0 * np.sqrt(0.5 * variance))
        elif self.name == "lognormal":
            sd = self._log_sd(value, variance)
            low, high = self.limits
            constant = np.log(2.0 * np.pi * sd**2) + 2.0 * np.log(
                np.clip(value, low, high)
            )
        else:
            constant = np.log(2.0 * np.pi * variance)
        below, above = self._censored(value)
        return np.asarray(np.where(below | above, 0.0, constant))
