"""Posterior uncertainties of a CalLMIP file (U1, U2)."""

from __future__ import annotations

import numpy as np

from jobs.callmip.check_layout import DIMENSIONS
from jobs.callmip.check_values import check_units
from jobs.callmip.findings import Finding, error, warning
from jobs.callmip.submission import Submission
from jobs.callmip.variables import SCENARIOS, UNCERTAINTY, VARIABLES

_LEAST, _MOST = 1e-3, 3.0  # of the standard deviation of the variable in time


def check_uncertainty(submission: Submission) -> list[Finding]:
    """Check that a posterior has the uncertainties of its scenario, a prior none."""
    there = [
        name
        for name in submission.content.variables
        if name.lower().endswith(UNCERTAINTY)
    ]
    if submission.stage == "Prior":
        return [
            error("U1", name, "an uncertainty in a prior file", "none in a prior file")
            for name in there
        ]
    findings = []
    if submission.stage == "Posterior":
        for name in SCENARIOS.get(submission.scenario, ()):
            if name + UNCERTAINTY not in submission.content.variables:
                wanted = f"it is needed in {submission.scenario}"
                where = name + UNCERTAINTY
                findings.append(error("U1", where, "no such variable", wanted))
    for name in there:
        findings += _one(submission, name)
    return findings


def _one(submission: Submission, name: str) -> list[Finding]:
    own = name.removesuffix(UNCERTAINTY)
    if own not in VARIABLES:
        found = f"an uncertainty of {own!r}"
        return [error("U1", name, found, "of a variable of the protocol")]
    stored = submission.content.variables[name]
    findings = check_units(name, stored, VARIABLES[own].units, "U1")
    if stored.dimensions != DIMENSIONS or name not in submission.series:
        found = f"{stored.values.dtype} of shape {stored.values.shape}"
        wanted = "a number for each (time, lat, lon)"
        return [*findings, error("U1", name, found, wanted)]
    spread = submission.series[name]
    n_missing = int(np.isnan(spread).sum())
    if n_missing:
        found = f"{n_missing} of {spread.size} missing or not finite"
        return [*findings, error("U1", name, found, "a value on every day")]
    if (spread < 0.0).any() or (spread > 0.0).mean() <= 0.5:
        found = (
            f"{int((spread < 0.0).sum())} values below 0, "
            f"{int((spread == 0.0).sum())} of 0, of {spread.size}"
        )
        return [*findings, error("U1", name, found, "above 0 on most days")]
    return [*findings, *_scale(submission, own, spread)]


def _scale(submission: Submission, own: str, spread: np.ndarray) -> list[Finding]:
    values = submission.series.get(own)
    if values is None or not np.isfinite(values).all():
        return []
    in_time, mean = float(values.std()), float(spread.mean())
    if in_time == 0.0 or _LEAST * in_time <= mean <= _MOST * in_time:
        return []
    return [
        warning(
            "U2",
            own + UNCERTAINTY,
            f"{mean:.3g} in the mean",
            f"{_LEAST:g} to {_MOST:g} times the standard deviation of {own} in time, "
            f"{in_time:.3g}",
        )
    ]
