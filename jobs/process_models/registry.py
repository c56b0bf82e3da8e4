"""The process models by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from jobs.errors import ConfigError, Problem, did_you_mean
from jobs.process_models.base import ProcessModel, Settings

MODELS: dict[str, str] = {
    "ibis_dalec": "jobs.process_models.ibis_dalec:IbisDalec",
    "sipnet": "jobs.process_models.sipnet:Sipnet",
    "century": "jobs.process_models.century:Century",
    "dalec_bethy": "jobs.process_models.dalec_bethy:DalecBethy",
    "executable": "jobs.process_models.executable:Executable",
}
"""Name, and the module and class of the adapter. A further model is one more line."""

DEFAULT_MODEL = "ibis_dalec"


def open_model(name: str, settings: Settings) -> ProcessModel:
    """Return the adapter of a process model.

    Raises
    ------
    ConfigError
        If there is no model of this name, or it refuses its settings.
    """
    if name not in MODELS:
        raise ConfigError(
            Problem(
                "config.yaml",
                "model.name",
                found=f'an unknown process model "{name}"',
                wanted=f"one of {', '.join(MODELS)}",
                hint=did_you_mean(name, MODELS),
            )
        )
    module, _, attribute = MODELS[name].partition(":")
    make: Callable[[Settings], ProcessModel] = getattr(
        importlib.import_module(module), attribute
    )
    return make(settings)


def refuse_options(name: str, settings: Settings, known: dict[str, str]) -> None:
    """Refuse options that a model does not have.

    Parameters
    ----------
    name : str
        The model.
    settings : Settings
        Its settings.
    known : dict
        Option name to what is wanted of it.

    Raises
    ------
    ConfigError
        Naming each unknown option.
    """
    problems = [
        Problem(
            "config.yaml",
            f"model.options.{option}",
            found=f'an unknown option "{option}"',
            wanted=f"an option of {name}: {', '.join(known) or 'it has none'}",
            hint=did_you_mean(option, known),
        )
        for option in settings.options
        if option not in known
    ]
    if problems:
        raise ConfigError(problems)
