"""Gradient-boosted trees with a split-conformal spread.

Trees give a mean alone. Runs that were kept from them say how far they are off: the
standard deviation is that of a normal whose 90 % interval holds 90 % of these errors.

References
----------
Chen, T. and Guestrin, C. (2016). XGBoost: a scalable tree boosting system. KDD '16.
Lei, J. et al. (2018). Distribution-free predictive inference for regression. Journal of
the American Statistical Association 113, 1094-1111, algorithm 2.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from masm.errors import require_package
from masm.surrogates.regressors.base import quadratic_features
from masm.types import Array

_KEPT = 0.2  # of the runs, for the spread
_COVERED = 0.9


class BoostedTrees:
    """XGBoost on the residuals of a quadratic polynomial.

    Parameters
    ----------
    n_trees : int
        Most trees; the kept runs say when to stop.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> u = rng.random((2000, 2))
    >>> fitted = BoostedTrees(200).fit(u, np.sin(6.0 * u[:, 0]) * u[:, 1], rng)
    >>> mean, variance = fitted.predict(np.array([[0.25, 0.5]]))
    >>> bool(abs(mean[0] - 0.5 * np.sin(1.5)) < 0.1)
    True
    """

    def __init__(self, n_trees: int = 600):
        require_package("xgboost", "upscale")
        self.n_trees = n_trees

    def fit(self, u: Array, y: Array, rng: np.random.Generator) -> BoostedTrees:
        """See `Regressor`."""
        import xgboost

        order = rng.permutation(len(u))
        n_kept = max(int(_KEPT * len(u)), 10)
        kept, used = order[:n_kept], order[n_kept:]
        self.trend = np.linalg.lstsq(quadratic_features(u[used]), y[used], rcond=None)[
            0
        ]
        off = y - quadratic_features(u) @ self.trend
        options = {
            "max_depth": 5, "eta": 0.08, "subsample": 0.8, "nthread": 1, "verbosity": 0,
            "min_child_weight": 3, "seed": int(rng.integers(2**31 - 1)),
        }  # fmt: skip
        learn = xgboost.DMatrix(u[used], off[used])
        judge = xgboost.DMatrix(u[kept], off[kept])
        self.booster = xgboost.train(
            options, learn, self.n_trees, evals=[(judge, "kept")],
            early_stopping_rounds=25, verbose_eval=False,
        )  # fmt: skip
        error = np.abs(off[kept] - self._trees(u[kept]))
        rank = min(int(np.ceil(_COVERED * (n_kept + 1))), n_kept) - 1
        half = float(np.sort(error)[rank])
        self.variance = (half / float(special.ndtri(0.5 + 0.5 * _COVERED))) ** 2
        return self

    def predict(self, u: Array) -> tuple[Array, Array]:
        """See `Regressor`. The variance is the same everywhere."""
        mean = quadratic_features(u) @ self.trend + self._trees(u)
        return mean, np.full(len(u), self.variance)

    def _trees(self, u: Array) -> Array:
        last = self.booster.best_iteration + 1
        found = self.booster.inplace_predict(
            np.asarray(u, np.float32), iteration_range=(0, last)
        )
        return np.asarray(found, float)
