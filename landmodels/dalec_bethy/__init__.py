"""DALEC-BETHY: a differentiable model of carbon, water and energy of a grid cell.

DALEC pools and phenology on BETHY photosynthesis, energy and water, smooth
everywhere, with tangent and adjoint generated from the equations. See
:func:`simulate` for a run, and :func:`cell_problem` for a calibration problem with
gradients.
"""

from landmodels.dalec_bethy.cell import (
    OVERPASS_HOURS,
    CellModel,
    cell_controls,
    control_range,
)
from landmodels.dalec_bethy.drivers import make_drivers
from landmodels.dalec_bethy.footprint import CellSet, Ellipse, Grid, Polygon
from landmodels.dalec_bethy.forcing import drivers_of, validate_forcing
from landmodels.dalec_bethy.observations import (
    Observations,
    Overpass,
    cell_observations,
    region_observations,
)
from landmodels.dalec_bethy.operators import default_operators
from landmodels.dalec_bethy.parameters import (
    DEFAULT_TYPE,
    parameter_table,
    vegetation_types,
)
from landmodels.dalec_bethy.problem import (
    Cell,
    Problem,
    cell_problem,
    region_problem,
)
from landmodels.dalec_bethy.simulate import simulate, simulate_batch, warm_up
from landmodels.errors import InputError

__all__ = [
    "DEFAULT_TYPE",
    "OVERPASS_HOURS",
    "Cell",
    "CellModel",
    "CellSet",
    "Ellipse",
    "Grid",
    "InputError",
    "Observations",
    "Overpass",
    "Polygon",
    "Problem",
    "cell_controls",
    "cell_observations",
    "cell_problem",
    "control_range",
    "default_operators",
    "drivers_of",
    "make_drivers",
    "parameter_table",
    "region_observations",
    "region_problem",
    "simulate",
    "simulate_batch",
    "validate_forcing",
    "vegetation_types",
    "warm_up",
]
