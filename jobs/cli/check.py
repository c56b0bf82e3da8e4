"""Open every input and say what a run would take; computes nothing, writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jobs.config.priors import calibrated_parameters, traits_of
from jobs.config.process_model import model_of, units_of
from jobs.console import table
from jobs.disk_errors import system_fault
from jobs.errors import ConfigError, Problem
from jobs.inputs.judgement import (
    LOOKED_AT,
    few_windows,
    judge_forcing,
    judge_streams,
    windows_used,
)
from jobs.inputs.pixel_data import drivers_of, observations_of, weather_of
from jobs.inputs.streams import make_streams
from jobs.run.budgets import budget_of, n_borrowing
from jobs.run.periods import OWN_PERIODS, pixel_periods
from jobs.run.pixel import Pixel
from jobs.run.provenance import checksums
from jobs.run.run import Run
from jobs.run.site_results import sites_left_out
from jobs.run.status import status_of
from jobs.stages.price import minutes_of, stage_costs, years_of
from jobs.text_tables import TextTable, counted

_BYTES_PER_DRAW = 8
_N_PRINTED = 20  # refusals and doubts that are printed in full
_N_CHAINS = 4  # that keep_draws is meant for
_BYTES_BESIDE = 200_000  # model runs, fit and attributes in a posterior.nc


def check(run: Run, doubts: list[str] | None = None) -> Iterator[str]:
    """Open the inputs of every pixel, judge them, and yield a report, line by line.

    Parameters
    ----------
    run : Run
        Which run.
    doubts : list of str, optional
        What is suspicious is put into it.

    Raises
    ------
    ConfigError
        After the report, with every input that cannot be used: file, variable, date.
    """
    doubts = [] if doubts is None else doubts
    config = run.config
    sites_left_out(run)
    if run.source.is_region:
        from jobs.cli.region_check import check_region

        yield from check_region(run, doubts)
    else:
        checksums(run.inputs)
        refused: list[Problem] = []
        for pixel in run.pixels:
            yield f"{pixel.name}: {_place(pixel)}"
            try:
                yield from _pixel(run, pixel, doubts)
            except ValueError as exc:
                if fault := system_fault(exc):
                    raise fault from exc
                yield "  refused: " + str(exc).splitlines()[0]
                refused += problems_of(exc)
        if refused:
            raise ConfigError(refused[:_N_PRINTED])
    for name, trait in traits_of(config).items():
        unit = model_of(config).parameters[name].unit
        used = "" if name in calibrated_parameters(config) else ", not calibrated here"
        yield (
            f"traits: {name} {trait.mean:.4g} {unit}, sd {trait.sd:.3g} at a new site, "
            f"{trait.n_studies} studies{used}"
        )
    years, _ = years_of(run)
    cycled = years + model_of(config).spinup_cycles
    yield from calibration_cost(run, cycled)
    if more := config.calibration.options.get("more_runs"):
        yield (
            f"  and up to {more} more at a pixel where the estimated error is too "
            "large (calibration.options.more_runs)"
        )
    n_columns = len(calibrated_parameters(config)) + 1  # and the log density
    draws = _N_CHAINS * config.calibration.keep_draws * n_columns * _BYTES_PER_DRAW
    size = (draws + _BYTES_BESIDE) * len(run.pixels) / 1e6
    yield (
        f"disk: about {size:.3g} MB of posteriors, and {size / 2:.3g} MB more when "
        "they are collected"
    )


def calibration_cost(run: Run, years: int) -> Iterator[str]:
    """Say how many model runs are made at a pixel, and in all."""
    config = run.config
    ids = [pixel.id for pixel in run.pixels]
    whole = budget_of(config, borrows=False)
    each = f"{whole.runs} model runs of {years} years (spin-up included)"
    if config.calibration.neighbour_runs == 0:
        yield f"cost: at most {each} a pixel, {whole.runs * len(ids)} in all"
        return
    few = budget_of(config, borrows=True)
    borrowing = n_borrowing(run, ids)
    alone = len(ids) - borrowing
    yield (
        f"cost: at most {each} at {counted(alone, 'pixels')} of the first wave, "
        f"{few.runs} at {counted(borrowing, 'pixels')} with neighbours, "
        f"{alone * whole.runs + borrowing * few.runs} in all"
    )
    yield (
        f"  and up to {whole.runs - few.runs} more at a pixel with neighbours where "
        "the estimated error is too large or no neighbour is done "
        "(calibration.neighbour_runs)"
    )


def price(run: Run) -> Iterator[str | TextTable]:
    """Yield what each stage of the run costs, as a table, and the time of all."""
    import pandas as pd

    costs = stage_costs(run)
    shown = pd.DataFrame(
        {
            "stage": [cost.stage for cost in costs],
            "pixels": [cost.pixels for cost in costs],
            "model runs": [cost.model_runs for cost in costs],
            "years a run": [cost.years for cost in costs],
            "model years": [cost.model_years for cost in costs],
        }
    )
    numbers = dict.fromkeys(shown.columns[1:], ",d")
    yield table(shown, "cost of each stage, spin-up included", numbers)
    minutes, measured = minutes_of(run, costs)
    source = (
        "the pace of finished pixels"
        if measured
        else "a guess, execution.slurm.pixel_minutes_guess; calibrate a few to measure"
    )
    pace = run.config.execution.slurm.pixel_minutes_guess
    if measured:
        pace = status_of(run.folder, run.pixels).median_minutes or pace
    yield (
        f"time: at most about {hours(minutes)} of one core, at {pace:.2g} min to "
        f"calibrate a pixel ({source})"
    )


def hours(minutes: float) -> str:
    """Return a length of time as a person says it.

    Examples
    --------
    >>> hours(0.4), hours(12.3), hours(600)
    ('0.4 minutes', '12 minutes', '10 core-hours')
    """
    if minutes < 90:
        return f"{minutes:.2g} minutes"
    return f"{minutes / 60:,.3g} core-hours"


def closing_lines(doubts: Sequence[str]) -> Iterator[str]:
    """Say what a check came to, which refused nothing."""
    if not doubts:
        yield f"nothing wrong was found; checked: {LOOKED_AT}"
    yield from suspicious_lines(doubts)


def suspicious_lines(doubts: Sequence[str]) -> Iterator[str]:
    """Say what is unlikely; nothing where there is nothing."""
    if not doubts:
        return
    yield f"suspicious: {len(doubts)} finding{'' if len(doubts) == 1 else 's'}"
    for doubt in doubts[:_N_PRINTED]:
        yield f"  suspicious: {doubt}"


def problems_of(exc: ValueError) -> list[Problem]:
    """Return an error's problems, or itself as one."""
    if isinstance(exc, ConfigError):
        return list(exc.problems)
    return [Problem("", str(exc))]


def _place(pixel: Pixel) -> str:
    """Return latitude and longitude as people write them."""
    north = f"{abs(pixel.latitude):g} {'S' if pixel.latitude < 0 else 'N'}"
    return f"{north}, {abs(pixel.longitude):g} {'W' if pixel.longitude < 0 else 'E'}"


def _pixel(run: Run, pixel: Pixel, doubts: list[str]) -> Iterator[str]:
    config = run.config
    units = {n: "" if u == "1" else f" {u}" for n, u in units_of(config).items()}
    weather = weather_of(run, pixel)
    forcing = drivers_of(run, pixel, weather)
    time = forcing["time"].to_numpy()
    yield f"  forcing {time[0]:.10} to {time[-1]:.10}, {time.size} days"
    if "report" in forcing.attrs:
        yield from (f"    {line}" for line in str(forcing.attrs["report"]).splitlines())
    mine = judge_forcing(weather, pixel, pixel.name)
    if config.twin is not None:
        yield "  observations: a synthetic twin, made when the run starts"
        doubts += [f"{pixel.name}: {doubt}" for doubt in mine]
        return
    observations = observations_of(run, pixel, forcing)
    periods = pixel_periods(config, forcing)
    if config.periods.by_site is not None or OWN_PERIODS in forcing.attrs:
        yield f"  its own years: {periods}"
    elif periods.whole != config.periods.whole:
        yield f"  its record is shorter than periods: {periods}"
    for period in ("calibration", "validation"):
        years = getattr(periods, period)
        if years is None:
            yield f"  {period}: none, the record ends before it"
            continue
        n_days = 365 * (years.last - years.first + 1)
        held_out = period == "validation"
        streams = make_streams(
            observations,
            config.streams,
            years,
            units=units_of(config),
            skip_empty=held_out,
        )
        for name in config.streams.keys() - streams.keys():
            yield f"  {period} {years}: {name} has no value: not scored there"
        for name, stream in streams.items():
            series = stream.aggregate()
            possible, word = windows_used(series, n_days)
            yield (
                f"  {period} {years}: {name} has {series.n_obs} of {possible} {word} "
                f"means, mean {series.value.mean():.3g}{units[name]}, variance "
                f"{series.variance_rule}"
            )
            mine += few_windows(name, series, possible)
        mine += judge_streams(streams, weather)
    for name in config.streams:
        if name in observations and not observations[name].attrs.get("units"):
            yield f"  {name}: no units in the file; taken as{units[name] or ' 1'}"
    doubts += [f"{pixel.name}: {doubt}" for doubt in dict.fromkeys(mine)]
