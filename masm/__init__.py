"""Calibrate any process model, pixel by pixel, with an adaptive surrogate.

>>> import masm
>>> result = masm.calibrate(model, observations, priors, seed=7)  # doctest: +SKIP
>>> result.summary()                                              # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

from masm.calibrate import calibrate
from masm.compare import compare
from masm.errors import (
    CalibrationFailed,
    DamagedCheckpoint,
    InputError,
    OtherCalibration,
)
from masm.information.calibrated import (
    CalibratedInformation,
    Target,
    calibrated_information,
)
from masm.methods.method import Method
from masm.methods.registry import METHODS, method_of
from masm.minimisation.finite_differences import finite_differences, steps_by_curvature
from masm.minimisation.four_d_var import Minimum, four_d_var
from masm.observations.dataset import (
    Errors,
    GivenVariance,
    RelativeVariance,
    SampledVariance,
    SeriesVariance,
    Stream,
    streams_from_dataset,
)
from masm.problem.blocks import Block
from masm.problem.priors import (
    Beta,
    Constraint,
    LogUniform,
    Prior,
    Priors,
    TransformedNormal,
    TruncatedNormal,
    Uniform,
    below,
)
from masm.problem.problem import Outcome, Problem, Runs
from masm.problem.samples import Samples
from masm.problem.start import Start
from masm.results.comparison import Comparison
from masm.results.learned_residual import LearnedResidual, learn_residual
from masm.results.result import Result, open_result
from masm.results.scores import scores
from masm.runners.derivatives import DifferentiableModel, with_derivatives
from masm.runners.executable import Executable
from masm.runners.process_map import ProcessMap
from masm.sample_cost import sample_cost
from masm.sensitivity.derivatives import derivative_effects, one_at_a_time
from masm.sensitivity.fast import fourier_effects
from masm.sensitivity.morris import screen
from masm.sensitivity.regression import regression_effects
from masm.sensitivity.selection import Selection, importance, select
from masm.sensitivity.sobol import total_effects

if TYPE_CHECKING:
    from masm import options as options  # loaded when it is asked for

__all__ = [
    "METHODS",
    "Beta",
    "Block",
    "CalibratedInformation",
    "CalibrationFailed",
    "Comparison",
    "Constraint",
    "DamagedCheckpoint",
    "DifferentiableModel",
    "Errors",
    "Executable",
    "GivenVariance",
    "InputError",
    "LearnedResidual",
    "LogUniform",
    "Method",
    "Minimum",
    "OtherCalibration",
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
    "Start",
    "Stream",
    "Target",
    "TransformedNormal",
    "TruncatedNormal",
    "Uniform",
    "below",
    "calibrate",
    "calibrated_information",
    "compare",
    "derivative_effects",
    "finite_differences",
    "four_d_var",
    "fourier_effects",
    "importance",
    "learn_residual",
    "method_of",
    "one_at_a_time",
    "open_result",
    "open_run",
    "regression_effects",
    "sample_cost",
    "scores",
    "screen",
    "select",
    "steps_by_curvature",
    "streams_from_dataset",
    "total_effects",
    "with_derivatives",
]


def __getattr__(name: str) -> Any:
    """Load the parts that compile code, or that few need, when they are asked for."""
    import importlib
    import sys

    if name == "filters":
        import masm.filters
    elif name == "information":
        import masm.information
    elif name == "options":
        import masm.options
    elif name in ("hierarchical", "calibrate_sites", "choose_sites"):
        import masm.hierarchical

        if name != "hierarchical":
            return getattr(masm.hierarchical, name)
    elif name == "open_run":
        # The application's, which this package does not import: docs/design.md.
        return getattr(importlib.import_module("jobs.notebook"), name)
    elif name == "sums_of_squares":
        from masm.sensitivity.sums_of_squares import sums_of_squares

        return sums_of_squares
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return sys.modules[f"masm.{name}"]
