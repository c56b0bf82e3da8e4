"""State of a run: counts of states, why pixels failed, how long is left."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from jobs.run.folder import RunFolder
from jobs.run.pixel import Pixel
from jobs.run.pixel_state import STATES, State
from jobs.run.states import states_of
from jobs.text_tables import counted


@dataclass(frozen=True)
class Status:
    """The state of a run.

    Attributes
    ----------
    n_pixels : int
        Pixels of the run.
    states : dict
        How many pixels are in each state.
    reasons : dict
        How many failed or skipped pixels for each reason.
    suspect : dict
        How many suspect pixels for each reason.
    damaged : dict
        How many pixels have files that are not what was written, by what is wrong.
    median_minutes, slow_minutes : float or None
        Minutes a finished pixel took: median and 90th percentile.
    minutes_left : float or None
        An estimate, from the median and the pixels that run now.
    """

    n_pixels: int
    states: dict[State, int]
    reasons: dict[str, int] = field(default_factory=dict)
    suspect: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, int] = field(default_factory=dict)
    median_minutes: float | None = None
    slow_minutes: float | None = None
    minutes_left: float | None = None

    def as_dict(self) -> dict[str, object]:
        """Return plain values, for JSON."""
        return asdict(self)


def status_of(folder: RunFolder, pixels: Sequence[Pixel]) -> Status:
    """Read the state of every pixel and count; none of them is kept."""
    counts: Counter[State] = Counter()
    reasons: dict[State, Counter[str]] = {
        state: Counter() for state in ("failed", "skipped", "suspect")
    }
    damaged: Counter[str] = Counter()
    minutes = array("d")
    for _, found in states_of(folder, pixels):
        counts[found.state] += 1
        if found.state in reasons:
            reasons[found.state][found.reason or "?"] += 1
        if found.damage:
            damaged[found.damage] += 1
        if found.minutes is not None:
            minutes.append(found.minutes)
    median = slow = left = None
    if minutes:
        ordered = sorted(minutes)
        median = ordered[len(ordered) // 2]
        slow = ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]
        waiting = counts["waiting"] + counts["running"] / 2
        left = waiting * median / max(1, counts["running"])
    return Status(
        len(pixels),
        {state: counts[state] for state in STATES},
        dict(reasons["failed"].most_common() + reasons["skipped"].most_common()),
        dict(reasons["suspect"].most_common()),
        dict(damaged.most_common()),
        median,
        slow,
        left,
    )


def lines(
    status: Status, run: Path, stages: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Yield the status as a person reads it.

    Parameters
    ----------
    status : Status
        Of the calibration.
    run : Path
        The run folder.
    stages : mapping, optional
        State of the other stages, as `jobs.stages.stage_states.stages_of` says.
    """
    for before, word in (stages or {}).items():
        if before == "calibrate":
            break
        yield f"{before:<9}  {word}"
    counts = "   ".join(
        f"{state} {number}" for state, number in status.states.items() if number
    )
    yield f"calibrate  {counted(status.n_pixels, 'pixels')}   {counts}"
    for title, reasons in (("suspect", status.suspect), ("failed", status.reasons)):
        if reasons:
            listed = "   ".join(f"{reason} {n}" for reason, n in reasons.items())
            yield f"  {title}: {listed}"
    if status.damaged:
        listed = "   ".join(f"{what} {n}" for what, n in status.damaged.items())
        yield f"  damaged: {listed}"
    if status.reasons:
        first = next(iter(status.reasons))
        yield f"  try again: masm retry {run} --reason {first}"
    if status.median_minutes is not None and status.slow_minutes is not None:
        line = (
            f"  pace: median {status.median_minutes:.1f} min a pixel "
            f"(90 % under {status.slow_minutes:.1f})"
        )
        if status.states["running"] and status.minutes_left is not None:
            line += f"; about {status.minutes_left:.0f} min left"
        yield line
    later = list(stages or {})
    for name in later[later.index("calibrate") + 1 :] if later else []:
        yield f"{name:<9}  {(stages or {})[name]}"
