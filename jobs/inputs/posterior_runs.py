"""Runs of a calibrated pixel that other formats are written from.

With default parameters, with the posterior means, and with draws of the posterior. Each
format takes what it needs of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jobs.config.process_model import model_of
from jobs.errors import ConfigError, Problem
from jobs.inputs.digests import require_same_inputs
from jobs.inputs.pixel_data import forcing_of
from jobs.process_models.base import ProcessModel
from jobs.process_models.output_table import UNITS
from jobs.run.folder import PixelFolder
from jobs.run.periods import pixel_periods
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import read_result, read_summary
from jobs.run.pixel_summary import posterior_means
from jobs.run.run import Run

if TYPE_CHECKING:
    import xarray as xr

N_MEMBERS = 50
"""Draws of the posterior that are run, where there are as many."""


@dataclass(frozen=True)
class PosteriorRuns:
    """Daily outputs of one pixel.

    Attributes
    ----------
    means : mapping
        Posterior mean of each calibrated parameter.
    prior, posterior : xarray.Dataset
        Over ``time``: with default parameters, and with the means.
    members : xarray.Dataset or None
        Over (sample, time): with draws of the posterior, where they were asked for.
    """

    means: Mapping[str, float]
    prior: xr.Dataset
    posterior: xr.Dataset
    members: xr.Dataset | None = None


def exportable(model: ProcessModel) -> tuple[str, ...]:
    """Return the outputs of a model that the table of other formats knows.

    A model names them as ``exported``; of another one they are the outputs that have
    the table's names and units.
    """
    named = tuple(getattr(model, "exported", ()))
    if named:
        return named
    return tuple(
        name for name, one in model.outputs.items() if UNITS.get(name) == one.unit
    )


def require_separate(run: Run, pixels: Sequence[Pixel]) -> None:
    """Refuse a run whose pixels have no posteriors of their own, before any work.

    Raises
    ------
    ConfigError
        If the sites were joined, or a pixel is not calibrated.
    """
    if run.config.sites != "separate":
        raise ConfigError(
            Problem(
                "config.yaml",
                "sites",
                found=run.config.sites,
                wanted="separate: what is exported are the draws of each place alone",
            )
        )
    for pixel in pixels:
        posterior_means(run, pixel)  # says what is missing


def run_posterior(
    run: Run,
    pixel: Pixel,
    *,
    whole_record: bool = True,
    n_members: int = N_MEMBERS,
) -> PosteriorRuns:
    """Run a calibrated pixel for the files of another format.

    Parameters
    ----------
    run, pixel
        Which.
    whole_record : bool
        Every year of the weather; without it the calibration and validation years, so
        that no file shows the year that spins up.
    n_members : int
        Draws to run, evenly thinned; none with 0.

    Raises
    ------
    ConfigError
        If the pixel is not calibrated, or its inputs changed since.
    """
    means, drivers = posterior_means(run, pixel), forcing_of(run, pixel)
    folder = run.folder.pixel(pixel.id)
    require_same_inputs(run, pixel, read_summary(folder), drivers)
    model = model_of(run.config)
    whole = slice(None)
    years = whole if whole_record else pixel_periods(run.config, drivers).observed.years
    simulate = model.calibration_model(drivers, exportable(model), years)
    prior = simulate({}).isel(sample=0)
    row = {key: np.array([value]) for key, value in means.items()}
    posterior = simulate(row).isel(sample=0)
    members = simulate(_draws(folder, n_members)) if n_members else None
    return PosteriorRuns(means, prior, posterior, members)


def _draws(folder: PixelFolder, n_members: int) -> dict[str, np.ndarray]:
    """Return draws of every parameter, evenly thinned."""
    found: xr.Dataset = read_result(folder).posterior
    flat = found.stack(sample=("chain", "draw"))
    n_draws = flat.sizes["sample"]
    rows = np.unique(np.linspace(0, n_draws - 1, min(n_members, n_draws)).astype(int))
    return {str(name): flat[name].to_numpy()[rows] for name in flat.data_vars}
