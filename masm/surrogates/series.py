"""Emulator of a model's observed series, and the likelihood that follows from it.

The series, whitened so that the cost is their squared length, are written in a few
principal components found from the plausible runs; each component's score is a Gaussian
process of the parameters, all of them bent in the same way so that the leading scores
become smooth (`masm.surrogates.input_warping`). What the components leave out enters
through a further process of the remaining cost, so that at every run the emulator
reproduces the model's cost exactly. The likelihood counts the emulator's own variance
as a further error of the series, which flattens it where the emulator does not know
(Higdon et al. 2008; Bayarri et al. 2007; tempering comes for free).

References
----------
Higdon, D., Gattiker, J., Williams, B. and Rightley, M. (2008). Computer model
calibration using high-dimensional output. Journal of the American Statistical
Association 103, 570-583.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np

from masm.design.information_gain import Information
from masm.gaussian_process.fast_prediction import CompiledProcesses
from masm.gaussian_process.kernels import KernelName
from masm.gaussian_process.mean_function import MeanName
from masm.gaussian_process.regression import GaussianProcess
from masm.likelihood.gaussian import GaussianLikelihood
from masm.problem.problem import Runs
from masm.surrogates.input_warping import Warp, shared_bends
from masm.surrogates.integer_inputs import WholeUnits
from masm.types import Array

# Components are added until the plausible runs miss this much of their cost.
_TRUNCATION = 0.02
_MOST_COMPONENTS = 10
# Far runs need not be matched closely: their noise is this share of how far out
# they are, in standard deviations of the observation errors.
_FAR_NOISE = 0.1
# Hyper-parameters follow when the runs have grown by a quarter, and are sought
# afresh, with the choice of kernel, when they have doubled.
_REFIT_GROWTH = 1.25
_AFRESH_GROWTH = 2.0
# The first components matter most: parameters are bent so that they become smooth,
# and their kind is chosen at every fit.
_N_LEADING = 4
_BENDING_STEPS = 12
_KERNELS: tuple[KernelName, ...] = ("gaussian", "matern52")
_MEANS: tuple[MeanName, ...] = ("linear", "quadratic")
# Steps of a fit before and after the bending.
_FIT_STEPS = 25
# The emulator's variance widens the likelihood up to that of one observation:
# without a limit, places where nothing is known would become likely.
_MOST_VARIANCE = 1.0
# Where the standard deviation of the cost is larger than this nothing is known.
_KNOWN = 15.0
# A score's variance below this is nothing beside an observation's, which is one.
_CERTAIN = 0.01


@dataclass(frozen=True)
class Basis:
    """Principal components of whitened series.

    Attributes
    ----------
    mean : (n_obs,)
    vectors : (n_components, n_obs), orthonormal
    """

    mean: Array
    vectors: Array

    @classmethod
    def of(cls, whitened: Array, weight: Array, most: int) -> Basis:
        """Weighted principal components, as many as the plausible runs need."""
        weight = weight / weight.sum()
        mean = weight @ whitened
        scaled = (whitened - mean) * np.sqrt(weight)[:, None]
        _, singular, vectors = np.linalg.svd(scaled, full_matrices=False)
        missed = np.append(np.cumsum(singular[::-1] ** 2)[::-1], 0.0)
        n = int(np.argmax(missed <= _TRUNCATION)) if missed[-1] <= _TRUNCATION else 0
        n = min(max(n, 1), most, len(vectors))
        return cls(mean, vectors[:n])

    def scores(self, whitened: Array) -> Array:
        """Coordinates of residuals, with the observations at zero, (n, k)."""
        return whitened @ self.vectors.T


class SeriesEmulator:
    """The model's cost through its emulated series.

    Parameters
    ----------
    likelihood : its whitened residuals are emulated
    n_parameters : of the problem
    units : whole units by which parameters might act; none by default
    """

    def __init__(
        self,
        likelihood: GaussianLikelihood,
        n_parameters: int,
        units: WholeUnits | None = None,
    ):
        self.likelihood = likelihood
        self.d = n_parameters
        self.units = WholeUnits.none(n_parameters) if units is None else units
        self.processes: list[GaussianProcess] = []
        self.warp = Warp.none(n_parameters)
        self.n_fitted = 0
        self.n_afresh = 0
        self.certain: set[int] = set()
        self.n_rests = 1
        # A series tells where the posterior is from the first.
        self.reached = True
        self._fast: CompiledProcesses | None = None

    # -- training -----------------------------------------------------------

    def update(self, runs: Runs, rng: np.random.Generator) -> None:
        """Take in all runs: append the new ones, or refit when there are many."""
        if self.certain:
            self.certain, self._fast = set(), None
        u, cost, whitened = self._good(runs)
        n_known = self.processes[0].x.shape[0] if self.processes else 0
        if self.processes and len(u) < _REFIT_GROWTH * self.n_fitted:
            if len(u) > n_known:
                self._append(u[n_known:], cost[n_known:], whitened[n_known:])
            return
        self._fit(u, cost, whitened, rng)

    def refit(self, runs: Runs, rng: np.random.Generator) -> None:
        """Fit to all runs from the present hyper-parameters."""
        self._fit(*self._good(runs), rng)

    def _good(self, runs: Runs) -> tuple[Array, Array, Array]:
        """Points, costs and whitened residuals of the runs that did not fail."""
        if runs.series is None:
            raise TypeError("these runs have no series to emulate")
        ok = runs.ok
        return runs.u[ok], runs.cost[ok], self.likelihood.whiten(runs.series[ok])

    def _fit(
        self, u: Array, cost: Array, whitened: Array, rng: np.random.Generator
    ) -> None:
        excess = cost - cost.min()
        k = min(len(excess) - 1, 3 * self.d)
        self.plausible = max(10.0 * self.d, float(np.sort(excess)[k]))
        self.best = float(cost.min())
        weight = 1.0 / (1.0 + (excess / self.plausible) ** 2)
        self.basis = self._components(whitened, weight)
        outputs = self._outputs(cost, whitened)
        extra = self._far_variance(cost)
        afresh = len(u) >= _AFRESH_GROWTH * self.n_afresh
        if afresh:
            self.n_afresh = len(u)
        x = self._inputs(u)
        processes = []
        n_leading = min(_N_LEADING, outputs.shape[1] - 1)
        for j, y in enumerate(outputs.T):
            fits, kinds = [], list(product(_MEANS, _KERNELS))
            if not afresh and j < len(self.processes):
                known = self.processes[j]
                fits = [
                    known.refit(
                        x=x, y=y, extra_variance=extra, max_iterations=_FIT_STEPS
                    )
                ]
                kinds = [kind for kind in kinds if _akin(known, *kind)]
            if not fits or j < n_leading:
                fits += _fits(x, y, extra, rng, kinds, n_starts=1 if fits else 2)
            processes.append(max(fits, key=lambda gp: gp.log_posterior))
        leading = processes[:n_leading]
        self.warp = shared_bends(leading, self.units(u), self.warp, _BENDING_STEPS)
        self.units = self.units.likelier(leading, u, self.warp)
        x = self._inputs(u)
        for gp, y in zip(processes, outputs.T, strict=True):
            gp.refit(x=x, y=y, extra_variance=extra, max_iterations=_FIT_STEPS)
        self.processes = processes
        self.certain = set()
        self._fast = None
        self.n_fitted = len(u)

    def _components(self, whitened: Array, weight: Array) -> Basis:
        return Basis.of(whitened, weight, _MOST_COMPONENTS)

    def _append(self, u: Array, cost: Array, whitened: Array) -> None:
        outputs = self._outputs(cost, whitened)
        extra = self._far_variance(cost)
        for j, gp in enumerate(self.processes):
            gp.append(self._inputs(u), outputs[:, j], extra_variance=extra)
        self._fast = None

    def _outputs(self, cost: Array, whitened: Array) -> Array:
        """Scores and, last, the square root of the cost they leave out."""
        scores = self.basis.scores(whitened)
        rest = np.maximum(cost - np.sum(scores**2, axis=1), 0.0)
        return np.column_stack([scores, np.sqrt(rest)])

    def _far_variance(self, cost: Array) -> Array:
        out = np.sqrt(np.maximum(cost - self.best, 0.0)) - np.sqrt(4.0 * self.d)
        return np.asarray((_FAR_NOISE * np.maximum(out, 0.0)) ** 2)

    def _inputs(self, u: Array) -> Array:
        """What the processes see of points of the cube, (n_points, n_parameters)."""
        return self.warp(self.units(u))

    # -- use ------------------------------------------------------------------

    # The variance of the left-out part is taken as zero here: it is a large number
    # (every observation's noise) with a small error, and would only be rewarded.
    def _predict(self, u: Array) -> tuple[Array, Array]:
        return self._compiled.predict(self._inputs(u))

    @property
    def _compiled(self) -> CompiledProcesses:
        if self._fast is None:
            rests = range(len(self.processes) - self.n_rests, len(self.processes))
            self._fast = CompiledProcesses(self.processes, {*self.certain, *rests})
        return self._fast

    def ignore_certain(self, draws: Array) -> None:
        """Save the variance of components that are certain at these draws.

        Until the next fit it counts as zero there and elsewhere, which is on the
        side of caution: variance only ever makes a place likelier.
        """
        _, variance = self._predict(draws)
        certain = np.quantile(variance, 0.95, axis=1) < _CERTAIN
        self.certain = set(np.flatnonzero(certain).tolist())
        self._fast = None

    def log_density(self, u: Array) -> Array:
        """Log likelihood with the emulator's variance included, (n_points,).

        The variance widens the likelihood up to a limit only, but lowers it without
        one: else places where nothing is known, and the mean happens to fit, would
        be as likely as those that are known to fit.
        """
        return self.frozen()(u)

    def frozen(self) -> Callable[[Array], Array]:
        """`log_density` as it is now, whatever is learnt later."""
        return self._density(hopeful=False)

    def hopeful(self, u: Array) -> Array:
        """Log density in which runs are sought: not lowered for being unknown."""
        return self._density(hopeful=True)(u)

    def _moments(self) -> Callable[[Array], tuple[Array, Array]]:
        """Means and variances of the scores, jumps included, as they are now."""
        compiled, jagged = self._compiled, self.jagged[:, None]
        warp, units = self.warp, self.units

        def moments(u: Array) -> tuple[Array, Array]:
            mean, variance = compiled.predict(warp(units(u)))
            return mean, variance + jagged

        return moments

    def _density(self, *, hopeful: bool) -> Callable[[Array], Array]:
        moments = self._moments()

        def log_density(u: Array) -> Array:
            mean, variance = moments(u)
            limited = variance / (1.0 + variance / _MOST_VARIANCE)
            size = np.log1p(limited if hopeful else variance)
            cost = np.sum(mean**2 / (1.0 + limited) + size, axis=0)
            if not hopeful:
                cost += _distrust(mean, variance)
            return np.asarray(-0.5 * cost)

        return log_density

    def rough(self, u: Array) -> Array:
        """Approximate log density, cheap: the variance as `lead` found it, (n,)."""
        mean = self._compiled.mean(self._inputs(u))
        return np.asarray(-0.5 * self._weight @ mean**2)

    def slope(self, u: Array) -> tuple[Array, Array]:
        """`rough`, (n_points,), and its gradient, (n_points, n_parameters)."""
        mean, change = self._compiled.gradient(self._inputs(u))
        total = np.einsum("kn,knj->nj", self._weight[:, None] * mean, change)
        rough = -0.5 * self._weight @ mean**2
        return rough, np.asarray(-total * self.warp.gradient(u))

    def lead(self, draws: Array) -> None:
        """Prepare `rough` and `slope` for the surroundings of these draws."""
        _, variance = self._predict(draws)
        self._weight = 1.0 / (1.0 + np.median(variance, axis=1) + self.jagged)

    def cost(self, u: Array) -> Array:
        """Best guess of -2 log likelihood, (n_points,)."""
        return np.asarray(np.sum(self._compiled.mean(self._inputs(u)) ** 2, axis=0))

    @property
    def jagged(self) -> Array:
        """Variance of each score about any smooth function, (n_processes,).

        Thresholds in a model (a day on which something begins) make it jump by a
        little from one parameter set to the next. A marginal of the posterior is an
        average over such jumps, as over an error of the series.
        """
        variance = np.array([gp.noise_sd**2 for gp in self.processes])
        variance[-self.n_rests :] = 0.0
        return variance

    def expected_error(self, u: Array, n_draws: int, rng: np.random.Generator) -> Array:
        """Errors of `cost` at runs to be made that would be no surprise.

        Returns (n_draws, n_points), with the jumps of a jagged model.
        """
        total = -self.cost(u) * np.ones((n_draws, 1))
        for gp, jagged in zip(self.processes, self.jagged, strict=True):
            drawn = gp.sample(self._inputs(u), n_draws, rng)
            drawn += np.sqrt(jagged) * rng.standard_normal(drawn.shape)
            total += drawn**2
        return -total

    def sample_cost(self, u: Array, n_draws: int, rng: np.random.Generator) -> Array:
        """Costs by functions drawn from the emulator, (n_draws, n_points)."""
        total = np.zeros((n_draws, len(u)))
        for gp in self.processes:
            total += gp.sample(self._inputs(u), n_draws, rng) ** 2
        return total

    def information(self, pool: Array, reference: Array) -> list[Information]:
        """Covariances that say what a run at a pool point tells of the reference."""
        both = self._inputs(np.vstack([pool, reference]))
        found = []
        for gp in self.processes:
            mean, covariance = gp.predict_covariance(both)
            at = slice(len(pool), None)
            variance = np.diag(covariance)[at]
            # Variance of a squared normal: 4 m^2 v + 2 v^2; per unit of v.
            slope = (4.0 * mean[at] ** 2 + 2.0 * variance) / (1.0 + variance)
            found.append(Information(covariance[: len(pool)], slope, gp.noise_sd**2))
        return found


def _distrust(mean: Array, variance: Array) -> Array:
    """Cost of what is not known, (n_points,); zero where the cost is known."""
    sd = np.sqrt(np.sum(4.0 * mean**2 * variance + 2.0 * variance**2, axis=0))
    return np.asarray(np.maximum(sd - _KNOWN, 0.0))


def _akin(gp: GaussianProcess, mean: MeanName, kernel: KernelName) -> bool:
    """Whether a kind differs in one thing at most."""
    return mean == gp.mean_name or kernel == gp.kernel_name


def _fits(
    x: Array,
    y: Array,
    extra: Array,
    rng: np.random.Generator,
    kinds: list[tuple[MeanName, KernelName]],
    *,
    n_starts: int,
) -> list[GaussianProcess]:
    """Fits of each kind, for the likeliest to be kept.

    Sums over many days are usually smooth enough for the Gaussian kernel, which
    then needs half as many runs; thresholds in a model call for the Matern. Where
    runs are few in many dimensions, second-order terms foretell what lies between.
    """
    return [
        GaussianProcess(mean=mean, kernel=kernel).fit(
            x,
            y,
            rng=rng,
            extra_variance=extra,
            n_starts=n_starts,
            max_iterations=_FIT_STEPS,
        )
        for mean, kernel in kinds
    ]
