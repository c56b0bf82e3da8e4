"""A run folder as tables and labelled arrays, each read when it is asked for.

Nothing is computed and nothing is written: what a stage has not made yet is named,
with the command that makes it. Every number has its unit, in the attributes of an
array or in ``table.attrs["units"]``.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.process_model import model_of, units_of
from jobs.config.schema import Config
from jobs.errors import ConfigError, Problem
from jobs.netcdf_files import read_netcdf
from jobs.notebook.grids import on_grid
from jobs.report.results import Results
from jobs.run import run as run_folder
from jobs.run.pixel_files import has_posterior, read_result
from jobs.run.pixel_state import FINISHED
from jobs.run.pixels import choose
from jobs.run.status import Status, lines, status_of
from jobs.stages.prior_draws import prior_of
from jobs.stages.region_parameters import upscaled_file
from jobs.stages.stage_states import stages_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    import masm
    from jobs.stages.diagnose import Diagnosis
    from jobs.stages.spatial_validation import SpatialValidation

_UNITS_OF_PIXELS = {
    "latitude": "degrees_north",
    "longitude": "degrees_east",
    "minutes": "min",
    "n_model_runs": "1",
    "n_failed_runs": "1",
    "surrogate_rmse": "1",
}
_WITHOUT_UNIT = ("r", "diso", "r2", "n")


def open_run(folder: str | os.PathLike[str]) -> OpenedRun:
    """Open a run folder to look at what it holds.

    Parameters
    ----------
    folder : path-like
        The run folder, with ``config.yaml`` in it.

    Returns
    -------
    OpenedRun
        Its parts are read when they are asked for.

    Raises
    ------
    ConfigError
        If there is no run in the folder, or its configuration is wrong; a
        ``ValueError`` that names file, line and column.

    Examples
    --------
    >>> import tempfile, masm
    >>> from jobs.cli.init import Template, initialise
    >>> folder = Path(tempfile.mkdtemp()) / "demo"
    >>> _ = initialise(folder, Template.DEMO)
    >>> run = masm.open_run(folder)
    >>> run.config.seed
    20221
    >>> run.pixels[["name", "state"]].values.tolist()
    [['Demo forest', 'waiting']]
    >>> run.pixels.attrs["units"]["latitude"]
    'degrees_north'
    """
    return OpenedRun(Path(folder))


class OpenedRun:
    """What a run folder holds, read when it is asked for and then kept.

    To see what came since, open the folder again.

    Parameters
    ----------
    folder : Path
        The run folder.

    Examples
    --------
    >>> from jobs.cli.init import Template, initialise
    >>> _ = initialise(Path("demo"), Template.DEMO)
    >>> run = OpenedRun(Path("demo"))
    >>> run.config.name, len(run.pixels)
    ('Demo, a synthetic temperate deciduous forest', 1)
    """

    def __init__(self, folder: Path) -> None:
        self._run = run_folder.open_run(folder)

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self._run.folder.path

    @property
    def config(self) -> Config:
        """The validated configuration, with the value of every key."""
        return self._run.config

    @cached_property
    def status(self) -> Status:
        """How many pixels are in each state, why pixels failed, and the pace."""
        return status_of(self._run.folder, self._run.pixels)

    @cached_property
    def stages(self) -> dict[str, str]:
        """Each stage in order: "done", "in part" or "not yet"."""
        return stages_of(self._run, self.status)

    @cached_property
    def pixels(self) -> pd.DataFrame:
        """A row for each pixel, by id: name, place, state, reason, cost."""
        table = self._results.pixels.set_index("pixel")
        table.attrs["units"] = dict(_UNITS_OF_PIXELS)
        return table

    @cached_property
    def posteriors(self) -> xr.Dataset:
        """Collected posteriors of finished pixels, opened lazily.

        Draws of each parameter over (pixel, chain, draw), in its unit; ``mean``,
        ``sd``, quantiles and diagnostics over (pixel, parameter), whose units are the
        coordinate ``unit``. Padded with NaN where a sampler has fewer draws.

        Raises
        ------
        ConfigError
            If no pixel has been collected.
        """
        path = self._run.folder.path / "posteriors.zarr"
        if not (path / "zarr.json").exists():
            raise self._missing(path, "no posteriors have been collected", "collect")
        found = self._results.store()
        n = int(np.sum(found["collected_mtime"].to_numpy() > 0))
        if n < found.sizes["pixel"]:
            warnings.warn(
                f"{found.sizes['pixel'] - n} finished pixels are not in {path} yet: "
                f"masm collect {self.folder}",
                stacklevel=2,
            )
        known = model_of(self.config).parameters
        units = [known[str(name)].unit for name in found["parameter"].to_numpy()]
        return found.assign_coords(unit=("parameter", units))

    @cached_property
    def fit(self) -> pd.DataFrame:
        """Scores of each finished pixel: stream, period, parameter set, R, RMSE, ....

        ``unit`` is that of ``rmse`` and ``ae``; the others have none.

        Raises
        ------
        ConfigError
            If nothing has been evaluated.
        """
        table = self._results.scores.copy()
        if not len(table):
            path = self._run.folder.evaluation
            raise self._missing(path, "nothing has been evaluated", "evaluate")
        units = units_of(self.config)
        table["unit"] = [units[name] for name in table["stream"]]
        table.attrs["units"] = dict.fromkeys(_WITHOUT_UNIT, "1")
        return table

    @cached_property
    def maps(self) -> xr.Dataset:
        """Upscaled parameters of a region over (parameter, lat, lon).

        ``mean``, ``sd``, ``p05``, ``p95``, ``quality`` and more, NaN outside of the
        mask. Their units are the coordinate ``unit`` over ``parameter``.

        Raises
        ------
        ConfigError
            If the region has not been upscaled, or the run has no region.
        """
        path = upscaled_file(self._run, "parameters")
        if not self._run.source.is_region:
            raise ConfigError(
                Problem(
                    str(self.folder),
                    "this run has no maps",
                    found=f"pixels.source {self.config.pixels.source}",
                    wanted="pixels.source region",
                )
            )
        if not path.exists():
            raise self._missing(path, "the region has not been upscaled", "upscale")
        places = read_netcdf(path.with_name("covariates.nc"))
        return on_grid(read_netcdf(path), places["latitude"], places["longitude"])

    @cached_property
    def screening(self) -> xr.Dataset:
        """Morris effects over (pixel, stream, statistic, parameter).

        Their units are those of the stream, the coordinate ``units``.

        Raises
        ------
        ConfigError
            If the run has not been screened.
        """
        path = self._run.folder.path / "screening" / "morris.nc"
        if not path.exists():
            raise self._missing(path, "the run has not been screened", "screen")
        return read_netcdf(path)

    @property
    def spatial(self) -> SpatialValidation:
        """Validation at left-out sites: ``scores``, ``methods``, ``sentences``, ....

        Raises
        ------
        ConfigError
            If ``masm spatial`` has not been done with the present calibrations.
        """
        from jobs.stages.spatial_validation import open_spatial

        return open_spatial(self._run)

    def diagnosis(self, pixel: int | str) -> Diagnosis:
        """Return why the calibrated model misses at a pixel: tables and sentences.

        Parameters
        ----------
        pixel : int or str
            Its id, as in ``pixels``.

        Raises
        ------
        ConfigError
            If ``masm diagnose`` has not been done with the present calibration.
        """
        from jobs.stages.diagnose import read_diagnosis

        one = choose(self._run.pixels, [pixel])[0]
        found = read_diagnosis(self._run, one)
        if found is None:
            path = self._run.folder.path / "diagnosis"
            what = f"pixel {pixel} has not been diagnosed"
            raise self._missing(path, what, f"diagnose --pixel {pixel}")
        return found

    def result(self, pixel: int | str) -> masm.Result:
        """Return the whole calibration of one pixel, with draws of its prior.

        ``result(pixel).to_netcdf("pixel.nc")`` writes one file with all groups that
        ArviZ knows, wherever the run keeps them.

        Parameters
        ----------
        pixel : int or str
            Its id, as in ``pixels``.

        Raises
        ------
        ConfigError
            If the run has no such pixel, or it has no posterior.
        """
        one = choose(self._run.pixels, [pixel])[0]
        folder = self._run.folder.pixel(one.id)
        if not has_posterior(folder):
            state = self._results.states[one.id]
            raise ConfigError(
                Problem(
                    str(folder.posterior),
                    f"pixel {pixel} has no posterior",
                    found=f"{state.state} {state.reason or ''}".strip(),
                    hint=f"masm calibrate {self.folder} --pixel {pixel} --resume",
                )
            )
        found = read_result(folder)
        if "prior" in found.groups:
            return found
        return replace(found, groups={**found.groups, "prior": prior_of(self._run)})

    def plot_forest(
        self, parameter: str | None = None, pixels: Sequence[int] | None = None
    ) -> Any:
        """Draw means and 90 % intervals of a parameter, a row for each pixel.

        Parameters
        ----------
        parameter : str, optional
            Which one; all of them by default, side by side.
        pixels : sequence of int, optional
            Ids; by default all finished pixels, the first 50 of them.

        Returns
        -------
        ndarray of matplotlib.axes.Axes
            One for each parameter.

        Raises
        ------
        ConfigError
            If there is no such parameter, or no finished pixel.
        """
        from jobs.notebook.forest import plot_forest

        return plot_forest(self._results, parameter, pixels)

    @cached_property
    def _results(self) -> Results:
        return Results(self._run)

    def _missing(self, path: Path, what: str, command: str) -> ConfigError:
        return ConfigError(
            Problem(str(path), what, hint=f"masm {command} {self.folder}")
        )

    def __repr__(self) -> str:
        """Say the state of the run, as ``masm status`` does."""
        head = f"<masm run {self.folder}: {self.config.name}>"
        return "\n".join([head, *lines(self.status, self.folder, self.stages)])

    def _repr_html_(self) -> str:
        """Show the run in a notebook; names are escaped."""
        status = self.status
        finished = sum(status.states[state] for state in FINISHED)
        cells = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(word)}</td></tr>"
            for name, word in self.stages.items()
        )
        return (
            f"<div><p><strong>masm run</strong> {escape(self.config.name)}<br>"
            f"{escape(str(self.folder))}: {finished} of {status.n_pixels} pixels "
            f"finished, {status.states['suspect']} suspect, "
            f"{status.states['failed']} failed</p><table>{cells}</table></div>"
        )
