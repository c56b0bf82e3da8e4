"""Modelled fluxes against eddy-covariance towers, as Fig. 10 of the paper.

For each tower, year by year and over all years, and for the whole year, the growing
season (May to September; November to March south of the equator) and the rest: the
DISO of modelled GPP, ER and NEE against the tower, before and after; of modelled GPP
against the satellite product; and of the product itself against the tower, without
which the others cannot be read.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jobs.errors import ConfigError, Problem
from jobs.files import replacing
from jobs.run.region_sample import open_region
from jobs.run.run import Run
from jobs.spreadsheets import safe_texts
from jobs.stages.flux_sites_pixels import pixel_at, pixel_fluxes, product_gpp
from jobs.stages.region_store import WINDOWS, open_group

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from landdata.errors import InputError

logger = logging.getLogger(__name__)

FLUXES = ("gpp", "er", "nee")
GROWING = (5, 6, 7, 8, 9)
GROWING_SOUTH = (11, 12, 1, 2, 3)
SEASONS = ("all", "growing", "non-growing")
_COLUMNS = ("site", "latitude", "longitude", "file")
_FEW = 3  # values below which a score says nothing


@dataclass(frozen=True)
class Tower:
    """A row of ``sites.csv``."""

    site: str
    latitude: float
    longitude: float
    path: Path


def read_sites(folder: Path) -> list[Tower]:
    """Read ``sites.csv`` of a folder of tower files.

    A row that cannot be used is left out, with a warning.

    Raises
    ------
    ConfigError
        Naming line and column of what cannot be used, if no row can be.
    """
    path = folder / "sites.csv"
    if not path.is_file():
        raise ConfigError(
            Problem(
                str(path),
                "--flux-sites",
                found="no such file",
                wanted=f"a table of towers with columns {', '.join(_COLUMNS)}; file is "
                "a FLUXNET2015, AmeriFlux BASE or plain daily table beside it",
            )
        )
    text = _sites_text(path)
    first = text.partition("\n")[0]
    # Where a comma is the decimal sign, spreadsheets put semicolons between cells.
    mark = next((one for one in ";\t" if one in first and "," not in first), ",")
    reader = csv.DictReader(text.splitlines(), delimiter=mark)
    header = [(name or "").strip().lower() for name in reader.fieldnames or []]
    missing = [name for name in _COLUMNS if name not in header]
    if missing:
        raise ConfigError(
            Problem(
                f"{path}:1",
                f"no column {missing[0]}",
                found=", ".join(header),
                wanted=", ".join(_COLUMNS),
            )
        )
    reader.fieldnames = header
    towers: list[Tower] = []
    problems: list[Problem] = []
    for row in reader:
        try:
            towers.append(_tower(row, folder, f"{path}:{reader.line_num}"))
        except ConfigError as exc:
            problems += exc.problems
    if problems and not towers:
        raise ConfigError(problems)
    for problem in problems:
        logger.warning("left out: %s", problem)
    return towers


def _sites_text(path: Path) -> str:
    """Text as spreadsheets save it: with a mark first, or in Windows' own letters."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        logger.warning("%s is no UTF-8: read as Windows text (cp1252)", path)
        return path.read_text(encoding="cp1252", errors="replace")


def score_sites(run: Run, folder: Path, sets: Sequence[str]) -> pd.DataFrame:
    """Score the towers that lie in the run's pixels, and write ``flux_sites.csv``.

    Parameters
    ----------
    run : Run
        Of a region, of a table of pixels or of a site.
    folder : Path
        With ``sites.csv``.
    sets : sequence of str
        Parameter sets; the first is the one that ``improved`` is against.

    Returns
    -------
    pandas.DataFrame
        A row for each site, season, year (or ``all``), flux and ``compared``
        (``model/tower``, ``model/product`` and ``product/tower``): ``n`` values,
        ``step`` (8day or monthly), ``diso_<set>``, and ``improved_<set>``, the fall of
        DISO as a fraction of that of the first set (delta DISO of the paper). Empty
        where no tower lies in a pixel. ``attrs["left_out"]`` has the towers whose file
        could not be used, each with the reason; so has ``flux_sites_left_out.csv``.

    Raises
    ------
    ConfigError
        If no tower's file can be used.
    """
    import pandas as pd

    from landdata.errors import InputError

    rows: list[dict[str, Any]] = []
    towers, left_out = read_sites(folder), {}
    for tower in towers:
        try:
            rows += list(_score_tower(run, tower, sets))
        except InputError as exc:
            # One tower of many shall not stop the others.
            if len(towers) == 1:
                raise
            left_out[tower.site] = exc
            logger.warning("%s left out: %s", tower.site, exc)
    if len(left_out) == len(towers) > 0:
        raise ConfigError(_problem(exc) for exc in left_out.values())
    table = pd.DataFrame(rows)
    for name in sets[1:]:
        if len(table):
            before = table[f"diso_{sets[0]}"]
            table[f"improved_{name}"] = (before - table[f"diso_{name}"]) / before
    with replacing(run.folder.evaluation / "flux_sites.csv") as aside:
        safe_texts(table).to_csv(aside, index=False, float_format="%.6g")
    reasons = {site: str(exc) for site, exc in left_out.items()}
    beside = run.folder.evaluation / "flux_sites_left_out.csv"
    beside.unlink(missing_ok=True)
    if reasons:
        with replacing(beside) as aside:
            left = pd.DataFrame({"reason": reasons})
            safe_texts(left).to_csv(aside, index_label="site")
    table.attrs["left_out"] = reasons
    return table


def _problem(exc: InputError) -> Problem:
    return Problem("", exc.where, exc.found or "", exc.wanted or "", exc.hint or "")


def _score_tower(
    run: Run, tower: Tower, sets: Sequence[str]
) -> Iterator[dict[str, Any]]:
    observed = through_gate(read_tower_file(tower.path), tower)
    group = "monthly" if _is_monthly(observed) else "8day"
    modelled = _modelled(run, tower, sets, group)
    if modelled is None:
        logger.warning(
            "%s lies in no simulated pixel: left out%s", tower.site, _mirror(run, tower)
        )
        return
    pixel, models, product = modelled
    time = models[sets[0]]["time"].to_numpy()
    seen = {
        name: _onto(observed[name], time, WINDOWS[group])
        for name in FLUXES
        if name in observed
    }
    months = "May to September" if tower.latitude >= 0.0 else "November to March"
    for label, inside in _subsets(time, tower.latitude):
        head = {"site": tower.site, "pixel": pixel, "step": group, **label}
        head["growing_months"] = months
        for flux, values in seen.items():
            yield from _row(head, flux, "model/tower", models, values, inside)
        if product is not None:
            yield from _row(head, "gpp", "model/product", models, product, inside)
            if "gpp" in seen:
                fixed = dict.fromkeys(sets, product)
                yield from _row(
                    head, "gpp", "product/tower", fixed, seen["gpp"], inside
                )


def _mirror(run: Run, tower: Tower) -> str:
    """Ask for the sign where a pixel is at the latitude's mirror image."""
    if run.config.pixels.source == "region":
        return ""
    other = pixel_at(run, -tower.latitude, tower.longitude)
    return "" if other is None else f"; is {tower.latitude:g} north of the wrong sign?"


def _modelled(
    run: Run, tower: Tower, sets: Sequence[str], group: str
) -> tuple[int, dict[str, Any], NDArray[np.float64] | None] | None:
    """Return a tower's pixel, its modelled fluxes and the product's GPP there."""
    product: NDArray[np.float64] | None = None
    if run.source.is_region:
        from landdata import cell_at

        cell = cell_at(tower.latitude, tower.longitude)
        models: dict[str, Any] = {}
        for name in sets:
            opened = open_group(run, name, group)
            if cell not in opened["pixel"].to_numpy():
                return None
            models[name] = opened.sel(pixel=cell).load()
        time = models[sets[0]]["time"].to_numpy()
        return cell, models, _product(run, cell, time, WINDOWS[group])
    pixel = pixel_at(run, tower.latitude, tower.longitude)
    if pixel is None:
        return None
    models = dict(pixel_fluxes(run, pixel, sets, WINDOWS[group], FLUXES))
    if group == "8day":
        product = product_gpp(run, pixel, models[sets[0]]["time"].to_numpy())
    return pixel.id, models, product


def _row(
    head: dict[str, Any],
    flux: str,
    compared: str,
    models: dict[str, Any],
    against: NDArray[np.float64],
    inside: NDArray[np.bool_],
) -> Iterator[dict[str, Any]]:
    from masm.results.scores import scores

    found = {}
    for name, model in models.items():
        values = model[flux].to_numpy() if hasattr(model, "data_vars") else model
        found[name] = scores(values[inside], against[inside])
    n = next(iter(found.values()))["n"]
    if n >= _FEW:
        disos = {f"diso_{name}": one["diso"] for name, one in found.items()}
        yield {**head, "flux": flux, "compared": compared, "n": n, **disos}


def _subsets(
    time: NDArray[np.datetime64], latitude: float
) -> Iterator[tuple[dict[str, str], NDArray[np.bool_]]]:
    """Every season of every year and of all years, by the hemisphere's months.

    Of a year south of the equator these are its first three and last two months.
    """
    years = time.astype("datetime64[Y]").astype(int) + 1970
    month = time.astype("datetime64[M]").astype(int) % 12 + 1
    growing = np.isin(month, GROWING if latitude >= 0.0 else GROWING_SOUTH)
    seasons = {
        "all": np.ones_like(growing),
        "growing": growing,
        "non-growing": ~growing,
    }
    for season in SEASONS:
        yield {"season": season, "year": "all"}, seasons[season]
        for year in np.unique(years).tolist():
            label = {"season": season, "year": str(year)}
            yield label, seasons[season] & (years == year)


def read_tower_file(path: Path) -> xr.Dataset:
    """Read a tower's fluxes, by what the file's first line says that it is.

    Weather is not needed here, so it is neither asked for nor checked.

    Parameters
    ----------
    path : Path
        AmeriFlux BASE, FLUXNET2015 or AmeriFlux FLUXNET (half-hourly to monthly), or a
        plain daily table (``landdata.read_tower``).

    Returns
    -------
    xarray.Dataset (time)
        Of those it has: gpp, er, nee, g m-2 d-1 of carbon.

    Raises
    ------
    InputError
        If the file has none of them, or what it has cannot be.
    """
    from landdata.sites.fluxnet import daily_means, is_fluxnet_header

    with path.open(encoding="utf-8-sig", errors="replace") as opened:
        first = opened.readline()
    if first.startswith("#"):  # "# Site: US-Ha1", then "# Version: ..."
        from landdata.sites.ameriflux import read_ameriflux_base

        return read_ameriflux_base(path, variables=FLUXES)
    # FLUXNET2015 and AmeriFlux FLUXNET files share their columns, not their names.
    if is_fluxnet_header(first):
        from landdata import read_fluxnet

        return daily_means(read_fluxnet(path, variables=FLUXES))
    from landdata import read_tower

    return read_tower(path, variables=FLUXES)


def through_gate(observed: xr.Dataset, tower: Tower) -> xr.Dataset:
    """Pass a tower's fluxes through the gate that observations pass.

    Raises
    ------
    masm.InputError
        Naming file, flux, date and value.
    ConfigError
        If it is not known how long a value stands for.
    """
    from masm.observations.dataset import streams_from_dataset
    from masm.observations.doubts import say_doubts

    names = [
        name
        for name in FLUXES
        if name in observed and bool(np.isfinite(observed[name].to_numpy()).any())
    ]
    if not names:
        return observed
    streams = streams_from_dataset(
        observed[names], variance=1.0, names=names, source=str(tower.path)
    )
    say_doubts(streams)
    for name, stream in streams.items():
        if not stream.settled or stream.windows not in ("8-day", "month"):
            raise ConfigError(
                Problem(
                    str(tower.path),
                    name,
                    found=f"dates such as {observed['time'].to_numpy()[:3]}",
                    wanted="values of every day, of 8-day composites or of months",
                )
            )
    return observed


def _is_monthly(observed: xr.Dataset) -> bool:
    from masm.observations.intervals import interval_of

    names = [name for name in FLUXES if name in observed]
    time = observed["time"].to_numpy()
    valid = np.zeros(time.size, bool)
    for name in names:
        valid |= np.isfinite(observed[name].to_numpy())
    found = interval_of(time, valid, observed[names[0]] if names else None, observed)
    return found.kind == "month"


def _onto(
    series: xr.DataArray, time: NDArray[np.datetime64], windows: str
) -> NDArray[np.float64]:
    """Means over windows (window,), NaN where less than half of the days are there."""
    from masm.observations.windows import window_means, window_starts

    step = 30.0 if windows == "month" and _monthly_stamps(series) else None
    mean, keys, _ = window_means(
        series.to_numpy(), series["time"].to_numpy(), windows, 0.5, step_days=step
    )
    starts = window_starts(keys, windows).astype(time.dtype)
    found = np.full(time.size, np.nan)
    _, at, of = np.intersect1d(time, starts, return_indices=True)
    found[at] = mean[of]
    return found


def _monthly_stamps(series: xr.DataArray) -> bool:
    """Whether there is one value a month, stamped anywhere in it."""
    months = series["time"].to_numpy().astype("datetime64[M]")
    return bool(np.unique(months).size == months.size)


def _product(
    run: Run, pixel: int, time: NDArray[np.datetime64], windows: str
) -> NDArray[np.float64] | None:
    """The cube's GPP over windows; months from the days of its 8-day means."""
    import xarray as xr

    observed = open_region(run.cube).observations([pixel]).isel(pixel=0)
    if "gpp" not in observed:
        return None
    series = observed["gpp"].load()
    if windows != "month":
        return series.reindex(time=time).to_numpy().astype(float)
    starts = series["time"].to_numpy().astype("datetime64[D]")
    days = np.arange(starts[0], starts[-1] + 8)
    at = np.searchsorted(starts, days, side="right") - 1
    # A window ends with the next, and the last of a year with the year.
    inside = (days - starts[at]).astype(int) < 8
    daily = series.isel(time=at).assign_coords(time=days.astype("datetime64[ns]"))
    return _onto(daily.where(xr.DataArray(inside, dims="time")), time, windows)


def _east(longitude: float) -> float:
    """Return a longitude of 0 to 360 degrees as one of -180 to 180, and say so."""
    if not 180.0 < longitude <= 360.0:
        return longitude
    logger.warning("longitude %g is taken as %g", longitude, longitude - 360.0)
    return longitude - 360.0


def _tower(row: dict[str, str], folder: Path, where: str) -> Tower:
    try:
        place = _degrees(row["latitude"]), _east(_degrees(row["longitude"]))
    except ValueError as exc:
        raise ConfigError(
            Problem(where, "latitude, longitude", str(exc), "degrees")
        ) from exc
    if not (-90.0 <= place[0] <= 90.0 and -180.0 <= place[1] <= 360.0):
        raise ConfigError(
            Problem(
                where,
                "latitude, longitude",
                found=f"{place[0]:g}, {place[1]:g}",
                wanted="degrees, -90 to 90 and -180 to 180",
            )
        )
    longitude = place[1] - 360.0 if place[1] >= 180.0 else place[1]
    path = folder / (row["file"] or "").strip()
    if not path.is_file():
        raise ConfigError(
            Problem(where, "file", found=f"no file {path}", wanted="a tower's file")
        )
    return Tower((row["site"] or "").strip(), place[0], longitude, path)


def _degrees(text: str) -> float:
    """A number of degrees, with a point or a comma."""
    return float((text or "").strip().replace(",", "."))
