"""What is known before the first run, from calibrations of problems much like this.

Draws of their posteriors are where the first runs are worth most, and the shape of the
emulator found there (which parameters act as whole numbers, how inputs are warped) is a
better beginning than none. The prior, the likelihood and so the posterior that is
sought stay what they are: draws of others are places to look at and are never weighed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from masm.errors import InputError
from masm.types import Array

_WHOLE_UNITS, _WARP = "whole_units", "warp"


class Calibrated(Protocol):
    """What is asked of a finished calibration, such as a `masm.Result`."""

    @property
    def posterior(self) -> Any:
        """Draws, a variable (chain, draw) for each parameter."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the calibrated parameters."""

    @property
    def attrs(self) -> Mapping[str, Any]:
        """Numbers and texts about the whole."""


@dataclass(frozen=True)
class Start:
    """A borrowed start, of the method ``"emulator"``.

    Attributes
    ----------
    draws : mapping of str to ndarray (draw,)
        Of each parameter, in its own unit, a row of all parameters belonging
        together. Half of the first runs are made at some of them.
    whole_units : tuple of str
        Parameters that act as whole numbers there.
    warp : mapping of str to float
        Warp of each parameter's axis, as `masm.surrogates.input_warping.Warp` has it.

    Examples
    --------
    >>> start = Start({"a": np.array([0.2, 0.4]), "b": np.array([1.0, 3.0])})
    >>> start.points(["b", "a"]).tolist()
    [[1.0, 0.2], [3.0, 0.4]]
    """

    draws: Mapping[str, Array]
    whole_units: tuple[str, ...] = ()
    warp: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Sequence[Calibrated]) -> Start:
        """Take what several calibrations found; each gives as many draws.

        A parameter acts as whole numbers where it does so in most of them; warps are
        means.

        Raises
        ------
        InputError
            If there are no results, or they have not the same parameters.
        """
        if not results:
            raise InputError("start", found="no results", wanted="one or more")
        names = results[0].parameters
        for result in results:
            if set(result.parameters) != set(names):
                raise InputError(
                    "results of a start differ in their parameters",
                    found=" and ".join(
                        ", ".join(sorted(found)) for found in (names, result.parameters)
                    ),
                    wanted="results of the same parameters",
                )
        size = min(result.posterior[names[0]].size for result in results)
        draws: dict[str, list[Array]] = {name: [] for name in names}
        for result in results:
            flat = {name: result.posterior[name].to_numpy().ravel() for name in names}
            rows = np.linspace(0, flat[names[0]].size - 1, size).round().astype(int)
            for name in names:
                draws[name].append(np.asarray(flat[name][rows], float))
        votes = [str(r.attrs.get(_WHOLE_UNITS, "")).split() for r in results]
        whole = [
            name
            for name in names
            if 2 * sum(name in vote for vote in votes) > len(results)
        ]
        warps = [_warp_of(result) for result in results]
        warp = {
            name: float(np.mean([one.get(name, 0.0) for one in warps]))
            for name in names
        }
        return cls(
            {name: np.concatenate(parts) for name, parts in draws.items()},
            tuple(whole),
            warp,
        )

    def points(self, names: Sequence[str]) -> Array:
        """Return the draws of some parameters, (draw, parameter)."""
        return np.stack([np.asarray(self.draws[name], float) for name in names], axis=1)


def _warp_of(result: Calibrated) -> dict[str, float]:
    text = str(result.attrs.get(_WARP, ""))
    pairs = (pair.split("=") for pair in text.split())
    return {name: float(value) for name, value in pairs}
