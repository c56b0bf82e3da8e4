"""The command line: one command after another, each on a run folder.

Nothing heavy is imported here, so that ``masm --help`` answers at once.
"""

from __future__ import annotations

# isort: off
from jobs.isolation import isolate

isolate()  # before any module that the working directory may have too

# isort: on
from enum import StrEnum  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Annotated, Any  # noqa: E402

import typer  # noqa: E402
import typer.core  # noqa: E402

from jobs.cli.callmip import callmip_app  # noqa: E402
from jobs.cli.compare import compare  # noqa: E402
from jobs.cli.cube import region_app  # noqa: E402
from jobs.cli.diagnose import diagnose  # noqa: E402
from jobs.cli.error_handler import (  # noqa: E402
    error_handler,
    left_to_stop,
    safe_output,
)
from jobs.cli.information import information  # noqa: E402
from jobs.cli.init import Template, TemplateModel  # noqa: E402
from jobs.cli.options import Executors, flag, talking  # noqa: E402
from jobs.cli.sample import sample  # noqa: E402
from jobs.cli.sites import sites  # noqa: E402
from jobs.cli.soil_carbon_command import soil_carbon  # noqa: E402
from jobs.cli.spatial import spatial  # noqa: E402
from jobs.cli.swath import swath  # noqa: E402
from jobs.console import print_out, show  # noqa: E402
from jobs.executors.requeue import requeued_before_walltime  # noqa: E402


class FirstStepsFirst(typer.core.TyperGroup):
    """The commands, those that a newcomer needs before the others."""

    first = ("init", "check", "run", "status", "report")

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of ``masm --help``."""
        others = [name for name in self.commands if name not in self.first]
        return [*self.first, *others]


app = typer.Typer(
    cls=FirstStepsFirst,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help=(
        "Calibrate a land-carbon model, one pixel at a time, with a surrogate.\n\n"
        "Start with: masm init demo --template demo; masm run demo\n\n"
        "Exit codes: 0 all done; 1 a bug; 2 command line, config or input wrong, "
        "nothing started; 3 finished, some pixels failed; 4 too many pixels failed; "
        "5 check found something suspicious; "
        "75 stopped with its progress saved: give the same command again "
        "(calibrate: with --resume)."
    ),
)

app.add_typer(region_app, name="region")
app.add_typer(callmip_app, name="callmip")
app.command(epilog="Example: masm compare demo --methods emulator,demc --budget 300")(
    talking(has_json=False)(compare)
)
app.command(epilog="Example: masm sample trial.zarr --n 500 --fixed towers.csv")(
    talking()(sample)
)
app.command(epilog="Example: masm sites towers")(talking()(sites))
app.command(epilog="Example: masm spatial towers")(talking()(spatial))
app.command(epilog="Example: masm diagnose towers --pixel US-UMB")(talking()(diagnose))
app.command(epilog="Example: masm information demo --derivatives exact")(
    talking(has_json=False)(information)
)
app.command(epilog="Example: masm soil-carbon plateau --executor slurm")(
    talking()(soil_carbon)
)
app.command(epilog="Example: masm swath region --executor slurm")(
    talking(has_json=False)(swath)
)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"masm {version('masm')}")
        except PackageNotFoundError:
            typer.echo("masm, of a source tree that is not installed")
        raise typer.Exit()


@app.callback(epilog="Example: masm init demo --template demo; masm run demo")
def _before_every_command(
    version: Annotated[
        bool,
        flag(
            "--version", callback=_show_version, is_eager=True, help="show the version"
        ),
    ] = False,
) -> None:
    pass


RunPath = Annotated[
    Path, typer.Argument(metavar="RUN", help="the run folder", show_default=False)
]
PixelIds = Annotated[
    list[str] | None,
    typer.Option("--pixel", metavar="ID", help="only this pixel; may be repeated"),
]
Tasks = Annotated[Path | None, typer.Option(hidden=True)]
Task = Annotated[int, typer.Option(hidden=True)]


class Parameters(StrEnum):
    """Parameter sets to simulate with."""

    DEFAULT = "default"
    CALIBRATED = "calibrated"
    UPSCALED = "upscaled"
    ENSEMBLE = "ensemble"


REGION_ONLY = (Parameters.UPSCALED, Parameters.ENSEMBLE)


@app.command(epilog="Example: masm init demo --template demo --model sipnet")
@talking()
def init(
    run: RunPath,
    template: Annotated[
        Template,
        typer.Option(
            metavar="NAME",
            help="demo: a synthetic twin; site: one tower; towers: many real towers; "
            "region: a cube; "
            "region-small: a synthetic region, to maps in about ten minutes; "
            "reanalysis: a synthetic network of sites; plateau: soil carbon of a "
            "synthetic grassland; swath: a synthetic region seen by satellites",
        ),
    ] = Template.DEMO,
    model: Annotated[
        TemplateModel,
        typer.Option(
            metavar="NAME",
            help="the process model: ibis_dalec, or sipnet (of demo and site)",
        ),
    ] = TemplateModel.IBIS_DALEC,
) -> None:
    """Write a commented config.yaml to start from."""
    with error_handler(run, "init"):
        from jobs.cli.init import initialise, next_steps

        written = initialise(run, template, model)
        show(f"wrote {written}\n{next_steps(run, template)}")


@app.command(epilog="Example: masm check demo")
@talking()
def check(run: RunPath) -> None:
    """Validate the configuration, open every input, name gaps; compute nothing."""
    doubts = list[str]()
    with error_handler(run, "check"):
        from jobs.cli.check import check as report
        from jobs.cli.check import closing_lines, price, suspicious_lines
        from jobs.cli.run_kinds import commands_of
        from jobs.exit_codes import Exit
        from jobs.run.run import open_run

        commands = commands_of(run)
        if commands is not None:
            for line in commands.check(run, doubts):
                show(line)
            for line in suspicious_lines(doubts):
                show(line)
        else:
            opened = open_run(run)
            for line in report(opened, doubts):
                show(line)
            for part in price(opened):
                show(part)
            for line in closing_lines(doubts):
                show(line)
    if doubts:
        raise typer.Exit(Exit.SUSPICIOUS)


@app.command(epilog="Example: masm screen demo --executor local")
@talking()
def screen(
    run: RunPath,
    executor: Executors = None,
    tasks: Tasks = None,
    task: Task = 0,
) -> None:
    """Find which parameters matter, on a sample of pixels.

    The method is screening.method of config.yaml: morris, sobol or sums_of_squares.
    """
    with error_handler(run, "screen"):
        from jobs.cli.screen import screen_run, screen_task

        if tasks is not None:
            screen_task(run, tasks, task)
            return
        screen_run(run, executor)


@app.command(
    epilog="Example: masm calibrate demo --resume --executor local --workers 4"
)
@talking()
def calibrate(
    run: RunPath,
    executor: Executors = None,
    pixel: PixelIds = None,
    resume: Annotated[
        bool,
        flag("--resume", help="go on; keep the pixels that are done"),
    ] = False,
    dry_run: Annotated[
        bool,
        flag("--dry-run", help="show what would be done, and do nothing"),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="in place of the configured number of workers"
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="of Dask, in place of the configured one"),
    ] = None,
    tasks: Annotated[Path | None, typer.Option(hidden=True)] = None,
    task: Annotated[int, typer.Option(hidden=True)] = 0,
) -> None:
    """Calibrate the pixels of the run."""
    with error_handler(run, "calibrate"):
        if tasks is not None:
            with requeued_before_walltime():
                from jobs.cli.calibrate import calibrate_task

                raise typer.Exit(calibrate_task(run, tasks, task))
        from jobs.cli.calibrate import calibrate_run, describe_run

        if dry_run:
            describe_run(
                run, executor, pixel or [], workers=workers, scheduler=scheduler
            )
            return
        code = calibrate_run(
            run,
            executor,
            pixel or [],
            resume=resume,
            workers=workers,
            scheduler=scheduler,
        )
    raise typer.Exit(code)


@app.command(epilog="Example: masm upscale region")
@talking()
def upscale(run: RunPath) -> None:
    """Train, validate and map the parameters of a whole region, with uncertainty."""
    with error_handler(run, "upscale"):
        from jobs.cli.region import upscale_command

        upscale_command(run)


@app.command(epilog="Example: masm simulate demo --parameters calibrated")
@talking()
def simulate(
    run: RunPath,
    parameters: Annotated[
        Parameters | None,
        typer.Option(
            metavar="NAME",
            help="one of default, calibrated, upscaled, ensemble; the last two need "
            "a region",
        ),
    ] = None,
    pixel: PixelIds = None,
    executor: Executors = None,
    tasks: Tasks = None,
    task: Task = 0,
) -> None:
    """Run the model with default and with calibrated parameters.

    In a region, every pixel is run with default and with upscaled parameters and with
    the ensemble of maps; the calibrated sample is run with its own parameters too.
    """
    with error_handler(run, "simulate"):
        from jobs.cli.region import is_region, simulate_command, simulate_task

        if tasks is not None:
            simulate_task(run, str(parameters), tasks, task)
        elif (is_region(run) and not pixel) or parameters in REGION_ONLY:
            sets = [str(parameters)] if parameters else []
            simulate_command(run, sets, executor)
        else:
            from jobs.cli.evaluate import simulate_run

            sets = [parameters] if parameters else [*Parameters][:2]
            simulate_run(run, [str(name) for name in sets], pixel or [])


@app.command(epilog="Example: masm evaluate demo --json")
@talking()
def evaluate(
    run: RunPath,
    pixel: PixelIds = None,
    flux_sites: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="folder of towers whose fluxes are scored: sites.csv and their files",
        ),
    ] = None,
) -> None:
    """Score LAI and GPP in both periods, and draw the figures."""
    with error_handler(run, "evaluate"):
        from jobs.cli.region import evaluate_command, is_region

        if is_region(run) and not pixel:
            evaluate_command(run, flux_sites)
        else:
            from jobs.cli.evaluate import evaluate_run

            evaluate_run(run, pixel or [])
            if flux_sites is not None:
                from jobs.cli.region import show_sites
                from jobs.run.run import open_run

                show_sites(open_run(run), flux_sites, ["default", "calibrated"])


@app.command(epilog="Example: masm export towers --for ilamb")
@talking()
def export(
    run: RunPath,
    standard: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="FORMAT",
            help="write simulations of calibrated pixels: ilamb, pecan or efi",
        ),
    ] = None,
    pixel: PixelIds = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="folder for --for; if not given, RUN/export/FORMAT"
        ),
    ] = None,
) -> None:
    """Write maps of a region or a reanalysis, or simulations for other communities.

    Maps are GeoTIFF files with a STAC catalogue. A region also has fluxes (CF netCDF)
    and its training sample. A reanalysis has maps of its states in each year, if
    config.yaml has reanalysis.maps. With --for, the calibrated pixels are simulated and
    written for others: ilamb (monthly means, CMIP names), pecan (one file for each
    year) or efi (members of the posterior).
    """
    with error_handler(run, "export"):
        from jobs.cli.export import export_for, refuse_without_standard
        from jobs.cli.region import export_command
        from jobs.cli.run_kinds import commands_of

        if standard is not None:
            export_for(run, standard, pixel or [], output)
            return
        refuse_without_standard(pixel, output)
        commands = commands_of(run)
        if commands is not None and commands.export is not None:
            commands.export(run)
            return
        export_command(run)


@app.command(epilog="Example: masm status demo --watch")
@talking(has_json=False)
def status(
    run: RunPath,
    watch: Annotated[
        bool,
        flag("--watch", help="show it again every few seconds"),
    ] = False,
    as_json: Annotated[bool, flag("--json", help="as JSON, for scripts")] = False,
) -> None:
    """Count the pixels in each state, and say why pixels failed."""
    with error_handler(run, "status"):
        from jobs.cli.run_kinds import commands_of
        from jobs.cli.status import show_status

        commands = commands_of(run)
        if commands is not None and commands.status is not None:
            for line in commands.status(run):
                show(line)
            return
        show_status(run, watch=watch, as_json=as_json)


@app.command(epilog="Example: masm retry demo --reason timed_out")
@talking()
def retry(
    run: RunPath,
    reason: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="only pixels that failed for this reason"),
    ] = None,
    pixel: PixelIds = None,
    executor: Executors = None,
) -> None:
    """Calibrate failed pixels again."""
    # What was stopped half-way has forgotten some failures, and not yet others.
    again = f"masm retry {run}, then masm calibrate {run} --resume"
    with error_handler(run, "retry", again=again):
        from jobs.cli.calibrate import retry_run

        code = retry_run(run, executor, reason, pixel or [])
    raise typer.Exit(code)


@app.command(epilog="Example: masm replay demo --pixel 0")
@talking()
def replay(
    run: RunPath,
    pixel: Annotated[str, typer.Option("--pixel", metavar="ID", help="which pixel")],
) -> None:
    """Calibrate one pixel again with full logging; its result is kept beside."""
    with error_handler(run, "replay"):
        from jobs.cli.calibrate import replay_pixel

        code = replay_pixel(run, pixel)
    raise typer.Exit(code)


@app.command(epilog="Example: masm collect demo")
@talking()
def collect(run: RunPath) -> None:
    """Gather finished pixels into posteriors.zarr; safe at any time."""
    with error_handler(run, "collect"):
        from jobs.cli.status import collect_run

        collect_run(run)


@app.command(epilog="Example: masm report demo")
@talking()
def report(run: RunPath) -> None:
    """Write report.html: one page that opens from disk; safe at any time."""
    with error_handler(run, "report"):
        from jobs.cli.run_kinds import commands_of
        from jobs.report import write_report
        from jobs.run.run import open_run

        commands = commands_of(run)
        if commands is not None and commands.report is not None:
            commands.report(run)
            return
        opened = open_run(run)
        opened.folder.require_writable()
        show(f"wrote {write_report(opened)}")


@app.command(epilog="Example: masm reanalyse network --dry-run")
@talking()
def reanalyse(
    run: RunPath,
    executor: Executors = None,
    wait: Annotated[
        bool,
        flag(
            "--wait",
            help="with slurm: wait for each cycle, then analyse it and start the next",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        flag("--dry-run", help="show what is left to do, and do nothing"),
    ] = False,
    choose_radius: Annotated[
        str | None,
        typer.Option(
            metavar="KM", help="compare localisation radii, such as 100,200,400"
        ),
    ] = None,
    run_again: Annotated[
        bool,
        flag(
            "--run-again",
            help="with --choose-radius: run the members again for each radius",
        ),
    ] = False,
    tasks: Tasks = None,
    task: Task = 0,
) -> None:
    """Run the members of an ensemble, and correct them by observations each year.

    Each step writes a netCDF file. After a stop the same command goes on, and comes to
    the same numbers.
    """
    with error_handler(run, "reanalyse"):
        if tasks is not None:
            from jobs.cli.reanalyse import reanalyse_task

            reanalyse_task(run, tasks, task)
            return
        if choose_radius is not None:
            from jobs.cli.reanalyse import choose_radius_of

            choose_radius_of(run, choose_radius, again=run_again)
            return
        if run_again:
            from jobs.errors import ConfigError, Problem

            raise ConfigError(
                Problem("", "--run-again", "without radii", "--choose-radius KM,KM")
            )
        from jobs.cli.reanalyse import reanalyse_run

        code = reanalyse_run(run, executor, wait=wait, dry_run=dry_run)
    raise typer.Exit(code)


@app.command(epilog="Example: masm schema --output masm.schema.json")
@talking()
def schema(
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write it to a file")
    ] = None,
) -> None:
    """Print the JSON Schema of config.yaml, for completion and checks in an editor.

    Write this as the first line of config.yaml, for the YAML language server:

    # yaml-language-server: $schema=masm.schema.json
    """
    with error_handler(Path(), "schema", again="masm schema"):
        import json

        from jobs.config.json_schema import config_schema
        from jobs.files import write_text

        text = json.dumps(config_schema(), indent=2)
        if output is None:
            print_out(text)
        else:
            write_text(output, text + "\n")
            show(f"wrote {output}")


@app.command("warm-up", epilog="Example: masm warm-up")
@talking()
def warm_up() -> None:
    """Compile every process model once (a minute), so that later starts are quick.

    Job arrays and local workers do this by themselves. Give it by hand on another
    kind of machine, or after an update.
    """
    with error_handler(Path(), "warm-up", again="masm warm-up"):
        from jobs.process_models.base import Settings
        from jobs.process_models.registry import MODELS, open_model

        for name in MODELS:
            if name != "executable":  # nothing of ours is compiled in it
                open_model(name, Settings()).warm_up()
                show(f"{name} is compiled")


@app.command("run", epilog="Example: masm run demo")
@talking()
def run_all(
    run: RunPath,
    executor: Executors = None,
) -> None:
    """Run every stage that is not done yet, in order, and write the report.

    The stages are calibrate, simulate and evaluate; of a region: screen, calibrate,
    upscale, simulate, evaluate and export. If a stage fails, the report is still
    written.
    """
    with error_handler(run, "run"):
        from jobs.cli.run_all import run_everything

        code = run_everything(run, executor)
    raise typer.Exit(code)


def main() -> None:
    """Entry point of the ``masm`` command."""
    safe_output()
    with left_to_stop():
        app(prog_name="masm")
