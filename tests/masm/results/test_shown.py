"""What a result shows of itself: units, dashes, and nothing that a browser runs."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr

import masm

TAGS = ("div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td")


@pytest.fixture
def result():
    attrs = {"at_bound": "", "r_hat": 1.0, "ess_bulk": 9.0, "ess_tail": 9.0}
    attrs["r_hat_gr"] = math.nan
    draws = np.random.default_rng(1).random((4, 50))
    posterior = {
        "vmax": (("chain", "draw"), draws, {**attrs, "units": "mol m-2 s-1"}),
        "<b>q10": (("chain", "draw"), draws, {**attrs, "units": "1"}),
        "bare": (("chain", "draw"), draws, attrs),
    }
    reported = {
        "status": "suspect",
        "reason": "<script>alert(1)</script>",
        "n_model_runs": 7,
        "n_failed_runs": 0,
        "caution": "a < b",
    }
    return masm.Result({"posterior": xr.Dataset(posterior)}, reported)


def test_the_summary_has_the_unit_of_each_parameter(result):
    assert result.summary()["unit"].to_dict() == {
        "vmax": "mol m-2 s-1",
        "<b>q10": "1",
        "bare": "",
    }


def test_a_notebook_shows_the_table_and_runs_nothing_of_it(result):
    html = result._repr_html_()
    seen = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            seen.append(tag)

    Tags().feed(html)
    assert set(seen) <= set(
        ["div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td"]
    )
    assert "mol m-2 s-1" in html
    assert "7 model runs" in html
    assert "a &lt; b" in html
    for shown in (html, repr(result)):
        assert not re.search(r"\bnan\b", shown, re.I)


def test_a_result_read_from_its_file_shows_the_same(result, tmp_path):
    plain = masm.Result(
        {"posterior": result.posterior.rename({"<b>q10": "q10"})}, result.attrs
    )
    plain.to_netcdf(tmp_path / "r.nc")
    assert masm.open_result(tmp_path / "r.nc")._repr_html_() == plain._repr_html_()
