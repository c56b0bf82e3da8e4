"""A trained upscaler: maps of all parameters, with their uncertainty, and draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtr

from upscale.errors import InputError
from upscale.files import current_folder, is_of_the_system
from upscale.prediction.error_fields import ErrorCopula
from upscale.prediction.storage import (
    _PARTS,
    _TABLES,
    _read_model,
    read_index,
    save,
)
from upscale.training import trees
from upscale.training.input_checks import match_covariates
from upscale.training.parameter import ParameterModel
from upscale.training.splits import sphere
from upscale.training.validation import summarise
from upscale.types import Floats

QUALITY: dict[int, str] = {
    1: "upscaled",
    2: "upscaled, outside the area of applicability",
    3: "region mean: no skill above it",
    4: "no value: a covariate is unknown",
}
"""Meaning of the numbers of ``quality``."""

_MEANINGS = {
    "mean": "upscaled {}",
    "sd": "standard deviation of the error of upscaled {}",
    "p05": "5 % end of the interval of {}",
    "p95": "95 % end of the interval of {}",
    "posterior_sd": "spread of {} that a calibration of the pixel would still leave",
}


@dataclass(frozen=True, eq=False)
class Upscaler:
    """Predicts parameters of pixels that were not calibrated.

    Attributes
    ----------
    models : tuple of ParameterModel
    covariates : tuple of str
        Columns that predictions need.
    copula : ErrorCopula
        Correlation of errors.
    validation : pandas.DataFrame
        R2, RMSE, coverage of each parameter, split ("random", "random_train",
        "blocked") and method ("upscaled" and the baselines).
    points : pandas.DataFrame
        Calibrated against predicted, for each pixel and split.
    importance : pandas.DataFrame
        Mean absolute SHAP value of each parameter and covariate.
    tuning : pandas.DataFrame
        Settings that were tried.
    meta : dict
        Seed, versions, rules, numbers of pixels and blocks.

    Examples
    --------
    >>> import numpy as np, pandas as pd, upscale
    >>> rng = np.random.default_rng(1)
    >>> index = pd.RangeIndex(40, name="pixel")
    >>> covariates = pd.DataFrame(
    ...     {"temperature_mean": rng.uniform(4.0, 12.0, 40),
    ...      "latitude": rng.uniform(36.0, 44.0, 40),
    ...      "longitude": rng.uniform(-84.0, -76.0, 40)}, index=index,
    ... )
    >>> vmax = pd.DataFrame({"vmax": 2e-5 + 4e-6 * covariates["temperature_mean"]})
    >>> upscaler = upscale.train(
    ...     vmax, covariates, bounds={"vmax": (2e-5, 8e-5)}, sd=0.01 * vmax, seed=1,
    ...     rules=upscale.TrainingRules(n_candidates=1, max_trees=20),
    ... )
    >>> maps = upscaler.predict(covariates)
    >>> dict(maps["mean"].sizes), maps["mean"].shape == maps["p95"].shape
    ({'parameter': 1, 'pixel': 40}, True)
    """

    models: tuple[ParameterModel, ...]
    covariates: tuple[str, ...]
    copula: ErrorCopula
    validation: pd.DataFrame
    points: pd.DataFrame
    importance: pd.DataFrame
    tuning: pd.DataFrame
    meta: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters."""
        return tuple(model.parameter.name for model in self.models)

    @cached_property
    def _by_name(self) -> dict[str, ParameterModel]:
        return {model.parameter.name: model for model in self.models}

    def __getitem__(self, name: str) -> ParameterModel:
        return self._by_name[name]

    def predict(self, covariates: pd.DataFrame) -> xr.Dataset:
        """Map parameters.

        Parameters
        ----------
        covariates : pandas.DataFrame (pixel, covariate)
            The columns of the training, in any order; one row for each pixel.

        Returns
        -------
        xarray.Dataset
            Over (parameter, pixel): mean, sd, p05, p95, posterior_sd in each
            parameter's unit (coordinate ``unit``), dissimilarity [1] and quality (see
            ``QUALITY``); NaN where a covariate is unknown. Over (parameter): default,
            low, high, and the dissimilarity_limit of the area of applicability.
        """
        x, known = self._matrix(covariates)
        shape = (len(self.models), len(x))
        data = {
            name: np.full(shape, np.nan)
            for name in (*_MEANINGS, "dissimilarity", "quality")
        }
        for row, model in enumerate(self.models):
            for name, values in _predict_one(model, x[known]).items():
                data[name][row, known] = values
        data["quality"][:, ~known] = 4.0
        return self._label(data, covariates.index.rename("pixel"))

    def draw(
        self,
        covariates: pd.DataFrame,
        n: int,
        seed: int,
        *,
        coordinates: pd.DataFrame | None = None,
    ) -> xr.Dataset:
        """Draw maps of all parameters from their uncertainty.

        Errors of a draw are correlated between parameters and between neighbours as
        those of held-out blocks were; at each pixel the draws have the distribution of
        which p05 and p95 are the ends.

        Parameters
        ----------
        covariates : pandas.DataFrame (pixel, covariate)
        n : int
            Number of draws.
        seed : int
            A pixel's draws depend on it and on the pixel's id and place, not on the
            other pixels of the call.
        coordinates : pandas.DataFrame (pixel), optional
            ``latitude`` and ``longitude``; those of ``covariates`` otherwise.

        Returns
        -------
        xarray.Dataset
            One variable for each parameter over (draw, pixel), own unit.
        """
        if n < 1:
            raise InputError("draw: n", str(n), "1 or more")
        x, known = self._matrix(covariates)
        places = covariates if coordinates is None else coordinates
        for name in ("latitude", "longitude"):
            if name not in places:
                raise InputError(
                    f"draw: {name}", "no such column", "degrees, in coordinates"
                )
        places = places.loc[covariates.index]
        xyz = sphere(places["latitude"].to_numpy(), places["longitude"].to_numpy())
        pixels = covariates.index[known]
        scores = self.copula.scores(xyz[known], pixels, n, [int(seed)])
        dataset = xr.Dataset(
            coords={"draw": np.arange(n), "pixel": covariates.index.rename("pixel")}
        )
        for row, model in enumerate(self.models):
            drawn = np.full((n, len(x)), np.nan)
            drawn[:, known] = _draw_one(model, x[known], scores[:, row])
            dataset[model.parameter.name] = (
                ("draw", "pixel"),
                drawn,
                {"units": model.parameter.unit},
            )
        dataset.attrs = {**self._attrs(), "seed_of_draws": int(seed)}
        return dataset

    def shap(self, covariates: pd.DataFrame) -> xr.DataArray:
        """Contribution of each covariate to each predicted mean.

        Returns
        -------
        xarray.DataArray (parameter, pixel, covariate)
            In the parameter's unit; the coordinate ``base`` plus the sum over
            covariates is the prediction before it is held within the bounds. Zero for
            a parameter that is mapped by its mean.
        """
        x, _ = self._matrix(covariates)
        values = np.zeros((len(self.models), len(x), len(self.covariates)))
        base = np.empty(len(self.models))
        for row, model in enumerate(self.models):
            unit, parameter = model.unit_model, model.parameter
            base[row] = parameter.low + unit.mean * parameter.width
            if unit.trees is not None:
                found = trees.shap_values(unit.trees, x) * parameter.width
                values[row], base[row] = found[:, :-1], parameter.low + found[0, -1]
        return xr.DataArray(
            values,
            dims=("parameter", "pixel", "covariate"),
            coords={
                "parameter": list(self.names),
                "pixel": covariates.index.rename("pixel"),
                "covariate": list(self.covariates),
                "base": ("parameter", base),
                "unit": ("parameter", self._units()),
            },
            name="shap",
        )

    def summary(self) -> pd.DataFrame:
        """One row for each parameter: is it mapped, how well, and a plain statement.

        Columns ``r2_...`` are Nash-Sutcliffe efficiencies of what is mapped;
        ``skill_blocked`` is that of the trees above the mean on held-out blocks, with
        its standard error; ``best_baseline`` and ``r2_best_baseline`` are of the same
        blocks; ``rmse_blocked`` is in ``unit``.
        """
        return summarise(self.models, self.validation)

    def save(self, folder: str | Path) -> None:
        """Write it to a folder: trees as UBJ, the rest as JSON and CSV."""
        save(self, Path(folder))

    def _matrix(self, covariates: pd.DataFrame) -> tuple[Floats, NDArray[np.bool_]]:
        x = match_covariates(covariates, self.covariates).to_numpy()
        return x, np.isfinite(x).all(axis=1)

    def _units(self) -> list[str]:
        return [model.parameter.unit for model in self.models]

    def _attrs(self) -> dict[str, Any]:
        return {
            "title": "upscaled parameters",
            "source": f"masm {self.meta['version']}, XGBoost {self.meta['xgboost']}",
            "seed": self.meta["seed"],
            "n_training_pixels": self.meta["n_training"],
            "intervals_for": self.meta["rules"]["intervals_for"],
        }

    def _label(self, data: Mapping[str, Floats], pixels: pd.Index) -> xr.Dataset:
        dims = ("parameter", "pixel")
        dataset = xr.Dataset(
            {name: (dims, values) for name, values in data.items()},
            coords={
                "parameter": list(self.names),
                "pixel": pixels,
                "unit": ("parameter", self._units()),
            },
            attrs=self._attrs(),
        )
        for name, meaning in _MEANINGS.items():
            dataset[name].attrs["long_name"] = meaning.format("parameter")
        dataset["dissimilarity"].attrs = {
            "units": "1",
            "long_name": "dissimilarity index of Meyer and Pebesma (2021)",
        }
        dataset["quality"].attrs = {
            "flag_values": list(QUALITY),
            "flag_meanings": "; ".join(QUALITY.values()),
        }
        for name in ("default", "low", "high"):
            values = [getattr(model.parameter, name) for model in self.models]
            dataset[name] = ("parameter", values)
        limits = [model.unit_model.dissimilarity.limit for model in self.models]
        dataset["dissimilarity_limit"] = ("parameter", limits, {"units": "1"})
        return dataset


def make_meta(**values: Any) -> dict[str, Any]:
    """What a trained upscaler says of itself."""
    return {
        **values,
        "version": version("masm"),
        "xgboost": _xgboost_version(),
    }


def _xgboost_version() -> str:
    import xgboost

    return str(xgboost.__version__)


def _predict_one(model: ParameterModel, x: Floats) -> dict[str, Floats]:
    unit, parameter = model.unit_model, model.parameter
    centre = unit.centre(x)
    index = unit.dissimilarity.index(x)
    scale = unit.scale(x, index)
    low, high = unit.error.interval(centre, scale)
    if model.upscaled:
        quality = np.where(index <= unit.dissimilarity.limit, 1.0, 2.0)
    else:
        quality = np.full(len(x), 3.0)
    return {
        "mean": parameter.from_unit(centre),
        "sd": scale * unit.error.spread * parameter.width,
        "p05": parameter.from_unit(low),
        "p95": parameter.from_unit(high),
        "posterior_sd": unit.posterior_sd(x) * parameter.width,
        "dissimilarity": index,
        "quality": quality,
    }


def _draw_one(model: ParameterModel, x: Floats, scores: Floats) -> Floats:
    unit = model.unit_model
    centre = unit.centre(x)
    scale = unit.scale(x, unit.dissimilarity.index(x))
    drawn = centre + scale * unit.error.at(ndtr(scores))
    return model.parameter.from_unit(np.clip(drawn, 0.0, 1.0))


def open_upscaler(folder: str | Path) -> Upscaler:
    """Read an upscaler that ``Upscaler.save`` wrote.

    Raises
    ------
    InputError
        If there is none, or it is of another format.

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
    >>> upscaler.save("upscaling")
    >>> upscale.open_upscaler("upscaling").covariates
    ('sand', 'latitude', 'longitude')
    """
    folder = current_folder(Path(folder))
    path = folder / "upscaler.json"
    if not path.is_file():
        raise InputError(str(folder), "no upscaler.json", "a folder of Upscaler.save")
    try:
        return _read(read_index(folder), folder)
    except (InputError, MemoryError):
        raise
    except Exception as exc:  # whatever a damaged file makes of the reader
        if is_of_the_system(exc):
            raise
        raise InputError(
            str(path), f"{type(exc).__name__}: {exc}", "a file of Upscaler.save"
        ) from exc


def _read(stored: dict[str, Any], folder: Path) -> Upscaler:
    copula = stored["copula"]
    clouds = [np.array(cloud, dtype=np.float64) for cloud in stored["clouds"]]
    return Upscaler(
        models=tuple(_read_model(one, clouds, folder) for one in stored["models"]),
        covariates=tuple(stored["covariates"]),
        copula=ErrorCopula(
            **{name: np.array(copula[name]) for name in _PARTS},
            length_km=copula["length_km"],
        ),
        **{name: pd.read_csv(folder / f"{name}.csv") for name in _TABLES},
        meta=stored["meta"],
    )
