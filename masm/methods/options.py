"""What the option objects of all calibration methods share.

The classes themselves, one for each method, are in `masm.options`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, ClassVar, Self

from masm.errors import InputError


@dataclass(frozen=True, kw_only=True)
class MethodOptions:
    """Options of one calibration method, as fields with defaults.

    Attributes
    ----------
    method : str
        The name of the method, as in `masm.METHODS`.

    Raises
    ------
    InputError
        Naming the first option that the method does not have, and the nearest name.

    Examples
    --------
    >>> from masm.options import DemcOptions
    >>> DemcOptions(n_chains=8)
    DemcOptions(max_runs=100000, n_chains=8)
    >>> DemcOptions(n_chain=8)
    Traceback (most recent call last):
    ...
    masm.errors.InputError: unknown option 'n_chain' of method 'demc'
      found   n_chain
      wanted  one of max_runs, n_chains
      hint    Did you mean "n_chains"?
    """

    method: ClassVar[str] = ""

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """Refuse an unknown name in the words that all options share."""
        check_names(options, {one.name: one for one in fields(cls)}, cls.method)
        return super().__new__(cls)

    def changed(self) -> dict[str, Any]:
        """Return the options that are not at their default, by name.

        Examples
        --------
        >>> from masm.options import DemcOptions
        >>> DemcOptions(n_chains=8).changed()
        {'n_chains': 8}
        """
        return {
            one.name: getattr(self, one.name)
            for one in fields(self)
            if getattr(self, one.name) != one.default
        }


def check_names(
    options: Mapping[str, Any],
    known: Mapping[str, Any],
    method: str,
    arguments: Mapping[str, Any] | None = None,
) -> None:
    """Refuse an option that is not known.

    Parameters
    ----------
    options : mapping
        What was given.
    known : mapping
        Whose keys are the options of the method.
    method : str
    arguments : mapping, optional
        Whose keys are names that the caller may have meant instead.

    Raises
    ------
    InputError
        Naming the first unknown option, and the nearest known name.
    """
    for name in options:
        if name in known:
            continue
        near = get_close_matches(name, [*known, *(arguments or ())], n=1, cutoff=0.6)
        raise InputError(
            f"unknown option {name!r} of method {method!r}",
            found=name,
            wanted=f"one of {', '.join(known)}",
            hint=f'Did you mean "{near[0]}"?' if near else "",
        )


def merged(
    options: MethodOptions | Mapping[str, Any] | None, keywords: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the options of a call that were given as an object, as keywords, or both.

    Raises
    ------
    InputError
        If something else was given as an object, or an option was given twice.
    """
    if options is None:
        return dict(keywords)
    if isinstance(options, MethodOptions):
        given = options.changed()
    elif isinstance(options, Mapping):
        given = dict(options)
    else:
        raise InputError(
            "options",
            found=type(options).__name__,
            wanted="an object such as masm.options.EmulatorOptions(max_runs=180)",
        )
    twice = sorted(given.keys() & keywords.keys())
    if twice:
        raise InputError(
            f"option {twice[0]!r} is given twice",
            found=f"{keywords[twice[0]]!r}, and {given[twice[0]]!r} in options",
            wanted="one of the two",
        )
    return {**given, **keywords}


def named_method(options: Any, method: Any, default: Any) -> Any:
    """Return the method that a call means: what it names, else that of its options.

    Raises
    ------
    InputError
        If the options are those of another method than the named one.
    """
    if not isinstance(options, MethodOptions):
        return default if method is None else method
    if method is None:
        return options.method
    name = getattr(method, "name", method)
    if name != options.method:
        raise InputError(
            "options of another method",
            found=f"{type(options).__name__} with method {name!r}",
            wanted=f"options of {name!r}, or method={options.method!r}",
        )
    return method
