"""Commands for files of the Calibrated Land Model Intercomparison (CalLMIP)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.error_handler import error_handler
from jobs.cli.options import flag, talking
from jobs.console import print_out, show
from jobs.exit_codes import Exit

if TYPE_CHECKING:
    from jobs.callmip.findings import Finding

callmip_app = typer.Typer(
    no_args_is_help=True,
    epilog="Example: masm callmip check rehearsal.nc",
    help="Check or write files for CalLMIP, the comparison of calibrated land models.",
)


@callmip_app.callback()
def callmip() -> None:
    """Check or write files for CalLMIP, the comparison of calibrated land models."""


@callmip_app.command(epilog="Example: masm callmip check rehearsal.nc")
@talking(has_json=False)
def check(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="a file, a folder or a run", show_default=False
        ),
    ],
    records: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="the project's flux and weather files, to compare years and places",
        ),
    ] = None,
    as_json: Annotated[bool, flag("--json", help="as JSON, for scripts")] = False,
) -> None:
    """Compare files with the protocol of Phase 1b; exit code 2 where one has errors.

    In a folder, every netCDF file is checked, and then all together: each site occurs
    once, and its prior and posterior have the same days.
    """
    with error_handler(path.parent, "callmip", again="the same command"):
        from jobs.callmip.check import check_path
        from jobs.callmip.findings import has_errors

        files, findings = check_path(path, records)
        if as_json:
            print_out(_as_json(path, files, findings))
        else:
            show(_text(files, findings))
    if has_errors(findings):
        raise typer.Exit(Exit.WRONG)


@callmip_app.command(epilog="Example: masm callmip export site")
@talking()
def export(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="the run folder", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="output folder; if not given, RUN/callmip"),
    ] = None,
) -> None:
    """Write a REHEARSAL: prior and posterior files of the run's calibrated towers.

    They have the form of CalLMIP and are marked as not for upload, because a submission
    needs the project's own weather. The check then lists what else a submission needs.
    """
    with error_handler(run, "callmip", again=f"masm callmip export {run}"):
        from jobs.callmip.check import check_path
        from jobs.callmip.export import export_run
        from jobs.run.run import open_run

        opened = open_run(run)
        if output is None:
            opened.folder.require_writable()
        for path in export_run(opened, output or run / "callmip"):
            counts = _counts(check_path(path)[1])
            show(f"wrote {path}\n  rehearsal, errors {counts['error']}")


def _counts(findings: list[Finding]) -> dict[str, int]:
    from jobs.callmip.findings import Level

    return {
        level.value: sum(finding.level is level for finding in findings)
        for level in Level
    }


def _as_json(path: Path, files: list[Path], findings: list[Finding]) -> str:
    content = {
        "path": str(path),
        "n_files": len(files),
        "counts": _counts(findings),
        "findings": [finding.as_dict() for finding in findings],
    }
    return json.dumps(content, indent=2)


def _text(files: list[Path], findings: list[Finding]) -> str:
    counts = _counts(findings)
    total = ", ".join(f"{level} {count}" for level, count in counts.items())
    conclusion = "not to be handed in" if counts["error"] else "may be handed in"
    return "\n".join(
        [*map(str, findings), f"files {len(files)}: {total}; {conclusion}"],
    )
