"""Emulation from many runs: boosted trees, random features or a sparse process.

For models of which thousands of runs can be afforded, and too many for an exact
Gaussian process. Runs spread over the prior come first; the rest are drawn from a
flattened posterior of the emulator so far. The last of them are draws of the posterior,
predicted before they are run: they give the held-out score and the coverage, and their
importance weights the verdict.

References
----------
Fer, I. et al. (2018). Linking big models to big data: efficient ecosystem model
calibration through Bayesian model emulation. Biogeosciences 15, 5801-5830 (rounds).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from masm.design.space_filling import allowed_start, spread_points
from masm.errors import CalibrationFailed, InputError
from masm.likelihood.gaussian import GaussianLikelihood
from masm.methods.budget import check_counts
from masm.methods.method import Method
from masm.problem.problem import Outcome, Problem, Runs
from masm.problem.seeds import seed_sequence
from masm.samplers.chains import Chains
from masm.samplers.diagnostics import convergence, has_converged
from masm.samplers.ensemble import ensemble_chains
from masm.samplers.tempering import tempered_population
from masm.surrogates.components import Basis
from masm.surrogates.regressors.base import Regressor
from masm.types import Array

_N_ROUNDS = 3
_FLAT = 0.25  # power of the likelihood from which further runs are drawn
_SUSPECT = 0.10  # total variation, as of the adaptive emulator
_MOST_COMPONENTS = 12
_N_CHAINS, _N_DRAWS, _N_BURN = 80, 150, 200


def sample(
    problem: Problem,
    seed: np.random.SeedSequence,
    *,
    max_runs: int = 5000,
    kind: str = "random_features",
) -> Outcome:
    """Draw from the posterior of an emulator of many runs.

    Parameters
    ----------
    problem : Problem
    seed : numpy.random.SeedSequence
    max_runs : int
        Model runs; all are made.
    kind : str
        ``random_features``, ``sparse_gp`` or ``xgboost``.

    Returns
    -------
    Outcome
        Suspect, ``surrogate_not_fitted``, where the weights of the last runs amount to
        a total variation above 0.10. ``attrs`` has that ``error``, and of the last
        runs ``held_out_r2`` (of the log likelihood) and ``held_out_coverage`` (fraction
        of emulated outputs within the emulator's 90 % intervals).

    Raises
    ------
    InputError
        If the kind is unknown or the runs are too few.
    CalibrationFailed
        If too few runs did not fail.
    """
    kinds = _kinds()
    if kind not in kinds:
        raise InputError("option kind", found=kind, wanted=f"one of {', '.join(kinds)}")
    kinds[kind]()  # says so before the first run if its package is missing
    check_counts(max_runs=(max_runs, least_runs(problem.n_parameters)))
    with threadpool_limits(1, user_api="blas"):
        return _Search(problem, seed, kind).outcome(max_runs)


def least_runs(n_parameters: int) -> int:
    """Fewest runs: three for each coefficient of a quadratic, at least 150."""
    return max(150, 3 * (n_parameters + 1) * (n_parameters + 2) // 2)


class _Search:
    """The runs so far, and the emulator of them."""

    def __init__(self, problem: Problem, seed: np.random.SeedSequence, kind: str):
        self.problem, self.seed, self.kind = problem, seed, kind

    def outcome(self, max_runs: int) -> Outcome:
        """Make all runs, and draw."""
        problem = self.problem
        n_last = max(20, max_runs // 20)
        each = (max_runs - n_last) // _N_ROUNDS
        rng = np.random.default_rng(seed_sequence(self.seed, 0))
        first = max_runs - n_last - (_N_ROUNDS - 1) * each
        self.runs = problem.run(spread_points(problem, first, rng))
        for k in range(1, _N_ROUNDS):
            rng = np.random.default_rng(seed_sequence(self.seed, k))
            self._fit(rng)
            self._run(self._population(each, rng, _FLAT))
        rng = np.random.default_rng(seed_sequence(self.seed, _N_ROUNDS))
        self._fit(rng)
        points = self._population(n_last, rng, 1.0)
        predicted, emulator = self.emulator.cost(points), self.emulator
        self._run(points)
        last = self.runs.latest(n_last)
        found = _held_out(emulator, predicted, last)
        self._fit(rng)
        chains = self._chains(rng)
        agree = has_converged(convergence(chains.u))
        good = found["error"] <= _SUSPECT
        reason = "" if good else "surrogate_not_fitted"
        if good and not agree:
            reason = "not_converged"
        off = predicted - last.cost
        rmse = math.sqrt(float(np.nanmean(off**2))) if last.ok.any() else math.nan
        return Outcome(
            u=chains.u,
            cost=-2.0 * chains.log_density,
            runs=self.runs,
            surrogate_rmse=rmse,
            status="suspect" if reason else "done",
            reason=reason,
            check=last,
            attrs={"emulator": self.kind, **found},
        )

    def _run(self, points: Array) -> None:
        self.runs = self.runs.append(self.problem.run(points))

    def _fit(self, rng: np.random.Generator) -> None:
        ok = self.runs.ok
        d = self.problem.n_parameters
        if ok.sum() < (d + 1) * (d + 2) // 2 + 10:
            failures = getattr(self.problem.runner, "failures", [])
            raise CalibrationFailed(
                f"{self.runs.n_failed} of {self.runs.n} model runs failed. First "
                f"failure: {failures[0] if failures else 'cost is not finite'}",
                reason="model_nan",
            )
        series = None if self.runs.series is None else self.runs.series[ok]
        good = Runs(self.runs.u[ok], self.runs.cost[ok], series)
        likelihood = self.problem.likelihood
        if likelihood is None or likelihood.scales or series is None:
            self.emulator: _OfCost | _OfSeries = _OfCost.fitted(good, self.kind, rng)
        else:
            self.emulator = _OfSeries.fitted(likelihood, good, self.kind, rng)

    def _log_density(self, u: Array) -> Array:
        density = -0.5 * self.emulator.cost(u)
        return np.where(self.problem.allowed(u), density, -np.inf)

    def _population(self, n: int, rng: np.random.Generator, power: float) -> Array:
        return tempered_population(
            lambda u: power * self._log_density(u),
            self.problem.n_parameters,
            rng=rng,
            n_particles=n,
            start=allowed_start(self.problem, rng, n),
        )

    def _chains(self, rng: np.random.Generator) -> Chains:
        starts = self._population(256, rng, 1.0)
        starts = starts[rng.choice(len(starts), _N_CHAINS, replace=False)]
        return ensemble_chains(
            self._log_density, starts, rng=rng, n_steps=_N_DRAWS, n_burn=_N_BURN, thin=3
        )


@dataclass(frozen=True)
class _OfSeries:
    """Regressions of principal components of whitened series."""

    basis: Basis
    likelihood: GaussianLikelihood
    outputs: tuple[Regressor, ...]

    @classmethod
    def fitted(
        cls,
        likelihood: GaussianLikelihood,
        runs: Runs,
        kind: str,
        rng: np.random.Generator,
    ) -> _OfSeries:
        assert runs.series is not None  # noqa: S101 - of a problem with a likelihood
        whitened = likelihood.whiten(runs.series)
        excess = runs.cost - runs.cost.min()
        weight = (1.0 + excess / (4.0 * runs.u.shape[1])) ** -2.0
        basis = Basis.of(whitened, weight, _MOST_COMPONENTS, 0.001)
        scores = basis.scores(whitened)
        outputs = tuple(_kinds()[kind]().fit(runs.u, y, rng) for y in scores.T)
        return cls(basis, likelihood, outputs)

    def predict(self, u: Array) -> tuple[Array, Array]:
        """Means and variances of the scores, (n_points, n_components) each."""
        found = [output.predict(u) for output in self.outputs]
        return (
            np.stack([mean for mean, _ in found], axis=1),
            np.stack([variance for _, variance in found], axis=1),
        )

    def cost(self, u: Array) -> Array:
        """-2 log likelihood averaged over the emulator's own error, (n_points,)."""
        mean, variance = self.predict(u)
        # At most that of an observation: what is not known is not likely for it.
        total = 1.0 + np.minimum(variance, 1.0)
        return np.asarray(np.sum(mean**2 / total + np.log(total), axis=1))

    def true_outputs(self, runs: Runs) -> Array:
        """The scores of runs, (n_runs, n_components)."""
        assert runs.series is not None  # noqa: S101 - as above
        return self.basis.scores(self.likelihood.whiten(runs.series))


@dataclass(frozen=True)
class _OfCost:
    """Regression of the logarithm of the excess cost."""

    output: Regressor
    least: float
    scale: float

    @classmethod
    def fitted(cls, runs: Runs, kind: str, rng: np.random.Generator) -> _OfCost:
        scale, least = 4.0 * runs.u.shape[1], float(runs.cost.min())
        y = np.log1p((runs.cost - least) / scale)
        return cls(_kinds()[kind]().fit(runs.u, y, rng), least, scale)

    def predict(self, u: Array) -> tuple[Array, Array]:
        """Mean and variance of the logarithm, (n_points, 1) each."""
        mean, variance = self.output.predict(u)
        return mean[:, None], variance[:, None]

    def cost(self, u: Array) -> Array:
        """-2 log likelihood, (n_points,)."""
        return np.asarray(self.least + self.scale * np.expm1(self.predict(u)[0][:, 0]))

    def true_outputs(self, runs: Runs) -> Array:
        """The logarithms of runs, (n_runs, 1)."""
        excess = np.maximum((runs.cost - self.least) / self.scale, -0.999)
        return np.log1p(excess)[:, None]


def _kinds() -> dict[str, type]:
    from masm.surrogates.regressors.boosted_trees import BoostedTrees
    from masm.surrogates.regressors.random_features import RandomFeatures
    from masm.surrogates.regressors.sparse_gp import SparseProcess

    return {
        "random_features": RandomFeatures,
        "sparse_gp": SparseProcess,
        "xgboost": BoostedTrees,
    }


def _held_out(
    emulator: _OfSeries | _OfCost, predicted: Array, last: Runs
) -> dict[str, float]:
    """How good the emulator was at runs it had not seen: error, score, coverage."""
    ok = last.ok
    if ok.sum() < 2:
        return {"error": 1.0, "held_out_r2": math.nan, "held_out_coverage": math.nan}
    off = (predicted - last.cost)[ok]
    weight = np.exp(0.5 * (off - off.max()))
    error = 0.5 * float(np.mean(np.abs(weight / weight.mean() - 1.0)))
    total = float(np.var(last.cost[ok]))
    r2 = 1.0 - float(np.var(off)) / total if total > 0.0 else math.nan
    series = None if last.series is None else last.series[ok]
    good = Runs(last.u[ok], last.cost[ok], series)
    mean, variance = emulator.predict(good.u)
    within = np.abs(emulator.true_outputs(good) - mean) <= 1.645 * np.sqrt(variance)
    return {
        "error": error,
        "held_out_r2": r2,
        "held_out_coverage": float(np.mean(within)),
    }


METHOD = Method(
    name="large_sample",
    summary="Thousands of runs emulated by random features, a sparse process or "
    "boosted trees, judged by runs held out.",
    sample=sample,
    gives="posterior",
    source="Fer et al. (2018); Rahimi and Recht (2007)",
)
