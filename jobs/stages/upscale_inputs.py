"""Posteriors and covariates of a run as the tables that upscaling takes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.errors import ConfigError, Problem
from jobs.files import sha256
from jobs.run.pixel_files import posterior_content
from jobs.run.region_sample import open_region
from jobs.run.run import Run
from jobs.stages.region_parameters import region_ids
from jobs.stages.region_store import BLOCK_PIXELS

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from landdata import Cube

from jobs.netcdf_files import _write, read_netcdf

_PIXEL = {"long_name": "id of the cell on the global grid"}


_KEPT_DRAWS = 400
_LEAST_MONTHS = 6  # with an observation, of a pixel that is mapped


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

    from jobs.stages.posterior_reader import Posteriors

    store = Posteriors(run)
    names = list(run.bounds)
    done = store.finished()
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
        name: store.values(name)[done].ravel()
        for name in ("mean", "sd", "r_hat", "at_bound")
    }
    errors = store.values("surrogate_rmse")[done]
    per_pixel = {"surrogate_error": errors, **_disos(run, ids)}
    return pd.DataFrame(
        {
            "pixel": np.repeat(ids, len(names)),
            "parameter": np.tile(names, ids.size),
            **numbers,
            **{name: np.repeat(v, len(names)) for name, v in per_pixel.items()},
        }
    )


def posterior_draws(run: Run, pixels: Sequence[int]) -> xr.DataArray | None:
    """Return draws of collected posteriors, every so many of them.

    The store is padded with NaN where a sampler has fewer chains or draws than there
    is room for: what is padded is left out. A pixel with fewer draws than another has
    each of them about equally often.

    Returns
    -------
    xarray.DataArray (pixel, draw, parameter) or None
        Up to ``_KEPT_DRAWS`` of each pixel, in the parameters' units. None where the
        method gives one best point of each pixel and no posterior.

    Raises
    ------
    ConfigError
        If a pixel has no draw at all.
    """
    import xarray as xr

    from jobs.stages.posterior_reader import Posteriors

    store = Posteriors(run)
    names = list(run.bounds)
    rows = {pixel.id: row for row, pixel in enumerate(run.pixels)}
    wanted = np.array([rows[pixel] for pixel in pixels])
    stored = np.stack([store.values(name)[wanted] for name in names], axis=-1)
    flat = stored.reshape(len(wanted), -1, len(names))
    found = [one[np.isfinite(one).all(axis=1)] for one in flat]
    for pixel, draws in zip(pixels, found, strict=True):
        if not len(draws):
            raise ConfigError(
                Problem(
                    str(run.folder.path / "posteriors.zarr"),
                    f"pixel {pixel} has no draw of its parameters",
                    wanted="finite numbers",
                    hint=f"masm retry {run.folder.path} --pixel {pixel}",
                )
            )
    if max(map(len, found)) == 1:
        return None
    kept = [draws[:: -(-len(draws) // _KEPT_DRAWS)] for draws in found]
    n = max(map(len, kept))
    return xr.DataArray(
        np.stack([one[np.arange(n) * len(one) // n] for one in kept]).astype(float),
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
                _climate(cube, some).sel(time=periods.whole.years),
                cube.observations(some).sel(time=periods.calibration.years),
                cube.static.sel(pixel=some),
                least_months=_LEAST_MONTHS,
            )
        )
        if on_pixels is not None:
            on_pixels(len(some))
    table = pd.concat(parts)
    _write_covariates(table, path, digest)
    return table


def _climate(cube: Cube, ids: list[int]) -> xr.Dataset:
    """Weather of some pixels; light and dryness as measured, where they were."""
    from landdata import shortwave_of, vapour_pressure_deficit_of

    found = cube.forcing(ids)
    for name, complete in (
        ("shortwave", shortwave_of),
        ("vpd", vapour_pressure_deficit_of),
    ):
        if name in found:  # it may have gaps
            found[name] = (found[name].dims, complete(found), found[name].attrs)
    return found


def _disos(run: Run, ids: np.ndarray) -> dict[str, np.ndarray]:
    """DISO of the calibrated fit of each stream (pixel,), from the result files."""
    import h5py

    from masm.hdf5_files import plain_stream

    names = list(run.config.streams)
    found = {f"diso_{name}": np.full(ids.size, np.nan) for name in names}
    for row, pixel_id in enumerate(ids.tolist()):
        content = posterior_content(run.folder.pixel(pixel_id))
        with h5py.File(plain_stream(content), "r") as opened:
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
    return (
        sha256(run.cube / "checksums.json")
        + str(run.config.periods)
        + f" {_LEAST_MONTHS}"
    )


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
    data = read_netcdf(path)
    table = data.to_dataframe()
    table.attrs["digest"] = data.attrs.get("digest", "")
    return table
