"""IBIS coupled with DALEC: a daily-driven, hourly land-surface and carbon model.

One pixel of temperate deciduous forest at a time, for one parameter vector
(:func:`simulate`), for many (:func:`simulate_batch`), or for many pixels at once
(:func:`simulate_pixels`).
"""

from landmodels.compile_cache import keep_private

keep_private()  # before numba is imported

from ibis_dalec.errors import InputError  # noqa: E402
from ibis_dalec.forcing import validate_forcing  # noqa: E402
from ibis_dalec.parameters import parameter_table  # noqa: E402
from ibis_dalec.run.lane_blocks import warm_up  # noqa: E402
from ibis_dalec.run.outputs import state_names  # noqa: E402
from ibis_dalec.simulate import (  # noqa: E402
    iterate_pixels,
    simulate,
    simulate_batch,
    simulate_pixels,
)

__all__ = [
    "InputError",
    "iterate_pixels",
    "parameter_table",
    "simulate",
    "simulate_batch",
    "simulate_pixels",
    "state_names",
    "validate_forcing",
    "warm_up",
]
