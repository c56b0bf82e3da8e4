"""The report shows no unit 1, no nan, and totals in a unit that fits them."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import jobs
from jobs.figures.labels import number, readable_totals, shown_unit, with_unit
from jobs.report.mapping import _graticule, around
from jobs.report.parts import Section, add_csv, table_of
from jobs.report.regional_sections import regional
from jobs.report.sections import _edge, _ranges, fit


def in_folder(path):
    return SimpleNamespace(folder=SimpleNamespace(path=path))


def shown(frame, tmp_path):
    frame.to_csv(tmp_path / "t.csv", index=False)
    section = Section("t", "t")
    add_csv(in_folder(tmp_path), section, tmp_path / "t.csv", "a table")
    (table,) = section.tables
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


@pytest.mark.parametrize(
    ("total", "unit", "text"),
    [
        (5.81, "Pg yr-1", "5.81"),
        (-0.0006744, "Tg yr-1", "-0.6744"),
        (3.2e-6, "Gg yr-1", "3.2"),
        (4.5e-9, "Mg yr-1", "4.5"),
    ],
)
def test_totals_have_the_unit_that_fits(tmp_path, total, unit, text):
    frame = pd.DataFrame(
        {"flux": ["nee"], "total": total, "low": math.nan, "unit": "Pg yr-1"}
    )
    (row,) = shown(frame, tmp_path)
    assert (row["total"], row["unit"], row["low"]) == (text, unit, "–")
    factor = readable_totals(frame)["total"][0] / total
    assert {"Pg": 1, "Tg": 1e3, "Gg": 1e6, "Mg": 1e9}[unit[:2]] == pytest.approx(factor)


def test_totals_that_are_all_unknown_or_zero_stay_in_their_unit():
    for total in (math.nan, 0.0):
        frame = pd.DataFrame({"total": [total], "unit": "Pg yr-1"})
        assert readable_totals(frame)["unit"][0] == "Pg yr-1"


def test_the_unit_1_is_not_shown_and_whole_numbers_stay_whole(tmp_path):
    frame = pd.DataFrame({"pixel": [1234567], "unit": "1", "r": math.inf, "share": 0.5})
    (row,) = shown(frame, tmp_path)
    assert row == {"pixel": "1234567", "unit": "", "r": "–", "share": "0.5"}
    assert with_unit("DISO", "1") == "DISO"


def test_stocks_and_fluxes_of_one_table_each_have_the_unit_that_fits(tmp_path):
    frame = pd.DataFrame(
        {"quantity": ["soc", "nep"], "unit": ["Pg", "Tg year-1"],
         "mean": [0.0533, -0.00135], "p05": [0.0495, -0.00227], "area_km2": 15490.0}
    )  # fmt: skip
    soc, nep = shown(frame, tmp_path)
    assert (soc["mean"], soc["p05"], soc["unit"]) == ("53.3", "49.5", "Tg")
    assert (nep["mean"], nep["p05"], nep["unit"]) == ("-1.35", "-2.27", "Gg yr-1")
    assert soc["area_km2"] == "15490"


def test_a_unit_that_only_looks_like_a_total_stays():
    frame = pd.DataFrame({"mean": [0.5], "unit": "Mg ha-1"})
    assert readable_totals(frame).equals(frame)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1049.3, "1050"), (-15491.2, "-15500"), (0.0123, "0.0123"), (3.2e9, "3.2e+09")],
)
def test_numbers_of_ordinary_size_have_no_power_of_ten(value, text):
    assert number(value, ".3g") == text


def test_units_have_one_spelling():
    assert shown_unit("gC m-2 a-1") == shown_unit("g C m-2 year-1") == "g C m-2 yr-1"
    root = Path(jobs.__file__).parent
    raised = [p.name for p in root.rglob("*.py") if "\u207b" in p.read_text("utf-8")]
    assert not raised, "units with raised digits beside units such as m-2"


@pytest.mark.parametrize(("n", "most"), [(1, 1.3), (9, 0.5)])
def test_the_map_shows_the_data_and_one_site_with_its_surroundings(n, most):
    places = np.arange(n) * 0.05
    west, south, east, north = around(places - 72.5, places + 42.0)
    assert max(east - west, north - south) <= most + 0.2
    labels = [line["label"] for line in _graticule((-72.6, 42.0, -72.2, 42.4), lonlat)]
    assert "72.5° W" in labels
    assert "42.1° N" in labels


def lonlat(longitude, latitude):
    return longitude, latitude


def test_what_could_not_be_computed_is_a_dash():
    nan = math.nan
    frame = pd.DataFrame({"share": [nan, 0.25]})
    table = table_of(frame, "", [], {"share": ".0%"})
    assert [row[0] for row in table.rows] == ["–", "25%"]
    assert _ranges(pd.Series([nan, 1.0]), pd.Series([nan, 2.0])) == ["–", "1 to 2"]
    assert _edge(nan, nan, many=True) == "–"
    assert _edge(0.25, 0.0, many=True) == "low 25%"


def test_pixels_without_a_score_are_not_counted_as_worse(tmp_path):
    scores = pd.DataFrame(
        [
            {"pixel": pixel, "stream": "lai", "period": "validation",
             "parameters": name, "r": 0.9, "rmse": math.nan, "ae": 0.1, "diso": diso}
            for pixel, pair in enumerate([(0.4, 0.3), (math.nan, math.nan)])
            for name, diso in zip(("default", "calibrated"), pair, strict=True)
        ]
    )  # fmt: skip
    model = SimpleNamespace(outputs={})
    run = in_folder(tmp_path)
    run.folder.figures = tmp_path
    run.config = model
    results = SimpleNamespace(run=run, scores=scores, finished=[0, 1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.report.sections.units_of", lambda config: {"lai": "1"})
        (table,) = fit(results).tables
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["DISO better in"] == "100%"
    assert row["RMSE"] == "– → –"
    assert row["unit"] == ""


@pytest.mark.parametrize(
    ("longitude", "latitude"),
    [
        ([-90.0, -72.0, 5.0, 136.0], [46.0, 42.5, 51.3, 35.3]),  # three continents
        ([-180.0, 180.0], [89.0, 89.9]),
        ([-70.0, -69.9], [-55.0, 10.0]),  # along a meridian
        ([7.0, 7.0], [46.0, 46.0]),
    ],
)
def test_the_map_is_no_strip_and_holds_all_places(longitude, latitude):
    lon, lat = np.array(longitude), np.array(latitude)
    west, south, east, north = around(lon, lat)
    assert -180.0 <= west <= lon.min() <= lon.max() <= east <= 180.0
    assert -90.0 <= south <= lat.min() <= lat.max() <= north <= 90.0
    stretch = 1 / math.cos(math.radians((south + north) / 2))
    assert 0.3 < (north - south) * stretch / (east - west) < 2.0


@pytest.mark.parametrize("is_region", [True, False])
def test_only_a_region_is_told_how_to_make_maps(tmp_path, is_region):
    folder = SimpleNamespace(path=tmp_path, figures=tmp_path / "figures")
    run = SimpleNamespace(source=SimpleNamespace(is_region=is_region), folder=folder)
    titles = [section.title for section in regional(SimpleNamespace(run=run))]
    assert ("Upscaling" in titles) == is_region


def test_true_and_false_are_yes_and_no(tmp_path):
    rows = pd.DataFrame({"parameter": ["vmax", "p18"], "upscaled": [True, False]})
    table = table_of(rows, "", [])
    assert [row[1] for row in table.rows] == ["yes", "no"]
    (first,) = shown(rows.head(1), tmp_path)
    assert first["upscaled"] == "yes"
