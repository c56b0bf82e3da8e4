"""Sites that were calibrated one by one, calibrated together from the same model runs.

Every site brings its problem and the model runs of its own calibration. The series
emulator of the single-site calibration is fitted to them, and the group is sampled on
the emulators. Runs are added where the *hierarchical* and the pooled posterior have
their mass, which is not where a site's own has it, until emulator and model agree.

Parameters are standard normal under a site's own prior: ``z = Phi^-1(u)``, ``u`` the
place in the unit cube of the priors. The group's prior keeps that variance, so that
separate, pooled and hierarchical results have the same prior of a single site.

References
----------
Dokoohaki et al. (2021), gmd-2021-236, section 2.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from masm.errors import InputError
from masm.hierarchical.calibrate import (
    Verdict,
    predict_new_site,
    share_between,
    split_r_hat,
)
from masm.hierarchical.group import GroupPrior, matched_group_prior
from masm.hierarchical.sampler import HierarchicalDraws, LogLikelihood, sample_hierarchy
from masm.hierarchical.sites import Guide
from masm.hierarchical.stream_errors import OtherErrors, StreamErrors
from masm.likelihood.gaussian import GaussianLikelihood
from masm.observations.dataset import Stream
from masm.problem.priors import Priors
from masm.problem.problem import Problem, Runs
from masm.problem.seeds import Seed, seed_sequence
from masm.runners.series_runner import Model, ModelRunner
from masm.samplers.hamiltonian import ApproximateDensity
from masm.samplers.tempering import tempered_population
from masm.surrogates.select import surrogate_for
from masm.types import Array

POOLED = "pooled"

_MOST_RUNS = 400  # that an emulator is fitted to; of these the best three quarters
_AGREEMENT = 0.5  # sd of emulated less true log-likelihood over posterior draws
_R_HAT = 1.05
_LEAST_DRAWS = 30  # of each chain, in rounds before the last
_LONGER = (4,)  # times the length asked for, where chains do not agree
_THIN = 2  # sweeps from one draw to the next
_N_POINTS = 400  # of a site's own posterior, at which chains begin
_EDGE = 1e-9  # of the unit cube, beyond which the normal transform is cut


@dataclass(frozen=True)
class CalibratedSite:
    """A site whose own calibration is done.

    Attributes
    ----------
    problem : Problem
        Its parameters, model and observations; see `site_problem`.
    runs : Runs
        Model runs that were made.

    Examples
    --------
    >>> import numpy as np
    >>> from masm import Priors, Problem
    >>> from masm.hierarchical import CalibratedSite
    >>> priors = Priors({"a": (0.0, 1.0)})
    >>> problem = Problem(priors, ("a",), lambda theta: (theta["a"] - 0.3) ** 2)
    >>> site = CalibratedSite(problem, problem.run(np.array([[0.2], [0.5]])))
    >>> site.runs.cost.round(2)
    array([0.01, 0.04])
    """

    problem: Problem
    runs: Runs


@dataclass(frozen=True)
class Together:
    """Result of `calibrate_together`.

    Attributes
    ----------
    parameters : tuple of str, (p,)
    hierarchical : HierarchicalDraws
        In ``z``, all sites in the order given.
    other : HierarchicalDraws
        The same with the second setting of the group's prior.
    pooled : HierarchicalDraws
        One vector for all sites; its one site is called "pooled".
    new_site : ndarray, (chain, draw, p)
        ``z`` of a site of the group that was not among these.
    verdicts, pooled_verdicts : dict of site to Verdict
        Of the hierarchical and of the pooled posterior at each site.
    share_between, other_share_between : ndarray, (p,)
        Fraction of the variance that is between sites: near one for what belongs to
        the site, near zero for what all share.
    sites : dict of site to CalibratedSite
        With the runs that were added.
    settings : tuple of (float, float)
        Fraction of the variance between sites and degrees of freedom of both priors.
    note : str
        Sites without observations.

    Examples
    --------
    >>> from dataclasses import fields
    >>> from masm.hierarchical import Together
    >>> [one.name for one in fields(Together)][:4]
    ['parameters', 'hierarchical', 'other', 'pooled']
    """

    parameters: tuple[str, ...]
    hierarchical: HierarchicalDraws
    other: HierarchicalDraws
    pooled: HierarchicalDraws
    new_site: Array
    verdicts: dict[str, Verdict]
    pooled_verdicts: dict[str, Verdict]
    share_between: Array
    other_share_between: Array
    sites: dict[str, CalibratedSite]
    settings: tuple[tuple[float, float], tuple[float, float]]
    note: str

    def theta(self, z: Array, priors: Priors) -> Array:
        """Parameters in their own units of points ``z``, (..., p)."""
        u = special.ndtr(np.asarray(z))
        flat = u.reshape(-1, u.shape[-1])
        found = np.asarray(priors.subset(self.parameters).from_unit(flat))
        return found.reshape(u.shape)


def site_problem(
    model: Model,
    streams: Mapping[str, Stream],
    priors: Priors,
    *,
    runner: Callable[[Model], Model] | None = None,
) -> Problem:
    """Return the problem of one site: all parameters, all streams at once.

    Parameters
    ----------
    model, streams, priors
        As for `masm.calibrate`.
    runner : callable, optional
        Wraps the model, to count its runs.

    Examples
    --------
    >>> import numpy as np, masm
    >>> seen = masm.Stream("gpp", np.arange(3), np.array([1.0, 2.0, 3.0]), windows=None)
    >>> problem = site_problem(
    ...     lambda theta: {"gpp": theta["a"][:, None] * np.ones(3)}, {"gpp": seen},
    ...     masm.Priors({"a": (0.0, 4.0)}),
    ... )
    >>> problem.active, problem.run(np.array([[0.5]])).cost
    (('a',), array([2.]))
    """
    observed = tuple(stream.aggregate() for stream in streams.values())
    called = model if runner is None else runner(model)
    times = {name: stream.time for name, stream in streams.items()}
    return Problem(
        priors=priors,
        active=tuple(priors.names),
        runner=ModelRunner(called, observed, observed_time=times),
        likelihood=GaussianLikelihood(observed),
    )


def calibrate_together(
    sites: Mapping[str, CalibratedSite | None],
    *,
    seed: Seed,
    between: float = 0.5,
    other_between: float = 0.2,
    n_check: int = 20,
    most_rounds: int = 6,
    n_chains: int = 24,
    n_draws: int = 200,
    n_warm: int = 300,
    errors: Mapping[str, StreamErrors] | None = None,
    on_round: Callable[[int], None] | None = None,
) -> Together:
    """Calibrate sites pooled and hierarchically, from the runs of their own.

    Parameters
    ----------
    sites : mapping of name to CalibratedSite
        None for a site without observations: it is predicted from the group.
    seed : int or sequence of int
        The same seed and runs give the same numbers.
    between, other_between : float
        Fraction of a parameter's prior variance that is between sites, in the group's
        prior and in a second one: with few sites the answer depends on it.
    n_check : int
        Model runs of a site in a round: half at draws of the hierarchical posterior,
        half at draws of the pooled one.
    most_rounds : int
        Rounds of such runs, until every verdict is right; the posteriors are then
        sampled in full and checked once more.
    n_chains, n_draws, n_warm : int
        As for `sample_hierarchy`. Where the last chains do not agree, they are made
        once more with four times as many sweeps.
    errors : mapping of stream to StreamErrors, optional
        Errors that the joint posteriors have; the sites' own ones are normal. A stream
        that is not named keeps its normal errors.
    on_round : callable, optional
        Called with the number of model runs of each round.

    Returns
    -------
    Together

    Raises
    ------
    InputError
        Fewer than two sites with observations; sites with other parameters, priors or
        streams than the first.

    Examples
    --------
    >>> import numpy as np, masm
    >>> def model(theta):
    ...     return {"gpp": theta["a"][:, None] * np.ones(3)}
    >>> def site(level):
    ...     rule = masm.GivenVariance(0.04)
    ...     value = np.full(3, level)
    ...     seen = masm.Stream("gpp", np.arange(3), value, "g m-2 d-1", rule)
    ...     priors = masm.Priors({"a": (0.0, 4.0)})
    ...     problem = site_problem(model, {"gpp": seen}, priors)
    ...     u = np.linspace(0.1, 0.9, 12)[:, None]
    ...     return CalibratedSite(problem, problem.run(u))
    >>> found = calibrate_together(
    ...     {"one": site(1.0), "two": site(2.0), "unseen": None}, seed=1,
    ...     most_rounds=1, n_check=4, n_chains=4, n_draws=10, n_warm=10,
    ... )
    >>> found.hierarchical.sites, found.pooled.sites
    (('one', 'two', 'unseen'), ('pooled',))
    """
    seen = {name: site for name, site in sites.items() if site is not None}
    first = _refuse_unlike(seen)
    p = first.n_parameters
    work = {
        name: _Emulated(name, site, seed_sequence(seed, 1, k), errors or {})
        for k, (name, site) in enumerate(seen.items())
    }
    prior, other = (_group_prior(p, fraction) for fraction in (between, other_between))
    options: dict[str, Any] = {
        "n_chains": n_chains,
        "n_draws": n_draws,
        "n_warm": n_warm,
    }
    rng = np.random.default_rng(seed_sequence(seed, 0))
    # Where the posteriors lie is seen from fewer draws than they are reported by.
    short = {
        **options,
        "n_draws": max(_LEAST_DRAWS, n_draws // 4),
        "n_warm": max(_LEAST_DRAWS, n_warm // 2),
    }
    for r in range(most_rounds + 1):
        last = r == most_rounds or (r > 0 and all(s.is_right for s in work.values()))
        size = options if last else short
        every: dict[str, LogLikelihood | None] = {
            name: work[name].density() if name in work else None for name in sites
        }
        guides = {
            name: _guide([site], seed_sequence(seed, 6, r, k))
            for k, (name, site) in enumerate(work.items())
        }
        sample = _sample_until_they_agree if last else sample_hierarchy
        together = sample(
            every, prior, seed=seed_sequence(seed, 2, r), guides=guides, **size
        )
        pooled = _pooled(
            list(work.values()), prior, sample, seed_sequence(seed, 3, r), size
        )
        n_before = sum(site.runs.n for site in work.values())
        for k, name in enumerate(sites):
            if name in work:
                work[name].check(
                    together.theta[:, :, k], pooled.theta[:, :, 0], n_check, rng
                )
        if on_round is not None:
            on_round(sum(site.runs.n for site in work.values()) - n_before)
        if last:
            break
        for site in work.values():
            site.refit()
    second = _sample_until_they_agree(
        every, other, seed=seed_sequence(seed, 4), guides=guides, **options
    )
    unseen = [name for name in sites if name not in work]
    note = (
        f"Without observations, predicted from the group: {', '.join(unseen)}."
        if unseen
        else ""
    )
    return Together(
        parameters=first.active,
        hierarchical=together,
        other=second,
        pooled=pooled,
        new_site=predict_new_site(together, seed=seed_sequence(seed, 5)),
        verdicts=_verdicts(sites, work, together),
        pooled_verdicts={
            name: site.pooled_verdict(float(split_r_hat(pooled.theta[:, :, 0]).max()))
            for name, site in work.items()
        },
        share_between=share_between(together),
        other_share_between=share_between(second),
        sites={n: CalibratedSite(w.problem, w.runs) for n, w in work.items()},
        settings=((between, prior.degrees), (other_between, other.degrees)),
        note=note,
    )


def _sample_until_they_agree(
    sites: Mapping[str, LogLikelihood | None],
    prior: GroupPrior,
    *,
    n_warm: int,
    **options: Any,
) -> HierarchicalDraws:
    """Chains of the length asked for, or longer ones where these do not agree."""
    for times in (1, *_LONGER):
        found = sample_hierarchy(
            sites, prior, n_warm=times * n_warm, thin=times * _THIN, **options
        )
        if not split_r_hat(found.theta).max() >= _R_HAT:
            break
    return found


def _group_prior(p: int, fraction: float) -> GroupPrior:
    # The fewest whole degrees of freedom with a finite mean: the data decide most.
    return matched_group_prior(
        np.zeros(p), np.eye(p), degrees=p + 2, share_between=fraction
    )


def _refuse_unlike(sites: Mapping[str, CalibratedSite]) -> Problem:
    """Return the first site's problem; the others must be of the same kind."""
    if len(sites) < 2:
        raise InputError(
            "sites together",
            found=f"{len(sites)} site(s) with observations",
            wanted="two or more",
            hint="One site is no group: calibrate it alone.",
        )
    name, first = next(iter(sites.items()))
    for other, site in sites.items():
        problem = site.problem
        if problem.likelihood is None:
            raise InputError(
                f"site {other}", found="a model that gives a cost", wanted="series"
            )
        for what, one, two in (
            ("parameters", first.problem.active, problem.active),
            ("streams", _streams(first.problem), _streams(problem)),
            ("priors", _priors(first.problem), _priors(problem)),
        ):
            if one != two:
                raise InputError(
                    f"site {other} has other {what} than site {name}",
                    found=", ".join(two),
                    wanted=", ".join(one),
                    hint="Sites of a group have the same parameters and streams.",
                )
        if site.runs.series is None or site.runs.ok.sum() < problem.n_parameters + 2:
            raise InputError(
                f"site {other}: too few model runs",
                found=f"{int(site.runs.ok.sum())} that did not fail",
                wanted=f"{problem.n_parameters + 2} or more, with their series",
            )
    return first.problem


def _streams(problem: Problem) -> tuple[str, ...]:
    known = problem.likelihood
    return () if known is None else tuple(series.name for series in known.observed)


def _priors(problem: Problem) -> tuple[str, ...]:
    return tuple(
        f"{name} {problem.priors[name].low:g} to {problem.priors[name].high:g}"
        for name in problem.active
    )


def _pooled(
    sites: Sequence[_Emulated],
    prior: GroupPrior,
    sample: Callable[..., HierarchicalDraws],
    seed: np.random.SeedSequence,
    options: Mapping[str, Any],
) -> HierarchicalDraws:
    """One vector for all sites, under the prior of a single site."""
    densities = [site.density() for site in sites]

    def together(z: Array) -> Array:
        return np.asarray(sum(density(z) for density in densities))

    chains, start = seed.spawn(2)
    return sample(
        {POOLED: together}, prior, seed=chains, mean=prior.mean,
        covariance=prior.site_variance, guides={POOLED: _guide(sites, start)},
        **options,
    )  # fmt: skip


def _guide(sites: Sequence[_Emulated], seed: np.random.SeedSequence) -> Guide:
    """``z`` of draws of the posterior that these sites have without a group.

    The gradient is that of the emulators' approximations, where all have one.
    """
    densities = [site.unit_density() for site in sites]
    u = tempered_population(
        lambda u: np.asarray(sum(density(u) for density in densities)),
        sites[0].problem.n_parameters,
        rng=np.random.default_rng(seed),
        n_particles=_N_POINTS,
    )
    near = [site.approximate(u) for site in sites]
    known = [one for one in near if one is not None]
    if len(known) < len(near):
        return Guide(_z(u))

    def gradient(z: Array) -> Array:
        at = _unit(z)
        slope = sum(one.value_and_gradient(at)[1] for one in known)
        # du / dz, the normal density.
        return np.asarray(slope * np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi))

    return Guide(_z(u), gradient)


class _Emulated:
    """The emulator of a site, and what was found of it."""

    def __init__(
        self,
        name: str,
        site: CalibratedSite,
        seed: np.random.SeedSequence,
        errors: Mapping[str, StreamErrors],
    ) -> None:
        self.name, self.problem, self.runs = name, site.problem, _some(site.runs)
        self.n_given = site.runs.n
        self.rng = np.random.default_rng(seed)
        known = site.problem.likelihood
        self.other = None
        if errors and known is None:
            raise InputError(
                f"errors of streams at site {name}",
                found="a problem that gives a cost and no series",
                wanted="a likelihood of series, or no errors",
            )
        if errors and known is not None:
            self.other = OtherErrors(known, errors, _z)
            self.other.refit(self.runs)
        else:
            self.surrogate = surrogate_for(site.problem)
            self.surrogate.refit(self.runs, self.rng)
        self.off, self.off_pooled = float("nan"), float("nan")

    def density(self) -> LogLikelihood:
        """Emulated log-likelihood of ``z``, (n_points, p) to (n_points,)."""
        return _of_z(self.unit_density())

    def unit_density(self) -> LogLikelihood:
        """The same of points in the unit cube."""
        if self.other is not None:
            return self.other.density_now()
        return self.surrogate.snapshot()

    def approximate(self, u: Array) -> ApproximateDensity | None:
        """A density with a gradient, near points of the unit cube."""
        return None if self.other is not None else self.surrogate.approximate(u)

    def refit(self) -> None:
        if self.other is not None:
            self.other.refit(self.runs)
        else:
            self.surrogate.update(self.runs, self.rng)

    def _log_likelihood(self, made: Runs) -> Array:
        """Of model runs that did not fail; up to a constant."""
        if self.other is None:
            return -0.5 * made.cost[made.ok]
        return self.other.of_runs(made)[made.ok]

    def check(
        self, own: Array, pooled: Array, n: int, rng: np.random.Generator
    ) -> None:
        """Run the model at draws of both posteriors, compare, and keep the runs."""
        density, half = self.density(), max(2, n // 2)
        offs = []
        for draws in (own, pooled):
            flat = draws.reshape(-1, draws.shape[-1])
            z = flat[rng.choice(len(flat), half, replace=len(flat) < half)]
            made = self.problem.run(_unit(z))
            off = density(z)[made.ok] - self._log_likelihood(made)
            offs.append(float(np.std(off)) if made.ok.sum() > 1 else float("inf"))
            self.runs = self.runs.append(made)
        self.off, self.off_pooled = offs

    @property
    def is_right(self) -> bool:
        return self.off < _AGREEMENT and self.off_pooled < _AGREEMENT

    def verdict(self, r_hat: float) -> Verdict:
        return self._verdict(self.off, r_hat)

    def pooled_verdict(self, r_hat: float) -> Verdict:
        return self._verdict(self.off_pooled, r_hat)

    def _verdict(self, off: float, r_hat: float) -> Verdict:
        reason = (
            f"emulator and model differ by {off:.2f} in log-likelihood (sd over "
            f"posterior draws), wanted under {_AGREEMENT:g}; R-hat {r_hat:.3f}, wanted "
            f"under {_R_HAT:g}"
        )
        right = off < _AGREEMENT and r_hat < _R_HAT
        return Verdict(right, r_hat, off, self.runs.n, reason)


def _verdicts(
    sites: Mapping[str, Any], work: Mapping[str, _Emulated], draws: HierarchicalDraws
) -> dict[str, Verdict]:
    found = {}
    for k, name in enumerate(sites):
        r_hat = float(split_r_hat(draws.theta[:, :, k]).max())
        if name in work:
            found[name] = work[name].verdict(r_hat)
        else:
            reason = "no observations: predicted from the group"
            found[name] = Verdict(r_hat < _R_HAT, r_hat, float("nan"), 0, reason)
    return found


def _of_z(density: Callable[[Array], Array]) -> LogLikelihood:
    return lambda z: np.asarray(density(_unit(z)))


def _z(u: Array) -> Array:
    return np.asarray(special.ndtri(np.clip(u, _EDGE, 1.0 - _EDGE)))


def _unit(z: Array) -> Array:
    return np.clip(special.ndtr(z), _EDGE, 1.0 - _EDGE)


def _some(runs: Runs) -> Runs:
    """The best runs, and an even choice of the others, in their order."""
    if runs.n <= _MOST_RUNS:
        return runs
    order = np.argsort(np.where(runs.ok, runs.cost, np.inf), kind="stable")
    n_best = 3 * _MOST_RUNS // 4
    rest = order[n_best:]
    even = rest[np.linspace(0, len(rest) - 1, _MOST_RUNS - n_best).round().astype(int)]
    kept: NDArray[np.intp] = np.sort(np.concatenate([order[:n_best], even]))
    series = None if runs.series is None else runs.series[kept]
    return Runs(runs.u[kept], runs.cost[kept], series)
