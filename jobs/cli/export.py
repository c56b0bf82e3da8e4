"""``masm export RUN --for FORMAT``: simulations in the format of another community."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jobs.console import show
from jobs.errors import ConfigError, Problem, did_you_mean
from jobs.text_tables import counted


def export_for(
    path: Path, standard: str, ids: Sequence[str], output: Path | None
) -> None:
    """Simulate the calibrated pixels and write them in a format.

    Raises
    ------
    ConfigError
        If there is no such format, the run is not one of pixels, or one of those asked
        for is not calibrated.
    """
    from jobs.run.pixels import choose
    from jobs.run.run import open_run
    from jobs.run.run_kind import kind_of
    from jobs.standards.export import Standard, export_standard

    known = [str(one) for one in Standard]
    if standard not in known:
        raise ConfigError(
            Problem(
                "",
                "--for",
                found=f'"{standard}"',
                wanted=", ".join(known),
                hint=did_you_mean(standard, known)
                or "CalLMIP has a command of its own: masm callmip export RUN",
            )
        )
    kind = kind_of(path)
    if kind is not None:
        raise ConfigError(
            Problem(
                str(path),
                f"--for {standard}",
                found=kind.name,
                wanted="a run of pixels that were calibrated",
            )
        )
    run = open_run(path)
    pixels = choose(run.pixels, ids)
    if output is None:
        run.folder.require_writable()
    folder = output or path / "export" / standard
    n_files = 0
    for written in export_standard(run, pixels, Standard(standard), folder):
        n_files += 1
        if n_files <= 1:
            show(f"first {written}")
    amount = f"{counted(n_files, 'files')} of {counted(len(pixels), 'pixels')}"
    show(f"wrote {amount} to {folder}")


def refuse_without_standard(pixel: Sequence[str] | None, output: Path | None) -> None:
    """Refuse options that maps do not take.

    Raises
    ------
    ConfigError
        If one is given.
    """
    given = [name for name, one in (("--pixel", pixel), ("--output", output)) if one]
    if given:
        raise ConfigError(
            Problem(
                "",
                given[0],
                found="no --for",
                wanted="--for ilamb, pecan or efi beside it; maps are of the whole run",
            )
        )
