"""Files are read whole and safely, in netCDF-3 and netCDF-4, and written as wanted."""

from __future__ import annotations

import json

import h5netcdf
import h5py
import numpy as np
import pytest
from callmip_submissions import POSTERIOR, PRIOR, changed, made, with_attributes

from jobs.callmip.check import check_path
from jobs.callmip.content import Content, Stored, Unreadable, read_content
from jobs.callmip.findings import Level
from jobs.callmip.write import write_content
from jobs.errors import ConfigError


def written(folder, submission):
    path = folder / submission.file
    write_content(path, submission.content)
    return path


def written_as_netcdf4(folder, submission):
    path, content = folder / submission.file, submission.content
    with h5netcdf.File(path, "w") as opened:
        opened.dimensions = dict(content.dimensions)
        opened.attrs.update(content.attributes)
        for name, stored in content.variables.items():
            made = opened.create_variable(name, stored.dimensions, data=stored.values)
            made.attrs.update(stored.attributes)
    return path


@pytest.mark.parametrize("write", [written, written_as_netcdf4])
@pytest.mark.parametrize("file", [PRIOR, POSTERIOR])
def test_what_is_written_passes_in_both_formats(tmp_path, write, file):
    path = write(tmp_path, made(file))
    assert check_path(path) == ([path], [])


@pytest.mark.parametrize("write", [written, written_as_netcdf4])
def test_what_is_read_is_what_was_written(tmp_path, write):
    submission = with_attributes(made(), note="2 \u00b5mol\u200b")
    content = read_content(write(tmp_path, submission))
    assert content.attributes == submission.content.attributes
    assert content.dimensions == submission.content.dimensions
    for name, stored in submission.content.variables.items():
        found = content.variables[name]
        assert found.dimensions == stored.dimensions
        np.testing.assert_array_equal(found.values, stored.values)


def test_the_scalar_beside_a_dimension_is_a_scalar(tmp_path):
    content = read_content(written(tmp_path, made()))
    assert content.variables["lat"].dimensions == ()
    assert float(content.variables["lat"].values) == 49.6925
    assert (tmp_path / PRIOR).read_bytes()[:4] == b"CDF\x01"


def test_texts_that_are_not_the_ascii_they_say_are_read(tmp_path):
    path = written_as_netcdf4(tmp_path, made())
    with h5py.File(path, "r+") as opened:
        text = h5py.h5t.C_S1.copy()
        text.set_size(9)
        opened["cSoil"].attrs.create("units", "kg m-2\u200b".encode(), dtype=text)
    _, (finding,) = check_path(path)
    assert (finding.check, finding.level) == ("V2", Level.WARNING)


def test_packed_values_are_unpacked():
    packed = changed(made(), "ts", scale_factor=2.0, add_offset=1.0)
    stored = packed.content.variables["ts"]
    np.testing.assert_allclose(stored.numbers(), 1.0 + 2.0 * stored.values.ravel())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"CDF",
        b"CDF\x01" + b"\xff" * 60,
        b"CDF\x05" + b"\0" * 60,
        b"\x89HDF\r\n\x1a\n",
        b"x,y\n1",
    ],
)
def test_a_file_that_is_none_is_an_error(tmp_path, content):
    path = tmp_path / PRIOR
    path.write_bytes(content)
    _, findings = check_path(path)
    assert [(f.check, f.level) for f in findings] == [("F1", Level.ERROR)]


def test_a_cut_file_is_an_error(tmp_path):
    for write in (written, written_as_netcdf4):
        path = write(tmp_path, made())
        path.write_bytes(path.read_bytes()[:-5000])
        assert "F1" in {f.check for f in check_path(path)[1]}


def test_a_file_that_names_another_is_not_followed(tmp_path):
    path = tmp_path / PRIOR
    with h5py.File(path, "w") as opened:
        opened["gpp"] = h5py.ExternalLink("other.nc", "/gpp")
    with pytest.raises(Unreadable, match="link"):
        read_content(path)


def test_the_command_gives_0_or_2(tmp_path, masm_command):
    good = written(tmp_path, made())
    answer = masm_command("callmip", "check", good)
    assert answer.exit_code == 0
    assert "may be handed in" in answer.output
    write_content(good, with_attributes(made(), Cal_Val="Cal").content)
    answer = masm_command("callmip", "check", good, "--json")
    assert answer.exit_code == 2
    reported = json.loads(answer.output)
    assert reported["counts"] == {"error": 1, "warning": 0, "information": 0}
    assert reported["findings"][0]["check"] == "A1"
    assert reported["findings"][0]["file"] == PRIOR
    assert masm_command("callmip", "check", tmp_path / "none.nc").exit_code == 2


def test_a_folder_is_a_set(tmp_path, masm_command):
    (tmp_path / "prior").mkdir()
    written(tmp_path / "prior", made())
    answer = masm_command("callmip", "check", tmp_path, "--json")
    assert answer.exit_code == 2
    assert [f["check"] for f in json.loads(answer.output)["findings"]] == ["P1"]
    assert masm_command("callmip", "check", tmp_path / "prior" / "x").exit_code == 2


def test_records_take_the_place_of_the_table(tmp_path):
    place = {
        name: Stored(("y",), np.array([value]), {})
        for name, value in (("latitude", 41.0), ("longitude", -106.0))
    }
    flux = tmp_path / "project" / "US-GLE_2006-2011_FLUXNET2015_Met.nc"
    write_content(flux, Content({}, {"y": 1}, place))
    file = "Linear.v1_Phase1b_Scen1_US-GLE_Val_Prior.nc"
    path = written(tmp_path, made(file, first_year=2005))
    assert check_path(path) == ([path], [])
    found = check_path(path, flux.parent)[1]
    assert {f.check for f in found if f.level is Level.ERROR} == {"D3", "T3"}
    with pytest.raises(ConfigError, match="no file of a site"):
        check_path(path, tmp_path / "nowhere")
