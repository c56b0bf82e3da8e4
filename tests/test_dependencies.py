"""Licences that will do and those that will not; what is known of vulnerabilities."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def load(name):
    path = ROOT / ".ci" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def licences():
    return load("licences")


@pytest.fixture(scope="module")
def audit():
    return load("audit")


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("BSD-3-Clause AND MIT AND CC0-1.0", True),
        ("GPL-2.0-only OR MIT", True),
        ("MIT AND GPL-3.0-or-later", False),
        ("AGPL-3.0-only", False),
        ("LGPL-2.1-only", False),
        ("MPL-2.0", False),
        ("MIT AND (Apache-2.0 OR GPL-2.0-only)", False),
        ("(MIT OR Apache-2.0) AND BSD-3-Clause", True),
        ("Proprietary", False),
        ("", False),
    ],
)
def test_every_part_of_a_licence_has_to_be_one_we_can_live_with(
    licences, expression, allowed
):
    assert licences.is_allowed(expression) is allowed


def test_copyleft_is_allowed_to_the_package_it_was_thought_through_for(licences):
    assert licences.is_allowed("MPL-2.0", "certifi")
    assert not licences.is_allowed("GPL-3.0-only", "certifi")


class Package:
    """What a package says of its licence."""

    def __init__(self, **facts):
        from email.message import Message

        self.metadata = Message()
        for key, value in facts.items():
            for line in value if isinstance(value, list) else [value]:
                self.metadata[key.replace("_", "-")] = line


@pytest.mark.parametrize(
    ("facts", "licence"),
    [
        ({"License_Expression": "MIT AND Zlib", "License": "x"}, "MIT AND Zlib"),
        ({"Classifier": ["License :: OSI Approved :: MIT License"]}, "MIT"),
        (
            {"License": "            Apache License\n  Version 2"},
            "Apache-2.0",
        ),
        ({"License": "GPLv3"}, "GPLv3"),
        (
            {"Classifier": ["License :: OSI Approved :: GNU General Public License"]},
            "GNU General Public License",
        ),
        ({"License": "ask us"}, ""),
        ({}, ""),
    ],
)
def test_a_licence_is_found_wherever_it_is_stated(licences, facts, licence):
    assert licences.licence_of(Package(**facts)) == licence


def test_all_that_runs_with_the_software_is_walked_and_allowed(licences):
    packages = licences.closure(licences.our_requirements(ROOT / "pyproject.toml"))
    assert {"numpy", "certifi", "jinja2", "markupsafe"} <= set(packages)
    assert "pytest" not in packages
    for row in licences.rows(packages):
        assert row["verdict"].startswith("allowed"), row


def answer(*vulnerabilities):
    return json.dumps(
        {
            "dependencies": [
                {"name": "a", "version": "1", "vulns": list(vulnerabilities)},
                {"name": "masm", "skip_reason": "editable"},
            ],
            "fixes": [],
        }
    )


def test_a_known_vulnerability_fails(audit):
    status, lines = audit.verdict(
        answer({"id": "CVE-1", "fix_versions": ["2"]}), "Found 1", 1
    )
    assert status == 1
    assert lines[0] == "a 1: CVE-1, fixed in 2"


def test_nothing_known_passes_and_says_how_many_were_asked_for(audit):
    status, lines = audit.verdict(answer(), "", 0)
    assert status == 0
    assert lines[-1] == "audit: 1 packages checked, 0 known vulnerabilities"


def test_a_service_out_of_reach_is_said_and_is_no_failure(audit):
    status, lines = audit.verdict("", "requests.exceptions.ConnectionError: no", 1)
    assert status == 0
    assert "NOT CHECKED" in lines[0]


def test_a_service_that_knows_no_package_has_found_nothing_out(audit):
    unknown = [{"name": n, "skip_reason": "not found"} for n in ("a", "b")]
    status, lines = audit.verdict(json.dumps({"dependencies": unknown}), "", 0)
    assert status == 0
    assert lines == ["audit: NOT CHECKED: the service knows none of 2 packages"]


def test_an_audit_that_broke_is_not_taken_for_a_clean_one(audit):
    assert audit.verdict("", "Traceback: ValueError", 1)[0] == 2
    assert audit.verdict("{}", "", 0)[0] == 2
