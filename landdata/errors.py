"""The one error that bad input raises, and the way it speaks."""

from __future__ import annotations

from importlib.util import find_spec


class InputError(ValueError):
    """Input that cannot be used.

    Parameters
    ----------
    where : str
        What is wrong and where: file, variable, date or line.
    found, wanted, hint : str, optional
        What is there, what is wanted, and the likely correction.

    Examples
    --------
    >>> print(InputError("tower.csv:12  prec", found="-1.2 mm d-1",
    ...                  wanted="0 to 2000 mm d-1"))
    tower.csv:12  prec
      found   -1.2 mm d-1
      wanted  0 to 2000 mm d-1
    """

    def __init__(
        self,
        where: str,
        found: str | None = None,
        wanted: str | None = None,
        hint: str | None = None,
    ):
        self.where = where
        self.found = found
        self.wanted = wanted
        self.hint = hint
        lines = [where]
        for label, text in (("found", found), ("wanted", wanted), ("hint", hint)):
            if text is not None:
                lines.append(f"  {label:<7} {text}")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[InputError], tuple[str | None, ...]]:
        # Exceptions are rebuilt from their arguments when a worker process sends
        # them back: the message alone would lose the fields.
        return (type(self), (self.where, self.found, self.wanted, self.hint))


def require_package(name: str, extra: str) -> None:
    """Refuse to begin without a package that only an extra of ``masm`` installs.

    Parameters
    ----------
    name : str
        As it is imported.
    extra : str
        The extra that brings it.

    Raises
    ------
    InputError
        With the command that installs it.

    Examples
    --------
    >>> require_package("json", "regions")
    """
    if find_spec(name) is None:
        raise InputError(
            name,
            found="a package that is not installed",
            wanted=f"the extra {extra!r} of masm",
            hint=f"pip install 'masm[{extra}]'",
        )
