"""What the common commands do with each kind of run that is not one of pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from jobs.config.run_kinds import REANALYSIS, SOIL_CARBON, SWATH, RunKind
from jobs.exit_codes import Exit
from jobs.run.run_kind import kind_of


@dataclass(frozen=True)
class Commands:
    """The commands of a kind of run.

    Attributes
    ----------
    check : callable
        ``check(folder, doubts)`` opens every input and yields lines that say what
        there is, puts what is suspicious into the list, and writes nothing.
    run : callable
        ``run(folder, executor)`` does what is left.
    report : callable, optional
        Writes the report.
    status : callable, optional
        Yields lines that say how far the run is.
    export : callable, optional
        Writes maps.
    """

    check: Callable[[Path, list[str]], Iterable[str]]
    run: Callable[[Path, str | None], Exit]
    report: Callable[[Path], None] | None = None
    status: Callable[[Path], Iterable[str]] | None = None
    export: Callable[[Path], None] | None = None


def commands_of(run: Path) -> Commands | None:
    """Return the commands of a run's kind; None for a run of pixels."""
    kind = kind_of(run)
    return None if kind is None else _COMMANDS[kind]()


def _of_a_reanalysis() -> Commands:
    from jobs.cli import reanalyse

    return Commands(
        reanalyse.check_run,
        reanalyse.reanalyse_run,
        reanalyse.report_run,
        export=reanalyse.export_run,
    )


def _of_soil_carbon() -> Commands:
    from jobs.cli import soil_carbon

    return Commands(
        soil_carbon.describe,
        soil_carbon.run_soil_carbon,
        soil_carbon.show_report,
        soil_carbon.status_soil_carbon,
    )


def _of_a_swath() -> Commands:
    from jobs.cli import swath

    return Commands(
        swath.check_swath, swath.run_swath, swath.report_swath, swath.status_swath
    )


_COMMANDS: dict[RunKind, Callable[[], Commands]] = {
    REANALYSIS: _of_a_reanalysis,
    SOIL_CARBON: _of_soil_carbon,
    SWATH: _of_a_swath,
}
"""A further kind is one more line."""
