"""The manual's search finds words on pages that were opened from disk."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

CONFIG = """\
site_name: two pages
use_directory_urls: false
theme: {name: material, font: false}
plugins: [search, offline]
extra: {polyfills: [javascripts/iframe-worker.js]}
nav: [index.md, other.md]
"""


@pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on this machine (apt-get install chromium)"
)
def test_the_search_works_from_disk_without_a_network(tmp_path):
    pytest.importorskip("material", reason="the docs extra is not installed")
    (tmp_path / "mkdocs.yml").write_text(CONFIG)
    (tmp_path / "docs" / "javascripts").mkdir(parents=True)
    script = DOCS / "javascripts" / "iframe-worker.js"
    shutil.copy(script, tmp_path / "docs" / "javascripts")
    (tmp_path / "docs" / "index.md").write_text("# Start\n\nNothing of note.\n")
    (tmp_path / "docs" / "other.md").write_text("# Other\n\nPhotosynthesis, once.\n")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    page = (tmp_path / "site" / "index.html").as_uri()
    done = subprocess.run(
        [
            str(CHROMIUM),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'browser'}",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--virtual-time-budget=8000",
            "--dump-dom",
            f"{page}?q=photosynthesis",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    links = re.findall(r'<a href="([^"]+)" class="md-search-result__link"', done.stdout)
    assert [link.rsplit("/", 1)[1].split("?")[0] for link in links] == ["other.html"]


def test_the_manual_is_built_with_that_search():
    settings = (DOCS.parent / "mkdocs.yml").read_text()
    assert "- offline" in settings
    assert "javascripts/iframe-worker.js" in settings
