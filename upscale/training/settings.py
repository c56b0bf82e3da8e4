"""Settings of the training of an upscaler, checked where they are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from upscale.errors import InputError


@dataclass(frozen=True)
class TrainingRules:
    """Settings of the training, and its budget.

    Attributes
    ----------
    test_fraction : float
        Of the random split.
    n_folds : int
        Folds of whole blocks.
    block_km : float or None
        Side of a block; None takes the largest of 200, 100, 50, 25 and 10 km that
        gives four occupied blocks for each fold.
    n_candidates, max_trees : int
        Budget of tuning for each parameter: settings tried, and trees of each; every
        one is fitted once a fold, on the training fraction of the random split.
    weighting : {"precision", "none"}
        Whether pixels count by the precision of their posteriors.
    intervals_for : {"calibrated", "parameter"}
        Of what p05 to p95 hold nine tenths on blocks without a calibrated pixel: the
        values that calibrations there would give (posterior means), or draws of such
        posteriors, which is what would be known of the parameter itself. Between
        calibrated neighbours they hold more, and so they do of a truth that varies
        less than posteriors are wide.
    skill_margin : float
        Standard errors over blocks by which trees have to beat the mean: 1.645 is a
        one-sided test at 5 %.
    least_pixels : int
        Calibrated pixels below which nothing is trained, at least 10. Below 30 a
        warning says that skill and intervals are hardly known.

    Examples
    --------
    >>> import upscale
    >>> upscale.TrainingRules(n_candidates=1, max_trees=50).n_folds
    5
    """

    test_fraction: float = 0.3
    n_folds: int = 5
    block_km: float | None = None
    n_candidates: int = 8
    max_trees: int = 300
    weighting: Literal["precision", "none"] = "precision"
    intervals_for: Literal["calibrated", "parameter"] = "calibrated"
    skill_margin: float = 1.645
    least_pixels: int = 30

    def __post_init__(self) -> None:
        wrong = {
            "test_fraction": (0.0 < self.test_fraction < 1.0, "between 0 and 1"),
            "n_folds": (self.n_folds >= 2, "2 or more"),
            "block_km": (self.block_km is None or self.block_km > 0.0, "above 0"),
            "n_candidates": (self.n_candidates >= 1, "1 or more"),
            "max_trees": (self.max_trees >= 1, "1 or more"),
            "weighting": (
                self.weighting in ("precision", "none"),
                '"precision" or "none"',
            ),
            "intervals_for": (
                self.intervals_for in ("calibrated", "parameter"),
                '"calibrated" or "parameter"',
            ),
            "least_pixels": (self.least_pixels >= 10, "10 or more"),
            "skill_margin": (self.skill_margin >= 0.0, "0 or more"),
        }
        for name, (right, wanted) in wrong.items():
            if not right:
                raise InputError(f"rules.{name}", repr(getattr(self, name)), wanted)
