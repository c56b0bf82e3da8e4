"""From collected posteriors to maps of the parameters: covariates, training, maps.

What is written to ``upscaling/`` carries a stamp of everything it rests on: settings,
posteriors and cube. While the stamp fits, nothing is trained again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.process_model import model_of
from jobs.errors import ConfigError, Problem
from jobs.files import OddFile, read_json, replacing, sweep, write_text
from jobs.netcdf_files import _write
from jobs.run.run import Run
from jobs.run.seeds import RunStream, run_generator
from jobs.run_tables import read_run_table
from jobs.stages.collect import collect
from jobs.stages.region_parameters import upscaled_file
from jobs.stages.upscale_inputs import (
    _PIXEL,
    _read_covariates,
    posterior_draws,
    posterior_table,
    region_covariates,
)

if TYPE_CHECKING:
    import pandas as pd

    import upscale

logger = logging.getLogger(__name__)

_ENDS = {
    "default": "default of the parameter",
    "low": "lower bound of the prior",
    "high": "upper bound of the prior",
    "dissimilarity_limit": "dissimilarity where the area of applicability ends",
    "quality": "where the value comes from",
}


@dataclass(frozen=True, eq=False)
class Upscaled:
    """What upscaling gave.

    Attributes
    ----------
    upscaler : upscale.Upscaler
        Trained.
    covariates : pandas.DataFrame (pixel, covariate)
        Of every pixel of the mask.
    counts : pandas.DataFrame
        Pixels that quality control dropped, by reason, and kept.
    kept : pandas.DataFrame
        Calibrated pixels: ``pixel``, ``reason`` (empty where it was trained on).
    """

    upscaler: upscale.Upscaler
    covariates: pd.DataFrame
    counts: pd.DataFrame
    kept: pd.DataFrame


def upscale_region(run: Run, on_pixels: Callable[[int], None]) -> Upscaled:
    """Train on the pixels calibrated so far, validate, and map every pixel.

    Parameters
    ----------
    run : Run
        A started run of a region.
    on_pixels : callable
        Called for pixels whose covariates were computed.

    Raises
    ------
    ConfigError
        If no pixel has been calibrated.
    upscale.InputError
        If the pixels that pass quality control are too few to be split.
    """
    from upscale.export.geotiff import require_projections

    require_projections()  # the maps need them, hours from now
    collect(run)
    posteriors = posterior_table(run)
    covariates = region_covariates(run, on_pixels)
    stamp = _stamp(run, posteriors, covariates)
    folder = run.folder.path / "upscaling"
    if _read_stamp(folder) == stamp:
        try:
            return _reopen(folder, covariates)
        except (FileNotFoundError, OddFile) as exc:
            logger.warning("%s: upscaling is done again", exc)
    (folder / "stamp.json").unlink(missing_ok=True)
    sweep(folder)
    chosen, upscaler = _train(run, posteriors, covariates)
    upscaler.save(folder / "model")
    counts = chosen.counts.reset_index()
    kept = chosen.reasons.rename_axis("pixel").reset_index()
    for name, table in (
        ("posteriors", posteriors),
        ("quality_control", counts),
        ("training_pixels", kept),
        ("skill", skill_table(upscaler)),
        ("validation", upscaler.validation),
        ("importance", upscaler.importance),
    ):
        with replacing(folder / f"{name}.csv") as aside:
            table.to_csv(aside, index=False, float_format="%.9g")
    _write_maps(run, upscaler, covariates)
    write_text(folder / "stamp.json", json.dumps(stamp, indent=1) + "\n")
    return _reopen(folder, covariates)


def open_upscaled(run: Run) -> Upscaled:
    """Open what ``upscale_region`` left.

    Raises
    ------
    ConfigError
        If it left nothing yet.
    """
    folder = run.folder.path / "upscaling"
    if not _read_stamp(folder):
        raise ConfigError(
            Problem(
                str(folder),
                "the region has not been upscaled",
                hint=f"masm upscale {run.folder.path}",
            )
        )
    return _reopen(folder, _read_covariates(folder / "covariates.nc"))


def skill_table(upscaler: upscale.Upscaler) -> pd.DataFrame:
    """Skill of each parameter's map beside simpler maps, on unseen pixels.

    Returns
    -------
    pandas.DataFrame
        A row for each parameter: ``upscaled`` (or the region's mean), R2 on the random
        test pixels and on held-out blocks, R2 on the blocks of the default value, the
        nearest calibrated pixel and kriging (the region's mean is 0 by definition of
        R2, but for block means), and the ``coverage`` of the 90 % interval on the test
        pixels and on the blocks: of what ``upscaling.intervals_for`` asks it to hold,
        and on the blocks also ``calibrated`` values (posterior means) and draws of the
        ``posterior``. All of unit 1.
    """
    import pandas as pd

    scores = upscaler.validation.set_index(["parameter", "split", "method"]).to_dict()

    def of(name: str, split: str, method: str, column: str = "r2") -> float:
        return scores[column].get((name, split, method), np.nan)

    rows = []
    for name in upscaler.names:
        rows.append(
            {
                "parameter": name,
                "upscaled": upscaler[name].upscaled,
                "r2_random": of(name, "random", "upscaled"),
                "r2_blocked": of(name, "blocked", "upscaled"),
                **{
                    f"r2_{method}": of(name, "blocked", method)
                    for method in ("default", "region_mean", "nearest_pixel", "kriging")
                },
                "coverage_random": of(name, "random", "upscaled", "coverage"),
                "coverage_blocked": of(name, "blocked", "upscaled", "coverage"),
                **{
                    f"coverage_{what}": of(
                        name, "blocked", "upscaled", f"coverage_{what}"
                    )
                    for what in ("calibrated", "posterior")
                },
            }
        )
    return pd.DataFrame(rows)


def _train(
    run: Run, posteriors: pd.DataFrame, covariates: pd.DataFrame
) -> tuple[upscale.Selection, upscale.Upscaler]:
    import upscale

    rules, table = run.config.upscaling, model_of(run.config).parameters
    streams = run.config.streams if rules.max_diso is not None else ()
    chosen = upscale.select_training(
        posteriors,
        upscale.SelectionRules(
            max_diso={name: float(rules.max_diso or np.inf) for name in streams},
            max_r_hat=rules.max_r_hat,
            max_surrogate_error=rules.max_surrogate_error,
            at_bound=rules.at_bound,
        ),
    )
    names = list(run.bounds)
    draws = posterior_draws(run, chosen.pixels.tolist())
    if draws is None:
        logger.warning(
            "the method gives one point of each pixel and no posterior: intervals of "
            "the maps are of such points, and lack the spread of posteriors"
        )
    upscaler = upscale.train(
        chosen.mean,
        covariates,
        draws=draws,
        bounds=run.bounds,
        defaults={name: table[name].default for name in names},
        units={name: table[name].unit for name in names},
        seed=run.config.seed,
        rules=upscale.TrainingRules(
            n_folds=rules.folds,
            block_km=rules.block_km,
            n_candidates=rules.candidates,
            weighting="none" if draws is None else rules.weighting,
            intervals_for="calibrated" if draws is None else rules.intervals_for,
            least_pixels=rules.least_pixels,
        ),
        n_jobs=run.config.execution.workers,
    )
    return chosen, upscaler


def _write_maps(run: Run, upscaler: upscale.Upscaler, covariates: pd.DataFrame) -> None:
    prediction = upscaler.predict(covariates)
    prediction.attrs["title"] = f"{run.config.name}: upscaled parameters"
    prediction["pixel"].attrs = dict(_PIXEL)
    for name, meaning in _ENDS.items():
        prediction[name].attrs.setdefault("long_name", meaning)
    _write(prediction, upscaled_file(run, "parameters"))
    seed = int(run_generator(run.config.seed, RunStream.MAP_DRAWS).integers(2**31))
    drawn = upscaler.draw(covariates, run.config.upscaling.draws, seed)
    stacked = drawn.to_dataarray("parameter", name="draw_value").to_dataset()
    stacked.attrs = drawn.attrs
    # Not in single precision: a draw at its bound would be rounded across it.
    _write(stacked, upscaled_file(run, "draws"))


def _reopen(folder: Path, covariates: pd.DataFrame) -> Upscaled:
    import upscale

    return Upscaled(
        upscale.open_upscaler(folder / "model"),
        covariates,
        read_run_table(folder / "quality_control.csv"),
        read_run_table(
            folder / "training_pixels.csv", ["pixel", "reason"], keep_default_na=False
        ),
    )


def _stamp(
    run: Run, posteriors: pd.DataFrame, covariates: pd.DataFrame
) -> dict[str, Any]:
    from upscale.prediction import storage

    whole = hashlib.sha256(str(covariates.attrs["digest"]).encode())
    numbers = posteriors.drop(columns="parameter").to_numpy(np.float64)
    whole.update(np.ascontiguousarray(numbers).tobytes())
    whole.update("\n".join(posteriors["parameter"]).encode())
    return {
        "format": storage.FORMAT,
        "inputs": whole.hexdigest()[:16],
        "settings": run.config.upscaling.model_dump(mode="json"),
        "seed": run.config.seed,
    }


def _read_stamp(folder: Path) -> dict[str, Any]:
    path = folder / "stamp.json"
    try:
        stamp = read_json(path)
    except (FileNotFoundError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}
