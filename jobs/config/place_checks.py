"""What no place on land is: the same rule for every table and section of places."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PlaceFault:
    """What is wrong with a place: the words of a `Problem`, without its file."""

    what: str
    found: str
    wanted: str
    hint: str


def place_fault(
    latitude: float,
    longitude: float,
    sand: float | None = None,
    clay: float | None = None,
) -> PlaceFault | None:
    """Find coordinates that stand for missing ones, and soil that is no percentage.

    Parameters
    ----------
    latitude, longitude : float
        Degrees.
    sand, clay : float, optional
        % by weight.

    Examples
    --------
    >>> place_fault(42.5, -72.2, 66.0, 6.0) is None
    True
    >>> place_fault(42.5, -72.2, 0.66, 0.06).what
    'sand and clay'
    """
    if latitude == 0.0 and longitude == 0.0:
        return PlaceFault(
            "latitude and longitude", "0 and 0, which is in the sea",
            "the coordinates of the place", "Are they missing in the table?",
        )  # fmt: skip
    if sand is not None and clay is not None and 0.0 < sand + clay <= 1.0:
        return PlaceFault(
            "sand and clay", f"{sand:g} % and {clay:g} %", "percent by weight",
            "They look like fractions of 1: multiply by 100.",
        )  # fmt: skip
    return None
