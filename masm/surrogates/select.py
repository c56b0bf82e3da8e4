"""What the calibration loop needs of a surrogate, and which one a problem gets."""

from __future__ import annotations

from masm.problem.problem import Problem
from masm.surrogates.base import Surrogate
from masm.surrogates.cost import CostSurrogate
from masm.surrogates.integer_inputs import WholeUnits
from masm.surrogates.series import SeriesEmulator
from masm.surrogates.series_unknown_scale import ScaledEmulator


def surrogate_for(problem: Problem) -> Surrogate:
    """Emulate the series where there are any, else the cost."""
    if problem.likelihood is None:
        return CostSurrogate(problem.n_parameters)
    kind = ScaledEmulator if problem.likelihood.scales else SeriesEmulator
    units = WholeUnits.of(problem)
    return kind(problem.likelihood, problem.n_parameters, units)
