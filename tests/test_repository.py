"""The files that hosts and newcomers look for are there, and say what is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
HOSTED = sorted((ROOT / ".github").rglob("*.yml"))


@pytest.mark.parametrize("name", ["SECURITY.md", "AUTHORS", "LICENSE", "CITATION.cff"])
def test_what_newcomers_look_for_is_there(name):
    assert (ROOT / name).read_text(encoding="utf-8").strip()


def test_links_of_the_security_page_lead_somewhere():
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (ROOT / target).is_file()


@pytest.mark.parametrize("path", HOSTED, ids=lambda path: path.name)
def test_hosted_configuration_is_whole(path):
    assert isinstance(YAML(typ="safe").load(path), dict)


def test_the_hosted_ci_runs_what_everybody_runs_on_versions_that_are_claimed():
    ci = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "ci.yml")
    (job,) = ci["jobs"].values()
    assert any(".ci/run" in step.get("run", "") for step in job["steps"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    claimed = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert set(job["strategy"]["matrix"]["python"]) <= set(claimed)
    assert "3.13" in claimed


def test_the_source_archive_takes_what_tests_and_manual_need():
    lines = (ROOT / "MANIFEST.in").read_text().splitlines()
    named = {
        word
        for line in lines
        if line.startswith(("graft", "include"))
        for word in line.split()[1:]
    }
    assert all((ROOT / name).exists() for name in named)
    tops = {path.name for path in ROOT.iterdir() if path.is_dir()}
    wanted = tops & {"tests", "docs", "notebooks", "benchmarks", ".ci", ".github"}
    assert wanted <= named


def test_the_container_installs_this_tree_and_runs_its_command():
    lines = (ROOT / "Containerfile").read_text().splitlines()
    (base,) = [line for line in lines if line.startswith("FROM ")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    version = re.search(r"python:(3\.\d+)", base)[1]
    assert f"Programming Language :: Python :: {version}" in project["classifiers"]
    assert 'ENTRYPOINT ["masm"]' in lines
