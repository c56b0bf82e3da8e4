"""Filters: a model's state is corrected by observations as time goes on.

Values in, values out: an analysis takes a forecast (members, or mean and
covariance), an observation operator, observations (NaN where there is none) and
error variances, and gives a new object. States are ordered site by site, all q
states of a site together. No model and no file is known here.
"""

from masm.filters.adjustment import Adjusted, adjust
from masm.filters.analysis import Analysis
from masm.filters.between_states import StateTaper, state_taper, taper_states
from masm.filters.cycle import (
    FILTERS,
    Carried,
    Cycle,
    CycleOptions,
    analyse_cycle,
)
from masm.filters.enkf import stochastic_enkf
from masm.filters.inflation import (
    AdaptiveInflation,
    adaptive_inflation,
    add_process_error,
    inflate,
    relax_spread,
)
from masm.filters.joint import JointFilter, filter_states_and_parameters
from masm.filters.kalman import Gaussian, kalman
from masm.filters.localisation import (
    RadiusChoice,
    choose_radius,
    chord_km,
    great_circle_km,
    localise,
    residual_correlation,
    taper,
)
from masm.filters.operator import observation_operator
from masm.filters.particle import ParticleAnalysis, particle_analysis
from masm.filters.tobit import LatentForecast, latent_forecast
from masm.filters.tobit_wishart import TobitWishart, tobit_wishart
from masm.filters.transform import ensemble_transform, local_ensemble_transform
from masm.filters.weights import (
    Summary,
    Weights,
    density_weights,
    member_weights,
    weighted_summary,
)

__all__ = [
    "FILTERS",
    "AdaptiveInflation",
    "Adjusted",
    "Analysis",
    "Carried",
    "Cycle",
    "CycleOptions",
    "Gaussian",
    "JointFilter",
    "LatentForecast",
    "ParticleAnalysis",
    "RadiusChoice",
    "StateTaper",
    "Summary",
    "TobitWishart",
    "Weights",
    "adaptive_inflation",
    "add_process_error",
    "adjust",
    "analyse_cycle",
    "choose_radius",
    "chord_km",
    "density_weights",
    "ensemble_transform",
    "filter_states_and_parameters",
    "great_circle_km",
    "inflate",
    "kalman",
    "latent_forecast",
    "local_ensemble_transform",
    "localise",
    "member_weights",
    "observation_operator",
    "particle_analysis",
    "relax_spread",
    "residual_correlation",
    "state_taper",
    "stochastic_enkf",
    "taper",
    "taper_states",
    "tobit_wishart",
    "weighted_summary",
]
