"""Draws of the prior, once for a run: ``prior.nc``, which ArviZ opens."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from jobs.files import is_file, lexists, put_aside, replacing
from jobs.netcdf_files import write_netcdf
from jobs.run.run import Run
from jobs.run.seeds import RunStream, run_generator

if TYPE_CHECKING:
    import xarray as xr


logger = logging.getLogger(__name__)


def prior_of(run: Run) -> xr.Dataset:
    """Return draws of the prior, (chain, draw), the same for every pixel of a run."""
    from masm.results.assemble import prior_draws

    priors = run.priors
    rng = run_generator(run.config.seed, RunStream.PRIOR_DRAWS)
    return prior_draws(priors, list(priors), rng)


def write_prior(run: Run) -> None:
    """Write ``prior.nc`` with its group ``prior``, if it is not there."""
    if is_file(run.folder.prior):
        return
    if lexists(run.folder.prior):  # a folder, a link or a pipe is not ours
        logger.warning("%s: now %s", run.folder.prior, put_aside(run.folder.prior))
    draws = prior_of(run)
    packing = {name: {"zlib": True, "complevel": 1} for name in draws.data_vars}
    with replacing(run.folder.prior) as aside:
        write_netcdf(draws, aside, group="prior", encoding=packing)
