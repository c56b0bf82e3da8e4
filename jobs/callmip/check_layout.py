"""Dimensions and place of a CalLMIP file (D1 to D4)."""

from __future__ import annotations

import math

from jobs.callmip.content import Stored
from jobs.callmip.findings import Finding, error, information, warning
from jobs.callmip.submission import Submission
from jobs.callmip.variables import UNCERTAINTY, VARIABLES

DIMENSIONS = ("time", "lat", "lon")
_COORDINATES = ("time", "lat", "lon", "latitude", "longitude")
_LIMITS = {"lat": 90.0, "lon": 180.0}
_UNITS = {"latitude": "degrees_north", "longitude": "degrees_east"}
_SAME, _NEAR, _FAR = 1e-4, 0.01, 0.1  # degrees


def check_layout(submission: Submission) -> list[Finding]:
    """Check dimensions, ``lat`` and ``lon``, and the place they give."""
    findings = _dimensions(submission)
    for name in ("lat", "lon"):
        value, found = _scalar(submission, name)
        findings += found
        if value is not None:
            findings += _place(submission, name, value)
    for name, short in (("latitude", "lat"), ("longitude", "lon")):
        findings += _rounded(submission, name, short)
    return findings


def place_of(submission: Submission) -> tuple[float | None, float | None]:
    """Return latitude and longitude, None for one that is not given."""
    return _scalar(submission, "lat")[0], _scalar(submission, "lon")[0]


def _dimensions(submission: Submission) -> list[Finding]:
    content, findings = submission.content, []
    wanted = "time, lat, lon of sizes N, 1, 1"
    for name in DIMENSIONS:
        size = content.dimensions.get(name)
        if size is None:
            findings.append(error("D1", f"dimension {name}", "none", wanted))
        elif size < 1 or (name != "time" and size != 1):
            findings.append(error("D1", f"dimension {name}", f"size {size}", wanted))
    for name in content.dimensions:
        if name not in DIMENSIONS and not _serves_a_coordinate(submission, name):
            findings.append(
                error(
                    "D1",
                    f"dimension {name}",
                    "a further dimension",
                    f"only {wanted}: others are refused by the server",
                )
            )
    for name, stored in content.variables.items():
        known = name.removesuffix(UNCERTAINTY) in VARIABLES
        is_data = known or (name not in _COORDINATES and len(stored.dimensions) > 1)
        if is_data and stored.dimensions != DIMENSIONS:
            findings.append(
                error(
                    "D1",
                    name,
                    f"dimensions ({', '.join(stored.dimensions)})",
                    "(time, lat, lon), in this order",
                )
            )
    return findings


def _serves_a_coordinate(submission: Submission, dimension: str) -> bool:
    """Return whether only ``lat`` or ``lon`` has it: then D2 says what is wrong."""
    users = [
        name
        for name, stored in submission.content.variables.items()
        if dimension in stored.dimensions
    ]
    return bool(users) and set(users) <= {"lat", "lon"}


def _scalar(submission: Submission, name: str) -> tuple[float | None, list[Finding]]:
    wanted = "one number, a scalar variable without a dimension"
    stored = submission.content.variables.get(name)
    if stored is None:
        return None, [error("D2", name, "no such variable", wanted)]
    if not stored.is_numeric:
        return None, [error("D2", name, "a text", wanted)]
    values = stored.numbers()
    if values.size != 1:
        return None, [error("D2", name, f"{values.size} values", wanted)]
    value = float(values[0])
    if not math.isfinite(value):
        return None, [error("D2", name, "a missing value", wanted)]
    if stored.dimensions:
        shape = f"an array over ({', '.join(stored.dimensions)})"
        return value, [warning("D2", name, shape, wanted)]
    return value, []


def _place(submission: Submission, name: str, value: float) -> list[Finding]:
    limit = _LIMITS[name]
    if abs(value) > limit:
        hint = "Count west as negative." if name == "lon" and value > 0 else ""
        return [error("D3", name, f"{value:g}", f"{-limit:g} to {limit:g}", hint)]
    site = submission.site
    if site is None:
        return []
    own = site.latitude if name == "lat" else site.longitude
    away = abs(value - own)
    found = f"{value:.4f}, {away:.4f} degree away"
    wanted = f"{own:.4f}, the place of {site.name}"
    if away > _FAR:
        return [error("D3", name, found, wanted)]
    if away > _NEAR:
        return [warning("D3", name, found, wanted)]
    return [information("D3", name, found, wanted)] if away > _SAME else []


def _rounded(submission: Submission, name: str, short: str) -> list[Finding]:
    stored = submission.content.variables.get(name)
    if stored is None:
        return [warning("D4", name, "no such variable", "one value with units")]
    findings = []
    if stored.attributes.get("units") != _UNITS[name]:
        findings.append(
            warning(
                "D4",
                f"{name}.units",
                repr(stored.attributes.get("units", "none")),
                repr(_UNITS[name]),
            )
        )
    if not stored.is_numeric or stored.values.size != 1:
        return [*findings, error("D4", name, _description(stored), "one number")]
    value, exact = float(stored.numbers()[0]), _scalar(submission, short)[0]
    if not math.isfinite(value) or (exact is not None and abs(value - exact) > _FAR):
        wanted = "the value of " + short
        findings.append(error("D4", name, f"{value:g}", f"{wanted}, {exact}"))
    return findings


def _description(stored: Stored) -> str:
    return f"{stored.values.size} values" if stored.is_numeric else "a text"
