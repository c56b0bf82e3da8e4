"""Errors a user can fix: where, what was found, what was wanted, a hint."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

_MOST = 2000
"""Characters of a text that are shown."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a configuration, an input or a run folder.

    Attributes
    ----------
    where
        File, with line and column where they are known.
    what
        The dotted key, variable or statement the problem is about.
    found, wanted, hint
        What was found, what was wanted, and the likely fix. Empty ones are left out.
    """

    where: str
    what: str
    found: str = ""
    wanted: str = ""
    hint: str = ""

    def __str__(self) -> str:
        rows = [f"{self.where}  {self.what}" if self.where else self.what]
        for label, text in (
            ("found", self.found),
            ("wanted", self.wanted),
            ("hint", self.hint),
        ):
            if text:
                rows.append(f"  {label:<7} {_shortened(text)}")
        return "\n".join(rows)


def _shortened(text: str) -> str:
    """Cut what nobody reads to its end, such as the names of 100,000 columns."""
    return (
        text if len(text) <= _MOST else f"{text[:_MOST]} ... ({len(text)} characters)"
    )


class ConfigError(ValueError):
    """The command line, the configuration or the inputs are wrong; nothing started.

    Parameters
    ----------
    problems
        Every problem found, so that one attempt shows them all.

    Examples
    --------
    >>> from jobs.errors import ConfigError, Problem
    >>> problem = Problem("config.yaml:3:7", "seed", found="abc", wanted="a number")
    >>> print(ConfigError(problem))
    config.yaml:3:7  seed
      found   abc
      wanted  a number
    """

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        if isinstance(problems, Problem):
            problems = (problems,)
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[Problem, ...]]]:
        """Come whole out of a worker process, where errors are pickled."""
        return type(self), (self.problems,)


class NothingObserved(ConfigError):
    """A stream has no value in the years asked for; nothing in it is wrong."""


class Submitted(Exception):
    """All tasks are in a queue now; nothing is wrong, and nothing is done yet here."""


class PartlySubmitted(RuntimeError):
    """Some work is in a queue and some could not be put there.

    Parameters
    ----------
    problem
        What is queued, what is not, and how to go on.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))

    def __reduce__(self) -> tuple[type[PartlySubmitted], tuple[Problem]]:
        """Come whole out of a worker process, where errors are pickled."""
        return type(self), (self.problem,)


class DiskFull(KeyboardInterrupt):
    """Nothing more can be written; what was finished is on disk."""


class SystemFault(KeyboardInterrupt):
    """The system could not read or write a file just now; no datum is to blame.

    Not an ``Exception``, so that code which takes what it cannot read for damage does
    not take this for it. The same command may well succeed a moment later.
    """


class OutOfTime(BaseException):
    """A pixel took longer than ``execution.pixel_minutes`` allows.

    Not an ``Exception``, for the same reason as `Stopped`.
    """


class Stopped(KeyboardInterrupt):
    """A signal asked the run to stop; what was finished is on disk.

    Not an ``Exception``, so that code which survives failed model runs does not
    survive a signal to stop.
    """


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint naming the nearest known word, or the known words.

    Examples
    --------
    >>> did_you_mean("vmx", ["vmax", "alpha3"])
    'Did you mean "vmax"?'
    >>> did_you_mean("zzz", ["gpp", "lai"])
    'Known: gpp, lai.'
    """
    known = list(known)
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f'Did you mean "{near[0]}"?'
    return f"Known: {', '.join(known)}."
