"""The trees of one or several parameters as a scikit-learn regressor.

For pipelines, searches and comparisons; `upscale.train` adds tuning, validation on
blocks, intervals and the area of applicability to the same trees.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from upscale.errors import InputError
from upscale.training import trees
from upscale.training.trees import TreeSettings
from upscale.types import Floats


class ParameterRegressor(RegressorMixin, BaseEstimator):
    """One set of boosted trees for each target, held within bounds.

    Parameters
    ----------
    n_trees, max_depth, learning_rate, min_child_weight, row_share, column_share, l2
        As of `upscale.training.trees.TreeSettings`.
    bounds : sequence of (low, high), optional
        Of each target; predictions stay within.
    random_state : int
        Fixes the rows and columns that each tree draws.

    Examples
    --------
    >>> from sklearn.model_selection import GroupKFold, cross_val_score
    >>> rng = np.random.default_rng(1)
    >>> x = rng.standard_normal((200, 3))
    >>> y = np.clip(0.5 + 0.2 * x[:, 0], 0.0, 1.0)
    >>> blocks = np.repeat(np.arange(20), 10)
    >>> skill = cross_val_score(
    ...     ParameterRegressor(bounds=[(0.0, 1.0)]), x, y, groups=blocks,
    ...     cv=GroupKFold(5),
    ... )
    >>> bool(skill.mean() > 0.9)
    True
    """

    def __init__(
        self,
        n_trees: int = 200,
        max_depth: int = 3,
        learning_rate: float = 0.05,
        min_child_weight: float = 5.0,
        row_share: float = 0.7,
        column_share: float = 0.5,
        l2: float = 1.0,
        bounds: Any = None,
        random_state: int = 0,
    ) -> None:
        self.n_trees = n_trees
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.min_child_weight = min_child_weight
        self.row_share = row_share
        self.column_share = column_share
        self.l2 = l2
        self.bounds = bounds
        self.random_state = random_state

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> ParameterRegressor:
        """Fit the trees.

        Parameters
        ----------
        X : array (sample, covariate)
            NaN is allowed and means unknown.
        y : array (sample,) or (sample, target)
        sample_weight : array (sample,), optional
            For instance the precision of posteriors; only ratios matter.
        """
        table, target = validate_data(
            self,
            X,
            y,
            dtype=np.float64,
            multi_output=True,
            y_numeric=True,
            ensure_all_finite="allow-nan",
        )
        x, y = np.asarray(table), np.asarray(target, dtype=np.float64)
        columns = y.reshape(len(y), -1)
        low, high = self._ends(columns.shape[1])
        weight = _weights(sample_weight, len(y))
        settings = TreeSettings(
            n_trees=self.n_trees,
            max_depth=self.max_depth,
            learning_rate=self.learning_rate,
            min_child_weight=self.min_child_weight,
            row_share=self.row_share,
            column_share=self.column_share,
            l2=self.l2,
        )
        # Trees store float32: a common scale keeps small parameters exact.
        self.scale_ = np.maximum(columns.std(axis=0), 1e-300)
        self.centre_ = columns.mean(axis=0)
        self.trees_ = [
            trees.to_bytes(
                trees.fit(
                    x,
                    (column - centre) / scale,
                    weight,
                    settings,
                    int(self.random_state or 0),
                )
            )
            for column, centre, scale in zip(
                columns.T, self.centre_, self.scale_, strict=True
            )
        ]
        self.low_, self.high_ = low, high
        self.one_target_ = y.ndim == 1
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Predict (sample,), or (sample, target) as in the fit."""
        check_is_fitted(self)
        table = validate_data(
            self, X, dtype=np.float64, reset=False, ensure_all_finite="allow-nan"
        )
        x = np.asarray(table)
        found = np.stack(
            [trees.predict(trees.from_bytes(raw), x) for raw in self.trees_], axis=1
        )
        found = np.clip(self.centre_ + found * self.scale_, self.low_, self.high_)
        return found[:, 0] if self.one_target_ else found

    def _ends(self, n_targets: int) -> tuple[Floats, Floats]:
        if self.bounds is None:
            return np.full(n_targets, -np.inf), np.full(n_targets, np.inf)
        ends = np.asarray(self.bounds, dtype=np.float64)
        if ends.shape != (n_targets, 2) or not (ends[:, 0] < ends[:, 1]).all():
            raise InputError(
                "ParameterRegressor: bounds",
                f"{self.bounds!r}",
                f"(low, high) for each of {n_targets} targets",
            )
        return ends[:, 0], ends[:, 1]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.multi_output = True
        return tags


def _weights(given: ArrayLike | None, n: int) -> Floats:
    """Weights of mean one."""
    if given is None:
        return np.ones(n)
    weight = np.asarray(given, dtype=np.float64)
    if weight.shape != (n,) or not (weight >= 0.0).all() or not weight.any():
        raise InputError(
            "ParameterRegressor: sample_weight",
            "only zero weights" if not weight.any() else f"shape {weight.shape}",
            f"{n} sample weights, none negative, not all zero",
        )
    return weight / weight.mean()
