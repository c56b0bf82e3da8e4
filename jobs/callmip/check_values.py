"""Variables, units and values of a CalLMIP file (V1 to V5)."""

from __future__ import annotations

import unicodedata
from difflib import get_close_matches

import numpy as np

from jobs.callmip.content import Stored, number_of
from jobs.callmip.findings import Finding, error, warning
from jobs.callmip.submission import Submission
from jobs.callmip.variables import UNCERTAINTY, VARIABLES

_CODES = (-999.0, -9999.0, -99999.0)  # fills that were not declared; no such values


def check_values(submission: Submission) -> list[Finding]:
    """Check that each variable is there, in its unit, without a gap."""
    findings = []
    for name, rule in VARIABLES.items():
        stored = submission.content.variables.get(name)
        if stored is None:
            findings.append(_missing(submission, name))
            continue
        findings += check_units(name, stored, rule.units)
        findings += _form(name, stored)
        findings += _gaps(submission, name)
        findings += _constant(submission, name)
    for name, stored in submission.content.variables.items():
        if name.endswith(UNCERTAINTY) and name.removesuffix(UNCERTAINTY) in VARIABLES:
            findings += _form(name, stored)
    return findings


def check_units(
    name: str, stored: Stored, allowed: tuple[str, ...], check: str = "V2"
) -> list[Finding]:
    """Check the unit of a variable, invisible characters apart.

    Parameters
    ----------
    name : str
        Of the variable.
    stored : Stored
        The variable.
    allowed : tuple of str
        Spellings that are accepted.
    check : str
        Id of the findings.
    """
    units = stored.attributes.get("units", "none")
    wanted = " or ".join(map(repr, allowed))
    where = f"{name}.units"
    if not isinstance(units, str):
        return [error(check, where, f"the number {units}", f"the text {wanted}")]
    seen = _visible(units)
    if seen not in allowed:
        return [error(check, where, ascii(units), wanted)]
    if seen != units:
        hint = "There are characters that do not show. Type the unit anew."
        return [warning(check, where, ascii(units), wanted, hint)]
    return []


def _visible(text: str) -> str:
    """Return a text without blanks at its ends and characters that do not show."""
    kept = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc", "Cn"))
    return kept.strip()


def _missing(submission: Submission, name: str) -> Finding:
    there = [known for known in submission.content.variables if known not in VARIABLES]
    lower = {known.lower(): known for known in there}
    near = get_close_matches(name.lower(), lower, n=1, cutoff=0.75)
    hint = f"There is {lower[near[0]]!r}." if near else ""
    level = warning if VARIABLES[name].optional else error
    return level(
        "V1", name, "no such variable", "a variable of exactly this name", hint
    )


def _form(name: str, stored: Stored) -> list[Finding]:
    if not stored.is_numeric:
        return [error("V3", name, f"type {stored.values.dtype}", "numbers")]
    findings = []
    if stored.values.dtype.kind != "f":
        found = f"type {stored.values.dtype}"
        findings.append(warning("V3", name, found, "a floating-point type"))
    if number_of(stored.attributes.get("_FillValue")) is None:
        findings.append(warning("V3", f"{name}._FillValue", "none", "1e38, say"))
    long_name = stored.attributes.get("long_name")
    if not isinstance(long_name, str) or not long_name.strip():
        found = "none" if long_name is None else repr(long_name)
        findings.append(warning("V3", f"{name}.long_name", found, "what it is"))
    return findings


def _gaps(submission: Submission, name: str) -> list[Finding]:
    stored = submission.content.variables[name]
    if not stored.is_numeric:
        return []
    values = stored.numbers()
    missing = np.isnan(values) | np.isin(values, _CODES)
    if not missing.any():
        return []
    found = (
        f"{int(missing.sum())} of {values.size} are missing, NaN, infinite, beyond "
        f"1e30 or a fill code; first at index {int(np.argmax(missing))}"
    )
    if VARIABLES[name].optional and missing.all():
        return [warning("V4", name, found, "a value on every day")]
    return [error("V4", name, found, "a value on every day")]


def _constant(submission: Submission, name: str) -> list[Finding]:
    values = submission.series.get(name)
    if values is None or values.size < 2:
        return []
    values = values[np.isfinite(values)]
    if not values.size or np.ptp(values) > 0.0:
        return []
    found = f"{values[0]:g} on every day"
    if not VARIABLES[name].is_pool:
        return [error("V5", name, found, "values that change with time")]
    return [warning("V5", name, found, "carbon")] if values[0] == 0.0 else []
