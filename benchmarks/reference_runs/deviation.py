"""The worst deviation of one run from its reference."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Deviation:
    """Where a run is furthest from its reference.

    Attributes
    ----------
    run : str
        Name of the run.
    where : str
        Column, and step or date, of the worst value.
    value : float
        The deviation, in the measure that the model's file names; NaN where the run
        gave no number.
    tolerance : float
        The largest deviation that is accepted, in the same measure.
    measure : str
        What is measured, such as "of the column's maximum".
    """

    run: str
    where: str
    value: float
    tolerance: float
    measure: str

    @property
    def accepted(self) -> bool:
        """Whether the deviation is a number within the tolerance."""
        return self.value <= self.tolerance
