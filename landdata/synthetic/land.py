"""Heights, soils, forest and true parameters of the synthetic region.

Everything is a function of place and seed alone: a block cut out of the region is
the same, cell for cell, as in the whole. The broad relief is that of southern New
England (Taconic and Berkshire hills, the Connecticut valley, the central upland and
the coast); the rest are random fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landdata.files.units import udunits
from landdata.grid.grid import Cells, Grid
from landdata.synthetic.random_fields import make_waves
from landdata.synthetic.site_normals import COLDER_NORTHWARD, LAPSE_RATE
from landdata.synthetic.truth_model import truth_model

Floats = NDArray[np.float64]

SYNTHETIC = "SYNTHETIC region: generated, not observed"
LAND, WEATHER, TRUTH_FIELDS, NOISE = range(4)  # random streams of one seed
ORIGIN = (42.5, -72.2)  # degrees north and east, from which fields are measured

# Broad height of the land at 42.5 N, m, by degrees east.
_RELIEF = (
    (-73.8, -73.45, -73.05, -72.6, -72.1, -71.6, -71.1),
    (120.0, 280.0, 480.0, 110.0, 310.0, 130.0, 40.0),
)
_REFERENCE_HEIGHT = 250.0  # m; covariates are measured from here

# Parameter: middle, and change per unit of the covariates temperature, height and
# sand, and of a field that no covariate explains, all as fractions of the prior range.
TRUTH: dict[str, tuple[float, float, float, float, float]] = {
    "alpha3": (0.45, 0.03, 0.00, -0.03, 0.04),
    "theta3": (0.75, 0.02, 0.02, 0.00, 0.04),
    "beta3": (0.80, 0.00, -0.02, 0.02, 0.04),
    "vmax": (0.40, 0.08, -0.05, -0.08, 0.05),
    "p5": (0.40, -0.05, 0.05, 0.03, 0.04),
    "p14": (0.45, 0.05, 0.00, -0.05, 0.05),
    "p15": (0.40, 0.06, -0.04, 0.00, 0.05),
    "p17": (0.40, 0.03, 0.00, -0.03, 0.03),
    "p18": (0.30, -0.015, 0.01, 0.02, 0.015),
    "p20": (0.38, 0.05, -0.04, 0.00, 0.03),
}
_PATCHY = 0.2  # fraction of the unexplained variance that neighbours do not share


def make_land(seed: int, grid: Grid) -> dict[str, Floats]:
    """Heights, soils and forest of a block, (pixel,) in the order of its cells."""
    return land_at(seed, grid.cells.lat, grid.cells.lon)


def land_at(seed: int, lat: Floats, lon: Floats) -> dict[str, Floats]:
    """Heights, soils and forest at any places.

    Parameters
    ----------
    lat, lon : numpy.ndarray (place,)
        degrees north, degrees east.

    Returns
    -------
    dict
        elevation (m), sand and clay (%, by weight), forest_fraction (1).
    """
    rng = np.random.default_rng([seed, LAND])

    def field_of(length_km: float) -> Floats:
        waves = make_waves(length_km, *ORIGIN, rng, n_waves=200)
        return waves.field(lat, lon, rng.standard_normal(waves.n_factors))

    broad = np.interp(lon + 0.15 * (lat - ORIGIN[0]), *_RELIEF)
    broad = broad + 60.0 * np.tanh(lat - ORIGIN[0])  # it rises to the north
    # Hills stand on high ground; valley floors are flat.
    rough = 0.35 * np.clip(broad, 50.0, 500.0)
    elevation = np.maximum(broad + rough * (0.8 * field_of(20.0) + 0.5 * field_of(8.0)),
                           5.0)  # fmt: skip
    # Glacial till on the hills, sandy terraces in the valleys.
    low = np.clip((300.0 - elevation) / 200.0, -1.0, 1.0)
    sand = np.clip(
        56.0 + 8.0 * low + 7.0 * field_of(30.0) + 4.0 * field_of(8.0), 15.0, 88.0
    )
    clay = np.clip(11.0 - 0.12 * (sand - 56.0) + 2.5 * field_of(20.0), 2.0, 30.0)
    # Valleys are farmed and built on.
    wooded = 0.8 + 0.9 * field_of(15.0) + 0.5 * (elevation - 260.0) / 150.0
    return {
        "elevation": elevation,
        "sand": sand,
        "clay": clay,
        "forest_fraction": 1.0 / (1.0 + np.exp(-wooded)),
    }


def truth_covariates(cells: Cells, static: Mapping[str, Floats]) -> Floats:
    """What the true parameters depend on, (covariate, pixel), each of spread 1.

    Temperature as height and latitude make it, height, and sand, from fixed middles
    in fixed units: a part of the region has the truth of the whole.
    """
    higher = np.asarray(static["elevation"]) - _REFERENCE_HEIGHT
    warmer = -LAPSE_RATE / 1000.0 * higher - COLDER_NORTHWARD * (cells.lat - ORIGIN[0])
    return np.stack(
        [
            # Acclimation levels off.
            1.5 * np.tanh(warmer / 1.0 / 1.5),
            higher / 150.0,
            (np.asarray(static["sand"]) - 56.0) / 10.0,
        ]
    )


def make_truth(
    seed: int,
    cells: Cells,
    static: Mapping[str, Floats],
    parameters: pd.DataFrame | None = None,
) -> dict[str, tuple[Floats, dict[str, Any]]]:
    """True parameters of each pixel, in the units of the table, inside their priors.

    Parameters
    ----------
    seed : int
        Of the region.
    cells : Cells
        Pixels.
    static : mapping
        elevation (m) and sand (%) of each.
    parameters : pandas.DataFrame, optional
        Table with min, max, unit and description of each parameter of ``TRUTH``; that
        of IBIS-DALEC by default.

    Returns
    -------
    dict
        Parameter to (values (pixel,), attributes with units).
    """
    table: Any = parameters
    if table is None:
        table = truth_model().parameter_table()
    rng = np.random.default_rng([seed, TRUTH_FIELDS])
    covariates = truth_covariates(cells, static)
    patches = np.array(
        [
            np.random.default_rng([seed, TRUTH_FIELDS, int(id_)]).standard_normal(
                len(TRUTH)
            )
            for id_ in cells.ids
        ]
    ).reshape(len(cells), len(TRUTH))
    truth = {}
    for index, (name, (middle, *slopes, own)) in enumerate(TRUTH.items()):
        waves = make_waves(40.0, *ORIGIN, rng, n_waves=200)
        factors = rng.standard_normal(waves.n_factors)
        smooth = waves.field(cells.lat, cells.lon, factors)
        unexplained = (
            np.sqrt(1.0 - _PATCHY) * smooth + np.sqrt(_PATCHY) * patches[:, index]
        )
        position = middle + own * unexplained
        for slope, covariate in zip(slopes, covariates, strict=True):
            position = position + slope * covariate
        low, high = (float(table.loc[name, end]) for end in ("min", "max"))
        values = low + np.clip(position, 0.08, 0.92) * (high - low)
        truth[name] = (
            values,
            {
                "units": udunits(str(table.loc[name, "unit"])),
                "long_name": f"true {name} of the synthetic region: "
                f"{table.loc[name, 'description']} [{table.loc[name, 'unit']}]",
                "comment": SYNTHETIC,
            },
        )
    return truth
