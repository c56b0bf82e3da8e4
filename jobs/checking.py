"""Open every input and say what a run would take; computes nothing, writes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.config_checks import STREAMS
from jobs.methods import expected_runs
from jobs.observed import make_streams
from jobs.pixels import Pixel
from jobs.provenance import checksums
from jobs.run import Run
from jobs.sources import forcing_of, observations_of

_BYTES_PER_DRAW = 8


def check(run: Run) -> Iterator[str]:
    """Open the inputs of every pixel and yield a report, line by line.

    Raises
    ------
    ValueError
        At the first input that cannot be used, naming file, variable and date.
    """
    config = run.config
    if config.pixels.source == "region":
        from jobs.region_check import check_region

        yield from check_region(run)
    else:
        checksums(run.inputs)
        for pixel in run.pixels:
            yield f"{pixel.name}: {pixel.latitude:g} N, {pixel.longitude:g} E"
            yield from _pixel(run, pixel)
    years = config.periods.calibration.last - config.periods.spinup.first + 1
    cycled = years + config.model.spinup_cycles
    runs = expected_runs(config)
    if runs is not None:
        yield (
            f"cost: about {runs} model runs of {cycled} years (spin-up included) a "
            f"pixel, {runs * len(run.pixels)} in all"
        )
    draws = int(config.calibration.options.get("n_draws") or 100_000)
    n_parameters = len({p for b in config.calibration.blocks for p in b.parameters})
    size = draws * n_parameters * _BYTES_PER_DRAW / 1e6 * len(run.pixels)
    yield f"disk: at most {size:.0f} MB of posteriors"


def _unit(stream: str) -> str:
    return "" if STREAMS[stream] == "1" else f" {STREAMS[stream]}"


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
                f"means, mean {series.value.mean():.3g}{_unit(name)}, variance "
                f"{series.variance_rule}"
            )
