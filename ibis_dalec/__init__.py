"""IBIS coupled with DALEC: a daily-driven, hourly land-surface and carbon model.

One pixel of temperate deciduous forest at a time, for one parameter vector
(:func:`simulate`), for many (:func:`simulate_batch`), or for many pixels at once
(:func:`simulate_pixels`).
"""

from ibis_dalec.errors import InputError
from ibis_dalec.forcing import validate_forcing
from ibis_dalec.parameters import parameter_table
from ibis_dalec.run.lane_blocks import warm_up
from ibis_dalec.simulate import (
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
    "validate_forcing",
    "warm_up",
]
