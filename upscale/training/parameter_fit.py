"""One parameter's model: trees, their errors on held-out blocks, their training cloud.

Everything here is on the unit scale: 0 and 1 are the bounds of the prior.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from upscale.training import trees
from upscale.training.applicability import Dissimilarity, training_dissimilarity
from upscale.training.conformal import (
    ErrorModel,
    cross_fitted_scale,
    fit_scale,
    local_scale,
    residual_quantiles,
)
from upscale.training.trees import TreeSettings
from upscale.types import Floats

if TYPE_CHECKING:
    import xgboost

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class UnitModel:
    """Predicts one parameter between 0 and 1.

    Attributes
    ----------
    mean : float
        Of the training pixels; the prediction where ``trees`` is None.
    trees : xgboost.Booster or None
        None for a parameter that is mapped by its mean.
    error : ErrorModel
        Of held-out blocks.
    posterior : xgboost.Booster or None
        Of the logarithm of the posterior sd; None if none was given.
    dissimilarity : Dissimilarity
        The training cloud.
    """

    mean: float
    trees: xgboost.Booster | None
    error: ErrorModel
    posterior: xgboost.Booster | None
    dissimilarity: Dissimilarity

    def centre(self, x: Floats) -> Floats:
        """Predict (pixel,), within the bounds."""
        if self.trees is None:
            return np.full(len(x), self.mean)
        return np.clip(trees.predict(self.trees, x), 0.0, 1.0)

    def scale(self, x: Floats, index: Floats) -> Floats:
        """Local scale of the error (pixel,), from covariates and dissimilarity."""
        return self.error.scale(np.column_stack([x, index]))

    def posterior_sd(self, x: Floats) -> Floats:
        """Spread that a calibration would still leave (pixel,); NaN if unknown."""
        if self.posterior is None:
            return np.full(len(x), np.nan)
        return np.exp(trees.predict(self.posterior, x))


@dataclass(frozen=True, eq=False)
class Training:
    """What one parameter is trained on.

    Attributes
    ----------
    x : numpy.ndarray (pixel, covariate)
        Covariates, own units.
    y : numpy.ndarray (pixel,)
        Posterior mean, 0 to 1.
    sd : numpy.ndarray (pixel,) or None
        Posterior sd, fraction of the prior range.
    points : numpy.ndarray (pixel, point) or None
        Equally likely values of the posterior, 0 to 1.
    goal, goal_sd : numpy.ndarray (pixel,), and perhaps None
        What trees learn, with its sd: ``y`` and ``sd``, or their like where other
        parameters are set to their means (`upscale.training.conditional_means`).
    folds, blocks : numpy.ndarray (pixel,)
        Of each pixel; no block is in two folds.
    weighted : bool
        Weight by the precision of the posterior.
    spread : bool
        Errors are of draws of the posterior and not of its mean.
    """

    x: Floats
    y: Floats
    sd: Floats | None
    points: Floats | None
    goal: Floats
    goal_sd: Floats | None
    folds: Ints
    blocks: Ints
    weighted: bool
    spread: bool

    def take(self, chosen: NDArray) -> Training:
        """Part of the pixels."""
        return Training(
            self.x[chosen],
            self.y[chosen],
            None if self.sd is None else self.sd[chosen],
            None if self.points is None else self.points[chosen],
            self.goal[chosen],
            None if self.goal_sd is None else self.goal_sd[chosen],
            self.folds[chosen],
            self.blocks[chosen],
            self.weighted,
            self.spread,
        )

    def weights(self) -> Floats:
        """Weights of mean one: 1 / (variance between pixels + posterior variance).

        The variance between pixels is that of the means less the mean posterior
        variance (DerSimonian and Laird 1986), at least a tenth of the former.
        """
        if self.goal_sd is None or not self.weighted:
            return np.ones_like(self.goal)
        between, within = self.goal.var(), np.square(self.goal_sd)
        weight = 1.0 / (max(between - within.mean(), 0.1 * between) + within + 1e-12)
        return weight / weight.mean()

    @property
    def mean(self) -> float:
        """What a map without trees has everywhere."""
        return float(np.average(self.goal, weights=self.weights()))

    def targets(self) -> Floats:
        """What an interval has to hold (pixel, point)."""
        if self.spread and self.points is not None:
            return self.points
        return self.y[:, None]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Predictions of blocks by models that have not seen them (pixel,).

    Attributes
    ----------
    centre, low, high : numpy.ndarray
        Prediction and interval; each fold's interval is calibrated on the others.
    mean : numpy.ndarray
        Mean of the training folds.
    score : numpy.ndarray
        Residual of the posterior mean over its local scale.
    scale : numpy.ndarray
        Local scale.
    """

    centre: Floats
    low: Floats
    high: Floats
    mean: Floats
    score: Floats
    scale: Floats


@dataclass(frozen=True)
class Skill:
    """How much better than the mean, on held-out blocks.

    Attributes
    ----------
    value : float
        1 less the ratio of squared errors of the trees and of the mean.
    standard_error : float
        Over blocks.
    """

    value: float
    standard_error: float

    def above(self, margin: float) -> bool:
        """Whether it is above zero, by so many standard errors."""
        return self.value > margin * self.standard_error and self.value > 0.0


def skill_on_blocks(y: Floats, centre: Floats, mean: Floats, blocks: Ints) -> Skill:
    """Skill of a prediction against the mean of the training folds."""
    reference = np.square(y - mean)
    gain = np.bincount(blocks, reference - np.square(y - centre))
    present = np.bincount(blocks) > 0
    total, n = reference.sum(), int(present.sum())
    if total <= 0.0:
        return Skill(0.0, 0.0)
    error = np.sqrt(n * gain[present].var(ddof=1)) if n > 1 else np.inf
    return Skill(float(gain.sum() / total), float(error / total))


def skill_of(
    data: Training, settings: TreeSettings, seed: int
) -> tuple[Skill, Floats, Floats]:
    """Skill on held-out blocks, with the predictions and means (pixel,) it rests on."""
    centre, mean = _held_out_centres(data, settings, seed)
    return skill_on_blocks(data.goal, centre, mean, data.blocks), centre, mean


def fit_unit_model(
    data: Training, settings: TreeSettings, margin: float, seed: int
) -> tuple[UnitModel, HeldOut, Skill]:
    """Fit one parameter and learn its errors on held-out blocks.

    Parameters
    ----------
    settings : TreeSettings
        Of its trees.
    margin : float
        Standard errors by which the skill has to be above zero; otherwise the model
        is the mean.
    """
    skill, centre, mean = skill_of(data, settings, seed)
    upscaled = skill.above(margin)
    weight = data.weights()
    booster = trees.fit(data.x, data.goal, weight, settings, seed)
    dissimilarity, index = training_dissimilarity(
        data.x, gain_of(booster, data.x.shape[1]), data.folds
    )
    features = np.column_stack([data.x, index])
    if not upscaled:
        centre = mean
    error, held = _learn_errors(data, centre, mean, features, upscaled, seed)
    model = UnitModel(
        mean=data.mean,
        trees=booster if upscaled else None,
        error=error,
        posterior=None if data.sd is None else _fit_posterior(data, seed),
        dissimilarity=dissimilarity,
    )
    return model, held, skill


def gain_of(booster: xgboost.Booster, n: int) -> Floats:
    """Total gain of each covariate (covariate,)."""
    gain = np.zeros(n)
    for name, value in booster.get_score(importance_type="total_gain").items():
        gain[int(name[1:])] = value
    return gain


def _held_out_centres(
    data: Training, settings: TreeSettings, seed: int
) -> tuple[Floats, Floats]:
    centre, mean = np.empty_like(data.y), np.empty_like(data.y)
    for fold in np.unique(data.folds):
        out = data.folds == fold
        rest = data.take(~out)
        weight = rest.weights()
        booster = trees.fit(rest.x, rest.goal, weight, settings, seed)
        centre[out] = np.clip(trees.predict(booster, data.x[out]), 0.0, 1.0)
        mean[out] = rest.mean
    return centre, mean


def _learn_errors(
    data: Training,
    centre: Floats,
    mean: Floats,
    features: Floats,
    adaptive: bool,
    seed: int,
) -> tuple[ErrorModel, HeldOut]:
    residual = data.y - centre
    if adaptive:
        scale = cross_fitted_scale(residual, features, data.folds, seed)
        booster, typical = fit_scale(residual, features, seed)
    else:
        booster, typical = None, float(max(residual.std(), 1e-9))
        scale = local_scale(None, typical, features)
    quotients = (data.targets() - centre[:, None]) / scale[:, None]
    whole = ErrorModel(
        booster=booster,
        typical=typical,
        quantiles=residual_quantiles(quotients),
        spread=float(quotients.std()),
    )
    low, high = np.empty_like(centre), np.empty_like(centre)
    for fold in np.unique(data.folds):
        out = data.folds == fold
        others = residual_quantiles(quotients[~out])
        part = ErrorModel(booster, typical, others, whole.spread)
        low[out], high[out] = part.interval(centre[out], scale[out])
    return whole, HeldOut(centre, low, high, mean, residual / scale, scale)


def _fit_posterior(data: Training, seed: int) -> xgboost.Booster:
    if data.sd is None:
        raise ValueError("no posterior sd")
    log_sd = np.log(np.maximum(data.sd, 1e-9))
    return trees.fit(data.x, log_sd, np.ones_like(log_sd), trees.SMOOTH, seed)
