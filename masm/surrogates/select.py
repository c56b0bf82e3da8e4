"""Which surrogate a problem gets."""

from __future__ import annotations

from masm.problem.problem import Problem
from masm.surrogates import cost, series
from masm.surrogates.base import Surrogate
from masm.surrogates.cost import CostSurrogate
from masm.surrogates.integer_inputs import IntegerInputs
from masm.surrogates.series import SeriesEmulator
from masm.surrogates.series_unknown_scale import ScaledEmulator


def surrogate_for(
    problem: Problem,
    of_series: series.Settings | None = None,
    of_cost: cost.Settings | None = None,
) -> Surrogate:
    """Emulate the series where there are any, else the cost."""
    if problem.likelihood is None:
        return CostSurrogate(problem.n_parameters, of_cost)
    kind = ScaledEmulator if problem.likelihood.scales else SeriesEmulator
    inputs = IntegerInputs.of(problem)
    emulator = kind(problem.likelihood, problem.n_parameters, inputs, of_series)
    if problem.start is not None:
        emulator.begin_as(
            {
                problem.active.index(n)
                for n in problem.start.whole_units
                if n in problem.active
            },
            [problem.start.warp.get(name, 0.0) for name in problem.active],
        )
    return emulator
