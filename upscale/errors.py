"""The error that bad input raises: where, what was found, what was wanted, a hint."""

from __future__ import annotations


class InputError(ValueError):
    """Something the caller gave cannot be used; nothing has been computed.

    Parameters
    ----------
    where : str
        What is wrong and where: table, column, pixel or file.
    found, wanted, hint : str, optional
        What stands there, what ought to, and the likely mend.
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
