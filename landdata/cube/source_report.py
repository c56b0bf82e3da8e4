"""What files a catalogue finds, before any of them is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from landdata.cube.product_source import ProductSource
from landdata.errors import InputError
from landdata.files.provider_files import CHECKSUMS, matching_files


@dataclass(frozen=True)
class SourceReport:
    """One product of a catalogue, by its files.

    Attributes
    ----------
    name, format : str
        As in the catalogue.
    n_files, n_bytes : int
        For the years asked for.
    years_without : tuple of int
        Years for which the pattern finds nothing.
    gives : tuple of str
        What is taken from it, as weather; empty for anything else.
    checksums : bool
        ``SHA256SUMS`` is beside every file. Without it, damage that the format
        does not notice itself passes.

    Examples
    --------
    >>> from dataclasses import fields
    >>> from landdata import SourceReport
    >>> [one.name for one in fields(SourceReport)][:3]
    ['name', 'format', 'n_files']
    """

    name: str
    format: str
    n_files: int
    n_bytes: int
    years_without: tuple[int, ...]
    gives: tuple[str, ...]
    checksums: bool


def check_sources(source: ProductSource) -> list[SourceReport]:
    r"""What files a catalogue finds; reads none of them.

    Raises
    ------
    InputError
        If no product gives a driver that the model needs.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import Grid, ProductSource, check_sources, read_catalogue
    >>> text = "products:\n  height: {format: elevation, files: dem.tif}\n"
    >>> _ = Path("catalogue.yaml").write_text(text)
    >>> grid = Grid.from_bounds(-73.0, 42.0, -72.0, 43.0)
    >>> source = ProductSource(read_catalogue("catalogue.yaml"), grid, (2001, 2009))
    >>> try:
    ...     check_sources(source)
    ... except Exception as error:
    ...     print(str(error).splitlines()[0])
    catalogue.yaml  products  tmin
    """
    source.chosen()
    weather = source.weather()
    reports = []
    for name, entry in source.catalogue.products.items():
        files: set[Path] = set()
        without = []
        for year in range(source.years[0], source.years[1] + 1):
            found = _found(source.catalogue.patterns(name, [year]))
            files |= found
            if not found:
                without.append(year)
        reports.append(
            SourceReport(
                name=name,
                format=entry.format,
                n_files=len(files),
                n_bytes=sum(path.stat().st_size for path in files),
                years_without=tuple(without),
                gives=weather.get(name, ()),
                checksums=bool(files)
                and all((path.parent / CHECKSUMS).is_file() for path in files),
            )
        )
    return reports


def _found(patterns: list[str]) -> set[Path]:
    found: set[Path] = set()
    for pattern in patterns:
        try:
            found.update(path for path in matching_files(pattern) if path.is_file())
        except InputError:
            continue  # nothing matches: that is what the report is to say
    return found
