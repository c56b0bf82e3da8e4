"""Upscaling: from calibrated sample pixels to a map of every pixel, with uncertainty.

Sees tables of parameters and covariates, and nothing of models or runs.

.. code-block:: python

    covariates = upscale.covariate_table(forcing, observations, static)
    chosen = upscale.select_training(posteriors)
    upscaler = upscale.train(
        chosen.mean, covariates, sd=chosen.sd, bounds=bounds, seed=7
    )
    upscaler.summary()                      # what can be mapped, and how well
    maps = upscaler.predict(covariates)     # mean, sd, p05, p95, quality
    upscaler.save("upscaling")
    upscale.write_maps("maps", maps, covariates, period=("2001-01-01", "2009-12-31"))

``upscale.ParameterRegressor`` is the same trees as a scikit-learn regressor, for
pipelines, searches and comparisons with other regressors.
"""

from typing import Any

from upscale.covariates.table import COVARIATES, covariate_table, pixel_covariates
from upscale.errors import InputError
from upscale.export.geotiff import STATUS, status_of, write_maps
from upscale.export.sample_table import write_samples
from upscale.prediction.totals import cell_area, regional_totals
from upscale.prediction.upscaler import QUALITY, Upscaler, open_upscaler
from upscale.train_upscaler import train
from upscale.training.quality_control import Selection, SelectionRules, select_training
from upscale.training.settings import TrainingRules

__all__ = [
    "COVARIATES",
    "QUALITY",
    "STATUS",
    "InputError",
    "ParameterRegressor",
    "Selection",
    "SelectionRules",
    "TrainingRules",
    "Upscaler",
    "cell_area",
    "covariate_table",
    "open_upscaler",
    "pixel_covariates",
    "regional_totals",
    "select_training",
    "status_of",
    "train",
    "write_maps",
    "write_samples",
]


def __getattr__(name: str) -> Any:
    """Load the scikit-learn regressor when it is asked for: scikit-learn is large."""
    if name != "ParameterRegressor":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from upscale.training.sklearn_estimator import ParameterRegressor

    return ParameterRegressor
