"""What a check of a CalLMIP file found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Attributes
    ----------
    check : str
        Id of the check, such as "T3".
    level : Level
        Only errors keep a file from being handed in.
    where : str
        Variable, attribute or part of the file.
    found, wanted, hint : str
        What is there, what is wanted, and the likely correction.
    file : str
        Name of the file, or of the set of files.

    Examples
    --------
    >>> print(Finding("V2", Level.ERROR, "gpp.units", "'g m-2'", "'kgC m-2 s-1'"))
    error V2  gpp.units
      found   'g m-2'
      wanted  'kgC m-2 s-1'
    """

    check: str
    level: Level
    where: str
    found: str
    wanted: str
    hint: str = ""
    file: str = ""

    def __str__(self) -> str:
        place = f"{self.file}  {self.where}" if self.file else self.where
        lines = [f"{self.level} {self.check}  {place}"]
        for label in ("found", "wanted", "hint"):
            if text := getattr(self, label):
                lines.append(f"  {label:<7} {text}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, str]:
        """Return the fields, for JSON."""
        return {name: str(value) for name, value in asdict(self).items()}


def error(check: str, where: str, found: str, wanted: str, hint: str = "") -> Finding:
    """Return a finding that keeps a file from being handed in."""
    return Finding(check, Level.ERROR, where, found, wanted, hint)


def warning(check: str, where: str, found: str, wanted: str, hint: str = "") -> Finding:
    """Return a finding to be looked at."""
    return Finding(check, Level.WARNING, where, found, wanted, hint)


def information(check: str, where: str, found: str, wanted: str) -> Finding:
    """Return a finding that needs no action."""
    return Finding(check, Level.INFORMATION, where, found, wanted)


def has_errors(findings: list[Finding]) -> bool:
    """Return whether any finding is an error."""
    return any(finding.level is Level.ERROR for finding in findings)
