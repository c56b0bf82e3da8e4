"""Flags, and options of every command: ``--quiet``, ``--verbose`` and ``--json``."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from jobs.cli.error_handler import error_handler
from jobs.config.executor_names import ExecutorName
from jobs.console import Voice, print_out, speaking
from jobs.exit_codes import Exit

Executors = Annotated[
    ExecutorName | None,
    typer.Option(
        metavar="NAME",
        help=f"in place of the configured executor: {', '.join(ExecutorName)}",
    ),
]
"""The option ``--executor`` of every command that has it."""


def flag(*names: str, help: str, **settings: Any) -> Any:
    """Return an option without a value, so that its help shows none.

    Parameters
    ----------
    *names : str
        Such as ``"--quiet", "-q"``.
    help : str
        What it does, in a few words.
    **settings
        Further ones of ``typer.Option``.
    """
    return typer.Option(*names, help=help, metavar="", **settings)


_EVERY: dict[str, Any] = {
    "quiet": Annotated[
        bool,
        flag("--quiet", "-q", help="show only what went wrong"),
    ],
    "verbose": Annotated[
        bool,
        flag("--verbose", "-v", help="show the log on the screen too"),
    ],
}
_JSON: dict[str, Any] = {
    "results_as_json": Annotated[
        bool,
        flag("--json", help="show results as JSON, for scripts"),
    ],
}


def talking(
    *, has_json: bool = True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of how much it prints, and in which form.

    Parameters
    ----------
    has_json : bool
        Whether ``--json`` is among them. It prints one document in the end:
        ``exit_code``, ``messages``, ``tables`` (title, columns, rows) and ``errors``.
    """
    added = _EVERY | (_JSON if has_json else {})

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def command(*args: Any, **words: Any) -> None:
            quiet, verbose, as_json = (
                words.pop(name, False) for name in (*_EVERY, *_JSON)
            )
            if quiet and verbose:
                raise typer.BadParameter("--quiet and --verbose exclude each other")
            with speaking(Voice(quiet, verbose, as_json)) as said:
                if as_json:
                    _in_json(said, function, *args, **words)
                else:
                    function(*args, **words)

        hints = get_type_hints(function, include_extras=True)
        known = inspect.signature(function).parameters.values()
        new = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=hint
            )
            for name, hint in added.items()
        ]
        command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [one.replace(annotation=hints[one.name]) for one in known] + new
        )
        command.__annotations__ = hints | added
        command.__doc__ = _unfolded(function.__doc__ or "")
        return command

    return decorate


def _unfolded(text: str) -> str:
    """Return a docstring with one line for each paragraph: terminals fold it."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in paragraphs)


def _in_json(
    said: Voice, function: Callable[..., None], *args: Any, **words: Any
) -> None:
    """Run a command, then print what it would have shown as one document."""
    code: int = Exit.DONE
    try:
        function(*args, **words)
    except typer.Exit as end:
        code = end.exit_code
        raise
    except typer.BadParameter as exc:
        code = Exit.WRONG
        said.errors.append(exc.message)
        raise
    finally:
        document = {
            "exit_code": int(code),
            "messages": said.messages,
            "tables": said.tables,
            "errors": said.errors,
        }
        with error_handler(Path(), "--json", again="the same command"):
            print_out(json.dumps(document, indent=1))
