"""Calibration of several sites together, with a group distribution of parameters.

Faithful mode follows the source: 20 runs a parameter and round, three rounds, an
emulator of each site's log-likelihood and Metropolis steps. Default mode emulates the
series, keeps the emulator's variance in the likelihood, and adds runs where the
*hierarchical* posterior puts its mass until emulator and model agree there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.stats import qmc

from masm.errors import InputError
from masm.hierarchical.emulators import emulator_of, finite_likelihood
from masm.hierarchical.group import GroupPrior
from masm.hierarchical.sampler import (
    HierarchicalDraws,
    LogLikelihood,
    Seed,
    sample_hierarchy,
)

Array = NDArray[np.float64]

MODES = ("default", "faithful")

_RUNS_PER_PARAMETER = 20
_SHARE_PRIOR = 0.25
# Emulated and true log-likelihoods of posterior draws may differ by this sd.
_AGREEMENT = 0.5


@dataclass(frozen=True)
class SiteProblem:
    """A site: how its model is run, and how its series are judged.

    Attributes
    ----------
    run : callable
        Parameters, (n, p), in the unbounded transform, to series, (n, n_obs). NaN
        marks a failed run.
    likelihood : callable
        Series, and optionally their emulator's variance, to log-likelihoods, (n,);
        such as `GaussianErrors`, `StudentErrors` or `LaplaceErrors`.
    """

    run: Callable[[Array], ArrayLike]
    likelihood: Callable[..., Array]


@dataclass(frozen=True)
class Verdict:
    """Whether the posterior of a site can be used.

    Attributes
    ----------
    is_right : bool
    disagreement : float
        Sd of emulated less true log-likelihood over posterior draws; NaN for a site
        without observations.
    n_runs : int
        Model runs of this site.
    reason : str
    """

    is_right: bool
    disagreement: float
    n_runs: int
    reason: str


@dataclass(frozen=True)
class SitesCalibration:
    """Result of `calibrate_sites`.

    Attributes
    ----------
    draws : HierarchicalDraws
    verdicts : dict of site to Verdict
    share_between : (p,)
        Between-site share of the variance: ``Sigma_g`` over the sum of it and the
        mean posterior variance within a site. Near one: a site parameter.
    n_runs : int
    mode : str
    note : str
        Sites that were predicted from the group, and approximations.
    """

    draws: HierarchicalDraws
    verdicts: dict[str, Verdict]
    share_between: Array
    n_runs: int
    mode: str
    note: str


def calibrate_sites(
    sites: Mapping[str, SiteProblem | None],
    prior: GroupPrior,
    *,
    seed: Seed,
    mode: str = "default",
    n_rounds: int = 3,
    most_rounds: int = 8,
    n_check: int = 20,
    n_chains: int = 8,
    n_draws: int = 1000,
) -> SitesCalibration:
    """Calibrate sites with their group.

    Parameters
    ----------
    sites : mapping of name to SiteProblem
        None for a site without observations: it is predicted from the group.
    prior : GroupPrior
        Its ``site_variance`` is the prior of a single site (`matched_group_prior`).
    seed : int, list of int or SeedSequence
    mode : {"default", "faithful"}
    n_rounds : int
        Rounds of 20 runs a parameter at every site.
    most_rounds : int
        In default mode, further rounds of ``n_check`` runs until all verdicts are
        right.
    n_check : int
        Model runs of a site at posterior draws, by which its verdict is found.
    n_chains, n_draws : int
        As for `sample_hierarchy`.

    Returns
    -------
    SitesCalibration

    Raises
    ------
    InputError
        No site with observations, a model that fails everywhere, series of another
        length, or a prior whose site variance is not finite.
    """
    if mode not in MODES:
        raise InputError("mode", found=repr(mode), wanted=" or ".join(MODES))
    work = {name: _Site(name, site) for name, site in sites.items() if site is not None}
    if not work:
        raise InputError(
            "sites", found="no site with observations", wanted="one or more"
        )
    design = _Design(prior, seed)
    n_runs = _RUNS_PER_PARAMETER * prior.n_parameters
    for site in work.values():
        site.add(design.space_filling(n_runs))
        site.fit(mode)
    options = {"n_chains": n_chains, "slices": mode == "default"}
    for r in range(1, n_rounds):
        for k, site in enumerate(work.values()):
            own = sample_separate(
                {site.name: site.emulator}, prior, seed=design.seed(1, r, k),
                n_draws=200, n_warm=300, **options,
            )  # fmt: skip
            site.add(design.mixed(own.theta.reshape(-1, prior.n_parameters), n_runs))
            site.fit(mode)
    full: dict[str, LogLikelihood | None]
    for r in range(most_rounds):
        full = {n: work[n].emulator if n in work else None for n in sites}
        draws = sample_hierarchy(
            full, prior, seed=design.seed(2, r), n_draws=n_draws, **options
        )
        for k, name in enumerate(sites):
            if name in work:
                work[name].check(draws.theta[:, :, k], n_check, design.rng)
        if mode == "faithful" or all(site.is_right for site in work.values()):
            break
        for site in work.values():
            site.fit(mode)
    return _result(sites, work, draws, mode)


def _result(
    sites: Mapping[str, SiteProblem | None],
    work: dict[str, _Site],
    draws: HierarchicalDraws,
    mode: str,
) -> SitesCalibration:
    verdicts = {}
    for name in sites:
        if name in work:
            verdicts[name] = work[name].verdict()
        else:
            reason = "no observations: predicted from the group"
            verdicts[name] = Verdict(True, float("nan"), 0, reason)
    alone = [name for name in sites if name not in work]
    note = "The emulator's variance widens the errors, an approximation."
    if mode == "faithful":
        note = "The emulator's own error is not in the likelihood."
    if alone:
        note += f" Without observations, predicted from the group: {', '.join(alone)}."
    return SitesCalibration(
        draws, verdicts, share_between(draws), sum(s.n_runs for s in work.values()),
        mode, note,
    )  # fmt: skip


class _Site:
    """Runs of one site so far, and the emulator fitted to them."""

    def __init__(self, name: str, problem: SiteProblem) -> None:
        self.name, self.problem = name, problem
        self.theta: list[Array] = []
        self.series: list[Array] = []
        self.emulator: LogLikelihood = lambda theta: np.zeros(len(theta))
        self.disagreement = float("nan")
        self.n_failed = 0

    @property
    def n_runs(self) -> int:
        return sum(map(len, self.theta))

    def add(self, theta: Array) -> Array:
        """Run the model; gives the series."""
        series = np.asarray(self.problem.run(theta), float)
        shape = self.series[0].shape[1:] if self.series else series.shape[1:]
        if series.ndim != 2 or len(series) != len(theta) or series.shape[1:] != shape:
            raise InputError(
                f"site {self.name}: series of the model",
                found=f"shape {series.shape}", wanted=f"({len(theta)}, n_obs)",
            )  # fmt: skip
        self.theta.append(theta)
        self.series.append(series)
        self.n_failed += int((~np.isfinite(series).all(axis=1)).sum())
        if self.n_failed == self.n_runs:
            raise InputError(
                f"site {self.name}: every run of the model failed",
                found=f"NaN in all {self.n_runs} runs", wanted="series without NaN",
            )  # fmt: skip
        return series

    def fit(self, mode: str) -> None:
        self.emulator = emulator_of(
            mode, np.concatenate(self.theta), np.concatenate(self.series),
            self.problem.likelihood,
        )  # fmt: skip

    def check(self, draws: Array, n: int, rng: np.random.Generator) -> None:
        """Run the model at posterior draws and compare log-likelihoods."""
        flat = draws.reshape(-1, draws.shape[-1])
        chosen = flat[rng.choice(len(flat), n, replace=len(flat) < n)]
        emulated = self.emulator(chosen)
        true = finite_likelihood(self.problem.likelihood, self.add(chosen))
        good = np.isfinite(true)
        off = emulated[good] - true[good]
        self.disagreement = float(np.std(off)) if good.sum() > 1 else float("inf")

    @property
    def is_right(self) -> bool:
        return self.disagreement < _AGREEMENT

    def verdict(self) -> Verdict:
        reason = (
            f"emulator and model differ by {self.disagreement:.2f} in log-likelihood "
            f"(sd over posterior draws), wanted under {_AGREEMENT:g}"
        )
        return Verdict(self.is_right, self.disagreement, self.n_runs, reason)


class _Design:
    """Where the models are run."""

    def __init__(self, prior: GroupPrior, seed: Seed) -> None:
        base = (
            seed if isinstance(seed, np.random.SeedSequence)
            else np.random.SeedSequence(seed)
        )  # fmt: skip
        self.base = base
        self.rng = np.random.default_rng(self.seed(0))
        self.mean = np.asarray(prior.mean)
        self.root = np.linalg.cholesky(prior.site_variance)

    def seed(self, *key: int) -> np.random.SeedSequence:
        return np.random.SeedSequence(
            self.base.entropy, spawn_key=(*self.base.spawn_key, *key)
        )

    def space_filling(self, n: int) -> Array:
        """A Latin hypercube of the prior of a site."""
        u = qmc.LatinHypercube(self.mean.size, rng=self.rng).random(n)
        return np.asarray(self.mean + special.ndtri(u) @ self.root.T)

    def mixed(self, posterior: Array, n: int) -> Array:
        """Three quarters posterior draws, one quarter the prior."""
        n_prior = max(1, round(_SHARE_PRIOR * n))
        chosen = self.rng.choice(len(posterior), n - n_prior)
        return np.concatenate([posterior[chosen], self.space_filling(n_prior)])


def sample_separate(
    sites: Mapping[str, LogLikelihood], prior: GroupPrior, **options: object
) -> HierarchicalDraws:
    """Every site alone, with the prior that a single site has under the group's.

    Parameters
    ----------
    sites, prior
        As for `sample_hierarchy`.
    **options
        Its other parameters; ``seed`` is needed.

    Examples
    --------
    >>> found = sample_separate(
    ...     {"a": lambda t: -0.5 * t[:, 0] ** 2},
    ...     GroupPrior([0.0], [[0.5]], 6.0, [[0.5]]), seed=1, n_draws=20, n_warm=20,
    ... )
    >>> found.theta.shape
    (8, 20, 1, 1)
    """
    return sample_hierarchy(
        sites, prior, mean=prior.mean, covariance=prior.site_variance, **options  # type: ignore[arg-type]
    )  # fmt: skip


def sample_pooled(
    sites: Mapping[str, LogLikelihood], prior: GroupPrior, **options: object
) -> HierarchicalDraws:
    """One vector for all sites under ``N(m0, S0)``; the one site is called "pooled".

    Parameters
    ----------
    sites, prior, **options
        As for `sample_separate`.

    Examples
    --------
    >>> found = sample_pooled(
    ...     {"a": lambda t: -0.5 * t[:, 0] ** 2, "b": lambda t: -0.5 * t[:, 0] ** 2},
    ...     GroupPrior([0.0], [[0.5]], 6.0, [[0.5]]), seed=1, n_draws=20, n_warm=20,
    ... )
    >>> found.sites
    ('pooled',)
    """

    def together(theta: Array) -> Array:
        return np.asarray(sum(np.asarray(site(theta)) for site in sites.values()))

    return sample_hierarchy(
        {"pooled": together}, prior, mean=prior.mean, covariance=prior.covariance,
        **options,  # type: ignore[arg-type]
    )  # fmt: skip


def predict_new_site(draws: HierarchicalDraws, *, seed: Seed) -> Array:
    """Parameters of a site of the group that was not calibrated.

    Parameters
    ----------
    draws : HierarchicalDraws
    seed : int, list of int or SeedSequence

    Returns
    -------
    ndarray, (chain, draw, p)
        A draw of ``N(mu_g, Sigma_g)`` for each posterior draw: it has the spread
        between sites, not only the uncertainty of the mean.

    Examples
    --------
    >>> prior = GroupPrior([0.0], [[0.5]], 6.0, [[0.5]])
    >>> found = sample_hierarchy({"a": None}, prior, seed=1, n_draws=20, n_warm=0)
    >>> predict_new_site(found, seed=2).shape
    (8, 20, 1)
    """
    rng = np.random.default_rng(seed)
    roots = np.linalg.cholesky(draws.covariance)
    noise = rng.standard_normal(draws.mean.shape)
    return np.asarray(draws.mean + np.einsum("cdij,cdj->cdi", roots, noise))


def share_between(draws: HierarchicalDraws) -> Array:
    """Share of the variance of each parameter that is between sites, (p,).

    ``E[Sigma_g]`` over the sum of it and the mean posterior variance of the sites
    that were observed. NaN without such a site.
    """
    between = np.diagonal(draws.covariance, axis1=2, axis2=3).mean(axis=(0, 1))
    seen = draws.theta[:, :, ~draws.from_group]
    if not seen.shape[2]:
        return np.full(between.shape, np.nan)
    within = seen.var(axis=(0, 1)).mean(axis=0)
    return np.asarray(between / (between + within))
