"""Maps of a region's pixels, with coastlines: Figures 7, 9 and 11 of Ma et al. (2022).

And where the upscaling may be applied, which the paper lacks.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.figures.canvas import (
    BLUE,
    ORANGE,
    SEQUENTIAL,
    SKY,
    STREAM_LABELS,
    VERMILION,
    new_figure,
    power_of_ten,
    put_title,
    save_figure,
)
from jobs.figures.coastlines import box_around, draw_coastlines
from jobs.figures.labels import with_unit

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes

_STEP = 0.05  # degrees, the grid of every region cube
_FLUXES = {"gpp": "GPP", "er": "ER", "nee": "NEE"}


def draw_parameter_maps(
    maps: xr.Dataset, places: pd.DataFrame, target: Path, *, title: str
) -> None:
    """Draw mean and standard deviation of each upscaled parameter (Figure 7).

    Each map of a mean holds its histogram. The standard deviations are in the row
    below.

    Parameters
    ----------
    maps : xarray.Dataset
        ``upscaling/parameters.nc``: ``mean`` and ``sd`` over (parameter, pixel),
        ``unit``.
    places : pandas.DataFrame (pixel)
        ``latitude`` and ``longitude``, degrees.
    target : Path
        The PNG; its table is the CSV beside it.
    title : str
        Says where the data come from.
    """
    names = [str(name) for name in maps["parameter"].to_numpy()]
    here = places.loc[maps["pixel"].to_numpy()]
    n_columns = min(5, len(names))
    n_rows = 2 * -(-len(names) // n_columns)
    figure, axes = new_figure(n_rows, n_columns, 2.8, width=2 + 2.6 * n_columns)
    table = here.reset_index()
    for axis in axes.flat:
        axis.set_visible(False)
    for number, name in enumerate(names):
        row, column = divmod(number, n_columns)
        means = maps["mean"].sel(parameter=name).to_numpy()
        unit = str(maps["unit"].sel(parameter=name).item())
        power = power_of_ten(float(np.nanmax(np.abs(means))))
        for down, what in enumerate(("mean", "sd")):
            axis = axes[2 * row + down, column]
            axis.set_visible(True)
            values = maps[what].sel(parameter=name).to_numpy()
            label = with_unit(f"sd of {name}" if down else name, unit, power)
            draw_field(axis, here, values * 10.0**-power, label=label)
            if is_flat(values):
                axis.set_title("one value everywhere", fontsize=8)
        _draw_histogram(axes[2 * row, column], here, means)
        table[name] = means
        table[f"{name}_sd"] = values
    put_title(figure, f"{title}: upscaled parameters")
    save_figure(figure, target, table)


def _draw_histogram(axis: Axes, places: pd.DataFrame, values: np.ndarray) -> None:
    """Draw a histogram in the corner of a map that hides the fewest pixels."""
    width, height = 0.3, 0.24
    x, y = (
        (places[name].to_numpy(float) - low) / (high - low)
        for name, (low, high) in (
            ("longitude", axis.get_xlim()),
            ("latitude", axis.get_ylim()),
        )
    )
    corners = [(left, low) for left in (0.68, 0.02) for low in (0.02, 0.74)]
    hidden = [
        np.sum((abs(x - left - width / 2) < width / 2 + 0.05)
               & (abs(y - low - height / 2) < height / 2 + 0.05))
        for left, low in corners
    ]  # fmt: skip
    inset = axis.inset_axes((*corners[int(np.argmin(hidden))], width, height))
    inset.hist(values[np.isfinite(values)], 20, color=BLUE)
    inset.set_xticks([])
    inset.set_yticks([])


def draw_error_maps(scores: pd.DataFrame, target: Path, *, title: str) -> None:
    """Draw the size of the mean difference to the product (Figure 9).

    Parameters
    ----------
    scores : pandas.DataFrame
        ``evaluation/region_scores.csv``: a row for each pixel, stream, period and
        parameter set, with ``ae``.
    target : Path
        The PNG; its table is the CSV beside it.
    title : str
        Says where the data come from.
    """
    whole = scores[scores["period"] == "all"]
    sets = [
        name for name in ("default", "upscaled") if name in set(whole["parameters"])
    ]
    streams = list(dict.fromkeys(whole["stream"]))
    figure, axes = new_figure(len(streams), len(sets), 3.4, width=4.6 * len(sets))
    for i, stream in enumerate(streams):
        of_stream = whole[whole["stream"] == stream]
        top = float(of_stream["ae"].abs().quantile(0.98))
        for j, name in enumerate(sets):
            part = of_stream[of_stream["parameters"] == name]
            label = f"|AE| of {STREAM_LABELS.get(stream, stream)}"
            draw_field(axes[i, j], part, part["ae"].abs(), label=label, limits=(0, top))
            axes[i, j].set_title(f"{stream.upper()}, {name}", fontsize=9)
    put_title(figure, f"{title}: absolute error of the means of all years")
    columns = ["pixel", "latitude", "longitude", "stream", "parameters", "ae"]
    save_figure(figure, target, whole[columns])


def draw_flux_maps(fluxes: pd.DataFrame, target: Path, *, title: str) -> None:
    """Draw mean annual GPP, ER and NEE of each parameter set (Figure 11).

    Parameters
    ----------
    fluxes : pandas.DataFrame
        A row for each pixel and parameter set: ``latitude``, ``longitude``,
        ``parameters`` and ``gpp``, ``er``, ``nee`` in g m-2 yr-1 of carbon.
    target : Path
        The PNG; its table is the CSV beside it.
    title : str
        Says where the data come from.
    """
    sets = list(dict.fromkeys(fluxes["parameters"]))
    figure, axes = new_figure(len(sets), len(_FLUXES), 3.2, width=10)
    for j, (flux, label) in enumerate(_FLUXES.items()):
        low, high = np.nanpercentile(fluxes[flux], [1, 99])
        for i, name in enumerate(sets):
            part = fluxes[fluxes["parameters"] == name]
            unit = f"{label} (g m-2 yr-1)"
            limits = (float(low), float(high))
            draw_field(axes[i, j], part, part[flux], label=unit, limits=limits)
            axes[i, j].set_title(f"{label}, {name}", fontsize=9)
    put_title(figure, f"{title}: mean annual fluxes; NEE is positive for release")
    save_figure(figure, target, fluxes)


def draw_applicability(
    maps: xr.Dataset, places: pd.DataFrame, target: Path, *, title: str
) -> None:
    """Draw for how many parameters each pixel is like those trained on.

    Parameters
    ----------
    maps : xarray.Dataset
        ``upscaling/parameters.nc`` with ``quality`` over (parameter, pixel).
    places : pandas.DataFrame (pixel)
        ``latitude`` and ``longitude``, degrees.
    target : Path
        The PNG; its table is the CSV beside it.
    title : str
        Says where the data come from.
    """
    import pandas as pd
    from matplotlib.colors import ListedColormap

    meanings = {
        1: "upscaled",
        2: "upscaled, unlike the training",
        3: "region mean: no skill",
        4: "no value",
    }
    names = [str(name) for name in maps["parameter"].to_numpy()]
    here = places.loc[maps["pixel"].to_numpy()]
    n_columns = min(5, len(names))
    figure, axes = new_figure(
        -(-len(names) // n_columns), n_columns, 2.6, width=2 + 2.4 * n_columns
    )
    colours = ListedColormap([BLUE, ORANGE, SKY, VERMILION])
    table = here.reset_index()
    for axis, name in zip(axes.flat, names, strict=False):
        codes = maps["quality"].sel(parameter=name).to_numpy()
        draw_field(axis, here, codes, cmap=colours, limits=(0.5, 4.5))
        axis.set_title(name, fontsize=9)
        table[name] = pd.Series(codes).map(meanings)
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    handles = [
        axes.flat[0].plot([], [], "s", color=colours(k), label=meaning)[0]
        for k, meaning in enumerate(meanings.values())
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    put_title(figure, f"{title}: where each map may be used")
    save_figure(figure, target, table)


def draw_field(
    axis: Axes,
    places: pd.DataFrame,
    values: Any,
    *,
    label: str = "",
    limits: tuple[float, float] | None = None,
    cmap: Any = SEQUENTIAL,
) -> None:
    """Draw values of pixels on the 0.05 degree grid, with coastlines.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
        Where.
    places : pandas.DataFrame
        ``latitude`` and ``longitude`` of each value, degrees.
    values : array_like
        NaN shows as a pale grey pixel.
    label : str
        Of the colour bar; without one there is none.
    limits : (float, float), optional
        Ends of the colour scale; by default the 1st and 99th percentile.
    cmap : str or Colormap
        Colours.
    """
    from matplotlib.ticker import MaxNLocator

    lat, lon = (places[name].to_numpy(float) for name in ("latitude", "longitude"))
    grid, edges = to_grid(lat, lon, np.asarray(values, float))
    there, _ = to_grid(lat, lon, np.ones(lat.size))
    box = box_around(lon, lat, at_least=0.6)
    axis.pcolormesh(*edges, np.where(there == 1, 0.5, np.nan), cmap="Greys", vmax=3)
    if limits is None:
        limits = _limits_of(grid)
    drawn = axis.pcolormesh(*edges, grid, cmap=cmap, vmin=limits[0], vmax=limits[1])
    draw_coastlines(axis, box)
    axis.tick_params(labelsize=7)
    axis.locator_params(nbins=4)
    axis.xaxis.set_major_formatter(lambda degree, _: _sided(degree, "E", "W"))
    axis.yaxis.set_major_formatter(lambda degree, _: _sided(degree, "N", "S"))
    if label and axis.figure is not None:
        bar = axis.figure.colorbar(drawn, ax=axis, orientation="horizontal", pad=0.08)
        bar.set_label(label, fontsize=8)
        bar.ax.tick_params(labelsize=7)
        bar.locator = MaxNLocator(4)
        bar.update_ticks()


def is_flat(values: Any) -> bool:
    """Return whether values differ by no more than rounding."""
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    return not known.size or bool(np.ptp(known) <= 1e-6 * np.abs(known).max())


def _limits_of(grid: np.ndarray) -> tuple[float, float]:
    """Return the ends of a colour scale; wide ones where all values are the same."""
    known = grid[np.isfinite(grid)]
    if not known.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(known, [1, 99]))
    if is_flat(known) or high <= low:
        middle = float(np.median(known))
        return middle - 0.1 * (abs(middle) or 1.0), middle + 0.1 * (abs(middle) or 1.0)
    return low, high


def _sided(degree: float, above: str, below: str) -> str:
    return f"{abs(degree):g}°{below if degree < 0 else above}"


def to_grid(
    lat: np.ndarray, lon: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Lay values of pixels on their grid.

    Parameters
    ----------
    lat, lon : ndarray (pixel,)
        Middles of pixels, degrees.
    values : ndarray (pixel,)
        Of each.

    Returns
    -------
    grid : ndarray (row, column)
        From south to north and west to east, NaN where there is no pixel.
    edges : tuple of ndarray
        Of columns (longitude) and rows (latitude), degrees.
    """
    rows = np.rint((lat - lat.min()) / _STEP).astype(int)
    columns = np.rint((lon - lon.min()) / _STEP).astype(int)
    grid = np.full((rows.max() + 1, columns.max() + 1), np.nan)
    grid[rows, columns] = values
    x = lon.min() + _STEP * (np.arange(grid.shape[1] + 1) - 0.5)
    y = lat.min() + _STEP * (np.arange(grid.shape[0] + 1) - 0.5)
    return grid, (x, y)
