"""Limits of the system, logs without a disk, and the like: an error, and no crash."""

from __future__ import annotations

import errno
import logging
import os
import resource
import sys

import numpy as np
import pytest
import xarray as xr

import masm
from jobs.cli.error_handler import left_to_say
from jobs.console import _QuietFileHandler
from jobs.disk_errors import system_fault
from jobs.errors import SystemFault
from jobs.figures.canvas import use_own_settings
from jobs.netcdf_files import read_netcdf, write_netcdf
from jobs.report.parts import whole_parts
from masm.results.checkpoint import Checkpoint

DRAWS = xr.Dataset({"vmax": (("chain", "draw"), np.ones((4, 5000)))})


def test_logs_on_a_full_disk_are_given_up_with_one_sentence(capsys):
    handler = _QuietFileHandler("/dev/full", encoding="utf-8", delay=True)
    logger = logging.Logger("full")
    logger.addHandler(handler)
    for _ in range(3):
        logger.error("something")
    reported = capsys.readouterr().err
    assert reported.count("no log: No space left on device") == 1
    assert "Logging error" not in reported


def test_a_command_without_any_memory_left_ends_with_75_and_a_sentence(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(sys, "argv", ["masm", "calibrate", "x\x1b[2J"])
    reported, child = tmp_path / "reported", os.fork()
    if child == 0:
        os.dup2(os.open(reported, os.O_CREAT | os.O_WRONLY), 2)
        try:
            with left_to_say():
                logging.getLogger("jobs").addHandler(Unwritable())
                logging.getLogger("jobs").error("lost")
                raise MemoryError
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 75
    wanted = "Continue with: masm calibrate x\\x1b[2J --resume\n"
    assert reported.read_text().endswith(wanted)
    assert "Logging error" not in reported.read_text()


class Unwritable(logging.Handler):
    """A log that takes nothing."""

    def emit(self, record):
        try:
            raise MemoryError
        except MemoryError:
            self.handleError(record)


@pytest.mark.parametrize(
    "text",
    [
        "libtiff.so.6: failed to map segment from shared object",
        "libopen.so: cannot open shared object file: Too many open files",
        "libopen.so: cannot read file data: Input/output error",
    ],
)
def test_a_library_that_the_system_cannot_load_is_no_bug(text, monkeypatch):
    fault = system_fault(ImportError(text))
    assert fault is not None
    assert not system_fault(ImportError("cannot import name 'x' from 'y'"))

    def fail():
        raise ImportError(text)

    with pytest.raises(ImportError):
        whole_parts("Figures", "figures", fail, [])
    monkeypatch.setattr("builtins.__import__", failing_import(text))
    with pytest.raises(SystemFault):
        use_own_settings()


def failing_import(text):
    """Return an import to which a library of matplotlib cannot be loaded."""
    real = __import__

    def load(name, *words, **named):
        if name == "matplotlib":
            raise ImportError(text)
        return real(name, *words, **named)

    return load


def posterior(path):
    groups = {"posterior": DRAWS, "fit": DRAWS * 2, "observed_data": DRAWS + 1}
    masm.Result(groups).to_netcdf(path)


def checkpoint(path):
    Checkpoint(path, {"text": "x" * 20_000}).write()


def simulation(path):
    write_netcdf(DRAWS, path, encoding={"vmax": {"zlib": False}})


@pytest.mark.parametrize("write", [posterior, checkpoint, simulation])
@pytest.mark.parametrize("limit", [0, 4096])
def test_a_write_that_fails_midway_is_an_error_and_ends_no_process(
    tmp_path, write, limit
):
    path = tmp_path / "x.nc"
    write(path)  # all is loaded
    path.unlink()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            write(path)
        except OSError as exc:
            code = exc.errno or 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == errno.EFBIG
    if write is not simulation:  # that is written to a name aside by its callers
        assert not list(tmp_path.iterdir())


def test_what_is_written_in_memory_is_read_back(tmp_path):
    path = tmp_path / "x.nc"
    write_netcdf(DRAWS, path)
    xr.testing.assert_identical(read_netcdf(path), DRAWS)
    write_netcdf(DRAWS, path, group="prior")
    xr.testing.assert_identical(read_netcdf(path, "prior"), DRAWS)
