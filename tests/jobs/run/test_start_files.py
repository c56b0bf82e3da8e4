"""Lock, record and pixel table belong together: one that is lost is refused by name."""

from __future__ import annotations

import json
import os
import shutil
import tracemalloc

import pytest
from made_up import in_a_child, make_up

from jobs.errors import ConfigError
from jobs.run.run import open_run, start
from jobs.run.start_files import is_bound

FILES = ("config.lock.yaml", "run.json", "pixels.csv")


@pytest.fixture
def made_up(tmp_path):
    return make_up(tmp_path / "made_up")


def spoil(path, how):
    content = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "a link":
        path.rename(path.with_suffix(".real"))
        path.symlink_to(path.with_suffix(".real"))
    elif how == "a folder":
        path.unlink()
        path.mkdir()
    else:
        spoilt = {
            "half": content[: len(content) // 2],
            "empty": b"",
            "a list": b"[1, 2]\n",
            "deep": b"[" * 100_000,
            "one more line": content + b"\n",
        }
        path.write_bytes(spoilt[how])


@pytest.mark.parametrize(
    "how",
    ["missing", "half", "empty", "a list", "deep", "one more line", "a link",
     "a folder"],
)  # fmt: skip
@pytest.mark.parametrize("name", FILES)
def test_one_that_is_missing_or_changed_is_refused_by_name(
    masm_command, made_up, name, how
):
    if (name, how) == ("run.json", "one more line"):
        pytest.skip("the same JSON")
    spoil(made_up / name, how)
    before = sorted(made_up.rglob("*"))
    for words in (["status"], ["calibrate", "--resume"], ["collect"], ["report"]):
        refused = masm_command(words[0], made_up, *words[1:])
        assert refused.exit_code == 2, (words, refused.output)
        assert name in refused.stderr
    assert sorted(made_up.rglob("*")) == before


@pytest.mark.parametrize("name", FILES)
def test_one_that_is_blown_up_is_refused_before_it_is_read(masm_command, made_up, name):
    os.truncate(made_up / name, 2**31)  # without taking place on the disk
    tracemalloc.start()
    refused = masm_command("status", made_up)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.exit_code == 2, refused.output
    assert name in refused.stderr
    assert peak < 2**27


@pytest.mark.parametrize("name", FILES)
def test_one_of_another_run_is_refused_by_name(made_up, tmp_path, name):
    other = tmp_path / "other"
    other.mkdir()
    for one in ("config.yaml", "places.csv"):
        text = (made_up / one).read_text()
        text = text.replace("seed: 3", "seed: 4").replace("0,place 0", "0,place A")
        (other / one).write_text(text)
    start(open_run(other))
    shutil.copy(other / name, made_up / name)
    with pytest.raises(ConfigError, match=name.replace(".", r"\.")):
        open_run(made_up)


def test_a_start_killed_at_any_file_is_begun_again(masm_command, tmp_path, made_up):
    run = tmp_path / "new"
    for number in range(1, 20):
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        for one in ("config.yaml", "places.csv"):
            shutil.copy(made_up / one, run / one)
        words = ("calibrate", run, "--pixel", 0)
        code = in_a_child(words, tmp_path / "told", killed_at=number)
        assert masm_command("status", run).exit_code == 0
        start(open_run(run))
        assert open_run(run).started
        if code != -9 or (run / "pixels").exists():
            break
    assert number > 3


def test_files_of_an_earlier_version_are_taken_once_and_get_digests(made_up, as_of_old):
    as_of_old(made_up)
    assert not is_bound(open_run(made_up).folder)
    start(open_run(made_up))
    assert is_bound(open_run(made_up).folder)
    (made_up / "pixels.csv").write_text((made_up / "pixels.csv").read_text() + "\n")
    with pytest.raises(ConfigError, match=r"pixels\.csv"):
        open_run(made_up)


def test_a_changed_seed_is_not_taken_over_with_a_lost_lock(masm_command, made_up):
    (made_up / "config.lock.yaml").unlink()
    text = (made_up / "config.yaml").read_text()
    (made_up / "config.yaml").write_text(text.replace("seed: 3", "seed: 99"))
    assert masm_command("calibrate", made_up, "--resume").exit_code == 2
    assert json.loads((made_up / "run.json").read_text())["seed"] == 3
