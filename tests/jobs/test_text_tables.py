"""No number of a table is cut, however narrow the terminal is."""

from __future__ import annotations

import pandas as pd
import pytest

from jobs import console
from jobs.console import show
from jobs.text_tables import TextTable, fold


def many_columns(n_rows, n_columns):
    names = ["stream", "period", *(f"number_{j}" for j in range(n_columns))]
    row = ["gpp", "calibration"]
    frame = pd.DataFrame(
        [
            [*row, *(-1.0 / 3.0 - i - j for j in range(n_columns))]
            for i in range(n_rows)
        ],
        columns=names,
    )
    return console.table(frame, "a title " * 9, dict.fromkeys(names[2:], ".4g"))


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
@pytest.mark.parametrize("n_rows", [1, 3, 30])
@pytest.mark.parametrize("n_columns", [1, 4, 9, 30])
def test_every_number_stands_whole_in_a_line_that_fits(width, n_rows, n_columns):
    shown = many_columns(n_rows, n_columns)
    lines = list(shown.lines(width))
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    for row in shown.cells:
        for number in row[2:]:
            assert number in words
    assert set(shown.columns) <= {word.rstrip(":") for word in words}


def test_columns_wraps_what_is_piped_and_what_is_on_a_terminal(monkeypatch, capsys):
    shown = many_columns(3, 9)
    for width in (60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        console.show(shown)
        out = capsys.readouterr().out
        assert max(map(len, out.splitlines())) <= width
        assert out.isascii()
        assert "\x1b" not in out
    monkeypatch.delenv("COLUMNS")
    assert console.width_of_output() == 120


def test_a_table_without_numbers_or_rows_is_shown_too():
    assert list(TextTable("t", ("a", "b"), (), (False, False)).lines(60))[1] == "a  b"
    long = TextTable("t", ("a", "b"), (("x " * 50, "y " * 50),), (False, False))
    assert max(map(len, long.lines(60))) <= 60


def test_what_could_not_be_computed_is_empty_in_any_format():
    import pandas as pd

    from jobs.console import table

    frame = pd.DataFrame({"a": [0.5, float("nan")], "b": [float("nan"), -1.0]})
    shown = table(frame, "", {"a": ".1%", "b": "+.2f"})
    assert shown.cells == (("50.0%", ""), ("", "-1.00"))
    assert shown.records[1]["a"] is None


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_sentences_fold_at_the_width_and_keep_every_word(width):
    line = "  time: at most about 25 minutes of one core, figures/fig02_posteriors.png"
    parts = fold(line, width)
    assert " ".join(parts).split() == line.split()
    assert all(len(part) <= width or " " not in part.strip() for part in parts)
    assert all(part.startswith("  ") for part in parts)


def test_sentences_fold_at_a_terminal_and_stay_whole_in_a_pipe(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    sentence = "word " * 30
    show(sentence.strip())
    assert capsys.readouterr().out == sentence.strip() + "\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    show(sentence.strip())
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60
