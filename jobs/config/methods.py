"""The calibration methods that ``masm`` offers, as a configuration sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobs.config.schema import Config

if TYPE_CHECKING:
    from masm import Method


def method_names() -> list[str]:
    """Return the names of the methods."""
    from masm import METHODS

    return list(METHODS)


def method_defaults(method: str) -> dict[str, Any]:
    """Return each option of a method with its default."""
    return _method(method).options


def takes_proposals(method: str) -> bool:
    """Return whether chains of a method can move one block at a time."""
    return _method(method).takes_proposals


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


def wanted_value(method: str, name: str, value: Any) -> str:
    """Return what an option of a method wants to be, empty if the value is that."""
    default = method_defaults(method)[name]
    limits = {limit.option: limit for limit in _method(method).limits}
    if name not in limits:
        return wanted_kind(default, value)
    whole = isinstance(default, int)
    if whole and (kind := wanted_kind(default, value)):
        return kind
    return "" if limits[name].holds(value) else limits[name].wanted


def with_defaults(config: Config) -> Config:
    """Return the configuration with every option of its method written out."""
    chosen = config.calibration
    options = method_defaults(chosen.method) | dict(chosen.options)
    calibration = chosen.model_copy(update={"options": options})
    return config.model_copy(update={"calibration": calibration})


def expected_runs(config: Config) -> int:
    """Return how many model runs a pixel takes, if none of its budget is saved."""
    from masm.calibrate import expected_runs as runs_of

    options = with_defaults(config).calibration.options
    blocks = config.calibration.blocks
    sizes = [len(block.parameters) for block in blocks]
    if config.calibration.proposals == "blocks":
        sizes = [len({name for block in blocks for name in block.parameters})]
    used = {name for block in blocks for name in block.streams}
    wrong = any(config.streams[name].discrepancy is not None for name in used)
    every = {name for block in blocks for name in block.parameters}
    return runs_of(
        config.calibration.method,
        sizes * config.calibration.sweeps,
        options,
        n_slopes=len(every) if wrong else 0,
    )


def _method(name: str) -> Method:
    from masm import method_of

    return method_of(name)
