"""The loop of Ma et al. (2022) (``published``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from masm.methods.method import Method
from masm.methods.published.loop import sample

_RUNS_PER_ITERATION = 5


def _expected_runs(n_parameters: int, options: Mapping[str, Any]) -> int:
    first = int(options["n_initial_per_parameter"]) * n_parameters
    later = _RUNS_PER_ITERATION * int(options["n_iterations"])
    return first + later + int(options["n_check"])


def _with_budget(n_runs: int, n_parameters: int) -> dict[str, Any]:
    # As its defaults, or a third of few runs for the first design.
    n_check = min(32, n_runs // 6)
    first = min(18, max(2, n_runs // (3 * n_parameters)))
    left = n_runs - n_check - first * n_parameters
    return {
        "n_initial_per_parameter": first,
        "n_iterations": left // _RUNS_PER_ITERATION,
        "n_check": n_check,
    }


METHOD = Method(
    name="published",
    summary="The surrogate loop of the source paper, with Metropolis chains on a "
    "Gaussian process of the cost.",
    sample=sample,
    gives="posterior",
    expected_runs=_expected_runs,
    with_budget=_with_budget,
    source="Ma et al. (2022)",
)
