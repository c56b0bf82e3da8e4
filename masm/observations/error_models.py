"""How large the errors of a stream are taken to be, and their correlation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masm.errors import InputError
from masm.observations.distributions import Distribution
from masm.observations.treatments import TREATMENTS, check_treatment
from masm.types import Array

WITHIN_WINDOW = 0.8
"""Correlation that errors of values within one window are taken to have.

A gap-filling rule, a partitioning or a retrieval errs alike from day to day. For a
tower whose daily standard deviations were compared with the residuals of 8-day means,
independence made these 2.4 to 4.9 times too sharp; this makes a mean of eight 2.6 times
as uncertain as independence does.
"""


@dataclass(frozen=True)
class SeriesVariance:
    """Error variance taken as the variance of the observed, aggregated series.

    The practice of the source paper: the cost becomes SSE / var(observed), of the
    order of ``n (1 - NSE)``. It is flat; posteriors under it are wide.

    Examples
    --------
    >>> import numpy as np, masm
    >>> value = np.array([1.0, 2.0, 3.0])
    >>> seen = masm.Stream("gpp", np.arange(3), value, windows=None)
    >>> seen.variance, seen.aggregate().variance.tolist()
    (SeriesVariance(), [1.0, 1.0, 1.0])
    """

    name = "series"


@dataclass(frozen=True)
class GivenVariance:
    """Error variance that comes with the data, or one number for all of them.

    Attributes
    ----------
    value : float or None
        Variance of one aggregated value, in units squared. None takes the variance
        given with each observation.
    correlation : float
        Of the errors of any two values of one window, from 0 to 1. The mean of k
        values with standard deviations s has the variance ``((1 - c) sum(s^2) +
        c sum(s)^2) / k^2``: 0 for independent errors, 1 for a standard deviation that
        does not fall by averaging. Without effect where a window holds one value.

    Examples
    --------
    >>> from masm.observations.error_models import GivenVariance
    >>> daily = np.full(8, 1.0)
    >>> round(GivenVariance().of_mean(daily) ** 0.5, 3)
    0.908
    >>> round(GivenVariance(correlation=0.0).of_mean(daily) ** 0.5, 3)
    0.354
    """

    value: float | None = None
    correlation: float = WITHIN_WINDOW

    def __post_init__(self) -> None:
        number = isinstance(self.correlation, int | float | np.number)
        if not number or not 0.0 <= self.correlation <= 1.0:
            raise InputError(
                "given variance: correlation of the errors within a window",
                found=repr(self.correlation),
                wanted="a number from 0 to 1",
            )

    def of_mean(self, variance: Array) -> float:
        """Error variance of the mean of values with these error variances, (n,)."""
        owner = np.zeros(len(variance), np.int64)
        return float(self.of_means(np.asarray(variance, float), owner, 1)[0])

    def of_means(self, variance: Array, owner: NDArray[np.int64], n: int) -> Array:
        """Error variances of means of groups of values, (n,).

        Parameters
        ----------
        variance : (n_values,), units squared
        owner : (n_values,), group of each value, 0 to n - 1
        n : number of groups
        """
        count = np.bincount(owner, minlength=n)
        squares = np.bincount(owner, variance, minlength=n)
        sums = np.bincount(owner, np.sqrt(variance), minlength=n) ** 2
        c = self.correlation
        # One value in a group: exactly its own.
        total = np.where(count == 1, squares, (1.0 - c) * squares + c * sums)
        return np.asarray(total / count**2)

    @property
    def name(self) -> str:
        """Name in a result."""
        if self.value is not None:
            return f"given ({self.value:g})"
        if self.correlation == WITHIN_WINDOW:
            return "given"
        return f"given (correlation {self.correlation:g} within a window)"


@dataclass(frozen=True)
class RelativeVariance:
    """Error standard deviation as a fraction of the observed value, with a floor.

    Attributes
    ----------
    fraction : float
        Standard deviation over observed value.
    floor : float
        Least standard deviation, in the stream's units.

    Examples
    --------
    >>> import numpy as np, masm
    >>> rule = masm.RelativeVariance(fraction=0.2, floor=0.1)
    >>> rule.fraction, rule.floor
    (0.2, 0.1)
    """

    fraction: float
    floor: float

    @property
    def name(self) -> str:
        """Name in a result."""
        return f"relative (sd {self.fraction:g} of value, floor {self.floor:g})"


@dataclass(frozen=True)
class SampledVariance:
    """Error standard deviation known up to a factor, found with the parameters.

    The factor on the standard deviation has a log-uniform prior. It multiplies all
    parts of the errors: a bias, an error of representation, a discrepancy and an effect
    of years too. It is integrated out of the likelihood and drawn for each
    posterior draw (`masm.observations.error_scale`), so it costs no model runs.

    Attributes
    ----------
    base : rule, optional
        What is scaled: as for ``variance``, without it the variance given with the
        data where there is one, else that of the series.
    low, high : float
        Bounds of the factor.

    Examples
    --------
    >>> import masm
    >>> masm.SampledVariance(masm.RelativeVariance(0.2, 0.1), low=0.5, high=4.0).high
    4.0
    """

    base: Any = None
    low: float = 0.1
    high: float = 10.0

    def __post_init__(self) -> None:
        if not 0.0 < self.low < self.high < np.inf:
            raise InputError(
                "sampled variance: bounds of the factor",
                found=f"{self.low:g} to {self.high:g}",
                wanted="0 < low < high",
            )
        if self.base == "sampled" or isinstance(self.base, SampledVariance):
            raise InputError(
                "sampled variance: its base is sampled too",
                wanted="a variance to scale, such as base='given'",
            )

    @property
    def name(self) -> str:
        """Name in a result."""
        base = getattr(self.base, "name", self.base)
        return f"sampled (sd {self.low:g} to {self.high:g} times {base})"


VarianceRule = SeriesVariance | GivenVariance | RelativeVariance | SampledVariance


def as_variance_rule(rule: Any, *, stream: str, given: bool) -> VarianceRule:
    """Read ``"series"``, ``"given"``, ``"sampled"``, a number or a rule object.

    None means the variance given with the data where there is one, else that of
    the series.
    """
    if isinstance(rule, SeriesVariance | GivenVariance | RelativeVariance):
        return rule
    if rule == "sampled":
        rule = SampledVariance()
    if isinstance(rule, SampledVariance):
        base = as_variance_rule(rule.base, stream=stream, given=given)
        return replace(rule, base=base)
    if rule is None:
        return GivenVariance() if given else SeriesVariance()
    if rule == "series":
        return SeriesVariance()
    if rule == "given":
        return GivenVariance()
    if isinstance(rule, int | float | np.number) and not isinstance(rule, bool):
        return GivenVariance(float(rule))
    raise InputError(
        f"variance of {stream!r}: rule not known",
        found=repr(rule),
        wanted='"series", "given", "sampled", a number (units squared), '
        "masm.RelativeVariance(fraction, floor) or masm.SampledVariance(base)",
    )


def uses_given(rule: VarianceRule) -> bool:
    """Whether a rule takes the variance that came with the data."""
    base = rule.base if isinstance(rule, SampledVariance) else rule
    return isinstance(base, GivenVariance) and base.value is None


@dataclass(frozen=True)
class Errors:
    """Correlation of the errors of a stream, and what of it is compared.

    By default errors are independent and values are compared as they are.

    Attributes
    ----------
    correlation : float
        Of the errors of two neighbouring windows (AR(1)): errors k windows apart
        have correlation to the k-th power. From 0 to below 1. Series of n then carry
        about ``n (1 - r) / (1 + r)`` independent observations.
    bias_sd : float
        Standard deviation, in the stream's units, of an unknown constant added to
        the whole series. It is integrated out.
    representation_sd : float
        Standard deviation, in the stream's units, of the error of representation: what
        was observed is of another place or time than the model's. It is independent
        and added to the variance of each value.
    discrepancy_sd : float
        Standard deviation, in the stream's units, of the discrepancy between model and
        nature: a Gaussian process in time, added to the model and integrated out
        (`masm.observations.discrepancy`). `masm.calibrate` makes it orthogonal to the
        model's slopes, for two model runs a parameter.
    discrepancy_days : float
        Time over which it changes.
    discrepancy_seasonal : bool
        Whether half of its variance comes back each year.
    treatment : str
        What of the stream is compared, of model and observations alike: one of
        `masm.observations.treatments.TREATMENTS`.
    between_years : float
        A random effect of each calendar year: the standard deviation of an unknown
        constant added to all errors of a year, as a fraction of the standard deviation
        of each error (1). It is integrated out, and grows with an unknown factor on the
        errors. With it no number of windows makes a year count for more than
        ``1 / between_years**2`` independent ones, and predicted years have its
        spread.
    distribution : {"normal", "student", "laplace", "lognormal"}
        Of the errors (`masm.observations.distributions.Distribution`). All but normal
        ones, and censored values, are independent: with none of the above.
    degrees : float
        Of Student's distribution, above 2.
    growth_above, growth_below : float
        Of Laplace errors: growth of the scale with the modelled value, above zero and
        below it.
    censored_below, censored_above : float or None
        Limits in the stream's units: a compared value (after windows are averaged) at
        or beyond one is only known to lie there.
    every : int
        Thinning: only every so many-th compared value is kept.
    effective_share : float
        Of a series of n values that are worth n_eff independent ones, n_eff / n: the
        stream's log likelihood is multiplied by it. Over 0 up to 1; not with thinning
        or correlated errors, which make up for the same thing.

    Examples
    --------
    >>> import masm
    >>> errors = masm.Errors(correlation=0.6, bias_sd=0.2)
    >>> errors.between_years
    0.0
    """

    correlation: float = 0.0
    bias_sd: float = 0.0
    representation_sd: float = 0.0
    discrepancy_sd: float = 0.0
    discrepancy_days: float = 60.0
    discrepancy_seasonal: bool = True
    treatment: str = "none"
    between_years: float = 0.0
    distribution: str = "normal"
    degrees: float = 4.0
    growth_above: float = 0.0
    growth_below: float = 0.0
    censored_below: float | None = None
    censored_above: float | None = None
    every: int = 1
    effective_share: float = 1.0

    def __post_init__(self) -> None:
        self._check_count()
        if not 0.0 <= self.correlation < 1.0:
            raise InputError(
                "errors: correlation",
                found=self.correlation,
                wanted="from 0 to below 1",
            )
        if not 0.0 <= self.bias_sd < np.inf:
            raise InputError(
                "errors: bias_sd", found=self.bias_sd, wanted="zero or above"
            )
        for name in ("representation_sd", "discrepancy_sd"):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise InputError(
                    f"errors: {name}", found=getattr(self, name), wanted="zero or above"
                )
        if not 0.0 < self.discrepancy_days < np.inf:
            raise InputError(
                "errors: discrepancy_days",
                found=self.discrepancy_days,
                wanted="above zero",
            )
        check_treatment(self.treatment, "errors")
        if not 0.0 <= self.between_years < np.inf:
            raise InputError(
                "errors: between_years",
                found=self.between_years,
                wanted="zero or above",
            )
        if not self.shape.is_normal and not self.plain:
            raise InputError(
                "errors that are not normal",
                found=self.name,
                wanted="independent errors of known variance, values as they are",
            )

    def _check_count(self) -> None:
        """Refuse a number of values that cannot be, or is made up for twice."""
        whole = isinstance(self.every, int | np.integer)
        if not whole or isinstance(self.every, bool) or self.every < 1:
            raise InputError(
                "errors: every", found=repr(self.every), wanted="a whole number >= 1"
            )
        if not 0.0 < self.effective_share <= 1.0:
            raise InputError(
                "errors: effective_share",
                found=self.effective_share,
                wanted="over 0, up to 1",
            )
        ways = [self.every > 1, self.effective_share < 1.0, self.correlation != 0.0]
        if sum(ways) > 1:
            raise InputError(
                "errors: correlation that is made up for twice",
                found=f"every {self.every}, effective_share {self.effective_share:g}, "
                f"correlation {self.correlation:g}",
                wanted="one of the three",
            )

    @property
    def shape(self) -> Distribution:
        """How the errors are distributed."""
        return Distribution(
            self.distribution,
            self.degrees,
            self.growth_above,
            self.growth_below,
            self.censored_below,
            self.censored_above,
        )

    @property
    def name(self) -> str:
        """Name in a result."""
        parts = self.shape.said
        if self.correlation:
            parts.append(f"AR(1) {self.correlation:g}")
        if self.bias_sd:
            parts.append(f"bias sd {self.bias_sd:g}")
        if self.representation_sd:
            parts.append(f"representation sd {self.representation_sd:g}")
        if self.discrepancy_sd:
            season = ", half of it seasonal" if self.discrepancy_seasonal else ""
            parts.append(
                f"model discrepancy sd {self.discrepancy_sd:g} over "
                f"{self.discrepancy_days:g} days{season}"
            )
        if self.treatment != "none":
            parts.append(f"{self.treatment}: {TREATMENTS[self.treatment]}")
        if self.every > 1:
            parts.append(f"every {self.every}th value")
        if self.effective_share < 1.0:
            parts.append(f"log likelihood times {self.effective_share:g}")
        if self.between_years:
            parts.append(f"years differ by {self.between_years:g} sd")
        return ", ".join(parts) or "independent"

    @property
    def plain(self) -> bool:
        """Whether errors are independent and values compared as they are.

        Errors that are not normal are.
        """
        spreads = (self.correlation, self.bias_sd, self.between_years)
        more = (self.representation_sd, self.discrepancy_sd)
        return not any((*spreads, *more)) and self.treatment == "none"


INDEPENDENT = Errors()
SERIES = SeriesVariance()
