"""Tables of pixels are the same, read by pyarrow or by pandas."""

import pandas as pd
import pytest

from jobs.report import pixel_tables

COMPARISON = """stream,period,time,observed,observed_sd,default,calibrated,n
gpp,calibration,2001-01-05,1.5,0.2,2.0,1.6,8
gpp,calibration,2001-01-13,,0.2,2.5,1.75e-3,7
lai,validation,2001-01-05,3.0,,nan,2.9,8
"""
SCORES = """stream,period,parameters,r,rmse,ae,diso,r2
gpp,calibration,default,0.9,1.0,0.5,0.4,0.81
gpp,calibration,calibrated,,0.5,0.1,0.2,
"""


@pytest.fixture(params=["pyarrow", "pandas"])
def reader(request, monkeypatch):
    monkeypatch.setattr(
        pixel_tables, "_has_pyarrow", lambda: request.param == "pyarrow"
    )
    return request.param


@pytest.mark.parametrize(
    ("kind", "text"), [("comparison", COMPARISON), ("scores", SCORES)]
)
def test_both_readers_give_equal_frames(tmp_path, monkeypatch, kind, text):
    path = tmp_path / "table.csv"
    path.write_text(text)
    frames = []
    for has in (True, False):
        monkeypatch.setattr(pixel_tables, "_has_pyarrow", lambda has=has: has)
        tables = [
            pixel_tables.with_pixel(
                pixel_tables.read_table(path, kind, ["gpp", "lai"]), pixel
            )
            for pixel in (3, 11)
        ]
        frames.append(pixel_tables.as_frame(tables))
    pd.testing.assert_frame_equal(frames[0], frames[1])
    assert frames[0]["pixel"].tolist()[-1] == 11


@pytest.mark.parametrize(
    "text",
    [
        "stream,period\ngpp,calibration\n",
        COMPARISON.replace("lai", "nee"),
        COMPARISON.replace("1.5", "one and a half"),
        COMPARISON.replace("2001-01-13", "the 13th"),
        "",
    ],
)
def test_a_damaged_table_is_left_out(tmp_path, reader, text):
    path = tmp_path / "comparison.csv"
    path.write_text(text)
    assert pixel_tables.read_table(path, "comparison", ["gpp", "lai"]) is None


def test_no_table_is_an_empty_frame(tmp_path, reader):
    assert pixel_tables.read_table(tmp_path / "none.csv", "scores", ["gpp"]) is None
    assert pixel_tables.as_frame([]).empty
