"""The work of a soil-carbon run as numbered tasks, which any executor does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from jobs.config.execution import Execution
from jobs.config.schema import Model
from jobs.config.soil_carbon import SoilCarbonConfig
from jobs.executors.base import UnitRun
from jobs.inputs.soil_carbon import read_inputs
from jobs.run.folder import RunFolder
from jobs.stages import soil_carbon as stages
from jobs.stages.soil_carbon import SoilCarbonRun


@dataclass(frozen=True)
class Step:
    """A part of a run whose tasks do not depend on each other.

    Attributes
    ----------
    title : str
        What is done, for people.
    unit : str
        What a task is, in the plural.
    minutes : float
        That a task takes about.
    work : callable
        ``work(run_folder, number)`` does one task.
    left : callable
        Numbers of the tasks of a run that are not done.
    """

    title: str
    unit: str
    minutes: float
    work: Callable[[Path, int], object]
    left: Callable[[SoilCarbonRun], list[int]]


def calibrate_task(path: Path, number: int) -> None:
    """Calibrate one ecosystem with one strategy."""
    run = opened(path)
    stages.calibrate(run, *run.pairs[number])


def errors_task(path: Path, number: int) -> None:
    """Compute the errors of posterior draws of one calibration."""
    run = opened(path)
    stages.posterior_errors(run, *run.pairs[number])


def predict_task(path: Path, number: int) -> None:
    """Predict one chunk of cells."""
    stages.predict_chunk(opened(path), number)


def _numbers(run: SoilCarbonRun, left: list[tuple[str, str]]) -> list[int]:
    return [number for number, pair in enumerate(run.pairs) if pair in left]


STEPS: dict[str, Step] = {
    "calibrate": Step(
        "calibrate", "calibrations", 30.0, calibrate_task,
        lambda run: _numbers(run, stages.calibrations_left(run)),
    ),
    "errors": Step(
        "errors of draws", "posteriors", 5.0, errors_task,
        lambda run: _numbers(run, stages.errors_left(run)),
    ),
    "predict": Step("predict", "chunks", 5.0, predict_task, stages.chunks_left),
}  # fmt: skip
"""Name to step, in the order in which they follow each other."""


@dataclass(frozen=True)
class _Config:
    """What executors ask of a configuration."""

    name: str
    execution: Execution
    folder: Path

    @property
    def model(self) -> Model:
        """The process model, which is compiled before tasks are handed out."""
        return Model(name="century", spinup_cycles=0)


@dataclass(frozen=True)
class _Run:
    folder: RunFolder
    config: _Config


def unit_run(run: SoilCarbonRun) -> UnitRun:
    """Return a soil-carbon run as executors take it."""
    config = run.config
    return _Run(
        RunFolder(run.path), _Config(config.name, config.execution, config.folder)
    )


def open_soil_carbon(path: Path) -> SoilCarbonRun:
    """Read the configuration and every input; nothing is simulated or written.

    Raises
    ------
    ConfigError
        With every mistake of the configuration, or the first of an input.
    """
    from jobs.config.checks import option_problems
    from jobs.config.methods import method_names
    from jobs.config.reader import read_as
    from jobs.errors import ConfigError, did_you_mean

    folder = RunFolder(path)
    folder.refuse_links()
    config, document = read_as(SoilCarbonConfig, folder.config)
    chosen = config.calibration
    if chosen.method not in method_names():
        raise ConfigError(
            document.problem(
                ("calibration", "method"), found=f'"{chosen.method}"',
                wanted=", ".join(method_names()),
                hint=did_you_mean(chosen.method, method_names()),
            )
        )  # fmt: skip
    if problems := list(option_problems(chosen.method, chosen.options, document)):
        raise ConfigError(problems)
    return SoilCarbonRun(path, config, read_inputs(config))


def opened(path: Path) -> SoilCarbonRun:
    """Open a run once in each process, and again where its files have changed."""
    from jobs.config.reader import read_as

    file = RunFolder(path).config
    config, _ = read_as(SoilCarbonConfig, file)
    stamps = [(one.stat().st_size, one.stat().st_mtime_ns)
              for one in config.files.values()]  # fmt: skip
    digest = sha256(file.read_bytes() + repr(stamps).encode()).hexdigest()
    return _opened(path, digest)


@lru_cache(maxsize=1)
def _opened(path: Path, digest: str) -> SoilCarbonRun:
    return open_soil_carbon(path)
