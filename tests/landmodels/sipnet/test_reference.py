"""The model gives the program's own numbers at every step and column."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reference_runs import sipnet as runs

from .cases import DATA, RUNS

SHARED = Path(__file__).parents[4] / "shared" / "reference" / "sipnet"


def rows_of(case, result):
    """Positions of the thinned reference rows."""
    keys = np.stack([case.forcing[k].values for k in ("year", "day", "hour")], axis=1)
    wanted = case.reference[["year", "day", "time"]].to_numpy()
    distance = np.abs(keys[None] - wanted[:, None]).max(axis=2)
    assert (distance.min(axis=1) < 1e-6).all()
    return np.argmin(distance, axis=1)


@pytest.mark.parametrize("name", RUNS)
def test_thinned_reference_rows(name, case):
    one = case(name)
    result = one.simulate()
    rows = rows_of(one, result)
    deviation = runs.worst(
        name, result.isel(time=rows), one.forcing.isel(time=rows), one.reference
    )
    assert deviation.accepted, deviation


def test_the_comparison_sees_a_part_in_a_million(case):
    one = case("niwot_set1")
    result = one.simulate()
    rows = rows_of(one, result)
    result, forcing = result.isel(time=rows), one.forcing.isel(time=rows)
    result["soil"] = result["soil"] * (1.0 + 2e-6)
    deviation = runs.worst(one.name, result, forcing, one.reference)
    assert not deviation.accepted
    assert deviation.where.startswith("S,")


def test_output_that_is_no_number_counts_as_a_failure(case):
    one = case("niwot_set1")
    result = one.simulate()
    rows = rows_of(one, result)
    result, forcing = result.isel(time=rows), one.forcing.isel(time=rows)
    result["et"][3] = np.nan
    assert not runs.worst(one.name, result, forcing, one.reference).accepted


def test_a_run_that_cannot_be_run_is_a_row_that_fails(tmp_path):
    (tmp_path / "runs.json").write_text('{"a": {"drivers": "none.csv", "first": []}}')
    [row] = runs.compare(tmp_path, DATA)
    assert np.isnan(row.value)
    assert not row.accepted


@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared beside the repository")
@pytest.mark.parametrize("name", ["niwot_default", "russell_default", "russell_events"])
def test_full_reference_runs(name):
    run = json.loads((SHARED / "runs.json").read_text(encoding="utf-8"))[name]
    deviation = runs.compare_run(name, run, SHARED, None)
    assert deviation.accepted, deviation
