"""Monthly CENTURY: carbon, nitrogen and water of grassland.

For one parameter vector (:func:`simulate`) or many (:func:`simulate_batch`), in one
cell or many, from a steady state (:func:`equilibrium`) or a spin-up run. The
equations follow the public descriptions of CENTURY 4.5 and 4.6 (Parton et al. 1987,
1993; Metherell et al. 1993) as used for alpine grassland by Zhao et al. (2022).
"""

from landmodels.century.drivers import validate_forcing
from landmodels.century.month_checks import unlikely_months
from landmodels.century.parameters import parameter_table, parameters_by_class
from landmodels.century.run.checks import check_parameters
from landmodels.century.run.equilibrium import equilibrium
from landmodels.century.run.simulate import simulate, simulate_batch, warm_up
from landmodels.century.run.simulator import Simulator
from landmodels.century.spinup_weather import spinup_weather
from landmodels.century.synthetic.plateau import plateau_forcing, plateau_truth
from landmodels.century.weather_files import read_weather
from landmodels.errors import InputError

__all__ = [
    "InputError",
    "Simulator",
    "check_parameters",
    "equilibrium",
    "parameter_table",
    "parameters_by_class",
    "plateau_forcing",
    "plateau_truth",
    "read_weather",
    "simulate",
    "simulate_batch",
    "spinup_weather",
    "unlikely_months",
    "validate_forcing",
    "warm_up",
]
