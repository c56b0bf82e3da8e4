"""Emulator of a model's observed series, and the likelihood that follows from it.

The series, whitened so that the cost is their squared length, are written in a few
principal components found from the plausible runs; each component's score is a Gaussian
process of the parameters, all of them with the same warped inputs, under which the
leading scores are smooth (`masm.surrogates.input_warping`). What the components leave
out enters through a further process of the remaining cost, so that at every run the
emulator reproduces the model's cost exactly. The likelihood counts the emulator's own
variance as a further error of the series, which flattens it where the emulator does not
know (Higdon et al. 2008; Bayarri et al. 2007; tempering comes for free).

References
----------
Higdon, D., Gattiker, J., Williams, B. and Rightley, M. (2008). Computer model
calibration using high-dimensional output. Journal of the American Statistical
Association 103, 570-583.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from masm.design.information_gain import Information
from masm.gaussian_process.fast_prediction import CompiledProcesses
from masm.gaussian_process.kernels import KernelName
from masm.gaussian_process.mean_function import MeanName
from masm.gaussian_process.regression import TOLERANCE, GaussianProcess
from masm.likelihood.gaussian import GaussianLikelihood
from masm.problem.problem import Runs
from masm.samplers.latin_hypercube import latin_hypercube
from masm.surrogates.components import (
    TRUNCATION,
    Components,
    ErrorOfVariance,
    KnownErrors,
)
from masm.surrogates.emulated_density import EmulatedDensity
from masm.surrogates.input_warping import Warp, WarpPrior, fit_shared_warping
from masm.surrogates.integer_inputs import CLEAR_EVIDENCE, IntegerInputs
from masm.surrogates.quadratic_means import QuadraticMeans
from masm.types import Array


@dataclass(frozen=True)
class Settings:
    """Tuned numbers of the series emulator; a value each, so that one can be changed.

    Attributes
    ----------
    truncation : components are added until plausible runs miss this much of their cost
    most_components : largest number of components (of a stream, where each has its own)
    weighted_components : whether plausible runs count more for the components
    far_noise : far runs need not be matched closely; their noise is this fraction of
        how far out they are, in standard deviations of the observation errors
    refit_growth : hyper-parameters follow when the runs have grown by this factor
    full_refit_growth : and are sought from new starts, with the choice of kernel, when
        they have grown by this one
    n_leading : the first components matter most: inputs are warped so that they become
        smooth, and their kind is chosen at every fit
    warp_steps : iterations of a fit of the warp
    warp_prior : of the warp parameters
    kernels, means : kinds of processes that are tried
    fit_steps : iterations of a fit before and after that of the warp
    fit_tolerance : relative gain of log evidence below which a fit ends
    widening : how the emulator's variance widens the likelihood
    nugget : whether jumps of the model count as such variance
    negligible_variance : a score's variance below this is nothing beside an
        observation's, which is one
    integer_evidence : gain of log evidence by which a parameter is integer-valued
    mode_search : part of the usual mode search that is made: a series says of its
        surroundings what a cost alone cannot
    n_pieces : between jumps of a function drawn
    least_near : runs about the posterior that an error can be estimated from
    n_error_draws : number of draws used to predict the error of a run
    most_ratio : of observed to predicted error of one run, beyond which it is cut
    search_steps, distinct : steps of the search for minima, and how far apart these
        are in the unit cube
    quadratic_sd : the chains are led by a quadratic of an output where the standard
        deviation of the cost's error at draws is at most this; 0 for never
    gradient_chains : whether the final chains may follow an approximate gradient
    """

    truncation: float = TRUNCATION
    most_components: int = 10
    weighted_components: bool = True
    far_noise: float = 0.1
    refit_growth: float = 1.25
    full_refit_growth: float = 2.0
    n_leading: int = 4
    warp_steps: int = 12
    warp_prior: WarpPrior = field(default_factory=WarpPrior)
    kernels: tuple[KernelName, ...] = ("gaussian", "matern52")
    means: tuple[MeanName, ...] = ("linear", "quadratic")
    fit_steps: int = 25
    fit_tolerance: float = TOLERANCE
    widening: ErrorOfVariance = field(default_factory=ErrorOfVariance)
    nugget: bool = True
    negligible_variance: float = 0.01
    integer_evidence: float = CLEAR_EVIDENCE
    mode_search: float = 0.25
    n_pieces: int = 8
    least_near: int = 8
    n_error_draws: int = 200
    most_ratio: float = 5.0
    search_steps: int = 20
    distinct: float = 0.05
    quadratic_sd: float = 0.8
    gradient_chains: bool = True


class SeriesEmulator:
    """The model's cost through its emulated series.

    Parameters
    ----------
    likelihood : its whitened residuals are emulated
    n_parameters : of the problem
    integer_inputs : whole numbers as which parameters might act; none by default
    settings : tuned numbers
    components : what is emulated; components of all streams together by default

    Attributes
    ----------
    reached : bool
        Always true: a series shows where the posterior is from the first run.
    """

    reached = True

    def __init__(
        self,
        likelihood: GaussianLikelihood,
        n_parameters: int,
        integer_inputs: IntegerInputs | None = None,
        settings: Settings | None = None,
        components: Components | None = None,
    ):
        self.settings = settings = settings or Settings()
        self.likelihood = likelihood
        self.d = n_parameters
        self.integer_inputs = integer_inputs or IntegerInputs.none(n_parameters)
        self.components: Components = components or KnownErrors(
            settings.most_components,
            settings.truncation,
            settings.widening,
            weighted=settings.weighted_components,
        )
        self.processes: list[GaussianProcess] = []
        self.warp = Warp.identity(n_parameters)
        self.n_fitted = 0
        self.n_full_fit = 0
        self.negligible: set[int] = set()
        self._fast: CompiledProcesses | None = None

    @property
    def mode_search(self) -> float:
        """Part of the usual mode search that is worth its runs here."""
        return self.settings.mode_search

    # -- training -----------------------------------------------------------

    def begin_as(self, whole_units: Set[int], warp: Sequence[float]) -> None:
        """Begin with what emulators of problems much like this one came to.

        Parameters
        ----------
        whole_units : set of int
            Columns of parameters that act as whole numbers, where they can.
        warp : sequence of float
            Of each parameter's axis.
        """
        able = whole_units & set(self.integer_inputs.candidates)
        self.integer_inputs = replace(self.integer_inputs, active=frozenset(able))
        bound = self.settings.warp_prior.bound
        self.warp = Warp(np.clip(np.asarray(warp, float), -bound, bound))

    def update(self, runs: Runs, rng: np.random.Generator) -> None:
        """Take in all runs: append the new ones, or refit when there are many."""
        if self.negligible:
            self.negligible, self._fast = set(), None
        u, cost, whitened = self._good(runs)
        n_known = self.processes[0].x.shape[0] if self.processes else 0
        if self.processes and len(u) < self.settings.refit_growth * self.n_fitted:
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
        whitened = self.likelihood.whiten(runs.series[ok])
        return runs.u[ok], *self.components.in_units(runs.cost[ok], whitened)

    def _fit(
        self, u: Array, cost: Array, whitened: Array, rng: np.random.Generator
    ) -> None:
        settings = self.settings
        cost, whitened = self.components.change_units(cost, whitened)
        excess = cost - cost.min()
        k = min(len(excess) - 1, 3 * self.d)
        plausible = max(10.0 * self.d, float(np.sort(excess)[k]))
        self.best = float(cost.min())
        self.components.fit(whitened, 1.0 / (1.0 + (excess / plausible) ** 2))
        outputs = self.components.outputs(cost, whitened)
        extra = self._far_variance(cost)
        full = len(u) >= settings.full_refit_growth * self.n_full_fit
        if full:
            self.n_full_fit = len(u)
        n_leading = min(settings.n_leading, outputs.shape[1] - 1)
        known = [] if full else self.processes
        processes = self._candidates(u, outputs, extra, known, n_leading, rng)
        leading = processes[:n_leading]
        self.warp = fit_shared_warping(
            leading,
            self.integer_inputs(u),
            self.warp,
            settings.warp_steps,
            settings.warp_prior,
        )
        self.integer_inputs = self.integer_inputs.select_by_evidence(
            leading, u, self.warp, settings.integer_evidence
        )
        x = self._inputs(u)
        for gp, y in zip(processes, outputs.T, strict=True):
            gp.refit(x=x, y=y, extra_variance=extra, max_iterations=settings.fit_steps)
        self.processes = processes
        self.negligible = set()
        self._fast = None
        self.n_fitted = len(u)

    def _candidates(
        self,
        u: Array,
        outputs: Array,
        extra: Array,
        known: list[GaussianProcess],
        n_leading: int,
        rng: np.random.Generator,
    ) -> list[GaussianProcess]:
        """The likeliest process of each output, from the known ones where there are."""
        x, settings = self._inputs(u), self.settings
        processes = []
        for j, y in enumerate(outputs.T):
            fits, kinds = [], list(product(settings.means, settings.kernels))
            if j < len(known):
                gp = known[j].refit(
                    x=x, y=y, extra_variance=extra, max_iterations=settings.fit_steps
                )
                fits = [gp]
                kinds = [kind for kind in kinds if _similar(gp, *kind)]
            if not fits or j < n_leading:
                n_starts = 1 if fits else 2
                fits += self._fits(x, y, extra, rng, kinds, n_starts=n_starts)
            processes.append(max(fits, key=lambda gp: gp.log_posterior))
        return processes

    def _fits(
        self,
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
                max_iterations=self.settings.fit_steps,
                tolerance=self.settings.fit_tolerance,
            )
            for mean, kernel in kinds
        ]

    def _append(self, u: Array, cost: Array, whitened: Array) -> None:
        outputs = self.components.outputs(cost, whitened)
        extra = self._far_variance(cost)
        for j, gp in enumerate(self.processes):
            gp.append(self._inputs(u), outputs[:, j], extra_variance=extra)
        self._fast = None

    def _far_variance(self, cost: Array) -> Array:
        out = np.sqrt(np.maximum(cost - self.best, 0.0)) - np.sqrt(4.0 * self.d)
        return np.asarray((self.settings.far_noise * np.maximum(out, 0.0)) ** 2)

    def _inputs(self, u: Array) -> Array:
        """Inputs of the processes for points of the cube, (n_points, n_parameters)."""
        return self.warp(self.integer_inputs(u))

    # -- use ------------------------------------------------------------------

    def predict(self, u: Array) -> tuple[Array, Array]:
        """Means and variances of the outputs, jumps left out, (n_outputs, n_points).

        The variance of truncation residuals is taken as zero: such a residual is a
        large number (every observation's noise) with a small error, which would only
        raise the likelihood there.
        """
        return self._compiled.predict(self._inputs(u))

    @property
    def _compiled(self) -> CompiledProcesses:
        if self._fast is None:
            n = len(self.processes)
            residuals = range(n - self.components.n_residuals, n)
            self._fast = CompiledProcesses(
                self.processes, {*self.negligible, *residuals}
            )
        return self._fast

    def minima(self, n_starts: int, rng: np.random.Generator) -> Array:
        """Distinct local minima of the outputs' squared length, lowest first.

        Levenberg-Marquardt steps in the unit cube from a Latin hypercube sample, all
        starts side by side.
        """
        settings = self.settings
        u = latin_hypercube(n_starts, self.d, rng)
        value, slope, squares = self._least_squares(u)
        damping = np.ones(n_starts)
        for _ in range(settings.search_steps):
            normal = np.einsum("knj,knl->njl", slope, slope)
            scale = np.einsum("njj->nj", normal) + 1e-6
            normal[:, range(self.d), range(self.d)] += damping[:, None] * scale
            pull = np.einsum("kn,knj->nj", value, slope)
            step = np.linalg.solve(normal, pull[:, :, None])[:, :, 0]
            new = np.clip(u - step, 0.0, 1.0)
            trial = self._least_squares(new)
            better = trial[2] < squares
            u[better], squares[better] = new[better], trial[2][better]
            value[:, better] = trial[0][:, better]
            slope[:, better] = trial[1][:, better]
            damping *= np.where(better, 1.0 / 3.0, 4.0)
        distinct: list[Array] = []
        for point in u[np.argsort(squares, kind="stable")]:
            apart = [float(np.abs(point - other).max()) for other in distinct]
            if min(apart, default=1.0) > settings.distinct:
                distinct.append(point)
        return np.array(distinct)

    def _least_squares(self, u: Array) -> tuple[Array, Array, Array]:
        """Outputs, their gradients in parameters, and the sums of squares."""
        value, slope = self._compiled.gradient(self._inputs(u))
        return value, slope * self.warp.gradient(u), np.sum(value**2, axis=0)

    def simplify(self, draws: Array) -> None:
        """Set to zero the variance of components that hardly vary at these draws.

        Until the next fit it is zero there and elsewhere. This is conservative:
        variance can only raise the likelihood.
        """
        _, variance = self.predict(draws)
        most = np.quantile(variance, 0.95, axis=1)
        negligible = most < self.settings.negligible_variance
        self.negligible = set(np.flatnonzero(negligible).tolist())
        self._fast = None

    @property
    def log_density(self) -> EmulatedDensity:
        """Log likelihood with the emulator's variance included, as it is now."""
        return self._density(optimistic=False)

    def snapshot(self) -> EmulatedDensity:
        """`log_density` as it is now, whatever is fitted later."""
        return self.log_density

    @property
    def acquisition_density(self) -> EmulatedDensity:
        """Log density in which runs are sought: not lowered for being unknown."""
        return self._density(optimistic=True)

    def _density(self, *, optimistic: bool) -> EmulatedDensity:
        warp, integer_inputs = self.warp, self.integer_inputs
        return EmulatedDensity(
            self._compiled,
            lambda u: warp(integer_inputs(u)),
            self.nugget_variance[:, None],
            self.components.log_likelihood(optimistic=optimistic),
            self.components.largest_likelihood(),
        )

    def approximate(self, draws: Array) -> ApproximateLikelihood | None:
        """Log likelihood with the typical variance at these draws everywhere.

        Means are quadratics where these are close enough.
        """
        if not self.settings.gradient_chains:
            return None
        mean, variance = self.predict(draws)
        weight = 1.0 / (1.0 + np.median(variance, axis=1) + self.nugget_variance)
        means = QuadraticMeans(
            self.processes,
            self._inputs(draws),
            mean,
            weight,
            self.settings.quadratic_sd,
        )
        return ApproximateLikelihood(
            means,
            self.warp,
            self.integer_inputs,
            self.components.approximation(weight),
        )

    def cost(self, u: Array) -> Array:
        """Best guess of -2 log likelihood, (n_points,)."""
        return self.components.cost(self._compiled.mean(self._inputs(u)) ** 2)

    @property
    def nugget_variance(self) -> Array:
        """Variance of each output about any smooth function, (n_outputs,).

        Thresholds in a model (a day on which something begins) make it jump by a
        little from one parameter set to the next. A marginal of the posterior is an
        average over such jumps, as over an error of the series.
        """
        if not self.settings.nugget:
            return np.zeros(len(self.processes))
        variance = np.array([gp.noise_sd**2 for gp in self.processes])
        variance[-self.components.n_residuals :] = 0.0
        return variance

    def alternatives(self, u: Array) -> Array:
        """None: the spread of functions and the errors of runs say how wrong it is."""
        return np.empty((0, len(u)))

    def predictive_error(
        self, u: Array, n_draws: int, rng: np.random.Generator
    ) -> Array:
        """Errors of `cost` to expect at runs yet to be made, (n_draws, n_points).

        With the jumps of a model that has thresholds.
        """
        drawn = []
        for gp, nugget in zip(self.processes, self.nugget_variance, strict=True):
            values = gp.sample(self._inputs(u), n_draws, rng)
            values += np.sqrt(nugget) * rng.standard_normal(values.shape)
            drawn.append(values)
        return self.cost(u) - self.components.cost(np.stack(drawn) ** 2)

    def sample_cost(self, u: Array, n_draws: int, rng: np.random.Generator) -> Array:
        """Costs by functions drawn from the emulator, (n_draws, n_points).

        With jumps of the size of the nugget: a threshold in the model makes its output
        jump along one parameter, and where a posterior spans a few such jumps its
        marginals do not average over them. Each function jumps at random places along
        a random parameter, by independent amounts for each output.
        """
        x = self._inputs(u)
        drawn = np.stack([gp.sample(x, n_draws, rng) for gp in self.processes])
        sd = np.sqrt(self.nugget_variance)[:, None]
        for function in range(n_draws):
            piece = self._pieces(u, rng)
            jumps = rng.standard_normal((len(sd), self.settings.n_pieces))
            drawn[:, function] += sd * jumps[:, piece]
        return self.components.cost(drawn**2)

    def _pieces(self, u: Array, rng: np.random.Generator) -> NDArray[np.intp]:
        """Which piece between random jumps along a random parameter a point is in."""
        column = u[:, int(rng.integers(u.shape[1]))]
        levels = rng.random(self.settings.n_pieces - 1)
        edges = np.quantile(column, np.sort(levels))
        return np.asarray(np.searchsorted(edges, column, side="right"))

    def local_error_ratio(self, runs: Runs, rng: np.random.Generator) -> float:
        """Ratio of observed to predicted error of the runs about the posterior.

        Each run is predicted from all others (leave-one-out, hyper-parameters held).
        The processes are as sure everywhere; a kink or a jump where the posterior is
        shows as errors that are larger than theirs.
        """
        _, cost, whitened = self._good(runs)
        outputs = self.components.outputs(cost, whitened)
        moments = [gp.leave_one_out() for gp in self.processes]
        mean = np.array([m for m, _ in moments])
        sd = np.sqrt([v for _, v in moments])
        guess = self.components.cost(mean**2)
        error = guess - self.components.cost(outputs.T**2)
        good = runs.cost[runs.ok]
        near = good <= good.min() + special.chdtri(self.d, 0.01)
        if near.sum() < self.settings.least_near:
            return math.nan
        z = rng.standard_normal((self.settings.n_error_draws, *mean[:, near].shape))
        drawn = self.components.cost(
            np.moveaxis((mean[:, near] + sd[:, near] * z) ** 2, 1, 0)
        )
        predicted = np.mean((drawn - guess[near]) ** 2, axis=0)
        # Each run counts the same: a large error may well have been predicted.
        ratio = error[near] ** 2 / (predicted + 1e-12)
        return float(np.sqrt(np.mean(np.minimum(ratio, self.settings.most_ratio**2))))

    def information(self, pool: Array, reference: Array) -> list[Information]:
        """Covariances between outputs at pool points and at reference points."""
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

    def error_scales(self, u: Array, rng: np.random.Generator) -> dict[str, Array]:
        """Draws of each stream's unknown factor on its errors, given parameters."""
        if not self.components.unknown_scales:
            return {}
        mean, variance = self.predict(u.reshape(-1, u.shape[-1]))
        variance += self.nugget_variance[:, None]
        drawn = self.components.draw_scales(mean, variance, rng)
        return {name: found.reshape(u.shape[:-1]) for name, found in drawn.items()}

    def emulated(self, u: Array) -> Array:
        """Emulated series at points of the cube, (n_points, n_obs).

        Of the components' means; what these leave out is that of the weighted mean of
        the runs.
        """
        mean, _ = self.predict(u)
        return self.likelihood.unwhiten(self.components.restore(mean))

    def attributes(self) -> Mapping[str, Any]:
        """Columns of parameters that act as whole numbers, and the warp of each."""
        return {
            "integer_inputs": sorted(self.integer_inputs.active),
            "warp": self.warp.parameter.tolist(),
        }


@dataclass(frozen=True)
class ApproximateLikelihood:
    """Log likelihood of an emulator's means, with the same variance everywhere."""

    means: QuadraticMeans
    warp: Warp
    integer_inputs: IntegerInputs
    of_means: Callable[[Array], tuple[Array, Array]]

    def value(self, u: Array) -> Array:
        """Approximate log density, (n_points,)."""
        mean = self.means.mean(self.warp(self.integer_inputs(u)))
        return self.of_means(mean)[0]

    def value_and_gradient(self, u: Array) -> tuple[Array, Array]:
        """`value`, (n_points,), and its gradient, (n_points, n_parameters)."""
        inputs = self.warp(self.integer_inputs(u))
        mean, change = self.means.gradient(inputs)
        value, pull = self.of_means(mean)
        total = np.einsum("kn,knj->nj", pull, change)
        return value, np.asarray(-total * self.warp.gradient(u))


def _similar(gp: GaussianProcess, mean: MeanName, kernel: KernelName) -> bool:
    """Whether a kind differs in one thing at most."""
    return mean == gp.mean_name or kernel == gp.kernel_name
