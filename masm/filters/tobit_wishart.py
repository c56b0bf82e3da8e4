"""The Tobit-Wishart ensemble filter's analysis: state and process error together.

Model (Dokoohaki et al. 2021, eqs. 5 to 8; Raiho et al. 2020), p states in n_sites
blocks of q::

    x_f ~ N(mu_f, P_f)             the forecast
    X | x_f ~ N(x_f, I (x) Q)      the state, Q the process error that sites share
    Y* | X ~ N(H X, R)             latent observations
    Y = max(Y*, lower)             values at or below `lower` are censored
    Q ~ inverse-Wishart(alpha, beta)

The source samples it with a general sampler. Here every conditional is used in its
closed form, and the Metropolis steps of Q have X and x_f integrated out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.filters import _checks
from masm.filters._diagnostics import convergence, effective_size
from masm.filters._linear import LinearModel
from masm.filters._matrices import inverse
from masm.filters._process import ProcessPosterior, ProcessPrior, match
from masm.filters._sweeps import (
    Chain,
    KnownProcess,
    Nodes,
    Sampled,
    integrate,
    sample_chains,
)

Array = NDArray[np.float64]

SAMPLERS = ("collapsed", "conjugate")


@dataclass(frozen=True)
class Draws:
    """Draws of an analysis; the first two dimensions are chain and draw.

    Attributes
    ----------
    state : (chain, draw, p)
        X, after the process error.
    forecast_state : (chain, draw, p)
        x_f, the state that the members ran to.
    process : (chain, draw, q, q)
        Q.
    """

    state: Array
    forecast_state: Array
    process: Array


@dataclass(frozen=True)
class Diagnostics:
    """Whether the draws can be trusted.

    Attributes
    ----------
    sampler : str
        ``"collapsed"``, ``"conjugate"``, ``"quadrature"`` (Q is a number; moments
        carry no sampling error and draws are independent) or ``"closed form"``.
    r_hat_state, ess_state : (p,)
        Rank-normalised split R-hat and bulk effective sample size.
    r_hat_process, ess_process : (q, q)
    standard_error : (p,)
        Monte Carlo standard error of the mean of the draws of X.
    process_from : tuple of str, (q,)
        ``"given"``, ``"data"``, or ``"prior"`` for a state that was observed nowhere:
        its entries of Q are those of the prior given the other entries.
    acceptance : float
        Fraction of Metropolis steps taken; NaN where there were none.
    n_observed, n_censored : int
        Values that were not NaN, and those of them at or below ``lower``.
    """

    sampler: str
    r_hat_state: Array
    ess_state: Array
    r_hat_process: Array
    ess_process: Array
    standard_error: Array
    process_from: tuple[str, ...]
    acceptance: float
    n_observed: int
    n_censored: int


@dataclass(frozen=True)
class TobitWishart:
    """Result of `tobit_wishart`.

    Attributes
    ----------
    mean, covariance : (p,), (p, p)
        Posterior moments of X.
    alpha, beta : float, (q, q)
        Inverse-Wishart prior of Q for the next time.
    process_mean : (q, q)
        Posterior mean of Q; infinite entries where it has none.
    process_geometric_mean : (q,)
        Geometric mean of the diagonal of Q.
    forecast_state_mean, forecast_state_covariance : (p,), (p, p)
        Posterior moments of x_f, which weights of members need.
    prior_mean, prior_covariance : (p,), (p, p)
        mu_f and P_f, as they were given.
    n_sites : int
    draws : Draws
    diagnostics : Diagnostics

    Examples
    --------
    >>> from masm.filters import tobit_wishart
    >>> found = tobit_wishart(
    ...     [3.0], [[2.0]], [[1.0]], [5.0], [0.5], 0.0, 4.0, [[3.0]],
    ...     n_sites=1, n_draws=40, seed=1,
    ... )
    >>> found.n_sites, found.process_mean.shape
    (1, (1, 1))
    """

    mean: Array
    covariance: Array
    alpha: float
    beta: Array
    process_mean: Array
    process_geometric_mean: Array
    forecast_state_mean: Array
    forecast_state_covariance: Array
    prior_mean: Array
    prior_covariance: Array
    n_sites: int
    draws: Draws
    diagnostics: Diagnostics


def tobit_wishart(
    mean: ArrayLike,
    covariance: ArrayLike,
    operator: ArrayLike,
    observations: ArrayLike,
    variance: ArrayLike,
    lower: ArrayLike | None,
    alpha: float | None,
    beta: ArrayLike | None,
    *,
    n_sites: int,
    n_draws: int = 2000,
    seed: _checks.Seed,
    n_chains: int = 4,
    n_warm: int = 400,
    thin: int = 4,
    sampler: str = "collapsed",
    forgetting: float = 1.0,
    process: ArrayLike | None = None,
) -> TobitWishart:
    """Posterior of the state and of the process error, given censored observations.

    Parameters
    ----------
    mean : (p,)
        Latent forecast mean; all q states of a site are side by side.
    covariance : (p, p)
        Latent forecast covariance, localised if wanted; it may be singular.
    operator : (n_obs, p)
    observations : (n_obs,)
        NaN means not observed. With none observed, E[Q] is added to the forecast.
    variance : number, (n_obs,) or (n_obs, n_obs)
        Error variance of each observation, or their covariance.
    lower : number, (n_obs,) or None
        Values at or below it are censored; None means that none are.
    alpha, beta : float, (q, q)
        Inverse-Wishart prior of Q: density ``|Q|^(-(alpha+q+1)/2)
        exp(-tr(beta Q^-1)/2)``, proper for ``alpha > q - 1``. None where ``process``
        is given.
    n_sites : int
        p is q times this.
    n_draws : int
        Draws that are kept, all chains together (rounded up to equal chains).
    seed : int, sequence of int or SeedSequence
    n_chains, n_warm, thin : int
        Chains, sweeps of each before the first draw, sweeps from draw to draw.
    sampler : {"collapsed", "conjugate"}
        Metropolis steps of Q with the states integrated out, or conjugate Gibbs.
    forgetting : float, above 0 and at most 1
        Below one, Q may change with time: the mean is carried on with
        ``alpha - q - 1`` times this. The source has none.
    process : (q, q), optional
        Q, where it is known. ``alpha`` and ``beta`` of the result are then NaN.

    Returns
    -------
    TobitWishart

    Raises
    ------
    InputError
        Shapes that do not fit; a covariance that is not one; an error variance that
        is zero or missing; an observation of no state; an ``alpha`` so small that
        the variance of a state would not be finite.

    Notes
    -----
    Moments are averages of conditional moments given Q, not of draws. Where Q is a
    number and at most one value is censored they come from quadrature.

    References
    ----------
    Dokoohaki et al. (2021), Geoscientific Model Development Discussions,
    gmd-2021-236, eqs. 5 to 8. Raiho et al. (2020), bioRxiv 2020.05.05.079871.

    Examples
    --------
    >>> found = tobit_wishart(
    ...     [3.0], [[2.0]], [[1.0]], [5.0], [0.5], 0.0, 4.0, [[3.0]], n_sites=1, seed=1
    ... )
    >>> print(f"{found.mean[0]:.4f} {found.covariance[0, 0]:.4f}")
    4.7197 0.4338
    """
    mean = _checks.vector(mean, "mean")
    p = mean.size
    q = _checks.block_size(p, n_sites)
    observed = _checks.observed_of(operator, observations, variance, p)
    bound = _checks.lower_of(lower, np.size(observations), observed.index)
    known, alpha, beta = _process_given(process, alpha, beta, q)
    forgetting = _checks.number(forgetting, "forgetting", above=0.0, most=1.0)
    _checks.choice(sampler, "sampler", SAMPLERS)
    for value, what, least in (
        (n_draws, "n_draws", 1), (n_chains, "n_chains", 1),
        (n_warm, "n_warm", 0), (thin, "thin", 1),
    ):  # fmt: skip
        _checks.count(value, what, least)
    covariance, root = _checks.covariance_and_root(covariance, p, "covariance")

    model = LinearModel(mean, covariance, root, observed, bound, q)
    n_each = -(-n_draws // n_chains)
    streams = [_checks.seeds(seed, c) for c in range(n_chains)]
    if known is not None:
        sampled = sample_chains(
            [KnownProcess(model, known, stream) for stream in streams],
            n_draws=n_each, n_warm=n_warm if model.n_censored > 1 else 0,
            thin=thin if model.n_censored > 1 else 1,
        )  # fmt: skip
        return _with_known_process(model, known, sampled)
    prior = ProcessPrior(alpha, beta, model.seen)
    _refuse_infinite(model, prior)
    nodes = None
    if q == 1 and model.n_obs and model.n_censored <= 1 and sampler == "collapsed":
        sampled, nodes = integrate(
            model, prior, n_chains=n_chains, n_draws=n_each, stream=streams[0]
        )
    else:
        sampled = sample_chains(
            [Chain(model, prior, s, sampler == "conjugate") for s in streams],
            n_draws=n_each, n_warm=n_warm if model.n_obs else 0,
            thin=thin if model.n_obs else 1,
        )  # fmt: skip
    return _result(model, prior, sampled, nodes, sampler, forgetting)


def _process_given(
    process: ArrayLike | None, alpha: float | None, beta: ArrayLike | None, q: int
) -> tuple[Array | None, float, Array]:
    """Q itself, or a proper prior of it."""
    if process is not None:
        if alpha is not None or beta is not None:
            raise InputError(
                "process error", found="both `process` and a prior of it",
                wanted="`process`, or `alpha` and `beta`",
            )  # fmt: skip
        known = _checks.covariance_of(process, q, "process")
        return known, np.nan, np.full((q, q), np.nan)
    if alpha is None or beta is None:
        raise InputError(
            "process error", found="no prior", wanted="`alpha` and `beta`, or `process`"
        )
    scale = _checks.covariance_of(beta, q, "beta", definite=True)
    return None, _checks.number(alpha, "alpha", above=q - 1.0), scale


def _refuse_infinite(model: LinearModel, prior: ProcessPrior) -> None:
    """Refuse where the posterior variance of a state would be infinite.

    A value above `lower` bounds the variance of its own state; any other state needs
    a Q with a mean.
    """
    bad = ~_has_moment(model, prior, 1) & ~model.pinned
    if not bad.any():
        return
    state = int(np.argmax(bad))
    n_seen = int(model.n_seen[state])
    raise InputError(
        f"alpha is too small: the variance of state {state} would not be finite",
        found=f"alpha = {prior.alpha:g}, {n_seen} value(s) of it above `lower`",
        wanted=f"alpha above {prior.q + 1 - n_seen}",
        hint="A state that is not observed takes its process error from the prior.",
    )


def _result(
    model: LinearModel,
    prior: ProcessPrior,
    sampled: Sampled,
    nodes: Nodes | None,
    sampler: str,
    forgetting: float,
) -> TobitWishart:
    if not model.n_obs:
        sampled = _without_observations(model, prior, sampled)
        posterior, geometric = None, _geometric(sampled.process)
        process_mean = prior.beta / (prior.alpha - prior.q - 1.0)
    elif nodes is not None:
        posterior, geometric = _posterior_of_nodes(nodes, model, prior)
        process_mean = posterior.mean
    else:
        posterior = _posterior_of_draws(sampled.process, model, prior)
        process_mean, geometric = posterior.mean, _geometric(sampled.process)
    alpha, beta = _carried(posterior, prior, forgetting)
    sources = tuple("data" if k in prior.seen else "prior" for k in range(prior.q))
    used = "closed form" if not model.n_obs else sampler
    return TobitWishart(
        mean=sampled.means[0],
        covariance=_symmetrised(sampled.covariances[0]),
        alpha=alpha,
        beta=_symmetrised(beta),
        process_mean=_with_infinite(process_mean, _has_moment(model, prior, 1)),
        process_geometric_mean=geometric,
        forecast_state_mean=sampled.means[1],
        forecast_state_covariance=_symmetrised(sampled.covariances[1]),
        prior_mean=model.mean,
        prior_covariance=model.covariance,
        n_sites=model.n_sites,
        draws=Draws(sampled.state, sampled.forecast, sampled.process),
        diagnostics=_diagnose(
            model, sources, sampled, "quadrature" if nodes is not None else used
        ),
    )


def _with_known_process(
    model: LinearModel, process: Array, sampled: Sampled
) -> TobitWishart:
    q = model.q
    return TobitWishart(
        mean=sampled.means[0],
        covariance=_symmetrised(sampled.covariances[0]),
        alpha=float("nan"),
        beta=np.full((q, q), np.nan),
        process_mean=process,
        process_geometric_mean=np.diag(process).copy(),
        forecast_state_mean=sampled.means[1],
        forecast_state_covariance=_symmetrised(sampled.covariances[1]),
        prior_mean=model.mean,
        prior_covariance=model.covariance,
        n_sites=model.n_sites,
        draws=Draws(sampled.state, sampled.forecast, sampled.process),
        diagnostics=_diagnose(
            model,
            ("given",) * q,
            sampled,
            "closed form" if model.n_censored <= 1 else "collapsed",
        ),
    )


def _without_observations(
    model: LinearModel, prior: ProcessPrior, sampled: Sampled
) -> Sampled:
    """The forecast with E[Q] added; Q keeps its prior."""
    process = prior.beta / (prior.alpha - prior.q - 1.0)
    state = model.covariance + np.kron(np.eye(model.n_sites), process)
    return Sampled(
        sampled.state, sampled.forecast, sampled.process,
        (model.mean.copy(), model.mean.copy()),
        (state, model.covariance.copy()), float("nan"),
    )  # fmt: skip


def _carried(
    posterior: ProcessPosterior | None, prior: ProcessPrior, forgetting: float
) -> tuple[float, Array]:
    """The prior of the next time; without observations it is this time's."""
    q = prior.q
    if posterior is None:
        alpha = q + 1.0 + forgetting * (prior.alpha - q - 1.0)
        return alpha, prior.beta * (alpha - q - 1.0) / (prior.alpha - q - 1.0)
    return match(posterior, prior.alpha, forgetting)


def _geometric(process: Array) -> Array:
    diagonal = np.diagonal(process, axis1=2, axis2=3)
    return np.asarray(np.exp(np.log(diagonal).mean(axis=(0, 1))))


def _has_moment(
    model: LinearModel, prior: ProcessPrior, order: int
) -> NDArray[np.bool_]:
    """Which diagonal entries of Q have a finite moment of some order, (q,).

    An entry is inverse gamma with ``alpha - q + 1`` degrees of freedom before the
    data, and each value above ``lower`` adds one. Censored ones bound no tail.
    """
    degrees = prior.alpha - prior.q + 1.0 + model.n_seen
    return np.asarray(degrees > 2.0 * order)


def _with_infinite(mean: Array, has_mean: NDArray[np.bool_]) -> Array:
    """The mean of Q, infinite where it has none; NaN beside such an entry."""
    if has_mean.all():
        return mean
    out = np.where(np.outer(has_mean, has_mean), mean, np.nan)
    out[np.diag_indices(len(out))] = np.where(has_mean, np.diag(mean), np.inf)
    return out


def _posterior_of_draws(
    process: Array, model: LinearModel, prior: ProcessPrior
) -> ProcessPosterior:
    """Moments of Q; those of its unseen part in closed form given the seen block."""
    flat = process.reshape(-1, prior.q, prior.q)
    blocks = flat[:, prior.seen[:, None], prior.seen[None, :]]
    with np.errstate(invalid="ignore"):
        pairs = [prior.moments(block) for block in blocks]
    means = np.array([pair[0] for pair in pairs])
    inner = np.array([pair[1] for pair in pairs]).mean(axis=0)
    between = np.diagonal(means, axis1=1, axis2=2).var(axis=0)
    inverses = inverse(flat)
    return ProcessPosterior(
        mean=means.mean(axis=0),
        variance=inner + between,
        inverse_mean=inverses.mean(axis=0),
        inverse_variance=np.diagonal(inverses, axis1=1, axis2=2).var(axis=0),
        has_variance=bool(_has_moment(model, prior, 2).all()),
    )


def _posterior_of_nodes(
    nodes: Nodes, model: LinearModel, prior: ProcessPrior
) -> tuple[ProcessPosterior, Array]:
    value = np.exp(nodes.log_q)
    mean, reciprocal = float(nodes.mean(value)), float(nodes.mean(1.0 / value))
    posterior = ProcessPosterior(
        mean=np.array([[mean]]),
        variance=np.array([float(nodes.mean((value - mean) ** 2))]),
        inverse_mean=np.array([[reciprocal]]),
        inverse_variance=np.array([float(nodes.mean((1.0 / value - reciprocal) ** 2))]),
        has_variance=bool(_has_moment(model, prior, 2).all()),
    )
    return posterior, np.exp([float(nodes.mean(nodes.log_q))])


def _diagnose(
    model: LinearModel, sources: tuple[str, ...], sampled: Sampled, sampler: str
) -> Diagnostics:
    n_chains, n_draws = sampled.state.shape[:2]
    r_hat, ess = convergence(sampled.state)
    process = sampled.process.reshape(n_chains, n_draws, -1)
    r_hat_process, ess_process = convergence(process)
    plain = effective_size(sampled.state)
    spread = sampled.state.std(axis=(0, 1), ddof=1) if n_chains * n_draws > 1 else 0.0
    return Diagnostics(
        sampler=sampler,
        r_hat_state=r_hat,
        ess_state=ess,
        r_hat_process=r_hat_process.reshape(model.q, model.q),
        ess_process=ess_process.reshape(model.q, model.q),
        standard_error=spread / np.sqrt(plain),
        process_from=sources,
        acceptance=sampled.acceptance,
        n_observed=model.n_obs,
        n_censored=model.n_censored,
    )


def _symmetrised(matrix: Array) -> Array:
    return 0.5 * (matrix + matrix.T)
