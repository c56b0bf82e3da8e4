"""What sites came to together, read back from the files of the joint step.

``sites/stamp.json`` is its last file: it says of which posteriors and settings the
others are, so that a joint step that was stopped, or is of other calibrations, is never
taken for one of these.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from jobs.errors import ConfigError, Problem, did_you_mean
from jobs.files import is_file, read_json
from jobs.run.csv_tables import read_rows
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import digest_of_posterior
from jobs.run.pixel_state import FINISHED, state_of
from jobs.run.pixel_summary import posterior_means
from jobs.run.run import Run

SETTINGS = "group prior 2"
"""Changes when the joint step itself does, so that results are made anew."""


def sites_folder(run: Run) -> Path:
    """Return the folder of the joint step."""
    return run.folder.path / "sites"


def stamp_of(run: Run) -> dict[str, Any]:
    """Return what the joint step of the present calibrations is stamped with.

    Each pixel's id with the digest of its posterior, or why it has none.
    """
    pixels = {}
    for pixel in run.pixels:
        folder = run.folder.pixel(pixel.id)
        state = state_of(folder)
        done = state.state in FINISHED
        pixels[str(pixel.id)] = (
            digest_of_posterior(folder) if done else f"{state.state} {state.reason}"
        )
    facts: list[Any] = [pixels, run.config.seed, run.config.sites, SETTINGS]
    if run.config.site_errors:
        facts.append({k: v.model_dump() for k, v in run.config.site_errors.items()})
    if left_out := run.config.calibration.leave_out.sites:
        facts.append(sorted(left_out, key=lambda one: (isinstance(one, str), one)))
    text = json.dumps(facts, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {"sites": run.config.sites, "of": digest, "pixels": pixels}


def sites_left_out(run: Run) -> set[int]:
    """Return the pixels that ``calibration.leave_out.sites`` names.

    By the ids of the pixel table; where these are words, by numbers of this run too.

    Raises
    ------
    ConfigError
        If there is no such pixel.
    """
    asked = [str(one) for one in run.config.calibration.leave_out.sites]
    if not asked:
        return set()
    by_number = {str(pixel.id): pixel.id for pixel in run.pixels}
    by_word = {pixel.given_id: pixel.id for pixel in run.pixels}
    known = by_number | by_word
    if unknown := [one for one in asked if one not in known]:
        few = ", ".join([pixel.given_id for pixel in run.pixels][:12])
        raise ConfigError(
            Problem(
                "config.yaml",
                "calibration.leave_out.sites",
                found=", ".join(unknown),
                wanted=f"ids of {run.folder.pixel_table.name}: {few}"
                f"{', ...' if len(run.pixels) > 12 else ''}",
                hint=did_you_mean(unknown[0], by_word),
            )
        )
    return {known[one] for one in asked}


def is_joined(run: Run) -> bool:
    """Return whether the joint step is done, of the present calibrations."""
    path = sites_folder(run) / "stamp.json"
    if not is_file(path):
        return False
    try:
        found = read_json(path)
    except (FileNotFoundError, ValueError):
        return False
    return isinstance(found, dict) and found.get("of") == stamp_of(run)["of"]


def calibrated_means(run: Run, pixel: Pixel) -> dict[str, float]:
    """Return the calibrated parameters of a pixel, in the way that the run's sites say.

    Raises
    ------
    ConfigError
        If the pixel is not calibrated; if sites are joined and the joint step is not
        there, or is of other calibrations.
    """
    way = run.config.sites
    if way == "separate":
        return posterior_means(run, pixel)
    if not is_joined(run):
        raise ConfigError(
            Problem(
                "sites/stamp.json",
                f"the joint step of sites: {way} is not there",
                wanted="that of the present calibrations",
                hint=f"masm sites {run.folder.path}",
            )
        )
    _, rows = read_rows(sites_folder(run) / "parameters.csv", "parameters of sites")
    found = {
        str(row["parameter"]): float(row[f"{way}_mean"] or "nan")
        for _, row in rows
        if row["pixel"] == str(pixel.id)
    }
    if not found:
        raise ConfigError(
            Problem("sites/parameters.csv", f"no row of pixel {pixel.id}")
        )
    return found
