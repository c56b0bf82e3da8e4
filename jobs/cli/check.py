"""Open every input and say what a run would take; computes nothing, writes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.config.methods import expected_runs
from jobs.config.priors import calibrated_parameters
from jobs.config.process_model import model_of, units_of
from jobs.config.schema import Config
from jobs.inputs.pixel_data import forcing_of, observations_of
from jobs.inputs.streams import make_streams
from jobs.run.pixel import Pixel
from jobs.run.provenance import checksums
from jobs.run.run import Run
from jobs.run.status import status_of

_BYTES_PER_DRAW = 8
_N_CHAINS = 4  # that keep_draws is meant for
_BYTES_BESIDE = 200_000  # model runs, fit and attributes in a posterior.nc


def check(run: Run) -> Iterator[str]:
    """Open the inputs of every pixel and yield a report, line by line.

    Raises
    ------
    ValueError
        At the first input that cannot be used, naming file, variable and date.
    """
    config = run.config
    if run.source.is_region:
        from jobs.cli.region_check import check_region

        yield from check_region(run)
    else:
        checksums(run.inputs)
        for pixel in run.pixels:
            yield f"{pixel.name}: {pixel.latitude:g} N, {pixel.longitude:g} E"
            yield from _pixel(run, pixel)
    years = config.periods.calibration.last - config.periods.spinup.first + 1
    cycled = years + model_of(config).spinup_cycles
    runs = expected_runs(config)
    if runs is not None:
        yield (
            f"cost: about {runs} model runs of {cycled} years (spin-up included) a "
            f"pixel, {runs * len(run.pixels)} in all"
        )
    yield _time(run)
    n_columns = len(calibrated_parameters(config)) + 1  # and the log density
    draws = _N_CHAINS * config.calibration.keep_draws * n_columns * _BYTES_PER_DRAW
    size = (draws + _BYTES_BESIDE) * len(run.pixels) / 1e6
    yield f"disk: about {size:.3g} MB of posteriors, half as much again when collected"


def _time(run: Run) -> str:
    started = run.folder.lock.exists()
    median = status_of(run.folder, run.pixels).median_minutes if started else None
    pace = median or run.config.execution.slurm.pixel_minutes_guess
    source = (
        "the median of those finished"
        if median
        else "a guess, execution.slurm.pixel_minutes_guess; calibrate a few to measure"
    )
    hours = pace * len(run.pixels) / 60.0
    return f"time: about {hours:.2g} core-hours at {pace:.2g} min a pixel ({source})"


def _unit(config: Config, stream: str) -> str:
    unit = units_of(config)[stream]
    return "" if unit == "1" else f" {unit}"


def _pixel(run: Run, pixel: Pixel) -> Iterator[str]:
    config = run.config
    forcing = forcing_of(run, pixel)
    time = forcing["time"].to_numpy()
    yield f"  forcing {time[0]:.10} to {time[-1]:.10}, {time.size} days"
    if "report" in forcing.attrs:
        yield from (f"    {line}" for line in str(forcing.attrs["report"]).splitlines())
    if config.twin is not None:
        yield "  observations: a synthetic twin, made when the run starts"
        return
    observations = observations_of(run, pixel, forcing)
    for period in ("calibration", "validation"):
        years = getattr(config.periods, period)
        for name, stream in make_streams(observations, config.streams, years).items():
            series = stream.aggregate()
            possible = 46 * (years.last - years.first + 1)
            yield (
                f"  {period} {years}: {name} has {series.n_obs} of {possible} 8-day "
                f"means, mean {series.value.mean():.3g}{_unit(config, name)}, variance "
                f"{series.variance_rule}"
            )
