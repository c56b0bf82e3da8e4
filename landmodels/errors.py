"""The one error that bad input raises, and the way it speaks."""

from __future__ import annotations


class InputError(ValueError):
    """Input that cannot be used, said so that the user knows what to do next.

    Parameters
    ----------
    where : str
        What is wrong and where: file, variable, date or line.
    found, wanted, hint : str, optional
        What was found, what was wanted, and the likely fix.

    Examples
    --------
    >>> print(InputError("forcing.prec on 2003-07-04", found="-1.2 mm d-1",
    ...                  wanted="0 to 2000 mm d-1"))
    forcing.prec on 2003-07-04
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

    def __reduce__(self):
        # Exceptions are rebuilt from their arguments when a worker process
        # sends them back: the message alone would lose the fields.
        return (type(self), (self.where, self.found, self.wanted, self.hint))
