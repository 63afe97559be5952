"""What no probe says of a real group: words of crime, hygiene, disease, animals, betrayal, eviction, the evil eye."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from amharic_tl.language.authored import Authorship, YamlFile, authorship
from amharic_tl.language.clitics import Grammar


@dataclass(frozen=True)
class RefusedTraits:
    """Stems by kind. A word is refused that begins with one behind any prefix of the grammar, but with no exception."""

    stems: Mapping[str, tuple[str, ...]]
    exceptions: tuple[str, ...]
    grammar: Grammar
    authorship: Authorship

    def found(self, texts: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Kind and word of each refused word."""
        refused, others = tuple(self._beginnings), self._others
        for text in texts:
            for word in text.replace("{", " ").replace("}", " ").split():
                folded = self.grammar.fold(word)
                if folded.startswith(refused) and not folded.startswith(others):
                    yield next(kind for start, kind in self._beginnings.items() if folded.startswith(start)), word

    @cached_property
    def _prefixes(self) -> tuple[str, ...]:
        return ("", *(prefix.text for prefix in self.grammar.prefixes))

    @cached_property
    def _others(self) -> tuple[str, ...]:
        """Each beginning of a folded word that is none of the refused ones."""
        return tuple(self.grammar.fold(prefix + stem) for stem in self.exceptions for prefix in self._prefixes)

    @cached_property
    def _beginnings(self) -> dict[str, str]:
        """Each refused beginning of a folded word, and its kind."""
        return {
            self.grammar.fold(prefix + stem): kind
            for kind, stems in self.stems.items()
            for stem in stems
            for prefix in self._prefixes
        }


def read_refused_traits(file: YamlFile, grammar: Grammar) -> RefusedTraits:
    """The refused traits of a file."""
    stems = {kind: tuple(words) for kind, words in file.values["refused_traits"].items()}
    return RefusedTraits(stems, tuple(file.values.get("exceptions", ())), grammar, authorship(file.values))
