"""SIPNET: a simple carbon and water model of one stand with a variable time step.

The model of the PEcAn carbon reanalysis, written from a specification of its
equations. One parameter vector (`simulate`), or lanes of samples, members and sites
(`simulate_batch`).
"""

from landmodels.sipnet.analysis import update_state
from landmodels.sipnet.daily_drivers import half_daily_drivers, read_fluxnet_daily
from landmodels.sipnet.drivers import validate_forcing
from landmodels.sipnet.errors import InputError
from landmodels.sipnet.events import read_events
from landmodels.sipnet.options import OPTION_SETS, Options
from landmodels.sipnet.parameters import (
    check_parameters,
    parameter_set,
    parameter_table,
)
from landmodels.sipnet.read_drivers import read_clim, read_driver_table
from landmodels.sipnet.run.blocks import warm_up
from landmodels.sipnet.run.daily import daily_values
from landmodels.sipnet.run.simulate import simulate, simulate_batch
from landmodels.sipnet.sites import join_sites
from landmodels.sipnet.state import state_names
from landmodels.sipnet.state_files import read_state

__all__ = [
    "OPTION_SETS",
    "InputError",
    "Options",
    "check_parameters",
    "daily_values",
    "half_daily_drivers",
    "join_sites",
    "parameter_set",
    "parameter_table",
    "read_clim",
    "read_driver_table",
    "read_events",
    "read_fluxnet_daily",
    "read_state",
    "simulate",
    "simulate_batch",
    "state_names",
    "update_state",
    "validate_forcing",
    "warm_up",
]
