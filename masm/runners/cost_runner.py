"""Run a function that returns -2 log likelihood itself, surviving failures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from masm.errors import InputError
from masm.problem.samples import Samples
from masm.runners.process_map import RunLost
from masm.runners.series_runner import Map
from masm.types import Array

# Beyond this a float cannot separate costs that differ by a tenth.
ABSURD_COST = 1e15


class CostRunner:
    """Calls a cost, turning what goes wrong into NaN.

    Parameters
    ----------
    cost : callable
        ``cost(theta) -> (sample,)`` for `Samples` ``theta`` (sample, parameter).
    map : callable, optional
        As in `masm.runners.series_runner.ModelRunner`; each call then gets one
        parameter set.

    Notes
    -----
    ``failures`` holds the reason of each failed run, in order.
    """

    def __init__(self, cost: Callable[[Any], Any], map: Map | None = None):
        self.call = _CostCall(cost)
        self.map = map
        self.failures: list[str] = []

    def __call__(self, theta: Samples) -> Array:
        """Cost of each parameter set, (sample,); NaN for failed runs."""
        if self.map is None:
            answers = [self.call(theta)]
        else:
            rows = [theta[i : i + 1] for i in range(len(theta))]
            answers = [
                (np.full(1, np.nan), [answer.reason])
                if isinstance(answer, RunLost)
                else answer
                for answer in self.map(self.call, rows)
            ]
        self.failures.extend(error for _, errors in answers for error in errors)
        return np.concatenate([values for values, _ in answers])


@dataclass(frozen=True)
class _CostCall:
    """Costs, NaN for failed ones, and why; picklable when the cost is."""

    cost: Callable[[Any], Any]

    def __call__(self, theta: Samples) -> tuple[Array, list[str]]:
        try:
            return self._checked(self.cost(theta), len(theta))
        except InputError:
            raise
        except Exception as exc:  # a model may raise anything
            if len(theta) == 1:
                return np.full(1, np.nan), [repr(exc)]
        parts = [self(theta[i : i + 1]) for i in range(len(theta))]
        return np.concatenate([p[0] for p in parts]), [e for p in parts for e in p[1]]

    def _checked(self, value: Any, n: int) -> tuple[Array, list[str]]:
        array = np.asarray(value, dtype=float)
        if array.shape != (n,):
            raise InputError(
                "cost: wrong shape of what it returned",
                found=f"{array.shape} for {n} samples",
                wanted=f"({n},)",
            )
        # Written so that NaN is bad as well.
        bad = ~(np.abs(array) <= ABSURD_COST)
        message = "cost is NaN, infinite or absurdly large"
        return np.where(bad, np.nan, array), [message] * int(bad.sum())
