"""A trained upscaler on disk: trees as universal binary JSON, the rest as JSON and CSV.

    upscaler.json                settings, error quantiles, correlation, training cloud
    vmax.ubj  vmax-scale.ubj  vmax-posterior.ubj
    validation.csv  points.csv  importance.csv  tuning.csv

Nothing in it is code. Numbers come back to the last bit.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from upscale.errors import InputError
from upscale.training import trees
from upscale.training.applicability import Dissimilarity
from upscale.training.conformal import ErrorModel
from upscale.training.parameter import Parameter, ParameterModel
from upscale.training.parameter_fit import Skill, UnitModel
from upscale.training.trees import TreeSettings
from upscale.types import Floats

if TYPE_CHECKING:
    import xgboost

    from upscale.prediction.upscaler import Upscaler


FORMAT = 2
_TABLES = ("validation", "points", "importance", "tuning")
_PARTS = ("common", "near", "own")


def save(upscaler: Upscaler, folder: Path) -> None:
    """Write aside, then put in place of what stood there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists() and not (folder / "upscaler.json").is_file():
        raise InputError(
            str(folder), "something else than an upscaler", "a new folder's name"
        )
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(upscaler, aside)
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=".old-", dir=folder.parent))
            folder.replace(old / folder.name)
            aside.replace(folder)
            shutil.rmtree(old)
        else:
            aside.replace(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    folder.chmod(0o755)


def _write(upscaler: Upscaler, folder: Path) -> None:
    models: list[dict[str, Any]] = []
    clouds: list[Floats] = []  # parameters mostly share one
    for model in upscaler.models:
        unit, name = model.unit_model, model.parameter.name
        _write_trees(folder / f"{name}.ubj", unit.trees)
        _write_trees(folder / f"{name}-scale.ubj", unit.error.booster)
        _write_trees(folder / f"{name}-posterior.ubj", unit.posterior)
        cloud = unit.dissimilarity
        known = [np.array_equal(one, cloud.training) for one in clouds]
        if not any(known):
            clouds.append(cloud.training)
            known.append(True)
        models.append(
            {
                "parameter": asdict(model.parameter)
                | {"default": _finite(model.parameter.default)},
                "settings": model.settings.as_dict(),
                "skill": asdict(model.skill),
                "mean": unit.mean,
                "error": {
                    "typical": unit.error.typical,
                    "quantiles": unit.error.quantiles.tolist(),
                    "spread": unit.error.spread,
                },
                "dissimilarity": {
                    "centre": cloud.centre.tolist(),
                    "factor": cloud.factor.tolist(),
                    "cloud": known.index(True),
                    "mean_distance": cloud.mean_distance,
                    "limit": cloud.limit,
                },
            }
        )
    stored = {
        "format": FORMAT,
        "meta": dict(upscaler.meta),
        "covariates": list(upscaler.covariates),
        "copula": {
            "length_km": upscaler.copula.length_km,
            **{name: getattr(upscaler.copula, name).tolist() for name in _PARTS},
        },
        "models": models,
        "clouds": [cloud.tolist() for cloud in clouds],
    }
    for name in _TABLES:
        getattr(upscaler, name).to_csv(folder / f"{name}.csv", index=False)
    # Last, so that a folder that has it has everything.
    (folder / "upscaler.json").write_text(
        json.dumps(stored, allow_nan=False), encoding="utf-8"
    )


def _read_model(
    stored: dict[str, Any], clouds: list[Floats], folder: Path
) -> ParameterModel:
    name = stored["parameter"]["name"]
    error, cloud = stored["error"], stored["dissimilarity"]
    parameter = dict(stored["parameter"])
    if parameter["default"] is None:
        parameter["default"] = np.nan
    return ParameterModel(
        parameter=Parameter(**parameter),
        settings=TreeSettings(**stored["settings"]),
        skill=Skill(**stored["skill"]),
        unit_model=UnitModel(
            mean=stored["mean"],
            trees=_read_trees(folder / f"{name}.ubj"),
            error=ErrorModel(
                booster=_read_trees(folder / f"{name}-scale.ubj"),
                typical=error["typical"],
                quantiles=np.array(error["quantiles"]),
                spread=error["spread"],
            ),
            posterior=_read_trees(folder / f"{name}-posterior.ubj"),
            dissimilarity=Dissimilarity(
                np.array(cloud["centre"]),
                np.array(cloud["factor"]),
                clouds[cloud["cloud"]],
                cloud["mean_distance"],
                cloud["limit"],
            ),
        ),
    )


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _write_trees(path: Path, booster: xgboost.Booster | None) -> None:
    if booster is not None:
        path.write_bytes(trees.to_bytes(booster))


def _read_trees(path: Path) -> xgboost.Booster | None:
    return trees.from_bytes(path.read_bytes()) if path.is_file() else None
