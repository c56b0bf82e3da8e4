"""From collected posteriors to maps of the parameters: covariates, training, maps.

What is written to ``upscaling/`` carries a stamp of everything it rests on: settings,
posteriors and cube. While the stamp fits, nothing is trained again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.collecting import collect
from jobs.errors import ConfigError, Problem
from jobs.files import replacing, sha256, sweep, write_text
from jobs.parameters import parameters, prior_bounds
from jobs.region import open_region
from jobs.regional_parameters import region_ids, upscaled_file
from jobs.regional_store import BLOCK_PIXELS
from jobs.run import Run
from jobs.states import FINISHED

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    import upscale

logger = logging.getLogger(__name__)

_PIXEL = {"long_name": "id of the cell on the global grid"}
_ENDS = {
    "default": "default of the parameter",
    "low": "lower bound of the prior",
    "high": "upper bound of the prior",
    "dissimilarity_limit": "dissimilarity where the area of applicability ends",
    "quality": "where the value comes from",
}
_KEPT_DRAWS = 400
_DRAWS = 5  # which stream of a run's chance draws maps


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
        Told of pixels whose covariates were computed.

    Raises
    ------
    ConfigError
        If no pixel has been calibrated.
    upscale.InputError
        If the pixels that pass quality control are too few to be split.
    """
    collect(run)
    posteriors = posterior_table(run)
    covariates = region_covariates(run, on_pixels)
    stamp = _stamp(run, posteriors, covariates)
    folder = run.folder.path / "upscaling"
    if _read_stamp(folder) == stamp:
        return _reopen(folder, covariates)
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


def posterior_table(run: Run) -> pd.DataFrame:
    """Return what quality control looks at.

    Returns
    -------
    pandas.DataFrame
        A row for each calibrated pixel and parameter: ``pixel``, ``parameter``,
        ``mean``, ``sd`` (its unit), ``r_hat``, ``at_bound`` (-1, 0, 1),
        ``surrogate_error`` and ``diso_<stream>`` in the calibration years.
    """
    import pandas as pd
    import zarr

    store: Any = zarr.open_group(run.folder.path / "posteriors.zarr", mode="r")
    names = list(prior_bounds(run.config))
    meanings = str(store["state"].attrs["flag_meanings"]).split()
    codes = [meanings.index(state) for state in FINISHED]
    done = np.isin(np.asarray(store["state"][:]), codes)
    if not done.any():
        raise ConfigError(
            Problem(
                str(run.folder.path / "posteriors.zarr"),
                "no pixel has been calibrated",
                hint=f"masm calibrate {run.folder.path}",
            )
        )
    ids = np.array([pixel.id for pixel in run.pixels], np.int64)[done]
    numbers = {
        name: np.asarray(store[name][:])[done].ravel()
        for name in ("mean", "sd", "r_hat", "at_bound")
    }
    errors = np.asarray(store["surrogate_rmse"][:])[done]
    per_pixel = {"surrogate_error": errors, **_disos(run, ids)}
    return pd.DataFrame(
        {
            "pixel": np.repeat(ids, len(names)),
            "parameter": np.tile(names, ids.size),
            **numbers,
            **{name: np.repeat(v, len(names)) for name, v in per_pixel.items()},
        }
    )


def posterior_draws(run: Run, pixels: Sequence[int]) -> xr.DataArray:
    """Return draws of collected posteriors, every so many of them.

    Returns
    -------
    xarray.DataArray (pixel, draw, parameter)
        Up to ``_KEPT_DRAWS`` of each pixel, in the parameters' units.
    """
    import xarray as xr
    import zarr

    store: Any = zarr.open_group(run.folder.path / "posteriors.zarr", mode="r")
    names = list(prior_bounds(run.config))
    rows = {pixel.id: row for row, pixel in enumerate(run.pixels)}
    wanted = np.array([rows[pixel] for pixel in pixels])
    values = []
    for name in names:
        found = np.asarray(store[name][:])[wanted]
        flat = found.reshape(len(wanted), -1)
        values.append(flat[:, :: -(-flat.shape[1] // _KEPT_DRAWS)])
    return xr.DataArray(
        np.stack(values, axis=-1).astype(np.float64),
        dims=("pixel", "draw", "parameter"),
        coords={"pixel": list(pixels), "parameter": names},
    )


def region_covariates(
    run: Run, on_pixels: Callable[[int], None] | None = None
) -> pd.DataFrame:
    """Return the covariates of every pixel of the mask, computed once.

    Weather is of all years of the run; LAI and GPP of the calibration years alone, so
    that the validation years stay unseen.

    Returns
    -------
    pandas.DataFrame (pixel, covariate)
        In the units of ``upscale.COVARIATES``; kept as ``upscaling/covariates.nc``.
    """
    import pandas as pd

    import upscale

    ids = region_ids(run)
    path = run.folder.path / "upscaling" / "covariates.nc"
    digest = hashlib.sha256(ids.tobytes() + _cube_digest(run).encode()).hexdigest()
    if path.exists():
        found = _read_covariates(path)
        if found.attrs.get("digest") == digest:
            return found
    cube, periods = open_region(run.cube), run.config.periods
    parts = []
    for first in range(0, ids.size, BLOCK_PIXELS):
        some = ids[first : first + BLOCK_PIXELS].tolist()
        parts.append(
            upscale.covariate_table(
                cube.forcing(some).sel(time=periods.whole.years),
                cube.observations(some).sel(time=periods.calibration.years),
                cube.static.sel(pixel=some),
            )
        )
        if on_pixels is not None:
            on_pixels(len(some))
    table = pd.concat(parts)
    _write_covariates(table, path, digest)
    return table


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

    rules, table = run.config.upscaling, parameters()
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
    names = list(prior_bounds(run.config))
    upscaler = upscale.train(
        chosen.mean,
        covariates,
        draws=posterior_draws(run, chosen.pixels.tolist()),
        bounds=prior_bounds(run.config),
        defaults={name: table[name].default for name in names},
        units={name: table[name].unit for name in names},
        seed=run.config.seed,
        rules=upscale.TrainingRules(
            n_folds=rules.folds,
            block_km=rules.block_km,
            n_candidates=rules.candidates,
            weighting=rules.weighting,
            intervals_for=rules.intervals_for,
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
    seed = int(np.random.default_rng([run.config.seed, _DRAWS]).integers(2**31))
    drawn = upscaler.draw(covariates, run.config.upscaling.draws, seed)
    stacked = drawn.to_dataarray("parameter", name="draw_value").to_dataset()
    stacked.attrs = drawn.attrs
    # Not in single precision: a draw at its bound would be rounded across it.
    _write(stacked, upscaled_file(run, "draws"))


def _write(data: xr.Dataset, path: Path) -> None:
    packing = {name: {"zlib": True, "complevel": 4} for name in data.data_vars}
    with replacing(path) as aside:
        data.to_netcdf(aside, engine="h5netcdf", encoding=packing)


def _reopen(folder: Path, covariates: pd.DataFrame) -> Upscaled:
    import pandas as pd

    import upscale

    return Upscaled(
        upscale.open_upscaler(folder / "model"),
        covariates,
        pd.read_csv(folder / "quality_control.csv"),
        pd.read_csv(folder / "training_pixels.csv", keep_default_na=False),
    )


def _disos(run: Run, ids: np.ndarray) -> dict[str, np.ndarray]:
    """DISO of the calibrated fit of each stream (pixel,), from the result files."""
    import h5py

    names = list(run.config.streams)
    found = {f"diso_{name}": np.full(ids.size, np.nan) for name in names}
    for row, pixel_id in enumerate(ids.tolist()):
        with h5py.File(run.folder.pixel(pixel_id).posterior, "r") as opened:
            if "fit" not in opened:
                continue
            group = opened["fit"]
            stages = [_text(one) for one in group["stage"][...]]
            streams = [_text(one) for one in group["stream"][...]]
            diso = np.asarray(group["diso"][...])
            for name in names:
                at = stages.index("calibrated"), streams.index(name)
                found[f"diso_{name}"][row] = diso[at]
    return found


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _cube_digest(run: Run) -> str:
    return sha256(run.cube / "checksums.json") + str(run.config.periods)


def _stamp(
    run: Run, posteriors: pd.DataFrame, covariates: pd.DataFrame
) -> dict[str, Any]:
    from upscale import storage

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
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _write_covariates(table: pd.DataFrame, path: Path, digest: str) -> None:
    import xarray as xr

    import upscale

    known = upscale.COVARIATES.set_index("name").to_dict()
    data = xr.Dataset(
        {
            name: (
                "pixel",
                table[name].to_numpy(),
                {
                    "units": known["unit"][name],
                    "long_name": known["meaning"][name],
                },
            )
            for name in table
        },
        {"pixel": ("pixel", table.index.to_numpy(), _PIXEL)},
        {"digest": digest},
    )
    _write(data, path)
    table.attrs["digest"] = digest


def _read_covariates(path: Path) -> pd.DataFrame:
    import xarray as xr

    with xr.open_dataset(path, engine="h5netcdf") as opened:
        data = opened.load()
    table = data.to_dataframe()
    table.attrs["digest"] = data.attrs.get("digest", "")
    return table
