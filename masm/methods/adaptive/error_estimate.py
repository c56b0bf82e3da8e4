"""Whether to believe a posterior made on a surrogate: its estimated error.

Everything is a total variation of marginals: 0 for the same, 1 for apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from masm.samplers.diagnostics import gelman_rubin
from masm.surrogates.base import Surrogate
from masm.types import Array

# The estimated error of the marginals that is believed.
SUSPECT_ERROR = 0.10
# Split Gelman-Rubin factor over which the longest chains are suspect.
DISAGREE = 1.1
_N_BINS = 8
# How much of check, spread and shift counts as error where there is no expectation,
# on a bare cost. Right posteriors had spreads of at most 0.055, checks of 0.59 and
# shifts of 0.19; wrong ones had spreads from 0.075 (`benchmarks.verdict`).
_COST_WEIGHTS = (0.2, 2.0, 0.5)
# Errors of a dozen draws are so much larger than expected by chance alone.
_CHANCE = 1.5


@dataclass(frozen=True)
class Verdict:
    """Self-assessed error of a posterior, all parts as total variations.

    Attributes
    ----------
    check : from the last batch, predicted before it was run
    spread : between posteriors by functions drawn from the surrogate
    shift : between the posteriors before and after the last batch
    surprise : size of the errors of the last batch over what the surrogate itself
        expected; NaN where it has no expectation
    failed : failed runs among the last batch, as a share
    r_hat : split Gelman-Rubin factor of the worst parameter
    border : share of the posterior expected to lie where the model does not run
    """

    check: float
    spread: float
    shift: float
    failed: float
    r_hat: float
    surprise: float = math.nan
    border: float = 0.0

    @classmethod
    def of(
        cls,
        surrogate: Surrogate,
        draws: Array,
        error: Array,
        share: Array,
        before: Array,
        *,
        earlier: Callable[[Array], Array] | None = None,
        expected: Array | None = None,
        rng: np.random.Generator,
    ) -> Verdict:
        """Judge posterior draws (chain, draw, parameter)."""
        pooled = draws.reshape(-1, draws.shape[-1])
        some = pooled[rng.choice(len(pooled), 300, replace=False)]
        cost = -2.0 * surrogate.log_density(some)
        spread = function_spread(some, cost, surrogate.sample_cost(some, 40, rng))
        if earlier is None:
            shift = moment_shift(pooled, before)
        else:
            # The same draws, reweighted: free of the noise of two samples.
            shift = function_spread(some, cost, -2.0 * earlier(some)[None])
        good = error[np.isfinite(error)]
        return cls(
            check=weight_error(error, share),
            spread=spread,
            shift=shift,
            failed=1.0 - len(good) / len(error),
            r_hat=split_gelman_rubin(draws),
            surprise=(
                math.nan if expected is None else surprise(error, share, expected)
            ),
        )

    @property
    def error(self) -> float:
        """Estimated total variation of the marginals.

        An emulator that knows how wrong it is tells by its spread, which averages
        over errors as marginals do; one that was surprised is taken to be as much
        more wrong. Without an expectation, on a bare cost, the errors of the last
        batch count for less: it has since been learned from. Where the posterior ends
        at a border of failures, what is expected beyond it counts in full.
        """
        return max(self._of_surrogate, self.border)

    @property
    def _of_surrogate(self) -> float:
        if math.isnan(self.surprise):
            parts = self.check, self.spread, self.shift
            return max(w * part for w, part in zip(_COST_WEIGHTS, parts, strict=True))
        more = max(1.0, self.surprise / _CHANCE)
        return max(self.spread * more, 0.5 * self.shift)

    @property
    def status(self) -> str:
        """Done, or suspect."""
        return "suspect" if self.reason else "done"

    @property
    def reason(self) -> str:
        """Why it is suspect, one of the closed list; empty when done."""
        if self.failed > 0.5:
            return "model_nan"
        if self.error > SUSPECT_ERROR:
            return "surrogate_not_fitted"
        return "not_converged" if self.r_hat > DISAGREE else ""


def surprise(error: Array, share: Array, expected: Array) -> float:
    """Size of errors over that of expected ones, common offsets left out.

    Parameters
    ----------
    error : (n_draws,), predicted minus true cost; NaN where a run failed
    share : (n_draws,), of the posterior that each draw stands for
    expected : (n_functions, n_draws), errors that would be no surprise
    """
    ok = np.isfinite(error)
    if ok.sum() < 2:
        return math.inf
    part = share[ok] / share[ok].sum()

    def size(errors: Array) -> Array:
        middle = errors @ part
        return np.asarray(((errors - middle[:, None]) ** 2) @ part)

    seen = float(size(error[ok][None])[0])
    return math.sqrt(seen / (float(np.mean(size(expected[:, ok]))) + 1e-12))


def weight_error(error: Array, share: Array | None = None) -> float:
    """Total variation that errors of the cost at posterior draws stand for.

    Half the mean departure from one of the importance weights exp(error / 2); a
    common offset cancels, as it does in a posterior.

    Parameters
    ----------
    error : (n_draws,), predicted minus true cost; NaN where a run failed
    share : (n_draws,), optional
        Of the posterior that each draw stands for; equal by default.
    """
    ok = np.isfinite(error)
    if ok.sum() < 2:
        return 1.0
    good = error[ok]
    part = np.ones(len(good)) if share is None else share[ok]
    part = part / part.sum()
    weight = np.exp(0.5 * (good - good.max()))
    return float(0.5 * np.sum(part * np.abs(weight / (part @ weight) - 1.0)))


def function_spread(u: Array, cost: Array, functions: Array) -> float:
    """Mean total variation of marginals reweighted to each function drawn.

    Parameters
    ----------
    u : (n_draws, n_parameters), drawn from exp(-cost / 2)
    cost : (n_draws,)
    functions : (n_functions, n_draws), costs by functions drawn
    """
    log_weight = -0.5 * (functions - cost)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    total = 0.0
    for column in u.T:
        edges = np.quantile(column, np.linspace(0.0, 1.0, _N_BINS + 1)[1:-1])
        member = np.searchsorted(edges, column)[:, None] == np.arange(_N_BINS)
        share = weight @ member
        total += float(0.5 * np.abs(share - member.mean(axis=0)).sum(axis=1).mean())
    return total / u.shape[1]


def moment_shift(a: Array, b: Array) -> float:
    """Mean over parameters of the total variation of two samples, by their moments.

    For normals it is about 0.4 times the shift of the mean in standard deviations
    and 0.48 times that of the logarithm of the standard deviation.
    """
    sd_a, sd_b = a.std(axis=0) + 1e-12, b.std(axis=0) + 1e-12
    shift = 0.4 * np.abs(a.mean(axis=0) - b.mean(axis=0)) / np.sqrt(sd_a * sd_b)
    return float(np.mean(np.minimum(shift + 0.48 * np.abs(np.log(sd_a / sd_b)), 1.0)))


def split_gelman_rubin(draws: Array) -> float:
    """Gelman-Rubin factor of the worst parameter, each chain cut into halves.

    ``draws`` is (chain, draw, parameter). One function of numpy, since ArviZ takes
    longer to import than a short calibration takes; the result reports ArviZ's.
    """
    half = draws.shape[1] // 2
    halves = np.concatenate([draws[:, :half], draws[:, half : 2 * half]])
    return max(gelman_rubin(halves[:, :, j]) for j in range(draws.shape[2]))
