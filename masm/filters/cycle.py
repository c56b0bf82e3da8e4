"""One analysis of a reanalysis: forecast members in, corrected members out.

The parts of this package in their order: latent forecast, localisation, the filter,
adjustment of the members, weights for what was not assimilated. What a filter learns
(the process error, the inflation) is carried from one analysis to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.filters import _checks
from masm.filters.adjustment import adjust
from masm.filters.analysis import sample_moments
from masm.filters.between_states import StateTaper, state_taper, taper_states
from masm.filters.enkf import stochastic_enkf
from masm.filters.inflation import (
    AdaptiveInflation,
    adaptive_inflation,
    add_process_error,
    inflate,
)
from masm.filters.localisation import localise, taper
from masm.filters.particle import particle_analysis
from masm.filters.tobit import latent_forecast
from masm.filters.tobit_wishart import TobitWishart, tobit_wishart
from masm.filters.transform import ensemble_transform, local_ensemble_transform
from masm.filters.weights import density_weights, member_weights

Array = NDArray[np.float64]

FILTERS = ("tobit_wishart", "enkf", "etkf", "letkf", "particle", "none")

# Keys of the random streams inside one analysis.
_LATENT, _PROCESS, _FILTER, _BETWEEN = 0, 1, 2, 3


@dataclass(frozen=True)
class CycleOptions:
    """The filter and its options.

    Attributes
    ----------
    process_sd : (q,)
        Sd of each state's process error from one analysis to the next. Of
        ``tobit_wishart`` the square root of the prior mean of the diagonal of Q.
    name : str
        One of `FILTERS`; with ``"none"`` nothing is assimilated.
    radius, taper : float, str
        Of the localisation; infinity for none. Particles are not localised, nor is
        the global transform.
    between_states, between_level : str, float
        Of `state_taper`: what is kept of covariances between the states of a
        site. Particles and the global transform take them as they are.
    inflation : float or "adaptive"
        Factor of the forecast's variance, before process error is added.
    n_draws, n_chains, n_warm, alpha, forgetting
        Of `tobit_wishart`; ``alpha`` is q + 4 if None.
    minimum_sd : (q,), optional
        Of `latent_forecast`; a tenth of ``process_sd`` if not given.
    adjustment, scope : str
        Of `adjust`.
    weights : str
        Of `member_weights`.
    threshold, jitter : float
        Of `particle_analysis`.

    Examples
    --------
    >>> import numpy as np
    >>> from masm.filters import CycleOptions
    >>> options = CycleOptions(np.array([0.5, 2.0]), name="etkf", radius=300.0)
    >>> options.taper, options.inflation
    ('gaussian', 1.0)
    """

    process_sd: Array
    name: str = "tobit_wishart"
    radius: float = np.inf
    taper: str = "gaussian"
    between_states: str = "tested"
    between_level: float = 0.05
    inflation: float | str = 1.0
    n_draws: int = 1000
    n_chains: int = 2
    n_warm: int = 300
    alpha: float | None = None
    forgetting: float = 1.0
    minimum_sd: Array | None = None
    adjustment: str = "symmetric"
    scope: str = "auto"
    weights: str = "ratio"
    threshold: float = 0.5
    jitter: float = 0.1


@dataclass(frozen=True)
class Carried:
    """What one analysis leaves for the next.

    Attributes
    ----------
    alpha, beta : float, (q, q)
        Inverse-Wishart prior of Q, in the states' own units.
    inflation, inflation_variance : float
        Of the adaptive inflation.
    log_weight : (n_members,)
        Of particles.

    Examples
    --------
    >>> import numpy as np
    >>> from masm.filters import Carried, CycleOptions
    >>> first = Carried.first(CycleOptions(np.array([1.0]), name="etkf"), 40)
    >>> first.inflation, first.log_weight.shape
    (1.0, (40,))
    """

    alpha: float
    beta: Array
    inflation: float
    inflation_variance: float
    log_weight: Array

    @classmethod
    def first(cls, options: CycleOptions, n_members: int) -> Carried:
        """What there is before the first analysis."""
        sd = np.asarray(options.process_sd, float)
        q = sd.size
        alpha = q + 4.0 if options.alpha is None else float(options.alpha)
        if alpha <= q + 1.0:
            raise InputError(
                "alpha, the degrees of freedom of the prior of Q", found=alpha,
                wanted=f"more than {q + 1}, so that Q has a mean",
            )  # fmt: skip
        return cls(
            alpha, (alpha - q - 1.0) * np.diag(sd**2), 1.0, 0.25,
            np.full(n_members, -np.log(n_members)),
        )  # fmt: skip


@dataclass(frozen=True)
class Cycle:
    """Result of `analyse_cycle`.

    Attributes
    ----------
    members : (n_members, n_sites, q)
        For the model: none below zero.
    mean, sd : (n_sites, q)
        Of the analysis. Of ``tobit_wishart`` the posterior of X, before members were
        set to zero.
    weight, effective : (n_sites, n_members), (n_sites,)
        Weights of the members as they ran up to the analysis, and their effective
        number.
    process_mean : (q, q)
        Posterior mean of Q, or the Q that was given.
    process_from : tuple of str, (q,)
        ``"data"``, ``"prior"`` (the state was observed nowhere) or ``"given"``.
    ancestors : (n_members,)
        The member that each one was before; only particles change places.
    n_clipped : int
        Values that were set to zero, or to the model's limit.
    n_censored : int
        Forecast values at zero.
    n_observed : int
    carried : Carried
    state_factor : (q, q)
        By which covariances between states were multiplied, see `state_taper`.
    diagnostics : dict
        Names to numbers: ``r_hat``, ``r_hat_process`` (largest), ``ess`` (least).

    Examples
    --------
    >>> import numpy as np
    >>> from masm.filters import Carried, CycleOptions, analyse_cycle
    >>> options = CycleOptions(np.array([1.0]), name="etkf")
    >>> members = np.random.default_rng(0).normal(5.0, 1.0, (40, 1, 1))
    >>> found = analyse_cycle(
    ...     members, [[7.0]], [[0.5]], options=options,
    ...     carried=Carried.first(options, 40), distance=[[0.0]], seed=1,
    ... )
    >>> found.n_observed, found.process_from
    (1, ('given',))
    """

    members: Array
    mean: Array
    sd: Array
    weight: Array
    effective: Array
    process_mean: Array
    process_from: tuple[str, ...]
    ancestors: NDArray[np.intp]
    n_clipped: int
    n_censored: int
    n_observed: int
    carried: Carried
    state_factor: Array
    diagnostics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Scaled:
    """The problem of one analysis, every state divided by its own scale."""

    members: Array  # (n_members, p)
    operator: Array
    value: Array
    variance: Array
    distance: Array
    scale: Array  # (q,)
    n_sites: int
    seed: np.random.SeedSequence


def analyse_cycle(
    members: ArrayLike,
    observations: ArrayLike,
    error_sd: ArrayLike,
    *,
    options: CycleOptions,
    carried: Carried,
    distance: ArrayLike,
    seed: _checks.Seed,
    highest: ArrayLike | None = None,
) -> Cycle:
    """Correct the members of a forecast by the observations of one time.

    Parameters
    ----------
    members : (n_members, n_sites, q)
        Forecast; states cannot be negative, and zero means *at or below*.
    observations, error_sd : (n_sites, q)
        NaN means not observed; the sd of an observed value must be above zero.
    options : CycleOptions
    carried : Carried
        Of the time before, or `Carried.first`.
    distance : (n_sites, n_sites)
        In the unit of the radius.
    seed : int, sequence of int or SeedSequence
    highest : (q,), optional
        The model's limits; members above are set to it and counted.

    Returns
    -------
    Cycle

    Raises
    ------
    InputError
        As the filters do; nothing was changed.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> options = CycleOptions(np.array([1.0]), name="etkf")
    >>> found = analyse_cycle(
    ...     rng.normal(5.0, 1.0, (40, 1, 1)), [[7.0]], [[0.5]], options=options,
    ...     carried=Carried.first(options, 40), distance=[[0.0]], seed=1,
    ... )
    >>> found.members.shape, bool(5.0 < found.mean[0, 0] < 7.0)
    ((40, 1, 1), True)
    """
    found = _checks.numbers(members, "members")
    if found.ndim != 3:
        raise InputError(
            "members", found=f"shape {found.shape}", wanted="(n_members, n_sites, q)"
        )
    _checks.choice(options.name, "filter", FILTERS)
    n, n_sites, q = found.shape
    value = _checks.numbers(observations, "observations")
    error = _checks.numbers(error_sd, "sd of the observations")
    for what, array in (("observations", value), ("their sd", error)):
        if array.shape != (n_sites, q):
            raise InputError(what, found=array.shape, wanted=(n_sites, q))
    flat = _checks.members_of(found.reshape(n, n_sites * q))
    scaled = _scaled(flat, value, error, n_sites, distance, seed)
    if options.name == "none":
        cycle = _free_run(flat, n_sites, q, options, carried)
    elif options.name == "tobit_wishart":
        cycle = _tobit(scaled, options, carried)
    elif options.name == "particle":
        cycle = _particles(scaled, options, carried)
    else:
        cycle = _ensemble(scaled, options, carried)
    return _within(cycle, found, highest)


def _scaled(flat, value, error, n_sites, distance, seed) -> _Scaled:
    """Divide by the spread of each state: units must not decide what is small."""
    q = value.shape[1]
    spread = flat.reshape(len(flat), n_sites, q).std(axis=0, ddof=1)
    size = np.abs(flat).reshape(-1, q).max(axis=0)
    scale = np.sqrt((spread**2).mean(axis=0))
    scale = np.where(scale > 1e-9 * size, scale, np.where(size > 0.0, size, 1.0))
    seen = np.flatnonzero(np.isfinite(value.ravel()))
    every = np.tile(scale, n_sites)
    operator = np.zeros((seen.size, n_sites * q))
    operator[np.arange(seen.size), seen] = 1.0
    return _Scaled(
        flat / every, operator, value.ravel()[seen] / every[seen],
        (error.ravel()[seen] / every[seen]) ** 2,
        np.atleast_2d(_checks.numbers(distance, "distance")), scale, n_sites,
        _checks.seeds(seed),
    )  # fmt: skip


def _free_run(
    flat: Array, n_sites: int, q: int, options: CycleOptions, carried: Carried
) -> Cycle:
    n = len(flat)
    shape = (n, n_sites, q)
    found = flat.reshape(shape)
    return Cycle(
        found, found.mean(axis=0), found.std(axis=0, ddof=1),
        np.full((n_sites, n), 1.0 / n), np.full(n_sites, float(n)),
        np.diag(np.asarray(options.process_sd, float) ** 2), ("given",) * q,
        np.arange(n), 0, int((flat <= 0.0).sum()), 0, carried, np.ones((q, q)),
    )  # fmt: skip


def _tobit(s: _Scaled, options: CycleOptions, carried: Carried) -> Cycle:
    outer = np.outer(s.scale, s.scale)
    latent = _latent(s, options)
    between = _between(s, latent.members, options)
    covariance = localise(latent.covariance, s.distance, options.radius, options.taper)
    covariance = taper_states(covariance, between.factor)
    analysis = tobit_wishart(
        latent.mean, covariance, s.operator, s.value, s.variance, 0.0,
        carried.alpha, carried.beta / outer, n_sites=s.n_sites,
        n_draws=options.n_draws, n_chains=options.n_chains, n_warm=options.n_warm,
        forgetting=options.forgetting, seed=_checks.seeds(s.seed, _FILTER),
    )  # fmt: skip
    moved = adjust(
        latent.members, analysis.mean, analysis.covariance, n_sites=s.n_sites,
        lower=0.0, form=options.adjustment, scope=options.scope,
        state_taper=between.factor,
    )  # fmt: skip
    weights = _quietly_weighed(latent.members, analysis, options.weights)
    diagnostics = analysis.diagnostics
    return _cycle(
        s, moved.members, analysis.mean, np.sqrt(np.diag(analysis.covariance)),
        weights, analysis.process_mean * outer, diagnostics.process_from,
        replace(carried, alpha=analysis.alpha, beta=analysis.beta * outer),
        n_clipped=int(moved.n_clipped.sum()), n_censored=int(latent.n_censored.sum()),
        state_factor=between.factor,
        diagnostics={
            "r_hat": _largest(diagnostics.r_hat_state),
            "r_hat_process": _largest(diagnostics.r_hat_process),
            "ess": -_largest(-diagnostics.ess_state),
            "ess_process": -_largest(-diagnostics.ess_process),
            "acceptance": diagnostics.acceptance,
        },
    )  # fmt: skip


def _between(s: _Scaled, members: Array, options: CycleOptions) -> StateTaper:
    return state_taper(
        members, n_sites=s.n_sites, rule=options.between_states,
        level=options.between_level, seed=_checks.seeds(s.seed, _BETWEEN),
    )  # fmt: skip


def _latent(s: _Scaled, options: CycleOptions) -> Any:
    floor = (
        0.1 * np.asarray(options.process_sd, float)
        if options.minimum_sd is None
        else np.asarray(options.minimum_sd, float)
    )
    return latent_forecast(
        s.members, 0.0, n_sites=s.n_sites, seed=_checks.seeds(s.seed, _LATENT),
        minimum_sd=np.tile(floor / s.scale, s.n_sites),
    )  # fmt: skip


def _ensemble(s: _Scaled, options: CycleOptions, carried: Carried) -> Cycle:
    """Stochastic, transform and local transform filters, with process error added."""
    process = np.diag((np.asarray(options.process_sd, float) / s.scale) ** 2)
    factor, carried = _inflation(s, process, options, carried)
    ran = inflate(s.members, factor)
    noisy = add_process_error(
        ran, process, n_sites=s.n_sites, seed=_checks.seeds(s.seed, _PROCESS)
    )
    observed = (noisy, s.operator, s.value, s.variance)
    local = options.name != "etkf"
    factor_states = _between(s, ran, options).factor if local else None
    if options.name == "enkf":
        found = stochastic_enkf(
            *observed, seed=_checks.seeds(s.seed, _FILTER),
            localisation=taper(s.distance, options.radius, options.taper),
            state_taper=factor_states,
        )  # fmt: skip
    elif options.name == "etkf":
        found = ensemble_transform(*observed)
    else:
        found = local_ensemble_transform(
            *observed, distance=s.distance, radius=options.radius, kind=options.taper,
            state_taper=factor_states,
        )  # fmt: skip
    mean, covariance = sample_moments(ran)
    covariance = localise(covariance, s.distance, options.radius, options.taper)
    if factor_states is not None:
        covariance = taper_states(covariance, factor_states)
    # Moments of x_f in closed form: Q is given and nothing is censored.
    known = tobit_wishart(
        mean, covariance, s.operator, s.value, s.variance, None, None, None,
        process=process, n_sites=s.n_sites, n_draws=1, n_chains=1,
        seed=_checks.seeds(s.seed, _FILTER),
    )  # fmt: skip
    q = s.scale.size
    return _cycle(
        s, np.maximum(found.members, 0.0), found.mean,
        found.members.std(axis=0, ddof=1),
        _quietly_weighed(ran, known, options.weights),
        process * np.outer(s.scale, s.scale), ("given",) * q, carried,
        n_clipped=int((found.members < 0.0).sum()),
        n_censored=int((s.members <= 0.0).sum()),
        diagnostics={"inflation": factor}, state_factor=factor_states,
    )  # fmt: skip


def _particles(s: _Scaled, options: CycleOptions, carried: Carried) -> Cycle:
    import warnings

    process = np.diag((np.asarray(options.process_sd, float) / s.scale) ** 2)
    factor, carried = _inflation(s, process, options, carried)
    noisy = add_process_error(
        inflate(s.members, factor), process, n_sites=s.n_sites,
        seed=_checks.seeds(s.seed, _PROCESS),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the effective number is reported
        found = particle_analysis(
            noisy, s.operator, s.value, s.variance, lower=0.0,
            log_weight=carried.log_weight, threshold=options.threshold,
            jitter=options.jitter, seed=_checks.seeds(s.seed, _FILTER),
        )  # fmt: skip
    # Of the members as they ran, before they were resampled.
    before = particle_analysis(
        noisy, s.operator, s.value, s.variance, lower=0.0,
        log_weight=carried.log_weight, threshold=0.0,
        seed=_checks.seeds(s.seed, _FILTER),
    )  # fmt: skip
    weight = np.tile(np.exp(before.log_weight), (s.n_sites, 1))
    q = s.scale.size
    cycle = _cycle(
        s, np.maximum(found.members, 0.0), found.mean,
        np.sqrt(np.diag(found.covariance)), (weight, 1.0 / np.sum(weight**2, axis=1)),
        process * np.outer(s.scale, s.scale), ("given",) * q,
        replace(carried, log_weight=found.log_weight),
        n_clipped=int((found.members < 0.0).sum()),
        n_censored=int((s.members <= 0.0).sum()),
        diagnostics={"inflation": factor, "effective": found.effective},
    )  # fmt: skip
    return replace(cycle, ancestors=found.ancestors)


def _inflation(
    s: _Scaled, process: Array, options: CycleOptions, carried: Carried
) -> tuple[float, Carried]:
    if options.inflation != "adaptive":
        return float(options.inflation), carried
    # Innovations hold the process error too: it counts as error here.
    variance = s.variance + np.tile(np.diag(process), s.n_sites) @ s.operator.T
    found = adaptive_inflation(
        s.members, s.operator, s.value, variance,
        AdaptiveInflation(carried.inflation, carried.inflation_variance),
    )  # fmt: skip
    return found.factor, replace(
        carried, inflation=found.factor, inflation_variance=found.variance
    )


def _quietly_weighed(
    members: Array, analysis: TobitWishart, rule: str
) -> tuple[Array, Array]:
    """Weights and effective members; the caller reports how few there are.

    A site in which some state has no spread, or fewer members than its states need,
    cannot be weighed by a density: its weights are NaN.
    """
    import warnings

    n, p = members.shape
    q = p // analysis.n_sites
    weight = np.full((analysis.n_sites, n), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            return _pair(member_weights(members, analysis, rule=rule))
        except InputError:
            pass
        for site in range(analysis.n_sites):
            block = slice(site * q, (site + 1) * q)
            try:
                weight[site] = _site_weights(members, analysis, block, rule)
            except InputError:
                continue
    return weight, 1.0 / np.sum(weight**2, axis=1)


def _pair(weights: Any) -> tuple[Array, Array]:
    return weights.weight, weights.effective


def _site_weights(
    members: Array, analysis: TobitWishart, block: slice, rule: str
) -> Array:
    ratio = rule == "ratio"
    mean = analysis.forecast_state_mean if ratio else analysis.mean
    covariance = analysis.forecast_state_covariance if ratio else analysis.covariance
    prior = (
        None
        if rule == "source"
        else (analysis.prior_mean[block], analysis.prior_covariance[block, block])
    )
    found = density_weights(
        members[:, block], (mean[block], covariance[block, block]), prior, rule=rule
    )
    return found.weight[0]


def _cycle(
    s: _Scaled, members: Array, mean: Array, sd: Array,
    weights: tuple[Array, Array], process: Array, process_from: tuple[str, ...],
    carried: Carried, *, n_clipped: int, n_censored: int,
    diagnostics: dict[str, float], state_factor: Array | None = None,
) -> Cycle:  # fmt: skip
    """Put the states back into their own units."""
    n, q = len(members), s.scale.size
    return Cycle(
        members.reshape(n, s.n_sites, q) * s.scale,
        mean.reshape(s.n_sites, q) * s.scale,
        sd.reshape(s.n_sites, q) * s.scale,
        *weights, process, process_from, np.arange(n), n_clipped, n_censored,
        s.value.size, carried,
        np.ones((q, q)) if state_factor is None else state_factor, diagnostics,
    )  # fmt: skip


def _within(cycle: Cycle, forecast: Array, highest: ArrayLike | None) -> Cycle:
    if highest is None:
        return cycle
    top = _checks.vector(highest, "highest")
    above = cycle.members > top
    return replace(
        cycle,
        members=np.minimum(cycle.members, top),
        n_clipped=cycle.n_clipped + int(above.sum()),
    )


def _largest(values: Array) -> float:
    seen = values[np.isfinite(values)]
    return float(seen.max()) if seen.size else np.nan
