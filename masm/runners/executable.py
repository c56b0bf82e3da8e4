"""A program outside Python as a model: files in, files out, a folder for each run."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np

from masm.errors import InputError
from masm.problem.samples import Samples
from masm.runners.process_map import check_timeout

if TYPE_CHECKING:
    pass
from masm.runners.process_map import ProcessMap

_SUPERVISOR = str(Path(__file__).with_name("supervisor.py"))
_PATIENCE = 10.0  # s for a supervisor to end all that a program started
_LONGEST_COMPLAINT = 300  # characters of a program's complaint that are passed on


class RunFailed(RuntimeError):
    """One run of a program that gave nothing; the calibration goes on without it."""


@dataclass(frozen=True)
class Executable:
    """A model that is a program.

    Give it to `masm.calibrate` as the model. A run that exits with an error, writes
    what cannot be read or takes too long is a failed run. A program that is out of
    time is ended with all the processes it started; so it is when this process ends,
    however that ends.

    Attributes
    ----------
    command : sequence of str
        The program and its arguments, by absolute path: it runs in a fresh folder.
    write : callable
        ``write(folder, parameters)`` puts the program's input into ``folder``, a
        `pathlib.Path`; ``parameters`` maps names to floats.
    read : callable
        ``read(folder)`` gives the series of the run: a mapping of stream to values
        over time, or a Dataset.
    timeout : float, optional
        Seconds for a run.
    environment : mapping, optional
        Variables to set for the program beside those of this process.

    Notes
    -----
    For several runs at a time, ``map=ThreadPoolExecutor(4).map``: the threads only
    wait for the program.

    Examples
    --------
    >>> import sys
    >>> import masm
    >>> program = "open('out.txt', 'w').write(str(2 * float(open('in.txt').read())))"
    >>> model = masm.Executable(
    ...     [sys.executable, "-c", program],
    ...     write=lambda place, theta: (place / "in.txt").write_text(str(theta["a"])),
    ...     read=lambda place: {"gpp": [float((place / "out.txt").read_text())]},
    ...     timeout=60.0,
    ... )
    >>> model(masm.Samples([[3.0]], ["a"]))
    {'gpp': [6.0]}
    """

    command: Sequence[str]
    write: Callable[[Path, dict[str, float]], None]
    read: Callable[[Path], Any]
    timeout: float | None = None
    environment: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        check_timeout(self.timeout)
        if isinstance(self.command, str) or not list(self.command):
            raise InputError(
                "command of an executable",
                found=repr(self.command),
                wanted="a list of the program and its arguments",
            )

    def __call__(self, theta: Samples) -> Any:
        """Series of one parameter set, (parameter,) or (1, parameter)."""
        if theta.ndim > 1 and len(theta) > 1:
            raise RunFailed("a program runs one parameter set at a time")
        parameters = {
            name: float(np.ravel(value)[0]) for name, value in dict(theta).items()
        }
        with TemporaryDirectory(prefix="masm-run-") as name:
            folder = Path(name)
            self.write(folder, parameters)
            self._run(folder)
            return self.read(folder)

    def _run(self, folder: Path) -> None:
        _require_program(self.command[0], (self.environment or {}).get("PATH"))
        # Output goes to a file: a pipe is held open by whatever the program started.
        with TemporaryFile(prefix="masm-output-") as said:
            code = self._code(folder, said)
            if code != 0:
                text = _tail(said)
                raise RunFailed(f"exit code {code}: {text}")

    def _code(self, folder: Path, said: Any) -> int:
        """Run the program below a supervisor, which ends all of it with us."""
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", _SUPERVISOR, *self.command],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**os.environ, **(self.environment or {})},
            start_new_session=True,
        )
        try:
            # Not communicate(): that would close the pipe which says that we live.
            process.wait(self.timeout)
            answer = process.stdout.read().strip() if process.stdout else b""
        except BaseException as exc:  # out of time, or interrupted
            if isinstance(exc, subprocess.TimeoutExpired):
                message = f"timeout: no result after {self.timeout:g} s"
                raise RunFailed(message) from None
            raise
        finally:
            _end(process)
        if not re.fullmatch(rb"-?\d+", answer):
            raise RunFailed(f"its supervisor ended ({process.returncode})")
        return int(answer)


def _tail(said: Any) -> str:
    """Return the end of what a program said; it may have said gigabytes."""
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - 4 * _LONGEST_COMPLAINT))
    text = said.read(4 * _LONGEST_COMPLAINT).decode("utf-8", "replace").strip()
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)[
        -_LONGEST_COMPLAINT:
    ]


def _require_program(program: str, path: str | None) -> None:
    """Refuse a program that is not there, before a run counts as failed for it."""
    if shutil.which(program, path=path) is None:
        raise FileNotFoundError(errno.ENOENT, "no such program", program)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let the supervisor end what is not over yet, and all that was started."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def limited(
    model: Callable[..., Any], map: Callable[..., Any] | None, timeout: float
) -> Iterator[tuple[Callable[..., Any], Callable[..., Any] | None]]:
    """Give a model and a map that end what takes longer than this, in seconds."""
    check_timeout(timeout)
    if isinstance(model, Executable):
        yield replace(model, timeout=timeout), map
    elif map is None:
        with ProcessMap(1, timeout=timeout) as processes:
            yield model, processes
    else:
        raise InputError(
            "timeout with a map of your own",
            found="workers that are not ours to end",
            wanted="map=masm.ProcessMap(n_workers, timeout=...), or no map",
        )
