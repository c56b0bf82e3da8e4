"""Write the calibrated pixels of a run in the format of another community."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from jobs.config.process_model import model_of
from jobs.errors import ConfigError, Problem
from jobs.inputs.posterior_runs import (
    N_MEMBERS,
    exportable,
    require_separate,
    run_posterior,
)
from jobs.run.pixel import Pixel
from jobs.run.pixels import distinct_names
from jobs.run.run import Run
from jobs.standards.efi import write_efi
from jobs.standards.ilamb import write_ilamb
from jobs.standards.pecan import write_pecan
from jobs.standards.place import Place, safe_name


class Standard(StrEnum):
    """Formats that a calibrated run is written in."""

    ILAMB = "ilamb"
    PECAN = "pecan"
    EFI = "efi"


@dataclass(frozen=True)
class _Writer:
    write: Callable[[Place, Path], Iterator[Path]]
    n_members: int = 0


WRITERS = {
    Standard.ILAMB: _Writer(write_ilamb),
    Standard.PECAN: _Writer(write_pecan),
    Standard.EFI: _Writer(write_efi, N_MEMBERS),
}
"""A further format is a module, a name and one more line."""


def export_standard(
    run: Run, pixels: Sequence[Pixel], standard: Standard, folder: Path
) -> Iterator[Path]:
    """Write files of a format, and yield each path.

    Parameters
    ----------
    run : Run
        With calibrated pixels.
    pixels : sequence of Pixel
        Which of them.
    standard : Standard
        The format.
    folder : pathlib.Path
        Where to.

    Raises
    ------
    ConfigError
        If a pixel is not calibrated, or the model has no output that the format knows;
        before any work.
    """
    model = model_of(run.config)
    if not exportable(model):
        raise ConfigError(
            Problem(
                str(run.folder.path),
                f"--for {standard}",
                found=f"{model.title}, whose outputs the table of formats has not",
                wanted="a model with outputs such as gpp or nee, in g m-2 d-1",
                hint="jobs/process_models/output_table.py has their names and units.",
            )
        )
    require_separate(run, pixels)
    names = distinct_names({one.id: safe_name(one.name) for one in pixels}, "-")
    writer = WRITERS[standard]
    for pixel in pixels:
        ran = run_posterior(run, pixel, whole_record=False, n_members=writer.n_members)
        place = Place(
            site=names[pixel.id],
            latitude=pixel.latitude,
            longitude=pixel.longitude,
            model=model.title,
            version=version("masm"),
            run=run.config.name,
            streams=tuple(run.config.streams),
            runs=ran,
        )
        yield from writer.write(place, folder)
