"""Prior distributions of parameters and their one transform to the unit cube.

Every prior is bounded and maps to ``u`` in [0, 1] by its own cumulative
distribution, so that in the unit cube the joint prior is flat: samplers and
surrogates work on ``u`` and never see a unit. Constraints between parameters cut
parts out of the cube and leave it flat elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from masm.errors import InputError
from masm.problem.samples import Samples
from masm.types import Array


@dataclass(frozen=True)
class Prior:
    """What all priors share: bounds, a default and a unit.

    Attributes
    ----------
    low, high : float
        Bounds, in the parameter's own unit.
    default : float or None
        Value used while the parameter is not calibrated; None is the middle of
        the prior (``quantile(0.5)``).
    units : str
        Unit, for labels only.

    Examples
    --------
    >>> import masm
    >>> prior = masm.Uniform(1.0, 3.0, units="g m-2")
    >>> isinstance(prior, masm.Prior), float(prior.quantile(0.5)), prior.units
    (True, 2.0, 'g m-2')
    """

    low: float
    high: float
    default: float | None = None
    units: str = ""

    def quantile(self, u: ArrayLike) -> Array:
        """Parameter value at cumulative probability ``u``."""
        raise TypeError("Prior is abstract; use Uniform, LogUniform, ...")

    def cdf(self, value: ArrayLike) -> Array:
        """Cumulative probability of a parameter value, the inverse of quantile."""
        raise TypeError("Prior is abstract; use Uniform, LogUniform, ...")

    def density(self, value: ArrayLike) -> Array:
        """Probability density at a parameter value, per unit of the parameter.

        Derivatives in the unit cube need it. A prior that does not say its own gets
        a central difference of `cdf`.
        """
        value = np.asarray(value, float)
        step = 1e-5 * (self.high - self.low)
        above = np.minimum(value + step, self.high)
        below = np.maximum(value - step, self.low)
        return (self.cdf(above) - self.cdf(below)) / (above - below)

    @property
    def default_value(self) -> float:
        """The default, or the middle of the prior where none was given."""
        if self.default is None:
            return float(self.quantile(0.5))
        return self.default

    def problem(self) -> str | None:
        """Say what is wrong with this prior, None when nothing is."""
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            return "bounds must be finite"
        if self.low >= self.high:
            return "low must be below high"
        if self.default is not None and not self.low <= self.default <= self.high:
            return f"default {self.default:g} lies outside the bounds"
        return None


@dataclass(frozen=True)
class Uniform(Prior):
    """Equal density between the bounds (the source paper's choice).

    Examples
    --------
    >>> import masm
    >>> prior = masm.Uniform(1.0, 3.0, default=1.5, units="g m-2")
    >>> prior.quantile([0.0, 0.25]).tolist()
    [1.0, 1.5]
    """

    def quantile(self, u: ArrayLike) -> Array:
        """See `Prior`."""
        value = self.low + np.asarray(u, float) * (self.high - self.low)
        return np.clip(value, self.low, self.high)  # rounding may step over

    def cdf(self, value: ArrayLike) -> Array:
        """See `Prior`."""
        return (np.asarray(value, float) - self.low) / (self.high - self.low)

    def density(self, value: ArrayLike) -> Array:
        """See `Prior`."""
        return np.full(np.shape(value), 1.0 / (self.high - self.low))


@dataclass(frozen=True)
class LogUniform(Prior):
    """Equal density of the logarithm between positive bounds.

    Examples
    --------
    >>> import masm
    >>> masm.LogUniform(0.01, 1.0).quantile([0.0, 0.5, 1.0]).round(3)
    array([0.01, 0.1 , 1.  ])
    """

    def quantile(self, u: ArrayLike) -> Array:
        """See `Prior`."""
        ratio = math.log(self.high / self.low)
        value = self.low * np.exp(np.asarray(u, float) * ratio)
        return np.clip(value, self.low, self.high)

    def cdf(self, value: ArrayLike) -> Array:
        """See `Prior`."""
        ratio = math.log(self.high / self.low)
        return np.log(np.asarray(value, float) / self.low) / ratio

    def density(self, value: ArrayLike) -> Array:
        """See `Prior`."""
        return 1.0 / (np.asarray(value, float) * math.log(self.high / self.low))

    def problem(self) -> str | None:
        """See `Prior`."""
        if self.low <= 0.0:
            return "a log-uniform prior needs low above zero"
        return super().problem()


@lru_cache(maxsize=1024)
def _frozen_distribution(
    name: str, first: float, second: float, loc: float, scale: float
) -> Any:
    """A distribution of SciPy; making one takes longer than many a model run."""
    from scipy import stats

    return getattr(stats, name)(first, second, loc=loc, scale=scale)


@lru_cache(maxsize=1024)
def _log_masses(a: float, b: float) -> tuple[float, float, float]:
    """Logs of a standard normal's mass below a, above b and between."""
    below, above = float(special.log_ndtr(a)), float(special.log_ndtr(-b))
    if a <= 0.0 <= b:
        between = math.log1p(-special.ndtr(a) - special.ndtr(-b))
    elif a > 0.0:
        near = float(special.log_ndtr(-a))
        between = near + math.log1p(-math.exp(above - near))
    else:
        near = float(special.log_ndtr(b))
        between = near + math.log1p(-math.exp(below - near))
    return below, above, between


@dataclass(frozen=True)
class TruncatedNormal(Prior):
    """A normal density cut at the bounds.

    Attributes
    ----------
    mean, sd : float
        Of the normal before it is cut, in the parameter's unit.

    Examples
    --------
    >>> import masm
    >>> prior = masm.TruncatedNormal(0.0, 10.0, mean=5.0, sd=1.0)
    >>> prior.quantile([0.05, 0.5]).round(2)
    array([3.36, 5.  ])
    """

    mean: float = math.nan
    sd: float = math.nan

    def _frozen(self) -> Any:
        a, b = (self.low - self.mean) / self.sd, (self.high - self.mean) / self.sd
        return _frozen_distribution("truncnorm", a, b, self.mean, self.sd)

    def quantile(self, u: ArrayLike) -> Array:
        """See `Prior`."""
        # As SciPy's truncnorm.ppf, whose checks take longer than many a model run.
        a, b = (self.low - self.mean) / self.sd, (self.high - self.mean) / self.sd
        below, above, mass = _log_masses(a, b)
        with np.errstate(divide="ignore"):
            if a < 0.0:
                part = np.log(np.asarray(u, float)) + mass
                z = special.ndtri_exp(np.logaddexp(below, part))
            else:
                part = np.log1p(-np.asarray(u, float)) + mass
                z = -special.ndtri_exp(np.logaddexp(above, part))
        return np.clip(self.mean + self.sd * z, self.low, self.high)

    def cdf(self, value: ArrayLike) -> Array:
        """See `Prior`."""
        return np.asarray(self._frozen().cdf(np.asarray(value, float)))

    def density(self, value: ArrayLike) -> Array:
        """See `Prior`."""
        return np.asarray(self._frozen().pdf(np.asarray(value, float)))

    def problem(self) -> str | None:
        """See `Prior`."""
        if not (math.isfinite(self.mean) and self.sd > 0.0):
            return "a truncated normal needs a finite mean and an sd above zero"
        return super().problem()


@dataclass(frozen=True)
class Beta(Prior):
    """A beta density stretched over the bounds.

    Attributes
    ----------
    a, b : float
        Shape parameters, both above zero; ``a = b = 1`` is uniform.

    Examples
    --------
    >>> import masm
    >>> prior = masm.Beta(0.0, 2.0, a=2.0, b=2.0)
    >>> float(prior.quantile(0.5))
    1.0
    """

    a: float = math.nan
    b: float = math.nan

    def _frozen(self) -> Any:
        width = self.high - self.low
        return _frozen_distribution("beta", self.a, self.b, self.low, width)

    def quantile(self, u: ArrayLike) -> Array:
        """See `Prior`."""
        return np.clip(self._frozen().ppf(np.asarray(u, float)), self.low, self.high)

    def cdf(self, value: ArrayLike) -> Array:
        """See `Prior`."""
        return np.asarray(self._frozen().cdf(np.asarray(value, float)))

    def density(self, value: ArrayLike) -> Array:
        """See `Prior`."""
        return np.asarray(self._frozen().pdf(np.asarray(value, float)))

    def problem(self) -> str | None:
        """See `Prior`."""
        if not (self.a > 0.0 and self.b > 0.0):
            return "a beta prior needs a and b above zero"
        return super().problem()


@dataclass(frozen=True)
class TransformedNormal(Prior):
    """A normal density of a transformed parameter, cut at the bounds.

    The usual prior of variational assimilation: normal in the logarithm of what is
    positive, in the logit of a fraction (Scholze et al. 2007).

    Attributes
    ----------
    center : float
        Median before it is cut, in the parameter's unit.
    scale : float
        Standard deviation of the transformed parameter.
    transform : {"linear", "log", "logit"}

    Examples
    --------
    >>> prior = TransformedNormal(0.1, 10.0, center=1.0, scale=0.5, transform="log")
    >>> prior.quantile([0.5]).round(12)
    array([1.])
    """

    center: float = math.nan
    scale: float = math.nan
    transform: str = "linear"

    def _latent(self, value: ArrayLike) -> Array:
        """Return the standard normal variable of a value."""
        moved = [_TRANSFORMS[self.transform](np.asarray(v, float)) for v in
                 (value, self.center)]  # fmt: skip
        return np.asarray((moved[0] - moved[1]) / self.scale)

    def _ends(self) -> tuple[Any, Any]:
        from scipy.special import ndtr

        return ndtr(self._latent(self.low)), ndtr(self._latent(self.high))

    def quantile(self, u: ArrayLike) -> Array:
        """See `Prior`."""
        from scipy.special import ndtri

        low, high = self._ends()
        x = ndtri(low + np.asarray(u, float) * (high - low))
        center = _TRANSFORMS[self.transform](np.asarray(self.center))
        value = _INVERSES[self.transform](center + self.scale * x)
        return np.clip(value, self.low, self.high)

    def cdf(self, value: ArrayLike) -> Array:
        """See `Prior`."""
        from scipy.special import ndtr

        low, high = self._ends()
        return np.asarray((ndtr(self._latent(value)) - low) / (high - low))

    def density(self, value: ArrayLike) -> Array:
        """See `Prior`."""
        low, high = self._ends()
        x = self._latent(value)
        normal = np.exp(-0.5 * x**2) / math.sqrt(2.0 * math.pi) / (high - low)
        value = np.asarray(value, float)
        slope: dict[str, Any] = {
            "linear": 1.0,
            "log": value,
            "logit": value * (1.0 - value),
        }
        return np.asarray(normal / (self.scale * slope[self.transform]))

    def problem(self) -> str | None:
        """See `Prior`."""
        if self.transform not in _TRANSFORMS:
            return f"no transform {self.transform!r}: linear, log or logit"
        if not (math.isfinite(self.center) and self.scale > 0.0):
            return "a transformed normal needs a finite center and a scale above zero"
        if self.transform != "linear" and self.low <= 0.0:
            return f"a prior with the transform {self.transform} needs low above zero"
        if self.transform == "logit" and self.high >= 1.0:
            return "a prior with the transform logit needs high below one"
        if not self.low <= self.center <= self.high:
            return f"center {self.center:g} lies outside the bounds"
        return super().problem()


_TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "linear": lambda v: v,
    "log": np.log,
    "logit": lambda v: np.log(v / (1.0 - v)),
}
_INVERSES: dict[str, Callable[[Any], Any]] = {
    "linear": lambda v: v,
    "log": np.exp,
    "logit": lambda v: 1.0 / (1.0 + np.exp(-v)),
}


@dataclass(frozen=True)
class Constraint:
    """A rule between parameters that every run must keep.

    Attributes
    ----------
    description : str
        The rule in words; it also stands for the rule in checkpoints.
    holds : callable
        ``holds(theta) -> bool array (sample,)``, with ``theta`` a `Samples` of all
        parameters of the problem, calibrated or not.
    parameters : tuple of str
        The parameters the rule reads.

    Examples
    --------
    >>> import masm
    >>> rule = masm.Constraint(
    ...     "a + b below 1", lambda theta: theta["a"] + theta["b"] < 1.0
    ... )
    >>> priors = masm.Priors({"a": (0.0, 1.0), "b": (0.0, 1.0)}, constraints=[rule])
    >>> rule.holds(masm.Samples([[0.2, 0.3], [0.9, 0.8]], ["a", "b"])).tolist()
    [True, False]
    """

    description: str
    holds: Callable[[Samples], NDArray[np.bool_]]
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Below:
    lower: str
    upper: str

    def __call__(self, theta: Samples) -> NDArray[np.bool_]:
        return np.asarray(theta[self.lower] < theta[self.upper])


def below(lower: str, upper: str) -> Constraint:
    """Require parameter ``lower`` to be less than parameter ``upper``.

    Examples
    --------
    >>> import masm
    >>> rule = masm.below("p5", "p15")
    >>> rule.holds(masm.Samples([[1.0, 2.0], [3.0, 2.0]], ["p5", "p15"])).tolist()
    [True, False]
    """
    return Constraint(f"{lower} < {upper}", _Below(lower, upper), (lower, upper))


class Priors(Mapping[str, Prior]):
    """The priors of a problem: an ordered mapping from name to `Prior`.

    Parameters
    ----------
    priors : mapping
        Name to `Prior`, or to ``(low, high)`` for a uniform prior.
    constraints : sequence of Constraint, optional
        Rules between parameters, such as ``masm.below("p5", "p15")``.

    Examples
    --------
    >>> import masm
    >>> priors = masm.Priors({"p5": (1.0, 3.0), "p15": masm.LogUniform(1.0, 100.0)})
    >>> priors.names, priors.defaults["p5"]
    (('p5', 'p15'), 2.0)
    """

    def __init__(
        self,
        priors: Mapping[str, Prior | Sequence[float]],
        constraints: Sequence[Constraint] = (),
    ) -> None:
        if not priors:
            raise InputError("priors: there are none", wanted="at least one parameter")
        self._priors = {name: _as_prior(name, entry) for name, entry in priors.items()}
        self.constraints = tuple(constraints)
        for constraint in self.constraints:
            for name in constraint.parameters:
                if name not in self._priors:
                    raise InputError(
                        f'constraint "{constraint.description}": unknown parameter',
                        found=name,
                        wanted=f"one of {', '.join(self._priors)}",
                    )

    @classmethod
    def from_table(cls, table: Any, names: Sequence[str] | None = None) -> Priors:
        """Uniform priors from a table with columns min, max, default and unit.

        Parameters
        ----------
        table : pandas.DataFrame
            Indexed by parameter; ``default`` and ``unit`` may be absent.
        names : sequence of str, optional
            The rows wanted, in this order; all of them by default.

        Raises
        ------
        InputError
            Naming the parameter and column that cannot be used.
        """
        known = [str(name) for name in table.index]
        wanted = known if names is None else list(names)
        for column in ("min", "max"):
            if column not in table:
                raise InputError(
                    f"priors: the table has no column {column!r}",
                    found=f"columns {', '.join(map(str, table.columns))}",
                    wanted="min and max; default and unit may be absent",
                )
        for name in wanted:
            if known.count(name) != 1:
                twice = "is in the table twice" if name in known else ""
                raise InputError(
                    f"priors: parameter {name!r} {twice or 'is not in the table'}",
                    found=name,
                    wanted=f"one of {', '.join(dict.fromkeys(known))}, once",
                )
        units = table["unit"].tolist() if "unit" in table else [""] * len(known)
        priors: dict[str, Prior | Sequence[float]] = {}
        for name in wanted:
            row = known.index(name)
            numbers = {
                column: _number(table[column].iloc[row], f"priors.{name}: {column}")
                for column in ("min", "max", "default")
                if column in table
            }
            default = numbers.get("default")
            priors[name] = Uniform(
                numbers["min"], numbers["max"], default, str(units[row])
            )
        return cls(priors)

    def __getitem__(self, name: str) -> Prior:
        return self._priors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._priors)

    def __len__(self) -> int:
        return len(self._priors)

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names in order."""
        return tuple(self._priors)

    @property
    def defaults(self) -> dict[str, float]:
        """Default value of each parameter."""
        return {name: prior.default_value for name, prior in self.items()}

    def subset(self, names: Sequence[str]) -> Priors:
        """Return the priors of some parameters, without the constraints."""
        return Priors({name: self._priors[name] for name in names})

    def with_defaults(self, defaults: Mapping[str, float]) -> Priors:
        """Return the same priors with other default values, kept to the bounds."""
        changed = dict(self._priors)
        for name, value in defaults.items():
            prior = changed[name]
            value = min(max(value, prior.low), prior.high)
            changed[name] = replace(prior, default=value)
        return Priors(changed, self.constraints)

    def from_unit(self, u: ArrayLike) -> Samples:
        """Parameter values of points in the unit cube, (sample, parameter)."""
        u = np.atleast_2d(np.asarray(u, float))
        columns = [prior.quantile(u[:, j]) for j, prior in enumerate(self.values())]
        return Samples(np.stack(columns, axis=1), self.names)

    def to_unit(self, theta: ArrayLike) -> Array:
        """Points in the unit cube of parameter values, (sample, parameter)."""
        theta = np.atleast_2d(np.asarray(theta, float))
        columns = [prior.cdf(theta[:, j]) for j, prior in enumerate(self.values())]
        return np.stack(columns, axis=1)

    def allowed(self, theta: Samples) -> NDArray[np.bool_]:
        """Which parameter sets keep every constraint, (sample,)."""
        result = np.ones(len(theta), bool)
        for constraint in self.constraints:
            result &= np.asarray(constraint.holds(theta), bool)
        return result


def _number(cell: Any, where: str) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError) as exc:
        raise InputError(
            f"{where} is no number", found=repr(cell), wanted="a number"
        ) from exc


def _as_prior(name: str, entry: Prior | Sequence[float]) -> Prior:
    if isinstance(entry, Prior):
        prior = entry
    else:
        try:
            low, high = (float(bound) for bound in entry)
        except (TypeError, ValueError) as exc:
            raise InputError(
                f"priors.{name}: not a prior",
                found=repr(entry),
                wanted="(low, high), or one of Uniform, LogUniform, "
                "TruncatedNormal, TransformedNormal, Beta",
            ) from exc
        prior = Uniform(low, high)
    trouble = prior.problem()
    if trouble is not None:
        raise InputError(
            f"priors.{name}: {trouble}",
            found=f"low {prior.low:g}, high {prior.high:g}",
            wanted="finite bounds with low < high and the default between them",
        )
    return prior


def as_priors(priors: Any) -> Priors:
    """Accept `Priors`, or a mapping of name to (low, high) or `Prior`."""
    if isinstance(priors, Priors):
        return priors
    if not isinstance(priors, Mapping):
        raise InputError(
            "priors: not a mapping",
            found=type(priors).__name__,
            wanted="a mapping from name to (low, high), or masm.Priors",
        )
    return Priors(priors)
