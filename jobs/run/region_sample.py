"""The pixels of a region cube: which ones a run takes, and what the cube gives them.

A run screens one random fraction of the usable pixels and calibrates another. Both are
drawn from one shuffle with the run's seed, from its two ends, so they never meet and
a larger fraction holds the smaller one. With ``choice: environmental`` the calibration
fraction is chosen by climate and land, and the screening fraction is of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.config.pixels import RegionPixels
from jobs.errors import ConfigError, Problem
from jobs.run.pixel import Pixel
from jobs.run.region_places import listed_ids
from jobs.run.seeds import RunStream, run_generator

if TYPE_CHECKING:
    from jobs.config.schema import Config
    from landdata import Cube

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RegionSample:
    """What a run takes of a region.

    Attributes
    ----------
    masked : ndarray (pixel,)
        Ids of the pixels that pass the mask.
    usable : ndarray (pixel,)
        Those of them with weather and, but for a twin, observations.
    screening, calibration : ndarray (pixel,)
        Ids in rising order; random ones are disjoint.
    """

    masked: Ids
    usable: Ids
    screening: Ids
    calibration: Ids


@lru_cache(maxsize=4)
def open_region(path: Path) -> Cube:
    """Open a region cube, once in each process.

    Raises
    ------
    ConfigError
        If there is none.
    """
    from landdata import open_cube

    if not path.exists():
        raise ConfigError(
            Problem(
                str(path),
                "pixels.cube",
                found="no such folder",
                wanted="a region cube",
                hint=f"Make a synthetic one: masm region synthetic {path}; "
                "or one from products: masm region build --help",
            )
        )
    return open_cube(path)


def draw_sample(config: Config, folder: Path) -> RegionSample:
    """Choose the pixels of a run: the mask, then a fraction of it or the user's list.

    Parameters
    ----------
    config : Config
        With ``pixels.source: region``.
    folder : Path
        What its file names are relative to.

    Raises
    ------
    ConfigError
        If the cube lacks years or streams, or no pixel is left, or a place of the
        list is not in the region.
    """
    place = region_of(config)
    cube = open_region((folder / place.cube).resolve())
    _require(cube, config)
    ids, rule = cube.cells.ids, place.sample
    fraction = cube.static["forest_fraction"].to_numpy()
    # Without a land cover product every cell of the cube passes.
    passes = np.isnan(fraction) | (fraction > rule.forest_above)
    usable = passes & (cube.states != 1)
    if config.twin is None:
        usable &= cube.states == 0
    masked, left = ids[passes], ids[usable]
    if left.size == 0:
        raise ConfigError(
            Problem(
                str(cube.path),
                "no pixel can be calibrated",
                found=f"{masked.size} of {ids.size} pixels pass the mask, none of "
                "them has weather and observations",
                wanted="at least one",
                hint="Look at: masm check. Or lower pixels.sample.forest_above.",
            )
        )
    rng = run_generator(config.seed, RunStream.SAMPLE_OF_PIXELS)
    if rule.places is not None:
        calibration = listed_ids(rule.places, folder, cube)
    elif rule.choice == "environmental":
        calibration = _by_environment(config, folder, cube, left)
    if rule.places is not None or rule.choice == "environmental":
        others = rng.permutation(np.setdiff1d(left, calibration))
        screening = others[: _fraction(rule.screening, others.size)]
    else:
        shuffled = rng.permutation(left)
        calibration = shuffled[: _fraction(rule.calibration, left.size)]
        n_others = left.size - calibration.size
        screening = shuffled[
            left.size - min(_fraction(rule.screening, left.size), n_others) :
        ]
    return RegionSample(masked, left, np.sort(screening), np.sort(calibration))


def _by_environment(config: Config, folder: Path, cube: Cube, left: Ids) -> Ids:
    from jobs.run.environmental_sample import choose_by_environment

    rule, fixed = region_of(config).sample, None
    if rule.fixed is not None:
        fixed = listed_ids(rule.fixed, folder, cube, "pixels.sample.fixed")
    return choose_by_environment(
        cube,
        left,
        _fraction(rule.calibration, left.size),
        seed=config.seed,
        fixed=fixed,
        ecoregions=None if rule.ecoregions is None else folder / rule.ecoregions,
    ).ids


def pixels_at(cube: Cube, ids: Sequence[int] | Ids) -> list[Pixel]:
    """Return pixels of a cube by their ids."""
    ids = np.asarray(ids, np.int64)
    rows = np.searchsorted(cube.cells.ids, ids)
    columns = {
        name: cube.static[name].to_numpy()[rows].astype(float)
        for name in ("elevation", "sand", "clay")
    }
    lats, lons = cube.cells.lat[rows], cube.cells.lon[rows]
    return [
        Pixel(
            int(pixel_id),
            _name(float(lats[k]), float(lons[k])),
            float(lats[k]),
            float(lons[k]),
            elevation=float(columns["elevation"][k]),
            sand=float(columns["sand"][k]),
            clay=float(columns["clay"][k]),
        )
        for k, pixel_id in enumerate(ids)
    ]


def region_of(config: Config) -> RegionPixels:
    """Return the section ``pixels`` of a configuration that names a region."""
    if not isinstance(config.pixels, RegionPixels):
        raise TypeError(f"pixels.source is {config.pixels.source}, not region")
    return config.pixels


def _fraction(fraction: float, n: int) -> int:
    """Return how many pixels a fraction is; at least one if it is more than none."""
    return min(n, max(1, round(fraction * n))) if fraction > 0 else 0


def _name(lat: float, lon: float) -> str:
    return (
        f"{abs(lat):.3f} {'N' if lat >= 0 else 'S'} "
        f"{abs(lon):.3f} {'E' if lon >= 0 else 'W'}"
    )


def _require(cube: Cube, config: Config) -> None:
    years = config.periods.whole
    first, last = int(cube.time[0].year), int(cube.time[-1].year)
    problems = []
    if years.first < first or years.last > last:
        problems.append(
            Problem(
                str(cube.path),
                "periods",
                found=f"{years.first} to {years.last}",
                wanted=f"years of the cube, {first} to {last}",
            )
        )
    for name in config.streams if config.twin is None else ():
        if name not in cube.streams:
            problems.append(
                Problem(
                    str(cube.path),
                    f"streams.{name}",
                    found=f"a cube of {', '.join(cube.streams) or 'no streams'}",
                    wanted=f"observations of {name}",
                    hint="Leave the stream out, or observe it by a twin.",
                )
            )
    if problems:
        raise ConfigError(problems)
