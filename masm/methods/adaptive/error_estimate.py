"""Estimated total variation of a posterior made on a surrogate; status and reason.

Everything is a total variation of marginals: 0 for the same, 1 for apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from masm.methods.adaptive.settings import Settings
from masm.samplers.diagnostics import (
    ESS_LIMIT,
    R_HAT_LIMIT,
    convergence,
    gelman_rubin,
)
from masm.surrogates.base import Surrogate
from masm.types import Array

_N_BINS = 8
# Of series: fine enough for the steps that a threshold in a model leaves in a marginal,
# which broader bins average away; a smooth change looks the same in either. A scalar
# objective keeps the bins that the weights of its parts were found with.
N_BINS_SERIES = 16


@dataclass(frozen=True)
class ErrorEstimate:
    """Self-assessed error of a posterior, all parts as total variations.

    Attributes
    ----------
    validation : from the last batch, predicted before it was run
    variability : between posteriors by functions drawn from the surrogate
    change : between the posteriors before and after the last batch
    views : between posteriors by other views of the same runs, of a scalar cost: of all
        parameters jointly
    failed : failed runs among the last batch, as a fraction
    r_hat : rank-normalised split R-hat of the worst parameter
    error_ratio : size of the errors of the last batch over what the surrogate itself
        predicted; NaN where it has no prediction
    local_ratio : the same of the runs about the posterior, each predicted from the
        others; NaN where they are too few
    earlier_ratio : ``error_ratio`` of the validation before, where runs were added
        because its error was too large; else NaN. Of several validations by a few
        runs each, one is small by chance
    infeasible : fraction of the posterior expected to lie where the model does not run
    n_lost : runs that fit and that no draws surround
    ess : bulk effective sample size of the worst parameter
    settings : tuned numbers
    """

    validation: float
    variability: float
    change: float
    failed: float
    r_hat: float
    error_ratio: float = math.nan
    local_ratio: float = math.nan
    earlier_ratio: float = math.nan
    infeasible: float = 0.0
    n_lost: int = 0
    ess: float = math.inf
    views: float = 0.0
    settings: Settings = field(default_factory=Settings, repr=False)

    @classmethod
    def of(
        cls,
        surrogate: Surrogate,
        draws: Array,
        error: Array,
        weight: Array,
        before: Array,
        *,
        earlier: Callable[[Array], Array] | None = None,
        predicted: Array | None = None,
        local_ratio: float = math.nan,
        earlier_ratio: float = math.nan,
        infeasible: float = 0.0,
        n_lost: int = 0,
        rng: np.random.Generator,
        settings: Settings,
    ) -> ErrorEstimate:
        """Estimate the error of posterior draws (chain, draw, parameter).

        Parameters
        ----------
        surrogate : after the last batch
        draws : (chain, draw, parameter)
        error : (n_validated,), of the last batch, predicted less true cost
        weight : (n_validated,), fraction of the posterior that each represents
        before : draws of the posterior before the last batch
        earlier : log density before the last batch, optional
        predicted : (n_functions, n_validated), errors that were to be expected
        local_ratio : of the runs about the posterior
        earlier_ratio : of the validation before
        infeasible : fraction of the draws where the model does not run
        n_lost : runs that fit and that no draws surround
        rng, settings
        """
        pooled = draws.reshape(-1, draws.shape[-1])
        some = pooled[rng.choice(len(pooled), 300, replace=False)]
        cost = -2.0 * surrogate.log_density(some)
        functions = surrogate.sample_cost(some, 40, rng)
        if earlier is None:
            change = moment_change(pooled, before)
        else:
            # The same draws, reweighted: free of the noise of two samples.
            change = function_variability(some, cost, -2.0 * earlier(some)[None])
        good = error[np.isfinite(error)]
        diagnosis = convergence(draws)
        return cls(
            validation=weight_error(error, weight),
            variability=function_variability(
                some, cost, functions, _N_BINS if predicted is None else N_BINS_SERIES
            ),
            change=change,
            failed=1.0 - len(good) / len(error),
            r_hat=float(np.max(diagnosis["r_hat"])),
            ess=float(np.min(diagnosis["ess_bulk"])),
            error_ratio=(
                math.nan if predicted is None else error_ratio(error, weight, predicted)
            ),
            local_ratio=local_ratio,
            earlier_ratio=earlier_ratio,
            infeasible=infeasible,
            n_lost=n_lost,
            views=joint_variability(cost, -2.0 * surrogate.alternatives(some)),
            settings=settings,
        )

    @property
    def error(self) -> float:
        """Estimated total variation of the marginals, at most 1.

        The variability over surrogate draws, inflated by the ratio of observed to
        predicted error, of the last batch or of the runs about the posterior. Without
        a prediction, on a scalar cost, the errors of the last batch count for less: it
        has since been learned from. Where the posterior ends at a boundary of
        feasibility, what is expected beyond it counts in full.
        """
        return min(max(self._of_surrogate, self.infeasible), 1.0)

    @property
    def _of_surrogate(self) -> float:
        if math.isnan(self.error_ratio):
            parts = self.validation, self.variability, self.change, self.views
            weights = self.settings.cost_weights
            return max(w * part for w, part in zip(weights, parts, strict=True))
        settings = self.settings
        ratio = np.fmax(self.error_ratio, self.earlier_ratio)
        inflation = max(1.0, float(ratio) / settings.random_ratio)
        if not math.isnan(self.local_ratio):
            inflation = max(inflation, self.local_ratio / settings.local_random_ratio)
        return max(self.variability * inflation, 0.5 * self.change)

    @property
    def _unjudged(self) -> bool:
        """Whether series have too few runs about the posterior to know the error by."""
        return not math.isnan(self.error_ratio) and math.isnan(self.local_ratio)

    @property
    def status(self) -> str:
        """Done, or suspect."""
        return "suspect" if self.reason else "done"

    @property
    def reason(self) -> str:
        """Why it is suspect, one of the closed list; empty when done."""
        if self.failed > 0.5:
            return "model_nan"
        if self.n_lost:
            return "mode_lost"
        if self.error > self.settings.suspect_error or self._unjudged:
            return "surrogate_not_fitted"
        # NaN, of too few draws, is no convergence either.
        converged = self.r_hat <= R_HAT_LIMIT and self.ess >= ESS_LIMIT
        return "" if converged else "not_converged"


def error_ratio(error: Array, weight: Array, predicted: Array) -> float:
    """Ratio of observed to predicted error, common offsets left out.

    Parameters
    ----------
    error : (n_draws,), predicted minus true cost; NaN where a run failed
    weight : (n_draws,), fraction of the posterior that each draw represents
    predicted : (n_functions, n_draws), errors to expect
    """
    ok = np.isfinite(error)
    if ok.sum() < 2:
        return math.inf
    part = weight[ok] / weight[ok].sum()

    def size(errors: Array) -> Array:
        middle = errors @ part
        return np.asarray(((errors - middle[:, None]) ** 2) @ part)

    observed = float(size(error[ok][None])[0])
    return math.sqrt(observed / (float(np.mean(size(predicted[:, ok]))) + 1e-12))


def weight_error(error: Array, weight: Array | None = None) -> float:
    """Total variation that errors of the cost at posterior draws amount to.

    Half the mean departure from one of the importance weights exp(error / 2); a
    common offset cancels, as it does in a posterior.

    Parameters
    ----------
    error : (n_draws,), predicted minus true cost; NaN where a run failed
    weight : (n_draws,), optional
        Fraction of the posterior that each draw represents; equal by default.
    """
    ok = np.isfinite(error)
    if ok.sum() < 2:
        return 1.0
    good = error[ok]
    part = np.ones(len(good)) if weight is None else weight[ok]
    part = part / part.sum()
    importance = np.exp(0.5 * (good - good.max()))
    relative = importance / (part @ importance)
    return float(0.5 * np.sum(part * np.abs(relative - 1.0)))


def function_variability(
    u: Array, cost: Array, functions: Array, n_bins: int = _N_BINS
) -> float:
    """Mean total variation of marginals reweighted to each function drawn.

    Parameters
    ----------
    u : (n_draws, n_parameters), drawn from exp(-cost / 2)
    cost : (n_draws,)
    functions : (n_functions, n_draws), costs by functions drawn
    n_bins : bins of each marginal, all with as many draws
    """
    log_weight = -0.5 * (functions - cost)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    total = 0.0
    for column in u.T:
        edges = np.quantile(column, np.linspace(0.0, 1.0, n_bins + 1)[1:-1])
        member = np.searchsorted(edges, column)[:, None] == np.arange(n_bins)
        fraction = weight @ member
        total += float(0.5 * np.abs(fraction - member.mean(axis=0)).sum(axis=1).mean())
    return total / u.shape[1]


def joint_variability(cost: Array, functions: Array) -> float:
    """Joint total variation to the posterior of each function; root of mean square.

    0 without functions. Marginals can hide what is lost along a ridge.

    Parameters
    ----------
    cost : (n_draws,), at draws from exp(-cost / 2)
    functions : (n_functions, n_draws), other costs there
    """
    if not len(functions):
        return 0.0
    joint = [weight_error(cost - one) for one in functions]
    return float(np.sqrt(np.mean(np.square(joint))))


def moment_change(a: Array, b: Array) -> float:
    """Mean over parameters of the total variation of two samples, by their moments.

    For normals it is about 0.4 times the shift of the mean in standard deviations
    and 0.48 times that of the logarithm of the standard deviation.
    """
    sd_a, sd_b = a.std(axis=0) + 1e-12, b.std(axis=0) + 1e-12
    change = 0.4 * np.abs(a.mean(axis=0) - b.mean(axis=0)) / np.sqrt(sd_a * sd_b)
    return float(np.mean(np.minimum(change + 0.48 * np.abs(np.log(sd_a / sd_b)), 1.0)))


def split_gelman_rubin(draws: Array) -> float:
    """Gelman-Rubin factor of the worst parameter, each chain cut into halves.

    ``draws`` is (chain, draw, parameter). One function of numpy, since ArviZ takes
    longer to import than short chains take; the result is judged by ArviZ's.
    """
    half = draws.shape[1] // 2
    halves = np.concatenate([draws[:, :half], draws[:, half : 2 * half]])
    return max(gelman_rubin(halves[:, :, j]) for j in range(draws.shape[2]))
