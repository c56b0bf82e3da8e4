"""What each stage of a run costs, and whether a region's sample is enough to map from.

Nothing is computed: pixels, model runs and simulated years are counted from the
configuration and the region's mask.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jobs.config.process_model import model_of, units_of
from jobs.config.schema import Config
from jobs.inputs.pixel_data import drivers_of, observations_of, weather_of
from jobs.inputs.streams import make_streams
from jobs.run.budgets import n_model_runs
from jobs.run.periods import pixel_periods
from jobs.run.region_sample import RegionSample
from jobs.run.run import Run
from jobs.run.status import status_of
from jobs.stages.region_parameters import region_ids
from jobs.stages.screen import screening_pixels

if TYPE_CHECKING:
    from jobs.run.pixel import Pixel

_MOST_JUDGED = 40  # pixels whose observations are read for the rule of the fit
_USUAL_PIXELS = 30  # below which skill and intervals are hardly known


@dataclass(frozen=True)
class StageCost:
    """What one stage takes.

    Attributes
    ----------
    stage : str
        Name of the command.
    pixels : int
        Pixels it works on.
    model_runs : int
        In all, each of ``years`` years.
    years : int
        Simulated years of a run, spin-up included.
    """

    stage: str
    pixels: int
    model_runs: int
    years: int

    @property
    def model_years(self) -> int:
        """Simulated years in all."""
        return self.model_runs * self.years


def stage_costs(run: Run) -> list[StageCost]:
    """Return the cost of every stage that ``masm run`` goes through.

    Stages that run no model (upscaling itself, export) have none. A stage that is
    done already costs nothing the next time, which is not looked at.
    """
    config = run.config
    cycles = model_of(config).spinup_cycles
    calibration, whole = years_of(run)
    n = len(run.pixels)
    costs = []
    if run.source.is_region:
        screened = len(screening_pixels(run))
        runs = screened * _morris_runs(config) + _sobol_runs(config, screened)
        costs.append(StageCost("screen", screened, runs, calibration + cycles))
    runs = n_model_runs(run, [pixel.id for pixel in run.pixels])
    costs.append(StageCost("calibrate", n, runs, calibration + cycles))
    if not run.source.is_region:
        return [*costs, StageCost("simulate", n, 2 * n, whole + cycles)]
    mapped, draws = region_ids(run).size, config.upscaling.draws
    return [
        *costs,
        StageCost("upscale", mapped, 0, whole + cycles),
        StageCost("simulate", mapped, 2 * mapped + 3 * n, whole + cycles),
        StageCost("ensemble", mapped, draws * mapped, whole + cycles),
    ]


def years_of(run: Run) -> tuple[int, int]:
    """Return simulated years of a calibration and of a whole simulation.

    Of a run whose sites have years of their own, the mean of the sites that can be
    read; spin-up year included.
    """
    periods = run.config.periods
    if periods.by_site is None:
        calibration = periods.calibration.last - periods.spinup.first + 1
        return calibration, periods.whole.last - periods.whole.first + 1
    found = []
    for pixel in run.pixels[:_MOST_JUDGED]:
        try:
            own = pixel_periods(
                run.config, drivers_of(run, pixel, weather_of(run, pixel))
            )
        except ValueError:
            continue  # what cannot be used is said elsewhere
        first = own.spinup.first
        found.append((own.calibration.last - first + 1, own.whole.last - first + 1))
    if not found:
        return periods.by_site.least_years, periods.by_site.least_years
    calibration, whole = np.mean(found, axis=0).round().astype(int).tolist()
    return calibration, whole


def minutes_of(run: Run, costs: list[StageCost]) -> tuple[float, bool]:
    """Return core-minutes of all stages, and whether the pace was measured.

    The pace is that of calibrated pixels, or ``pixel_minutes_guess``. A calibration
    spends part of its time on the surrogate, so for the other stages, which are given
    the same time for a simulated year, the result is an upper limit.
    """
    started = run.folder.lock.exists()
    median = status_of(run.folder, run.pixels).median_minutes if started else None
    pace = median or run.config.execution.slurm.pixel_minutes_guess
    years = {cost.stage: cost.model_years for cost in costs}
    per_year = pace * len(run.pixels) / max(1, years["calibrate"])
    return per_year * sum(years.values()), median is not None


def training_words(run: Run, sample: RegionSample) -> Iterator[str]:
    """Say whether the sample is enough to train maps on, and which rules cut it.

    A line that begins with NO MAPS says that upscaling will refuse.
    """
    rules, n = run.config.upscaling, sample.calibration.size
    if n < rules.least_pixels:
        yield (
            f"NO MAPS: {n} pixels to calibrate, and upscaling.least_pixels is "
            f"{rules.least_pixels}. Raise pixels.sample.calibration"
        )
    elif n < _USUAL_PIXELS:
        yield (
            f"upscaling: {n} pixels to calibrate; with fewer than {_USUAL_PIXELS} the "
            "skill and the intervals of maps are poorly known"
        )
    else:
        yield f"upscaling: {n} pixels to calibrate, {rules.least_pixels} needed"
    named = _active_rules(run.config)
    if named:
        yield f"  upscaling does not use pixels with {'; '.join(named)}"
    if rules.max_diso is not None and run.config.twin is None:
        yield from _lost_to_noise(run, rules.max_diso)


def _active_rules(config: Config) -> list[str]:
    rules = config.upscaling
    named = []
    if rules.max_diso is not None:
        streams = " or ".join(name.upper() for name in config.streams)
        named.append(
            f"a DISO of {streams} of {rules.max_diso:g} or more (upscaling.max_diso)"
        )
    if rules.max_r_hat is not None:
        named.append(f"an R-hat of {rules.max_r_hat:g} or more (upscaling.max_r_hat)")
    if rules.max_surrogate_error is not None:
        named.append(
            f"a surrogate error of {rules.max_surrogate_error:g} or more "
            "(upscaling.max_surrogate_error)"
        )
    if rules.at_bound == "drop_pixel":
        named.append("a posterior at its prior's bound (upscaling.at_bound)")
    return named


def _lost_to_noise(run: Run, max_diso: float) -> Iterator[str]:
    """Say how many pixels no model can fit well enough: their errors are too large.

    A model that is right still differs from the observations by their errors, so its
    DISO is about their root mean variance over their mean, at least.
    """
    judged = run.pixels[:: -(-len(run.pixels) // _MOST_JUDGED)]
    lost: dict[str, int] = {}
    for pixel in judged:
        floors = _least_diso(run, pixel)
        worst = max(floors, key=lambda name: floors[name], default="")
        if worst and floors[worst] >= max_diso:
            lost[worst] = lost.get(worst, 0) + 1
    if not lost:
        return
    n = round(sum(lost.values()) / len(judged) * len(run.pixels))
    left, least = len(run.pixels) - n, run.config.upscaling.least_pixels
    streams = ", ".join(name.upper() for name in lost)
    yield (
        f"{'NO MAPS: ' if left < least else ''}upscaling.max_diso {max_diso:g} will "
        f"drop about {n} of {len(run.pixels)} pixels whatever their fit: the stated "
        f"errors of {streams} alone make a larger DISO. {left} are left, "
        f"upscaling.least_pixels is {least}. Raise upscaling.max_diso, or set it to "
        "null"
    )


def _least_diso(run: Run, pixel: Pixel) -> dict[str, float]:
    """Return the DISO of a model that is right, by stream whose errors are stated."""
    try:
        forcing = drivers_of(run, pixel, weather_of(run, pixel))
        observations = observations_of(run, pixel, forcing)
        streams = make_streams(
            observations,
            run.config.streams,
            pixel_periods(run.config, forcing).calibration,
            units=units_of(run.config),
        )
    except ValueError:
        return {}  # what cannot be used is said elsewhere
    found = {}
    for name, stream in streams.items():
        series = stream.aggregate()
        mean = float(series.value.mean())
        if series.variance_rule != "series" and series.scale is None and mean > 0:
            found[name] = float(np.sqrt(series.variance.mean()) / mean)
    return found


def _morris_runs(config: Config) -> int:
    """Return the model runs of a screened pixel."""
    return config.screening.trajectories * (len(model_of(config).parameters) + 1)


def _sobol_runs(config: Config, n_screened: int) -> int:
    rule = config.screening
    n_runs = rule.sobol_base * (len(model_of(config).parameters) + 2)
    return min(rule.sobol_pixels, n_screened) * n_runs
