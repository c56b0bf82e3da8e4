"""What each parameter is trained on, and the settings that its trees are tuned to.

Splits and blocks are the same for all parameters. With draws of posteriors, parameters
are trained beside the means of those that cannot be mapped
(`upscale.training.conditional_means`).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from upscale.seeds import ParameterStream, SharedStream
from upscale.training import trees
from upscale.training.conditional_means import given
from upscale.training.parameter import Parameter
from upscale.training.parameter_fit import Training, skill_of
from upscale.training.posteriors import Posteriors
from upscale.training.settings import TrainingRules
from upscale.training.splits import (
    block_ids,
    choose_block_km,
    fold_ids,
    plane,
    random_test,
    sphere,
)
from upscale.training.trees import TreeSettings
from upscale.types import Floats

_SHAP_PIXELS = 500


@dataclass(frozen=True, eq=False)
class Draft:
    """One parameter's pixels and tuned settings."""

    prior: Parameter
    data: Training
    known: NDArray  # (pixel,), where it has a value
    settings: TreeSettings
    trials: list[dict[str, Any]]
    seed: int


@dataclass(frozen=True, eq=False)
class Shared:
    """What all parameters have in common."""

    x: Floats
    names: tuple[str, ...]
    pixels: pd.Index
    blocks: NDArray
    folds: NDArray
    test: NDArray
    places: Floats
    shap_rows: NDArray


def split_pixels(
    covariates: pd.DataFrame, coordinates: pd.DataFrame, rules: TrainingRules, seed: int
) -> Shared:
    """Split the pixels at random, and into folds of whole blocks."""
    rng = np.random.default_rng([seed, SharedStream.SPLITS])
    lat, lon = (coordinates[name].to_numpy() for name in ("latitude", "longitude"))
    blocks = block_ids(plane(lat, lon), block_km_of(coordinates, rules))
    n = len(covariates)
    chosen = np.random.default_rng([seed, SharedStream.SHAP_PIXELS]).permutation(n)[
        :_SHAP_PIXELS
    ]
    return Shared(
        x=covariates.to_numpy(dtype=np.float64),
        names=tuple(map(str, covariates.columns)),
        pixels=covariates.index,
        blocks=blocks,
        folds=fold_ids(blocks, rules.n_folds, rng),
        test=random_test(n, rules.test_fraction, rng),
        places=sphere(lat, lon),
        shap_rows=np.sort(chosen),
    )


def block_km_of(coordinates: pd.DataFrame, rules: TrainingRules) -> float:
    """Side of a block, from the rules or from how the pixels lie."""
    if rules.block_km is not None:
        return rules.block_km
    places = plane(
        coordinates["latitude"].to_numpy(), coordinates["longitude"].to_numpy()
    )
    return choose_block_km(places, rules.n_folds)


def draft_of(
    prior: Parameter,
    y: Floats,
    posteriors: Posteriors | None,
    column: int,
    shared: Shared,
    rules: TrainingRules,
    seed: int,
) -> Draft:
    """Gather what one parameter is trained on, 0 to 1, and tune its trees."""
    rng = np.random.default_rng([seed, zlib.crc32(prior.name.encode())])
    known = np.isfinite(y)
    sd = None if posteriors is None else posteriors.sd[known, column]
    data = Training(
        x=shared.x[known],
        y=y[known],
        sd=sd,
        points=None if posteriors is None else posteriors.points[known, column],
        goal=y[known],
        goal_sd=sd,
        folds=shared.folds[known],
        blocks=shared.blocks[known],
        weighted=rules.weighting == "precision",
        spread=rules.intervals_for == "parameter",
    )
    settings, trials = _tune(data, shared.test[known], rules, rng)
    return Draft(prior, data, known, settings, trials, int(rng.integers(2**31)))


def _tune(
    data: Training, test: NDArray, rules: TrainingRules, rng: np.random.Generator
) -> tuple[TreeSettings, list[dict[str, Any]]]:
    """Choose settings of trees on the training fraction of the random split."""
    part = data.take(~test)
    return trees.tune(
        part.x,
        part.goal,
        part.weights(),
        part.folds,
        rng,
        n_candidates=rules.n_candidates,
        max_trees=rules.max_trees,
    )


def condition(
    targets: list[Draft],
    known: Posteriors,
    shared: Shared,
    rules: TrainingRules,
    seed: int,
) -> list[Draft]:
    """Let parameters be trained beside the means of those that cannot be mapped.

    One after the other, from the least mappable by itself.
    """
    found, values = list(targets), dict[int, float]()
    alone = [skill_of(one.data, one.settings, one.seed)[0].value for one in targets]
    for column in np.argsort(alone, kind="stable").tolist():
        draft = targets[column]
        if values:
            draft = _beside(draft, known, column, values, shared, rules, seed)
            found[column] = draft
        skill, _, _ = skill_of(draft.data, draft.settings, draft.seed)
        if not skill.above(rules.skill_margin):
            values[column] = draft.data.mean
    return found


def _beside(
    draft: Draft,
    known: Posteriors,
    column: int,
    values: Mapping[int, float],
    shared: Shared,
    rules: TrainingRules,
    seed: int,
) -> Draft:
    """Give a draft its goal beside values of other parameters, and tune it again."""
    y = np.full(draft.known.size, np.nan)
    y[draft.known] = draft.data.y
    mean, sd = (one[draft.known] for one in given(known, y, column, values))
    data = replace(draft.data, goal=mean, goal_sd=sd)
    rng = np.random.default_rng(
        [seed, zlib.crc32(draft.prior.name.encode()), ParameterStream.SECOND_DRAFT]
    )
    settings, trials = _tune(data, shared.test[draft.known], rules, rng)
    return replace(draft, data=data, settings=settings, trials=trials)
