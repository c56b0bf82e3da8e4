"""The process model that a configuration names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from jobs.config.schema import Config, Model
from jobs.process_models.base import ProcessModel, Settings
from jobs.process_models.registry import open_model
from jobs.process_models.scaled import Group, ScaledModel


class NamesModel(Protocol):
    """A configuration with a section ``model``."""

    @property
    def model(self) -> Model:
        """The section."""

    @property
    def folder(self) -> Path:
        """Folder of the file."""


def model_of(config: NamesModel) -> ProcessModel:
    """Return the adapter of a run's process model.

    Raises
    ------
    ConfigError
        If there is no such model, or it refuses its options.
    """
    chosen = config.model
    options = json.dumps(dict(chosen.options), sort_keys=True)
    model = _opened(chosen.name, chosen.spinup_cycles, options, config.folder)
    if not chosen.scaling:
        return model
    groups = {
        name: Group(tuple(rule.parameters), rule.low, rule.high)
        for name, rule in chosen.scaling.items()
    }
    return ScaledModel(model, groups)


def units_of(config: Config) -> Mapping[str, str]:
    """Return the unit of each output that can be calibrated on."""
    return {name: output.unit for name, output in model_of(config).outputs.items()}


@lru_cache(maxsize=8)
def _opened(name: str, spinup_cycles: int, options: str, folder: Path) -> ProcessModel:
    return open_model(name, Settings(spinup_cycles, json.loads(options), folder))
