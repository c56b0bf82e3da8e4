"""Calibration of several sites together, with a group distribution of parameters.

Faithful mode follows the source: 20 runs a parameter and round, three rounds, an
emulator of each site's log-likelihood and Metropolis steps. Default mode emulates the
series, keeps the emulator's variance in the likelihood, and adds runs where the
*hierarchical* posterior puts its mass until emulator and model agree there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from masm.errors import InputError
from masm.hierarchical.emulators import emulator_of, finite_likelihood
from masm.hierarchical.group import GroupPrior
from masm.hierarchical.sampler import (
    ChainOptions,
    HierarchicalDraws,
    LogLikelihood,
    Seed,
    sample_hierarchy,
)

Array = NDArray[np.float64]

MODES = ("default", "faithful")

_RUNS_PER_PARAMETER = 20
_FRACTION_PRIOR = 0.25
# Emulated and true log-likelihoods of posterior draws may differ by this sd.
_AGREEMENT = 0.5
# Chains in lockstep, of a few hundred draws each.
_R_HAT = 1.05


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

    Examples
    --------
    >>> import numpy as np
    >>> from masm.hierarchical import GaussianErrors, SiteProblem
    >>> site = SiteProblem(
    ...     run=lambda z: z[:, :1] * np.arange(3.0),
    ...     likelihood=GaussianErrors([0.0, 1.0, 2.0], 1.0),
    ... )
    >>> series = site.run(np.array([[1.0]]))
    >>> series, site.likelihood(series).round(3)
    (array([[0., 1., 2.]]), array([-2.757]))
    """

    run: Callable[[Array], ArrayLike]
    likelihood: Callable[..., Array]


@dataclass(frozen=True)
class Verdict:
    """Whether the posterior of a site can be used.

    Attributes
    ----------
    is_right : bool
    r_hat : float
        Largest split R-hat of the site's parameters.
    disagreement : float
        Sd of emulated less true log-likelihood over posterior draws; NaN for a site
        without observations.
    n_runs : int
        Model runs of this site.
    reason : str

    Examples
    --------
    >>> from masm.hierarchical import Verdict
    >>> verdict = Verdict(True, r_hat=1.01, disagreement=0.2, n_runs=40, reason="")
    >>> verdict.is_right
    True
    """

    is_right: bool
    r_hat: float
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
        Between-site fraction of the variance: ``Sigma_g`` over the sum of it and the
        mean posterior variance within a site. Near one: a site parameter.
    n_runs : int
    mode : str
    note : str
        Sites that were predicted from the group, and approximations.

    Examples
    --------
    >>> import numpy as np
    >>> from masm.hierarchical import (
    ...     GaussianErrors, SiteProblem, calibrate_sites, matched_group_prior
    ... )
    >>> site = SiteProblem(lambda z: z * np.ones(3), GaussianErrors(np.ones(3), 0.1))
    >>> found = calibrate_sites(
    ...     {"seen": site, "unseen": None}, matched_group_prior([0.0], [[1.0]]),
    ...     seed=1, n_rounds=1, most_rounds=1, n_draws=50, n_warm=50,
    ... )
    >>> sorted(found.verdicts), found.share_between.shape
    (['seen', 'unseen'], (1,))
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
    n_warm: int = 500,
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
    n_chains, n_draws, n_warm : int
        As for `sample_hierarchy`.

    Returns
    -------
    SitesCalibration

    Raises
    ------
    InputError
        No site with observations, a model that fails everywhere, series of another
        length, or a prior whose site variance is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from masm.hierarchical import GaussianErrors, SiteProblem, matched_group_prior
    >>> site = SiteProblem(lambda z: z * np.ones(3), GaussianErrors(np.ones(3), 0.1))
    >>> found = calibrate_sites(
    ...     {"seen": site, "unseen": None}, matched_group_prior([0.0], [[1.0]]),
    ...     seed=1, n_rounds=1, most_rounds=1, n_draws=50, n_warm=50,
    ... )
    >>> found.draws.sites, found.draws.from_group
    (('seen', 'unseen'), array([False,  True]))
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
    options: dict[str, Any] = {"n_chains": n_chains, "slices": mode == "default"}
    for r in range(1, n_rounds):
        for k, site in enumerate(work.values()):
            own = sample_separate(
                {site.name: site.emulator}, prior, seed=design.seed(1, r, k),
                n_draws=200, n_warm=n_warm, thin=1, **options,
            )  # fmt: skip
            site.add(design.mixed(own.theta.reshape(-1, prior.n_parameters), n_runs))
            site.fit(mode)
    full: dict[str, LogLikelihood | None]
    for r in range(most_rounds):
        full = {n: work[n].emulator if n in work else None for n in sites}
        draws = sample_hierarchy(
            full, prior, seed=design.seed(2, r), n_draws=n_draws, n_warm=n_warm,
            **options,
        )  # fmt: skip
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
    for k, name in enumerate(sites):
        r_hat = float(np.max(split_r_hat(draws.theta[:, :, k])))
        if name in work:
            verdicts[name] = work[name].verdict(r_hat)
        else:
            reason = "no observations: predicted from the group"
            right = r_hat < _R_HAT
            verdicts[name] = Verdict(right, r_hat, float("nan"), 0, reason)
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

    def verdict(self, r_hat: float) -> Verdict:
        reason = (
            f"emulator and model differ by {self.disagreement:.2f} in log-likelihood "
            f"(sd over posterior draws), wanted under {_AGREEMENT:g}; R-hat "
            f"{r_hat:.3f}, wanted under {_R_HAT:g}"
        )
        right = self.is_right and r_hat < _R_HAT
        return Verdict(right, r_hat, self.disagreement, self.n_runs, reason)


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
        from scipy.stats import qmc  # half a second to import

        u = qmc.LatinHypercube(self.mean.size, rng=self.rng).random(n)
        return np.asarray(self.mean + special.ndtri(u) @ self.root.T)

    def mixed(self, posterior: Array, n: int) -> Array:
        """Three quarters posterior draws, one quarter the prior."""
        n_prior = max(1, round(_FRACTION_PRIOR * n))
        chosen = self.rng.choice(len(posterior), n - n_prior)
        return np.concatenate([posterior[chosen], self.space_filling(n_prior)])


def sample_separate(
    sites: Mapping[str, LogLikelihood],
    prior: GroupPrior,
    **options: Unpack[ChainOptions],
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
        sites, prior, mean=prior.mean, covariance=prior.site_variance, **options
    )  # fmt: skip


def sample_pooled(
    sites: Mapping[str, LogLikelihood],
    prior: GroupPrior,
    **options: Unpack[ChainOptions],
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
        **options,
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


def split_r_hat(draws: ArrayLike) -> Array:
    """Split R-hat of each parameter, (p,), from draws, (chain, draw, p).

    NaN for fewer than four draws in a chain.
    """
    x = np.asarray(draws, float)
    half = x.shape[1] // 2
    if half < 2:
        return np.full(x.shape[2], np.nan)
    parts = np.concatenate([x[:, :half], x[:, -half:]])
    within = parts.var(axis=1, ddof=1).mean(axis=0)
    between = parts.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt((half - 1) / half + between / within))


def share_between(draws: HierarchicalDraws) -> Array:
    """Share of the variance of each parameter that is between sites, (p,).

    ``E[Sigma_g]`` over the sum of it and the mean posterior variance of the sites
    that were observed. NaN without such a site.

    Examples
    --------
    >>> from masm.hierarchical import GroupPrior, sample_hierarchy
    >>> sites = {
    ...     name: lambda z, level=level: -0.5 * (z[:, 0] - level) ** 2 / 0.01
    ...     for name, level in {"dry": -2.0, "wet": 2.0}.items()
    ... }
    >>> prior = GroupPrior([0.0], [[1.0]], 5.0, [[0.5]])
    >>> draws = sample_hierarchy(sites, prior, seed=1, n_draws=50, n_warm=50)
    >>> bool(share_between(draws)[0] > 0.9)
    True
    """
    between = np.diagonal(draws.covariance, axis1=2, axis2=3).mean(axis=(0, 1))
    seen = draws.theta[:, :, ~draws.from_group]
    if not seen.shape[2]:
        return np.full(between.shape, np.nan)
    within = seen.var(axis=(0, 1)).mean(axis=0)
    return np.asarray(between / (between + within))
