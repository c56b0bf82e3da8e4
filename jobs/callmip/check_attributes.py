"""Global attributes of a CalLMIP file (A1, A2), and marks of rehearsal (P5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jobs.callmip.findings import Finding, error, information
from jobs.callmip.names import ROLES, STAGES
from jobs.callmip.submission import Submission
from jobs.callmip.variables import SCENARIOS

REHEARSAL = "rehearsal"
"""The word, in a name or an attribute, that marks a file as not to be handed in."""


def check_attributes(submission: Submission) -> list[Finding]:
    """Check the five global attributes, against the protocol and the file's name."""
    name = submission.name
    wanted: dict[str, tuple[str, ...]] = {
        "Model": (name.model,) if name.model else (),
        "CalLMIP_Phase": ("Phase1b",),
        "Calibration_Scenario": _named(name.scenario, SCENARIOS),
        "Calibration_stage": _named(name.stage, STAGES),
        "Cal_Val": _named(ROLES.get(name.role, ""), ROLES.values()),
    }
    findings = []
    for attribute, allowed in wanted.items():
        found = _check(submission, attribute, allowed)
        if found is not None:
            findings.append(found)
    if "CalLMIP_Expt" in submission.content.attributes:
        findings.append(
            information(
                "A2",
                "attribute CalLMIP_Expt",
                repr(submission.content.attributes["CalLMIP_Expt"]),
                "nothing: version 2 of the protocol has Calibration_Scenario",
            )
        )
    return findings


def check_rehearsal(submission: Submission) -> list[Finding]:
    """Refuse a file that is marked as a rehearsal anywhere (P5)."""
    for where, text in _texts(submission):
        if REHEARSAL in text.lower():
            return [
                error(
                    "P5",
                    where,
                    repr(text[:80]),
                    "no mark of a rehearsal: this file is not for upload",
                    "A rehearsal lacks the weather of the project. Do not remove the "
                    "mark; make the file anew from the project's own weather.",
                )
            ]
    return []


def _named(part: str, allowed: Iterable[str]) -> tuple[str, ...]:
    return (part,) if part else tuple(allowed)


def _check(
    submission: Submission, attribute: str, allowed: tuple[str, ...]
) -> Finding | None:
    where = f"attribute {attribute}"
    wanted = " or ".join(map(repr, allowed)) or "'<model>.<version>'"
    attributes = submission.content.attributes
    if attribute not in attributes:
        near = [key for key in attributes if _bare(key) == _bare(attribute)]
        hint = f"There is {near[0]!r}: its spelling is wrong." if near else ""
        return error("A1", where, "none", wanted, hint)
    value = attributes[attribute]
    good = isinstance(value, str) and (
        value in allowed if allowed else bool(value.strip())
    )
    if good:
        return None
    hint = "It must agree with the file's name." if len(allowed) == 1 else ""
    return error("A1", where, repr(value), wanted, hint)


def _bare(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def _texts(submission: Submission) -> Iterator[tuple[str, str]]:
    yield "name of the file", submission.file
    for key, value in submission.content.attributes.items():
        yield f"attribute {key}", key
        if isinstance(value, str):
            yield f"attribute {key}", value
    for name, stored in submission.content.variables.items():
        yield f"variable {name}", name
        for key, value in stored.attributes.items():
            yield f"{name}.{key}", key
            if isinstance(value, str):
                yield f"{name}.{key}", value
