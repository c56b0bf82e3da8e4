"""The error that bad input raises: where, what was found, what was wanted, a hint."""

from __future__ import annotations

from importlib.util import find_spec


class InputError(ValueError):
    """Something the caller gave cannot be used; nothing has been computed.

    Parameters
    ----------
    where : str
        What is wrong and where: table, column, pixel or file.
    found, wanted, hint : str, optional
        What was found, what was wanted, and the likely fix.

    Examples
    --------
    >>> import upscale
    >>> print(upscale.InputError("covariates", found="no column sand"))
    covariates
      found   no column sand
    """

    def __init__(
        self,
        where: str,
        found: str | None = None,
        wanted: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.where, self.found, self.wanted, self.hint = where, found, wanted, hint
        lines = [where]
        for label, text in (("found", found), ("wanted", wanted), ("hint", hint)):
            if text:
                lines.append(f"  {label:<7} {text}")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[object, ...]:
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
