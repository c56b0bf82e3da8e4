"""Monthly normals of real deciduous forests, and how they blend over a region.

Each site's table has the means that its flux tower published (FLUXNET2015 monthly
subsets, CC-BY-4.0: temperature, rain, vapour pressure deficit, pressure, shortwave) and
the day-to-day statistics of a daily record near it (Daymet, NASA; Harvard Forest).
``landdata.synthetic.derive_normals`` made them; ``normals/sites.csv`` names places,
years and sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landdata.meteorology.normals import Normals, read_normals
from landdata.meteorology.pressure import pressure_from_elevation
from landdata.synthetic.random_fields import KM_PER_DEGREE

Floats = NDArray[np.float64]

LAPSE_RATE = 6.5  # K per km (ISO 2533)
COLDER_NORTHWARD = 0.9  # K per degree of latitude, about that of eastern forests
WETTER_UPWARD = 0.3  # more rain per km, a usual orographic gradient
NEAR_KM = 150.0  # within this distance of a site, its weight hardly changes
KM_PER_METRE = 0.3  # 100 m of height are as far as 30 km

_PLACE = ("lat", "lon", "elevation_m")


@dataclass(frozen=True, eq=False)
class SiteNormals:
    """A site and its normals.

    Attributes
    ----------
    site : str
        FLUXNET id.
    lat, lon, elevation : float
        degrees north, degrees east, m.
    normals : Normals
        With their source and licence.
    """

    site: str
    lat: float
    lon: float
    elevation: float
    normals: Normals


@dataclass(frozen=True, eq=False)
class Blend:
    """What the sites say about some places.

    Attributes
    ----------
    weights : numpy.ndarray (pixel, site)
        Rows sum to one.
    warmer : numpy.ndarray (pixel,)
        K to add to the weighted temperature, for height and latitude.
    wetter : numpy.ndarray (pixel,)
        Factor of the weighted rain.
    denser : numpy.ndarray (pixel,)
        Factor of the weighted pressure.
    """

    weights: Floats
    warmer: Floats
    wetter: Floats
    denser: Floats


@lru_cache(maxsize=1)
def site_normals() -> tuple[SiteNormals, ...]:
    """The sites that come with the package."""
    folder = files("landdata.synthetic") / "normals"
    with as_file(folder / "sites.csv") as path:
        table = pd.read_csv(path, comment="#")
    sites = []
    for site, place in table.set_index("site").iterrows():
        with as_file(folder / f"{site}.json") as path:
            normals = read_normals(path)
        lat, lon, elevation = (float(place[key]) for key in _PLACE)
        sites.append(SiteNormals(str(site), lat, lon, elevation, normals))
    return tuple(sites)


def blend(
    sites: tuple[SiteNormals, ...], lat: Floats, lon: Floats, elevation: Floats
) -> Blend:
    """Weigh the sites at some places, and move them to their height and latitude.

    Parameters
    ----------
    lat, lon, elevation : numpy.ndarray (pixel,)
        degrees north, degrees east, m.

    Returns
    -------
    Blend
        Weights fall with the square of the distance, in which height counts
        ``KM_PER_METRE``; temperature follows ``LAPSE_RATE`` and
        ``COLDER_NORTHWARD``, rain ``WETTER_UPWARD``, pressure the standard
        atmosphere, each from the weighted mean of the sites.
    """
    place = np.stack([np.asarray(v, np.float64) for v in (lat, lon, elevation)])
    at = np.array([[site.lat, site.lon, site.elevation] for site in sites]).T
    north, east, up = place[:, :, None] - at[:, None, :]
    east = east * np.cos(np.radians(0.5 * (place[0][:, None] + at[0][None, :])))
    squared = (
        (KM_PER_DEGREE * north) ** 2
        + (KM_PER_DEGREE * east) ** 2
        + (KM_PER_METRE * up) ** 2
    )
    weights = 1.0 / (squared + NEAR_KM**2)
    weights /= weights.sum(axis=1, keepdims=True)

    def mixed(of_sites: Floats) -> Floats:
        return (weights * of_sites).sum(axis=1)

    mean_lat, mean_elevation = mixed(at[0]), mixed(at[2])
    higher = place[2] - mean_elevation
    return Blend(
        weights=weights,
        warmer=-LAPSE_RATE * higher / 1000.0 - COLDER_NORTHWARD * (place[0] - mean_lat),
        wetter=np.maximum(1.0 + WETTER_UPWARD * higher / 1000.0, 0.3),
        denser=pressure_from_elevation(place[2])
        / mixed(pressure_from_elevation(at[2])),
    )
