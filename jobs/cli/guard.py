"""Exit codes, and the one place where an error becomes one."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

import typer

from jobs.disk_errors import full_disk, refused
from jobs.errors import ConfigError, DiskFull, PartlySubmitted, Stopped
from jobs.exit_codes import Exit

logger = logging.getLogger(__name__)

_STOPS = (signal.SIGTERM, signal.SIGUSR1)


@contextmanager
def guarded(run: Path, verb: str, again: str | None = None) -> Iterator[None]:
    """Turn errors into exit codes, and signals into an orderly stop.

    ``again`` is the command that goes on, where it is not the verb on the run.

    A mistake of the user's is told in full and exits 2; a set of Slurm arrays that
    was submitted in part exits 3; a signal exits 75 with progress saved; anything
    else is a bug, with its traceback in the run's logs.
    """
    with _signals():
        try:
            # What came during imports, see jobs.__main__, is heard now.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
            yield
        except typer.Exit:
            raise
        except KeyboardInterrupt as stop:
            _stop(stop, verb, again or f"masm {verb} {run}{_resume(verb)}")
        except PartlySubmitted as exc:
            say(str(exc))
            raise typer.Exit(Exit.SOME_FAILED) from None
        except Exception as exc:
            if isinstance(exc, _user_errors()):
                say(str(exc))
                raise typer.Exit(Exit.WRONG) from None
            if full := full_disk(exc, run):
                _stop(full, verb, again or f"masm {verb} {run}{_resume(verb)}")
            if problem := refused(exc):
                say(str(problem))
                raise typer.Exit(Exit.WRONG) from None
            place = _write_traceback(run, verb)
            say(f"{verb}: a bug: {type(exc).__name__}: {exc}\n  traceback {place}")
            raise typer.Exit(Exit.BUG) from exc


def say(text: str) -> None:
    """Print to standard error, as it is."""
    print(text, file=sys.stderr)


def _stop(stop: KeyboardInterrupt, verb: str, again: str) -> NoReturn:
    by = f" by {stop}" if str(stop) else ""
    say(f"{verb}: stopped{by}; finished work is saved. Go on with: {again}")
    if isinstance(stop, DiskFull):
        # HDF5 keeps the file it could not finish, and would crash on it when the
        # interpreter clears up: exit 139 in the place of 75.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(Exit.STOPPED)
    raise typer.Exit(Exit.STOPPED) from None


def _resume(verb: str) -> str:
    return " --resume" if verb == "calibrate" else ""


def _user_errors() -> tuple[type[Exception], ...]:
    # Only a package that is loaded can have raised its error.
    errors: list[type[Exception]] = [ConfigError]
    for package in ("ibis_dalec", "masm", "upscale"):
        module = sys.modules.get(f"{package}.errors")
        if module is not None:
            errors.append(module.InputError)
    return tuple(errors)


def _write_traceback(run: Path, verb: str) -> str:
    text = traceback.format_exc()
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    path = run / "logs" / f"{verb}-{stamp}-{os.getpid()}.traceback.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError:
        return f"(could not be written to {path})\n{text}"
    return str(path)


@contextmanager
def _signals() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(signal.Signals(number).name)

    before = {n: signal.signal(n, stop) for n in _STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
