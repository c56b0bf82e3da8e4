"""The model gives the numbers of a real CENTURY program."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.reference_runs import century as reference_runs

from .cases import KEPT, WHOLE


def runs(folder):
    return [pytest.param(path, id=path.stem) for path in sorted(folder.glob("*_var*"))]


@pytest.mark.parametrize("path", runs(KEPT))
def test_kept_rows_are_met(path):
    worst = reference_runs.compare_run(path, KEPT, None)
    assert worst.accepted, worst


def test_every_reference_run_is_met_in_every_row():
    if not WHOLE.is_dir():
        pytest.skip(f"the whole reference set is not at {WHOLE}")
    rows = reference_runs.compare(WHOLE, None)
    assert len(rows) >= 12
    assert [row for row in rows if not row.accepted] == []


def test_a_run_without_numbers_is_a_deviation(monkeypatch):
    path = KEPT / "meadow_sand_variant46.csv"

    def broken(header, forcing, variant, reference):
        table = reference.copy()
        table.loc[5, "rh"] = np.nan
        return table

    monkeypatch.setattr(reference_runs, "run_case", broken)
    worst = reference_runs.compare_run(path, KEPT, None)
    assert not worst.accepted
    assert worst.where.startswith("rh, year 1 month 6")


def test_a_small_change_of_one_number_is_seen(monkeypatch):
    path = KEPT / "meadow_sand_variant46.csv"

    def shifted(header, forcing, variant, reference):
        table = reference.copy()
        table.loc[7, "som3c"] *= 1.0 + 2e-8
        return table

    monkeypatch.setattr(reference_runs, "run_case", shifted)
    assert not reference_runs.compare_run(path, KEPT, None).accepted


def test_the_header_gives_site_calendar_and_parameters():
    path = KEPT / "meadow_wet_longseason_variant46.csv"
    header = reference_runs._header(path)
    values = reference_runs.parameters_of(header)
    assert reference_runs.site_of(header)["lat"] == 35.0
    assert (values["drain"], values["frst"], values["senm"], values["last"]) == (
        0.4, 1, 11, 12,
    )  # fmt: skip
    assert values["dec4"] == 0.0066
    assert len(pd.read_csv(path, comment="#")) == 36
