"""From calibrated pixels to an upscaler: tuning, validation, baselines, final fit.

After Ma et al. (2022, section 4.2.2): one XGBoost model for each parameter, 70 % of the
pixels to train and 30 % to test. Beyond them: folds of whole blocks of land, intervals,
an area of applicability, baselines on the same splits, and a parameter whose trees do
not beat the mean on held-out blocks is mapped by its mean, and said so; with draws of
posteriors, the others are then trained on what they should be beside such a mean.
"""

from __future__ import annotations

import logging
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from upscale.errors import InputError, require_package
from upscale.prediction.error_fields import ErrorCopula, fit_copula
from upscale.prediction.upscaler import Upscaler, make_meta
from upscale.seeds import ParameterStream
from upscale.training import baselines, trees
from upscale.training.input_checks import TrainingTables, check_training
from upscale.training.parameter import Parameter, ParameterModel
from upscale.training.parameter_fit import HeldOut, Training, UnitModel, fit_unit_model
from upscale.training.posteriors import (
    Posteriors,
    from_draws,
    from_sd,
    split_covariance,
)
from upscale.training.settings import TrainingRules
from upscale.training.targets import (
    Draft,
    Shared,
    block_km_of,
    condition,
    draft_of,
    split_pixels,
)
from upscale.training.validation import point_table, score_rows
from upscale.types import Floats

logger = logging.getLogger(__name__)

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, eq=False)
class _Outcome:
    """What one parameter's training leaves."""

    model: ParameterModel
    scores: list[dict[str, Any]]
    points: pd.DataFrame
    trials: list[dict[str, Any]]
    importance: pd.DataFrame
    errors: Floats  # (pixel,), NaN where not trained on
    scales: Floats  # of the errors, as they


def train(
    parameters: pd.DataFrame,
    covariates: pd.DataFrame,
    *,
    bounds: Mapping[str, tuple[float, float]],
    seed: int,
    sd: pd.DataFrame | None = None,
    draws: xr.DataArray | None = None,
    coordinates: pd.DataFrame | None = None,
    defaults: Mapping[str, float] | None = None,
    units: Mapping[str, str] | None = None,
    rules: TrainingRules | None = None,
    n_jobs: int = 1,
) -> Upscaler:
    """Train the maps of all parameters.

    Parameters
    ----------
    parameters : pandas.DataFrame (pixel, parameter)
        Calibrated parameters (posterior means) in their own units; NaN where a value
        is not to be trained on.
    covariates : pandas.DataFrame (pixel, covariate)
        Of at least those pixels, for instance from `covariate_table`. All columns are
        used. Pixels with an unknown covariate are left out, and counted.
    bounds : mapping
        Parameter to the (low, high) of its prior.
    seed : int
        Fixes splits, tuning and trees; the answer does not depend on ``n_jobs``, nor,
        without ``draws``, that of one parameter on which others are trained.
    sd : pandas.DataFrame (pixel, parameter), optional
        Posterior standard deviations, own units; posteriors are then taken as normal.
    draws : xarray.DataArray (pixel, draw, parameter), optional
        Of the posteriors, own units, in place of ``sd``: their shape then enters the
        intervals, and how their parameters are correlated enters draws of maps and what
        trees learn (`upscale.training.conditional_means`).
    coordinates : pandas.DataFrame (pixel), optional
        ``latitude`` and ``longitude`` in degrees; those of ``covariates`` otherwise.
    defaults : mapping, optional
        Parameter to its default value, a baseline and a band of the maps.
    units : mapping, optional
        Parameter to its unit.
    rules : TrainingRules, optional
        Settings and budget.
    n_jobs : int
        Parameters trained side by side.

    Raises
    ------
    InputError
        If the tables do not fit together, or are too few to be split.

    Examples
    --------
    >>> import numpy as np, pandas as pd, upscale
    >>> rng = np.random.default_rng(1)
    >>> covariates = pd.DataFrame(
    ...     {"sand": rng.uniform(0.0, 90.0, 40),
    ...      "latitude": rng.uniform(36.0, 44.0, 40),
    ...      "longitude": rng.uniform(-84.0, -76.0, 40)},
    ...     index=pd.RangeIndex(40, name="pixel"),
    ... )
    >>> vmax = pd.DataFrame({"vmax": 2e-5 + 5e-7 * covariates["sand"]})
    >>> upscaler = upscale.train(
    ...     vmax, covariates, bounds={"vmax": (2e-5, 8e-5)}, sd=0.01 * vmax, seed=1,
    ...     rules=upscale.TrainingRules(n_candidates=1, max_trees=20),
    ... )
    >>> sorted(set(upscaler.validation["split"]))
    ['blocked', 'random', 'random_train']
    """
    require_package("xgboost", "upscale")
    rules = rules or TrainingRules()
    if seed < 0:
        raise InputError("training: seed", str(seed), "0 or more")
    table = check_training(
        parameters, covariates, bounds, sd, draws, coordinates, rules.least_pixels
    )
    shared = split_pixels(table.covariates, table.coordinates, rules, seed)
    priors = [
        Parameter(
            name=str(name),
            low=float(bounds[name][0]),
            high=float(bounds[name][1]),
            default=float((defaults or {}).get(name, np.nan)),
            unit=(units or {}).get(name, ""),
        )
        for name in table.parameters.columns
    ]

    known = _posteriors(table, priors)

    def draft(prior: Parameter) -> Draft:
        y = prior.to_unit(table.parameters[prior.name].to_numpy())
        return draft_of(prior, y, known, priors.index(prior), shared, rules, seed)

    targets = _side_by_side(draft, priors, n_jobs)
    if table.draws is not None and known is not None:
        targets = condition(targets, known, shared, rules, seed)
    finish = partial(_finish, shared=shared, rules=rules, seed=seed)
    outcomes = _side_by_side(finish, targets, n_jobs)
    meta = make_meta(
        seed=seed,
        n_training=len(shared.pixels),
        n_left_out=table.n_left_out,
        n_test=int(shared.test.sum()),
        n_blocks=int(shared.blocks.max()) + 1,
        rules=asdict(rules) | {"block_km": block_km_of(table.coordinates, rules)},
    )
    return Upscaler(
        models=tuple(outcome.model for outcome in outcomes),
        covariates=shared.names,
        copula=_copula(outcomes, shared, known, rules),
        validation=pd.DataFrame([row for one in outcomes for row in one.scores]),
        points=pd.concat([one.points for one in outcomes], ignore_index=True),
        tuning=pd.DataFrame([row for one in outcomes for row in one.trials]),
        importance=pd.concat([one.importance for one in outcomes], ignore_index=True),
        meta=meta,
    )


def _posteriors(table: TrainingTables, priors: list[Parameter]) -> Posteriors | None:
    """What is known of the posteriors, on the unit scale."""
    low = np.array([prior.low for prior in priors])
    width = np.array([prior.width for prior in priors])
    if table.draws is not None:
        return from_draws((table.draws - low) / width)
    if table.sd is None:
        return None
    mean = (table.parameters.to_numpy() - low) / width
    return from_sd(mean, table.sd.to_numpy() / width)


def _copula(
    outcomes: list[_Outcome],
    shared: Shared,
    known: Posteriors | None,
    rules: TrainingRules,
) -> ErrorCopula:
    errors = np.stack([outcome.errors for outcome in outcomes], axis=1)
    if known is None or rules.intervals_for == "calibrated":
        return fit_copula(errors, shared.places, shared.blocks)
    scales = np.stack([outcome.scales for outcome in outcomes], axis=1)
    products = scales[:, :, None] * scales[:, None, :]
    whole = np.nan_to_num(known.covariance)  # a value that was left out has no sd
    parts = [np.nanmean(one / products, axis=0) for one in split_covariance(whole)]
    return fit_copula(errors, shared.places, shared.blocks, *parts)


def _finish(draft: Draft, shared: Shared, rules: TrainingRules, seed: int) -> _Outcome:
    """Validate and fit one parameter."""
    prior, data, known, settings = draft.prior, draft.data, draft.known, draft.settings
    rng = np.random.default_rng(
        [seed, zlib.crc32(prior.name.encode()), ParameterStream.COMPARED_MAPS]
    )
    test, margin = shared.test[known], rules.skill_margin
    part, _, _ = fit_unit_model(data.take(~test), settings, margin, draft.seed)
    whole, held, skill = fit_unit_model(data, settings, margin, draft.seed)
    logger.info(
        "%s: skill on blocks %.2f +- %.2f",
        prior.name,
        skill.value,
        skill.standard_error,
    )
    model = ParameterModel(prior, settings, skill, whole)
    random = _predict_random(part, data, test)
    default = float(prior.to_unit(prior.default))
    peers = _baselines(data, test, default, shared.places[known], rng)
    errors, scales = np.full((2, known.size), np.nan)
    errors[known], scales[known] = held.score, held.scale
    return _Outcome(
        model=model,
        scores=score_rows(model, data, test, random, held, peers),
        points=point_table(model, data, shared.pixels[known], test, random, held),
        trials=[{"parameter": prior.name, **trial} for trial in draft.trials],
        importance=_importance(model, shared.names, shared.x[shared.shap_rows]),
        errors=errors,
        scales=scales,
    )


def _predict_random(model: UnitModel, data: Training, test: NDArray) -> HeldOut:
    """Predict all pixels by the model of the training fraction."""
    centre = model.centre(data.x)
    index = model.dissimilarity.index(data.x)
    scale = model.scale(data.x, index)
    low, high = model.error.interval(centre, scale)
    mean = np.full(centre.shape, np.average(data.y[~test]))
    return HeldOut(centre, low, high, mean, (data.y - centre) / scale, scale)


def _baselines(
    data: Training,
    test: NDArray,
    default: float,
    places: Floats,
    rng: np.random.Generator,
) -> dict[tuple[str, str], Floats]:
    """Predictions (pixel,) by (split, method); NaN where a split has none."""
    kernel = baselines.fit_kernel(data.y, places, rng)
    found: dict[tuple[str, str], Floats] = {}
    splits = {
        "random": [(~test, test)],
        "blocked": [
            (data.folds != fold, data.folds == fold) for fold in np.unique(data.folds)
        ],
    }
    for split, parts in splits.items():
        rows = {name: np.full(data.y.size, np.nan) for name in baselines.METHODS}
        for train_on, predict_for in parts:
            y, here, there = data.y[train_on], places[train_on], places[predict_for]
            weight = data.take(train_on).weights()
            rows["default"][predict_for] = default
            rows["region_mean"][predict_for] = np.average(y, weights=weight)
            rows["nearest_pixel"][predict_for] = baselines.nearest(y, here, there)
            rows["kriging"][predict_for] = baselines.krige(y, here, there, kernel, rng)
        found |= {(split, name): values for name, values in rows.items()}
    return found


def _importance(
    model: ParameterModel, names: tuple[str, ...], x: Floats
) -> pd.DataFrame:
    """Mean absolute SHAP value of each covariate, in the parameter's unit."""
    booster = model.unit_model.trees
    size = np.zeros(len(names))
    if booster is not None:
        values = trees.shap_values(booster, x)[:, :-1]
        size = np.abs(values).mean(axis=0) * model.parameter.width
    return pd.DataFrame(
        {
            "parameter": model.parameter.name,
            "covariate": names,
            "mean_abs_shap": size,
            "unit": model.parameter.unit,
        }
    ).sort_values("mean_abs_shap", ascending=False, kind="stable")


def _side_by_side(
    run: Callable[[_In], _Out], work: Sequence[_In], n_jobs: int
) -> list[_Out]:
    from joblib import Parallel, delayed
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    # Threads: XGBoost leaves the interpreter while it fits. Filters of warnings belong
    # to all threads, so they are set here. A length scale of the kriging baseline at
    # its limit is an answer: no correlation, or nothing but.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return Parallel(n_jobs=n_jobs, backend="threading")(
            delayed(run)(one) for one in work
        )
