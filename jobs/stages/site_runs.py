"""Model runs with many parameter vectors at a site, beside what was observed there.

The same window means as everywhere (`jobs.inputs.streams`), over calibration and
validation years, for studies that run one site with the parameters of others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jobs.config.process_model import model_of, units_of
from jobs.config.schema import Stream
from jobs.inputs.digests import require_same_inputs
from jobs.inputs.pixel_data import forcing_of, observations_of
from jobs.inputs.streams import make_streams
from jobs.run.periods import PixelPeriods, pixel_periods
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import read_summary
from jobs.run.run import Run

logger = logging.getLogger(__name__)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ObservedStream:
    """Observations of a stream at a site, and how model output becomes like them.

    Attributes
    ----------
    time : ndarray (n_obs,)
        First day of each window.
    value, sd : ndarray (n_obs,)
        In the stream's unit.
    held_out : ndarray (n_obs,)
        Whether it is of the validation years.
    of_model : callable
        Daily output (sample, time) to (sample, n_obs).
    """

    time: NDArray[np.datetime64]
    value: Array
    sd: Array
    held_out: NDArray[np.bool_]
    of_model: Callable[[Array], Array]


@dataclass(frozen=True)
class Site:
    """A site with its weather, its observations and a model to run there.

    Attributes
    ----------
    streams : mapping
        Those of the run, and the ``watched`` ones.
    watched : tuple of str
        Streams that are observed and not calibrated.
    """

    pixel: Pixel
    periods: PixelPeriods
    weather: xr.Dataset
    streams: Mapping[str, ObservedStream]
    model: Callable[[Mapping[str, Array]], xr.Dataset]
    watched: tuple[str, ...] = ()

    def run(self, theta: pd.DataFrame) -> dict[str, Array]:
        """Run with each row of a table of parameters: streams over (row, n_obs)."""
        daily = self.model({str(n): theta[n].to_numpy(float) for n in theta})
        found = {}
        for name, stream in self.streams.items():
            series = daily[name].transpose("sample", "time").to_numpy()
            found[name] = stream.of_model(series)
        return found


def open_site(run: Run, pixel: Pixel, watch: Sequence[str] = ()) -> Site:
    """Return a site of a run, ready to be run.

    Parameters
    ----------
    run, pixel
        Which.
    watch : sequence of str
        Outputs to look at too, where they are observed and not among the streams.

    Raises
    ------
    ConfigError, ValueError
        If its weather or its observations cannot be used, or changed since it was
        calibrated.
    """
    from masm.observations.plan import plan_stream

    config, forcing = run.config, forcing_of(run, pixel)
    observations = observations_of(run, pixel, forcing)
    summary = read_summary(run.folder.pixel(pixel.id))
    require_same_inputs(run, pixel, summary, forcing, observations)
    periods = pixel_periods(config, forcing)
    rules = dict(config.streams)
    for name, seen in _also_seen(run, pixel, periods, watch).items():
        rules[name] = Stream()
        observations = observations.assign({name: seen})
    model = model_of(config).calibration_model(
        forcing, tuple(rules), periods.observed.years
    )
    days = forcing["time"].sel(time=periods.observed.years).to_numpy()
    last = np.datetime64(f"{periods.calibration.last + 1}-01-01")
    streams = {}
    made = make_streams(
        observations,
        rules,
        periods.observed,
        units=units_of(config),
        skip_empty=True,
    )
    for name, stream in made.items():
        series = stream.aggregate()
        streams[name] = ObservedStream(
            series.time,
            series.value,
            np.sqrt(series.variance),
            series.time >= last,
            plan_stream(series, days, days.size, None),
        )
    watched = tuple(name for name in streams if name not in config.streams)
    return Site(pixel, periods, forcing, streams, model, watched)


def _also_seen(
    run: Run, pixel: Pixel, periods: PixelPeriods, watch: Sequence[str]
) -> dict[str, xr.DataArray]:
    """Return what was observed of outputs that are no streams of the run."""
    wanted = [
        name
        for name in watch
        if name in model_of(run.config).outputs and name not in run.config.streams
    ]
    if not wanted or run.config.twin is not None or run.source.is_region:
        return {}
    found = {}
    for name in wanted:
        try:
            seen = run.source.observations(pixel, periods.observed, {name: Stream()})
        except ValueError:
            continue  # not observed here
        if seen is not None and name in seen and bool(seen[name].notnull().any()):
            found[name] = seen[name]
    return found


def default_row(run: Run, names: list[str]) -> pd.DataFrame:
    """Return one row: the defaults of these parameters."""
    rows = model_of(run.config).parameters
    return pd.DataFrame({name: [rows[name].default] for name in names})
