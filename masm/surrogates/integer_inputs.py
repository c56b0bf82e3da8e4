"""Integer-valued inputs: parameters that a model compares with whole numbers.

The model's output is then the same from one whole number to the next and jumps there
(a day on which something ends, a count). A smooth emulator has to take the jumps for
noise; one that is given the middle of each unit in place of the parameter has none to
explain, and its posterior has the steps that the model's has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from masm.gaussian_process.regression import GaussianProcess
from masm.problem.problem import Problem
from masm.types import Array

# With fewer or more whole numbers in its prior a parameter is not looked at.
_FEWEST, _MOST = 5, 1000
# A parameter begins or ceases to act so when the log evidence rises by this.
CLEAR_EVIDENCE = 5.0
# What was noise because of the jumps is less without them: factors tried.
_NOISES = np.log([1.0, 0.1, 0.01, 0.001])


@dataclass(frozen=True)
class IntegerInputs:
    """Steps of the parameters in the unit cube, and which of them act by steps.

    Attributes
    ----------
    steps : for each parameter where its whole numbers lie in the cube, increasing;
        none where it cannot act as whole numbers
    active : columns that do
    """

    steps: tuple[Array, ...]
    active: frozenset[int] = frozenset()

    @classmethod
    def none(cls, n_parameters: int) -> IntegerInputs:
        """No parameter can."""
        return cls((np.empty(0),) * n_parameters)

    @classmethod
    def of(cls, problem: Problem) -> IntegerInputs:
        """Those that a problem's parameters might act by, in their own units."""
        steps = []
        for name in problem.active:
            prior = problem.priors[name]
            whole = np.arange(np.floor(prior.low) + 1.0, np.ceil(prior.high))
            fits = _FEWEST <= len(whole) + 1 <= _MOST
            steps.append(np.asarray(prior.cdf(whole if fits else []), float))
        return cls(tuple(steps))

    @property
    def candidates(self) -> list[int]:
        """Columns of parameters that might act as whole numbers."""
        return [j for j, steps in enumerate(self.steps) if len(steps)]

    def __call__(self, u: Array) -> Array:
        """Points with the middle of the unit in place of each active parameter."""
        if not self.active:
            return u
        middle = np.array(u)
        for j in self.active:
            steps = self.steps[j]
            edges = np.concatenate([[0.0], steps, [1.0]])
            of_unit = 0.5 * (edges[1:] + edges[:-1])
            middle[:, j] = of_unit[np.searchsorted(steps, u[:, j], side="right")]
        return middle

    def with_switched(self, j: int) -> IntegerInputs:
        """The same, but for one parameter that begins or ceases to act so."""
        return replace(self, active=self.active ^ {j})

    def select_by_evidence(
        self,
        processes: Sequence[GaussianProcess],
        u: Array,
        warp: Callable[[Array], Array],
        clear_evidence: float = CLEAR_EVIDENCE,
    ) -> IntegerInputs:
        """Switch parameters under which the processes are clearly more likely.

        Parameters
        ----------
        processes : fitted; their hyper-parameters but for the noise are kept
        u : (n_samples, n_parameters), their points in the unit cube
        warp : from points to the inputs of the processes
        clear_evidence : least gain of log evidence for a switch
        """
        best = self
        most = _log_evidence(processes, warp(best(u)))
        for j in self.candidates:
            trial = best.with_switched(j)
            evidence = _log_evidence(processes, warp(trial(u)))
            if evidence > most + clear_evidence:
                best, most = trial, evidence
        return best


def _log_evidence(processes: Sequence[GaussianProcess], x: Array) -> float:
    """Log evidence of the processes' outputs at other inputs, noise as is best."""
    total = 0.0
    for gp in processes:
        objective, noise = gp.objective(x), np.zeros(len(gp.log_parameters))
        noise[x.shape[1] + 1] = 1.0
        total -= min(objective(gp.log_parameters + n * noise)[0] for n in _NOISES)
    return total
