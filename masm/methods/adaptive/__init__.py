"""The default method: an adaptive Gaussian-process surrogate (``emulator``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from masm.methods.adaptive.loop import default_runs, least_runs, sample
from masm.methods.adaptive.settings import Settings
from masm.methods.limits import Limit
from masm.methods.method import Method


def _expected_runs(n_parameters: int, options: Mapping[str, Any]) -> int:
    return int(options["max_runs"] or default_runs(n_parameters))


METHOD = Method(
    name="emulator",
    summary="About a hundred model runs, chosen on a surrogate of the series or the "
    "cost; the posterior carries an estimate of its own error.",
    sample=sample,
    gives="posterior",
    takes_proposals=True,
    expected_runs=_expected_runs,
    least_runs=least_runs,
    limits=(
        # A result with a larger error than that is flagged.
        Limit("stop_at_error", 0.0, Settings().suspect_error),
        Limit("more_runs", 0.0),
    ),
)
