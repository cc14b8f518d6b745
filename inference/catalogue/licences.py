"""The licences that models come under, read from ``licences.toml``."""

from __future__ import annotations

from inference.catalogue.parts import Bilingual, Repository, Source, Table, Text


class Licence(Table):
    """``obliges`` says what whoever runs or passes on the model has to do; no legal advice."""

    id: Text
    name: Text
    obliges: Bilingual
    source: Source


class Licences(Table):
    """The file."""

    licences: tuple[Licence, ...]


class BaseLicence(Table):
    """The licence of the model that another one was made from, which still holds."""

    repository: Repository
    licence: Text
    source: Text


class LicenceTerms(Table):
    """Ids of licences, for the weights and for the code around them."""

    weights: Text
    code: Text | None = None
    bases: tuple[BaseLicence, ...] = ()
    source: Text

    @property
    def ids(self) -> tuple[str, ...]:
        """All that apply, each once: weights, code, then the bases."""
        every = (self.weights, self.code, *(base.licence for base in self.bases))
        return tuple(dict.fromkeys(each for each in every if each))
