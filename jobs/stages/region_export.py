"""What others can open: GeoTIFFs with STAC records, CF fluxes, a table of samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.process_model import model_of
from jobs.files import replacing, sweep
from jobs.netcdf_files import read_netcdf, write_netcdf
from jobs.run.region_sample import open_region
from jobs.run.run import Run
from jobs.run_tables import read_run_table
from jobs.stages.region_evaluate import simulated_sets
from jobs.stages.region_store import FLUXES, flux_attrs, open_group
from jobs.stages.upscale import Upscaled, open_upscaled

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

EXPORTED = {"annual": "annual", "monthly": "monthly"}
_SAMPLE_COLUMNS = ("mean", "sd", "r_hat", "at_bound")


def export_region(run: Run) -> Iterator[Path]:
    """Write ``maps/`` and yield each file as it is there.

    Raises
    ------
    ConfigError
        If the region has not been upscaled.
    """
    found = open_upscaled(run)
    folder = run.folder.path / "maps"
    sweep(folder)
    others: list[Path] = []

    def written() -> Iterator[Path]:
        for path in _tables_and_fluxes(run, found, folder):
            others.append(path)
            yield path

    # The collection, written last, names all files: it is what draws the others.
    yield from _parameter_maps(run, found, folder, written())
    yield from others


def _tables_and_fluxes(run: Run, found: Upscaled, folder: Path) -> Iterator[Path]:
    yield _samples(run, found, folder)
    for name in _mapped_sets(run):
        for group in EXPORTED:
            path = folder / f"fluxes_{name}_{group}.nc"
            _write_netcdf(flux_grid(run, name, group), path)
            yield path


def files_to_export(run: Run) -> int:
    """Return how many files `export_region` yields: maps, samples, fluxes."""
    n_sets = len(_mapped_sets(run))
    return len(run.bounds) + 2 + len(EXPORTED) * n_sets


def flux_grid(run: Run, parameter_set: str, group: str) -> xr.Dataset:
    """Lay a regional run out on its grid, after CF.

    Returns
    -------
    xarray.Dataset
        Over (time, lat, lon), float32, NaN outside of the region: lai, gpp, er, nee,
        with bounds of all three axes, ``crs`` (WGS 84) and ``cell_area`` [m2].
    """
    import xarray as xr

    cube = open_region(run.cube)
    stored = open_group(run, parameter_set, group).load()
    model = model_of(run.config).title
    grid = cube.grid
    static = cube.static.sel(pixel=stored["pixel"].to_numpy())
    step = float(abs(grid.lat[1] - grid.lat[0])) if len(grid.lat) > 1 else 0.05
    rows = np.rint((grid.lat[0] - static["lat"].to_numpy()) / step).astype(int)
    columns = np.rint((static["lon"].to_numpy() - grid.lon[0]) / step).astype(int)
    shape = (stored.sizes["time"], *grid.shape)
    data: dict[str, Any] = {}
    for name in FLUXES:
        values = np.full(shape, np.nan, np.float32)
        values[:, rows, columns] = stored[name].transpose("time", "pixel").to_numpy()
        data[name] = (
            ("time", "lat", "lon"),
            values,
            {
                **flux_attrs(name),
                "cell_methods": "time: mean area: mean where vegetation",
                "grid_mapping": "crs",
                "cell_measures": "area: cell_area",
                **({"positive": "up"} if name == "nee" else {}),
            },
        )
    area = np.full(grid.shape, np.nan)
    area[rows, columns] = static["area"].to_numpy()
    data["cell_area"] = (
        ("lat", "lon"),
        area,
        {"units": "m2", "standard_name": "cell_area", "grid_mapping": "crs",
         "long_name": "area of the cell on the WGS 84 ellipsoid"},
    )  # fmt: skip
    data["crs"] = ((), np.int32(0), _wgs84())
    half = step / 2
    for name, middle in (("lat", grid.lat), ("lon", grid.lon)):
        edges = np.stack([middle - half, middle + half], axis=1)
        data[f"{name}_bounds"] = ((name, "bound"), edges)
    data["time_bounds"] = (("time", "bound"), stored["time_bounds"].to_numpy())
    coords = {
        "time": ("time", stored["time"].to_numpy(),
                 {"standard_name": "time", "axis": "T", "bounds": "time_bounds"}),
        "lat": ("lat", grid.lat, {"units": "degrees_north", "axis": "Y",
                "standard_name": "latitude", "bounds": "lat_bounds"}),
        "lon": ("lon", grid.lon, {"units": "degrees_east", "axis": "X",
                "standard_name": "longitude", "bounds": "lon_bounds"}),
    }  # fmt: skip
    attrs = {
        "title": stored.attrs["title"],
        "Conventions": "CF-1.11",
        "institution": "not stated",
        "source": f"{model} run by masm; parameters: {parameter_set}",
        "history": "written by masm export",
        "references": "Ma et al. (2022)",
        "comment": "GPP, ER and NEE as mass of carbon; NEE is positive for release.",
    }
    return xr.Dataset(data, coords, attrs)


def sample_table(run: Run, found: Upscaled) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the calibrated pixels with all that is known of them, and the units.

    Returns
    -------
    table : pandas.DataFrame (pixel)
        Place, whether it was trained on, posterior summaries, DISO, covariates.
    units : dict
        Of each column that has one.
    """
    import pandas as pd

    long = read_run_table(run.folder.path / "upscaling" / "posteriors.csv")
    wide = long.pivot(index="pixel", columns="parameter", values=list(_SAMPLE_COLUMNS))
    wide.columns = pd.Index([f"{pair[1]}_{pair[0]}" for pair in wide.columns])
    once = long.drop_duplicates("pixel").set_index("pixel")
    others = [name for name in once if str(name).startswith(("diso_", "surrogate"))]
    kept = found.kept.set_index("pixel")["reason"]
    table = once[others].join(wide).join(found.covariates.loc[once.index])
    table.insert(0, "rejected_because", kept.reindex(table.index))
    units = _covariate_units(found.covariates)
    table_of_parameters = model_of(run.config).parameters
    for name in run.bounds:
        for kind in ("mean", "sd"):
            units[f"{name}_{kind}"] = table_of_parameters[name].unit
    return table, units


def _mapped_sets(run: Run) -> list[str]:
    """Return the sets of the whole region: the calibrated one has no map."""
    return [name for name in simulated_sets(run) if name != "calibrated"]


def _parameter_maps(
    run: Run, found: Upscaled, folder: Path, others: Iterable[Path]
) -> list[Path]:
    import pandas as pd

    import upscale
    from jobs.stages.region_parameters import upscaled_file

    known = model_of(run.config).parameters
    with read_netcdf(upscaled_file(run, "parameters")) as opened:
        prediction = opened.load()
    trained = found.kept["reason"] == ""
    status = upscale.status_of(
        prediction,
        calibrated=pd.Index(found.kept.loc[trained, "pixel"]),
        rejected=pd.Index(found.kept.loc[~trained, "pixel"]),
    )
    years = run.config.periods.calibration.years
    tags = {"run": run.config.name}
    if open_region(run.cube).synthetic:
        tags["comment"] = "SYNTHETIC region: generated, not observed"
    return upscale.write_maps(
        folder,
        prediction,
        found.covariates[["latitude", "longitude"]],
        period=(years.start, years.stop),
        status=status,
        tags=tags,
        meanings={name: row.description for name, row in known.items()},
        others=others,
    )


def _samples(run: Run, found: Upscaled, folder: Path) -> Path:
    import upscale

    table, units = sample_table(run, found)
    path = folder / "samples.parquet"
    upscale.write_samples(path, table, units)
    return path


def _covariate_units(covariates: pd.DataFrame) -> dict[str, str]:
    import upscale

    known = upscale.COVARIATES.set_index("name")["unit"].to_dict()
    return {str(name): str(known[name]) for name in covariates}


def _wgs84() -> dict[str, Any]:
    return {
        "grid_mapping_name": "latitude_longitude",
        "longitude_of_prime_meridian": 0.0,
        "semi_major_axis": 6378137.0,
        "inverse_flattening": 298.257223563,
    }


def _write_netcdf(data: xr.Dataset, path: Path) -> None:
    since = {"units": "days since 1970-01-01", "calendar": "standard",
             "dtype": "f8", "_FillValue": None}  # fmt: skip
    packing: dict[str, dict[str, Any]] = {
        name: {"zlib": True, "complevel": 4, "_FillValue": np.float32(np.nan)}
        for name in FLUXES
    }
    packing |= {
        "time": since,
        "time_bounds": since,
        "cell_area": {"_FillValue": np.nan},
    }
    for name in ("lat", "lon", "lat_bounds", "lon_bounds", "crs"):
        packing[name] = {"_FillValue": None}
    with replacing(path) as aside:
        write_netcdf(data, aside, encoding=packing)
