"""What every table of a data file has in common."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Count = Annotated[int, Field(gt=0)]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
Repository = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")]
Version = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]
# A day, a month or a year: no more than the source tells.
PartialDate = Annotated[
    str, StringConstraints(pattern=r"^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$")
]
Language = Literal["en", "zh"]


class Table(BaseModel):
    """A table of a data file: no key that is not known, no value of another type, no change afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Bilingual(Table):
    """A text for people."""

    en: Text
    zh: Text

    def of(self, language: Language) -> str:
        """The text in that language."""
        return self.zh if language == "zh" else self.en


class Source(Table):
    """Where a number was read.

    A page (``url``), a file of a repository (``at``: ``owner/name@commit:path``), or a file of this one (``here``).
    """

    title: Text
    url: Annotated[str, StringConstraints(pattern=r"^https://\S+$")] | None = None
    at: Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+@[0-9a-f]{8,40}:\S+$")] | None = None
    here: Annotated[str, StringConstraints(pattern=r"^[\w.-]+(/[\w.-]+)*$")] | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Source:
        if sum(place is not None for place in (self.url, self.at, self.here)) != 1:
            raise ValueError("give one of url, at and here")
        return self
