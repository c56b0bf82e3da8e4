"""Filter a model's states and its parameters together as observations come in.

Each member carries a state and a parameter vector. The state is stepped with the
member's own parameters; an observation of the state corrects both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from masm.errors import InputError
from masm.filters import _checks
from masm.filters.enkf import stochastic_enkf
from masm.filters.inflation import inflate
from masm.filters.particle import particle_analysis

Array = NDArray[np.float64]
Step = Callable[[Array, Array, int], Array]


@dataclass(frozen=True)
class JointFilter:
    """States and parameters of `filter_states_and_parameters`, after each analysis.

    Attributes
    ----------
    state_mean, state_sd : (n_times, q)
    parameter_mean, parameter_sd : (n_times, p)
    states, parameters : (n_members, q), (n_members, p)
        At the last time. Of a particle filter they have the weights of `log_weight`.
    log_weight : (n_members,)
        Normalised; equal ones of an ensemble Kalman filter.
    effective : (n_times,)
        Effective number of members before resampling.

    Examples
    --------
    >>> import numpy as np
    >>> from masm.filters import filter_states_and_parameters
    >>> rng = np.random.default_rng(1)
    >>> found = filter_states_and_parameters(
    ...     lambda x, theta, k: theta * x, np.full((50, 1), 5.0),
    ...     rng.uniform(0.5, 1.2, (50, 1)), [[1.0]], [[4.5], [4.0]], 0.01,
    ...     seed=2, lower=0.4, upper=1.3,
    ... )
    >>> found.state_mean.shape, found.parameter_sd.shape
    ((2, 1), (2, 1))
    """

    state_mean: Array
    state_sd: Array
    parameter_mean: Array
    parameter_sd: Array
    states: Array
    parameters: Array
    log_weight: Array
    effective: Array


def filter_states_and_parameters(
    step: Step,
    states: ArrayLike,
    parameters: ArrayLike,
    operator: ArrayLike,
    observations: ArrayLike,
    variance: ArrayLike,
    *,
    seed: _checks.Seed,
    kind: Literal["enkf", "particle"] = "enkf",
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    inflation: float = 1.0,
    damping: float = 1.0,
    jitter: float = 0.1,
    threshold: float = 0.5,
) -> JointFilter:
    """Filter states and parameters of a model by a series of observations.

    Parameters
    ----------
    step : callable
        ``step(states, parameters, k)`` takes members, (n_members, q) and (n_members,
        p), from time k - 1 to time k of the observations, with process error in it.
        Before the first observation it is called with k = 0.
    states, parameters : (n_members, q), (n_members, p)
        Draws of both before the first step.
    operator : (n_obs, q)
        What is observed of the states.
    observations : (n_times, n_obs)
        NaN means not observed.
    variance : number, (n_obs,) or (n_obs, n_obs)
        Of their errors.
    seed : int, sequence of int or SeedSequence
    kind : {"enkf", "particle"}
    lower, upper : number or (p,), optional
        Bounds of the parameters, both or none. They are kept by a logit transform.
    inflation : float
        Ensemble Kalman filter: factor of the variance of states and parameters before
        each analysis, 1 or above.
    damping : float
        Ensemble Kalman filter: fraction of each update of the parameters that is made,
        over 0 up to 1.
    jitter : float
        Particle filter: standard deviation of the kernel about resampled parameters,
        in that of the particles, 0 up to 1; their mean and covariance stay. States are
        not moved: their spread is the process error's.
    threshold : float
        Particle filter: members are resampled under this fraction of effective ones.

    Returns
    -------
    JointFilter

    Raises
    ------
    InputError
        Shapes that do not fit, parameters on or outside their bounds, an option out of
        its range, a step that gives another shape or a number that is not finite.

    Warns
    -----
    UserWarning
        Under one effective member in twenty of a particle filter.

    References
    ----------
    Evensen (2009), IEEE Control Systems Magazine 29, 83-104; Liu and West (2001),
    Sequential Monte Carlo Methods in Practice, chapter 10.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> growth = lambda x, theta, k: theta * x + 0.1 * rng.normal(size=x.shape)
    >>> seen = [[0.9 ** (k + 1) * 5.0] for k in range(12)]
    >>> found = filter_states_and_parameters(
    ...     growth, np.full((500, 1), 5.0), rng.uniform(0.5, 1.2, (500, 1)),
    ...     [[1.0]], seen, 0.01, seed=2, lower=0.4, upper=1.3,
    ... )
    >>> bool(abs(found.parameter_mean[-1, 0] - 0.9) < 0.05)
    True
    """
    x = _checks.members_of(states)
    theta = _parameters_of(parameters, len(x))
    bounds = _bounds_of(lower, upper, theta)
    seen = np.asarray(observations, float)
    if seen.ndim != 2 or not len(seen):
        raise InputError(
            "observations", found=f"shape {seen.shape}", wanted="(n_times, n_obs)"
        )
    h = np.atleast_2d(np.asarray(operator, float))
    if h.shape != (seen.shape[1], x.shape[1]):
        raise InputError(
            "operator",
            found=f"shape {h.shape}",
            wanted=f"{(seen.shape[1], x.shape[1])}: observations by states",
        )
    _check_options(kind, inflation, damping, jitter)
    analyse = _enkf(inflation, damping) if kind == "enkf" else _particles(jitter)
    state_rows, parameter_rows, effective = [], [], []
    log_weight = np.full(len(x), -np.log(len(x)))
    seeds = _checks.seeds(seed).spawn(len(seen))
    z = bounds.free(theta)
    whole = np.hstack([h, np.zeros((len(h), z.shape[1]))])
    for k, value in enumerate(seen):
        x = _stepped(step, x, bounds.within(z), k)
        members = _Members(np.hstack([x, z]), x.shape[1], log_weight, threshold)
        found = analyse(members, whole, value, variance, seeds[k])
        x, z, log_weight = found.x, found.z, found.log_weight
        effective.append(found.effective)
        state_rows.append(_moments(x, log_weight))
        parameter_rows.append(_moments(bounds.within(z), log_weight))
    return JointFilter(
        np.array([mean for mean, _ in state_rows]),
        np.array([sd for _, sd in state_rows]),
        np.array([mean for mean, _ in parameter_rows]),
        np.array([sd for _, sd in parameter_rows]),
        x, bounds.within(z), log_weight, np.array(effective),
    )  # fmt: skip


@dataclass(frozen=True)
class _Members:
    """States and free parameters side by side, with weights."""

    both: Array
    q: int
    log_weight: Array
    threshold: float
    effective: float = 0.0

    @property
    def x(self) -> Array:
        """States."""
        return self.both[:, : self.q]

    @property
    def z(self) -> Array:
        """Parameters without bounds."""
        return self.both[:, self.q :]


def _enkf(inflation: float, damping: float) -> Callable[..., _Members]:
    def analyse(
        members: _Members,
        operator: Array,
        value: Array,
        variance: ArrayLike,
        seed: object,
    ) -> _Members:
        n = len(members.both)
        if np.isnan(value).all():
            return _Members(members.both, members.q, members.log_weight, 0.0, float(n))
        before = inflate(members.both, inflation)
        found = stochastic_enkf(before, operator, value, variance, seed=seed)  # type: ignore[arg-type]
        after = found.members.copy()
        after[:, members.q :] = before[:, members.q :] + damping * (
            after[:, members.q :] - before[:, members.q :]
        )
        return _Members(after, members.q, members.log_weight, 0.0, float(n))

    return analyse


def _particles(jitter: float) -> Callable[..., _Members]:
    def analyse(
        members: _Members,
        operator: Array,
        value: Array,
        variance: ArrayLike,
        seed: np.random.SeedSequence,
    ) -> _Members:
        resampling, kernel = seed.spawn(2)
        found = particle_analysis(
            members.both, operator, value, variance, seed=resampling,
            log_weight=members.log_weight, threshold=members.threshold,
        )  # fmt: skip
        both = found.members.copy()
        if found.resampled and jitter > 0.0:
            part = slice(members.q, None)
            cloud = members.both[:, part]
            covariance = np.atleast_2d(found.covariance[part, part])
            mean = found.mean[part]
            values, vectors = np.linalg.eigh(covariance)
            root = vectors * np.sqrt(np.maximum(values, 0.0))
            noise = np.random.default_rng(kernel).standard_normal(cloud.shape)
            kept = mean + np.sqrt(1.0 - jitter**2) * (both[:, part] - mean)
            both[:, part] = kept + jitter * noise @ root.T
        return _Members(both, members.q, found.log_weight, 0.0, found.effective)

    return analyse


@dataclass(frozen=True)
class _Bounds:
    """Bounds of the parameters, and parameters without any."""

    low: Array | None
    high: Array | None

    def free(self, theta: Array) -> Array:
        """Parameters on the whole line."""
        if self.low is None or self.high is None:
            return theta
        return np.asarray(logit((theta - self.low) / (self.high - self.low)))

    def within(self, z: Array) -> Array:
        """Parameters within their bounds."""
        if self.low is None or self.high is None:
            return z
        return np.asarray(self.low + (self.high - self.low) * expit(z))


def _parameters_of(parameters: ArrayLike, n: int) -> Array:
    theta = np.asarray(parameters, float)
    if theta.ndim != 2 or len(theta) != n or not np.isfinite(theta).all():
        raise InputError(
            "parameters",
            found=f"shape {theta.shape}",
            wanted=f"finite numbers, ({n}, p): a row for each member",
        )
    return theta


def _bounds_of(
    lower: ArrayLike | None, upper: ArrayLike | None, theta: Array
) -> _Bounds:
    if (lower is None) != (upper is None):
        raise InputError(
            "bounds of the parameters", found="one of the two", wanted="both or none"
        )
    if lower is None or upper is None:
        return _Bounds(None, None)
    low, high = (
        np.broadcast_to(np.asarray(bound, float), theta.shape[1:])
        for bound in (lower, upper)
    )
    if not np.all(low < high) or not np.all((theta > low) & (theta < high)):
        raise InputError(
            "bounds of the parameters",
            found=f"{low} to {high}, members from {theta.min(axis=0)} to "
            f"{theta.max(axis=0)}",
            wanted="lower below upper, and every member strictly between",
        )
    return _Bounds(low, high)


def _check_options(kind: str, inflation: float, damping: float, jitter: float) -> None:
    if kind not in ("enkf", "particle"):
        raise InputError("kind", found=repr(kind), wanted="enkf or particle")
    if not 1.0 <= inflation < np.inf:
        raise InputError("inflation", found=inflation, wanted="1 or above")
    if not 0.0 < damping <= 1.0:
        raise InputError("damping", found=damping, wanted="over 0, up to 1")
    if not 0.0 <= jitter <= 1.0:
        raise InputError("jitter", found=jitter, wanted="0 up to 1")


def _stepped(step: Step, x: Array, theta: Array, k: int) -> Array:
    found = np.asarray(step(x, theta, k), float)
    if found.shape != x.shape or not np.isfinite(found).all():
        raise InputError(
            f"step to time {k}",
            found=f"shape {found.shape}, {np.count_nonzero(~np.isfinite(found))} "
            "numbers not finite",
            wanted=f"finite states of shape {x.shape}",
        )
    return found


def _moments(members: Array, log_weight: Array) -> tuple[Array, Array]:
    weight = np.exp(log_weight)
    mean = weight @ members
    alone = max(1.0 - float(np.sum(weight**2)), 1e-12)
    return mean, np.sqrt(weight @ (members - mean) ** 2 / alone)
