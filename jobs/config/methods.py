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

    return runs_of(
        config.calibration.method,
        _sizes(config) * config.calibration.sweeps,
        with_defaults(config).calibration.options,
        n_slopes=_n_slopes(config),
    )


def least_runs(config: Config) -> int:
    """Return the fewest model runs of a pixel whose parameters are found together."""
    from masm.calibrate import least_runs as least_of

    (n_parameters,) = _sizes(config)
    return least_of(config.calibration.method, n_parameters, n_slopes=_n_slopes(config))


def is_joint(config: Config) -> bool:
    """Return whether all parameters are found together, and not block after block."""
    chosen = config.calibration
    return len(chosen.blocks) == 1 or chosen.proposals == "blocks"


def _sizes(config: Config) -> list[int]:
    """Return the number of parameters of each step."""
    blocks = config.calibration.blocks
    if config.calibration.proposals == "blocks":
        return [len({name for block in blocks for name in block.parameters})]
    return [len(block.parameters) for block in blocks]


def _n_slopes(config: Config) -> int:
    """Return the number of parameters whose slopes a model's discrepancy asks for."""
    blocks = config.calibration.blocks
    used = {name for block in blocks for name in block.streams}
    streams = [config.streams[name] for name in used & config.streams.keys()]
    if all(stream.discrepancy is None for stream in streams):
        return 0
    return len({name for block in blocks for name in block.parameters})


def _method(name: str) -> Method:
    from masm import method_of

    return method_of(name)
