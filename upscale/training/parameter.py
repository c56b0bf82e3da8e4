"""A parameter to be mapped, and its fitted model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from upscale.training.parameter_fit import Skill, UnitModel
from upscale.training.trees import TreeSettings
from upscale.types import Floats


@dataclass(frozen=True)
class Parameter:
    """A parameter and its prior.

    Attributes
    ----------
    name, unit : str
    low, high : float
        Bounds of the prior.
    default : float
        NaN if none was given.
    """

    name: str
    low: float
    high: float
    default: float
    unit: str

    @property
    def width(self) -> float:
        """Range of the prior."""
        return self.high - self.low

    def to_unit(self, values: Any) -> Any:
        """From own unit to 0-1."""
        return (values - self.low) / self.width

    def from_unit(self, fraction: Floats) -> Floats:
        """From 0-1 to own unit, never outside the bounds by rounding."""
        return np.clip(self.low + fraction * self.width, self.low, self.high)


@dataclass(frozen=True, eq=False)
class ParameterModel:
    """One parameter's trained model.

    Attributes
    ----------
    parameter : Parameter
    settings : TreeSettings
        That tuning chose.
    skill : Skill
        Against the mean, on held-out blocks.
    unit_model : UnitModel
        Predicts between 0 and 1.
    """

    parameter: Parameter
    settings: TreeSettings
    skill: Skill
    unit_model: UnitModel

    @property
    def upscaled(self) -> bool:
        """Whether the map is of trees; otherwise it is the region's mean."""
        return self.unit_model.trees is not None
