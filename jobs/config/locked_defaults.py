"""What a started run takes from its lock: defaults, where the user has set nothing.

The defaults of a later version of this software must not change a run that has
started, nor make it unreadable. Keys that the user has set are another matter: they are
compared, by `jobs.config.lock.check_lock`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from jobs.config.methods import method_defaults, wanted_value
from jobs.config.schema import EXECUTION_KEYS, Config

Keys = tuple[Any, ...]
_OPTIONS = ("calibration", "options")


def with_locked_sections(
    config: Config, written: Any, locked: Any, were_set: Collection[Keys]
) -> Config:
    """Return a configuration with the lock's values for what its file leaves out.

    Options of the method are the user's only: see `with_locked_options`.

    Parameters
    ----------
    config : Config
        The user's configuration, validated.
    written, locked : mapping
        What its file holds, and what the lock holds.
    were_set : collection of tuple
        Key paths that the user's file held when the run started: left out now, they
        were taken away, and the lock does not fill them.

    Raises
    ------
    pydantic.ValidationError
        If this version of the software refuses a locked value.
    """
    locked = _with_former_defaults(locked)
    filled = dict(_filled(config, written, locked, (), were_set))
    return Config.model_validate(filled).in_folder(config.folder)


def _with_former_defaults(locked: Any) -> Any:
    """Return a lock with what held, unnamed, before a key of that name came.

    Errors of daily values within a window were independent before
    ``streams.NAME.window_correlation``.
    """
    streams = locked.get("streams")
    if not isinstance(streams, Mapping):
        return locked
    given = {
        name: {**stream, "window_correlation": 0.0}
        for name, stream in streams.items()
        if isinstance(stream, Mapping)
        and stream.get("variance") in ("given", "sampled")
        and "window_correlation" not in stream
    }
    return {**locked, "streams": {**streams, **given}}


def with_locked_options(
    config: Config, locked: Any, were_set: Collection[Keys]
) -> Config:
    """Return a configuration with every option of its method written out.

    The user's value holds before the lock's, the lock's before this version's.
    """
    chosen = config.calibration
    options = {
        **method_defaults(chosen.method),
        **{
            name: value
            for name, value in _usable_options(config, locked)
            if (*_OPTIONS, name) not in were_set
        },
        **chosen.options,
    }
    calibration = chosen.model_copy(update={"options": options})
    return config.model_copy(update={"calibration": calibration})


def lost_to_this_version(config: Config, locked: Any) -> list[Keys]:
    """Return locked science keys that this version of the software cannot use.

    Parameters
    ----------
    config : Config
        As `with_locked_sections` returns it.
    locked : mapping
        What the lock holds.
    """
    lost = list(_unknown(config, locked, ()))
    if locked["calibration"]["method"] == config.calibration.method:
        usable = {name for name, _ in _usable_options(config, locked)}
        options = locked["calibration"].get("options", {})
        lost += [(*_OPTIONS, name) for name in options if name not in usable]
    return lost


def _usable_options(config: Config, locked: Any) -> Iterator[tuple[str, Any]]:
    """Yield the locked options of the method chosen that it still takes."""
    method = config.calibration.method
    if locked["calibration"]["method"] != method:
        return
    known = method_defaults(method)
    for name, value in locked["calibration"].get("options", {}).items():
        if name in known and (
            value == known[name] or not wanted_value(method, name, value)
        ):
            yield name, value


def _filled(
    model: BaseModel, written: Any, locked: Any, keys: Keys, were_set: Collection[Keys]
) -> Iterator[tuple[str, Any]]:
    """Yield each key of a section with the user's value, or else the locked one."""
    for name, field in type(model).model_fields.items():
        here = (*keys, name)
        if name in written:
            value, inside = written[name], getattr(model, name)
            if name in locked and here[0] not in EXECUTION_KEYS:
                value = _merged(inside, value, locked[name], here, were_set)
            yield name, value
        elif (
            name in locked
            and here[0] not in EXECUTION_KEYS
            and here != _OPTIONS  # which hold None too, and are merged one by one
            and here not in were_set
            and not field.is_required()
        ):
            yield name, locked[name]


def _merged(
    inside: Any, written: Any, locked: Any, keys: Keys, were_set: Collection[Keys]
) -> Any:
    both_maps = isinstance(written, Mapping) and isinstance(locked, Mapping)
    if isinstance(inside, BaseModel) and both_maps:
        return dict(_filled(inside, written, locked, keys, were_set))
    if isinstance(inside, dict) and both_maps:
        return {
            name: _merged(inside[name], value, locked[name], (*keys, name), were_set)
            if name in locked
            else value
            for name, value in written.items()
        }
    if isinstance(inside, list) and isinstance(locked, list):
        return [
            _merged(inside[k], value, locked[k], (*keys, k), were_set)
            if k < len(locked)
            else value
            for k, value in enumerate(written)
        ]
    return written


def _unknown(inside: Any, locked: Any, keys: Keys) -> Iterator[Keys]:
    if isinstance(inside, BaseModel) and isinstance(locked, Mapping):
        fields = type(inside).model_fields
        for name, value in locked.items():
            here = (*keys, name)
            if here[0] in EXECUTION_KEYS:
                continue
            if name not in fields:
                yield here
            else:
                yield from _unknown(getattr(inside, name), value, here)
    elif isinstance(inside, dict) and isinstance(locked, Mapping):
        for name, value in locked.items():
            if name in inside:
                yield from _unknown(inside[name], value, (*keys, name))
    elif isinstance(inside, list) and isinstance(locked, list):
        for k, (one, value) in enumerate(zip(inside, locked, strict=False)):
            yield from _unknown(one, value, (*keys, k))
