"""What a learner can predict of a model's residuals from its drivers: structural error.

Trees are trained on the residuals of all years but one, and predict those of that year.
What they explain of years that they were not shown comes back with the drivers, so that
it is no error of observations: the model lacks it. The result is a report. Nothing is
added to a model's output.

References
----------
Chen, T. and Guestrin, C. (2016). XGBoost: a scalable tree boosting system. KDD '16.
Roberts, D. R. et al. (2017). Cross-validation strategies for data with temporal,
spatial, hierarchical, or phylogenetic structure. Ecography 40, 913-929 (whole years).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.types import Array

_FEWEST_YEARS = 3
_FEWEST_VALUES = 40
_N_TREES = 80
_OPTIONS = {
    "max_depth": 3, "eta": 0.08, "lambda": 4.0, "nthread": 1, "verbosity": 0, "seed": 0,
}  # fmt: skip


@dataclass(frozen=True)
class LearnedResidual:
    """How much of a model's residuals its drivers explain in years held out.

    Attributes
    ----------
    predicted : ndarray (n,)
        Residual of each value, by trees of the other years, in the stream's unit; NaN
        where nothing could be learned.
    rmse, rmse_left : float
        Root mean square of the residuals, and of what is left of them.
    skill : float
        Fraction of their mean square that is explained: ``1 - rmse_left^2 / rmse^2``;
        at or below zero where nothing is.
    structural_sd : float
        Root mean square of what is explained, in the stream's unit; 0 where nothing
        is. It is what the model lacks, at least.
    drivers : mapping of str to float
        Fraction of each driver in what the trees gained, largest first.
    n_years : int

    Examples
    --------
    >>> import numpy as np
    >>> LearnedResidual(np.zeros(2), 2.0, 1.0, 0.75, 3.0**0.5, {}, 4).skill
    0.75
    """

    predicted: Array
    rmse: float
    rmse_left: float
    skill: float
    structural_sd: float
    drivers: Mapping[str, float]
    n_years: int


def learn_residual(
    drivers: Mapping[str, ArrayLike], residual: ArrayLike, years: ArrayLike
) -> LearnedResidual:
    """Learn residuals from drivers, each year by the others.

    Parameters
    ----------
    drivers : mapping of str to array_like (n,)
        Weather, season and the like at each value; NaN where not known.
    residual : array_like (n,)
        Of one stream, in its unit; NaN is left out.
    years : array_like (n,)
        Calendar year of each.

    Returns
    -------
    LearnedResidual
        With NaN, and no drivers, where there are fewer than 3 years or 40 values. There
        is nothing random in it.

    Raises
    ------
    InputError
        If there are no drivers, or lengths differ.

    Examples
    --------
    >>> import masm
    >>> rng = np.random.default_rng(0)
    >>> year, dry = np.repeat(np.arange(2001, 2006), 46), rng.random(230)
    >>> residual = 2.0 * (dry > 0.7) + 0.3 * rng.standard_normal(230)
    >>> found = masm.learn_residual({"vpd": dry}, residual, year)
    >>> found.skill > 0.8
    True
    """
    r = np.asarray(residual, float)
    when = np.asarray(years)
    if not drivers:
        raise InputError("drivers", found="none", wanted="at least one series")
    for name, values in {**drivers, "years": when}.items():
        if np.shape(values) != r.shape or r.ndim != 1:
            raise InputError(
                f"drivers: {name}", found=f"shape {np.shape(values)}",
                wanted=f"one value for each residual, {r.shape}",
            )  # fmt: skip
    x = np.stack([np.asarray(values, float) for values in drivers.values()], axis=1)
    ok = np.isfinite(r)
    every = np.unique(when[ok])
    if len(every) < _FEWEST_YEARS or ok.sum() < _FEWEST_VALUES:
        nan = float("nan")
        return LearnedResidual(
            np.full(r.shape, nan), nan, nan, nan, nan, {}, len(every)
        )
    predicted = np.full(r.shape, np.nan)
    gain = np.zeros(x.shape[1])
    for year in every:
        held = ok & (when == year)
        predicted[held], gained = _learned(x, r, ok & (when != year), held)
        gain += gained
    before = float(np.mean(r[ok] ** 2))
    after = float(np.mean((r[ok] - predicted[ok]) ** 2))
    fraction = gain / gain.sum() if gain.sum() > 0.0 else gain
    order = np.argsort(-fraction, kind="stable")
    names = list(drivers)
    return LearnedResidual(
        predicted,
        before**0.5,
        after**0.5,
        1.0 - after / before if before > 0.0 else 0.0,
        max(0.0, before - after) ** 0.5,
        {names[i]: float(fraction[i]) for i in order},
        len(every),
    )


def _learned(
    x: Array, r: Array, shown: NDArray[np.bool_], held: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """Predictions of what is held out, and the gain of each driver."""
    import xgboost

    names = [f"f{i}" for i in range(x.shape[1])]
    middle = float(r[shown].mean())
    learn = xgboost.DMatrix(x[shown], r[shown] - middle, feature_names=names)
    booster = xgboost.train({**_OPTIONS, "base_score": 0.0}, learn, _N_TREES)
    made = booster.predict(xgboost.DMatrix(x[held], feature_names=names))
    scores = booster.get_score(importance_type="total_gain")
    gain = np.array([np.sum(scores.get(name, 0.0)) for name in names], float)
    return middle + np.asarray(made, float), gain
