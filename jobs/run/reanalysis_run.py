"""A reanalysis' run folder: its files, its calendar, and what it started with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from jobs.config.process_model import model_of
from jobs.config.reader import read_as
from jobs.config.reanalysis import Reanalysis, ReanalysisConfig
from jobs.config.yaml_positions import Document
from jobs.errors import ConfigError, Problem
from jobs.process_models.base import Restartable
from jobs.process_models.registry import MODELS
from jobs.run.file_lock import alone
from jobs.run.folder import RunFolder
from jobs.run.provenance import checksums, read_record, record, write_record
from jobs.run.start_files import refuse_lost_record

_FREE = ("name", "execution")
"""Keys that may change during a run."""


@dataclass(frozen=True)
class CycleDates:
    """One stretch that the members run before an analysis.

    Attributes
    ----------
    number : int
        From 0.
    first, last : numpy.datetime64
        Days, both run. The analysis is at the end of the last.
    is_analysed : bool
        False of the days behind the last analysis.
    """

    number: int
    first: np.datetime64
    last: np.datetime64
    is_analysed: bool


@dataclass(frozen=True)
class ReanalysisRun:
    """A run folder with the configuration of a reanalysis.

    Attributes
    ----------
    folder : RunFolder
    config : ReanalysisConfig
    document : Document
        What the user wrote.
    """

    folder: RunFolder
    config: ReanalysisConfig
    document: Document

    @property
    def section(self) -> Reanalysis:
        """The section ``reanalysis``."""
        return self.config.reanalysis

    @cached_property
    def model(self) -> Restartable:
        """The model, which can restart.

        Raises
        ------
        ConfigError
            If it cannot.
        """
        if self.config.model.scaling:
            raise ConfigError(
                self.problem(
                    ["model", "scaling"],
                    found=", ".join(self.config.model.scaling),
                    wanted="no such key: members have parameters of the model's table",
                    hint="Of a calibration with factors, give the draws of the "
                    "parameters themselves (reanalysis.parameters.draws).",
                )
            )
        model = model_of(self.config)
        if not isinstance(model, Restartable):
            raise ConfigError(
                self.problem(
                    ["model", "name"],
                    found=f"{self.config.model.name}, a model that cannot restart",
                    wanted="a model that gives its whole state back, such as sipnet "
                    "or ibis_dalec",
                    hint=f"Of {', '.join(MODELS)}, those with update_state.",
                )
            )
        return model

    @property
    def states(self) -> list[str]:
        """Names of the states that the filter corrects."""
        return list(self.section.states) or list(self.model.analysed)

    @property
    def path(self) -> Path:
        """Folder of what a reanalysis writes."""
        return self.folder.path / "reanalysis"

    def weather(self, site: str) -> Path:
        """Return the prepared weather of a site."""
        return self.path / "weather" / f"{site}.nc"

    @property
    def members(self) -> Path:
        """Parameters and initial pools of the members."""
        return self.path / "members.nc"

    @property
    def prepared(self) -> Path:
        """Observations by analysis; at its name everything before it is prepared."""
        return self.path / "observations.nc"

    def cycle(self, number: int) -> Path:
        """Return the folder of a cycle."""
        return self.path / "cycles" / f"{number:04d}"

    def forecast(self, number: int, block: int) -> Path:
        """Return the forecast of a block of sites."""
        return self.cycle(number) / f"forecast_{block:04d}.nc"

    def restart(self, number: int, block: int) -> Path:
        """Return the states that a block goes on from after an analysis."""
        return self.cycle(number) / f"restart_{block:04d}.nc"

    def fluxes(self, number: int) -> Path:
        """Return the weighted daily outputs of a cycle."""
        return self.cycle(number) / "fluxes.nc"

    def analysis(self, number: int) -> Path:
        """Return the analysis of a cycle; at its name the cycle is done."""
        return self.cycle(number) / "analysis.nc"

    @cached_property
    def cycles(self) -> list[CycleDates]:
        """The calendar, from the first day of the first year to the last's last."""
        years, day = self.section.years, self.section.analysis_day
        found: list[CycleDates] = []
        first = np.datetime64(f"{years.first}-01-01")
        for year in range(years.first, years.last + 1):
            last = np.datetime64(f"{year}-{day}")
            found.append(CycleDates(len(found), first, last, True))
            first = last + 1
        end = np.datetime64(f"{years.last}-12-31")
        if first <= end:
            found.append(CycleDates(len(found), first, end, False))
        return found

    def in_folder(self, name: str) -> Path:
        """Return a file that the configuration names."""
        return (self.config.folder / name).resolve()

    def problem(self, keys: list[str | int], **words: str) -> Problem:
        """Return a problem with a value of the configuration."""
        return self.document.problem(keys, **words)


def open_reanalysis(path: Path) -> ReanalysisRun:
    """Read the configuration; touches nothing.

    Raises
    ------
    ConfigError
        If it is wrong in itself: unknown keys, a model that cannot restart, states or
        outputs that the model does not have.
    """
    folder = RunFolder(path)
    config, document = read_as(ReanalysisConfig, folder.config)
    folder.refuse_links()
    run = ReanalysisRun(folder, config, document)
    _check_names(run)
    return run


def _check_names(run: ReanalysisRun) -> None:
    problems = []
    known = run.model.analysed
    section = run.section
    for k, name in enumerate(section.states):
        if name not in known or section.states.index(name) != k:
            problems.append(
                run.problem(
                    ["reanalysis", "states", k],
                    found=f'"{name}"',
                    wanted=f"each of {', '.join(known)} at most once",
                )
            )
    states = [name for name in section.states if name in known] or list(known)
    for key in ("process_error", "minimum_sd"):
        given = getattr(section.filter, key)
        lacking = [name for name in states if name not in given]
        wrong = [name for name in given if name not in states]
        if wrong or (lacking and key == "process_error"):
            problems.append(
                run.problem(
                    ["reanalysis", "filter", key],
                    found=", ".join(given) or "nothing",
                    wanted=f"an sd for {', '.join(states)}",
                )
            )
    outputs = model_of(run.config).outputs
    for k, name in enumerate(section.outputs):
        if name not in outputs or section.outputs.index(name) != k:
            problems.append(
                run.problem(
                    ["reanalysis", "outputs", k],
                    found=f'"{name}"',
                    wanted=f"each of {', '.join(outputs)} at most once",
                )
            )
    alpha = section.filter.alpha
    if alpha is not None and alpha <= len(states) + 1:
        problems.append(
            run.problem(
                ["reanalysis", "filter", "alpha"],
                found=f"{alpha:g}",
                wanted=f"more than {len(states) + 1}, so that Q has a mean",
            )
        )
    parameters = model_of(run.config).parameters
    for name, (low, high) in (section.parameters.prior or {}).items():
        where: list[str | int] = ["reanalysis", "parameters", "prior", name]
        if name not in parameters:
            problems.append(
                run.problem(
                    where,
                    found="an unknown parameter",
                    wanted=f"one of the parameters of {run.config.model.name}",
                )
            )
        elif low < parameters[name].low or high > parameters[name].high:
            row = parameters[name]
            problems.append(
                run.problem(
                    where,
                    found=f"{low:g} to {high:g}",
                    wanted=f"inside {row.low:g} to {row.high:g} {row.unit}",
                )
            )
    if problems:
        raise ConfigError(problems)


def start_reanalysis(run: ReanalysisRun, inputs: dict[str, Path]) -> None:
    """Write ``run.json`` on the first start; on later ones compare with it.

    Raises
    ------
    ConfigError
        If an input or the configuration has changed since: results made before and
        after would not belong together.
    """
    run.folder.require_writable()
    science = _science(run.config)
    with alone(run.folder.path, "starting", wait=True):
        facts = read_record(run.folder.record)
        found = checksums(inputs)
        if not facts:
            made = (run.folder.path / "reanalysis").rglob("*.nc")
            refuse_lost_record(run.folder.record, made)
            started = record(run.config.seed, found)
            write_record(run.folder.record, {**started, "reanalysis": science})
            return
    then = facts.get("reanalysis")
    then = then if isinstance(then, dict) else {}
    changed = [
        key for key in sorted({*science, *then}) if science.get(key) != then.get(key)
    ]
    problems = [
        run.problem(
            list(key.split(".")),
            found="another value than the run started with",
            wanted="the configuration of its start",
            hint="Start a new run folder for other settings.",
        )
        for key in changed
    ]
    problems += [
        Problem(
            str(inputs.get(name, name)),
            "the file has changed since the run started",
            wanted="the same file, to the last byte",
            hint="Start a new run folder for other data.",
        )
        for name, digest in facts["inputs"].items()
        if found.get(name) != digest
    ]
    if problems:
        raise ConfigError(problems)


def _science(config: ReanalysisConfig) -> dict[str, Any]:
    """What may not change, as flat keys of plain values."""
    flat: dict[str, Any] = {}

    def walk(value: Any, key: str) -> None:
        if isinstance(value, dict) and value:
            for name, one in value.items():
                walk(one, f"{key}.{name}" if key else str(name))
        else:
            flat[key] = value

    whole = config.model_dump(mode="json")
    whole["reanalysis"].pop("maps")  # made of what is done, as often as wanted
    walk({key: value for key, value in whole.items() if key not in _FREE}, "")
    return flat
