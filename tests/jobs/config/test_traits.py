"""A table of measured traits gives a run's priors, and is refused where it is wrong."""

import numpy as np
import pytest

from jobs.config.priors import priors_of
from jobs.config.reader import read_config
from jobs.config.traits import read_traits
from jobs.errors import ConfigError
from jobs.process_models.base import Settings
from jobs.process_models.registry import open_model
from jobs.run.run import open_run, start
from masm import TruncatedNormal, Uniform

HEAD = "# of two studies\nparameter,unit,mean,sd,n,study\n"
ROWS = "aMax,{unit},{mean},3.0,9,first\naMax,{unit},20.0,4.0,16,second\n"


def table():
    return open_model("sipnet", Settings()).parameters


def written(folder, rows=ROWS, head=HEAD, **words):
    words = {"unit": table()["aMax"].unit, "mean": "16.0"} | words
    path = folder / "traits.csv"
    path.write_text(head + rows.format(**words))
    return path


@pytest.fixture
def run(tmp_path, masm_command):
    path = tmp_path / "run"
    reported = masm_command("init", path, "--template", "demo", "--model", "sipnet")
    assert reported.exit_code == 0, reported.output
    config = path / "config.yaml"
    text = config.read_text()
    assert "aMax" in text
    config.write_text(
        text.replace("calibration:\n", "calibration:\n  traits: traits.csv\n")
    )
    written(path)
    return path


def test_a_trait_is_the_prior_of_its_parameter_and_of_no_other(run):
    priors = priors_of(read_config(run / "config.yaml")[0])
    found = priors["aMax"]
    assert isinstance(found, TruncatedNormal)
    assert 16.0 < found.mean < 20.0
    assert found.sd > 1.0
    assert all(isinstance(priors[n], Uniform) for n in priors if n != "aMax")
    assert (found.low, found.high) != (-np.inf, np.inf)


def test_check_reports_what_traits_say(run, masm_command):
    reported = masm_command("check", run)
    assert reported.exit_code == 0, reported.output
    assert "traits: aMax" in reported.output
    assert "2 studies" in reported.output


def test_a_started_run_keeps_its_traits(run):
    start(open_run(run))
    written(run, mean="17.0")
    with pytest.raises(ConfigError, match=r"calibration\.traits"):
        start(open_run(run))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"unit": "furlong"}, r'traits.csv:3  unit of aMax\n +found +"furlong"'),
        ({"mean": "-4"}, r"traits.csv:3  mean"),
        ({"mean": "x"}, r"traits.csv:3  mean"),
        ({"rows": "amax,1,1,1,1,a\n"}, "an unknown parameter"),
        ({"rows": "aMax,{unit},20,0,9,a\n"}, r"traits.csv:3  sd"),
        ({"rows": "aMax,{unit},20,3,0,a\n"}, r"traits.csv:3  n\n"),
        ({"rows": "aMax,{unit},20,3,9,\n"}, r"traits.csv:3  study"),
        ({"rows": "aMax,{unit},20,500,9,a\n"}, r"traits.csv:3  sd of aMax"),
        ({"rows": "aMax,{unit},20,3,9.5,a\n"}, "a whole number"),
        ({"rows": "aMax,{unit},20,3,9,a\n" * 2}, r"traits.csv:4  a row of aMax twice"),
        ({"rows": ""}, "no rows"),
        ({"head": "parameter,mean,sd,n,study\n"}, "no column unit"),
    ],
)
def test_bad_tables_are_refused(tmp_path, words, said):
    path = written(tmp_path, **words)
    with pytest.raises(ConfigError, match=said):
        read_traits(path, table())


def test_no_table_is_said(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        read_traits(tmp_path / "traits.csv", table())
