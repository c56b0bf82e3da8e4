"""The calibration methods by name, and what their options may be."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from masm.errors import InputError
from masm.problem import Outcome

#: Each method's module; it has ``sample(problem, seed, **options) -> Outcome``.
METHODS = {
    "emulator": "masm.adaptive",
    "published": "masm.published",
    "metropolis": "masm.baselines.metropolis",
    "demc": "masm.baselines.demc",
    "importance": "masm.baselines.importance",
    "nelder_mead": "masm.baselines.nelder_mead",
    "lbfgsb": "masm.baselines.lbfgsb",
    "differential_evolution": "masm.baselines.differential_evolution",
    "history_matching": "masm.baselines.history_matching",
}

DEFAULT_METHOD = "emulator"

#: Methods whose runs give no posterior predictive, so that it takes runs of its own.
WITHOUT_CHECK = ("metropolis", "demc", "importance", "history_matching")


def method_of(method: str, options: Mapping[str, Any]) -> Callable[..., Outcome]:
    """Return the function of a method, when it has all these options."""
    if method not in METHODS:
        raise InputError(
            f"unknown method {method!r}", wanted=f"one of {', '.join(METHODS)}"
        )
    sample: Callable[..., Outcome] = importlib.import_module(METHODS[method]).sample
    known = list(inspect.signature(sample).parameters)[2:]
    for name in options:
        if name not in known:
            raise InputError(
                f"unknown option {name!r} of method {method!r}",
                found=name,
                wanted=f"one of {', '.join(known)}",
            )
    return sample
