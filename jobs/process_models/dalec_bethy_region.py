"""What a regional assimilation takes of the differentiable model DALEC-BETHY.

A region is one problem of many cells, and no run of pixels: the contract of
`jobs.process_models.base` does not fit it. Import this module where it is used, for it
loads the model.
"""

from landmodels.dalec_bethy import (
    OVERPASS_HOURS,
    Cell,
    CellSet,
    Ellipse,
    Grid,
    Observations,
    Overpass,
    Polygon,
    Problem,
    default_operators,
    drivers_of,
    region_observations,
    region_problem,
    vegetation_types,
    warm_up,
)

__all__ = [
    "OVERPASS_HOURS",
    "Cell",
    "CellSet",
    "Ellipse",
    "Grid",
    "Observations",
    "Overpass",
    "Polygon",
    "Problem",
    "default_operators",
    "drivers_of",
    "region_observations",
    "region_problem",
    "vegetation_types",
    "warm_up",
]
