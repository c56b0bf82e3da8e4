"""How large the errors of a stream are taken to be, and their correlation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from masm.errors import InputError


@dataclass(frozen=True)
class SeriesVariance:
    """Error variance taken as the variance of the observed, aggregated series.

    The practice of the source paper: the cost becomes SSE / var(observed), of the
    order of ``n (1 - NSE)``. It is flat; posteriors under it are wide.
    """

    name = "series"


@dataclass(frozen=True)
class GivenVariance:
    """Error variance that comes with the data, or one number for all of them.

    Attributes
    ----------
    value : float or None
        Variance of one aggregated value, in units squared. None takes the variance
        given with each observation; a mean of k of them with independent errors has
        their sum over k squared.
    """

    value: float | None = None

    @property
    def name(self) -> str:
        """Name as it stands in a result."""
        return "given" if self.value is None else f"given ({self.value:g})"


@dataclass(frozen=True)
class RelativeVariance:
    """Error standard deviation as a share of the observed value, with a floor.

    Attributes
    ----------
    fraction : float
        Standard deviation over observed value.
    floor : float
        Least standard deviation, in the stream's units.
    """

    fraction: float
    floor: float

    @property
    def name(self) -> str:
        """Name as it stands in a result."""
        return f"relative (sd {self.fraction:g} of value, floor {self.floor:g})"


@dataclass(frozen=True)
class SampledVariance:
    """Error standard deviation known up to a factor, found with the parameters.

    The factor on the standard deviation (the bias's too, where there is one) has a
    log-uniform prior. It is integrated out of the likelihood and drawn for each
    posterior draw (`masm.observations.error_scale`), so it costs no model runs.

    Attributes
    ----------
    base : rule, optional
        What is scaled: as for ``variance``, without it the variance given with the
        data where there is one, else that of the series.
    low, high : float
        Bounds of the factor.
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
        """Name as it stands in a result."""
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
    """Correlation of the errors of a stream; by default there is none.

    Attributes
    ----------
    correlation : float
        Of the errors of two neighbouring windows (AR(1)): errors k windows apart
        have correlation to the k-th power. From 0 to below 1. Series of n then carry
        about ``n (1 - r) / (1 + r)`` independent observations.
    bias_sd : float
        Standard deviation, in the stream's units, of an unknown constant added to
        the whole series. It is integrated out.
    """

    correlation: float = 0.0
    bias_sd: float = 0.0

    def __post_init__(self) -> None:
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

    @property
    def name(self) -> str:
        """Name as it stands in a result."""
        parts = []
        if self.correlation:
            parts.append(f"AR(1) {self.correlation:g}")
        if self.bias_sd:
            parts.append(f"bias sd {self.bias_sd:g}")
        return ", ".join(parts) or "independent"


INDEPENDENT = Errors()
SERIES = SeriesVariance()
