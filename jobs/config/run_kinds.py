"""Kinds of runs beside the run of pixels, known by a key of their configuration.

A kind has a configuration and commands of its own; `jobs.cli.run_kinds` says what
``masm check``, ``run``, ``status`` and ``report`` do with it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunKind:
    """A kind of run.

    Attributes
    ----------
    name : str
        For people, with its article.
    key : str
        The top-level key of ``config.yaml`` that only such a run has.
    commands : tuple of str
        What can be done with such a run.
    """

    name: str
    key: str
    commands: tuple[str, ...]


REANALYSIS = RunKind(
    "a reanalysis",
    "reanalysis",
    ("masm check", "masm reanalyse", "masm run", "masm report", "masm export"),
)
SOIL_CARBON = RunKind(
    "a soil-carbon run",
    "kind",
    ("masm check", "masm run", "masm status", "masm report"),
)
SWATH = RunKind("a swath run", "swath", ("masm check", "masm swath", "masm run"))

KINDS = (REANALYSIS, SOIL_CARBON, SWATH)
