"""Assimilate a swath run: one window, all streams, then without each in turn.

A unit of work is an experiment, whose result is a JSON file; the first one also leaves
the table of controls and targets.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from jobs.config.swath import SwathConfig, read_swath
from jobs.errors import ConfigError, Problem
from jobs.files import is_file, is_number, make_folder, read_json, replacing, write_text
from jobs.inputs.swath import SYNTHETIC, SwathTwin, make_twin
from jobs.run.folder import RunFolder
from jobs.run.seeds import RunStream, run_generator
from jobs.spreadsheets import safe_texts

if TYPE_CHECKING:
    import masm
    from jobs.process_models.dalec_bethy_region import Problem as Assimilation
    from jobs.run.run import Run


def swath_folder(run: Path) -> Path:
    """Return where the results of a swath run are."""
    return run / "swath"


@dataclass(frozen=True)
class _SwathRun:
    """What executors ask of a run: its folder and its configuration."""

    folder: RunFolder
    config: SwathConfig


def swath_run(run: Path, config: SwathConfig) -> Run:
    """Return a swath run as executors take it; it has no pixels."""
    return cast("Run", _SwathRun(RunFolder(run), config))


def experiment_file(run: Path, number: int) -> Path:
    """Return where the result of an experiment is."""
    return swath_folder(run) / f"experiment_{number}.json"


def experiments_left(run: Path, config: SwathConfig) -> list[int]:
    """Return the numbers of experiments without a result of this configuration."""
    return [
        number
        for number in range(len(config.experiments))
        if read_experiment(run, config, number) is None
    ]


def open_swath(run: Path) -> SwathConfig:
    """Read the configuration of a swath run, whose own files are no links.

    Raises
    ------
    ConfigError
        With every mistake found, or naming links.
    """
    RunFolder(run).refuse_links()
    return read_swath(run)


def read_experiment(
    run: Path, config: SwathConfig, number: int
) -> dict[str, Any] | None:
    """Return the result of an experiment; None where it is missing or another's."""
    path = experiment_file(run, number)
    try:
        facts = read_json(path) if is_file(path) else None
    except ValueError:
        return None
    if not isinstance(facts, dict) or facts.get("digest") != _digest(config):
        return None
    return facts if _is_whole(facts) else None


_NUMBERS = (
    "n_cells", "n_controls", "n_observations", "cost_prior", "cost",
    "half_observations", "n_evaluations", "seconds", "memory_mb",
)  # fmt: skip


def _is_whole(facts: dict[str, Any]) -> bool:
    """Return whether a result holds numbers and words where they were written."""
    before, after = facts.get("misfit_prior"), facts.get("misfit")
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return False
    numbers: list[Any] = [facts.get(name) for name in _NUMBERS]
    numbers += [*before.values(), *after.values()]
    return (
        before.keys() == after.keys()
        and all(isinstance(facts.get(one), str) for one in ("experiment", "report"))
        and all(map(is_number, numbers))
    )


def _digest(config: SwathConfig) -> str:
    text = config.model_dump_json(exclude={"execution", "name"})
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def assimilate(run: Path, number: int) -> None:
    """Do one experiment and write what came of it.

    Raises
    ------
    ConfigError
        If the region cannot be made, or its cost is not finite at the prior.
    """
    import masm

    config = open_swath(run)
    name = config.experiments[number]
    without = name.removeprefix("without ") if number else None
    begin, cpu = time.monotonic(), time.process_time()
    twin = make_twin(config)
    problem = twin.problem(without)
    wanted = config.swath.minimiser
    try:
        found = masm.four_d_var(
            problem.cost,
            np.zeros(problem.n),
            n_starts=wanted.starts,
            rng=run_generator(config.seed, (*RunStream.SWATH_STARTS, number)),
            names=problem.names,
            collapsed=problem.collapsed,
            max_evaluations=wanted.max_evaluations,
            cost_tolerance=wanted.cost_tolerance,
        )
    except masm.InputError as exc:
        raise ConfigError(Problem("config.yaml", "swath", found=str(exc))) from exc
    facts = _facts(config, name, twin, problem, found)
    if number == 0:
        facts["signal"] = _write_information(run, config, twin, problem, found)
    facts |= {
        "seconds": round(time.monotonic() - begin, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "memory_mb": _memory_mb(),
    }
    make_folder(swath_folder(run))
    write_text(experiment_file(run, number), json.dumps(facts, indent=1) + "\n")


def _facts(
    config: SwathConfig,
    name: str,
    twin: SwathTwin,
    problem: Assimilation,
    found: masm.Minimum,
) -> dict[str, Any]:
    """What is reported of an experiment; streams are those of the whole region."""
    whole = twin.problem()
    before = whole.stream_misfit(np.zeros(whole.n))
    after = whole.stream_misfit(found.x)
    return {
        "digest": _digest(config),
        "experiment": name,
        "made_of": SYNTHETIC,
        "n_cells": len(twin.cells),
        "n_controls": problem.n,
        "n_observations": problem.observations.n,
        "n_looks": int(problem.observations.of.size),
        "n_footprints_outside": twin.n_outside,
        "cost_prior": found.best.cost_at_start,
        "cost": found.cost,
        "half_observations": 0.5 * problem.observations.n,
        "converged": found.converged,
        "report": found.summary(),
        "n_evaluations": found.n_evaluations,
        "at_bound": list(found.at_bound),
        "collapsed": list(found.collapsed),
        "rms_from_truth": float(np.sqrt(np.mean((found.x - twin.truth) ** 2))),
        # Mean squared misfit over error variance: about 1 where errors are as stated.
        "misfit_prior": before,
        "misfit": after,
    }


def _write_information(
    run: Path,
    config: SwathConfig,
    twin: SwathTwin,
    problem: Assimilation,
    found: masm.Minimum,
) -> dict[str, float]:
    """Write controls and targets with all streams and without each, at one point.

    Returns
    -------
    dict
        Degrees of freedom for signal by experiment.
    """
    import pandas as pd

    from masm.information import marginal_variances

    at = problem.linearise(found.x)
    observed = problem.observations
    dead = np.nan if found.collapsed else 0.0
    priors = np.sum(at.target_jacobian**2, axis=1)
    controls, targets, signal = [], [], {}
    for name in config.experiments:
        left_out = name.removeprefix("without ")
        rows = observed.stream != left_out
        of_x, of_t = marginal_variances(
            at.jacobian[rows], observed.variance[rows], at.target_jacobian
        )
        signal[name] = float(np.sum(1.0 - of_x))
        controls.append(
            pd.DataFrame(
                {
                    "experiment": name,
                    "control": problem.names,
                    "truth": twin.truth,
                    "posterior": found.x,
                    "posterior_sd": np.sqrt(of_x),
                    "reduction": 1.0 - np.sqrt(of_x) + dead,
                }
            )
        )
        targets.append(
            pd.DataFrame(
                {
                    "experiment": name,
                    "target": problem.target_names,
                    "value": at.targets,
                    "prior_sd": np.sqrt(priors),
                    "posterior_sd": np.sqrt(of_t),
                    "reduction": 1.0
                    - np.sqrt(of_t / np.where(priors > 0.0, priors, np.nan))
                    + dead,
                }
            )
        )
    make_folder(swath_folder(run))
    for file, parts in (("controls", controls), ("targets", targets)):
        with replacing(swath_folder(run) / f"{file}.csv") as aside:
            table = safe_texts(pd.concat(parts, ignore_index=True))
            table.to_csv(aside, index=False, float_format="%.6g")
    return signal


def _memory_mb() -> float:
    """Largest resident memory of this process so far (MB)."""
    import resource

    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0, 1)
