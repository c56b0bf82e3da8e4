"""Commands that make a region cube, which a run then takes its pixels from."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.error_handler import error_handler
from jobs.cli.options import flag, talking
from jobs.console import show, voice

if TYPE_CHECKING:
    from landdata import Cube

region_app = typer.Typer(
    no_args_is_help=True,
    help="Make or check a region cube: weather, soil and observations of all pixels.",
    epilog="Example: masm region synthetic trial.zarr",
)

CubePath = Annotated[
    Path,
    typer.Argument(metavar="CUBE", help="folder of the cube", show_default=False),
]
Years = Annotated[
    str, typer.Option(metavar="FIRST-LAST", help="calendar years, both included")
]
Workers = Annotated[int, typer.Option(min=1, metavar="N", help="processes")]


@region_app.command(
    epilog="Example: masm region synthetic trial.zarr --rows 8 --columns 8"
)
@talking()
def synthetic(
    cube: CubePath,
    rows: Annotated[
        int,
        typer.Option(min=1, max=400, metavar="N", help="pixels from north to south"),
    ] = 30,
    columns: Annotated[
        int, typer.Option(min=1, max=400, metavar="N", help="pixels from west to east")
    ] = 40,
    years: Years = "2001-2006",
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="of all random numbers")
    ] = 1,
    workers: Workers = 1,
) -> None:
    """Make a SYNTHETIC region around Harvard Forest, for trials and tests.

    Nothing in it was observed. Land, weather and true parameters are random fields; LAI
    and GPP are model output at those parameters, with noise and gaps.
    """
    first, last = _years(years)
    with _building(cube):
        from jobs.inputs.cubes import build_synthetic

        _built(
            build_synthetic(
                cube, rows, columns, (first, last), seed, workers, _show_progress
            )
        )


@region_app.command(
    epilog="Example: masm region build catalogue.yaml cube.zarr "
    "--bounds=-80,36,-70,45 --years 2001-2012"
)
@talking()
def build(
    catalogue: Annotated[
        Path,
        typer.Argument(
            metavar="CATALOGUE", help="YAML file that names the files of each variable"
        ),
    ],
    cube: CubePath,
    bounds: Annotated[
        str,
        typer.Option(
            metavar="WEST,SOUTH,EAST,NORTH",
            help="edges of the region in degrees, multiples of 0.05",
        ),
    ],
    years: Years,
    wind: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            metavar="SPEED",
            help="constant wind speed in m s-1, where no product has wind",
        ),
    ] = None,
    workers: Workers = 1,
) -> None:
    """Make a cube from providers' files, named in a catalogue.

    After a stop, the same command goes on where it stopped.
    """
    (first, last), edges = _years(years), _edges(bounds)
    with _building(cube):
        from jobs.inputs.cubes import build_products, source_lines

        for line in source_lines(catalogue, edges, (first, last), wind):
            show(line)
        _built(
            build_products(
                catalogue, cube, edges, (first, last), wind, workers, _show_progress
            )
        )


@region_app.command(epilog="Example: masm region check cube.zarr --verify")
@talking()
def check(
    cube: CubePath,
    verify: Annotated[
        bool,
        flag("--verify", help="compare every file with its checksum"),
    ] = False,
) -> None:
    """Report coverage, gaps, ranges and units of a cube; compute nothing."""
    with _building(cube):
        from landdata import check_cube, open_cube

        for line in check_cube(open_cube(cube, verify=verify)).holdings():
            show(line)
        show("every file is as it was built" if verify else "every pixel was read")


def _building(cube: Path):
    # Beside the cube: nothing strange may lie in its folder.
    return error_handler(cube.parent, "region", again="the same command")


def _show_progress(done: int, total: int) -> None:
    step = max(1, total // 10)
    if voice().quiet:
        return
    if done // step != (done - 1) // step or done == total:
        print(f"region: {done} of {total} parts", file=sys.stderr, flush=True)


def _built(cube: Cube) -> None:
    show(f"{cube}\nin {cube.path}")


def _years(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*(\d{4})\s*-\s*(\d{4})\s*", text)
    if found is None or found.group(2) < found.group(1):
        raise typer.BadParameter(f"{text!r}: wanted years such as 2001-2012")
    return int(found.group(1)), int(found.group(2))


def _edges(text: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r}: wanted four numbers such as -80,36,-70,45"
        ) from None
    return west, south, east, north
