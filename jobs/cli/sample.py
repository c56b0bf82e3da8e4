"""``masm sample``: choose places of a region by their environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.error_handler import error_handler

if TYPE_CHECKING:
    from jobs.run.environmental_sample import EnvironmentalSample
    from landdata import Cube


def sample(
    cube: Annotated[
        Path,
        typer.Argument(metavar="REGION", help="a region cube", show_default=False),
    ],
    n: Annotated[int, typer.Option("--n", min=1, metavar="N", help="places to choose")],
    fixed: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="sites that exist already, such as towers: a table with a column id, "
            "or latitude and longitude",
        ),
    ] = None,
    ecoregions: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="table of id and ecoregion (and land_cover)"),
    ] = None,
    forest_above: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="X",
            help="only cells with a larger fraction of forest",
        ),
    ] = 0.0,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="of the random choice")
    ] = 1,
    out: Annotated[
        Path, typer.Option(metavar="CSV", help="table to write; a run reads it by id")
    ] = Path("places.csv"),
) -> None:
    """Choose places that cover the environments of a region, and list them.

    Climate and land are clustered within each ecoregion, and places are drawn from the
    clusters. A cluster that holds a fixed site counts as visited.
    """
    with error_handler(cube.parent, "sample", again="the same command"):
        from jobs.run.environmental_sample import choose_by_environment
        from jobs.run.region_places import listed_ids
        from jobs.run.region_sample import open_region

        _refuse_overwriting(out)
        opened = open_region(cube.resolve())
        known = None
        if fixed is not None:
            known = listed_ids(fixed, Path(), opened, "--fixed")
        found = choose_by_environment(
            opened,
            _candidates(opened, forest_above),
            n,
            seed=seed,
            fixed=known,
            ecoregions=ecoregions,
        )
        _write(opened, found, out)
        _show(found, out)


def _refuse_overwriting(out: Path) -> None:
    from jobs.errors import ConfigError, Problem

    if out.exists():
        raise ConfigError(
            Problem(
                str(out),
                "there is such a file already",
                wanted="a new name",
                hint="Give another one: --out CSV.",
            )
        )


def _candidates(cube: Cube, forest_above: float):
    import numpy as np

    from jobs.errors import ConfigError, Problem

    fraction = cube.static["forest_fraction"].to_numpy()
    # Without a land cover product every cell of the cube passes.
    passes = np.isnan(fraction) | (fraction > forest_above) | (forest_above == 0.0)
    ids = cube.cells.ids[passes & (cube.states != 1)]
    if not ids.size:
        raise ConfigError(
            Problem(
                str(cube.path),
                "no pixel to choose from",
                found=f"none of {len(cube)} with weather and enough forest",
                wanted="at least one",
                hint="Lower --forest-above.",
            )
        )
    return ids


def _write(cube: Cube, found: EnvironmentalSample, out: Path) -> None:
    import numpy as np
    import pandas as pd

    from jobs.files import replacing

    rows = np.searchsorted(cube.cells.ids, found.ids)
    among = np.searchsorted(found.candidates, found.ids)
    table = pd.DataFrame(
        {
            "id": found.ids,
            "latitude": cube.cells.lat[rows],
            "longitude": cube.cells.lon[rows],
            "ecoregion": found.ecoregion[among],
            "cluster": found.choice.cluster[among],
            "fixed": np.isin(found.ids, found.fixed).astype(int),
        }
    )
    with replacing(out) as aside:
        table.to_csv(aside, index=False, float_format="%.6g")


def _show(found: EnvironmentalSample, out: Path) -> None:
    import numpy as np
    import pandas as pd

    from jobs.console import show, table

    choice = found.choice
    names, counts = np.unique(found.ecoregion, return_counts=True)
    rows = pd.DataFrame(
        {
            "ecoregion": names,
            "pixels": counts,
            "clusters": [choice.n_clusters[str(name)] for name in names],
            "chosen": [choice.n_drawn[str(name)] for name in names],
        }
    )
    title = f"{found.ids.size} places, {found.fixed.size} of them fixed"
    show(table(rows, title, dict.fromkeys(("pixels", "clusters", "chosen"), "d")))
    mean, random = float(choice.distance.mean()), choice.random_distance
    show(
        f"clustered on {', '.join(found.covariates)}\n"
        f"mean distance of a pixel to its nearest place, in standard deviations: "
        f"{mean:.3f}; {random:.3f} for as many places at random "
        f"({mean / random - 1.0:+.0%})\n"
        f"places   {out}\n"
        f"in a run: pixels: {{source: region, sample: {{places: {out.name}}}}}"
    )
