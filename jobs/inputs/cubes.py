"""Build region cubes: a synthetic one, or from the files of a catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.errors import ConfigError, Problem
from jobs.process_models.base import Settings
from jobs.process_models.registry import DEFAULT_MODEL, open_model

if TYPE_CHECKING:
    from landdata import Cube, ProductSource

Progress = Callable[[int, int], None]

_FIRST_YEAR, _LAST_YEAR = 1959, 2024  # of the CO2 record that comes along


def build_synthetic(
    path: Path,
    rows: int,
    columns: int,
    years: tuple[int, int],
    seed: int,
    workers: int,
    on_progress: Progress,
) -> Cube:
    """Build a synthetic region of so many cells with Harvard Forest in its middle."""
    from landdata import SyntheticSource, build_cube
    from landdata.synthetic.region import synthetic_block

    if not _FIRST_YEAR <= years[0] <= years[1] <= _LAST_YEAR:
        raise ConfigError(
            Problem(
                "",
                "--years",
                found=f"{years[0]}-{years[1]}",
                wanted=f"years from {_FIRST_YEAR} to {_LAST_YEAR}",
            )
        )
    grid = synthetic_block(n_columns=columns, n_rows=rows)
    if workers > 1:
        open_model(DEFAULT_MODEL, Settings()).warm_up()  # once, before workers start
    source = SyntheticSource(seed=seed, grid=grid, years=years)
    return build_cube(path, source, workers=workers, on_progress=on_progress)


def build_products(
    catalogue: Path,
    path: Path,
    bounds: tuple[float, float, float, float],
    years: tuple[int, int],
    wind: float | None,
    workers: int,
    on_progress: Progress,
) -> Cube:
    """Build a region from providers' files."""
    from landdata import build_cube

    source = _source(catalogue, bounds, years, wind)
    return build_cube(path, source, workers=workers, on_progress=on_progress)


def source_lines(
    catalogue: Path,
    bounds: tuple[float, float, float, float],
    years: tuple[int, int],
    wind: float | None,
) -> Iterator[str]:
    """Say which files a catalogue finds, line by line; none of them is read."""
    from landdata import check_sources

    for one in check_sources(_source(catalogue, bounds, years, wind)):
        line = f"{one.name} ({one.format}): {one.n_files} files, "
        line += f"{one.n_bytes / 1e9:.2f} GB"
        if one.gives:
            line += f", gives {', '.join(one.gives)}"
        if one.years_without:
            line += f"; NO FILE for {', '.join(map(str, one.years_without))}"
        if not one.checksums:
            line += "; no checksums beside them"
        yield line


def _source(
    catalogue: Path,
    bounds: tuple[float, float, float, float],
    years: tuple[int, int],
    wind: float | None,
) -> ProductSource:
    from landdata import Grid, ProductSource, read_catalogue

    grid = Grid.from_bounds(*bounds)
    return ProductSource(read_catalogue(catalogue), grid, years, wind)
