"""The files of a folder together: whole outputs, and pairs of a site (P1 to P4)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jobs.callmip.check_layout import place_of
from jobs.callmip.check_time import axis_of
from jobs.callmip.findings import Finding, error, warning
from jobs.callmip.names import Name
from jobs.callmip.sites import SITES, sites_of
from jobs.callmip.submission import Submission
from jobs.callmip.variables import SCENARIOS, VARIABLES

_SAME_RUN = ("source", "weather", "forcing")


@dataclass(frozen=True)
class Record:
    """What of one file is compared with the others.

    Attributes
    ----------
    file : str
        Its name.
    name : Name
        The parts of its name.
    days : tuple
        First and last day and the number of values.
    place : tuple
        Latitude and longitude.
    digests : mapping
        SHA-256 of each variable's values.
    attributes : mapping
        The global ones.
    """

    file: str
    name: Name
    days: tuple[str, ...]
    place: tuple[float | None, float | None]
    digests: Mapping[str, str]
    attributes: Mapping[str, Any]


def record_of(submission: Submission) -> Record:
    """Take from a file what is compared with the others."""
    axis = axis_of(submission)
    days = None if axis is None else axis.days
    reported = () if days is None else (str(days[0]), str(days[-1]), str(days.size))
    digests = {
        name: hashlib.sha256(values.tobytes()).hexdigest()
        for name, values in submission.series.items()
    }
    return Record(
        submission.file,
        submission.name,
        reported,
        place_of(submission),
        digests,
        submission.content.attributes,
    )


def check_set(records: Iterable[Record]) -> list[Finding]:
    """Check the files of a folder together.

    Files whose name has a fault are left out: they have their own finding.
    """
    outputs: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.name.is_whole:
            outputs[record.name.output].append(record)
    findings: list[Finding] = []
    for output, members in outputs.items():
        findings += _whole(output, members)
        findings += _one_parameter_set(output, members)
    priors = {
        (r.name.model, r.name.site): r
        for members in outputs.values()
        for r in members
        if r.name.stage == "Prior"
    }
    models = {record.name.model for m in outputs.values() for record in m}
    if len(models) > 1:
        wanted = "one model and version"
        found = ", ".join(sorted(models))
        findings.append(error("P1", "Model", found, wanted))
    for members in outputs.values():
        for record in members:
            if record.name.stage == "Posterior":
                prior = priors.get((record.name.model, record.name.site))
                findings += [] if prior is None else _pair(prior, record)
                findings += _streams(record)
    return findings


def _whole(output: str, members: list[Record]) -> list[Finding]:
    role = members[0].name.role
    wanted = sites_of(role)
    counts = {site: 0 for site in wanted}
    for record in members:
        counts[record.name.site] = counts.get(record.name.site, 0) + 1
    findings = []
    if missing := [site for site in wanted if counts[site] == 0]:
        findings.append(
            error(
                "P1",
                "sites",
                f"{len(wanted) - len(missing)} of {len(wanted)}; missing: "
                + ", ".join(missing),
                f"every {role} site once",
            )
        )
    if twice := [site for site, count in counts.items() if count > 1]:
        findings.append(
            error(
                "P1",
                "sites",
                f"more than once: {', '.join(twice)}",
                f"every {role} site once",
            )
        )
    return [replace(finding, file=output) for finding in findings]


def _pair(prior: Record, posterior: Record) -> list[Finding]:
    findings = []
    for what in ("days", "place"):
        own, other = getattr(posterior, what), getattr(prior, what)
        if own != other:
            wanted = f"{other}, as in {prior.file}"
            findings.append(error("P1", what, f"{own}", wanted))
    common = [n for n in VARIABLES if n in prior.digests and n in posterior.digests]
    same = [n for n in common if prior.digests[n] == posterior.digests[n]]
    streams = [n for n in SCENARIOS[posterior.name.scenario] if n in common]
    wanted = f"values that differ from those of {prior.file}"
    if common and len(same) == len(common):
        findings.append(error("P2", "all variables", "the prior's values", wanted))
    elif streams and set(streams) <= set(same):
        found = f"the prior's values of {', '.join(streams)}"
        findings.append(warning("P2", "scenario's variables", found, wanted))
    for key in _SAME_RUN:
        one, two = prior.attributes.get(key), posterior.attributes.get(key)
        if one is not None and two is not None and str(one) != str(two):
            wanted = f"{one!r}, as in {prior.file}"
            findings.append(warning("P2", f"attribute {key}", repr(two), wanted))
    return [replace(finding, file=posterior.file) for finding in findings]


def _one_parameter_set(output: str, members: list[Record]) -> list[Finding]:
    """Compare the parameters that files name with each other (P3)."""
    sets: dict[str, set[str]] = defaultdict(set)
    for record in members:
        digest = record.attributes.get("parameter_set")
        if isinstance(digest, str):
            sets[str(record.attributes.get("plant_type", ""))].add(digest)
    return [
        replace(
            error(
                "P3",
                f"attribute parameter_set, plant type {plant_type!r}",
                f"{len(digests)} sets",
                "one operational set for all sites of a plant type",
            ),
            file=output,
        )
        for plant_type, digests in sets.items()
        if len(digests) > 1
    ]


def _streams(record: Record) -> list[Finding]:
    """Compare what a file says it was calibrated on with the protocol (P4)."""
    findings = []
    used = _words(record.attributes.get("calibration_sites"))
    if wrong := [
        site for site in used if site not in SITES or SITES[site].role == "Val"
    ]:
        wanted = "calibration sites only"
        findings.append(
            error("P4", "attribute calibration_sites", ", ".join(wrong), wanted)
        )
    allowed = SCENARIOS[record.name.scenario]
    streams = _words(record.attributes.get("calibration_streams"))
    if wrong := [stream for stream in streams if stream not in allowed]:
        wanted = f"{', '.join(allowed)}, as in {record.name.scenario}"
        findings.append(
            error("P4", "attribute calibration_streams", ", ".join(wrong), wanted)
        )
    return [replace(finding, file=record.file) for finding in findings]


def _words(value: object) -> list[str]:
    return value.replace(",", " ").split() if isinstance(value, str) else []
