"""What the streams of a run say: uncertainty reduction of parameters and targets.

Each pixel is linearised at its posterior mean. Streams are left out in turn at the
same linearisation. A unit of work is a pixel, whose result is a JSON file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.priors import calibrated_parameters
from jobs.config.process_model import model_of
from jobs.config.schema import Config
from jobs.errors import ConfigError, Problem
from jobs.files import is_file, is_number, make_folder, read_json, replacing, write_text
from jobs.inputs.digests import input_digests
from jobs.inputs.simulate import calibration_model
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import read_summary
from jobs.run.pixel_summary import posterior_means
from jobs.run.run import Run, open_run
from jobs.spreadsheets import safe_texts
from jobs.stages.calibrate_pixel import (
    PixelError,
    fitted_streams,
    model_runs,
    read_inputs,
)

if TYPE_CHECKING:
    import pandas as pd

    import masm

ALL = "all"
_FLUXES = {"gpp": "gpp", "nep": "nee", "er": "er", "et": "et"}
_ANNUAL = {"g m-2 d-1": "g m-2 yr-1", "mm d-1": "mm yr-1"}
_STOCK = "g m-2"
COLLAPSED = "collapsed"


def targets_of(config: Config) -> list[masm.Target]:
    """Return what is wanted of the model: annual GPP, NEP, ER, ET, and its stocks."""
    from masm import Target

    outputs = model_of(config).outputs
    found = [
        Target(
            name,
            stream,
            "annual",
            _ANNUAL[outputs[stream].unit],
            -1.0 if name == "nep" else 1.0,
        )
        for name, stream in _FLUXES.items()
        if stream in outputs and outputs[stream].unit in _ANNUAL
    ]
    return found + [
        Target(name, name, "final", _STOCK)
        for name, output in outputs.items()
        if output.unit == _STOCK
    ]


def information_file(run: Run, pixel_id: int) -> Path:
    """Return where the result of a pixel is."""
    return run.folder.information / f"{pixel_id:05d}.json"


def pixels_informed(run: Run, pixels: Sequence[Pixel]) -> list[Pixel]:
    """Return those pixels that are calibrated.

    Raises
    ------
    ConfigError
        If there is none.
    """
    found = [p for p in pixels if read_summary(run.folder.pixel(p.id))]
    if not found:
        raise ConfigError(
            Problem(
                str(run.folder.path),
                "no pixel has been calibrated",
                wanted="a posterior, about which the model is linearised",
                hint=f"masm calibrate {run.folder.path}",
            )
        )
    return found


def information_unit(path: Path, pixel_id: int, derivatives: str = "auto") -> None:
    """Find the information content of a pixel, and write it.

    Raises
    ------
    ConfigError
        If the pixel's inputs cannot be used, or it has exact derivatives asked for
        that its model has not.
    """
    run = open_run(path)
    pixel = next(one for one in run.pixels if one.id == pixel_id)
    facts = _information(run, pixel, derivatives)
    target = information_file(run, pixel_id)
    make_folder(target.parent)
    write_text(target, json.dumps(facts, indent=1) + "\n")


def exact_unit(path: Path, pixel_id: int) -> None:
    """As `information_unit`, with the model's exact derivatives or none."""
    information_unit(path, pixel_id, "exact")


def differences_unit(path: Path, pixel_id: int) -> None:
    """As `information_unit`, with finite differences of model runs."""
    information_unit(path, pixel_id, "differences")


UNITS = {
    "auto": information_unit,
    "exact": exact_unit,
    "differences": differences_unit,
}


def _information(run: Run, pixel: Pixel, derivatives: str) -> dict[str, Any]:
    from masm import CalibrationFailed, InputError, calibrated_information

    config = run.config
    used = {
        name
        for block in config.calibration.blocks
        for name in fitted_streams(config, block.streams)
    }
    targets = targets_of(config)
    try:
        read = read_inputs(run, pixel)
        streams = {name: one for name, one in read.streams.items() if name in used}
        outputs = dict.fromkeys([*streams, *(target.stream for target in targets)])
        model = calibration_model(config, read.forcing, tuple(outputs))
        means = posterior_means(run, pixel)
        with model_runs(model, config.execution.run_seconds, None) as running:
            found = calibrated_information(
                observations=streams,
                priors=run.priors,
                parameters=means,
                targets=targets,
                active=calibrated_parameters(config),
                derivatives=derivatives,
                **running,
            )
    except (PixelError, InputError, CalibrationFailed) as exc:
        raise ConfigError(Problem("", f"pixel {pixel.id}", found=str(exc))) from exc
    return {
        "pixel": pixel.id,
        "inputs": input_digests(run, pixel, read.forcing, read.observations),
        "posterior_mean": means,
        "derivatives": "exact" if found.exact else "differences",
        "asked": derivatives,
        "n_model_runs": found.n_model_runs,
        "n_observations": found.n_observations,
        "collapsed": list(found.collapsed),
        "parameters": _parameter_rows(config, found),
        "targets": _target_rows(targets, found),
        "streams": [
            {"experiment": name, "signal": value}
            for name, value in found.content.signal.items()
        ],
    }


def _parameter_rows(
    config: Config, found: masm.CalibratedInformation
) -> list[dict[str, Any]]:
    """One row for each experiment and parameter; NaN where a canopy has collapsed."""
    table = model_of(config).parameters
    dead = np.nan if found.collapsed else 0.0
    return [
        {
            "experiment": experiment,
            "parameter": name,
            "unit": table[name].unit,
            "value": found.parameters[name],
            "prior_sd": float(found.slopes[j]),
            "posterior_sd": float(found.slopes[j] * np.sqrt(covariance[j, j])) + dead,
            "reduction": float(found.content.reduction[experiment][j]) + dead,
        }
        for experiment, covariance in found.content.covariance.items()
        for j, name in enumerate(found.content.names)
    ]


def _target_rows(
    targets: Sequence[masm.Target],
    found: masm.CalibratedInformation,
) -> list[dict[str, Any]]:
    dead = np.nan if found.collapsed else 0.0
    return [
        {
            "experiment": experiment,
            "target": target.name,
            "unit": target.units,
            "value": float(found.target_values[j]),
            "prior_sd": float(found.content.target_prior_sd[j]),
            "posterior_sd": float(sd[j]) + dead,
            "reduction": float(found.content.target_reduction[experiment][j]) + dead,
        }
        for experiment, sd in found.content.target_sd.items()
        for j, target in enumerate(targets)
    ]


def left_to_inform(run: Run, pixels: Sequence[Pixel], derivatives: str) -> list[int]:
    """Return ids of pixels without a result of their present posterior."""
    left = []
    for pixel in pixels:
        known = _read(information_file(run, pixel.id))
        same = (
            known.get("posterior_mean") == posterior_means(run, pixel)
            and derivatives in (known.get("asked"), "auto")
        )  # fmt: skip
        if not same:
            left.append(pixel.id)
    return left


def _read(path: Path) -> dict[str, Any]:
    """Read a pixel's result; empty where it is missing or not as it was written."""
    try:
        found = read_json(path) if is_file(path) else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) and _is_whole(found) else {}


_ROWS = {
    "parameters": ("experiment", "parameter", "reduction"),
    "targets": ("experiment", "target", "reduction"),
    "streams": ("experiment", "signal"),
}
"""What each row of a result holds: words, and a number last."""


def _is_whole(facts: dict[str, Any]) -> bool:
    lists = [facts.get(name) for name in ("collapsed", *_ROWS)]
    if not all(isinstance(one, list) for one in lists):
        return False
    return all(isinstance(one, str) for one in facts["collapsed"]) and all(
        isinstance(row, dict)
        and all(isinstance(row.get(word), str) for word in words)
        and is_number(row.get(number))
        for name, (*words, number) in _ROWS.items()
        for row in facts[name]
    )


def gather_information(run: Run, pixels: Sequence[Pixel]) -> dict[str, pd.DataFrame]:
    """Put the results of pixels together and write them as CSV.

    Returns
    -------
    dict
        ``parameters``, ``targets`` and ``streams``, a row for each pixel, experiment
        and name.
    """
    import pandas as pd

    found: dict[str, list[dict[str, Any]]] = {
        "parameters": [],
        "targets": [],
        "streams": [],
    }
    for pixel in pixels:
        facts = _read(information_file(run, pixel.id))
        common = {
            "pixel": pixel.id,
            "derivatives": facts.get("derivatives", ""),
            "collapsed": "; ".join(facts.get("collapsed", [])),
        }
        for name, rows in found.items():
            rows.extend({**common, **row} for row in facts.get(name, []))
    tables = {name: pd.DataFrame(rows) for name, rows in found.items()}
    for name, table in tables.items():
        with replacing(run.folder.information / f"{name}.csv") as aside:
            safe_texts(table).to_csv(aside, index=False, float_format="%.6g")
    return tables
