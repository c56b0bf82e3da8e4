"""Every executor does every task once and comes to the numbers of a serial run.

The process model is the linear one. The queues of PBS, LSF and SGE are small programs
that run the jobs of an array at once, one after another.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import linear_model
import pytest
import typer
import yaml
from few_pixels import assert_same_draws, make_run
from typer.testing import CliRunner

from jobs.cli.app import app
from jobs.cli.error_handler import error_handler
from jobs.config.execution import Submit
from jobs.config.executor_names import ExecutorName
from jobs.errors import ConfigError
from jobs.executors import dask
from jobs.executors.base import Work
from jobs.executors.registry import executor_of
from jobs.executors.submit import script

WORKERS = str(Path(__file__).parents[1] / "workers")
FORMS = {
    "pbs": (r"#PBS -J (\d+)-(\d+)", "PBS_ARRAY_INDEX", "{}[].server"),
    "lsf": (r'#BSUB -J "\S+\[(\d+)-(\d+)\]"', "LSB_JOBINDEX",
            "Job <{}> is submitted to default queue <normal>."),
    "sge": (r"#\$ -t (\d+)-(\d+)", "SGE_TASK_ID", "{}.1-4:1"),
}  # fmt: skip
QUEUE = """#!{python}
import os, pathlib, re, subprocess, sys
here = pathlib.Path({here!r})
text = open(sys.argv[-1]).read() if len(sys.argv) > 1 else sys.stdin.read()
job = 70 + len(list(here.glob("script-*")))
(here / f"script-{{job}}").write_text(text)
found = re.search({form!r}, text)
first, last = map(int, found.groups()) if found else (None, None)
for index in [None] if found is None else range(first, last + 1):
    more = {{}} if index is None else {{{variable!r}: str(index)}}
    done = subprocess.run(
        ["bash", str(here / f"script-{{job}}")],
        env=os.environ | more, capture_output=True, text=True,
    )
    (here / f"log-{{job}}-{{index}}").write_text(done.stdout + done.stderr)
print("Welcome to the cluster")
print({answer!r}.format(job))
"""


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    base = tmp_path_factory.mktemp("serial")
    path = make_run(base / "run", "execution: {workers: 2}\n")
    done = shutil.copytree(path, base / "done")
    with pytest.MonkeyPatch.context() as patch:
        linear_model.put_in_place(patch)
        reported, code = here("calibrate", done, "--executor", "serial")
    assert code == 0, reported
    return path, done


@pytest.fixture
def run_path(serial, tmp_path, small_process_model, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    return shutil.copytree(serial[0], tmp_path / "run")


def here(*words):
    """A command in this process, which starts sooner; its output and exit code."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.output, done.exit_code


def environment(**more):
    ours = f"{WORKERS}{os.pathsep}{Path(__file__).parents[3]}"
    plain = {"PYTHONPATH": ours, "OMP_NUM_THREADS": "1"}
    return {**os.environ, **plain, **more}


def masm(*words, **more):
    done = subprocess.run(
        [sys.executable, "-m", "jobs", *map(str, words)],
        env=environment(**more),
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr, done.returncode


def add(path, **execution):
    config = yaml.safe_load((path / "config.yaml").read_text())
    config["execution"] |= execution
    (path / "config.yaml").write_text(yaml.safe_dump(config))


def test_every_name_has_an_executor():
    assert {type(executor_of(name)).__name__ for name in ExecutorName} == {
        "Serial", "Local", "SlurmArrays", "Submit", "Dask"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["slurm", "submit", "dask"])
def test_a_dry_run_needs_no_scheduler(run_path, name, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    reported, code = here("calibrate", run_path, "--executor", name, "--dry-run")
    assert code == 0, reported
    assert "4 pixels to calibrate" in reported
    assert not (run_path / "run.json").exists()


@pytest.mark.parametrize("scheduler", FORMS)
def test_other_queues_give_the_numbers_of_a_serial_run(
    run_path, serial, tmp_path, monkeypatch, scheduler
):
    form, variable, answer = FORMS[scheduler]
    programs = tmp_path / "programs"
    programs.mkdir()
    text = QUEUE.format(
        python=sys.executable, here=str(tmp_path), form=form, variable=variable,
        answer=answer,
    )  # fmt: skip
    for name in ("bsub", "qsub"):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    for name in ("bjobs", "qstat"):
        (programs / name).write_text('#!/bin/sh\ncat "$(dirname $0)/listed"\n')
        (programs / name).chmod(0o755)
    (programs / "listed").write_text("")
    queue = {"scheduler": scheduler, "pixel_minutes_guess": 40}
    add(run_path, executor="submit", submit=queue)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    ids = [1, 3] if scheduler == "pbs" else [3]
    words = [word for i in ids for word in ("--pixel", i)]
    reported, code = here("calibrate", run_path, *words)
    assert code == 0, reported
    n_tasks = "2 tasks" if len(ids) == 2 else "1 task"
    assert f"{n_tasks} of at most 1 pixel in 1 array" in reported
    assert "submitted job 70\n" in reported
    assert_same_draws(run_path, serial[1], ids)
    (programs / "listed").write_text("70.server  masm  R\n")
    reported, code = here("calibrate", run_path, "--resume")
    assert (code, "still in the queue" in reported) == (2, True), reported


def test_dask_gives_the_numbers_of_a_serial_run_though_a_worker_is_killed(
    run_path, serial
):
    reported, code = masm(
        "calibrate", run_path, "--executor", "dask",
        TEST_MISHAP=f"killed_once,42,{run_path}",
    )  # fmt: skip
    assert code == 0, reported
    assert (run_path / "was_killed").exists()
    assert_same_draws(run_path, serial[1])


def test_a_scheduler_that_dies_ends_the_command_which_goes_on_later(
    run_path, serial, tmp_path
):
    place, pixel = tmp_path / "scheduler.json", ["--pixel", 2]
    common = ["--scheduler-file", place, "--no-dashboard"]
    slow = {"TEST_MISHAP": f"slow_once,42,{tmp_path}"}
    scheduler = dask_program("scheduler", "--host", "127.0.0.1", "--port", 0, *common)
    worker = dask_program("worker", "--nthreads", 1, "--no-nanny", *common, **slow)
    try:
        wait_for(lambda: place.exists() and place.read_text().endswith("}"))
        words = ["--scheduler", json.loads(place.read_text())["address"], *pixel]
        calling = subprocess.Popen(
            [sys.executable, "-m", "jobs", "calibrate", str(run_path), "--executor",
             "dask", *map(str, words)],
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        wait_for((tmp_path / "was_slow").exists)
        scheduler.kill()
        reported, _ = calling.communicate(timeout=300)
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
    assert (calling.returncode, "Traceback" in reported) == (75, False), reported
    assert (
        "calibrate: stopped by the loss of Dask's scheduler; finished work" in reported
    )
    reported, code = masm("calibrate", run_path, "--resume", *pixel)
    assert code == 0, reported
    assert_same_draws(run_path, serial[1], [2])


def dask_program(name, *words, **more):
    """Start Dask's scheduler or worker."""
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.dask_{name}", *map(str, words)],
        env=environment(**more), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def wait_for(true, seconds=300):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize("status", ["cancelled", "lost"])
def test_a_future_without_its_scheduler_ends_the_command(run_folder, capsys, status):
    work = Work(("calibrate",), "pixels", lambda path, number: None)
    future = SimpleNamespace(status=status)
    with pytest.raises(typer.Exit) as end, error_handler(run_folder, "calibrate"):
        dask._take(future, run_folder, work, 1)
    assert end.value.exit_code == 75
    reported = capsys.readouterr().err
    assert "stopped by the loss of Dask's scheduler; finished work is saved" in reported
    assert f"masm calibrate {run_folder} --resume" in reported


@pytest.fixture
def run_folder(tmp_path):
    return tmp_path


def test_a_scheduler_that_does_not_answer_is_an_error_of_one_sentence(run_path):
    reported, code = here(
        "calibrate", run_path, "--executor", "dask", "--scheduler", "tcp://127.0.0.1:9"
    )
    assert (code, "no scheduler of Dask answers" in reported) == (2, True), reported
    reported, code = here(
        "calibrate", run_path, "--executor", "dask", "--scheduler", "localhost"
    )
    assert (code, "tcp://10.0.0.5:8786" in reported) == (2, True), reported


@pytest.mark.parametrize(
    "header",
    ["qsub x", "#PBS -v LD_PRELOAD=/x", "#PBS -q a\nrm x", "#PBS -o /home/.bashrc",
     "#$ -S /x", "#PBS -q $(x)", "#BSUB -E /x", "#PBS -q a -v LD_PRELOAD=/x.so",
     "#BSUB -q a -E /x", '#BSUB -q "a" -E /x', "#$ -q a -S /x", "#$ -pe a 1 -S /x",
     "#PBS -q -v"],
)  # fmt: skip
def test_header_lines_are_of_a_list(header):
    with pytest.raises(ValueError, match="options of the queue"):
        Submit(header=[header])


@pytest.mark.parametrize(
    "line", ["rm -r x", "module load a; rm x", "source x", "a=$(x)"]
)
def test_lines_before_the_command_are_of_a_list(line):
    with pytest.raises(ValueError, match="module load NAME"):
        Submit(setup=[line])


def test_a_script_has_what_the_configuration_says():
    settings = Submit(
        header=["#PBS -q short"], setup=["module load python/3.11"], memory_mb=500
    )
    text = script(Path("/data/my run"), "East", Path("/d/s"), (9, 4), settings, ("x",))
    lines = text.splitlines()
    assert "#PBS -l select=1:ncpus=1:mem=500mb" in lines
    assert lines.index("#PBS -q short") < lines.index("module load python/3.11")
    assert "'/data/my run'" in text
    assert "--task $((9 + ${PBS_ARRAY_INDEX:-0}))" in text
    with pytest.raises(ConfigError, match="cannot be written in a script"):
        script(Path("/d"), "East", Path("/d/a b"), (0, 1), settings, ("x",))
