"""Choose pixels of a region by their environment, in place of at random.

Means of climate, elevation and the fraction of forest are the covariates; within each
ecoregion they are clustered, and pixels are drawn from the clusters
(`masm.hierarchical.site_choice`). Without a table of ecoregions the region is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.errors import ConfigError, Problem
from jobs.run.csv_tables import read_rows

if TYPE_CHECKING:
    from landdata import Cube
    from masm.hierarchical import SiteChoice

Ids = NDArray[np.int64]

_CHUNK = 256
_LAND = ("elevation", "forest_fraction")
WHOLE = "the region"
"""Name of the one ecoregion of a region without a table of them."""


@dataclass(frozen=True, eq=False)
class EnvironmentalSample:
    """Pixels chosen by their environment.

    Attributes
    ----------
    ids : ndarray (site,)
        Chosen pixels in rising order, the fixed ones among them.
    fixed : ndarray (fixed,)
        Those that were given.
    candidates : ndarray (pixel,)
        Pixels that could be chosen.
    choice : masm.hierarchical.SiteChoice
        Clusters, weights and how well the sites cover; rows are those of
        ``candidates``.
    ecoregion : ndarray (pixel,)
        Of each candidate.
    covariates : tuple of str
        What was clustered.
    """

    ids: Ids
    fixed: Ids
    candidates: Ids
    choice: SiteChoice
    ecoregion: NDArray[np.str_]
    covariates: tuple[str, ...]


def choose_by_environment(
    cube: Cube,
    candidates: Ids,
    n: int,
    *,
    seed: int,
    fixed: Ids | None = None,
    ecoregions: Path | None = None,
) -> EnvironmentalSample:
    """Choose ``n`` of the candidates, beside the fixed ones.

    Parameters
    ----------
    cube : Cube
        The region.
    candidates : ndarray (pixel,)
        Ids of pixels with weather.
    n : int
        Pixels to choose.
    seed : int
        Fixes the choice.
    fixed : ndarray, optional
        Ids of pixels that are sites already; their clusters count as visited.
    ecoregions : Path, optional
        CSV with the columns id and ecoregion, and land_cover where there is one.

    Raises
    ------
    ConfigError
        Fewer pixels wanted than ecoregions, more than candidates, or fixed ones that
        are no candidates.
    """
    from masm import InputError
    from masm.hierarchical import choose_sites

    fixed = np.array([], np.int64) if fixed is None else np.unique(fixed)
    lost = np.setdiff1d(fixed, candidates)
    if lost.size:
        raise ConfigError(
            Problem(
                str(cube.path),
                "a fixed site cannot be used",
                found=f"pixel {lost[0]}"
                + (f" and {lost.size - 1} more" * (lost.size > 1)),
                wanted="pixels that pass the mask and have weather",
            )
        )
    names, table = covariates_of(cube)
    rows = np.searchsorted(cube.cells.ids, candidates)
    values = table[rows]
    varies = values.std(axis=0) > 0.0
    if not varies.any():
        raise ConfigError(
            Problem(
                str(cube.path),
                "the environment is the same everywhere",
                found=f"{candidates.size} pixels with equal {', '.join(names)}",
                wanted="pixels that differ",
                hint="Sample at random.",
            )
        )
    region, cover = _ecoregions(ecoregions, candidates)
    try:
        choice = choose_sites(
            values[:, varies],
            region,
            n,
            seed=seed,
            land_cover=cover,
            fixed=np.searchsorted(candidates, fixed).tolist(),
        )
    except InputError as exc:
        raise ConfigError(
            Problem(str(cube.path), f"no sample of {n} pixels", found=str(exc))
        ) from exc
    ids = np.sort(np.concatenate([candidates[choice.pixels], fixed]))
    used = tuple(np.array(names)[varies])
    return EnvironmentalSample(ids, fixed, candidates, choice, region, used)


@lru_cache(maxsize=2)
def covariates_of(cube: Cube) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the environment of every pixel of a cube: names, and (pixel, name).

    NaN where a pixel has no weather. All years of the cube count.
    """
    from landdata.meteorology.climate_means import CLIMATE, climate_means

    climate = np.full((len(cube), len(CLIMATE)), np.nan)
    good = np.flatnonzero(cube.states != 1)
    for first in range(0, good.size, _CHUNK):
        rows = good[first : first + _CHUNK]
        found = climate_means(cube.weather(cube.cells.ids[rows].tolist()))
        climate[rows] = np.column_stack([found[name] for name in CLIMATE])
    land = np.column_stack([cube.static[name].to_numpy() for name in _LAND])
    # A cube without a map of land cover has no fraction of forest anywhere.
    known = np.isfinite(land).all(axis=0)
    names = (*CLIMATE, *np.array(_LAND)[known].tolist())
    return names, np.column_stack([climate, land[:, known]])


def _ecoregions(
    path: Path | None, candidates: Ids
) -> tuple[NDArray[np.str_], NDArray[np.str_] | None]:
    """Ecoregion and, where the table has it, land cover of each candidate."""
    if path is None:
        return np.full(candidates.size, WHOLE), None
    header, rows = read_rows(path, "the table of ecoregions")
    if not {"id", "ecoregion"} <= set(header):
        raise ConfigError(
            Problem(
                f"{path.name}:1",
                "ecoregions",
                found=f"columns {', '.join(header) or 'none'}",
                wanted="id and ecoregion, and land_cover where there is one",
            )
        )
    found: dict[int, tuple[str, str]] = {}
    for line, row in rows:
        cells = [(row.get(name) or "").strip() for name in ("id", "ecoregion")]
        cover = (row.get("land_cover") or "").strip()
        whole = cells[1] and (cover or "land_cover" not in header)
        if not cells[0].isascii() or not cells[0].isdigit() or not whole:
            raise ConfigError(
                Problem(
                    f"{path.name}:{line}",
                    "ecoregions",
                    found=", ".join(f'"{cell}"' for cell in [*cells, cover]),
                    wanted="the id of a pixel and a name in each column",
                )
            )
        found[int(cells[0])] = (cells[1], cover)
    missing = [int(one) for one in candidates if int(one) not in found]
    if missing:
        raise ConfigError(
            Problem(
                str(path),
                "ecoregions",
                found=f"no row for {len(missing)} pixels, first {missing[0]}",
                wanted=f"a row for each of the {candidates.size} pixels",
            )
        )
    pairs = [found[int(one)] for one in candidates]
    covers = np.array([pair[1] for pair in pairs]) if "land_cover" in header else None
    return np.array([pair[0] for pair in pairs]), covers
