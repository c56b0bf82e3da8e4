"""Draw what only a region has, from the files that its commands have left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.config.process_model import model_of, units_of
from jobs.errors import ConfigError
from jobs.figures import (
    fluxes as figures_fluxes,
)
from jobs.figures import (
    many_pixels as figures_many,
)
from jobs.figures import (
    maps as figures_maps,
)
from jobs.figures import (
    upscaling as figures_upscaling,
)
from jobs.files import lexists
from jobs.netcdf_files import read_netcdf
from jobs.report.results import Results
from jobs.run_tables import read_run_table

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from jobs.run.run import Run

_DAYS_PER_YEAR = 365.2425


def drawings_of_region(results: Results, title: str) -> Iterator[Callable[[], None]]:
    """Yield what draws Figures 5 to 12, but the towers, and the map of applicability.

    Parameters
    ----------
    results : Results
        Of a run on a region.
    title : str
        Says where the data come from.
    """
    draws: list[Callable[[Run, str], None]] = [_draw_upscaled, _draw_scores]
    if not results.unreadable:
        draws += [_draw_upscaled_maps, _draw_fluxes]  # places are in the cube
    for draw in draws:
        yield partial(draw, results.run, title)


def _draw_upscaled(run: Run, title: str) -> None:
    path = run.folder.path / "upscaling" / "model" / "points.csv"
    points = _table(path, ["parameter", "split"], ["calibrated", "predicted"])
    if points is not None:
        target = run.folder.figures / "fig05_upscaled.png"
        units = {n: row.unit for n, row in model_of(run.config).parameters.items()}
        figures_upscaling.draw_upscaled(points, target, title=title, units=units)


def _draw_scores(run: Run, title: str) -> None:
    path = run.folder.evaluation / "region_scores.csv"
    scores = _table(
        path,
        ["stream", "period", "parameters"],
        ["pixel", "latitude", "longitude", "r", "rmse", "ae", "diso"],
    )
    if scores is None:
        return
    figures = run.folder.figures
    sets = set(scores["parameters"])
    if {"calibrated", "upscaled"} <= sets:
        figures_upscaling.draw_upscaled_scores(
            scores,
            figures / "fig06_upscaled_scores.png",
            title=title,
            units=units_of(run.config),
        )
    if {"default", "upscaled"} <= sets:
        both = scores[scores["parameters"].isin(["default", "upscaled"])]
        figures_many.draw_score_distributions(
            both[both["period"] == "all"],
            figures / "fig08_region_scores.png",
            title=f"{title}, region, all years",
            units=dict(units_of(run.config)),
            after="upscaled",
        )
        figures_maps.draw_error_maps(
            scores, figures / "fig09_error_maps.png", title=title
        )


def _draw_upscaled_maps(run: Run, title: str) -> None:
    path = run.folder.path / "upscaling" / "parameters.nc"
    if not path.exists():
        return
    maps = read_netcdf(path)
    places, figures = _places(run), run.folder.figures
    figures_maps.draw_parameter_maps(
        maps, places, figures / "fig07_parameter_maps.png", title=title
    )
    figures_maps.draw_applicability(
        maps, places, figures / "applicability.png", title=title
    )


def _draw_fluxes(run: Run, title: str) -> None:
    import pandas as pd

    figures = run.folder.figures
    means, monthly = [], {}
    for name in ("default", "upscaled"):
        annual, monthly[name] = (
            _store(run, name, "annual"),
            _store(run, name, "monthly"),
        )
        if annual is not None:
            means.append(_mean_annual(annual).assign(parameters=name))
    if means:
        figures_maps.draw_flux_maps(
            pd.concat(means), figures / "fig11_flux_maps.png", title=title
        )
    path = run.folder.evaluation / "totals.csv"
    totals = _table(path, ["flux", "parameters", "year"], ["total", "low", "high"])
    before, after = monthly["default"], monthly["upscaled"]
    if totals is not None and before is not None and after is not None:
        weight = before["area"] * before["forest_fraction"].fillna(1.0)
        seasons = figures_fluxes.season_changes(before, after, weight)
        figures_fluxes.draw_years(
            totals, seasons, figures / "fig12_years.png", title=title
        )


def _mean_annual(annual: xr.Dataset) -> pd.DataFrame:
    """Return each pixel's mean over years, in g m-2 yr-1."""
    means = (annual[["gpp", "er", "nee"]].mean("time") * _DAYS_PER_YEAR).to_dataframe()
    renamed = means.reset_index().rename(
        columns={"lat": "latitude", "lon": "longitude"}
    )
    return renamed[["pixel", "latitude", "longitude", "gpp", "er", "nee"]]


def _places(run: Run) -> pd.DataFrame:
    """Return latitude and longitude of every pixel of the region's cube."""
    import pandas as pd

    from jobs.run.region_sample import open_region

    cells = open_region(run.cube).cells
    columns = {"latitude": cells.lat, "longitude": cells.lon}
    return pd.DataFrame(columns, index=pd.Index(cells.ids, name="pixel"))


def _store(run: Run, parameter_set: str, group: str) -> xr.Dataset | None:
    from jobs.stages.region_store import open_group

    try:
        return open_group(run, parameter_set, group).load()
    except ConfigError:
        return None


def _table(
    path: Path, columns: Sequence[str], numbers: Sequence[str]
) -> pd.DataFrame | None:
    return read_run_table(path, columns, numbers) if lexists(path) else None
