"""The calibration methods that ``masm`` offers, their options, and what they cost."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from jobs.config.schema import Config

# Options that have a place of their own in the file, or are for studies in Python.
_ELSEWHERE = ("proposals", "settings")


def method_names() -> list[str]:
    """Return the names of the methods."""
    return list(_methods())


def method_defaults(method: str) -> dict[str, Any]:
    """Return each option of a method with its default."""
    sample = importlib.import_module(_methods()[method]).sample
    parameters = list(inspect.signature(sample).parameters.values())[2:]
    return {p.name: p.default for p in parameters if p.name not in _ELSEWHERE}


def wanted_kind(default: Any, value: Any) -> str:
    """Return what an option with this default wants to be, empty if the value is."""
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "true or false"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if default is None or isinstance(default, int):
        whole = isinstance(value, int) and number
        return "" if whole and value >= 0 else "a whole number >= 0"
    if isinstance(default, float):
        return "" if number and value > 0 else "a number above zero"
    return ""


def with_defaults(config: Config) -> Config:
    """Return the configuration with every option of its method written out."""
    chosen = config.calibration
    options = method_defaults(chosen.method) | dict(chosen.options)
    calibration = chosen.model_copy(update={"options": options})
    return config.model_copy(update={"calibration": calibration})


def expected_runs(config: Config) -> int | None:
    """Return about how many model runs a pixel takes, None if it cannot be told."""
    options = with_defaults(config).calibration.options
    blocks = config.calibration.blocks
    sizes = [len(block.parameters) for block in blocks]
    if config.calibration.proposals == "blocks":
        sizes = [len({name for block in blocks for name in block.parameters})]
    if "max_runs" in options:
        default_runs = importlib.import_module(
            "masm.methods.adaptive.loop"
        ).default_runs
        return sum(int(options["max_runs"] or default_runs(size)) for size in sizes)
    wanted = ("n_initial_per_parameter", "n_iterations", "n_check")
    if any(name not in options for name in wanted):
        return None
    per_parameter, iterations, check = (int(options[name]) for name in wanted)
    return sum(per_parameter * size + 5 * iterations + check for size in sizes)


def _methods() -> dict[str, str]:
    return importlib.import_module("masm.methods.registry").METHODS
