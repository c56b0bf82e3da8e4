"""What every section of a configuration is, and years as they are written there."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)


class Section(BaseModel):
    """A mapping of known keys to values, fixed once it is read."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("wanted: printable characters on one line")
    return text


Name = Annotated[str, Field(min_length=1), AfterValidator(_printable)]
"""A title or name that may be in any file, table or figure."""


class Period(Section):
    """Whole calendar years, written ``2002-2005`` or ``2001``."""

    first: int = Field(ge=1850, le=2300)
    last: int = Field(ge=1850, le=2300)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, dict | Period):
            return value
        match = re.fullmatch(r"\s*(\d{4})(?:\s*-\s*(\d{4}))?\s*", str(value))
        if match is None:
            raise ValueError("wanted: years such as 2002-2005, or a single year 2001")
        first, last = match.group(1), match.group(2) or match.group(1)
        return {"first": int(first), "last": int(last)}

    @model_validator(mode="after")
    def _in_order(self) -> Period:
        if self.last < self.first:
            raise ValueError("wanted: the earlier year first, such as 2002-2005")
        return self

    def __str__(self) -> str:
        return (
            str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        )

    @property
    def years(self) -> slice:
        """The period as a label slice over ``time``."""
        return slice(f"{self.first}-01-01", f"{self.last}-12-31")
