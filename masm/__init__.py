"""Calibrate any process model, pixel by pixel, with an adaptive surrogate.

>>> import masm
>>> result = masm.calibrate(model, observations, priors, seed=7)  # doctest: +SKIP
>>> result.summary()                                              # doctest: +SKIP
"""

from masm.blocks import Block
from masm.calibrate import calibrate
from masm.errors import CalibrationFailed, DamagedCheckpoint, InputError
from masm.external import Executable
from masm.observations import (
    Errors,
    GivenVariance,
    RelativeVariance,
    SampledVariance,
    SeriesVariance,
    Stream,
    streams_from_dataset,
)
from masm.priors import (
    Beta,
    Constraint,
    LogUniform,
    Prior,
    Priors,
    TruncatedNormal,
    Uniform,
    below,
)
from masm.problem import Outcome, Problem, Runs
from masm.processes import ProcessMap
from masm.result import Result, open_result
from masm.sample_cost import sample_cost
from masm.samples import Samples
from masm.scores import scores
from masm.screening import screen
from masm.selection import Selection, importance, select
from masm.sobol import total_effects

__all__ = [
    "Beta",
    "Block",
    "CalibrationFailed",
    "Constraint",
    "DamagedCheckpoint",
    "Errors",
    "Executable",
    "GivenVariance",
    "InputError",
    "LogUniform",
    "Outcome",
    "Prior",
    "Priors",
    "Problem",
    "ProcessMap",
    "RelativeVariance",
    "Result",
    "Runs",
    "SampledVariance",
    "Samples",
    "Selection",
    "SeriesVariance",
    "Stream",
    "TruncatedNormal",
    "Uniform",
    "below",
    "calibrate",
    "importance",
    "open_result",
    "sample_cost",
    "scores",
    "screen",
    "select",
    "streams_from_dataset",
    "total_effects",
]
