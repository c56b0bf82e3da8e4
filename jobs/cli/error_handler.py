"""Exit codes, and the one place where an error becomes one."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

import typer

from jobs.config.extras import extra_of, install_hint
from jobs.console import OutputLost, ShownFormatter, printable, voice
from jobs.disk_errors import full_disk, refused, system_fault
from jobs.errors import ConfigError, DiskFull, PartlySubmitted, Problem, Stopped
from jobs.exit_codes import Exit
from jobs.files import OddFile

logger = logging.getLogger(__name__)

_STOPS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGXCPU, signal.SIGHUP)
"""Of a queue, a limit of processor time, and a terminal that was closed."""
SAVED = "finished work is saved. Continue with"
_KEPT_BACK = 2**21
"""Bytes for the last sentence of a command that has no memory left."""
_OURS = ("ibis_dalec", "landdata", "landmodels", "masm", "upscale")


@contextmanager
def error_handler(
    run: Path, command: str, again: str | None = None, saved: str = SAVED
) -> Iterator[None]:
    """Turn errors into exit codes, and signals into an orderly stop.

    ``again`` is what to type to go on, where it is not the command on the run, and
    ``saved`` what becomes of the work that a stop finds half done.

    A mistake of the user's is reported in full and exits 2; a set of Slurm arrays that
    was submitted in part exits 3; a signal exits 75 with progress saved; anything
    else is a bug, with its traceback in the run's logs.
    """
    go_on = f"{saved}: {again or f'masm {command} {run}{_resume(command)}'}"
    with _signals(command, go_on):
        try:
            # What came during imports, see jobs.__main__, is heard now.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
            yield
        except typer.Exit:
            raise
        except OutputLost as lost:
            _give_up_output(lost, command)
        except KeyboardInterrupt as stop:
            _stop(stop, command, go_on)
        except Exception as exc:
            code = reported(exc, run, command, go_on)
            raise typer.Exit(code) from (exc if code == Exit.BUG else None)


def reported(exc: Exception, run: Path, command: str, go_on: str) -> Exit:
    """Say what an error came of, and return the exit code it comes to.

    Raises
    ------
    typer.Exit
        With 75, if the system is to blame and the same command goes on later.
    """
    if isinstance(exc, PartlySubmitted):
        say(str(exc))
        return Exit.SOME_FAILED
    fault = full_disk(exc, run) or system_fault(exc)
    if fault is not None and not _is_refusal(exc):
        _stop(fault, command, go_on)
    mistake = (
        exc
        if isinstance(exc, _user_errors())
        else refused(exc) or _damage(exc) or _not_installed(exc)
    )
    if mistake is not None:
        say(str(mistake))
        return Exit.WRONG
    place = _write_traceback(run, command, exc)
    say(f"{command}: a bug: {type(exc).__name__}: {exc}\n  traceback {place}")
    return Exit.BUG


def say(text: str) -> None:
    """Print to standard error, with signs that steer a terminal made visible."""
    voice().errors.append(text)
    with suppress(OSError, ValueError):  # nobody reads the output
        print(printable(text), file=sys.stderr, flush=True)


def safe_output() -> None:
    """Let no name keep a command from printing, or steer the terminal.

    Whatever the encoding of the output; also where a warning is shown without a log.
    """
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(ShownFormatter())
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError, LookupError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


@contextmanager
def left_to_stop() -> Iterator[None]:
    """Keep the exit code of a stop, should Ctrl-C come again while Python ends."""
    atexit.register(_let_end)  # registered first, so called last
    try:
        yield
    except SystemExit as end:
        if end.code == Exit.STOPPED:
            signal.signal(signal.SIGINT, _end_at_once)
        raise


@contextmanager
def left_to_say() -> Iterator[None]:
    """Say that memory was too little, should even that take too much of it.

    Nor does a log that cannot be written become pages of errors.
    """
    kept, before = bytearray(_KEPT_BACK), logging.raiseExceptions
    logging.raiseExceptions = False
    try:
        yield
    except MemoryError:
        del kept
        words = [printable(word) for word in sys.argv[1:]]
        if words[:1] == ["calibrate"] and "--resume" not in words:
            words.append("--resume")
        go_on = " ".join(["masm", *words])
        line = f"masm: stopped by too little memory; {SAVED}: {go_on}\n"
        with suppress(OSError):
            os.write(2, line.encode(errors="backslashreplace"))
        os._exit(Exit.STOPPED)
    finally:
        logging.raiseExceptions = before


def _let_end() -> None:
    """Ignore Ctrl-C from here on: Python gives up its handlers before it ends."""
    if signal.getsignal(signal.SIGINT) is _end_at_once:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end_at_once(number: int, frame: FrameType | None) -> None:
    os._exit(Exit.STOPPED)


def _give_up_output(lost: OutputLost, command: str) -> NoReturn:
    """Say that what was to be shown went nowhere; that is no fault of the run's."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
    if lost.unheard:  # its reader has seen enough
        raise typer.Exit(Exit.DONE) from None
    say(
        f"{command}: what was to be shown could not be written to standard output: "
        f"{lost}"
    )
    raise typer.Exit(Exit.STOPPED) from None


def _stop(stop: KeyboardInterrupt, command: str, go_on: str) -> NoReturn:
    by = f" by {stop}" if str(stop) else ""
    say(f"{command}: stopped{by}; {go_on}")
    if isinstance(stop, DiskFull):
        # HDF5 keeps the file it could not finish, and would crash on it when the
        # interpreter clears up: exit 139 in the place of 75.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(Exit.STOPPED)
    raise typer.Exit(Exit.STOPPED) from None


def _damage(exc: Exception) -> ConfigError | None:
    """Return what to say if a file of the run is not as it was written."""
    plain = sys.modules.get("masm.hdf5_files")
    kinds = (OddFile, plain.NotPlain) if plain else (OddFile,)
    if not isinstance(exc, kinds):
        return None
    return ConfigError(
        Problem(
            "a file of the run",
            "is damaged",
            found=str(exc)[:300],
            wanted="what the run has written",
            hint="Take it away; the command that wrote it makes it again.",
        )
    )


def _not_installed(exc: Exception) -> ConfigError | None:
    """Return what to say if a package of an extra is missing."""
    name = getattr(exc, "name", None) if isinstance(exc, ModuleNotFoundError) else None
    extra = extra_of(name or "")
    if not extra:
        return None
    return ConfigError(
        Problem(
            "",
            str(name),
            found="a package that is not installed",
            wanted=f"the extra {extra!r} of masm",
            hint=install_hint(extra),
        )
    )


def _is_refusal(exc: BaseException) -> bool:
    """Return whether a mistake is the user's, whatever error it was found by."""
    return isinstance(exc, _user_errors()) and not _caused_by_system(exc)


def _caused_by_system(exc: BaseException) -> bool:
    return isinstance(exc.__cause__, OSError | MemoryError)


def _resume(command: str) -> str:
    return " --resume" if command == "calibrate" else ""


def _user_errors() -> tuple[type[Exception], ...]:
    # Only a package that is loaded can have raised its error.
    errors: list[type[Exception]] = [ConfigError]
    for name, module in list(sys.modules.items()):
        ours = name.split(".")[0] in _OURS and name.endswith(".errors")
        if ours and hasattr(module, "InputError"):
            errors.append(module.InputError)
    return tuple(errors)


def _write_traceback(run: Path, command: str, exc: Exception) -> str:
    text = "".join(traceback.format_exception(exc))
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    path = run / "logs" / f"{command}-{stamp}-{os.getpid()}.traceback.txt"
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except OSError:
        return f"(could not be written to {path})\n{text}"
    return str(path)


@contextmanager
def _signals(command: str, go_on: str) -> Iterator[None]:
    """Let a signal stop in order, and a second Ctrl-C at once: 75 both times."""
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(signal.Signals(number).name)

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            # Files are whole or absent at any moment, and workers end with us.
            say(f"{command}: stopped at once; {go_on}")
            os._exit(Exit.STOPPED)
        asked = True
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {
        number: stop
        for number in _STOPS
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
    }  # with nohup a closed terminal is of no matter
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        handlers[signal.SIGINT] = interrupt
    before = {n: signal.signal(n, handler) for n, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            if number == signal.SIGINT and asked and handler is not None:
                # Between here and the end of `main` a second one shall not kill.
                continue
            signal.signal(number, handler)
