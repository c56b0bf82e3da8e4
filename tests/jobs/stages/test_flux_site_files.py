"""What ``--flux-sites`` asks of its files: fluxes only, and of each tower alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jobs.errors import ConfigError
from jobs.stages import flux_sites
from jobs.stages.flux_sites import _subsets, read_sites, read_tower_file, score_sites

DAYS = pd.date_range("2003-01-01", periods=30)


@pytest.fixture
def folder(tmp_path):
    """A folder of one good tower: date, gpp, er, nee."""
    table = pd.DataFrame({"date": DAYS.strftime("%Y-%m-%d"), "gpp": 5.0, "nee": -1.0})
    table.to_csv(tmp_path / "a.csv", index=False)
    return tmp_path


def write_sites(folder, *rows, mark=b""):
    text = "\n".join(["site,latitude,longitude,file", *rows]) + "\n"
    (folder / "sites.csv").write_bytes(mark + text.encode())
    return folder


def test_a_table_of_fluxes_needs_no_weather(folder):
    read = read_tower_file(folder / "a.csv")
    assert {"gpp", "nee"} <= set(read.data_vars)
    assert "tmin" not in read


def test_a_daily_file_without_night_partitioning_gives_what_it_has(folder):
    table = pd.DataFrame(
        {"TIMESTAMP": DAYS.strftime("%Y%m%d"), "NEE_VUT_REF": 1.5, "NEE_VUT_REF_QC": 1}
    )
    table.to_csv(folder / "f.csv", index=False)
    assert set(read_tower_file(folder / "f.csv").data_vars) == {"nee", "quality"}


def test_the_mark_of_a_spreadsheet_and_capitals_are_no_part_of_a_name(folder):
    write_sites(folder, "A,42.5,287.8,a.csv", mark=b"\xef\xbb\xbf")
    text = (folder / "sites.csv").read_text(encoding="utf-8-sig")
    (folder / "sites.csv").write_text(text.replace("site,lat", "Site,Lat"))
    (tower,) = read_sites(folder)
    assert tower.site == "A"
    assert tower.longitude == pytest.approx(-72.2)


def test_a_list_as_european_spreadsheets_save_it_is_read(folder, caplog):
    text = "Site;Latitude;Longitude;File\nVielsalm;50,305;5,998;a.csv\n"
    (folder / "sites.csv").write_text(text)
    (tower,) = read_sites(folder)
    assert (tower.latitude, tower.longitude) == (50.305, 5.998)
    (folder / "sites.csv").write_bytes(
        "site,latitude,longitude,file\nPuéchabon,43.7,3.6,a.csv\n".encode("cp1252")
    )
    (tower,) = read_sites(folder)
    assert tower.site == "Puéchabon"
    assert "cp1252" in caplog.text


def test_a_bad_row_leaves_the_others(folder, caplog):
    write_sites(folder, "A,42.5,-72.2,a.csv", "B,north,-72.2,a.csv", "C,1,2,no.csv")
    assert [tower.site for tower in read_sites(folder)] == ["A"]
    assert "sites.csv:3" in caplog.text
    assert "no.csv" in caplog.text


def test_a_list_without_one_good_row_is_refused_with_all_its_problems(folder):
    write_sites(folder, "B,north,-72.2,a.csv", "C,142,2,a.csv")
    with pytest.raises(ConfigError) as caught:
        read_sites(folder)
    assert len(caught.value.problems) == 2


class _Run:
    """As much of a run as the scores of towers need."""

    def __init__(self, path):
        self.folder = type("Folder", (), {"evaluation": path})


@pytest.fixture
def modelled(monkeypatch):
    """A model in every tower's place whose gpp is 4."""
    import xarray as xr

    time = np.arange("2003-01-01", "2003-01-31", 8, dtype="datetime64[D]")
    data = xr.Dataset(
        {name: ("time", np.linspace(4.0, 5.0, time.size)) for name in ("gpp", "nee")},
        {"time": time.astype("datetime64[ns]")},
    )
    monkeypatch.setattr(
        flux_sites, "_modelled", lambda *args: (1, {"default": data}, None)
    )


def test_one_bad_tower_of_many_does_not_stop_the_others(folder, modelled, tmp_path):
    (folder / "b.csv").write_text("date,gpp\n2003-01-01,-9999\n")
    write_sites(folder, "A,42.5,-72.2,a.csv", "B,42.5,-72.2,b.csv")
    (tmp_path / "evaluation").mkdir()
    table = score_sites(_Run(tmp_path / "evaluation"), folder, ["default"])
    assert set(table["site"]) == {"A"}
    assert "-9999" in table.attrs["left_out"]["B"]
    reported = pd.read_csv(tmp_path / "evaluation" / "flux_sites_left_out.csv")
    assert list(reported["site"]) == ["B"]


def test_towers_of_which_none_can_be_used_are_refused(folder, modelled, tmp_path):
    (folder / "b.csv").write_text("date,gpp\n2003-01-01,-9999\n")
    write_sites(folder, "B,42.5,-72.2,b.csv", "C,42.5,-72.2,b.csv")
    with pytest.raises(ConfigError) as caught:
        score_sites(_Run(tmp_path), folder, ["default"])
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(("latitude", "months"), [(42.5, 5), (-42.5, 5)])
def test_the_growing_season_is_that_of_the_tower_s_hemisphere(latitude, months):
    time = np.arange("2003-01", "2004-01", dtype="datetime64[M]").astype(
        "datetime64[ns]"
    )
    (inside,) = [
        inside
        for label, inside in _subsets(time, latitude)
        if label == {"season": "growing", "year": "all"}
    ]
    assert inside.sum() == months
    assert bool(inside[0]) is (latitude < 0.0)  # January
