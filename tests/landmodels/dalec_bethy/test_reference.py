"""The model gives the numbers of its specification's reference files."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reference_runs.dalec_bethy import compare
from landmodels.dalec_bethy.equations import canopy

OWN = Path(__file__).parent / "reference"
SHARED = Path(__file__).parents[3] / ".." / "shared" / "reference" / "dalec_bethy"


def test_the_small_reference_is_met():
    rows = compare(OWN, None)
    assert len(rows) == 9 + 1 + 2 + 4 + 4
    over = [f"{r.run} {r.where}: {r.value:g}" for r in rows if not r.accepted]
    assert over == []


def test_the_full_reference_is_met():
    if not SHARED.is_dir():
        pytest.skip("../shared/reference/dalec_bethy is not there")
    over = [f"{r.run} {r.where}: {r.value:g}" for r in compare(SHARED, None)
            if not r.accepted]  # fmt: skip
    assert over == []


def test_files_that_a_folder_lacks_come_from_the_second_one(tmp_path):
    shutil.copy(OWN / "boreal_EShr_gradients.csv", tmp_path)
    rows = compare(tmp_path, OWN)
    assert {r.run for r in rows} >= {"boreal_EShr_gradients", "function water"}
    assert all(r.accepted for r in rows)


def test_a_wrong_parameter_is_seen(tmp_path):
    for name in ("boreal_EvCn_daily.csv", "boreal_drivers.csv"):
        shutil.copy(OWN / name, tmp_path)
    text = (OWN / "parameters.csv").read_text(encoding="utf-8")
    wrong = text.replace("EvCn,vm,2.9e-05", "EvCn,vm,2.9001e-05")
    assert wrong != text
    (tmp_path / "parameters.csv").write_text(wrong, encoding="utf-8")
    (row,) = compare(tmp_path, None)
    assert not row.accepted


def test_a_number_that_is_not_finite_is_a_failure(monkeypatch, tmp_path):
    shutil.copy(OWN / "functions.csv", tmp_path)
    monkeypatch.setattr(canopy, "nitrogen", lambda m, lai, k12: (1.0, np.nan, 1.0))
    rows = {r.run: r for r in compare(tmp_path, None)}
    assert not rows["function nitrogen"].accepted
