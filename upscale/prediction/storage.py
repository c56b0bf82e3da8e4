"""A trained upscaler on disk: trees as universal binary JSON, the rest as JSON and CSV.

    upscaler.json                settings, error quantiles, correlation, training cloud
    vmax.ubj  vmax-scale.ubj  vmax-posterior.ubj
    validation.csv  points.csv  importance.csv  tuning.csv

Nothing in it is code. Numbers come back to the last bit. ``upscaler.json`` holds the
SHA-256 of every other file and of itself, and each tree file its own behind it: a
damaged one could end the process that reads it, so they are compared first.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from upscale.errors import InputError
from upscale.files import make_folder, put_in_place, replacing
from upscale.training import trees
from upscale.training.applicability import Dissimilarity
from upscale.training.conformal import ErrorModel
from upscale.training.parameter import Parameter, ParameterModel
from upscale.training.parameter_fit import Skill, UnitModel
from upscale.training.trees import TreeSettings
from upscale.types import Floats

if TYPE_CHECKING:
    import xgboost


FORMAT = 2
_TABLES = ("validation", "points", "importance", "tuning")
_PARTS = ("common", "near", "own")
_DIGESTS = ("sha256", "sha256_of_this")
_SAVED = "the files as Upscaler.save wrote them"
_REPAIR = "Copy the folder again from where it came, or train again."
_MOST_BYTES = 2**30


class Storable(Protocol):
    """What of an upscaler is written to disk."""

    @property
    def models(self) -> Sequence[ParameterModel]:
        """The fit of each parameter."""

    @property
    def covariates(self) -> Sequence[str]:
        """Columns that predictions need."""

    @property
    def copula(self) -> Any:
        """Correlation of the errors."""

    @property
    def meta(self) -> Mapping[str, Any]:
        """How it was trained."""


def save(upscaler: Storable, folder: Path) -> None:
    """Write aside, then put in place of what stood there."""
    make_folder(folder.parent)
    if folder.exists() and not (folder / "upscaler.json").is_file():
        raise InputError(
            str(folder), "something else than an upscaler", "a new folder's name"
        )
    if folder.is_symlink():
        raise InputError(str(folder), "a link", "a folder of its own")
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(upscaler, aside)
        aside.chmod(0o755)
        put_in_place(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write(upscaler: Storable, folder: Path) -> None:
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
    write_index(folder, stored)


def write_index(folder: Path, stored: dict[str, Any]) -> None:
    """Write ``upscaler.json`` with the digests of all files and of its own content."""
    others = [p for p in sorted(folder.iterdir()) if p.suffix in (".ubj", ".csv")]
    kept = {name: value for name, value in stored.items() if name not in _DIGESTS}
    stored = json.loads(json.dumps(kept, allow_nan=False))  # as it will be read
    stored["sha256"] = {path.name: _digest(path.read_bytes()) for path in others}
    stored["sha256_of_this"] = _digest_of(stored)
    with replacing(folder / "upscaler.json") as made:
        made.write_text(json.dumps(stored, allow_nan=False), encoding="utf-8")


def read_index(folder: Path) -> dict[str, Any]:
    """Read ``upscaler.json`` and compare it and all files with their digests.

    A folder of an earlier version has no digests: its trees are parsed, and it gets
    its digests.

    Raises
    ------
    InputError
        Naming the file that is not what was saved.
    OSError
        If the system cannot read one now.
    """
    path = folder / "upscaler.json"
    stored = json.loads(_content(path).decode("utf-8"))
    if not isinstance(stored, dict):
        raise TypeError("no table of settings")
    if stored.get("format") != FORMAT:
        raise InputError(
            str(path),
            f"format {stored.get('format')}",
            f"format {FORMAT}",
            "It is of another version of the package: train again.",
        )
    if not any(name in stored for name in _DIGESTS):
        _try_trees(folder)
        if os.access(folder, os.W_OK):
            write_index(folder, stored)
        return stored
    kept = stored.pop("sha256_of_this", None)
    if kept != _digest_of(stored) or not isinstance(stored.get("sha256"), dict):
        raise InputError(str(path), "another content", _SAVED, _REPAIR)
    for name, digest in stored["sha256"].items():
        if Path(name).name != name:
            raise InputError(str(path), f"a file {name!r}", "names in its folder")
        if _digest(_content(folder / name)) != digest:
            raise InputError(str(folder / name), "another content", _SAVED, _REPAIR)
    for one in sorted(folder.glob("*.ubj")):
        if one.name not in stored["sha256"]:
            raise InputError(str(one), "a file without a digest", _SAVED, _REPAIR)
    return stored


def _try_trees(folder: Path) -> None:
    """Read the trees of an earlier version, which have no digests."""
    for path in sorted(folder.glob("*.ubj")):
        try:
            trees.from_bytes(_content(path))
        except InputError as exc:
            found = f"trees that cannot be read: {exc.found}"
            raise InputError(str(path), found, _SAVED, _REPAIR) from exc


def _content(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST_BYTES:
        raise InputError(
            str(path), "no file, or one beyond all measure", _SAVED, _REPAIR
        )
    return path.read_bytes()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest_of(stored: dict[str, Any]) -> str:
    return _digest(json.dumps(stored, sort_keys=True, allow_nan=False).encode())


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
