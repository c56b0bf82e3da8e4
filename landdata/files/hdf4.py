"""HDF4 files, read by a process of their own.

The HDF4 library overruns its own stack on some damaged files and takes its process
with it. So a small Python process opens the file; if that dies or hangs, the file is
refused by name and the reader lives on. This module is also the program that the
process runs, and as such imports nothing of the package.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

TIMEOUT = 120.0  # s; a global composite takes a fraction of one


class Hdf4Process:
    """A process that reads HDF4 files one after another; a context manager."""

    def __enter__(self) -> Hdf4Process:
        if find_spec("pyhdf") is None:
            message = "pyhdf is not installed: pip install 'masm[regions]'"
            raise ModuleNotFoundError(message, name="pyhdf")
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.communicate()

    def describe(self, path: Path, field: str) -> dict[str, Any]:
        """Fields, the file's attributes, and shape and attributes of one field.

        Raises
        ------
        OSError
            If the library cannot read the file, or dies of it.
        """
        answer, _ = self._ask({"path": str(path), "field": field})
        return answer

    def window(
        self, path: Path, field: str, rows: tuple[int, int], columns: tuple[int, int]
    ) -> NDArray:
        """A part of a field, as it is stored."""
        answer, content = self._ask(
            {"path": str(path), "field": field, "window": [*rows, *columns]}
        )
        values = np.frombuffer(content, dtype=np.dtype(answer["dtype"]))
        return values.reshape(answer["shape"])

    def _ask(self, question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        from threading import Timer

        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise OSError("no pipe to the process that reads HDF4")
        # A hanging library never answers: killed, it closes the pipe.
        alarm = Timer(TIMEOUT, self._process.kill)
        alarm.start()
        try:
            stdin.write(json.dumps(question).encode() + b"\n")
            stdin.flush()
            line = stdout.readline()
            answer = json.loads(line) if line else {"error": "the HDF4 library crashed"}
            content = stdout.read(int(answer.get("size", 0)))
        except BrokenPipeError:
            answer, content = {"error": "the HDF4 library crashed"}, b""
        finally:
            alarm.cancel()
        if "error" in answer or len(content) < int(answer.get("size", 0)):
            raise OSError(answer.get("error", "the HDF4 library crashed"))
        return answer, content


def _plain(value: Any) -> Any:
    """An attribute as JSON can hold it."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value


def _answer(question: dict[str, Any], reply: IO[bytes]) -> None:
    from pyhdf.SD import SD

    content = SD(question["path"])
    try:
        fields = list(content.datasets())
        answer: dict[str, Any] = {"fields": fields}
        raw = b""
        if question["field"] in fields:
            data = content.select(question["field"])
            if "window" in question:
                top, bottom, left, right = question["window"]
                values = np.ascontiguousarray(data[top:bottom, left:right])
                raw = values.tobytes()
                answer |= {"dtype": values.dtype.str, "shape": values.shape}
            else:
                answer["shape"] = np.atleast_1d(data.info()[2]).tolist()
                answer["field"] = _plain_all(data.attributes())
                answer["file"] = _plain_all(content.attributes())
            data.endaccess()
    finally:
        content.end()
    answer["size"] = len(raw)
    reply.write(json.dumps(answer).encode() + b"\n" + raw)
    reply.flush()


def _plain_all(attributes: dict[str, Any]) -> dict[str, Any]:
    return {str(name): _plain(value) for name, value in attributes.items()}


def _serve() -> None:
    reply = sys.stdout.buffer
    for line in sys.stdin.buffer:
        try:
            _answer(json.loads(line), reply)
        except Exception as exc:  # whatever the library says goes back in words
            text = f"{type(exc).__name__}: {exc}"
            reply.write(json.dumps({"error": text}).encode() + b"\n")
            reply.flush()


if __name__ == "__main__":
    _serve()
