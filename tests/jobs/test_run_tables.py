"""Tables of a run are data of anybody's when they are read back."""

from __future__ import annotations

import os

import pytest

from jobs.errors import ConfigError
from jobs.files import OddFile
from jobs.report.parts import Section, picture, whole_parts
from jobs.run.folder import RunFolder
from jobs.run_tables import read_run_table


class Run:
    """A run of which only the folder is looked at."""

    def __init__(self, path):
        self.folder = RunFolder(path)


def write(text):
    return lambda path: path.write_text(text)


@pytest.mark.parametrize(
    "spoil",
    [
        write(""),
        write("a,b\n1,2\n"),
        write("name,r2\nvmax,high\n"),
        write('name,r2\n"vmax,1\n'),
        lambda path: path.write_bytes(b"name,r2\n\xff\xfe,1\n"),
        lambda path: os.truncate(path, 2**36),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: (path.unlink(), os.mkfifo(path)),
        lambda path: (path.unlink(), path.symlink_to("/etc/passwd")),
    ],
    ids=[
        "empty",
        "columns",
        "words",
        "quotes",
        "bytes",
        "huge",
        "folder",
        "pipe",
        "link",
    ],
)
def test_a_table_that_is_not_as_it_was_written_is_damage(tmp_path, spoil):
    path = tmp_path / "skill.csv"
    path.write_text("name,r2\nvmax,0.5\n")
    assert read_run_table(path, ["name"], ["r2"])["r2"].tolist() == [0.5]
    spoil(path)
    with pytest.raises(OddFile, match=r"skill\.csv"):
        read_run_table(path, ["name"], ["r2"])


def test_a_part_of_the_report_with_odd_files_is_left_out_and_said_so(tmp_path, caplog):
    path = tmp_path / "figures" / "scores.png"
    path.parent.mkdir()
    path.write_text("no picture")
    made = whole_parts("Fit", "fit", lambda: picture(Run(tmp_path), path, "x", "x"))
    assert [(one.title, one.empty) for one in made] == [("Fit", False)]
    assert "scores.png is no PNG" in made[0].notes[0]
    assert "Fit is left out of the report" in caplog.text
    os.truncate(path, 2**40)
    made = whole_parts("Fit", "fit", lambda: picture(Run(tmp_path), path, "x", "x"))
    assert "more than can be meant" in made[0].notes[0]
    whole = Section("Fit", "fit")
    assert whole_parts("Fit", "fit", lambda: whole) == [whole]


@pytest.mark.parametrize("error", [OSError(5, "EIO"), ConfigError([]), MemoryError()])
def test_what_is_no_damage_still_ends_the_report(error):
    def fail():
        raise error

    with pytest.raises(type(error)):
        whole_parts("Fit", "fit", fail)
    with pytest.raises(type(error)):
        whole_parts("Fit", "fit", fail, [])


@pytest.mark.parametrize(
    "error", [KeyError("r2"), ValueError("shape"), TypeError("x"), ZeroDivisionError()]
)
def test_an_error_of_ours_is_not_taken_for_an_odd_file(error, caplog):
    def fail():
        raise error

    with pytest.raises(type(error)):
        whole_parts("Fit", "fit", fail)
    errors = []
    (made,) = whole_parts("Fit", "fit", fail, errors)
    assert errors == [error]
    assert made.notes[0].startswith(f"Left out by an error: {type(error).__name__}")
    assert "Traceback" in caplog.text
